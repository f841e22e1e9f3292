#pragma once
/// \file
/// Labelled images to train and evaluate with.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/data/idx.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

/// Images and the class of each.
struct Dataset {
  Tensor<float> images{Shape{0, 1, 1, 1}};  ///< (n, c, h, w), 0 … 1
  std::vector<std::int32_t> labels;         ///< n of them, 0 … classes − 1
  std::int64_t classes = 0;
  std::vector<std::string> class_names;  ///< one per class; empty when they have none

  [[nodiscard]] std::int64_t size() const { return images.dim(0); }
};

enum class Split : std::uint8_t { train, test };

/// The ten classes of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017), by label.
inline constexpr std::array<std::string_view, 10> fashion_mnist_classes{
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"};

/// Checks that images, labels and classes belong together; `where` names the data set in the message.
/// \throws Error when they do not
FULCRUM_DECLARE void validate(const Dataset& dataset, const std::string& where = "data set");

/// `count` samples from number `first` on.
/// \throws Error when they are not all there
FULCRUM_DECLARE [[nodiscard]] Dataset slice(const Dataset& dataset, std::int64_t first, std::int64_t count);

namespace detail {

inline constexpr const char* fashion_mnist_folder = "/usr/share/datasets/fashion-mnist";

}  // namespace detail

/// Reads a data set.
/// \param name_or_folder  "fashion-mnist" (from the Debian package dataset-fashion-mnist), or a folder that holds
///                        {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, with .gz or without
/// \param classes         how many classes the labels of a folder have
/// \throws Error when a file is missing, cut or no IDX file, or images and labels do not belong together
FULCRUM_DECLARE [[nodiscard]] Dataset load_dataset(const std::string& name_or_folder, Split split,
                                                   std::int64_t classes = 10);

}  // namespace fulcrum

#if FULCRUM_DEFINES(data)

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace fulcrum {

FULCRUM_DEFINE void validate(const Dataset& dataset, const std::string& where) {
  if (dataset.images.dimension() != 4) {
    throw Error(where, "has images of shape " + to_string(dataset.images.dims()), "give (n, c, h, w)");
  }
  if (static_cast<std::size_t>(dataset.size()) != dataset.labels.size()) {
    throw Error(where, "has " + std::to_string(dataset.size()) + " images but " +
                           std::to_string(dataset.labels.size()) + " labels");
  }
  for (std::size_t i = 0; i < dataset.labels.size(); ++i) {
    if (dataset.labels[i] < 0 || dataset.labels[i] >= dataset.classes) {
      throw Error(where, "has label " + std::to_string(dataset.labels[i]) + " at image " + std::to_string(i) +
                             ", which is none of its " + std::to_string(dataset.classes) + " classes");
    }
  }
}

FULCRUM_DEFINE Dataset slice(const Dataset& dataset, std::int64_t first, std::int64_t count) {
  if (first < 0 || count < 0 || first > dataset.size() - count) {
    throw Error("slice", "asks for " + std::to_string(count) + " samples from number " + std::to_string(first) +
                             " on of " + std::to_string(dataset.size()));
  }
  Shape shape = dataset.images.dims();
  const auto pixels = static_cast<std::size_t>(shape[1] * shape[2] * shape[3]);
  shape[0] = count;
  const auto from = static_cast<std::size_t>(first);
  const auto size = static_cast<std::size_t>(count);
  Dataset part;
  part.images = Tensor<float>(shape, dataset.images.flat().subspan(from * pixels, size * pixels));
  part.labels.assign(dataset.labels.begin() + first, dataset.labels.begin() + first + count);
  part.classes = dataset.classes;
  part.class_names = dataset.class_names;
  return part;
}

}  // namespace fulcrum

namespace fulcrum::detail {

inline bool is_folder(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// `stem` in `folder`, with ".gz" or without.
FULCRUM_DECLARE std::string find_idx(const std::string& folder, const std::string& stem, const std::string& remedy) {
  for (const char* ending : {".gz", ""}) {
    std::string path = folder;
    path.append("/").append(stem).append(ending);
    struct stat status {};
    if (stat(path.c_str(), &status) == 0) return path;
  }
  throw Error(folder, "has no file " + stem + "(.gz)", remedy);
}

/// Joins the two files of a split; pixels are divided by 255.
FULCRUM_DECLARE Dataset read_image_files(const std::string& images_path, const std::string& labels_path,
                                         std::int64_t classes) {
  IdxArray images = read_idx(images_path);
  if (images.shape.size() != 3) {
    throw Error(images_path, "has shape " + to_string(images.shape), "give images as (n, rows, columns)");
  }
  const IdxArray labels = read_idx(labels_path);
  if (labels.shape.size() != 1) {
    throw Error(labels_path, "has shape " + to_string(labels.shape), "give labels as (n)");
  }
  if (labels.shape[0] != images.shape[0]) {
    throw Error(labels_path, "has " + std::to_string(labels.shape[0]) + " labels for the " +
                                 std::to_string(images.shape[0]) + " images of " + images_path);
  }
  Dataset dataset;
  dataset.images = Tensor<float>(Shape{images.shape[0], 1, images.shape[1], images.shape[2]});
  std::transform(images.values.begin(), images.values.end(), dataset.images.flat().begin(),
                 [](std::uint8_t pixel) { return static_cast<float>(pixel) / 255.0F; });
  dataset.labels.assign(labels.values.begin(), labels.values.end());
  dataset.classes = classes;
  validate(dataset, labels_path);
  return dataset;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Dataset load_dataset(const std::string& name_or_folder, Split split, std::int64_t classes) {
  const bool is_fashion_mnist = name_or_folder == "fashion-mnist";
  const std::string folder = is_fashion_mnist ? detail::fashion_mnist_folder : name_or_folder;
  const std::string remedy = is_fashion_mnist ? "install the Debian package dataset-fashion-mnist"
                                              : "give 'fashion-mnist' or a folder with the four IDX files of MNIST";
  if (!detail::is_folder(folder)) {
    throw Error("data set '" + name_or_folder + "'", folder + " is no folder", remedy);
  }
  const std::string stem = split == Split::train ? "train" : "t10k";
  const std::string images_path = detail::find_idx(folder, stem + "-images-idx3-ubyte", remedy);
  const std::string labels_path = detail::find_idx(folder, stem + "-labels-idx1-ubyte", remedy);
  Dataset dataset = detail::read_image_files(images_path, labels_path, classes);
  if (is_fashion_mnist) dataset.class_names.assign(fashion_mnist_classes.begin(), fashion_mnist_classes.end());
  return dataset;
}

}  // namespace fulcrum

#endif
