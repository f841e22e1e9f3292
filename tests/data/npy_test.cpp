#include <fulcrum/data/npy.hpp>

#include <cstring>
#include <string>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;
using fulcrum::test::TemporaryFolder;

namespace {

/// A .npy file of version 1 with this dictionary and these elements.
template <class T>
std::string npy(const std::string& dictionary, const std::vector<T>& elements, char version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += version;
  bytes += '\0';
  bytes += static_cast<char>(dictionary.size() & 0xffU);
  bytes += static_cast<char>(dictionary.size() >> 8U);
  if (version > 1) bytes.append(2, '\0');
  bytes += dictionary;
  bytes.append(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T));
  return bytes;
}

Tensor<float> load(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path("x.npy"), bytes);
  return load_npy(folder.path("x.npy"));
}

}  // namespace

TEST_CASE("a saved tensor loads as it was, whatever its rank") {
  const TemporaryFolder folder;
  for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3}, Shape{2, 1, 3, 4}, Shape{0, 3}}) {
    const auto tensor = fulcrum::test::random_tensor<float>(shape, 3);
    save_npy(tensor, folder.path("t.npy"));
    CHECK(load_npy(folder.path("t.npy")) == tensor);
  }
}

TEST_CASE("a saved file is what NumPy writes") {
  const TemporaryFolder folder;
  save_npy(Tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6}), folder.path("t.npy"));
  const std::string bytes = read_file(folder.path("t.npy"));
  REQUIRE(bytes.size() == 128 + 24);
  CHECK(bytes.substr(0, 10) == std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  CHECK(bytes.substr(10, 60) == "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } ");
  CHECK(bytes[127] == '\n');
}

TEST_CASE("float64, uint8 and Fortran order are read") {
  const std::vector<double> doubles{0.5, -2.0, 1e-3};
  CHECK(load(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n", doubles)) ==
        Tensor<float>({3}, {0.5F, -2.0F, 1e-3F}));
  const std::vector<std::uint8_t> bytes{0, 128, 255};
  CHECK(load(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 1), }\n", bytes)) ==
        Tensor<float>({3, 1}, {0, 128, 255}));
  const std::vector<float> columns{1, 4, 2, 5, 3, 6};
  CHECK(load(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", columns)) ==
        Tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  const std::vector<float> cube{0, 4, 2, 6, 1, 5, 3, 7};
  CHECK(load(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2, 2), }\n", cube)) ==
        fulcrum::test::counting_tensor<float>({2, 2, 2}));
}

TEST_CASE("long headers, other key orders, quotes and versions are read") {
  const std::vector<float> one{7};
  std::string dictionary = "{'shape': (1,), \"fortran_order\": False, \"descr\": \"<f4\"}";
  CHECK(load(npy(dictionary, one)) == Tensor<float>({1}, {7}));
  dictionary.append(200, ' ');
  CHECK(load(npy(dictionary, one)) == Tensor<float>({1}, {7}));
  CHECK(load(npy(dictionary, one, 2)) == Tensor<float>({1}, {7}));
}

TEST_CASE("a damaged or foreign .npy file is refused with what is wrong") {
  const std::vector<float> one{7};
  CHECK_THROWS_WITH(load_npy("/no/such.npy"), ContainsSubstring("/no/such.npy: does not exist"));
  CHECK_THROWS_WITH(load(""), ContainsSubstring("is not a .npy file"));
  CHECK_THROWS_WITH(load("PK\x03\x04 something else"), ContainsSubstring("is not a .npy file"));
  CHECK_THROWS_WITH(load(std::string("\x93NUMPY\x01\x00\x76", 9)), ContainsSubstring("is cut short inside its header"));
  CHECK_THROWS_WITH(load(npy("{'descr': '<f4'", one).substr(0, 20)), ContainsSubstring("is cut short"));
  CHECK_THROWS_WITH(load(npy("{}", one, 9)), ContainsSubstring("version 9"));
  CHECK_THROWS_WITH(load(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", one)),
                    ContainsSubstring("is big-endian"));
  CHECK_THROWS_WITH(load(npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", one)),
                    ContainsSubstring("elements of type '<c8'"));
  CHECK_THROWS_WITH(load(npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }", one)),
                    ContainsSubstring("holds records"));
  CHECK_THROWS_WITH(load(npy("{'descr': '<f4', 'shape': (1,), }", one)), ContainsSubstring("does not say its order"));
  CHECK_THROWS_WITH(load(npy("{'descr': '<f4', 'fortran_order': False, }", one)), ContainsSubstring("without a shape"));
  CHECK_THROWS_WITH(load(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", one)),
                    ContainsSubstring("whose shape cannot be read"));
  CHECK_THROWS_WITH(load(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", one)),
                    ContainsSubstring("does not fit its 4 bytes"));
  CHECK_THROWS_WITH(load(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", one) + "x"),
                    ContainsSubstring("holds 1 bytes behind its array of shape (1)"));
}

TEST_CASE("a header that claims more than any memory holds takes none") {
  const std::vector<float> one{7};
  CHECK_THROWS_WITH(load(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 1), }", one)),
                    ContainsSubstring("does not fit its 4 bytes"));
  CHECK_THROWS_WITH(load(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (4294967296, 4294967296), }", one)),
                    ContainsSubstring("more elements than can be counted"));
  CHECK_THROWS_WITH(load(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (99999999999999999999,), }", one)),
                    ContainsSubstring("whose shape cannot be read"));
}

TEST_CASE("integers and truth values are read as the numbers they are, and written so when asked") {
  const fulcrum::test::TemporaryFolder folder;
  const std::string path = folder.path("x.npy");
  const Tensor<float> values({2, 2}, {0.0F, 1.0F, 2.0F, 100.0F});
  for (const ElementType element : all_element_types) {
    INFO(name_of(element));
    save_npy(values, path, element);
    const bool truth = element == ElementType::boolean;
    CHECK(load_npy(path) == Tensor<float>({2, 2}, {0.0F, 1.0F, truth ? 1.0F : 2.0F, truth ? 1.0F : 100.0F}));
  }
  save_npy(Tensor<float>({3}, {-1.0F, 300.0F, std::numeric_limits<float>::quiet_NaN()}), path, ElementType::u8);
  CHECK(load_npy(path) == Tensor<float>({3}, {0.0F, 255.0F, 0.0F}));
  save_npy(Tensor<float>({1}, {-3.0F}), path, ElementType::s64);
  CHECK(read_file(path).find("'<i8'") != std::string::npos);
  CHECK(load_npy(path) == Tensor<float>({1}, {-3.0F}));
}

TEST_CASE("halves are read: normal, subnormal, infinite and NaN") {
  const std::vector<std::uint16_t> bits{0x3C00, 0xC500, 0x0001, 0x0400, 0x7BFF, 0x8000, 0x7C00, 0xFC00, 0x7E00};
  const fulcrum::test::TemporaryFolder folder;
  write_file_atomically(folder.path("x.npy"), npy("{'descr': '<f2', 'fortran_order': False, 'shape': (9,), }", bits));
  const NpyArray array = load_npy_array(folder.path("x.npy"));
  CHECK(array.element == ElementType::f16);
  CHECK_FALSE(array.rounded);
  const auto values = array.values.flat();
  const std::vector<float> expected{1.0F, -5.0F, 0x1p-24F, 0x1p-14F, 65504.0F, -0.0F, HUGE_VALF, -HUGE_VALF};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(values[i] == expected[i]);
  CHECK(std::signbit(values[5]));
  CHECK(std::isnan(values[8]));
}

TEST_CASE("what a float does not hold is said") {
  const fulcrum::test::TemporaryFolder folder;
  const auto rounded = [&](const std::string& bytes) {
    write_file_atomically(folder.path("x.npy"), bytes);
    return load_npy_array(folder.path("x.npy")).rounded;
  };
  CHECK(rounded(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", std::vector<double>{0.1})));
  CHECK_FALSE(rounded(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", std::vector<double>{0.5})));
  CHECK(rounded(npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }",
                    std::vector<std::int64_t>{(std::int64_t{1} << 24) + 1})));
  CHECK_FALSE(rounded(npy("{'descr': '<i4', 'fortran_order': True, 'shape': (1,), }", std::vector<std::int32_t>{77})));
}
