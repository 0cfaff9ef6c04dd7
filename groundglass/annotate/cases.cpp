#include "groundglass/annotate/cases.h"

#include <mutex>
#include <set>

#include "groundglass/annotate/project_files.h"
#include "groundglass/core/error.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/data/problems.h"
#include "groundglass/data/read_pair.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

std::string size_text(int64_t height, int64_t width) {
  return std::to_string(height) + " x " + std::to_string(width);
}

}  // namespace

std::vector<AnnotationCase> cases_of(const Dataset& dataset, const DataOptions& data,
                                     int64_t threads, Observer& observer) {
  std::vector<AnnotationCase> cases;
  std::set<std::string> files;
  for (const auto& row : dataset.rows) {
    AnnotationCase c;
    c.id = static_cast<int64_t>(cases.size()) + 1;
    c.name = row.id;
    c.file = file_word(row.id);
    if (!files.insert(c.file).second) files.insert(c.file += "-" + std::to_string(c.id));
    c.study = row.case_id;
    c.patient = row.patient;
    c.domain = row.domain;
    c.image = fs::absolute(row.image).lexically_normal();
    if (!row.mask.empty()) c.manual = fs::absolute(row.mask).lexically_normal();
    cases.push_back(std::move(c));
  }
  Problems problems;
  std::mutex speaking;
  int64_t done = 0;
  const auto n = static_cast<int64_t>(cases.size());
  parallel_for_each(n, threads > 0 ? threads : usable_processors(), [&](int64_t i) {
    auto& c = cases[static_cast<size_t>(i)];
    try {
      if (is_volume_name(c.image)) {
        fail(ErrorKind::data, c.image.string() + ": is a volume; annotation works on pictures");
      }
      const auto pair = read_picture_pair(dataset.rows[static_cast<size_t>(i)], data);
      c.height = pair.image.pixels.size(1);
      c.width = pair.image.pixels.size(2);
      const std::lock_guard lock(speaking);
      for (const auto& text : pair.image.warnings) observer.on(Warning{text});
    } catch (const Error& e) {
      problems.add(e.what());
    }
    const std::lock_guard lock(speaking);
    observer.on(Progress{"images", ++done, n, ""});
  });
  problems.refuse(dataset.source.string());
  return cases;
}

torch::Tensor read_case_mask(const fs::path& path, const AnnotationCase& of,
                             const DataOptions& data) {
  std::vector<std::string> told;  // when the project was begun
  const auto stored = path == of.manual
                          ? read_mask_of_picture(path, of.image, of.height, of.width, told)
                          : read_mask_picture(path);
  if (stored.size(0) != of.height || stored.size(1) != of.width) {
    fail(ErrorKind::data, path.string() + ": is " + size_text(stored.size(0), stored.size(1)) +
                              " and the image of " + of.name + " is " +
                              size_text(of.height, of.width) + " (height x width)");
  }
  return known_labels(stored, data, path.string());
}

torch::Tensor stored_mask(const torch::Tensor& labels, const DataOptions& data) {
  if (data.labels == MaskLabels::classes) return labels;
  return ((labels != 0) * 255).to(torch::kUInt8);
}

torch::Tensor read_gray(const AnnotationCase& of) {
  const Image image = read_picture(of.image);
  if (image.pixels.scalar_type() == torch::kUInt8) return image.pixels[0];
  return (image.pixels[0] * (255 / image.white)).round().clamp(0, 255).to(torch::kUInt8);
}

AnnotationStore begin_project(const std::string& dataset, const std::filesystem::path& project,
                              const DataOptions& data, int64_t threads, Observer& observer,
                              const UncertainOptions& uncertain) {
  const Dataset read = uncertain_images(read_dataset(dataset, {data.mask}), uncertain);
  for (const auto& text : read.warnings) observer.on(Warning{text});
  return AnnotationStore::create(project, {dataset, data}, cases_of(read, data, threads, observer));
}

}  // namespace groundglass
