include(CMakePackageConfigHelpers)
set(fulcrum_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fulcrum)

install(DIRECTORY include/fulcrum DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS fulcrum fulcrum_onednn fulcrum_onnx EXPORT fulcrum-targets)
install(EXPORT fulcrum-targets NAMESPACE fulcrum:: DESTINATION ${fulcrum_package_dir})
configure_package_config_file(cmake/fulcrum-config.cmake.in ${PROJECT_BINARY_DIR}/fulcrum-config.cmake
                              INSTALL_DESTINATION ${fulcrum_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fulcrum-config-version.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/fulcrum-config.cmake ${PROJECT_BINARY_DIR}/fulcrum-config-version.cmake
              cmake/FulcrumDependencies.cmake DESTINATION ${fulcrum_package_dir})
