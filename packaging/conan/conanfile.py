"""conan create packaging/conan: the headers and their CMake package. With conan's own recipes of the dependencies."""

import os

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy


class FulcrumConan(ConanFile):
    name = "fulcrum"
    version = "0.1.0"
    description = "Predict, measure and balance the latency and throughput of neural networks"
    package_type = "header-library"
    settings = "os", "compiler", "build_type", "arch"
    options = {"with_onednn": [True, False], "with_onnx": [True, False], "with_load": [True, False],
               "with_serve": [True, False]}
    default_options = {"with_onednn": False, "with_onnx": False, "with_load": False, "with_serve": False}

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*"):
            copy(self, pattern, src=root, dst=self.export_sources_folder)

    def configure(self):
        if self.options.with_serve:  # which stands on the others
            self.options.with_onednn = self.options.with_onnx = self.options.with_load = True

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        for package in ("eigen/3.4.0", "xtensor/0.24.7", "xtl/0.7.5", "nlohmann_json/3.11.3", "zlib/[>=1.2.11 <2]"):
            self.requires(package, transitive_headers=True)
        if self.options.with_onednn:
            self.requires("onednn/[>=2.6]", transitive_headers=True)
        if self.options.with_onnx:
            self.requires("onnx/[>=1.12]", transitive_headers=True)
        if self.options.with_load:
            self.requires("boost/[>=1.74]", transitive_headers=True)
        if self.options.with_serve:
            self.requires("openssl/[>=3.0]", transitive_headers=True)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables.update({
            "FULCRUM_WITH_ONEDNN": bool(self.options.with_onednn), "FULCRUM_WITH_ONNX": bool(self.options.with_onnx),
            "FULCRUM_WITH_LOAD": bool(self.options.with_load), "FULCRUM_WITH_SERVE": bool(self.options.with_serve),
            "FULCRUM_INSTALL": True,
            "FULCRUM_BUILD_COMPILED": False, "FULCRUM_BUILD_TOOL": False, "FULCRUM_BUILD_TESTS": False,
            "FULCRUM_BUILD_EXAMPLES": False})
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()

    def package_id(self):
        self.info.clear()

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_find_mode", "none")  # the package brings its own CMake files
        self.cpp_info.builddirs = [os.path.join("share", "cmake", "fulcrum")]
