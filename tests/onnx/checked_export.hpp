#pragma once
// Exported files as ONNX's own checker wants them.
#include <set>
#include <string>

#include <onnx/checker.h>
#include <onnx/defs/schema.h>

#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/graph/proto.hpp>

#include <support/catch.hpp>

namespace fulcrum::test {

/// The model as a file that ONNX's checker accepts, as far as the installed version knows the opset, with a name of its
/// own for each node, as ONNX Runtime wants it.
inline std::string checked_onnx(const Model<float>& model) {
  std::string bytes = serialize_onnx(model);
  ::onnx::ModelProto proto;
  REQUIRE(proto.ParseFromString(bytes));
  std::set<std::string> names;
  for (const auto& node : proto.graph().node()) {
    INFO(node.name());
    CHECK(names.insert(node.name()).second);
  }
  const auto known = ::onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map().at("").second;
  if (proto.opset_import(0).version() > known) return bytes;
  std::string complaint;
  try {
    ::onnx::checker::check_model(proto);
  } catch (const std::exception& error) {
    complaint = error.what();
  }
  CHECK(complaint == "");
  return bytes;
}

}  // namespace fulcrum::test
