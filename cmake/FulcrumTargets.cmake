# The library's three targets. All are INTERFACE: the library is its headers.
set(FULCRUM_COMPONENTS core onednn onnx)
include(${CMAKE_CURRENT_LIST_DIR}/FulcrumDependencies.cmake)
include(GNUInstallDirs)

add_library(fulcrum INTERFACE)
add_library(fulcrum::fulcrum ALIAS fulcrum)
target_include_directories(fulcrum INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(fulcrum INTERFACE cxx_std_20)
target_link_libraries(fulcrum INTERFACE Eigen3::Eigen xtensor nlohmann_json::nlohmann_json ZLIB::ZLIB)

# oneDNN runs on GNU OpenMP in Debian; its thread count is set through the same library, never through a second one.
add_library(fulcrum_onednn INTERFACE)
add_library(fulcrum::onednn ALIAS fulcrum_onednn)
set_target_properties(fulcrum_onednn PROPERTIES EXPORT_NAME onednn)
target_link_libraries(fulcrum_onednn INTERFACE fulcrum DNNL::dnnl gomp Threads::Threads)

add_library(fulcrum_onnx INTERFACE)
add_library(fulcrum::onnx ALIAS fulcrum_onnx)
set_target_properties(fulcrum_onnx PROPERTIES EXPORT_NAME onnx)
target_link_libraries(fulcrum_onnx INTERFACE fulcrum onnx_proto protobuf::libprotobuf)
