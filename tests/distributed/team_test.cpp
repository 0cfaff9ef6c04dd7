#include "groundglass/distributed/team.h"

#include <gtest/gtest.h>

#include "groundglass/core/error.h"
#include "groundglass/distributed/global_batch.h"
#include "groundglass/distributed/gradient_buckets.h"
#include "tests/complaint.h"
#include "tests/distributed/threads_as_ranks.h"

namespace groundglass {
namespace {

TEST(Team, AddsGathersAndShares) {
  for (const int64_t size : {2, 3}) {
    on_ranks(size, [&](Team& ranks) {
      const auto mine = static_cast<double>(ranks.rank());
      auto sum = torch::full({2, 3}, mine + 1).t();  // not contiguous
      ranks.sum(sum, "a test");
      EXPECT_TRUE(torch::equal(sum, torch::full({3, 2}, size * (size + 1) / 2.0)));
      const auto all = ranks.gather(torch::full({2}, mine), "a test");
      for (int64_t r = 0; r < size; ++r) EXPECT_EQ(all[r][1].item<double>(), r);
      auto shared = torch::full({4}, mine + 7, torch::kInt64);
      ranks.broadcast(shared, "a test");
      EXPECT_EQ(shared[3].item<int64_t>(), 7);
      EXPECT_EQ(ranks.largest(10 * ranks.rank(), "a test"), 10 * (size - 1));
      int64_t worked = 0;
      ranks.leader_first([&] {
        ++worked;
        EXPECT_EQ(team().size(), 1);
      });
      EXPECT_EQ(worked, ranks.rank() == 0 ? 1 : 0);
    });
  }
}

TEST(Team, StopsTogetherOnASignalThatOneRankHasSeen) {
  on_ranks(3, [](Team& ranks) {
    EXPECT_EQ(ranks.agreed_stop(0), 0);
    EXPECT_FALSE(ranks.stops_together());
    EXPECT_EQ(ranks.agreed_stop(ranks.rank() == 2 ? 15 : 0), 15);
    EXPECT_TRUE(ranks.stops_together());
  });
}

TEST(Team, SaysOnEveryRankWhoDiffers) {
  on_ranks(3, [](Team& ranks) {
    ranks.check_same("the recipe", "a");
    EXPECT_EQ(complaint(ErrorKind::usage,
                        [&] { ranks.check_same("the recipe", ranks.rank() == 1 ? "b" : "a"); }),
              "rank 1 differs from rank 0 in the recipe, expected the same on all 3 ranks; start "
              "them with one program, one command line, one folder of data and processors of one "
              "kind");
  });
}

// Two sums of one size in another order would go through and be wrong.
TEST(Team, NoticesThatRanksAddUpDifferentThings) {
  on_ranks(2, [](Team& ranks) {
    auto x = torch::ones({3});
    ranks.sum(x, ranks.rank() == 0 ? "the loss" : "the weights");
    EXPECT_EQ(complaint(ErrorKind::internal, [&] { ranks.largest(0, "the end of a step"); }),
              "rank 1 has added up other tensors than rank 0 before the end of a step; nothing of "
              "this step was kept, please report it");
  });
}

TEST(Team, NamesTheRankThatDidNotCome) {
  const ScratchFolder folder;
  const World world = world_of(environment_of_rank(0, 3, (folder / "meeting").string()));
  EXPECT_EQ(complaint(ErrorKind::device, [&] { join_team(world, {.timeout_s = 1}); }),
            "ranks 1, 2 of 3 did not come to " + (folder / "meeting").string() +
                " within 1 s; look at what they say, or give more time with --timeout");
}

TEST(Team, NamesTheRankThatHangs) {
  std::string said[3];
  on_ranks(
      3,
      [&](Team& ranks) {
        auto x = torch::ones({3});
        if (ranks.rank() == 1) {
          std::this_thread::sleep_for(std::chrono::seconds(4));
          return;
        }
        said[ranks.rank()] =
            complaint(ErrorKind::device, [&] { ranks.sum(x, "adding up the loss"); });
      },
      2);
  for (const int64_t r : {0, 2}) {
    EXPECT_NE(said[r].find("rank 1 of 3 is missing while adding up the loss"), std::string::npos)
        << said[r];
  }
}

TEST(Team, TellsTheOthersWhyARankEnded) {
  std::string said;
  on_ranks(
      2,
      [&](Team& ranks) {
        if (ranks.rank() == 1) {
          EXPECT_TRUE(ranks.leave_early("x.png: cannot be read"));
          return;
        }
        said = complaint(ErrorKind::device, [&] {
          ranks.leader_first([] {});
          ranks.barrier("a test");
        });
        EXPECT_FALSE(ranks.leave_early(said));
      },
      3);
  EXPECT_EQ(said, "rank 1 of 2 has ended: x.png: cannot be read");
}

/// Two linear layers; the second is used by even ranks alone, a third by none.
TEST(GradientBuckets, AddUpWhatRanksHaveAndLeaveTheUnusedAlone) {
  for (const int64_t bucket_mib : {0, 25}) {  // a bucket for each, and one for all
    on_ranks(3, [&](Team& ranks) {
      const auto r = static_cast<double>(ranks.rank());
      auto a = torch::ones({2, 3}, torch::requires_grad()),
           b = torch::ones({3}, torch::requires_grad()),
           c = torch::ones({4}, torch::requires_grad());
      GradientBuckets buckets({a, b, c}, ranks,
                              {.first_mib = bucket_mib, .bucket_mib = bucket_mib});
      for (int64_t step = 0; step < 2; ++step) {
        buckets.begin();
        auto loss = (a * (r + 1)).sum() + (a * a).sum();
        if (ranks.rank() % 2 == 0) loss = loss + (b * (r + 10)).sum();
        loss.backward();
        buckets.finish();
        EXPECT_TRUE(torch::equal(a.grad(), torch::full({2, 3}, 6.0 + 3 * 2)));
        EXPECT_TRUE(torch::equal(b.grad(), torch::full({3}, 10.0 + 12)));
        EXPECT_FALSE(c.grad().defined());
      }
    });
  }
}

TEST(OverRanks, HandsTheGradientThrough) {
  on_ranks(3, [](Team& ranks) {
    const auto r = static_cast<double>(ranks.rank());
    const auto x = torch::full({2}, r, torch::requires_grad());
    EXPECT_TRUE(over_ranks(x).is_same(x));  // no global batch, nothing happens
    const GlobalBatch batch(ranks, 3, BatchStatistics::global, 1);
    const auto loss = over_ranks(x).square().sum();  // S = 3, dL/dS = 2 S
    loss.backward();
    EXPECT_EQ(loss.item<double>(), 18);
    EXPECT_TRUE(torch::equal(x.grad(), torch::full({2}, 6.0)));
  });
}

}  // namespace
}  // namespace groundglass
