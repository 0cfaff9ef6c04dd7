# Everything is found, nothing is downloaded. Debian names stand in tools/install_dependencies.sh.
find_package(Torch REQUIRED)
find_package(Threads REQUIRED)

# What several processes can train together by; distributed/c10d_team.cpp asks the same.
set(GROUNDGLASS_TEAM_BACKENDS "")
find_path(GROUNDGLASS_GLOO_HEADERS gloo/context.h HINTS ${TORCH_INCLUDE_DIRS})
if(GROUNDGLASS_GLOO_HEADERS)
  foreach(library IN ITEMS torch torch_cpu)
    if(TARGET ${library})
      get_target_property(definitions ${library} INTERFACE_COMPILE_DEFINITIONS)
      if("USE_C10D_GLOO" IN_LIST definitions)
        set(GROUNDGLASS_TEAM_BACKENDS gloo)
      endif()
    endif()
  endforeach()
endif()
if(NOT GROUNDGLASS_TEAM_BACKENDS)
  message(STATUS "No Gloo (LibTorch's, and libgloo-dev): networks are trained in one process")
endif()
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
  find_package(JPEG REQUIRED)
  find_package(TIFF REQUIRED)
  find_package(DCMTK REQUIRED)
  # Libraries without a package file of their own that works with what Debian installs. Never link
  # DCMTK's dcmjpls: see io/dicom_codecs.h.
  foreach(triple IN ITEMS "niftiio;nifti/nifti1_io.h;libniftiio-dev"
      "charls;charls/charls.h;libcharls-dev" "openjp2;openjpeg.h;libopenjp2-7-dev")
    list(GET triple 0 name)
    list(GET triple 1 header)
    list(GET triple 2 package)
    find_library(GROUNDGLASS_LIB_${name} ${name})
    find_path(GROUNDGLASS_LIB_${name}_HEADERS ${header} PATH_SUFFIXES openjpeg-2.5 openjpeg-2.4)
    if(NOT GROUNDGLASS_LIB_${name} OR NOT GROUNDGLASS_LIB_${name}_HEADERS)
      message(FATAL_ERROR "${header} or its library not found: apt-get install ${package}")
    endif()
    add_library(groundglass_${name} INTERFACE)
    target_link_libraries(groundglass_${name} INTERFACE ${GROUNDGLASS_LIB_${name}})
    target_include_directories(groundglass_${name} SYSTEM INTERFACE
      ${GROUNDGLASS_LIB_${name}_HEADERS})
  endforeach()
  # ITK's own use file would add its folders (not as system headers), flags and factories to every
  # target.
  find_package(ITK REQUIRED COMPONENTS ITKCommon ITKIOImageBase ITKIONIFTI ITKIONRRD ITKIOMeta)
  add_library(groundglass_itk INTERFACE)
  target_include_directories(groundglass_itk SYSTEM INTERFACE ${ITK_INCLUDE_DIRS})
  target_link_directories(groundglass_itk INTERFACE ${ITK_LIBRARY_DIRS})
  target_link_libraries(groundglass_itk INTERFACE ${ITK_LIBRARIES})
endif()
if(GROUNDGLASS_IO)
  # Keras' weight files, ONNX, the store of annotations, and what `serve` needs; Debian's packages bring no CMake files
  # that work from C++ alone.
  foreach(quad IN ITEMS "hdf5;hdf5.h;libhdf5-dev;hdf5_serial;hdf5/serial"
      "onnx;onnx/onnx_pb.h;libonnx-dev;onnx_proto;"
      "sqlite3;sqlite3.h;libsqlite3-dev;sqlite3;"
      "archive;archive.h;libarchive-dev;archive;"
      "httplib;httplib.h;libcpp-httplib-dev;cpp-httplib;"
      "ssl;openssl/ssl.h;libssl-dev;ssl;"
      "crypto;openssl/ssl.h;libssl-dev;crypto;")
    list(GET quad 0 name)
    list(GET quad 1 header)
    list(GET quad 2 package)
    list(GET quad 3 library)
    list(GET quad 4 folder)
    find_library(GROUNDGLASS_LIB_${name} ${library})
    find_path(GROUNDGLASS_LIB_${name}_HEADERS ${header} PATH_SUFFIXES ${folder})
    if(NOT GROUNDGLASS_LIB_${name} OR NOT GROUNDGLASS_LIB_${name}_HEADERS)
      message(FATAL_ERROR "${header} or its library not found: apt-get install ${package}")
    endif()
    add_library(groundglass_${name} INTERFACE)
    target_link_libraries(groundglass_${name} INTERFACE ${GROUNDGLASS_LIB_${name}})
    target_include_directories(groundglass_${name} SYSTEM INTERFACE
      ${GROUNDGLASS_LIB_${name}_HEADERS})
  endforeach()
  # As Debian's library is built: its classes are laid out so.
  target_compile_definitions(groundglass_httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT
    CPPHTTPLIB_ZLIB_SUPPORT CPPHTTPLIB_BROTLI_SUPPORT)
  target_link_libraries(groundglass_httplib INTERFACE groundglass_ssl groundglass_crypto)
  target_link_libraries(groundglass_onnx INTERFACE protobuf)
  target_compile_definitions(groundglass_onnx INTERFACE ONNX_ML=1 ONNX_NAMESPACE=onnx)
endif()
# oneDNN runs the plans of infer/plan/plan.h; without it networks run in LibTorch.
find_library(GROUNDGLASS_LIB_dnnl dnnl)
find_path(GROUNDGLASS_LIB_dnnl_HEADERS dnnl.hpp)
if(GROUNDGLASS_LIB_dnnl AND GROUNDGLASS_LIB_dnnl_HEADERS)
  add_library(groundglass_dnnl INTERFACE)
  target_link_libraries(groundglass_dnnl INTERFACE ${GROUNDGLASS_LIB_dnnl})
  target_include_directories(groundglass_dnnl SYSTEM INTERFACE ${GROUNDGLASS_LIB_dnnl_HEADERS})
  target_compile_definitions(groundglass_dnnl INTERFACE GROUNDGLASS_DNNL=1)
else()
  message(STATUS "oneDNN not found (libdnnl-dev): networks run in LibTorch alone")
endif()
if(GROUNDGLASS_TESTS)
  find_package(GTest REQUIRED)
endif()
