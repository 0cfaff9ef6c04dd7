#pragma once

#include <nlohmann/json.hpp>

namespace groundglass {

/// All networks of the catalog, then the classifiers of whole images, as a list: name, family,
/// encoder, paper, input [C,H,W], parameters (trainable, non-trainable, total), the same with the
/// encoder's convolutions frozen (null without an encoder), and 10^9 multiply-accumulates for an
/// image of that size. Builds each of them, on all processors.
nlohmann::ordered_json networks_json();

/// The bundled models, by name, as a list: title, class names, input [C,H,W], parameters,
/// threshold, temperature, views, caution, size and SHA-256 of the file, and the card beside it (or
/// null). Throws as load_trained_model() does.
nlohmann::ordered_json bundled_models_json();

}  // namespace groundglass
