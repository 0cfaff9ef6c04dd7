#include "groundglass/distributed/team.h"

#include <cmath>

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

// Small sums go from rank to rank directly, large ones around a ring; nothing may mix them up.
TEST(Team, AddsSmallAndLargeTensorsOfEachKindInTurns) {
  for (const int64_t size : {2, 4}) {
    on_ranks(size, [&](Team& ranks) {
      const auto mine = static_cast<double>(ranks.rank());
      const double sum = static_cast<double>(size * (size - 1)) / 2;
      for (int64_t step = 0; step < 50; ++step) {
        for (const int64_t n : {1, 1000, 2048, 2049, 5000}) {
          auto x = torch::full({n}, mine + static_cast<double>(step), torch::kFloat64);
          ranks.sum(x, "a test");
          EXPECT_TRUE(torch::equal(
              x, torch::full({n}, sum + static_cast<double>(size * step), torch::kFloat64)));
        }
        const auto all = ranks.gather(torch::full({2, 3}, ranks.rank(), torch::kInt64), "a test");
        EXPECT_EQ(all.sizes(), (std::vector<int64_t>{size, 2, 3}));
        EXPECT_EQ(all.select(1, 1).select(1, 2).sum().item<int64_t>(), size * (size - 1) / 2);
        auto one = torch::ones({}, torch::kFloat32);  // no dimensions
        ranks.sum(one, "a test");
        EXPECT_EQ(one.item<double>(), size);
      }
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

/// As bytes, since all ranks have to hold the same ones.
void expect_same_bytes_on_all(Team& ranks, const torch::Tensor& numbers) {
  const auto all = ranks.gather(numbers.view(torch::kUInt8), "a test");
  for (int64_t r = 1; r < ranks.size(); ++r) EXPECT_TRUE(torch::equal(all[r], all[0]));
}

TEST(Team, AddsBfloat16UpInFloat32AndRoundsOnce) {
  for (const int64_t size : {2, 3}) {
    on_ranks(size, [&](Team& ranks) {
      // 256 + 1 + 1 is 258 in float32; rounded after each addition it would stay 256.
      auto small = torch::full({5}, ranks.rank() == 0 ? 256.0 : 2.0 / (size - 1), torch::kBFloat16);
      at::manual_seed(5);
      const auto numbers = torch::randn({size, 10000}).to(torch::kBFloat16);
      auto large = numbers[ranks.rank()].clone();
      auto other = torch::ones({7});
      // beside sums of float32, in one order on all ranks
      std::vector<std::unique_ptr<PendingSum>> pending;
      pending.push_back(ranks.begin_sum(large));
      pending.push_back(ranks.begin_sum(other));
      pending.push_back(ranks.begin_sum(small));
      for (const auto& sum : pending) sum->wait();
      EXPECT_TRUE(torch::equal(small, torch::full({5}, 258.0, torch::kBFloat16)));
      EXPECT_TRUE(torch::equal(other, torch::full({7}, size)));
      auto expected = torch::zeros({10000});
      for (int64_t r = 0; r < size; ++r) expected += numbers[r];
      EXPECT_TRUE(torch::equal(large, expected.to(torch::kBFloat16)));
      expect_same_bytes_on_all(ranks, large);
      EXPECT_EQ(ranks.largest(1, "a test"), 1);
    });
  }
}

TEST(Team, NamesTheRankThatHangsInASumOfBfloat16) {
  std::string said;
  on_ranks(
      2,
      [&](Team& ranks) {
        auto x = torch::ones({3}, torch::kBFloat16);
        ranks.begin_sum(x)->wait();
        if (ranks.rank() == 1) {
          std::this_thread::sleep_for(std::chrono::seconds(4));
          return;
        }
        const auto first = ranks.begin_sum(x), second = ranks.begin_sum(x);
        said = complaint(ErrorKind::device, [&] { first->wait(); });
      },
      2);
  EXPECT_NE(said.find("rank 1 of 2 is missing while adding up gradients"), std::string::npos)
      << said;
}

TEST(GradientBuckets, SendFloatsAsBfloat16AndOthersAsTheyAre) {
  for (const int64_t bucket_mib : {0, 25}) {
    on_ranks(3, [&](Team& ranks) {
      const auto r = static_cast<double>(ranks.rank());
      const double fine = 1 + std::pow(2.0, -20);  // 1 in bfloat16
      auto a = torch::ones({4, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast),
           b = torch::ones({3}, torch::kFloat64), c = torch::ones({4});
      for (auto* x : {&a, &b, &c}) x->set_requires_grad(true);
      GradientBuckets buckets({a, b, c}, ranks,
                              {.first_mib = bucket_mib,
                               .bucket_mib = bucket_mib,
                               .float_travels_as = torch::kBFloat16});
      EXPECT_EQ(buckets.bytes(), 2 * (48 + 1) + 8 * (3 + 1) + 2 * (4 + 1));
      for (int64_t step = 0; step < 2; ++step) {
        buckets.begin();
        auto loss = (a * (r + fine)).sum();
        if (ranks.rank() == 1) loss = loss + (b * fine).sum();
        loss.backward();
        buckets.finish();
        EXPECT_TRUE(torch::equal(a.grad(), torch::full({4, 3, 2, 2}, 6.0F)));
        EXPECT_EQ(a.grad().strides(), a.strides());
        EXPECT_TRUE(torch::equal(b.grad(), torch::full({3}, fine, torch::kFloat64)));
        EXPECT_FALSE(c.grad().defined());
      }
    });
  }
}

// A second copy of all gradients would be memory that a single process does not need.
TEST(GradientBuckets, HoldTheGradientsOnce) {
  on_ranks(2, [](Team& ranks) {
    const auto a =
        torch::ones({4, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_(true);
    GradientBuckets buckets({a}, ranks);
    buckets.begin();
    (a * 2).sum().backward();
    const void* kept = a.grad().data_ptr();
    buckets.finish();
    EXPECT_EQ(a.grad().data_ptr(), kept);
    EXPECT_TRUE(torch::equal(a.grad(), torch::full({4, 3, 2, 2}, 4.0F)));
  });
}

/// One of two ranks that adds nothing up and keeps what it was to add.
class NotingTeam final : public Team {
 public:
  NotingTeam() : Team(0, 2) {}
  void sum(torch::Tensor&, const std::string&) override {}
  std::unique_ptr<PendingSum> begin_sum(torch::Tensor tensor) override {
    class Done final : public PendingSum {
      void wait() override {}
    };
    sent.push_back(tensor.numel());
    return std::make_unique<Done>();
  }
  torch::Tensor gather(const torch::Tensor& mine, const std::string&) override {
    return torch::stack({mine, mine});
  }
  void broadcast(torch::Tensor&, const std::string&) override {}
  void barrier(const std::string&) override {}
  void leader_first(const std::function<void()>& work) override { work(); }
  bool leave_early(const std::string&, int) override { return true; }
  void leave() override {}
  std::vector<int64_t> sent;  ///< numbers of each sum
};

// What is sent after the backward pass is hidden behind nothing: it has to be little.
TEST(GradientBuckets, SendLittleFirstAndLast) {
  NotingTeam ranks;
  std::vector<torch::Tensor> parameters;
  for (const int64_t n : {100, 200, 1 << 20, 1 << 20, 300}) {  // from the input to the output
    parameters.push_back(torch::ones({n}, torch::requires_grad()));
  }
  GradientBuckets buckets(parameters, ranks);
  for (int64_t step = 0; step < 2; ++step) {
    ranks.sent.clear();
    buckets.begin();
    torch::cat(parameters).square().sum().backward();
    buckets.finish();
    EXPECT_EQ(ranks.sent, (std::vector<int64_t>{300 + 1, 2 * (1 << 20) + 2, 300 + 2}));
    for (const auto& p : parameters) EXPECT_TRUE(torch::equal(p.grad(), torch::full_like(p, 2)));
  }
  GradientBuckets few({parameters[0], parameters[1]}, ranks);
  EXPECT_EQ(few.bytes(), 4 * (300 + 2));
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
