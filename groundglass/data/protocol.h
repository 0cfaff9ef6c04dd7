#pragma once

#include "groundglass/core/field.h"

namespace groundglass {

/// What a study follows: `paper`, the paper's own protocol with its leaks (patients on both sides
/// of a split, choices made on test images), or `strict`, patients apart and choices on validation
/// patients.
enum class Protocol { paper, strict };
inline Words<Protocol> words_of(Protocol) {
  return {{"paper", Protocol::paper}, {"strict", Protocol::strict}};
}

}  // namespace groundglass
