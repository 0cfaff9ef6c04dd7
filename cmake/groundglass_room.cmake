# Warnings are ours alone: targets of other projects are not touched.
add_library(groundglass_warnings INTERFACE)
target_compile_options(groundglass_warnings INTERFACE -Wall -Wextra -Wshadow -Wno-restrict)
if(GROUNDGLASS_WERROR)
  target_compile_options(groundglass_warnings INTERFACE -Werror)
endif()

# groundglass_pch(<target> <TYPES|NN>): share one of two precompiled headers. The core room owns the
# one with tensors, the models room the one with modules besides; a compiler spends seconds per file
# on loading what it does not need.
function(groundglass_pch target kind)
  set(owner_TYPES groundglass_core)
  set(owner_NN groundglass_models)
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

# groundglass_room(<name> [NN] [NEEDS room ...] [PLAIN file ...] [SOURCES file ...]
#                  [IO_SOURCES file ...] [IO_LINKS lib ...])
# One static library per room. PLAIN files do without LibTorch. NN rooms define modules. IO_SOURCES
# and IO_LINKS belong to the full build shape only.
function(groundglass_room name)
  cmake_parse_arguments(PARSE_ARGV 1 room "NN" "" "NEEDS;PLAIN;SOURCES;IO_SOURCES;IO_LINKS")
  if(GROUNDGLASS_IO)
    list(APPEND room_SOURCES ${room_IO_SOURCES})
  endif()
  set(folder ${PROJECT_SOURCE_DIR}/groundglass/${name}/)
  list(TRANSFORM room_SOURCES PREPEND ${folder})
  list(TRANSFORM room_PLAIN PREPEND ${folder})
  set_source_files_properties(${room_PLAIN} PROPERTIES SKIP_PRECOMPILE_HEADERS ON
    SKIP_UNITY_BUILD_INCLUSION ON)
  add_library(groundglass_${name} STATIC ${room_SOURCES} ${room_PLAIN})
  add_library(groundglass::${name} ALIAS groundglass_${name})
  target_include_directories(groundglass_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_include_directories(groundglass_${name} SYSTEM PUBLIC ${GROUNDGLASS_HEADER_PATHS})
  list(TRANSFORM room_NEEDS PREPEND groundglass::)
  target_link_libraries(groundglass_${name}
    PRIVATE groundglass_warnings
    PUBLIC ${room_NEEDS} ${TORCH_LIBRARIES} Threads::Threads)
  if(GROUNDGLASS_IO)
    target_compile_definitions(groundglass_${name} PUBLIC GROUNDGLASS_IO=1)
    target_link_libraries(groundglass_${name} PUBLIC ${room_IO_LINKS})
  endif()
  groundglass_units(groundglass_${name})
  if(room_NN)
    groundglass_pch(groundglass_${name} NN)
  else()
    groundglass_pch(groundglass_${name} TYPES)
  endif()
endfunction()
