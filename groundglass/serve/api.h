#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "groundglass/serve/access.h"
#include "groundglass/serve/assistant.h"
#include "groundglass/serve/events_hub.h"
#include "groundglass/serve/job_queue.h"
#include "groundglass/serve/limits.h"
#include "groundglass/serve/router.h"
#include "groundglass/serve/workspace.h"

namespace groundglass {

struct Site;

/// What handlers share. Lives as long as the server.
struct Api {
  Workspace& workspace;
  EventHub& events;
  JobQueue& queue;
  Assistant& assistant;
  ServeLimits limits;
  std::filesystem::path runs;  ///< folder of trainings, shown read-only
  bool show_identity = false;
  std::shared_ptr<const Site> site = {};  ///< whose destinations may be sent to; null for none
  std::atomic<int64_t> streams = 0;       ///< event streams that are open
  std::mutex adding = {};                 ///< files become part of a study one after the other
};

/// All routes below /api/v1, but for the document itself, which is one of the embedded files. The
/// Api must outlive them.
std::vector<Route> api_routes(Api& api);

// The parts of it.
void add_study_routes(Api& api, std::vector<Route>& routes);
void add_job_routes(Api& api, std::vector<Route>& routes);
void add_result_routes(Api& api, std::vector<Route>& routes);
void add_comparison_routes(Api& api, std::vector<Route>& routes);
void add_run_routes(Api& api, std::vector<Route>& routes);
void add_round_routes(Api& api, std::vector<Route>& routes);
void add_training_routes(Api& api, std::vector<Route>& routes);
void add_pacs_routes(Api& api, std::vector<Route>& routes);

}  // namespace groundglass
