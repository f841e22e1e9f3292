# An overlay port: vcpkg install fulcrum[onednn,onnx,load,serve] --overlay-ports=packaging
# The source is this repository; a registry's port would fetch a release instead.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS options
  FEATURES
    onednn FULCRUM_WITH_ONEDNN
    onnx FULCRUM_WITH_ONNX
    load FULCRUM_WITH_LOAD
    serve FULCRUM_WITH_SERVE)
vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS ${options} -DFULCRUM_BUILD_COMPILED=OFF -DFULCRUM_BUILD_TOOL=OFF -DFULCRUM_BUILD_TESTS=OFF
          -DFULCRUM_BUILD_EXAMPLES=OFF -DFULCRUM_INSTALL=ON)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME fulcrum CONFIG_PATH share/cmake/fulcrum)
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug" "${CURRENT_PACKAGES_DIR}/lib")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
