#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "groundglass/io/dicom_identity.h"

namespace groundglass {

/// Codes of our own: scheme 99GROUNDGLASS, which each report declares.
DicomCode own_code(const std::string& value, const std::string& meaning);

/// Where in the body a quantity was measured.
struct MeasuredSite {
  DicomCode site;
  DicomCode laterality;
};

/// A number with its unit.
struct MeasuredQuantity {
  DicomCode concept_name;
  double value = 0;
  DicomCode unit;
  std::optional<DicomCode> derivation = {};  ///< mean, standard deviation
  std::optional<MeasuredSite> site = {};     ///< if another than the group's
};

/// What was measured of one segment.
struct MeasurementGroup {
  int segment = 1;  ///< of the segmentation
  std::string label;
  DicomCode finding;
  std::vector<MeasuredQuantity> quantities;
};

/// An object of another study, as references name it.
struct EarlierObject {
  std::string study, series, sop_class, sop_instance;
};

/// The UIDs of a DICOM file. Throws Error(data) if it is none.
EarlierObject read_earlier_object(const std::filesystem::path& file);

/// What a report says.
struct MeasurementReport {
  std::vector<MeasurementGroup> groups;  ///< in the order of the segments
  std::vector<std::pair<DicomCode, std::string>> remarks;
  /// Of the source, from 0: those that the Image Library lists; empty for all. The evidence names
  /// all in any case.
  std::vector<size_t> library_images = {};
  /// The report that a change was measured from: it goes into the pertinent other evidence.
  std::optional<EarlierObject> earlier = {};
};

/// An Enhanced SR (1.2.840.10008.5.1.4.1.1.88.22) by template TID 1500 on a source series and its
/// segmentation, which may be nothing (an empty DicomObject) where there are no groups: then it is
/// said why in the remarks. Complete and unverified, always. Name and version of the algorithm
/// stand in each group, and again in the numbers that have neither derivation nor site: viewers
/// refuse numbers without children.
DicomFile dicom_report(const DicomSource& source, const DicomObject& segmentation,
                       const MeasurementReport& report, const DicomMaker& maker);

}  // namespace groundglass
