// Operators of ONNX that reshape values, take elements from elsewhere, or make values of shapes.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/model/infer_shapes.hpp>

#include <onnx/onnx_operator.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::counting_tensor;
using fulcrum::test::Integers;
using fulcrum::test::is_near;
using fulcrum::test::layer_of;
using fulcrum::test::OnnxGraph;
using fulcrum::test::OnnxOperator;
using fulcrum::test::random_tensor;
using fulcrum::test::Values;
using Proto = ::onnx::TensorProto;

namespace {

Values run(const Model<float>& model, const Values& x) {
  return ReferenceExecutor<double>(cast<double>(model)).run(std::span<const Values>(&x, 1)).at(0);
}

/// x (N, 2, 3) and the extent N as "batch", a vector of one.
OnnxGraph with_batch_extent() {
  OnnxGraph graph(13);
  graph.input("x", {0, 2, 3})
      .node("Shape", {"x"}, "shape")
      .integers("0", {0})
      .node("Gather", {"shape", "0"}, "batch", {{"axis", std::int64_t{0}}});
  return graph;
}

const Values three = counting_tensor<double>({3, 2, 3});

}  // namespace

// ---- Shapes that follow the batch ----------------------------------------------------------------------------------

TEST_CASE("a Reshape computed from the batch works for every batch") {
  const Model<float> model = with_batch_extent()
                                 .integers("six", {6})
                                 .node("Concat", {"batch", "six"}, "dims", {{"axis", std::int64_t{0}}})
                                 .node("Reshape", {"x", "dims"}, "y")
                                 .output("y")
                                 .import();
  CHECK(layer_of<Reshape>(model, "y_node").dims == Shape{0, 6});
  CHECK(run(model, three) == three.reshaped({3, 6}));
}

TEST_CASE("a Reshape may fold the batch into another extent, and take it out again") {
  const Model<float> model = with_batch_extent()
                                 .integers("two", {2})
                                 .integers("three", {3})
                                 .node("Mul", {"batch", "two"}, "rows")
                                 .node("Concat", {"rows", "three"}, "dims", {{"axis", std::int64_t{0}}})
                                 .node("Reshape", {"x", "dims"}, "y")
                                 .output("y")
                                 .import();
  CHECK(layer_of<Reshape>(model, "y_node").dims == Shape{-1, 3});
  CHECK(run(model, three) == three.reshaped({6, 3}));
}

TEST_CASE("an unknown extent beside one that follows the batch is written out") {
  const Model<float> model = with_batch_extent()
                                 .integers("two", {2})
                                 .integers("rest", {-1})
                                 .node("Mul", {"batch", "two"}, "rows")
                                 .node("Concat", {"rows", "rest"}, "dims", {{"axis", std::int64_t{0}}})
                                 .node("Reshape", {"x", "dims"}, "y")
                                 .output("y")
                                 .import();
  CHECK(layer_of<Reshape>(model, "y_node").dims == Shape{-1, 3});
}

TEST_CASE("an Expand to the batch is one to whatever the batch is") {
  const Model<float> model = with_batch_extent()
                                 .floats("row", {1, 2}, {5, 6})
                                 .integers("two", {2})
                                 .node("Concat", {"batch", "two"}, "dims", {{"axis", std::int64_t{0}}})
                                 .node("Expand", {"row", "dims"}, "rows")
                                 .node("ReduceSum", {"x", "two"}, "sums", {{"keepdims", std::int64_t{0}}})
                                 .node("Add", {"sums", "rows"}, "y")
                                 .output("y")
                                 .import();
  CHECK(run(model, three) == Values({3, 2}, {8, 18, 26, 36, 44, 54}));
}

TEST_CASE("an Expand that names the source's own batch keeps it") {
  const Model<float> model = with_batch_extent()
                                 .integers("dims", {4, 1, 1, 1})
                                 .node("Concat", {"dims", "shape"}, "all", {{"axis", std::int64_t{0}}})
                                 .node("Expand", {"x", "all"}, "y")
                                 .output("y")
                                 .import();
  CHECK(run(model, three).dims() == Shape{4, 1, 1, 1, 3, 2, 3});
}

TEST_CASE("the dims of an Expand may be chosen where they are −1") {  // as PyTorch exports expand(-1, 2, 3)
  const Model<float> model = OnnxGraph(13)
                                 .input("x", {0, 1, 3})
                                 .integers("dims", {-1, 2, 3})
                                 .integers("minus", {-1})
                                 .integers("three", {3})
                                 .node("ConstantOfShape", {"three"}, "zeros")
                                 .node("Cast", {"zeros"}, "integers", {{"to", std::int64_t{Proto::INT64}}})
                                 .node("Equal", {"dims", "minus"}, "open")
                                 .integers("ones", {1, 1, 1})
                                 .node("Add", {"integers", "ones"}, "kept")
                                 .node("Where", {"open", "kept", "dims"}, "wanted")
                                 .node("Expand", {"x", "wanted"}, "y")
                                 .output("y")
                                 .import();
  CHECK(layer_of<Expand>(model, "y_node").dims == Shape{1, 2, 3});
  CHECK(run(model, counting_tensor<double>({2, 1, 3})).dims() == Shape{2, 2, 3});
}

TEST_CASE("dims that are more for another batch are those of the file's own batch alone") {
  const Model<float> model = with_batch_extent()
                                 .integers("three", {3})
                                 .node("Expand", {"three", "batch"}, "dims")
                                 .floats("row", {1}, {1})
                                 .node("Expand", {"row", "dims"}, "y")
                                 .output("y")
                                 .import();
  CHECK(infer_shapes(model, 1).back() == Shape{3});
}

TEST_CASE("a Tile by the batch is an Expand") {
  const Model<float> model = with_batch_extent()
                                 .floats("row", {1, 2, 1}, {5, 6})
                                 .integers("one", {1})
                                 .integers("three", {3})
                                 .node("Concat", {"batch", "one", "three"}, "repeats", {{"axis", std::int64_t{0}}})
                                 .node("Tile", {"row", "repeats"}, "tiled")
                                 .node("Add", {"x", "tiled"}, "y")
                                 .output("y")
                                 .import();
  const Values y = run(model, three);
  CHECK(y.dims() == Shape{3, 2, 3});
  CHECK(y.flat()[0] == 5.0);
  CHECK(y.flat()[17] == 23.0);
}

TEST_CASE("a constant of a shape that follows the batch is broadcast") {
  const Model<float> model = with_batch_extent()
                                 .node("ConstantOfShape", {"shape"}, "zeros")
                                 .node("Sub", {"zeros", "x"}, "y")
                                 .output("y")
                                 .import();
  CHECK(run(model, three).flat()[17] == -17.0);
}

TEST_CASE("bounds of a Slice may be the batch, or count back from it") {
  const auto sliced = [](const std::string& start, const std::string& end) {
    return with_batch_extent()
        .integers("one", {1})
        .node("Sub", {"batch", "one"}, "last")
        .node("Slice", {"x", start, end}, "y")
        .output("y")
        .import();
  };
  CHECK(layer_of<Slice>(sliced("0", "batch"), "y_node").ends == Integers{std::numeric_limits<std::int64_t>::max()});
  CHECK(run(sliced("0", "batch"), three) == three);
  CHECK(run(sliced("0", "last"), three) == counting_tensor<double>({2, 2, 3}));
  CHECK(run(sliced("last", "batch"), three).flat()[0] == 12.0);
}

// ---- Reshaping -----------------------------------------------------------------------------------------------------

TEST_CASE("Squeeze and Unsqueeze take axes from an attribute, an input, or the shape") {
  const Values x = counting_tensor<double>({2, 1, 3, 1});
  CHECK(OnnxOperator("Squeeze", 11).src(x).with("axes", Integers{1}).run().dims() == Shape{2, 3, 1});
  CHECK(OnnxOperator("Squeeze", 13).src(x).integers({-1}).run().dims() == Shape{2, 1, 3});
  CHECK(OnnxOperator("Squeeze", 13).src(x).run().dims() == Shape{2, 3});
  CHECK(OnnxOperator("Unsqueeze", 11).src(x).with("axes", Integers{0, 5}).run().dims() == Shape{1, 2, 1, 3, 1, 1});
  CHECK(OnnxOperator("Unsqueeze", 13).src(x).integers({-1, 1}).run().dims() == Shape{2, 1, 1, 3, 1, 1});
  CHECK_THROWS_WITH(OnnxOperator("Squeeze", 13).src(x).integers({2}).run(), ContainsSubstring("drops axis 2"));
}

TEST_CASE("Dropout passes its source on, and its mask keeps everything") {
  const Values x({1, 3}, {0.0, -1.0, std::nan("")});
  const auto y = OnnxOperator("Dropout").src(x).run_all(2);
  CHECK(y[0].flat()[1] == -1.0);
  CHECK(y[1] == Values({1, 3}, {1, 1, 1}));
  const auto trained = [&](float ratio) {
    OnnxOperator dropout("Dropout");
    return dropout.src(x).constant({}, {ratio}).integer(1).run();
  };
  CHECK(trained(0.0F).flat()[1] == -1.0);
  CHECK_THROWS_WITH(trained(0.3F), ContainsSubstring("training mode"));
}

// ---- Values of shapes ----------------------------------------------------------------------------------------------

TEST_CASE("Shape gives the part of a shape that it names") {
  const Values x({2, 3, 4});
  const auto part = [&](int start, int end) {
    return OnnxOperator("Shape", 15).fixed(x).with("start", start).with("end", end).run();
  };
  CHECK(OnnxOperator("Shape", 13).fixed(x).run() == Values({3}, {2, 3, 4}));
  CHECK(part(1, 3) == Values({2}, {3, 4}));
  CHECK(part(-1, 9) == Values({1}, {4}));
  CHECK(part(0, -1) == Values({2}, {2, 3}));
  CHECK(part(2, 1).dims() == Shape{0});
  CHECK(OnnxOperator("Size", 13).fixed(x).run() == Values({}, {24}));
}

TEST_CASE("Range counts in integers and in fractions") {
  const auto added = [](OnnxGraph graph) {
    return run(
        graph.input("x", {1}).node("Range", {"a", "b", "c"}, "r").node("Add", {"r", "x"}, "y").output("y").import(),
        Values({1}, {100}));
  };
  CHECK(is_near(added(OnnxGraph(13).floats("a", {}, {1}).floats("b", {}, {2}).floats("c", {}, {0.3F})), {4},
                {101, 101.3, 101.6, 101.9}));
  OnnxGraph integers(13);
  integers.initializer("a", Shape{}, Integers{5}, Proto::INT64);
  integers.initializer("b", Shape{}, Integers{-2}, Proto::INT64);
  integers.initializer("c", Shape{}, Integers{-3}, Proto::INT64);
  CHECK(added(integers) == Values({3}, {105, 102, 99}));
}

TEST_CASE("ConstantOfShape repeats its value, of the value's type") {
  const Model<float> model = OnnxOperator("ConstantOfShape")
                                 .integers({2, 2})
                                 .with_tensor("value", {1}, std::vector<std::int32_t>{7}, Proto::INT32)
                                 .import();
  CHECK(infer_elements(model)[model.outputs()[0]] == ElementType::s32);
  CHECK(OnnxOperator("ConstantOfShape").integers({2, 2}).run() == Values({2, 2}, {0, 0, 0, 0}));
  CHECK(OnnxOperator("ConstantOfShape").integers({0, 2}).run().dims() == Shape{0, 2});
}

TEST_CASE("a sparse Constant comes with its zeros") {
  const auto constant = [](const Shape& places, const Integers& indices, std::int32_t type) {
    OnnxGraph graph(13);
    graph.input("x", {2, 3}).node("Constant", {}, "sparse").node("Add", {"x", "sparse"}, "y").output("y");
    auto& attribute = *graph.model.mutable_graph()->mutable_node(0)->add_attribute();
    attribute.set_name("sparse_value");
    attribute.set_type(::onnx::AttributeProto::SPARSE_TENSOR);
    auto& sparse = *attribute.mutable_sparse_tensor();
    if (type == Proto::FLOAT) OnnxGraph::tensor(*sparse.mutable_values(), "v", {2}, std::vector<float>{7, 8}, type);
    if (type == Proto::INT64) OnnxGraph::tensor(*sparse.mutable_values(), "v", {2}, Integers{7, 8}, type);
    OnnxGraph::tensor(*sparse.mutable_indices(), "i", places, indices, Proto::INT64);
    for (const std::int64_t dim : {2, 3}) sparse.add_dims(dim);
    return run(graph.import(), Values({2, 3}));
  };
  const Values dense({2, 3}, {0, 0, 7, 0, 8, 0});
  CHECK(constant({2}, {2, 4}, Proto::FLOAT) == dense);
  CHECK(constant({2, 2}, {0, 2, 1, 1}, Proto::FLOAT) == dense);
  CHECK(constant({2}, {2, 4}, Proto::INT64) == dense);
  CHECK_THROWS_WITH(constant({2}, {2, 6}, Proto::FLOAT), ContainsSubstring("outside its shape"));
  CHECK_THROWS_WITH(constant({2, 2}, {0, 2, 0, 3}, Proto::FLOAT), ContainsSubstring("outside its shape"));
  CHECK_THROWS_WITH(constant({2, 2}, {0, 2, -1, 3}, Proto::FLOAT), ContainsSubstring("outside its shape"));
  CHECK_THROWS_WITH(constant({3}, {0, 1, 2}, Proto::FLOAT), ContainsSubstring("place for each element"));
}

// ---- Elements from elsewhere ---------------------------------------------------------------------------------------

TEST_CASE("Split divides by sizes, equally, or into a number of parts") {
  const Values x = counting_tensor<double>({1, 7});
  const auto sizes = OnnxOperator("Split", 11).src(x).with("axis", 1).with("split", Integers{2, 5}).run_all(2);
  CHECK(sizes[0] == Values({1, 2}, {0, 1}));
  CHECK(sizes[1] == Values({1, 5}, {2, 3, 4, 5, 6}));
  CHECK(OnnxOperator("Split", 13).src(x).integers({6, 1}).with("axis", -1).run_all(2)[1] == Values({1, 1}, {6}));
  const auto parts = OnnxOperator("Split", 18).src(x).with("axis", 1).with("num_outputs", 3).run_all(3);
  CHECK(parts[1] == Values({1, 3}, {3, 4, 5}));
  CHECK(parts[2] == Values({1, 1}, {6}));
  CHECK(OnnxOperator("Split", 13).src(counting_tensor<double>({1, 4})).with("axis", 1).run_all(2)[1] ==
        Values({1, 2}, {2, 3}));
  CHECK_THROWS_WITH(OnnxOperator("Split", 13).src(x).with("axis", 1).run_all(2), ContainsSubstring("equal parts"));
  CHECK_THROWS_WITH(OnnxOperator("Split", 13).src(x).integers({6, 2}).with("axis", 1).run_all(2),
                    ContainsSubstring("add up"));
}

TEST_CASE("Slice takes its settings from attributes before opset 10 and from inputs then") {
  const Values x = counting_tensor<double>({1, 6});
  CHECK(OnnxOperator("Slice", 9)
            .src(x)
            .with("starts", Integers{1})
            .with("ends", Integers{-1})
            .with("axes", Integers{1})
            .run() == Values({1, 4}, {1, 2, 3, 4}));
  CHECK(OnnxOperator("Slice", 10).src(x).integers({4}).integers({-100}).integers({-1}).integers({-2}).run() ==
        Values({1, 3}, {4, 2, 0}));
  CHECK_THROWS_WITH(OnnxOperator("Slice", 10).src(x).integers({4, 5}).integers({6}).run(),
                    ContainsSubstring("starts and ends"));
}

TEST_CASE("Gather takes the rows of a table at the indices of a run") {
  CHECK(OnnxOperator("Gather")
            .constant({3, 2}, {1, 2, 3, 4, 5, 6})
            .src(Values({2, 2}, {0, 2, -1, 1}), Proto::INT64)
            .run() == Values({2, 2, 2}, {1, 2, 5, 6, 5, 6, 3, 4}));
  CHECK(OnnxOperator("Gather").src(three).integer(1).with("axis", 2).run() == Values({3, 2}, {1, 4, 7, 10, 13, 16}));
}

TEST_CASE("Transpose, Concat and Tile follow their settings") {
  const Values x = counting_tensor<double>({1, 2, 2});
  CHECK(OnnxOperator("Transpose").src(x).with("perm", Integers{0, 2, 1}).run() == Values({1, 2, 2}, {0, 2, 1, 3}));
  CHECK(OnnxOperator("Transpose").src(x).run().dims() == Shape{2, 2, 1});
  CHECK(OnnxOperator("Concat").src(x).src(x).with("axis", -1).run() == Values({1, 2, 4}, {0, 1, 0, 1, 2, 3, 2, 3}));
  CHECK(OnnxOperator("Tile").src(x).integers({1, 1, 2}).run() == Values({1, 2, 4}, {0, 1, 0, 1, 2, 3, 2, 3}));
}

TEST_CASE("Pad takes its settings from attributes before opset 11, then inputs, then for some axes") {
  const Values x({1, 3}, {1, 2, 3});
  CHECK(OnnxOperator("Pad", 9).src(x).with("pads", Integers{0, 1, 0, 2}).with("value", 9.0F).run() ==
        Values({1, 6}, {9, 1, 2, 3, 9, 9}));
  CHECK(OnnxOperator("Pad", 11).src(x).integers({0, 1, 0, -1}).run() == Values({1, 3}, {0, 1, 2}));
  CHECK(OnnxOperator("Pad", 13).src(x).integers({0, 2, 0, 0}).with("mode", "reflect").run() ==
        Values({1, 5}, {3, 2, 1, 2, 3}));
  CHECK(OnnxOperator("Pad", 18).src(x).integers({1, 2}).absent().integers({-1}).with("mode", "edge").run() ==
        Values({1, 6}, {1, 1, 2, 3, 3, 3}));
  CHECK(OnnxOperator("Pad", 19).src(x).integers({1, 1}).absent().integers({1}).with("mode", "wrap").run() ==
        Values({1, 5}, {3, 1, 2, 3, 1}));
  CHECK(OnnxOperator("Pad", 13).src(x).integers({0, 1, 0, 0}).constant({}, {4}).run() == Values({1, 4}, {4, 1, 2, 3}));
  CHECK_THROWS_WITH(OnnxOperator("Pad", 13).src(x).integers({0, 1}).run(), ContainsSubstring("two for each axis"));
  CHECK_THROWS_WITH(OnnxOperator("Pad", 13).src(x).integers({0, 1, 0, 0}).with("mode", "odd").run(),
                    ContainsSubstring("'odd'"));
}

TEST_CASE("DepthToSpace and SpaceToDepth move blocks between channels and the plane") {
  const Values x = counting_tensor<double>({1, 4, 1, 2});
  CHECK(OnnxOperator("DepthToSpace").src(x).with("blocksize", 2).run() ==
        Values({1, 1, 2, 4}, {0, 2, 1, 3, 4, 6, 5, 7}));
  const Values y = counting_tensor<double>({1, 8, 1, 1});
  CHECK(OnnxOperator("DepthToSpace").src(y).with("blocksize", 2).run() ==
        Values({1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7}));
  CHECK(OnnxOperator("DepthToSpace").src(y).with("blocksize", 2).with("mode", "CRD").run() ==
        Values({1, 2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7}));
  const Values back = OnnxOperator("DepthToSpace").src(y).with("blocksize", 2).run();
  CHECK(OnnxOperator("SpaceToDepth").src(back).with("blocksize", 2).run() == y);
  CHECK_THROWS_WITH(OnnxOperator("SpaceToDepth").src(y).with("blocksize", 2).run(), ContainsSubstring("blocks of 2"));
}

// ---- Interpolation -------------------------------------------------------------------------------------------------

TEST_CASE("Upsample and Resize of opset 10 take x/scale, rounded down") {
  const Values x({1, 1, 1, 2}, {1, 2});
  CHECK(OnnxOperator("Upsample", 7).src(x).with_floats("scales", {1, 1, 1, 2}).run() ==
        Values({1, 1, 1, 4}, {1, 1, 2, 2}));
  CHECK(OnnxOperator("Upsample", 9).src(x).constant({4}, {1, 1, 2, 2}).run() ==
        Values({1, 1, 2, 4}, {1, 1, 2, 2, 1, 1, 2, 2}));
  CHECK(OnnxOperator("Resize", 10).src(x).constant({4}, {1, 1, 1, 2}).with("mode", "linear").run() ==
        Values({1, 1, 1, 4}, {1, 1.5, 2, 2}));
}

TEST_CASE("Resize comes with its settings") {
  const auto imported = [](OnnxOperator& node) {
    const Model<float> model = node.import();
    return std::get<Resize>(model.node(model.outputs()[0]).layer);
  };
  OnnxOperator cubic("Resize", 13);
  cubic.src(Values({1, 1, 2, 2})).absent().constant({4}, {1, 1, 2, 2}).with("mode", "cubic");
  cubic.with("cubic_coeff_a", -0.5F).with("exclude_outside", 1).with("coordinate_transformation_mode", "align_corners");
  Resize expected;
  expected.mode = ResizeKind::cubic;
  expected.coordinates = ResizeCoordinates::align_corners;
  expected.scales = {1, 1, 2, 2};
  expected.cubic_coefficient = -0.5F;
  expected.exclude_outside = true;
  CHECK(imported(cubic) == expected);

  OnnxOperator sized("Resize", 18);
  sized.src(Values({1, 3, 4, 4})).absent().absent().integers({8, 2}).with("axes", Integers{-2, 3});
  sized.with("mode", "linear").with("antialias", 1);
  expected = Resize();
  expected.mode = ResizeKind::linear;
  expected.sizes = {-1, -1, 8, 2};
  expected.antialias = true;
  CHECK(imported(sized) == expected);

  OnnxOperator region("Resize", 13);
  region.src(Values({1, 1, 4, 4})).constant({8}, {0, 0, 0.25F, 0.5F, 1, 1, 0.75F, 1}).absent().integers({1, 1, 3, 3});
  region.with("coordinate_transformation_mode", "tf_crop_and_resize").with("extrapolation_value", 7.0F);
  const Resize layer = imported(region);
  CHECK(layer.coordinates == ResizeCoordinates::tf_crop_and_resize);
  CHECK(layer.roi == std::vector<float>{0, 0, 0.25F, 0.5F, 1, 1, 0.75F, 1});
  CHECK(layer.extrapolation == 7.0F);
  CHECK(Shape(layer.sizes.begin() + 1, layer.sizes.end()) == Shape{1, 3, 3});
}

TEST_CASE("Resize keeps the ratio of the sides where it is told to") {
  const auto shape = [](const char* policy) {
    return OnnxOperator("Resize", 18)
        .src(Values({1, 1, 2, 4}))
        .absent()
        .absent()
        .integers({7, 8})
        .with("axes", Integers{2, 3})
        .with("keep_aspect_ratio_policy", policy)
        .run()
        .dims();
  };
  CHECK(shape("stretch") == Shape{1, 1, 7, 8});
  CHECK(shape("not_larger") == Shape{1, 1, 4, 8});
  CHECK(shape("not_smaller") == Shape{1, 1, 7, 14});
}

TEST_CASE("half pixels for nearest neighbours are those of TensorFlow") {
  const Values x = counting_tensor<double>({1, 1, 1, 4});
  const auto resized = [&](const char* rounding, int size) {
    return OnnxOperator("Resize", 11)
        .src(x)
        .constant({0}, {})
        .constant({0}, {})
        .integers({1, 1, 1, size})
        .with("coordinate_transformation_mode", "tf_half_pixel_for_nn")
        .with("nearest_mode", rounding)
        .run();
  };
  CHECK(resized("floor", 2) == Values({1, 1, 1, 2}, {1, 3}));                    // ⌊1⌋, ⌊3⌋
  CHECK(resized("floor", 8) == Values({1, 1, 1, 8}, {0, 0, 1, 1, 2, 2, 3, 3}));  // ⌊¼⌋, ⌊¾⌋, …
  CHECK(resized("round_prefer_floor", 3) == Values({1, 1, 1, 3}, {1, 2, 3}));    // 0.67, 2, 3.33
  CHECK_THROWS_WITH(resized("ceil", 3), ContainsSubstring("tf_half_pixel_for_nn"));
}

TEST_CASE("a Resize whose sizes hold the batch keeps it") {
  const Model<float> model = OnnxGraph(13)
                                 .input("x", {0, 1, 2, 2})
                                 .node("Shape", {"x"}, "shape")
                                 .integers("0", {0})
                                 .integers("2", {2})
                                 .node("Slice", {"shape", "0", "2"}, "outer")
                                 .integers("size", {4, 6})
                                 .node("Concat", {"outer", "size"}, "sizes", {{"axis", std::int64_t{0}}})
                                 .node("Resize", {"x", "", "", "sizes"}, "y")
                                 .output("y")
                                 .import();
  CHECK(layer_of<Resize>(model, "y_node").sizes == Integers{-1, 1, 4, 6});
  CHECK(infer_shapes(model, 5).back() == Shape{5, 1, 4, 6});
}

TEST_CASE("a resize that keeps the aspect takes positions from the scale, not from the rounded sizes") {
  const Values x({3, 4}, {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
  const Values y = OnnxOperator("Resize", 18)
                       .fixed(x)
                       .absent()
                       .absent()
                       .integers({7, 6})
                       .with("keep_aspect_ratio_policy", "not_larger")
                       .with("coordinate_transformation_mode", "asymmetric")
                       .with("nearest_mode", "floor")
                       .run();
  REQUIRE(y.dims() == Shape{5, 6});  // of a scale of 1.5
  for (std::size_t row = 0; row < 5; ++row) {
    CHECK(y.flat()[row * 6] == std::vector<double>{0, 0, 1, 2, 2}[row]);  // ⌊row / 1.5⌋; 5/3 would give 1 for row 3
  }
}

TEST_CASE("Squeeze without axes takes away the batch of one that a file states") {
  const Values x = counting_tensor<double>({1, 4, 1, 5});
  CHECK(OnnxOperator("Squeeze", 13).fixed(x).run().dims() == Shape{4, 5});
  CHECK(OnnxOperator("Squeeze", 13).fixed(counting_tensor<double>({2, 4, 1, 5})).run().dims() == Shape{2, 4, 5});
}
