#include "groundglass/pacs/send.h"

#include <array>
#include <cstdio>
#include <map>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/dstorscu.h>
#include <dcmtk/dcmnet/scu.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/io/refuse.h"
#include "groundglass/pacs/dicomweb.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr Uint32 kDimseAnswerSeconds = 60;

std::string status_text(uint16_t status) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "0x%04X", static_cast<unsigned>(status));
  return text.data();
}

/// DCMTK's sender, which notes what became of each file.
class Sender final : public DcmStorageSCU {
 public:
  std::map<std::string, SentFile> outcomes;  // by path

  OFCondition secure(DcmTransportLayer* layer) { return useSecureConnection(layer); }

 protected:
  void notifySOPInstanceSent(const TransferEntry& entry) override {
    SentFile& sent = outcomes[entry.Filename.getCharPointer()];
    const Uint16 status = entry.ResponseStatusCode;
    if (!entry.RequestSent) {
      sent.problem = "was not sent: no way to send its class or encoding was accepted";
    } else if ((status & 0xf000) == 0xb000) {
      sent.warning = "taken with status " + status_text(status);
      sent.problem.clear();
    } else if (status != STATUS_Success) {
      sent.problem = "refused with status " + status_text(status);
    } else {
      sent.problem.clear();
    }
  }
};

/// Sets up a requestor; the TLS layer must outlive it.
template <class Scu>
void address(Scu& scu, const Destination& to, const std::string& calling_ae) {
  scu.setAETitle(calling_ae.c_str());
  scu.setPeerAETitle(to.ae.c_str());
  scu.setPeerHostName(to.host.c_str());
  scu.setPeerPort(static_cast<Uint16>(to.port));
  scu.setACSETimeout(30);
  scu.setDIMSETimeout(kDimseAnswerSeconds);
  scu.setDIMSEBlockingMode(DIMSE_NONBLOCKING);
  scu.setMaxReceivePDULength(128U << 10);
}

std::string node_text(const Destination& to) {
  return to.ae + "@" + to.host + ":" + std::to_string(to.port);
}

SentFile described(const fs::path& path) {
  prepare_dicom_network();
  DcmFileFormat file;
  const OFCondition read = file.loadFileUntilTag(path.c_str(), EXS_Unknown, EGL_noChange,
                                                 DCM_MaxReadLength, ERM_autoDetect, DCM_PixelData);
  if (read.bad()) refuse(path, std::string("is no DICOM file (") + read.text() + ")");
  return {path, text_of(*file.getDataset(), DCM_SOPInstanceUID), "was not reached", ""};
}

std::vector<SentFile> store_by_dimse(const Destination& to, const std::string& calling_ae,
                                     const TlsFiles& tls, std::vector<SentFile> files) {
  std::shared_ptr<DcmTransportLayer> layer;
  if (to.tls) layer = tls_layer(tls, NetworkSide::requests);
  Sender scu;
  address(scu, to, calling_ae);
  if (layer) scu.secure(layer.get());
  scu.setHaltOnUnsuccessfulStoreMode(OFFalse);
  scu.setHaltOnInvalidFileMode(OFFalse);
  for (const auto& file : files) {
    scu.outcomes[file.file.string()] = file;
    const OFCondition added = scu.addDicomFile(file.file.c_str());
    if (added.bad()) {
      scu.outcomes[file.file.string()].problem = std::string("cannot be sent: ") + added.text();
    }
  }
  OFCondition good = EC_Normal;
  // More presentation contexts than an association may have take several associations.
  for (size_t i = 0; i < files.size() && good.good(); ++i) {
    if (scu.getNumberOfSOPInstancesToBeSent() == 0) break;
    good = scu.addPresentationContexts();  // before the network, which asks for them
    if (good.good()) good = scu.initNetwork();
    if (good.good()) good = scu.negotiateAssociation();
    if (good.bad()) break;
    good = scu.sendSOPInstances();
    good.good() ? scu.releaseAssociation() : scu.abortAssociation();
  }
  for (auto& file : files) {
    file = scu.outcomes[file.file.string()];
    if (file.problem == "was not reached" && good.bad()) {
      file.problem = node_text(to) + ": " + good.text();
    }
  }
  return files;
}

class Echo final : public DcmSCU {
 public:
  OFCondition secure(DcmTransportLayer* layer) { return useSecureConnection(layer); }
};

}  // namespace

std::vector<SentFile> send_files(const Destination& to, const std::string& calling_ae,
                                 const TlsFiles& tls, const std::vector<fs::path>& files) {
  std::vector<SentFile> described_files;
  described_files.reserve(files.size());
  for (const auto& file : files) described_files.push_back(described(file));
  if (to.url.empty()) return store_by_dimse(to, calling_ae, tls, std::move(described_files));
  DicomWeb web(to, tls);
  for (auto& file : described_files) web.store(file);
  return described_files;
}

std::string why_unreachable(const Destination& to, const std::string& calling_ae,
                            const TlsFiles& tls) {
  if (!to.url.empty()) return DicomWeb(to, tls).why_unreachable();
  prepare_dicom_network();
  std::shared_ptr<DcmTransportLayer> layer;
  if (to.tls) layer = tls_layer(tls, NetworkSide::requests);
  Echo scu;
  address(scu, to, calling_ae);
  scu.setACSETimeout(10);
  scu.setConnectionTimeout(10);
  if (layer) scu.secure(layer.get());
  OFList<OFString> syntaxes;
  syntaxes.push_back(UID_LittleEndianImplicitTransferSyntax);
  scu.addPresentationContext(UID_VerificationSOPClass, syntaxes);
  OFCondition good = scu.initNetwork();
  if (good.good()) good = scu.negotiateAssociation();
  if (good.good()) {
    good = scu.sendECHORequest(0);
    scu.releaseAssociation();
  }
  return good.good() ? "" : node_text(to) + ": " + good.text();
}

}  // namespace groundglass
