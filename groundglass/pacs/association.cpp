#include "groundglass/pacs/association.h"

#include <memory>
#include <optional>
#include <string>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/dimse.h>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"

namespace groundglass {
namespace {

class Served {
 public:
  Served(T_ASC_Association* association, const ListenerOptions& options, ImageTaker& taker,
         EndedAssociation ended)
      : association_(association), options_(options), taker_(taker), ended_(std::move(ended)) {}

  EndedAssociation serve(const std::atomic<bool>& stop) {
    double quiet_since = now_s();
    while (ended_.end.empty()) {
      T_ASC_PresentationContextID context = 0;
      T_DIMSE_Message message{};
      DcmDataset* detail = nullptr;
      const OFCondition received =
          DIMSE_receiveCommand(association_, DIMSE_NONBLOCKING, 1, &context, &message, &detail);
      delete detail;
      if (received == DIMSE_NODATAAVAILABLE) {
        if (stop) return abort("the listener ends");
        if (now_s() - quiet_since > static_cast<double>(options_.idle_seconds)) {
          return abort("silent");
        }
        continue;
      }
      if (received == DUL_PEERREQUESTEDRELEASE) {
        ASC_acknowledgeRelease(association_);
        ended_.end = "released";
      } else if (received == DUL_PEERABORTEDASSOCIATION) {
        ended_.end = "aborted by the peer";
      } else if (received.bad()) {
        return abort("broken");
      } else {
        answer(context, message);
      }
      quiet_since = now_s();
    }
    return ended_;
  }

 private:
  EndedAssociation abort(const std::string& why) {
    ASC_abortAssociation(association_);
    ended_.end = why;
    return ended_;
  }

  void answer(T_ASC_PresentationContextID context, T_DIMSE_Message& message) {
    if (message.CommandField == DIMSE_C_ECHO_RQ) {
      const auto sent = DIMSE_sendEchoResponse(association_, context, &message.msg.CEchoRQ,
                                               STATUS_Success, nullptr);
      if (sent.bad()) abort("broken");
    } else if (message.CommandField == DIMSE_C_STORE_RQ) {
      store(context, message.msg.CStoreRQ);
    } else if (message.CommandField == DIMSE_N_EVENT_REPORT_RQ) {
      take_report(context, message.msg.NEventReportRQ);
    } else {
      abort("asked for what is not offered");
    }
  }

  void store(T_ASC_PresentationContextID context, T_DIMSE_C_StoreRQ& request) {
    std::optional<uint16_t> status;
    try {
      status = received(context, request);
    } catch (const std::exception&) {  // a full disk, most of all: nothing was acknowledged
      abort("out of resources");
      return;
    }
    if (!status) {
      abort("broken");
      return;
    }
    ++(*status == kStored ? ended_.stored : ended_.refused);
    T_DIMSE_C_StoreRSP response{};
    response.DimseStatus = *status;
    if (DIMSE_sendStoreResponse(association_, context, &request, &response, nullptr).bad()) {
      abort("broken");
    }
  }

  /// Hands over what a PACS says of commitment.
  void take_report(T_ASC_PresentationContextID context, const T_DIMSE_N_EventReportRQ& request) {
    DcmDataset* received = nullptr;
    const bool whole = request.DataSetType == DIMSE_DATASET_PRESENT &&
                       DIMSE_receiveDataSetInMemory(association_, DIMSE_NONBLOCKING,
                                                    static_cast<int>(options_.idle_seconds),
                                                    &context, &received, nullptr, nullptr)
                           .good();
    const std::unique_ptr<DcmDataset> data(received);
    if (!whole || !data) {
      abort("broken");
      return;
    }
    const bool ours =
        std::string(request.AffectedSOPClassUID) == UID_StorageCommitmentPushModelSOPClass;
    Uint16 status = ours ? STATUS_Success : STATUS_N_NoSuchSOPClass;
    try {
      if (ours) taker_.committed(commitment_report(*data), ended_.peer);
    } catch (const std::exception&) {  // a full disk: the PACS may say it again
      status = STATUS_N_ProcessingFailure;
    }
    T_DIMSE_Message answer{};
    answer.CommandField = DIMSE_N_EVENT_REPORT_RSP;
    auto& response = answer.msg.NEventReportRSP;
    response.MessageIDBeingRespondedTo = request.MessageID;
    response.DimseStatus = status;
    response.DataSetType = DIMSE_DATASET_NULL;
    if (DIMSE_sendMessageUsingMemoryData(association_, context, &answer, nullptr, nullptr, nullptr,
                                         nullptr)
            .bad()) {
      abort("broken");
    }
  }

  /// Takes one image in. Nothing if the connection broke in the middle.
  std::optional<uint16_t> received(T_ASC_PresentationContextID context,
                                   const T_DIMSE_C_StoreRQ& request) {
    T_ASC_PresentationContext accepted;
    if (ASC_findAcceptedPresentationContext(association_->params, context, &accepted).bad()) {
      return std::nullopt;
    }
    ReceivedImage image;
    image.sop_class = request.AffectedSOPClassUID;
    image.sop_instance = request.AffectedSOPInstanceUID;
    image.syntax = accepted.acceptedTransferSyntax;
    uint16_t status = room();
    if (status == kStored && !is_uid(image.sop_instance)) status = kNotUnderstood;
    if (status == kStored && image.sop_class != accepted.abstractSyntax) status = kOtherClass;
    if (status != kStored) {
      return read_data_set(nullptr) ? std::optional(status) : std::nullopt;
    }
    image.file = taker_.new_part();
    PartFile part(image.file, image.sop_class, image.sop_instance, image.syntax);
    if (!read_data_set(&part)) return std::nullopt;
    if (!part.finish()) return kOutOfResources;
    const std::string why = why_refused(image);
    if (!why.empty()) {
      std::error_code ignored;
      std::filesystem::remove(image.file, ignored);
      return why.rfind("its UIDs", 0) == 0 ? kOtherClass : kNotUnderstood;
    }
    try {
      status = taker_.take(image, ended_.peer, ended_.id);
    } catch (const std::exception&) {
      status = kOutOfResources;
    }
    std::error_code ignored;
    std::filesystem::remove(image.file, ignored);  // where it was not taken
    return status;
  }

  uint16_t room() {
    try {
      return taker_.may_take();
    } catch (const std::exception&) {
      return kOutOfResources;
    }
  }

  /// The data set that follows a command, piece by piece; dropped without a file, and what is too
  /// large. False if the connection breaks.
  bool read_data_set(PartFile* file) {
    const auto largest = static_cast<uint64_t>(options_.largest_mib) << 20;
    uint64_t size = 0;
    for (bool last = false; !last;) {
      DUL_PDV piece{};
      OFCondition next = DUL_NextPDV(&association_->DULassociation, &piece);
      if (next.bad()) {
        next = DUL_ReadPDVs(&association_->DULassociation, nullptr, DUL_NOBLOCK,
                            static_cast<int>(options_.idle_seconds));
        if (next != DUL_PDATAPDUARRIVED) return false;
        next = DUL_NextPDV(&association_->DULassociation, &piece);
        if (next.bad()) return false;
      }
      if (piece.pdvType != DUL_DATASETPDV) return false;
      size += piece.fragmentLength;
      if (size > largest) return false;
      if (file != nullptr) file->write(piece.data, piece.fragmentLength);
      last = piece.lastPDV;
    }
    return true;
  }

  T_ASC_Association* association_;
  const ListenerOptions& options_;
  ImageTaker& taker_;
  EndedAssociation ended_;
};

}  // namespace

EndedAssociation serve_association(T_ASC_Association* association, const ListenerOptions& options,
                                   const EndedAssociation& begun, ImageTaker& taker,
                                   const std::atomic<bool>& stop) {
  return Served(association, options, taker, begun).serve(stop);
}

}  // namespace groundglass
