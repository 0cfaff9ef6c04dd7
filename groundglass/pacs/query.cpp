#include "groundglass/pacs/query.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/scu.h>

#include "groundglass/core/error.h"
#include "groundglass/io/dicom_items.h"

namespace groundglass {
namespace {

class Asking final : public DcmSCU {
 public:
  Asking(const Destination& node, const std::string& calling_ae, const TlsFiles& tls,
         const char* model)
      : where_(node.ae + "@" + node.host + ":" + std::to_string(node.port)), model_(model) {
    prepare_dicom_network();
    if (node.tls) layer_ = tls_layer(tls, NetworkSide::requests);
    setAETitle(calling_ae.c_str());
    setPeerAETitle(node.ae.c_str());
    setPeerHostName(node.host.c_str());
    setPeerPort(static_cast<Uint16>(node.port));
    setACSETimeout(30);
    setDIMSETimeout(120);
    setDIMSEBlockingMode(DIMSE_NONBLOCKING);
    if (layer_) useSecureConnection(layer_.get());
    OFList<OFString> syntaxes;
    syntaxes.push_back(UID_LittleEndianExplicitTransferSyntax);
    syntaxes.push_back(UID_LittleEndianImplicitTransferSyntax);
    addPresentationContext(model, syntaxes);
    check(initNetwork());
    check(negotiateAssociation());
  }

  ~Asking() override {
    if (isConnected()) releaseAssociation();
  }

  T_ASC_PresentationContextID context() { return findPresentationContextID(model_, ""); }

  void check(const OFCondition& good) const {
    if (good.bad()) fail(ErrorKind::data, where_ + ": " + good.text());
  }

  [[noreturn]] void refused(const char* what, Uint16 status) const {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "0x%04X", static_cast<unsigned>(status));
    fail(ErrorKind::data, where_ + ": refuses " + what + " with status " + text.data());
  }

  std::vector<DcmDataset> find(DcmDataset& keys) {
    OFList<QRResponse*> answers;
    const OFCondition asked = sendFINDRequest(context(), &keys, &answers);
    std::vector<DcmDataset> found;
    Uint16 last = 0;
    for (auto* answer : answers) {
      last = answer->m_status;
      if (answer->m_dataset != nullptr) found.push_back(*answer->m_dataset);
      delete answer;
    }
    check(asked);
    if (last != STATUS_Success) refused("a search", last);
    return found;
  }

 private:
  std::string where_;
  const char* model_;
  std::shared_ptr<DcmTransportLayer> layer_;
};

void put(DcmDataset& keys, const DcmTagKey& tag, const std::string& value) {
  keys.putAndInsertString(tag, value.c_str());
}

}  // namespace

std::vector<FoundSeries> find_by_dimse(const Destination& node, const std::string& calling_ae,
                                       const TlsFiles& tls, const StudyQuery& q) {
  Asking asking(node, calling_ae, tls, UID_FINDStudyRootQueryRetrieveInformationModel);
  DcmDataset studies;
  put(studies, DCM_QueryRetrieveLevel, "STUDY");
  put(studies, DCM_StudyInstanceUID, q.study);
  put(studies, DCM_PatientID, q.patient);
  put(studies, DCM_AccessionNumber, q.accession);
  put(studies, DCM_StudyDate, q.date);
  std::vector<FoundSeries> found;
  for (auto& study : asking.find(studies)) {
    const std::string uid = text_of(study, DCM_StudyInstanceUID);
    if (!is_uid(uid)) continue;
    DcmDataset keys;
    put(keys, DCM_QueryRetrieveLevel, "SERIES");
    put(keys, DCM_StudyInstanceUID, uid);
    put(keys, DCM_SeriesInstanceUID, q.series);
    put(keys, DCM_Modality, q.modality);
    put(keys, DCM_NumberOfSeriesRelatedInstances, "");
    for (auto& series : asking.find(keys)) {
      FoundSeries one{uid, text_of(series, DCM_SeriesInstanceUID), text_of(series, DCM_Modality),
                      std::atol(text_of(series, DCM_NumberOfSeriesRelatedInstances).c_str())};
      if (is_uid(one.series)) found.push_back(one);
    }
  }
  return found;
}

int64_t move_by_dimse(const Destination& node, const std::string& calling_ae, const TlsFiles& tls,
                      const FoundSeries& series, const std::string& move_to) {
  Asking asking(node, calling_ae, tls, UID_MOVEStudyRootQueryRetrieveInformationModel);
  DcmDataset keys;
  put(keys, DCM_QueryRetrieveLevel, "SERIES");
  put(keys, DCM_StudyInstanceUID, series.study);
  put(keys, DCM_SeriesInstanceUID, series.series);
  OFList<RetrieveResponse*> answers;
  const OFCondition asked =
      asking.sendMOVERequest(asking.context(), move_to.c_str(), &keys, &answers);
  Uint16 last = STATUS_Success;
  int64_t moved = 0, failed = 0;
  for (auto* answer : answers) {
    last = answer->m_status;
    moved = answer->m_numberOfCompletedSubops;
    failed = answer->m_numberOfFailedSubops;
    delete answer;
  }
  asking.check(asked);
  if (last != STATUS_Success || failed > 0) asking.refused("to move a series", last);
  return moved;
}

}  // namespace groundglass
