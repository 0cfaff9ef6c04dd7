#pragma once

#include <filesystem>
#include <functional>

#include <nlohmann/json.hpp>

#include "groundglass/core/events.h"
#include "groundglass/runs/run_settings.h"

namespace groundglass {

/// Takes what a job has to say; each is one object:
///   {"progress": {what, done, total}}, {"note": text}, {"result": {..}} (see orders.h),
///   {"partial": {image, slices}}, {"error": text, "kind": word}
using Teller = std::function<void(const nlohmann::ordered_json&)>;

/// What one job of `serve` is done with: files of the order, and how networks run.
struct Work {
  nlohmann::ordered_json order;
  RunSettings settings;
  Teller tell;
  Observer& observer;  ///< that passes events on to `tell`

  std::filesystem::path folder() const;     ///< of the job, there already
  std::string text(const char* key) const;  ///< of the order; empty if it is null
  void result(const nlohmann::ordered_json& value) const;
};

/// Does the job of an order file (written by order_of()) and tells what comes of it. Throws as the
/// functions do that it calls: those of `predict`, `explain`, `report`, `train` and `annotate`.
void run_order(const std::filesystem::path& order, const RunSettings& settings, const Teller& tell);

// The kinds of jobs.
void do_import(const Work& work);
void do_predict(const Work& work);
void do_explain(const Work& work);
void do_report(const Work& work);
void do_measure(const Work& work);
void do_export(const Work& work);
void do_train(const Work& work);
void do_propose(const Work& work);
void do_send(const Work& work);
void do_fetch(const Work& work);

/// An nnU-Net folder of the order's cases as one archive, a file of the job: of the volumes or,
/// where there are none, of the pictures.
std::filesystem::path export_training_set(const Work& work);

struct OrderedImage;
/// The DICOM segmentation ("seg") or report ("sr") of the order's version as a file of the job.
std::filesystem::path write_dicom_object(const Work& work, const OrderedImage& image,
                                         const std::string& format);

}  // namespace groundglass
