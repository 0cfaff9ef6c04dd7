#pragma once

#include <string>
#include <vector>

#include "groundglass/predict/inputs.h"

namespace groundglass {

/// Something to work on, with its masks if the data set names them.
struct ChosenInput {
  PredictInput input;
  std::filesystem::path mask;
  std::filesystem::path lung;  ///< tables with a column 'lung'
};

struct ChosenInputs {
  std::vector<ChosenInput> inputs;
  std::vector<LeftOut> left_out;
};

/// The images of a table or data set folder, which keep their relative paths; anything else is
/// searched through for pictures, volumes and DICOM series.
/// mask_column: of a table that has it; else its first mask column.
ChosenInputs choose_inputs(const std::string& input, const std::string& mask_column = "");

}  // namespace groundglass
