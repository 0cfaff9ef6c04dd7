// Storage commitment with a PACS that is played by the test.
#include "groundglass/pacs/commitment.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/scp.h>
#include <dcmtk/dcmnet/scu.h>

#include "groundglass/core/error.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/pacs/listener.h"
#include "groundglass/pacs/promise.h"
#include "tests/complaint.h"
#include "tests/pacs/ct_files.h"
#include "tests/pacs/peers.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

/// The report on a request: everything is kept but instances whose UID ends in ".9.2".
void fill_report(DcmItem& request, DcmItem& report) {
  put_text(report, DCM_TransactionUID, text_of(request, DCM_TransactionUID));
  for (long i = 0; DcmItem* item = item_of(request, DCM_ReferencedSOPSequence, i); ++i) {
    const std::string sop = text_of(*item, DCM_ReferencedSOPInstanceUID);
    const bool kept = sop.size() < 4 || sop.substr(sop.size() - 4) != ".9.2";
    DcmItem& said = add_reference(report, kept ? DCM_ReferencedSOPSequence : DCM_FailedSOPSequence,
                                  text_of(*item, DCM_ReferencedSOPClassUID), sop);
    if (!kept) said.putAndInsertUint16(DCM_FailureReason, 0x0112);
  }
}

class PromisingPacs final : public DcmSCP {
 public:
  explicit PromisingPacs(uint16_t port, bool reports_at_once) : at_once_(reports_at_once) {
    OFList<OFString> syntaxes;
    syntaxes.push_back(UID_LittleEndianExplicitTransferSyntax);
    addPresentationContext(UID_StorageCommitmentPushModelSOPClass, syntaxes);
    setAETitle("PACS");
    setPort(port);
    setConnectionBlockingMode(DUL_NOBLOCK);
    setConnectionTimeout(1);
    openListenPort();
    thread_ = std::thread([this] { acceptAssociations(); });
  }
  ~PromisingPacs() override {
    stop_ = true;
    thread_.join();
  }

  std::optional<DcmDataset> report() {
    const std::scoped_lock lock(mutex_);
    return report_;
  }

 protected:
  OFCondition handleIncomingCommand(T_DIMSE_Message* message,
                                    const DcmPresentationContextInfo& context) override {
    DcmDataset* request = nullptr;
    Uint16 action = 0, status = 0;
    const auto id = context.presentationContextID;
    auto& asked = message->msg.NActionRQ;
    const OFCondition received = receiveACTIONRequest(asked, id, request, action);
    if (received.bad()) return received;
    sendACTIONResponse(id, asked.MessageID, asked.RequestedSOPClassUID,
                       asked.RequestedSOPInstanceUID, STATUS_Success);
    DcmDataset report;
    fill_report(*request, report);
    delete request;
    {
      const std::scoped_lock lock(mutex_);
      report_ = report;
    }
    if (!at_once_) return EC_Normal;
    return sendEVENTREPORTRequest(id, UID_StorageCommitmentPushModelSOPInstance, 7, 2, &report,
                                  status);
  }
  OFBool stopAfterConnectionTimeout() override { return stop_ ? OFTrue : OFFalse; }

 private:
  bool at_once_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::optional<DcmDataset> report_;
  std::thread thread_;
};

class KeptReports final : public ImageTaker {
 public:
  uint16_t may_take() override { return kOutOfResources; }
  std::filesystem::path new_part() override { return {}; }
  uint16_t take(const ReceivedImage&, const Peer&, int64_t) override { return kOutOfResources; }
  void committed(const CommitmentReport& report, const Peer& peer) override {
    const std::scoped_lock lock(mutex_);
    reports.push_back(report);
    from = peer.ae;
  }
  std::mutex mutex_;
  std::vector<CommitmentReport> reports;
  std::string from;
};

class Commitment : public testing::Test {
 protected:
  void SetUp() override {
    to_.name = "pacs";
    to_.ae = "PACS";
    to_.host = "127.0.0.1";
    to_.port = free_port();
    write_cts(scratch_ / "ct", 3);
  }
  CommitmentRequest ask(int wait_seconds = 1) const {
    return ask_commitment(to_, "GROUNDGLASS", {},
                          {scratch_ / "ct/1.dcm", scratch_ / "ct/2.dcm", scratch_ / "ct/3.dcm"},
                          wait_seconds);
  }
  static void expect_two_of_three(const CommitmentReport& report) {
    EXPECT_EQ(report.kept, (std::vector<std::string>{"1.2.3.4.9.1", "1.2.3.4.9.3"}));
    ASSERT_EQ(report.not_kept.size(), 1u);
    EXPECT_EQ(report.not_kept[0].sop_instance, "1.2.3.4.9.2");
    EXPECT_EQ(report.not_kept[0].reason, "no such object instance (0x0112)");
  }

  ScratchFolder scratch_;
  Destination to_;
};

TEST_F(Commitment, IsReportedOnTheSameAssociation) {
  PromisingPacs pacs(static_cast<uint16_t>(to_.port), true);
  const auto asked = ask(10);
  ASSERT_TRUE(asked.report);
  EXPECT_EQ(asked.report->transaction, asked.transaction);
  expect_two_of_three(*asked.report);
}

TEST_F(Commitment, IsReportedToTheListenerLater) {
  CommitmentRequest asked;
  std::optional<DcmDataset> promised;
  {
    // DCMTK hands sockets to an acceptor through one global variable, so this one has to end before
    // the listener begins; it would spin on the listener's closed socket.
    PromisingPacs pacs(static_cast<uint16_t>(to_.port), false);
    asked = ask();
    promised = pacs.report();
  }
  ASSERT_TRUE(promised);
  EXPECT_FALSE(asked.report);
  KeptReports taker;
  ListenerOptions options;
  options.port = 0;
  options.callers = {{"PACS", "127.0.0.1"}};
  const Listener listener(options, taker);
  for (const auto role : {ASC_SC_ROLE_SCP, ASC_SC_ROLE_DEFAULT}) {
    DcmSCU scu;
    scu.setAETitle("PACS");
    scu.setPeerAETitle("GROUNDGLASS");
    scu.setPeerHostName("127.0.0.1");
    scu.setPeerPort(listener.port());
    OFList<OFString> syntaxes;
    syntaxes.push_back(UID_LittleEndianImplicitTransferSyntax);
    scu.addPresentationContext(UID_StorageCommitmentPushModelSOPClass, syntaxes, role);
    ASSERT_TRUE(scu.initNetwork().good());
    ASSERT_TRUE(scu.negotiateAssociation().good());
    auto report = *promised;
    Uint16 status = 1;
    const auto context =
        scu.findAnyPresentationContextID(UID_StorageCommitmentPushModelSOPClass, "");
    EXPECT_TRUE(scu.sendEVENTREPORTRequest(context, UID_StorageCommitmentPushModelSOPInstance, 2,
                                           &report, status)
                    .good());
    EXPECT_EQ(status, STATUS_Success);
    scu.releaseAssociation();
  }
  ASSERT_EQ(taker.reports.size(), 2u);
  EXPECT_EQ(taker.from, "PACS");
  EXPECT_EQ(taker.reports[0].transaction, asked.transaction);
  expect_two_of_three(taker.reports[1]);
}

TEST(AwaitedReports, AreThoseOnOneRequestHoweverOftenTheyCome) {
  AwaitedReports reports;
  reports.committed({"1.2.7", {"1.2.3"}, {}}, {});
  EXPECT_FALSE(reports.wait_for("1.2.8", 0)) << "it was on another request";
  reports.committed({"1.2.8", {"1.2.3", "1.2.4"}, {}}, {});
  reports.committed({"1.2.8", {"1.2.3", "1.2.4"}, {}}, {});
  reports.committed({"1.2.9", {}, {{"1.2.3", "no"}}}, {});
  const auto found = reports.wait_for("1.2.8", 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->transaction, "1.2.8");
  EXPECT_EQ(found->kept, (std::vector<std::string>{"1.2.3", "1.2.4"}));
  EXPECT_TRUE(found->not_kept.empty());
}

TEST_F(Commitment, SaysWhyThereIsNone) {
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { ask(); }),
                   {"PACS@127.0.0.1:", "no storage commitment"}));
  to_.url = "http://pacs";
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { ask(); }), {"'pacs'", "DICOMweb service"}));
}

}  // namespace
}  // namespace groundglass
