#pragma once

#include <map>
#include <string>
#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/runs/trained_model.h"

namespace groundglass {

/// Name of the model that is used when none is named and nothing speaks for another.
constexpr const char* kDefaultModel = "ct_infection";

/// Where what a user names lies: a path that is there, or the file of a bundled model; empty for
/// neither.
std::filesystem::path model_path(const std::string& word);

/// The file of a bundled model; empty if there is none of that name.
std::filesystem::path bundled_model(const std::string& name);

/// The files of all bundled models, by name, sorted.
std::map<std::string, std::filesystem::path> bundled_models();
/// A file that is bundled with the models, by its whole name; empty if there is none.
std::filesystem::path bundled_file(const std::string& name);

/// A run folder, a weights file, or the name of a bundled model; an empty word is the default
/// model.
/// `overrides` (section.key=value) may change how images reach it: [preprocess] only.
/// Bundled models are looked for in $GROUNDGLASS_MODELS, then in shared_folders("models"). Throws
/// Error(checkpoint) naming the bundled ones if there is no such model.
TrainedModel load_chosen_model(const std::string& word, const std::vector<std::string>& overrides);

/// The same for verbs that only run the network: also a TorchScript file (.pt) that `export` wrote.
/// Its notes hold recipe, threshold and temperature; its SHA-256 is that of the file. Throws
/// Error(checkpoint) for one from elsewhere, of which nothing says how images must reach it.
TrainedModel load_runnable_model(const std::string& word,
                                 const std::vector<std::string>& overrides);

/// Tells `observer` what the model's recipe cautions of, if it does.
void warn_of(const TrainedModel& trained, Observer& observer);

}  // namespace groundglass
