# Writes the options of a program, as JSON in a C++ string, for its first stage to be built with.
execute_process(COMMAND "${PROGRAM}" reference options OUTPUT_VARIABLE options
  COMMAND_ERROR_IS_FATAL ANY)
file(CONFIGURE OUTPUT "${TABLE}" CONTENT "R\"options(${options})options\"\n" @ONLY)
