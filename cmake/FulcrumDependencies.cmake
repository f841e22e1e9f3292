# What the targets stand on. Read by this project's own build and by the installed fulcrum-config.cmake, so that both
# find the same things in the same way.
#
#   in   fulcrum_components   which of "onednn", "onnx", "load", "serve" and "grpc" are wanted beside the core ("compiled" needs the
#                             first two)
#   out  fulcrum_missing      empty, or one sentence that says what is missing and how to get it

# fulcrum_find(<package> <lowest version> "<Debian packages>" [CONFIG]). The version is compared here because some packages'
# own version files refuse the next major version, which works as well.
macro(fulcrum_find package version debian)
  if(NOT fulcrum_missing)
    find_package(${package} QUIET ${ARGN})
    if(NOT ${package}_FOUND)
      set(fulcrum_missing "fulcrum needs ${package}, which was not found; on Debian: apt-get install ${debian}")
    elseif(${package}_VERSION AND ${package}_VERSION VERSION_LESS ${version})
      set(fulcrum_missing "fulcrum needs ${package} ${version} or later but found ${${package}_VERSION}")
    endif()
  endif()
endmacro()

set(fulcrum_missing "")
fulcrum_find(Eigen3 3.4 "libeigen3-dev")
fulcrum_find(xtl 0.7 "libxtensor-dev")
fulcrum_find(xtensor 0.24 "libxtensor-dev")
fulcrum_find(nlohmann_json 3.11 "nlohmann-json3-dev")
fulcrum_find(ZLIB 1.2 "zlib1g-dev")
if("onednn" IN_LIST fulcrum_components)
  fulcrum_find(Threads 0 "libc6-dev")
  # Debian builds oneDNN with OpenCL and its package file asks for it, but its package does not.
  fulcrum_find(dnnl 2.6 "libdnnl-dev ocl-icd-opencl-dev")
endif()
if("onnx" IN_LIST fulcrum_components)
  fulcrum_find(Protobuf 3.12 "libprotobuf-dev protobuf-compiler")
  fulcrum_find(ONNX 1.12 "libonnx-dev")
  # Up to ONNX 1.13 the target has no namespace.
  if(TARGET onnx_proto AND NOT TARGET ONNX::onnx_proto)
    add_library(ONNX::onnx_proto INTERFACE IMPORTED)
    set_property(TARGET ONNX::onnx_proto PROPERTY INTERFACE_LINK_LIBRARIES onnx_proto)
  endif()
endif()
if("load" IN_LIST fulcrum_components)
  fulcrum_find(Boost 1.74 "libboost-dev" CONFIG)  # headers alone; CMake's own module for it is to go
endif()
if("serve" IN_LIST fulcrum_components)
  fulcrum_find(OpenSSL 3.0 "libssl-dev")
endif()
if("grpc" IN_LIST fulcrum_components)
  fulcrum_find(Protobuf 3.12 "libprotobuf-dev protobuf-compiler")
  fulcrum_find(gRPC 1.42 "libgrpc++-dev protobuf-compiler-grpc" CONFIG)
endif()
