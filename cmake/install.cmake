# What `cmake --install` puts into a prefix, in two parts: runtime (program, library, models, recipes,
# manual page, completions) and development (headers, CMake files, examples). Nothing installed
# names a path of the source tree: program and library find share/groundglass beside themselves
# (core/shared_files.h).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME runtime)

# The first stage, and the programs behind it.
install(TARGETS groundglass RUNTIME COMPONENT runtime)
install(TARGETS groundglass_program RUNTIME DESTINATION libexec COMPONENT runtime)
if(GROUNDGLASS_IO)
  install(TARGETS groundglass_serve_program RUNTIME DESTINATION libexec COMPONENT runtime)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/recipes DESTINATION ${CMAKE_INSTALL_DATADIR}/groundglass
  COMPONENT runtime FILES_MATCHING PATTERN "*.toml")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/models DESTINATION ${CMAKE_INSTALL_DATADIR}/groundglass
  COMPONENT runtime FILES_MATCHING PATTERN "*.safetensors" PATTERN "*.atlas" PATTERN "*.md"
  PATTERN "*.plans" EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}
  RENAME copyright COMPONENT runtime)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)

# The program writes its manual page and completions, when it is installed.
configure_file(${CMAKE_CURRENT_LIST_DIR}/write_texts.cmake.in ${CMAKE_BINARY_DIR}/write_texts.cmake @ONLY)
install(CODE "set(GROUNDGLASS_PROGRAM \"$<TARGET_FILE:groundglass>\")" COMPONENT runtime)
install(SCRIPT ${CMAKE_BINARY_DIR}/write_texts.cmake COMPONENT runtime)

if(GROUNDGLASS_IO)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/groundglass-listen.service
    DESTINATION lib/systemd/system COMPONENT runtime)
  install(TARGETS groundglass_library EXPORT groundglassTargets
    LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/groundglass DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT development FILES_MATCHING PATTERN "*.h" PATTERN cli EXCLUDE
    PATTERN serve EXCLUDE)
  set(cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/groundglass)
  install(EXPORT groundglassTargets NAMESPACE groundglass:: DESTINATION ${cmake_folder}
    COMPONENT development)
  configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/groundglassConfig.cmake.in
    ${CMAKE_BINARY_DIR}/groundglassConfig.cmake INSTALL_DESTINATION ${cmake_folder})
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/groundglassConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/groundglassConfig.cmake
    ${CMAKE_BINARY_DIR}/groundglassConfigVersion.cmake
    DESTINATION ${cmake_folder} COMPONENT development)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
    COMPONENT development)
endif()
