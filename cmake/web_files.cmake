# The pages of `serve`, embedded into the program: every file that web/files.txt names (one path a
# line, relative to web/, '#' begins a comment) and, where npm has brought it, NiiVue, which draws in
# space. The path is the address: web/pages/study.js is /pages/study.js.
#
# npm runs while the build is configured, and only when web/package-lock.json is newer than what it
# brought. Without npm or a network everything is built, but for the picture in space.

# groundglass_web_packages(): brings web/node_modules up to the lock file, where npm is there.
function(groundglass_web_packages)
  set(web ${PROJECT_SOURCE_DIR}/web)
  set(lock ${web}/package-lock.json)
  set(brought ${web}/node_modules/.package-lock.json)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${lock})
  if(EXISTS ${brought} AND NOT ${lock} IS_NEWER_THAN ${brought})
    return()
  endif()
  find_program(GROUNDGLASS_NPM npm)
  if(NOT GROUNDGLASS_NPM)
    message(STATUS "npm not found: the pages of `serve` are built without NiiVue, so without the picture in 3-D")
    return()
  endif()
  message(STATUS "npm ci in web/")
  execute_process(
    COMMAND ${GROUNDGLASS_NPM} ci --ignore-scripts --no-audit --no-fund --prefer-offline
      --fetch-retries=1
    WORKING_DIRECTORY ${web} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE words TIMEOUT 300)
  if(failed)
    message(WARNING "npm ci failed in ${web}: the pages of `serve` are built without NiiVue, so without the picture in 3-D\n${words}")
  else()
    file(TOUCH ${brought})
  endif()
endfunction()

# groundglass_web_files(<variable>): sets the variable to the source that defines web_files().
function(groundglass_web_files variable)
  set(web ${PROJECT_SOURCE_DIR}/web)
  set(list ${web}/files.txt)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${list})
  file(STRINGS ${list} lines REGEX "^[^#]")
  set(pairs "/api/v1/openapi.json;${PROJECT_SOURCE_DIR}/groundglass/serve/openapi.json")
  foreach(line IN LISTS lines)
    string(STRIP "${line}" line)
    list(APPEND pairs "/${line}" "${web}/${line}")
  endforeach()
  groundglass_web_packages()
  # index.min.js of this version is not a module but one as text; index.js has no imports either.
  set(niivue ${web}/node_modules/@niivue/niivue/dist/index.js)
  if(EXISTS ${niivue})
    list(APPEND pairs "/niivue.js" "${niivue}")
  endif()

  set(type_html "text/html; charset=utf-8")
  set(type_css "text/css; charset=utf-8")
  set(type_js "text/javascript; charset=utf-8")
  set(type_json "application/json")
  set(type_svg "image/svg+xml")
  set(type_png "image/png")
  set(type_txt "text/plain; charset=utf-8")
  set(paths)
  set(files)
  while(pairs)
    list(POP_FRONT pairs path file)
    list(APPEND paths ${path})
    set(file_of_${path} ${file})
    list(APPEND files ${file})
  endwhile()
  list(SORT paths)
  set(bytes)
  set(rows)
  set(number 0)
  foreach(path IN LISTS paths)
    set(file ${file_of_${path}})
    if(NOT EXISTS ${file})
      message(FATAL_ERROR "${list} names ${file}, which is not there")
    endif()
    cmake_path(GET path EXTENSION LAST_ONLY extension)
    string(SUBSTRING "${extension}" 1 -1 extension)
    if(NOT DEFINED type_${extension})
      message(FATAL_ERROR "${file}: no Content-Type is known for files that end in ${extension}")
    endif()
    set(name groundglass_web_${number})
    string(APPEND bytes "asm(\".section .rodata\\n${name}: .incbin \\\"${file}\\\"\\n\"\n"
      "    \"${name}_end: .byte 0\\n.previous\\n\");\n"
      "extern const char ${name}[], ${name}_end[];\n")
    string(APPEND rows "      WebFile{\"${path}\", \"${type_${extension}}\", between(${name}, "
      "${name}_end)},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  set(source ${CMAKE_BINARY_DIR}/generated/web_files.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT [[// Written by cmake/web_files.cmake.
#include "groundglass/serve/web_files.h"

#include <array>

extern "C" {
@bytes@}

namespace groundglass {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

std::span<const WebFile> web_files() {
  static const std::array files = {
@rows@  };
  return files;
}

}  // namespace groundglass
]] @ONLY)
  set_source_files_properties(${source} PROPERTIES
    OBJECT_DEPENDS "${files}" SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
  set(${variable} ${source} PARENT_SCOPE)
endfunction()
