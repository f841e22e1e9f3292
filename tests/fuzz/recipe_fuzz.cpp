// A libFuzzer target for recipes: any bytes give an Error, or steps that may follow one another.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include <fulcrum/report/recipe_json.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const nlohmann::json j = fulcrum::parse_json({reinterpret_cast<const char*>(data), size}, "recipe");
    const fulcrum::Recipe recipe = fulcrum::recipe_from_json(j);
    fulcrum::validate(recipe);  // which was done while reading: it must not change its mind
    if (recipe.steps().empty()) std::abort();
  } catch (const fulcrum::Error&) {
  }
  return 0;
}
