#pragma once

#include "groundglass/core/field.h"

namespace groundglass {

/// In what order entries come: each once, or drawn evenly from domains or patients; small_lesions
/// draws from patients and takes every second slice of one with little infection.
enum class Sampling { shuffle, domains, patients, small_lesions };
inline Words<Sampling> words_of(Sampling) {
  return {{"shuffle", Sampling::shuffle},
          {"domains", Sampling::domains},
          {"patients", Sampling::patients},
          {"small_lesions", Sampling::small_lesions}};
}

}  // namespace groundglass
