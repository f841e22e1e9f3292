# The headers and the CMake package. Each component has an export of its own, so that find_package(fulcrum COMPONENTS core)
# neither needs oneDNN and ONNX nor defines targets that need them.
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
          INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT fulcrum-${component}-targets NAMESPACE fulcrum:: DESTINATION ${fulcrum_package_dir} COMPONENT headers)
endforeach()

configure_package_config_file(cmake/fulcrum-config.cmake.in ${PROJECT_BINARY_DIR}/fulcrum-config.cmake
                              INSTALL_DESTINATION ${fulcrum_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fulcrum-config-version.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/fulcrum-config.cmake ${PROJECT_BINARY_DIR}/fulcrum-config-version.cmake
              cmake/FulcrumDependencies.cmake
        DESTINATION ${fulcrum_package_dir} COMPONENT headers)
