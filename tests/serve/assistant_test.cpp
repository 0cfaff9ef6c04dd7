// A shell script stands for the process that answers.
#include "groundglass/serve/assistant.h"

#include <thread>

#include <gtest/gtest.h>

#include "groundglass/core/clock.h"
#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class AssistantTest : public testing::Test {
 protected:
  /// An assistant that notes each start, and does `each` for every line that it reads.
  Assistant::Options made(const std::string& each) const {
    Assistant::Options options;
    options.command = {"/bin/bash", "-c",
                       "echo started >> " + (folder / "starts").string() +
                           "; while read -r line; do " + each + "; done"};
    options.log = folder / "log";
    return options;
  }
  int64_t starts() const {
    const std::string text = read_file(folder / "starts");
    return std::count(text.begin(), text.end(), '\n');
  }
  ScratchFolder folder;
};

void wait_until_asleep(const Assistant& assistant) {
  for (const double begin = now_s(); assistant.awake() && now_s() - begin < 60;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_FALSE(assistant.awake());
}

TEST_F(AssistantTest, IsStartedOnceAndAnswersInTurn) {
  Assistant assistant(made("echo a library prints; echo \"{\\\"got\\\": $line}\""));
  EXPECT_FALSE(assistant.awake());
  EXPECT_FALSE(fs::exists(folder / "starts"));
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      const auto answer = assistant.ask({{"number", i}});
      EXPECT_EQ(answer.told.at("got").at("number"), i);
      EXPECT_EQ(answer.bytes, "");
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_TRUE(assistant.awake());
  EXPECT_EQ(starts(), 1);
}

TEST_F(AssistantTest, HandsOnBytesOfAnyKind) {
  std::string wanted;
  for (int i = 0; i < 300000; ++i) wanted += static_cast<char>(i % 251);
  write_file(folder / "bytes", wanted);
  Assistant assistant(made("echo '{\"bytes\": 300000}'; cat " + (folder / "bytes").string()));
  EXPECT_TRUE(assistant.ask({}).bytes == wanted);
  EXPECT_TRUE(assistant.ask({}).bytes == wanted);
  EXPECT_EQ(starts(), 1);
}

TEST_F(AssistantTest, IsEndedWhereNobodyAsksAndStartedAnew) {
  auto options = made("echo '{}'");
  options.idle_seconds = 0.05;
  Assistant assistant(options);
  for (int i = 1; i <= 2; ++i) {
    assistant.ask({});
    wait_until_asleep(assistant);
    EXPECT_EQ(starts(), i);
  }
}

TEST_F(AssistantTest, TellsItsErrorsAndGoesOn) {
  Assistant assistant(made("echo '{\"error\": \"mask.png: is torn\", \"kind\": \"data\"}'"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(complaint(ErrorKind::data, [&] { assistant.ask({}); }), "mask.png: is torn");
  }
  EXPECT_EQ(starts(), 1);
}

TEST_F(AssistantTest, ThatEndsOrSleepsIsReplaced) {
  const std::string dies = "the process that reads images ended without an answer; try again";
  Assistant ending(made("exit 3"));
  EXPECT_EQ(complaint(ErrorKind::internal, [&] { ending.ask({}); }), dies);
  EXPECT_EQ(complaint(ErrorKind::internal, [&] { ending.ask({}); }), dies);
  EXPECT_EQ(starts(), 2);
  EXPECT_FALSE(ending.awake());
  Assistant halfway(made("echo '{\"bytes\": 9}'; echo -n short; exit"));
  EXPECT_EQ(complaint(ErrorKind::internal, [&] { halfway.ask({}); }), dies);
  auto options = made("sleep 1000");
  options.patience_seconds = 0.3;
  Assistant sleeping(options);
  EXPECT_EQ(complaint(ErrorKind::internal, [&] { sleeping.ask({}); }),
            "the process that reads images took longer than 0.3 s; try again");
  Assistant missing({{"/nowhere/program"}, folder / "log"});
  EXPECT_EQ(complaint(ErrorKind::internal, [&] { missing.ask({}); }), dies);
}

TEST_F(AssistantTest, DoesNotKeepAServerFromEnding) {
  Assistant assistant(made("touch " + (folder / "asked").string() + "; sleep 1000"));
  std::thread client([&] {
    EXPECT_EQ(complaint(ErrorKind::internal, [&] { assistant.ask({}); }), "the server ends");
  });
  while (!fs::exists(folder / "asked")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  assistant.stop();
  client.join();
  EXPECT_EQ(complaint(ErrorKind::internal, [&] { assistant.ask({}); }), "the server ends");
  EXPECT_FALSE(assistant.awake());
}

}  // namespace
}  // namespace groundglass
