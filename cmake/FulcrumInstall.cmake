# The headers and the CMake package. Each component has an export of its own, so that find_package(fulcrum COMPONENTS core)
# neither needs oneDNN and ONNX nor defines targets that need them. The library of the component "compiled" is the one
# file that is not a header, beside that of "grpc"; all the rest is CMake's installation component "headers".
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(fulcrum_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/fulcrum)

install(DIRECTORY include/fulcrum DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT headers)
foreach(component IN LISTS fulcrum_components)
  set(target fulcrum_${component})
  if(component STREQUAL "core")
    set(target fulcrum)
  endif()
  install(TARGETS ${target} EXPORT fulcrum-${component}-targets
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT compiled
          INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  set(part headers)
  if(component MATCHES "^(compiled|grpc)$")
    set(part compiled)
  endif()
  install(EXPORT fulcrum-${component}-targets NAMESPACE fulcrum:: DESTINATION ${fulcrum_package_dir} COMPONENT ${part})
endforeach()

if(FULCRUM_WITH_GRPC)
  install(FILES ${fulcrum_proto_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT compiled)
endif()

configure_package_config_file(cmake/fulcrum-config.cmake.in ${PROJECT_BINARY_DIR}/fulcrum-config.cmake
                              INSTALL_DESTINATION ${fulcrum_package_dir})
set(architecture ARCH_INDEPENDENT)
if(FULCRUM_BUILD_COMPILED OR FULCRUM_WITH_GRPC)
  set(architecture "")
endif()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fulcrum-config-version.cmake COMPATIBILITY SameMinorVersion
                                 ${architecture})
install(FILES ${PROJECT_BINARY_DIR}/fulcrum-config.cmake ${PROJECT_BINARY_DIR}/fulcrum-config-version.cmake
              cmake/FulcrumDependencies.cmake
        DESTINATION ${fulcrum_package_dir} COMPONENT headers)

# For builds without CMake: the core. oneDNN and ONNX have no pkg-config files that these could stand on.
configure_file(cmake/fulcrum.pc.in ${PROJECT_BINARY_DIR}/fulcrum.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fulcrum.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig COMPONENT headers)
