#include "groundglass/pacs/commitment.h"

#include <array>
#include <cstdio>
#include <memory>
#include <random>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/scu.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_identity.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr Uint16 kRequestCommitment = 1;  // action type

class Requestor final : public DcmSCU {
 public:
  OFCondition secure(DcmTransportLayer* layer) { return useSecureConnection(layer); }
};

std::string hexadecimal(unsigned value) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "0x%04X", value);
  return text.data();
}

/// FailureReason (PS3.3, C.14.1.1).
std::string reason_text(Uint16 reason) {
  const char* words = "refused";
  if (reason == 0x0110) words = "processing failure";
  if (reason == 0x0112) words = "no such object instance";
  if (reason == 0x0213) words = "resource limitation";
  if (reason == 0x0122) words = "class not supported";
  if (reason == 0x0119) words = "class and instance conflict";
  if (reason == 0x0131) words = "duplicate transaction";
  return std::string(words) + " (" + hexadecimal(reason) + ")";
}

/// A UID that no other request has.
std::string fresh_uid() {
  std::random_device device;
  std::string noise;
  for (int i = 0; i < 8; ++i) noise += std::to_string(device()) + "|";
  return hashed_uid("groundglass", noise);
}

void add_file(DcmItem& request, const fs::path& path) {
  DcmFileFormat file;
  const OFCondition read = file.loadFileUntilTag(path.c_str(), EXS_Unknown, EGL_noChange,
                                                 DCM_MaxReadLength, ERM_autoDetect, DCM_StudyDate);
  if (read.bad()) refuse(path, std::string("is no DICOM file (") + read.text() + ")");
  DcmDataset& data = *file.getDataset();
  add_reference(request, DCM_ReferencedSOPSequence, text_of(data, DCM_SOPClassUID),
                text_of(data, DCM_SOPInstanceUID));
}

}  // namespace

CommitmentReport commitment_report(DcmItem& data) {
  CommitmentReport report;
  report.transaction = text_of(data, DCM_TransactionUID);
  for (long i = 0; DcmItem* item = item_of(data, DCM_ReferencedSOPSequence, i); ++i) {
    report.kept.push_back(text_of(*item, DCM_ReferencedSOPInstanceUID));
  }
  for (long i = 0; DcmItem* item = item_of(data, DCM_FailedSOPSequence, i); ++i) {
    Uint16 reason = 0;
    item->findAndGetUint16(DCM_FailureReason, reason);
    report.not_kept.push_back({text_of(*item, DCM_ReferencedSOPInstanceUID), reason_text(reason)});
  }
  return report;
}

CommitmentRequest ask_commitment(const Destination& to, const std::string& calling_ae,
                                 const TlsFiles& tls, const std::vector<fs::path>& files,
                                 int wait_seconds) {
  if (!to.url.empty()) {
    fail(ErrorKind::usage, in_quotes(to.name) +
                               " is a DICOMweb service, which promises nothing; commitment is "
                               "asked of a DICOM node (ae, host and port)");
  }
  prepare_dicom_network();
  CommitmentRequest request{fresh_uid()};
  DcmDataset asked;
  put_text(asked, DCM_TransactionUID, request.transaction);
  for (const auto& file : files) add_file(asked, file);

  std::shared_ptr<DcmTransportLayer> layer;
  if (to.tls) layer = tls_layer(tls, NetworkSide::requests);
  Requestor scu;
  scu.setAETitle(calling_ae.c_str());
  scu.setPeerAETitle(to.ae.c_str());
  scu.setPeerHostName(to.host.c_str());
  scu.setPeerPort(static_cast<Uint16>(to.port));
  scu.setACSETimeout(30);
  scu.setDIMSETimeout(60);
  scu.setDIMSEBlockingMode(DIMSE_NONBLOCKING);
  if (layer) scu.secure(layer.get());
  OFList<OFString> syntaxes;
  syntaxes.push_back(UID_LittleEndianExplicitTransferSyntax);
  syntaxes.push_back(UID_LittleEndianImplicitTransferSyntax);
  scu.addPresentationContext(UID_StorageCommitmentPushModelSOPClass, syntaxes);
  const std::string where = to.ae + "@" + to.host + ":" + std::to_string(to.port);
  const auto check = [&](const OFCondition& good) {
    if (good.bad()) fail(ErrorKind::data, where + ": no storage commitment: " + good.text());
  };
  check(scu.initNetwork());
  check(scu.negotiateAssociation());
  const auto context = scu.findPresentationContextID(UID_StorageCommitmentPushModelSOPClass, "");
  Uint16 status = 0;
  check(scu.sendACTIONRequest(context, UID_StorageCommitmentPushModelSOPInstance,
                              kRequestCommitment, &asked, status));
  if (status != STATUS_Success) {
    scu.releaseAssociation();
    fail(ErrorKind::data,
         where + ": refuses storage commitment with status " + hexadecimal(status));
  }
  DcmDataset* answer = nullptr;
  Uint16 event = 0;
  const OFCondition reported = scu.handleEVENTREPORTRequest(answer, event, wait_seconds);
  const std::unique_ptr<DcmDataset> owned(answer);
  if (reported.good() && answer != nullptr) request.report = commitment_report(*answer);
  if (scu.isConnected()) scu.releaseAssociation();
  return request;
}

}  // namespace groundglass
