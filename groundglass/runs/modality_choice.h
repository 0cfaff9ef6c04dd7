#pragma once

#include <string>
#include <vector>

#include "groundglass/predict/input_choice.h"

namespace groundglass {

/// The bundled model that suits the inputs, and why.
struct ModalityChoice {
  std::string model;
  std::string why;
};

/// Volumes are CT. Of pictures, up to eight are looked at: each speaks for the model whose training
/// images it resembles more (Typicality; models that carry none have no voice). Throws Error(usage)
/// if a quarter or more speak for another than most do.
ModalityChoice choose_by_modality(const std::vector<ChosenInput>& inputs);

}  // namespace groundglass
