#include <algorithm>

#include "groundglass/annotate/final_masks.h"
#include "groundglass/annotate/project_files.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/runs/fine_tuning_cases.h"
#include "groundglass/serve/annotation_rounds.h"
#include "groundglass/serve/api.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/orders.h"
#include "groundglass/serve/request_body.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

constexpr int64_t kMostEpochs = 1000;

fs::path round_folder(const Api& api, const std::string& name) {
  return project_folder(api.workspace.folder() / "rounds", name);
}

/// What a training would learn, to refuse it before it stands in the queue.
Dataset dataset_of(Api& api, const std::string& round, const ordered_json& studies) {
  if (!round.empty()) {
    AnnotationStore store(round_folder(api, round));
    return masked_cases(store);
  }
  Dataset dataset;
  for (const auto& one : corrected_cases(api.workspace, studies)) {
    const std::string study = one["study"];
    dataset.rows.push_back({"", study, study, "", "", one["image"]["path"].get<std::string>(),
                            one["mask"].get<std::string>()});
  }
  return dataset;
}

/// A folder of its own among the runs, made at once so that no other takes the name.
std::string new_run(Api& api, const std::string& of) {
  const std::lock_guard lock(api.adding);
  for (int64_t n = 1;; ++n) {
    std::string name = "tuned_" + of + "_" + std::to_string(n);
    std::error_code unknown;
    if (fs::exists(api.runs / name, unknown)) continue;
    make_folder(api.runs / name);
    return name;
  }
}

void create_training(Api& api, Call& call) {
  const auto body = call.json_body(api.limits.json_bytes);
  check_keys(body, {"round", "studies", "model", "epochs"});
  const std::string round = text_of(body, "round", 200);
  if (!round.empty() && body.contains("studies") && !body["studies"].is_null()) {
    refuse_key("round", "a round or studies, not both");
  }
  const auto studies = round.empty() ? studies_of(api, body) : ordered_json::array();
  JobRecord job;
  job.kind = "train";
  job.order = {{"round", round},
               {"studies", studies},
               {"model", model_word(api, "model", text_of(body, "model", 100))},
               {"epochs", kFineTuningEpochs}};
  if (body.contains("epochs") && !body["epochs"].is_null()) {
    job.order["epochs"] = number_of(body, "epochs");
    if (job.order["epochs"] > kMostEpochs) {
      refuse_key("epochs", "at most " + std::to_string(kMostEpochs));
    }
  }
  check_enough_cases(dataset_of(api, round, studies));
  const std::string run = new_run(api, round.empty() ? "studies" : file_word(round));
  job.order["run"] = run;
  job.order["run_folder"] = (api.runs / run).string();
  call.reply(api.queue.json(api.queue.add(job)), 202);
}

/// A round has one proposing at a time; two would take its proposals from each other.
void check_no_other(Api& api, const std::string& round) {
  for (const auto& job : api.workspace.jobs()) {
    const bool open = job.state == "queued" || job.state == "running";
    if (job.kind != "propose" || !open || job.order.value("round", "") != round) continue;
    throw HttpError(409, ErrorKind::usage,
                    "annotation project " + in_quotes(round) + ": job " + std::to_string(job.id) +
                        " proposes for it already; wait or cancel it");
  }
}

void create_proposals(Api& api, Call& call) {
  const auto body = call.json_body(api.limits.json_bytes);
  check_keys(body, {"stage", "models", "restart"});
  const std::string round = call.parts.at("round");
  AnnotationStore store(round_folder(api, round));
  const int64_t stage = number_of(body, "stage");
  if (stage > 2) refuse_key("stage", "1 (cases with masks by hand) or 2 (those without a mask)");
  auto models = ordered_json::array();
  const auto named = body.value("models", ordered_json());
  if (!named.is_array() || named.empty() || named.size() > 25) {
    refuse_key("models", "1 to 25 names of /api/v1/models");
  }
  for (const auto& name : named) {
    if (!name.is_string()) refuse_key("models", "1 to 25 names of /api/v1/models");
    models.push_back(model_word(api, "models", name.get<std::string>()));
  }
  check_no_other(api, round);
  cases_of_stage(store, stage);
  JobRecord job;
  job.kind = "propose";
  job.order = {{"round", round},
               {"stage", stage},
               {"models", models},
               {"restart", body.value("restart", ordered_json(false)) == true}};
  call.reply(api.queue.json(api.queue.add(job)), 202);
}

}  // namespace

void add_training_routes(Api& api, std::vector<Route>& routes) {
  const auto add = [&](const char* pattern, void (*handler)(Api&, Call&)) {
    routes.push_back({"POST", pattern, [&api, handler](Call& call) { handler(api, call); }});
  };
  add("/trainings", create_training);
  add("/rounds/{round}/proposals", create_proposals);
}

}  // namespace groundglass
