# Warnings are ours alone: targets of other projects are not touched.
add_library(groundglass_warnings INTERFACE)
target_compile_options(groundglass_warnings INTERFACE -Wall -Wextra -Wshadow -Wno-restrict)
if(GROUNDGLASS_WERROR)
  target_compile_options(groundglass_warnings INTERFACE -Werror)
endif()

# What every file of ours is compiled with and every program linked with.
add_library(groundglass_base INTERFACE)
target_include_directories(groundglass_base INTERFACE ${PROJECT_SOURCE_DIR})
# An enum in a JSON document has to be written as its word; as a number it would go unnoticed.
target_compile_definitions(groundglass_base INTERFACE JSON_DISABLE_ENUM_SERIALIZATION=1)
target_include_directories(groundglass_base SYSTEM INTERFACE ${GROUNDGLASS_HEADER_PATHS})
target_link_libraries(groundglass_base INTERFACE ${TORCH_LIBRARIES} OpenMP::OpenMP_CXX
  Threads::Threads)

# groundglass_pch(<target> <TYPES|NN>): share one of two precompiled headers. The core room owns the
# one with tensors, the models room the one with modules besides; a compiler spends seconds per file
# on loading what it does not need.
function(groundglass_pch target kind)
  set(owner_TYPES groundglass_core_objects)
  set(owner_NN groundglass_models_objects)
  if(NOT target STREQUAL owner_${kind})
    target_precompile_headers(${target} REUSE_FROM ${owner_${kind}})
  elseif(kind STREQUAL TYPES)
    target_precompile_headers(${target} PRIVATE <torch/types.h>)
  else()
    target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/groundglass/models/nn.h)
  endif()
endfunction()

# groundglass_units(<target>): with GROUNDGLASS_UNITY, ten files are compiled as one unit. A file alone
# takes the compiler nine seconds, eight of which go into loading the precompiled header.
function(groundglass_units target)
  if(GROUNDGLASS_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
  endif()
endfunction()

# groundglass_room(<name> [NN] [FULL] [NEEDS room ...] [PLAIN file ...] [SOURCES file ...]
#                  [IO_PLAIN file ...] [IO_SOURCES file ...] [IO_LINKS library ...]
#                  [CORE_SOURCES file ...])
# A room's objects and its static library groundglass_<name>. NEEDS are the rooms whose headers it
# may include (tests/rooms_test.cpp reads them here). NN rooms define modules. PLAIN files do without
# LibTorch and its precompiled header.
#
# Objects come in three lots. SOURCES and PLAIN know nothing of image libraries and are the same in
# every program. IO_SOURCES, IO_PLAIN and IO_LINKS exist in the full shape alone. CORE_SOURCES stand in
# for IO_SOURCES in the core shape: the same functions, which say that they are not there. FULL rooms
# have no part in the core shape.
function(groundglass_room name)
  cmake_parse_arguments(PARSE_ARGV 1 room "NN;FULL" ""
    "NEEDS;PLAIN;SOURCES;IO_PLAIN;IO_SOURCES;IO_LINKS;CORE_SOURCES")
  if(room_FULL AND NOT GROUNDGLASS_IO)
    return()
  endif()
  set(library groundglass_${name})
  groundglass_objects(${library}_objects FILES ${room_SOURCES} PLAIN ${room_PLAIN})
  if(GROUNDGLASS_IO)
    groundglass_objects(${library}_image_objects FILES ${room_IO_SOURCES} PLAIN ${room_IO_PLAIN}
      LINKS ${room_IO_LINKS})
  endif()
  groundglass_objects(${library}_core_objects FILES ${room_CORE_SOURCES})

  add_library(${library} STATIC)
  add_library(groundglass::${name} ALIAS ${library})
  set(lots ${library}_objects ${library}_objects_plain)
  if(GROUNDGLASS_IO)
    list(APPEND lots ${library}_image_objects ${library}_image_objects_plain)
  else()
    list(APPEND lots ${library}_core_objects)
  endif()
  foreach(lot IN LISTS lots)
    if(TARGET ${lot})
      target_sources(${library} PRIVATE $<TARGET_OBJECTS:${lot}>)
    endif()
  endforeach()
  set_target_properties(${library} PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(${library} PUBLIC groundglass_base)
  foreach(need IN LISTS room_NEEDS)
    if(TARGET groundglass_${need})
      target_link_libraries(${library} PUBLIC groundglass::${need})
    endif()
  endforeach()
  if(GROUNDGLASS_IO)
    target_link_libraries(${library} PRIVATE ${room_IO_LINKS})
  endif()
  if(NOT room_FULL)
    foreach(lot IN ITEMS ${library}_objects ${library}_objects_plain ${library}_core_objects)
      if(TARGET ${lot})
        set_property(GLOBAL APPEND PROPERTY GROUNDGLASS_CORE_LOTS ${lot})
      endif()
    endforeach()
  endif()
  set_property(GLOBAL APPEND PROPERTY GROUNDGLASS_ROOMS ${name})
endfunction()

# groundglass_objects(<target> FILES file ... PLAIN file ... LINKS library ...): one lot of a room's
# objects, FILES as <target> and PLAIN ones as <target>_plain; nothing where there are no files. Called
# by groundglass_room().
function(groundglass_objects target)
  cmake_parse_arguments(PARSE_ARGV 1 lot "" "" "FILES;PLAIN;LINKS")
  set(folder ${PROJECT_SOURCE_DIR}/groundglass/${name}/)
  foreach(part IN ITEMS FILES PLAIN)
    if(NOT lot_${part})
      continue()
    endif()
    list(TRANSFORM lot_${part} PREPEND ${folder})
    set(objects ${target})
    if(part STREQUAL PLAIN)
      set(objects ${target}_plain)
    endif()
    add_library(${objects} OBJECT ${lot_${part}})
    target_link_libraries(${objects} PUBLIC groundglass_base PRIVATE groundglass_warnings ${lot_LINKS})
    groundglass_units(${objects})
    if(part STREQUAL PLAIN)
      continue()
    endif()
    if(room_NN)
      groundglass_pch(${objects} NN)
    else()
      groundglass_pch(${objects} TYPES)
    endif()
  endforeach()
endfunction()

# groundglass_core_program(<target>): a program of all objects that know nothing of image libraries.
function(groundglass_core_program target)
  get_property(lots GLOBAL PROPERTY GROUNDGLASS_CORE_LOTS)
  foreach(lot IN LISTS lots)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${lot}>)
  endforeach()
  target_link_libraries(${target} PRIVATE groundglass_base)
  if(TARGET groundglass_dnnl)
    target_link_libraries(${target} PRIVATE groundglass_dnnl)
  endif()
endfunction()
