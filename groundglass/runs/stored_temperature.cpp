#include "groundglass/runs/stored_temperature.h"

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/runs/run_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;

double stored_temperature(const TrainedModel& trained) {
  const fs::path file = RunFolder(trained.path).calibration();
  if (!fs::is_directory(trained.path) || !fs::exists(file)) return trained.temperature;
  const json document = json::parse(read_file(file), nullptr, false);
  const bool whole = document.is_object() && document.contains("temperature") &&
                     document["temperature"].is_number() && document.contains("weights_sha256");
  if (!whole || !(document["temperature"].get<double>() > 0)) {
    fail(ErrorKind::checkpoint, file.string() +
                                    ": says no temperature above 0 and no weights_sha256; run "
                                    "`groundglass calibrate` again, or remove the file");
  }
  if (document["weights_sha256"] != trained.weights_sha256) {
    fail(ErrorKind::checkpoint, file.string() +
                                    ": was made for other weights than the run holds now; run "
                                    "`groundglass calibrate` again, or remove the file");
  }
  return document["temperature"];
}

}  // namespace groundglass
