#include "groundglass/predict/dicom_of_results.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_series.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

ordered_json read_results(const fs::path& path) {
  if (!fs::is_regular_file(path)) {
    fail(ErrorKind::data, path.parent_path().string() +
                              ": holds no summary.json, expected an output folder of predict");
  }
  auto document = ordered_json::parse(read_file(path), nullptr, false);
  if (!document.is_object() || !document.contains("cases")) {
    fail(ErrorKind::data, path.string() + ": is damaged, expected what predict writes");
  }
  return document;
}

void take_maker(DicomMaker& maker, const ordered_json& document) {
  maker.model = document.at("model");
  maker.weights_sha256 = document.at("weights_sha256");
  maker.caution = document.value("caution", "");
  const auto& threshold = document.at("threshold");
  const auto detector = document.value("detector", ordered_json());
  maker.options =
      maker_options(threshold.is_null() ? std::nullopt : std::optional(threshold.get<double>()),
                    document.at("precision"),
                    document.value("outside_lungs", ordered_json::object()).value("lungs", ""),
                    detector.is_object() ? detector.at("name").get<std::string>() : "");
  set_to_now(maker);
}

bool is_volume(const CaseSummary& summary) {
  return summary.size.size() == 3;
}

bool is_dicom(const CaseSummary& summary, const fs::path& source) {
  if (!is_volume(summary)) return !is_picture_name(source);
  return fs::is_directory(source) || !is_volume_name(source);
}

/// Class numbers of a stored mask, [D,H,W] or [H,W].
torch::Tensor labels_of(const fs::path& mask, const CaseSummary& summary) {
  if (is_volume(summary)) return read_label_volume(mask).labels.contiguous();
  const auto labels = read_mask_picture(mask);
  if (summary.classes.empty()) return (labels != 0).to(torch::kUInt8);
  if ((labels == 255).any().item<bool>()) {
    fail(ErrorKind::data, mask.string() +
                              ": holds 255 for any class, expected class numbers, which "
                              "predict --classes writes");
  }
  return labels.contiguous();
}

/// Throws where numbers of the summary would not be those of the mask.
void check_mask(const torch::Tensor& labels, const CaseSummary& summary, const fs::path& mask) {
  if (labels.sizes() != torch::IntArrayRef(summary.size)) {
    fail(ErrorKind::data, mask.string() + ": is " + shape_text(labels) +
                              ", expected the size that summary.json says, " +
                              shape_text(torch::empty(summary.size)));
  }
  const int64_t lesion = (labels != 0).sum().item<int64_t>();
  if (lesion == summary.lesion_pixels) return;
  fail(ErrorKind::data, mask.string() + ": holds " + std::to_string(lesion) +
                            " lesion pixels, expected the " +
                            std::to_string(summary.lesion_pixels) +
                            " that summary.json was measured on; predict again");
}

void check_source(const fs::path& file, const CaseSummary& summary, const fs::path& source) {
  const std::string &was = summary.acquisition.source_uid, is = read_acquisition(file).source_uid;
  if (was.empty() || was == is) return;
  fail(ErrorKind::data, source.string() + ": is not what was segmented: its UID ends in " +
                            is.substr(is.size() - std::min<size_t>(is.size(), 12)) + ", expected " +
                            was.substr(was.size() - std::min<size_t>(was.size(), 12)));
}

/// Beside the mask, with --save-lungs.
fs::path lungs_beside(const fs::path& mask) {
  std::string name = mask.string();
  return name.replace(name.size() - std::string("_mask.nii.gz").size(), std::string::npos,
                      "_lungs.nii.gz");
}

void add_lungs(DicomCase& objects, const CaseSummary& summary, const fs::path& mask) {
  if (!summary.right_lung_ml && (summary.lungs.empty() || summary.lungs == "threshold")) return;
  const fs::path file = lungs_beside(mask);
  if (!fs::is_regular_file(file)) {
    fail(ErrorKind::data, file.string() +
                              ": is not there, expected the lungs that predict --save-lungs "
                              "writes; leave lungs out of --dicom, or predict again");
  }
  const auto lungs = read_label_volume(file).labels.contiguous();
  if (lungs.sizes() != torch::IntArrayRef(summary.size)) {
    fail(ErrorKind::data,
         file.string() + ": is " + shape_text(lungs) + ", expected the size of its mask");
  }
  for (int64_t k = 0; k < lungs.size(0); ++k) objects.add_lungs(lungs[k]);
}

std::vector<DicomObject> objects_of_case(const DicomOutputs& outputs, const ordered_json& document,
                                         const CaseSummary& summary, const fs::path& folder,
                                         const fs::path& source) {
  if (!fs::exists(source)) {
    fail(ErrorKind::data, source.string() + ": the images of " + summary.output +
                              " are not there; say where they lie now (--source)");
  }
  const fs::path mask = folder / summary.output;
  if (!fs::is_regular_file(mask)) {
    fail(ErrorKind::data, mask.string() + ": the mask that summary.json names is not there");
  }
  const auto labels = labels_of(mask, summary);
  check_mask(labels, summary, mask);
  const std::string& name = summary.output;
  const std::string stem = name.substr(0, name.rfind("_mask."));
  if (!is_volume(summary)) {
    check_source(source, summary, source);
    const auto objects = open_dicom_picture(outputs, source, read_picture(source), summary);
    objects->add_slice(labels);
    return objects->write(folder, stem, summary);
  }
  const auto reader = open_volume(source, UnitsAsked::hu);
  const auto* series = dynamic_cast<const DicomSeries*>(reader.get());
  if (series != nullptr) check_source(series->slices().front().path, summary, source);
  const auto& info = reader->info();
  if (labels.sizes() != torch::IntArrayRef({info.depth, info.height, info.width})) {
    fail(ErrorKind::data, mask.string() + ": is " + shape_text(labels) + ", the series " +
                              source.string() + " of another size");
  }
  LungMaskMaker lungs;
  lungs.model = summary.lungs;
  const auto& lung_weights = document.at("lungs").at("weights_sha256");
  if (lung_weights.is_string()) lungs.weights_sha256 = lung_weights;
  lungs.segments = summary.right_lung_ml ? 2 : 1;
  const auto objects = open_dicom_case(outputs, *reader, summary, lungs);
  for (int64_t k = 0; k < labels.size(0); ++k) objects->add_slice(labels[k]);
  if (outputs.lungs) add_lungs(*objects, summary, mask);
  return objects->write(folder, stem, summary);
}

/// Takes over what `report --before` noted of a case.
void take_change(const ordered_json& found, DicomOutputs& outputs, CaseSummary& summary) {
  const auto change = found.find("change");
  if (change == found.end() || !change->is_object()) return;
  outputs.change = change->at("sentence");
  for (const auto& warning : change->at("warnings")) {
    summary.warnings.push_back("compared with the study before: " + warning.get<std::string>());
  }
  const auto before = change->find("before_report");
  if (before == change->end() || !before->is_object()) return;
  outputs.earlier = EarlierObject{before->at("study"), before->at("series"),
                                  before->at("sop_class"), before->at("sop_instance")};
}

/// Objects replace those of the same file in the list.
void list_objects(ordered_json& found, const std::vector<DicomObject>& written) {
  CaseSummary summary = case_summary_of(found);
  for (const auto& object : written) {
    const auto same = [&](const DicomObject& other) { return other.file == object.file; };
    summary.objects.erase(std::remove_if(summary.objects.begin(), summary.objects.end(), same),
                          summary.objects.end());
    summary.objects.push_back(object);
  }
  found["dicom_objects"] = case_json(summary).at("dicom_objects");
}

}  // namespace

std::vector<ResultObjects> write_dicom_of_results(const fs::path& folder, DicomOutputs outputs,
                                                  const fs::path& source) {
  const fs::path path = folder / "summary.json";
  ordered_json document = read_results(path);
  take_maker(outputs.maker, document);
  const std::string made_by =
                        document.value("version", "") + " (" + document.value("commit", "") + ")",
                    ours = std::string(version()) + " (" + commit() + ")";
  std::vector<std::pair<CaseSummary, ordered_json*>> cases;
  for (auto& found : document["cases"]) {
    CaseSummary summary = case_summary_of(found);
    if (is_dicom(summary, source.empty() ? fs::path(summary.input) : source)) {
      cases.emplace_back(std::move(summary), &found);
    }
  }
  if (cases.empty()) {
    fail(ErrorKind::data, path.string() +
                              ": names no case made of DICOM images, expected one to whose images "
                              "objects can refer");
  }
  if (!source.empty() && cases.size() != 1) {
    fail(ErrorKind::data, path.string() + ": names " + std::to_string(cases.size()) +
                              " cases, expected one where --source is given");
  }
  std::vector<ResultObjects> all;
  for (auto& [summary, found] : cases) {
    take_change(*found, outputs, summary);
    if (made_by != ours) {
      summary.warnings.push_back("the mask was made by GroundGlass " + made_by +
                                 ", this object by " + ours);
    }
    all.push_back(
        {summary.input, objects_of_case(outputs, document, summary, folder,
                                        source.empty() ? fs::path(summary.input) : source)});
    list_objects(*found, all.back().objects);
  }
  write_file(path, json_text(document, 1) + "\n");
  return all;
}

}  // namespace groundglass
