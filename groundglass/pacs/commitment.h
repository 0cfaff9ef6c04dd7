#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/pacs/send.h"

class DcmItem;

namespace groundglass {

/// An object that a PACS does not promise to keep.
struct NotKept {
  std::string sop_instance;
  std::string reason;  ///< "no such object instance (0x0112)"
};

/// What a PACS promises of objects that it was sent (Storage Commitment Push Model, PS3.4, annex
/// J): it keeps them, or does not.
struct CommitmentReport {
  std::string transaction;        ///< UID of the request
  std::vector<std::string> kept;  ///< SOP instance UIDs
  std::vector<NotKept> not_kept;
};

/// The data set of an N-EVENT-REPORT.
CommitmentReport commitment_report(DcmItem& data);

/// A request for commitment, and its report if that came on the same association; else it comes
/// later, on an association that the PACS opens to our listener.
struct CommitmentRequest {
  std::string transaction;
  std::optional<CommitmentReport> report = {};
};

/// Asks a DICOM node (N-ACTION) to promise that it keeps files, which it was sent before, and waits
/// `wait_seconds` (1 or more) for a report on the same association.
///
/// Throws Error(data) if the node is not there, offers no commitment or refuses, and for files that
/// are no DICOM; Error(usage) for a DICOMweb service, which has none.
CommitmentRequest ask_commitment(const Destination& to, const std::string& calling_ae,
                                 const TlsFiles& tls,
                                 const std::vector<std::filesystem::path>& files,
                                 int wait_seconds = 3);

}  // namespace groundglass
