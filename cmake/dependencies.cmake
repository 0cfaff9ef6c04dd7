# Everything is found, nothing is downloaded. Debian names stand in tools/install_dependencies.sh.
find_package(Torch REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)

# Header-only libraries: searched on the usual paths and in GROUNDGLASS_HEADERS (a folder that a
# machine without packages can be handed).
set(GROUNDGLASS_HEADERS "" CACHE PATH "Extra folder with header-only libraries")
foreach(pair IN ITEMS "nlohmann/json.hpp;nlohmann-json3-dev" "toml++/toml.h;libtomlplusplus-dev"
    "CLI/CLI.hpp;libcli11-dev" "xxhash.h;libxxhash-dev")
  list(GET pair 0 header)
  list(GET pair 1 package)
  string(MAKE_C_IDENTIFIER "GROUNDGLASS_HAS_${header}" found)
  find_path(${found} ${header} HINTS ${GROUNDGLASS_HEADERS})
  if(NOT ${found})
    message(FATAL_ERROR "${header} not found: apt-get install ${package}, "
      "or pass -DGROUNDGLASS_HEADERS=<folder that holds it>")
  endif()
  list(APPEND GROUNDGLASS_HEADER_PATHS ${${found}})
endforeach()
list(REMOVE_DUPLICATES GROUNDGLASS_HEADER_PATHS)
list(REMOVE_ITEM GROUNDGLASS_HEADER_PATHS /usr/include)

if(GROUNDGLASS_IO)
  find_package(OpenCV REQUIRED COMPONENTS core imgproc imgcodecs)
  find_package(ZLIB REQUIRED)
  find_package(ITK REQUIRED COMPONENTS ITKCommon ITKIOImageBase ITKIONIFTI ITKIONRRD ITKIOMeta
    ITKIOGDCM)
  include(${ITK_USE_FILE})
  find_package(DCMTK REQUIRED)
endif()
if(GROUNDGLASS_TESTS)
  find_package(GTest REQUIRED)
endif()
if(GROUNDGLASS_BENCH)
  find_package(benchmark QUIET)
endif()
