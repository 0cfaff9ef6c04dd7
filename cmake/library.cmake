# libgroundglass.so: the objects of all rooms but the command line's and the server's, and the face over them
# (groundglass/groundglass.h). Shared and not static, so that who links it names LibTorch alone: the
# image, DICOM and weight libraries behind the rooms are needed when it is loaded, not when something
# is linked with it, and their development files need not be there.
if(NOT GROUNDGLASS_IO)
  return()
endif()

add_library(groundglass_face OBJECT ${PROJECT_SOURCE_DIR}/groundglass/groundglass.cpp)
target_link_libraries(groundglass_face PUBLIC groundglass_base PRIVATE groundglass_warnings)
groundglass_pch(groundglass_face NN)

add_library(groundglass_library SHARED $<TARGET_OBJECTS:groundglass_face>)
add_library(groundglass::library ALIAS groundglass_library)
get_property(rooms GLOBAL PROPERTY GROUNDGLASS_ROOMS)
list(REMOVE_ITEM rooms cli command serve)
foreach(room IN LISTS rooms)
  foreach(lot IN ITEMS groundglass_${room}_objects groundglass_${room}_objects_plain
      groundglass_${room}_image_objects groundglass_${room}_image_objects_plain)
    if(TARGET ${lot})
      target_sources(groundglass_library PRIVATE $<TARGET_OBJECTS:${lot}>)
    endif()
  endforeach()
  # What the rooms themselves are linked with; their own archives add nothing to what stands above.
  get_target_property(links groundglass_${room} LINK_LIBRARIES)
  list(FILTER links EXCLUDE REGEX "^groundglass::|^groundglass_base$")
  target_link_libraries(groundglass_library PRIVATE ${links})
endforeach()
target_link_libraries(groundglass_library PRIVATE groundglass_base)
if(NOT GROUNDGLASS_SANITIZE)  # whose symbols come with the program
  target_link_options(groundglass_library PRIVATE LINKER:--no-undefined)
endif()
set_target_properties(groundglass_library PROPERTIES
  OUTPUT_NAME groundglass
  EXPORT_NAME groundglass
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LINKER_LANGUAGE CXX
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
target_compile_features(groundglass_library INTERFACE cxx_std_20)
