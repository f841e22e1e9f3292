#include <fulcrum/data/dataset.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>

#include <unistd.h>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// A folder with a data set of `labels` and 2×2 images, gone at the end.
class FolderOfImages {
public:
  FolderOfImages(const std::string& stem, const std::string& labels, int images)
      : path_(std::filesystem::temp_directory_path() / ("fulcrum_dataset_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
    const auto count = [](std::size_t n) { return std::string{'\0', '\0', '\0', static_cast<char>(n)}; };
    write(stem + "-labels-idx1-ubyte", std::string("\0\0\x08\x01", 4) + count(labels.size()) + labels);
    std::string pixels;
    for (int i = 0; i < 4 * images; ++i) pixels.push_back(static_cast<char>(i));
    write(stem + "-images-idx3-ubyte",
          std::string("\0\0\x08\x03", 4) + count(static_cast<std::size_t>(images)) + count(2) + count(2) + pixels);
  }
  ~FolderOfImages() { std::filesystem::remove_all(path_); }
  FolderOfImages(const FolderOfImages&) = delete;
  FolderOfImages& operator=(const FolderOfImages&) = delete;

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a folder of IDX files becomes images from 0 to 1 with their labels") {
  const FolderOfImages folder("train", std::string{3, 0, 9}, 3);
  const Dataset dataset = load_dataset(folder.path(), Split::train);
  CHECK(dataset.images.dims() == Shape{3, 1, 2, 2});
  CHECK(dataset.labels == std::vector<std::int32_t>{3, 0, 9});
  CHECK(dataset.classes == 10);
  CHECK(dataset.images.at(2, 0, 1, 1) == 11.0F / 255.0F);

  const Dataset part = slice(dataset, 1, 2);
  CHECK(part.images.dims() == Shape{2, 1, 2, 2});
  CHECK(part.labels == std::vector<std::int32_t>{0, 9});
  CHECK(part.images.at(0, 0, 0, 0) == 4.0F / 255.0F);
  CHECK(slice(dataset, 3, 0).size() == 0);
  CHECK_THROWS_WITH(slice(dataset, 2, 2), ContainsSubstring("2 samples from number 2"));
}

TEST_CASE("files that do not belong together are refused") {
  SECTION("fewer labels than images") {
    const FolderOfImages folder("t10k", std::string{3, 0}, 3);
    CHECK_THROWS_WITH(load_dataset(folder.path(), Split::test), ContainsSubstring("2 labels for the 3 images"));
  }
  SECTION("a label past the last class") {
    const FolderOfImages folder("t10k", std::string{3, 0, 10}, 3);
    CHECK_THROWS_WITH(load_dataset(folder.path(), Split::test), ContainsSubstring("label 10 at image 2"));
    CHECK(load_dataset(folder.path(), Split::test, 11).classes == 11);
  }
  SECTION("labels where images should be") {
    const FolderOfImages folder("t10k", std::string{3}, 1);
    folder.write("t10k-images-idx3-ubyte", std::string("\0\0\x08\x01\0\0\0\x01\x05", 9));
    CHECK_THROWS_WITH(load_dataset(folder.path(), Split::test), ContainsSubstring("has shape (1)"));
  }
  SECTION("the other split") {
    const FolderOfImages folder("t10k", std::string{3}, 1);
    CHECK_THROWS_WITH(load_dataset(folder.path(), Split::train), ContainsSubstring("train-images-idx3-ubyte"));
  }
}

TEST_CASE("a data set that is not there is named with what to do") {
  CHECK_THROWS_WITH(load_dataset("/nonexistent", Split::train), ContainsSubstring("give 'fashion-mnist' or a folder"));
}

TEST_CASE("a data set whose parts do not match is invalid") {
  Dataset dataset;
  dataset.classes = 2;
  CHECK_NOTHROW(validate(dataset));
  dataset.labels = {1};
  CHECK_THROWS_WITH(validate(dataset), ContainsSubstring("0 images but 1 labels"));
  dataset.images = Tensor<float>(Shape{1, 1, 2, 2});
  CHECK_NOTHROW(validate(dataset));
  dataset.labels = {-1};
  CHECK_THROWS_WITH(validate(dataset), ContainsSubstring("label -1"));
  dataset.images = Tensor<float>(Shape{1, 4});
  CHECK_THROWS_WITH(validate(dataset), ContainsSubstring("(n, c, h, w)"));
}

TEST_CASE("Fashion-MNIST has 60,000 training and 10,000 test images of ten equally common classes") {
  for (const auto& [split, size] : {std::pair{Split::train, 60000}, std::pair{Split::test, 10000}}) {
    const Dataset dataset = load_dataset("fashion-mnist", split);
    CHECK(dataset.images.dims() == Shape{size, 1, 28, 28});
    for (std::int32_t label = 0; label < 10; ++label) {
      CHECK(std::count(dataset.labels.begin(), dataset.labels.end(), label) == size / 10);
    }
    const auto pixels = dataset.images.flat();
    CHECK(*std::min_element(pixels.begin(), pixels.end()) == 0.0F);
    CHECK(*std::max_element(pixels.begin(), pixels.end()) == 1.0F);
    REQUIRE(dataset.class_names.size() == 10);
    CHECK(dataset.class_names[9] == "Ankle boot");
  }
}
