"""conan create packaging/conan: the headers and their CMake package. With Conan Center's recipes of the dependencies,
but for oneDNN, which it has none of: CMake finds the system's (libdnnl-dev), or one named in CMAKE_PREFIX_PATH."""

import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy


class FulcrumConan(ConanFile):
    name = "fulcrum"
    version = "0.1.0"
    description = "Predict, measure and balance the latency and throughput of neural networks"
    license = "MIT"
    package_type = "header-library"
    settings = "os", "compiler", "build_type", "arch"
    options = {"with_onednn": [True, False], "with_onnx": [True, False], "with_load": [True, False],
               "with_serve": [True, False]}
    default_options = {"with_onednn": False, "with_onnx": False, "with_load": False, "with_serve": False,
                       "xtensor/*:xsimd": False}  # which would change its types for everybody who includes it

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*"):
            copy(self, pattern, src=root, dst=self.export_sources_folder)

    def _with(self, part):
        return bool(self.options.with_serve or getattr(self.options, "with_" + part))  # serve stands on the others

    def layout(self):
        cmake_layout(self)

    def validate(self):
        check_min_cppstd(self, 20)

    def requirements(self):
        for package in ("eigen/3.4.0", "xtensor/0.24.7", "xtl/0.7.5", "nlohmann_json/3.11.3", "zlib/[>=1.2.11 <2]"):
            self.requires(package, transitive_headers=True)
        if self._with("onnx"):
            self.requires("onnx/[>=1.12 <2]", transitive_headers=True)
            self.requires("protobuf/[>=3.21 <7]", transitive_headers=True)
        if self._with("load"):
            self.requires("boost/[>=1.74 <2]", transitive_headers=True)
        if self._with("serve"):
            self.requires("openssl/[>=3.0 <4]", transitive_headers=True)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables.update({
            "FULCRUM_WITH_ONEDNN": self._with("onednn"), "FULCRUM_WITH_ONNX": self._with("onnx"),
            "FULCRUM_WITH_LOAD": self._with("load"), "FULCRUM_WITH_SERVE": self._with("serve"),
            "FULCRUM_INSTALL": True,
            "FULCRUM_BUILD_COMPILED": False, "FULCRUM_BUILD_TOOL": False, "FULCRUM_BUILD_TESTS": False,
            "FULCRUM_BUILD_EXAMPLES": False})
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))

    def package_id(self):
        self.info.settings.clear()  # headers are the same for all; which CMake targets there are is the options' affair
        self.info.requires.clear()

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_find_mode", "none")  # the package brings its own CMake files
        self.cpp_info.builddirs = [os.path.join("share", "cmake", "fulcrum")]
