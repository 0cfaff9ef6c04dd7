#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace groundglass {

struct ComparedStudy;
enum class ComparedImage;

/// Whether two results have to say that they are of one patient.
enum class SamePatient {
  by_dicom,  ///< PatientID and its issuer stand in the results' DICOM objects
             ///< and are the same
  given,     ///< the caller knows
};

/// A number before and after; nothing where a result does not hold it.
struct BeforeAfter {
  std::optional<double> before, after;

  /// after - before, if both are there.
  std::optional<double> difference() const;
};

/// A lung zone or lobe, or a lung of an X-ray: percent of it that is infected.
struct RegionChange {
  std::string region;
  BeforeAfter share_percent;
};

/// What changed from one study of a patient to the next. Nothing is registered:
/// whole lungs and zones are compared, not places.
struct Change {
  std::string before, after;  ///< the inputs of the results
  BeforeAfter lesion_ml, lung_ml, share_percent, score;
  BeforeAfter lesion_cm2, lung_cm2;        ///< of X-rays, which have no ml
  std::optional<double> relative_percent;  ///< of verdict_by; nothing below what counts there
  std::optional<int64_t> days;
  std::vector<RegionChange> regions;  ///< lung zones, or the two lungs of X-rays
  std::vector<RegionChange> lobes;    ///< none where they were found in two ways
  BeforeAfter lobe_score;
  std::string lobes_from;  ///< who said where the lobes lie; "" without lobes
  /// "more infection", "less infection", "no clear change", or "cannot be told" of X-rays that have
  /// neither a share of the lungs nor an area in common.
  std::string verdict;
  /// The number that the verdict is about: "lesion_ml", of X-rays "share_percent" or "lesion_cm2";
  /// "" for none.
  std::string verdict_by;
  ComparedImage image = {};
  std::vector<std::string> warnings;
};

/// Compares two studies, each an output folder of predict with one volume or one chest X-ray, a
/// structured report or a segmentation (read_compared_study()). A difference within 1 ml or 10 % of
/// the first study, whichever is more, is no clear change; of X-rays, one within 2 points of the
/// share of the lungs or 20 % of it or, where one has no score, within 10 cm2 or 20 %.
///
/// Throws Error(data) with the reason: as read_compared_study(); a CT and an X-ray; different
/// patients, or patients that are not named (SamePatient::by_dicom).
Change change_between(const std::filesystem::path& before, const std::filesystem::path& after,
                      SamePatient same);

/// The change in a sentence or two, for a report: verdict, ml, share and points before and now.
std::string change_sentence(const Change& change);

/// Keeps the change under "change" in summary.json of `folder`, the later study, where its report
/// and its DICOM objects take it from. `before` is the earlier study: if it is a structured report
/// or a folder with one, that is named as well.
/// Throws Error(data) as change_between() does, of `folder`.
void keep_change(const Change& change, const std::filesystem::path& before,
                 const std::filesystem::path& folder);

/// The same of two studies that have been read; whether they are of one patient is the caller's
/// question.
Change change_of(const ComparedStudy& before, const ComparedStudy& after);

/// As scripts read it, with the definitions beside the numbers.
nlohmann::ordered_json change_json(const Change& change);

}  // namespace groundglass
