#include "groundglass/train/training_state.h"

#include <nlohmann/json.hpp>

#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

/// The columns of progress.csv, also the keys of the stored history.
struct Column {
  const char* name;
  double EpochDone::*value;
};
const Column kColumns[] = {
    {"loss", &EpochDone::loss},
    {"training_dice", &EpochDone::training_dice},
    {"validation_loss", &EpochDone::validation_loss},
    {"soft_dice", &EpochDone::soft_dice},
    {"hard_dice", &EpochDone::hard_dice},
    {"monitor", &EpochDone::monitor},
    {"learning_rate", &EpochDone::learning_rate},
    {"seconds", &EpochDone::seconds},
    {"images_per_s", &EpochDone::images_per_s},
    {"loader_images_per_s", &EpochDone::loader_images_per_s},
    {"waited_s", &EpochDone::waited_s},
    {"rss_mib", &EpochDone::rss_mib},
};

fs::path state_path(const fs::path& run) {
  return run / "state.safetensors";
}

json numbers_of(const TrainingState& state) {
  json history = json::array();
  for (const auto& e : state.history) {
    json line = {{"epoch", e.epoch}, {"epochs", e.epochs}, {"best", e.best}};
    for (const auto& c : kColumns) line[c.name] = e.*c.value;
    if (!e.class_dice.empty()) line["class_dice"] = e.class_dice;
    history.push_back(line);
  }
  return {{"epoch", state.epoch},
          {"step", state.step},
          {"loss_sum", state.loss_sum},
          {"soft", {state.soft.overlap, state.soft.probability, state.soft.truth}},
          {"forgetting_steps", state.forgetting_steps},
          {"best_epoch", state.best_epoch},
          {"best_monitor", state.best_monitor},
          {"finished", state.finished},
          {"history", history}};
}

TrainingState state_of(const json& numbers) {
  TrainingState state;
  state.epoch = numbers.at("epoch");
  state.step = numbers.at("step");
  state.loss_sum = numbers.at("loss_sum");
  const auto soft = numbers.value("soft", std::vector<double>(3, 0));
  state.soft = {soft.at(0), soft.at(1), soft.at(2)};
  state.forgetting_steps = numbers.value("forgetting_steps", int64_t{0});
  state.best_epoch = numbers.at("best_epoch");
  state.best_monitor = numbers.at("best_monitor");
  state.finished = numbers.at("finished");
  for (const auto& line : numbers.at("history")) {
    EpochDone e;
    e.epoch = line.at("epoch");
    e.epochs = line.at("epochs");
    e.best = line.at("best");
    for (const auto& c : kColumns) {
      if (c.value == &EpochDone::training_dice && !line.contains(c.name)) continue;  // earlier ones
      e.*c.value = line.at(c.name);
    }
    e.class_dice = line.value("class_dice", std::vector<double>());
    state.history.push_back(e);
  }
  return state;
}

/// The numbers of a classifier's state before all trainings kept the same: its history was kept as
/// the lines of progress.csv (epoch, loss, validation_loss, auc, learning_rate, seconds, best).
TrainingState classifier_state_of(const json& numbers) {
  TrainingState state;
  state.forgetting_steps = 0;
  state.epoch = numbers.at("epoch");
  state.step = numbers.at("step");
  state.loss_sum = numbers.at("loss_sum");
  state.best_epoch = numbers.at("best_epoch");
  state.best_monitor = numbers.at("best_monitor");
  for (const auto& line : numbers.at("progress")) {
    const auto cells = line.get<std::vector<std::string>>();
    EpochDone e;
    e.epoch = std::stoll(cells.at(0));
    e.loss = std::stod(cells.at(1));
    e.validation_loss = std::stod(cells.at(2));
    if (!cells.at(3).empty()) e.monitor = std::stod(cells[3]);
    e.learning_rate = std::stod(cells.at(4));
    e.seconds = std::stod(cells.at(5));
    e.best = cells.at(6) == "1";
    state.history.push_back(e);
  }
  return state;
}

TrainingState parse_numbers(const fs::path& path,
                            const std::map<std::string, std::string>& metadata,
                            const std::string& what = "training state") {
  try {
    const auto classifier = metadata.find("classifier");
    if (classifier != metadata.end()) return classifier_state_of(json::parse(classifier->second));
    return state_of(json::parse(metadata.at("training")));
  } catch (const std::exception& e) {
    fail(ErrorKind::checkpoint, path.string() + ": is no " + what + " (" + e.what() + ")");
  }
}

void add(TensorArchive& archive, const std::string& prefix,
         const std::map<std::string, torch::Tensor>& tensors) {
  for (const auto& [name, tensor] : tensors) archive.tensors[prefix + name] = tensor;
}

}  // namespace

bool state_exists(const fs::path& run) {
  return fs::exists(state_path(run));
}

bool state_is_finished(const fs::path& run) {
  return parse_numbers(state_path(run), read_safetensors_metadata(state_path(run))).finished;
}

void save_state(const fs::path& run, const TrainingState& state, const torch::nn::Module& network,
                const Optimizer& optimizer, const WeightAverage& average) {
  TensorArchive archive;
  add(archive, "weights/", named_weights(network));
  add(archive, "optimizer/", optimizer.state());
  add(archive, "average/", average.state());
  archive.metadata["training"] = numbers_of(state).dump();
  write_safetensors(state_path(run), archive);
}

TrainingState load_state(const fs::path& run, torch::nn::Module& network, Optimizer& optimizer,
                         WeightAverage& average, const std::string& what) {
  const TensorArchive archive = read_safetensors(state_path(run));
  TrainingState state = parse_numbers(state_path(run), archive.metadata, what);
  load_weights(network, tensors_below(archive, "weights/"), state_path(run).string());
  optimizer.load(tensors_below(archive, "optimizer/"));
  average.load(tensors_below(archive, "average/"));
  return state;
}

std::vector<EpochDone> read_history(const fs::path& run) {
  return parse_numbers(state_path(run), read_safetensors_metadata(state_path(run))).history;
}

void write_progress_csv(const fs::path& run, const std::vector<EpochDone>& history) {
  std::vector<std::string> header = {"epoch"};
  for (const auto& c : kColumns) header.emplace_back(c.name);
  header.emplace_back("best");
  const size_t classes = history.empty() ? 0 : history.front().class_dice.size();
  for (size_t c = 1; c <= classes; ++c) header.push_back("dice_class_" + std::to_string(c));
  std::string text = csv_line(header);
  for (const auto& e : history) {
    std::vector<std::string> cells = {std::to_string(e.epoch)};
    for (const auto& c : kColumns) cells.push_back(shortest(e.*c.value));
    cells.emplace_back(e.best ? "1" : "0");
    for (const double value : e.class_dice) cells.push_back(shortest(value));
    text += csv_line(cells);
  }
  write_file(run / "progress.csv", text);
}

}  // namespace groundglass
