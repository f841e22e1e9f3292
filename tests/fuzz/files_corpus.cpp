// Writes the seeds of the fuzz targets of files into a folder: npy/, idx/ and profile/.
#include <filesystem>
#include <iostream>
#include <string>

#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/data/npy.hpp>

#include <support/synthetic_machine.hpp>

using namespace fulcrum;

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "give the folder\n";
    return 1;
  }
  const std::string folder = argv[1];
  for (const char* kind : {"npy", "idx", "profile"}) std::filesystem::create_directories(folder + "/" + kind);
  for (const ElementType element : {ElementType::f32, ElementType::f64, ElementType::s8, ElementType::s64,
                                    ElementType::u16, ElementType::boolean}) {
    save_npy(Tensor<float>({2, 3}, {0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 5.0F}),
             folder + "/npy/" + std::string(name_of(element)) + ".npy", element);
  }
  using namespace std::string_literals;
  write_file_atomically(folder + "/idx/images", "\0\0\x08\x03\0\0\0\x01\0\0\0\x02\0\0\0\x02\1\2\3\4"s);
  write_file_atomically(folder + "/idx/labels", "\0\0\x08\x01\0\0\0\x03\1\2\3"s);
  MachineProfile profile = synthetic::machine();
  save_profile(profile, folder + "/profile/rates.json");
  profile.jitter = {{1, 1, 1.0, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4}};
  profile.contention = {{2, 1, 1.1, 0.5}};
  profile.composition = {{Precision::f32, 1, 1.0, 0.1, 3}};
  profile.drift_probe = {{1, 10.0, 10.0, 0.01}};
  save_profile(profile, folder + "/profile/all.json");
  return 0;
}
