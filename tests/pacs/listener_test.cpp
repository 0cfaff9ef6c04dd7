// What a listener takes, whom it sends away, and that nobody holds it up; the other side is
// dcmtk's storescu.
#include "groundglass/pacs/listener.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/pacs/ct_files.h"
#include "tests/pacs/peers.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Keeps images in a folder, as many as there is room for.
class Shelf final : public ImageTaker {
 public:
  explicit Shelf(fs::path folder) : folder_(std::move(folder)) { fs::create_directories(folder_); }

  uint16_t may_take() override {
    if (room < 0) fail(ErrorKind::data, "queue.db: disk I/O error");
    return room > 0 ? kStored : kOutOfResources;
  }
  fs::path new_part() override { return folder_ / (std::to_string(++parts_) + ".part"); }
  uint16_t take(const ReceivedImage& image, const Peer&, int64_t) override {
    const std::scoped_lock lock(mutex_);
    fs::rename(image.file, folder_ / (image.sop_instance + ".dcm"));
    taken_[image.sop_instance] = image;
    --room;
    return kStored;
  }
  void ended(const EndedAssociation& association) override {
    const std::scoped_lock lock(mutex_);
    ends_.push_back(association);
  }
  void sent_away(const Peer&, const std::string& why) override {
    const std::scoped_lock lock(mutex_);
    reasons_.push_back(why);
  }

  std::map<std::string, ReceivedImage> taken() {
    const std::scoped_lock lock(mutex_);
    return taken_;
  }
  std::vector<EndedAssociation> ends() {
    const std::scoped_lock lock(mutex_);
    return ends_;
  }
  bool gave(const std::string& why) {
    const std::scoped_lock lock(mutex_);
    return std::find(reasons_.begin(), reasons_.end(), why) != reasons_.end();
  }

  std::atomic<int64_t> room{1000};

 private:
  fs::path folder_;
  std::mutex mutex_;
  std::atomic<int64_t> parts_{0};
  std::map<std::string, ReceivedImage> taken_;
  std::vector<EndedAssociation> ends_;
  std::vector<std::string> reasons_;
};

class ListenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_peers()) GTEST_SKIP() << "dcmtk's storescu is not installed";
    options_.port = 0;
    options_.callers = {{"CT1", "127.0.0.1"}, {"CT2", "10.255.255.1"}};
  }

  std::string said() const {
    std::ifstream in(scratch_ / "said");
    return (std::ostringstream() << in.rdbuf()).str();
  }

  ScratchFolder scratch_;
  Shelf shelf_{scratch_ / "shelf"};
  ListenerOptions options_;
};

TEST_F(ListenerTest, TakesWhatAKnownCallerSendsByteForByte) {
  write_cts(scratch_ / "ct", 5);
  const Listener listener(options_, shelf_);
  EXPECT_EQ(storescu(listener.port(), scratch_ / "ct", scratch_ / "said"), 0) << said();
  ASSERT_TRUE(wait_until([&] { return shelf_.ends().size() == 1; }));
  EXPECT_EQ(shelf_.ends()[0].stored, 5);
  EXPECT_EQ(shelf_.ends()[0].end, "released");
  ASSERT_EQ(shelf_.taken().size(), 5u);
  DcmFileFormat sent, kept;
  ASSERT_TRUE(sent.loadFile((scratch_ / "ct/3.dcm").c_str()).good());
  ASSERT_TRUE(kept.loadFile((scratch_ / "shelf/1.2.3.4.9.3.dcm").c_str()).good());
  EXPECT_EQ(sent.getDataset()->compare(*kept.getDataset()), 0);
  for (const auto& entry : fs::directory_iterator(scratch_ / "shelf")) {
    EXPECT_NE(entry.path().extension(), ".part");
  }
}

TEST_F(ListenerTest, SendsStrangersAway) {
  write_cts(scratch_ / "ct", 1);
  const Listener listener(options_, shelf_);
  EXPECT_NE(storescu(listener.port(), scratch_ / "ct", scratch_ / "said", "-aet NOBODY"), 0);
  EXPECT_NE(said().find("Calling AE Title Not Recognized"), std::string::npos) << said();
  // The title is known, but on another host.
  EXPECT_NE(storescu(listener.port(), scratch_ / "ct", scratch_ / "said", "-aet CT2"), 0);
  EXPECT_NE(std::system(("echoscu -aet CT1 -aec ANOTHER 127.0.0.1 " +
                         std::to_string(listener.port()) + " > /dev/null 2>&1")
                            .c_str()),
            0);
  EXPECT_TRUE(shelf_.taken().empty());
  // The peer may know before we have taken note.
  EXPECT_TRUE(wait_until([&] { return shelf_.gave("calls another AE title"); }));
  EXPECT_TRUE(wait_until([&] { return shelf_.gave("unknown AE title or host"); }));

  options_.callers = {};
  const Listener closed(options_, shelf_);
  EXPECT_NE(storescu(closed.port(), scratch_ / "ct", scratch_ / "said"), 0);
  EXPECT_TRUE(wait_until([&] { return shelf_.gave("unknown host"); }));
}

TEST_F(ListenerTest, IsHeldUpByNoSilentPeerAndNoGarbage) {
  write_cts(scratch_ / "ct", 3);
  options_.associations = 1;
  options_.request_seconds = 2;
  const Listener listener(options_, shelf_);
  std::vector<std::unique_ptr<BareConnection>> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(std::make_unique<BareConnection>(listener.port()));  // silent
    peers.push_back(std::make_unique<BareConnection>(listener.port()));
    peers.back()->say("GET / HTTP/1.1\r\n\r\n");
    peers.push_back(std::make_unique<BareConnection>(listener.port()));
    peers.back()->say(std::string("\x01\x00\x7f\xff\xff\xff", 6));  // 2 GiB of request to come
    peers.push_back(std::make_unique<BareConnection>(listener.port()));
    peers.back()->say(std::string("\x01\x00\x00\x00\x00\x0cnot a request", 19));
  }
  EXPECT_EQ(storescu(listener.port(), scratch_ / "ct", scratch_ / "said"), 0) << said();
  EXPECT_EQ(shelf_.taken().size(), 3u);
  EXPECT_TRUE(wait_until([&] { return shelf_.gave("silent"); }, 6));
  EXPECT_TRUE(wait_until([&] { return shelf_.gave("no DICOM association request"); }));
  EXPECT_TRUE(wait_until([&] { return shelf_.gave("too long an association request"); }));
}

TEST_F(ListenerTest, SixSendersShareFourPlaces) {
  constexpr int kSenders = 6, kImages = 4;
  options_.associations = 4;
  const Listener listener(options_, shelf_);
  std::vector<std::thread> senders;
  for (int i = 0; i < kSenders; ++i) {
    CtFile ct;
    ct.series = "1.2.3.4." + std::to_string(i);
    write_cts(scratch_ / ("ct" + std::to_string(i)), kImages, ct);
    senders.emplace_back([&, i] {
      const auto log = scratch_ / ("said" + std::to_string(i));
      wait_until([&] {
        return storescu(listener.port(), scratch_ / ("ct" + std::to_string(i)), log) == 0;
      });
    });
  }
  for (auto& sender : senders) sender.join();
  EXPECT_EQ(shelf_.taken().size(), static_cast<size_t>(kSenders * kImages));
}

TEST_F(ListenerTest, SaysThatThereIsNoRoomAndKeepsWhatItHas) {
  write_cts(scratch_ / "ct", 4);
  shelf_.room = 2;
  const Listener listener(options_, shelf_);
  storescu(listener.port(), scratch_ / "ct", scratch_ / "said", "-v -nh -aet CT1");
  EXPECT_NE(said().find("OutOfResources"), std::string::npos) << said();
  EXPECT_EQ(shelf_.taken().size(), 2u);
  ASSERT_TRUE(wait_until([&] { return shelf_.ends().size() == 1; }));
  EXPECT_EQ(shelf_.ends()[0].refused, 2);
}

TEST_F(ListenerTest, AFaultOfTheQueueIsNoRoomAndEndsNothing) {
  write_cts(scratch_ / "ct", 1);
  const Listener listener(options_, shelf_);
  shelf_.room = -1;
  storescu(listener.port(), scratch_ / "ct", scratch_ / "said", "-v -aet CT1");
  EXPECT_NE(said().find("OutOfResources"), std::string::npos) << said();
  shelf_.room = 10;
  EXPECT_EQ(storescu(listener.port(), scratch_ / "ct", scratch_ / "said"), 0);
  EXPECT_EQ(shelf_.taken().size(), 1u);
}

TEST_F(ListenerTest, RefusesImagesWithoutUids) {
  write_cts(scratch_ / "ct", 1);
  CtFile odd;
  odd.series = "1.2.x";
  write_ct(scratch_ / "odd/1.dcm", odd);
  const Listener listener(options_, shelf_);
  storescu(listener.port(), scratch_ / "odd", scratch_ / "said", "-v -nh -aet CT1");
  EXPECT_TRUE(shelf_.taken().empty());
  EXPECT_NE(said().find("Error"), std::string::npos) << said();
}

TEST_F(ListenerTest, BelievesCertificatesOfItsAuthorityAlone) {
  const auto shell = [&](const std::string& line) {
    return std::system(
        ("cd '" + scratch_.path().string() + "' && (" + line + ") >> said 2>&1").c_str());
  };
  for (const std::string name : {"us", "ct", "stranger"}) {
    ASSERT_EQ(shell("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=" + name +
                    " -keyout " + name + ".key -out " + name + ".pem"),
              0);
  }
  ASSERT_EQ(shell("cat us.pem ct.pem > believed.pem"), 0);
  options_.tls = {scratch_ / "us.pem", scratch_ / "us.key", scratch_ / "believed.pem"};
  write_cts(scratch_ / "ct", 2);
  const Listener listener(options_, shelf_);
  const auto with = [&](const std::string& name) {
    const std::string at = scratch_.path().string() + "/";
    return "-aet CT1 +tls " + at + name + ".key " + at + name + ".pem +cf " + at + "us.pem";
  };
  EXPECT_NE(storescu(listener.port(), scratch_ / "ct", scratch_ / "said", with("stranger")), 0);
  EXPECT_NE(storescu(listener.port(), scratch_ / "ct", scratch_ / "said"), 0);  // without TLS
  EXPECT_TRUE(shelf_.taken().empty());
  EXPECT_EQ(storescu(listener.port(), scratch_ / "ct", scratch_ / "said", with("ct")), 0) << said();
  EXPECT_EQ(shelf_.taken().size(), 2u);

  options_.tls.key = scratch_ / "ct.key";
  const auto mismatch =
      complaint(ErrorKind::usage, [&] { const Listener never(options_, shelf_); });
  EXPECT_NE(mismatch.find("is not the private key"), std::string::npos) << mismatch;
  options_.tls.key = scratch_ / "none.key";
  const auto missing = complaint(ErrorKind::usage, [&] { const Listener never(options_, shelf_); });
  EXPECT_NE(missing.find("is no private key in PEM"), std::string::npos) << missing;
}

TEST_F(ListenerTest, SaysWhyItCannotListen) {
  options_.callers = {{"CT1", "no-such-host.invalid"}};
  auto said = complaint(ErrorKind::usage, [&] { const Listener never(options_, shelf_); });
  EXPECT_NE(said.find("'no-such-host.invalid' is not known"), std::string::npos) << said;
  options_.callers = {};
  options_.bind = "somewhere";
  said = complaint(ErrorKind::usage, [&] { const Listener never(options_, shelf_); });
  EXPECT_NE(said.find("somewhere:0: cannot be listened at (no IPv4 address)"), std::string::npos)
      << said;
}

}  // namespace
}  // namespace groundglass
