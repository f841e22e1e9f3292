"""What conan create builds and runs with the package: the program of the test package.core_only, or of
package.installed where the package has oneDNN and ONNX."""

import os

from conan import ConanFile
from conan.tools.build import can_run
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout


class FulcrumTest(ConanFile):
    settings = "os", "compiler", "build_type", "arch"
    generators = "CMakeDeps"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        options = self.dependencies["fulcrum"].options
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["ALL"] = bool(options.with_serve or (options.with_onednn and options.with_onnx))
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def test(self):
        if can_run(self):
            self.run(os.path.join(self.cpp.build.bindir, "consumer"), env="conanrun")
