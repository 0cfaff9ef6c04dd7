#include "groundglass/predict/dicom_outputs.h"

#include <algorithm>
#include <functional>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_capture.h"
#include "groundglass/io/dicom_pdf.h"
#include "groundglass/io/dicom_seg.h"
#include "groundglass/io/dicom_series.h"
#include "groundglass/io/dicom_sr.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/pdf_document.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/dicom_measurements.h"
#include "groundglass/predict/segmenter.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// One segment for each class, or one for any lesion.
std::vector<SegmentMeaning> meanings_of(const CaseSummary& summary) {
  std::vector<SegmentMeaning> meanings;
  for (const auto& amount : summary.classes) {
    meanings.push_back(lesion_meaning(amount.name));
    meanings.back().colour = class_colour(amount.label);
  }
  if (meanings.empty()) meanings.push_back(lesion_meaning("Lung infection"));
  return meanings;
}

std::string title_of(const DicomSource& source) {
  return source.is_projection() ? "Lung infection on chest X-ray" : "Lung infection on CT";
}

/// "12.5 ml", "-512.3 HU", "3" of a score.
std::string amount_of(const MeasuredQuantity& q) {
  const bool score = q.unit.value == "{score}", pixels = q.unit.value == "{pixels}";
  const std::string number = fixed(q.value, score || pixels ? 0 : 1);
  if (score) return number;
  return number + (q.unit.value == "[hnsf'U]" ? " HU" : pixels ? " pixels" : " " + q.unit.value);
}

/// "right upper zone of lung"
std::string place_of(const MeasuredSite& site) {
  return lower(site.laterality.meaning) + " " + lower(site.site.meaning);
}

/// Quantities as a PDF has them: those of the whole a line each, those of places a table, a row for
/// each place. The score between lobes and zones ends a table.
void add_quantities(PdfDocument& pdf, const std::vector<MeasuredQuantity>& quantities) {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  const auto end_table = [&] {
    if (!rows.empty()) pdf.add_table("", head, rows);
    head.clear();
    rows.clear();
  };
  for (const auto& q : quantities) {
    if (!q.site) {
      end_table();
      const std::string of = q.derivation ? ", " + lower(q.derivation->meaning) : "";
      pdf.add_line(q.concept_name.meaning + of + ": " + amount_of(q));
      continue;
    }
    const std::string place = place_of(*q.site);
    if (rows.empty() || rows.back().front() != place) {
      if (rows.empty()) head = {"place"};
      rows.push_back({place});
    }
    if (rows.size() == 1) head.push_back(q.concept_name.meaning);
    rows.back().push_back(amount_of(q));
  }
  end_table();
}

/// The study on a page or two: what it is not, what there is to warn of, numbers, key slices.
std::string report_pdf(const MeasurementReport& report, const std::vector<CaptureFrame>& shown,
                       const DicomSource& source, const DicomMaker& maker) {
  PdfDocument pdf;
  pdf.add_line(title_of(source) + ", found by a network", 16);
  for (const auto& [name, said] : report.remarks) pdf.add_line(name.meaning + ": " + said);
  for (const auto& group : report.groups) {
    pdf.add_line(group.label, 12);
    add_quantities(pdf, group.quantities);
  }
  constexpr size_t kBeside = 3;
  for (size_t i = 0; i < shown.size(); i += kBeside) {
    std::vector<const std::vector<uint8_t>*> row;
    for (size_t j = i; j < std::min(i + kBeside, shown.size()); ++j) row.push_back(&shown[j].rgb);
    pdf.add_pictures(row, source.rows(), source.columns());
  }
  pdf.add_line("Made by GroundGlass " + version() + " (" + commit() + "), model " + maker.model +
                   ", weights " + maker.weights_sha256 + ", " + maker.options + ".",
               7);
  return pdf.finish();
}

/// Images that a report's Image Library lists. References take 140 bytes and more each, twice with
/// those of the evidence, which lists every image.
constexpr size_t kLibraryImages = 100;

/// The images of a case, and how each is shown on a screen.
struct CaseImages {
  std::vector<fs::path> files;
  std::function<std::vector<uint8_t>(size_t)> gray;  ///< bytes of an image, row by row
};

class CaseOfImages final : public DicomCase {
 public:
  CaseOfImages(const DicomOutputs& outputs, CaseImages images, const CaseSummary& summary,
               LungMaskMaker lungs)
      : outputs_(outputs),
        gray_(std::move(images.gray)),
        source_(images.files),
        meanings_(meanings_of(summary)),
        frames_(source_.rows(), source_.columns(), meanings_.size()),
        lung_maker_(std::move(lungs)),
        lungs_(source_.rows(), source_.columns(), lung_maker_.segments) {}

  void add_slice(const torch::Tensor& labels) override {
    frames_.add_slice(labels.contiguous().data_ptr<uint8_t>());
  }

  void add_lungs(const torch::Tensor& lungs) override {
    lungs_.add_slice(lungs.contiguous().data_ptr<uint8_t>());
  }

  std::vector<DicomObject> write(const fs::path& folder, const std::string& stem,
                                 const CaseSummary& summary) override {
    std::vector<DicomObject> written;
    if (outputs_.segmentation) {
      auto object = dicom_segmentation(source_, frames_, meanings_, outputs_.maker);
      written.push_back(save_object(object, "seg", folder, stem + "_seg.dcm"));
    }
    auto report = measurement_report(summary, meanings_, outputs_.maker);
    if (!outputs_.change.empty()) {
      report.remarks.emplace_back(own_code("change", "Change since the study before"),
                                  outputs_.change);
    }
    report.earlier = outputs_.earlier;
    const size_t images = source_.images().size();
    if (images > kLibraryImages) {
      report.remarks.emplace_back(own_code("library", "Image Library"),
                                  "Lists " + std::to_string(kLibraryImages) + " of " +
                                      std::to_string(images) +
                                      " images, those with most lesion first; the evidence lists "
                                      "every image.");
    }
    report.library_images = key_slices(frames_.pixels_of_slices(), kLibraryImages);
    if (outputs_.report) {
      auto object = dicom_report(source_, written.front(), report, outputs_.maker);
      written.push_back(save_object(object, "sr", folder, stem + "_sr.dcm"));
    }
    if (lungs_.slices() > 0) {
      DicomMaker maker = outputs_.maker;
      maker.model = lung_maker_.model;
      maker.weights_sha256 = lung_maker_.weights_sha256;
      auto object = dicom_segmentation(source_, lungs_, lung_meanings(lungs_.frames().size()),
                                       maker, SegmentationOf::lungs);
      written.push_back(save_object(object, "lungs", folder, stem + "_lungs_seg.dcm"));
    }
    std::vector<CaptureFrame> shown;
    if (outputs_.capture || outputs_.document) shown = painted_slices();
    if (outputs_.capture && outputs_.capture_as == CaptureAs::frames) {
      auto object = dicom_capture(source_, shown, outputs_.maker);
      written.push_back(save_object(object, "sc", folder, stem + "_sc.dcm"));
    } else if (outputs_.capture) {
      const auto objects = dicom_captures(source_, shown, outputs_.maker);
      for (size_t i = 0; i < objects.size(); ++i) {
        const std::string place = (i < 9 ? "_sc_0" : "_sc_") + std::to_string(i + 1);
        written.push_back(save_object(objects[i], "sc", folder, stem + place + ".dcm"));
      }
    }
    if (outputs_.document) {
      auto object = dicom_pdf(source_, report_pdf(report, shown, source_, outputs_.maker),
                              title_of(source_) + ", research only", outputs_.maker);
      written.push_back(save_object(object, "pdf", folder, stem + "_report.dcm"));
    }
    return written;
  }

 private:
  std::vector<CaptureFrame> painted_slices() const {
    std::vector<CaptureFrame> shown;
    for (const size_t k : key_slices(frames_.pixels_of_slices())) {
      shown.push_back(painted_picture(gray_(k), k, frames_, meanings_));
      mark_sides(shown.back(), source_);
    }
    return shown;
  }

  const DicomOutputs& outputs_;
  std::function<std::vector<uint8_t>(size_t)> gray_;
  DicomSource source_;
  std::vector<SegmentMeaning> meanings_;
  SegmentFrames frames_;
  LungMaskMaker lung_maker_;
  SegmentFrames lungs_;
};

}  // namespace

std::string DicomOutputs::words() const {
  std::vector<std::string> words;
  if (segmentation) words.emplace_back("seg");
  if (lungs) words.emplace_back("lungs");
  if (report) words.emplace_back("sr");
  if (capture) words.emplace_back("sc");
  if (document) words.emplace_back("pdf");
  return joined(words, ",");
}

DicomOutputs parse_dicom_outputs(const std::string& words) {
  DicomOutputs outputs;
  if (words.empty()) return outputs;
  for (const auto& word : split_text(words, ',')) {
    if (word == "seg") {
      outputs.segmentation = true;
    } else if (word == "lungs") {
      outputs.lungs = true;
    } else if (word == "sr") {
      outputs.segmentation = outputs.report = true;
    } else if (word == "sc") {
      outputs.capture = true;
    } else if (word == "pdf") {
      outputs.document = true;
    } else {
      fail(ErrorKind::usage, "--dicom " + in_quotes(words) + ": " + in_quotes(word) +
                                 " is no object that can be written, expected seg, lungs, sr, sc "
                                 "or pdf, "
                                 "with commas between");
    }
  }
  return outputs;
}

std::string maker_options(std::optional<double> threshold, const std::string& precision,
                          const std::string& kept_near, const std::string& detector) {
  const std::string rule = threshold ? "threshold " + shortest(*threshold) : "likeliest class";
  const std::string cut = kept_near.empty() ? "" : ", kept near the lungs of " + kept_near;
  const std::string gate = detector.empty() ? "" : ", kept where " + detector + " finds infection";
  return rule + ", precision " + precision + cut + gate;
}

void check_are_dicom(const std::vector<PredictInput>& inputs) {
  for (const auto& input : inputs) {
    const bool series =
        input.volume && (fs::is_directory(input.path) || !is_volume_name(input.path));
    if (series || (!input.volume && !is_picture_name(input.path))) continue;
    fail(ErrorKind::usage, "--dicom: " + input.path.string() +
                               " is no DICOM series and no X-ray in DICOM, expected only these, to "
                               "whose images the objects refer; leave --dicom out");
  }
}

LungMaskMaker lung_mask_maker(const LungSource& lungs) {
  if (!lungs.network) return {};
  return {lungs.name, lungs.weights_sha256, lungs.network->classes() == 2 ? 2U : 1U};
}

std::shared_ptr<DicomCase> open_dicom_case(const DicomOutputs& outputs, const VolumeReader& reader,
                                           const CaseSummary& summary, const LungMaskMaker& lungs) {
  const auto* series = dynamic_cast<const DicomSeries*>(&reader);
  if (series == nullptr) {
    fail(ErrorKind::usage, "--dicom: " + reader.path().string() + " is no DICOM series");
  }
  CaseImages images;
  for (const auto& slice : series->slices()) images.files.push_back(slice.path);
  images.gray = [series](size_t k) {
    const auto hu = read_dicom_pixels(series->slices()[k], torch::kFloat32).contiguous();
    const float* first = hu.data_ptr<float>();
    return in_lung_window({first, first + hu.numel()});
  };
  return std::make_shared<CaseOfImages>(outputs, std::move(images), summary, lungs);
}

std::shared_ptr<DicomCase> open_dicom_picture(const DicomOutputs& outputs, const fs::path& file,
                                              const Image& picture, const CaseSummary& summary) {
  const auto bytes = (picture.pixels[0].to(torch::kFloat32) * (255 / picture.white))
                         .round()
                         .clamp(0, 255)
                         .to(torch::kUInt8)
                         .contiguous();
  CaseImages images{{file}, [bytes](size_t) {
                      const auto* first = bytes.data_ptr<uint8_t>();
                      return std::vector<uint8_t>(first, first + bytes.numel());
                    }};
  return std::make_shared<CaseOfImages>(outputs, std::move(images), summary, LungMaskMaker{});
}

}  // namespace groundglass
