# What the targets stand on. Read by this project's build and by the installed fulcrum-config.cmake, so that both find
# the same things in the same way. FULCRUM_COMPONENTS says which targets are wanted.
include(CMakeFindDependencyMacro)

find_dependency(Eigen3 3.4 NO_MODULE)
find_dependency(xtl)
find_dependency(xtensor 0.24)
find_dependency(nlohmann_json 3.11)
find_dependency(ZLIB)
if("onednn" IN_LIST FULCRUM_COMPONENTS)
  find_dependency(Threads)
  # Debian builds oneDNN with OpenCL and its package file asks for it: ocl-icd-opencl-dev must be there.
  find_dependency(dnnl 2.6)
endif()
if("onnx" IN_LIST FULCRUM_COMPONENTS)
  find_dependency(Protobuf)
  find_dependency(ONNX)
endif()
