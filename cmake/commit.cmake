# Writes build/<preset>/generated/commit.h on each build, and touches it only when the commit moved.
set(GROUNDGLASS_COMMIT_HEADER ${CMAKE_BINARY_DIR}/generated/commit.h)
if(CMAKE_SCRIPT_MODE_FILE)
  execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT commit)
    set(commit "unknown")
  endif()
  file(CONFIGURE OUTPUT ${HEADER} CONTENT "#define GROUNDGLASS_COMMIT \"${commit}\"\n")
else()
  add_custom_target(groundglass_commit BYPRODUCTS ${GROUNDGLASS_COMMIT_HEADER}
    COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
      -DHEADER=${GROUNDGLASS_COMMIT_HEADER} -P ${CMAKE_CURRENT_LIST_FILE})
endif()
