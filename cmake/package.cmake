# `cpack -G DEB` in a build folder: groundglass (program and library) and libgroundglass-dev
# (what it takes to build with the library).
set(CPACK_PACKAGE_NAME groundglass)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR "GroundGlass")
set(CPACK_PACKAGE_CONTACT "The GroundGlass authors <groundglass@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Segments lung infection on chest CT and chest X-ray")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime)
if(GROUNDGLASS_IO)
  list(APPEND CPACK_COMPONENTS_ALL development)
endif()
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)

# dpkg-shlibdeps reads what the files are linked with; libopenblas0-openmp is what LibTorch's matrix
# products need to be fast, and no file names it.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME groundglass)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS libopenblas0-openmp)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
  "GroundGlass trains, evaluates and applies networks that find and measure lung infection on
chest CT and chest X-ray. Bundled models segment DICOM series, volumes and pictures.
Research use only, not a medical device.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libgroundglass-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
# Headers include LibTorch's, and some of them nlohmann's JSON; models and recipes are the program's.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "groundglass (= ${PROJECT_VERSION}), libtorch-dev, nlohmann-json3-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "Headers, CMake files and examples of the library of GroundGlass.
Segments images and volumes in memory, and trains networks, from C++.")
include(CPack)
