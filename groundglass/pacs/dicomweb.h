#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/pacs/send.h"

namespace groundglass {

/// What is asked of a PACS; empty words match everything.
struct StudyQuery {
  std::string study, series;    ///< UIDs
  std::string patient;          ///< PatientID
  std::string accession;        ///< AccessionNumber
  std::string date;             ///< StudyDate, "20260131" or "20260101-20260131"
  std::string modality = "CT";  ///< of the series
};

/// A series that a PACS has.
struct FoundSeries {
  std::string study, series, modality;
  int64_t images = 0;  ///< 0 if it is not told

  bool operator==(const FoundSeries&) const = default;
};

/// A DICOMweb service (PS3.18). Throws Error(data) with the service's status where it answers with
/// a failure or not at all, Error(usage) for a token that cannot be read.
class DicomWeb {
 public:
  DicomWeb(const Destination& service, const TlsFiles& tls);
  ~DicomWeb();

  /// STOW-RS of one file in one request; its problem or warning is filled in.
  void store(SentFile& file);

  /// QIDO-RS.
  std::vector<FoundSeries> find(const StudyQuery& query);

  /// WADO-RS of a series: each object goes to a file <n>.part in `folder`, which is returned.
  /// Throws Error(data) besides if the answer ends too early.
  std::vector<std::filesystem::path> retrieve(const FoundSeries& series,
                                              const std::filesystem::path& folder);

  /// "" or why it does not answer.
  std::string why_unreachable();

 private:
  class Client;
  std::unique_ptr<Client> client_;
};

}  // namespace groundglass
