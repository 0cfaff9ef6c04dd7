// Every network of the catalog keeps these promises. A new one joins by its catalog line and by its
// parameter counts in kCounts. The tests are registered network by network, since building one
// takes longer than most of the promises.
#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/unet.h"
#include "groundglass/recipe/catalog.h"
#include "groundglass/train/weights.h"
#include "tests/complaint.h"
#include "tests/contract/counts.h"

namespace groundglass {
namespace {

struct Case {
  std::string name;
  std::function<ModelPtr()> make;
  int64_t trainable, moving;  ///< from the paper or from tools/reference/
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& entry : model_catalog()) {
    const auto known = kCounts.find(entry.name);
    const auto counts = known == kCounts.end() ? std::pair<int64_t, int64_t>{} : known->second;
    all.push_back({entry.name, [name = entry.name] { return make_default_model(name); },
                   counts.first, counts.second});
  }
  const auto attention = [](const std::string& name, const AttentionUNetOptions& options,
                            int64_t trainable) {
    return Case{name, [options] { return AttentionUNet(options).ptr(); }, trainable, 80};
  };
  const auto unet = [](const std::string& name, const UNetOptions& options, int64_t trainable) {
    return Case{name, [options] { return UNet(options).ptr(); }, trainable, 160};
  };
  const std::vector<int64_t> small = {4, 8, 16};
  all.push_back(attention("attention_unet_small", {.widths = small}, 3'244));
  all.push_back(
      attention("attention_unet_up_g", {.widths = small, .gate_align = GateAlign::up_g}, 3'244));
  all.push_back(attention("attention_unet_3_classes", {.out_channels = 3, .widths = small}, 3'254));
  all.push_back(attention("attention_unet_3_channels", {.in_channels = 3, .widths = small}, 3'270));
  all.push_back(unet("unet_small", {.widths = small}, 7'477));
  all.push_back(unet("unet_3_classes", {.out_channels = 3, .widths = small}, 7'487));
  return all;
}

/// A network under test, built once and shown to one promise after the other.
class Candidate {
 public:
  explicit Candidate(Case c) : about(std::move(c)) {}
  SegmentationModel& operator*() {
    if (!model_) {
      torch::manual_seed(1);
      torch::manual_seed(1);  // whatever tests ran before in this process
      model_ = about.make();
    }
    return *model_;
  }
  SegmentationModel* operator->() { return &**this; }
  int64_t height() { return (**this).stride(); }  // the smallest image worth testing, not square
  int64_t width() { return 2 * height(); }
  torch::Tensor image(int64_t n) {
    return torch::randn({n, (**this).in_channels(), height(), width()});
  }
  void forget() { model_.reset(); }

  const Case about;

 private:
  ModelPtr model_;
};

/// The logits and whatever a network says besides, as one number that all of it moves.
torch::Tensor everything(const Prediction& p) {
  auto sum = p.logits.to(torch::kFloat32).square().mean();
  for (const auto& side : p.side) sum = sum + side.to(torch::kFloat32).square().mean();
  return sum;
}

void LogitsHaveTheSizeOfTheImage(Candidate& model) {
  const int64_t h = model.height(), w = model.width();
  model->eval();
  const torch::NoGradGuard no_grad;
  const auto logits = model->forward(model.image(2)).logits;
  EXPECT_EQ(logits.sizes(), (std::vector<int64_t>{2, model->out_channels(), h, w}));
  EXPECT_TRUE(torch::isfinite(logits).all().item<bool>());
  EXPECT_GT(logits.std().item<double>(), 0);
}

// In training a bias before batch norm has a gradient of zero, so eval mode decides who is reached.
void EveryParameterReceivesAGradient(Candidate& model) {
  for (const bool training : {true, false}) {
    model->train(training);
    model->zero_grad();
    everything(model->forward(model.image(2))).backward();
    for (const auto& p : model->named_parameters()) {
      ASSERT_TRUE(p.value().grad().defined()) << p.key();
      EXPECT_TRUE(torch::isfinite(p.value().grad()).all().item<bool>()) << p.key();
      if (!training) {
        EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
      }
    }
  }
}

void OneCaseDoesNotSeeItsBatchNeighbours(Candidate& model) {
  model->eval();
  const torch::NoGradGuard no_grad;
  auto pair = model.image(2);
  const auto first = model->forward(pair).logits.narrow(0, 0, 1);
  pair[1] = 100 * torch::randn_like(pair[1]);
  EXPECT_TRUE(torch::equal(first, model->forward(pair).logits.narrow(0, 0, 1)));
  EXPECT_TRUE(torch::allclose(first, model->forward(pair.narrow(0, 0, 1)).logits, 1e-4, 1e-5));
  EXPECT_TRUE(
      torch::allclose(first, model->forward(pair.flip(0)).logits.narrow(0, 1, 1), 1e-4, 1e-5));
}

void HasTheStatedNumberOfParameters(Candidate& model) {
  ASSERT_GT(model.about.trainable, 0) << "state the counts of this network in kCounts";
  const auto count = count_parameters(*model);
  EXPECT_EQ(count.trainable, model.about.trainable);
  EXPECT_EQ(count.non_trainable, model.about.moving);
}

void SurvivesSaveAndLoadBitByBitWithBuffers(Candidate& model) {
  const torch::NoGradGuard no_grad;
  model->train();
  model->forward(model.image(2));  // moves the statistics of batch norm
  const auto path = std::filesystem::path(testing::TempDir()) / (model.about.name + ".safetensors");
  write_safetensors(path, {named_weights(*model), {}});
  const auto copy = model.about.make();
  load_weights(*copy, read_safetensors(path).tensors, path.string());
  std::filesystem::remove(path);
  const auto wanted = named_weights(*model), found = named_weights(*copy);
  ASSERT_EQ(found.size(), wanted.size());
  int moved = 0;
  for (const auto& [name, tensor] : wanted) {
    EXPECT_TRUE(torch::equal(tensor, found.at(name))) << name;
    EXPECT_EQ(tensor.scalar_type(), found.at(name).scalar_type()) << name;
    if (name.ends_with("running_mean")) moved += tensor.abs().sum().item<double>() > 0;
  }
  EXPECT_EQ(moved > 0, model.about.moving > 0);
  model->eval();
  copy->eval();
  const auto x = model.image(1);
  EXPECT_TRUE(torch::equal(model->forward(x).logits, copy->forward(x).logits));
}

void RefusesASizeItCannotHalveAndSaysWhichWouldWork(Candidate& model) {
  const int64_t h = model.height(), w = model.width();
  const int64_t c = model->in_channels();
  const auto text = complaint(ErrorKind::usage, [&] {
    model->forward(torch::randn({1, c, h + 1, w}));
  });
  const auto sizes = [&](int64_t height) {
    return "[1, " + std::to_string(c) + ", " + std::to_string(height) + ", " + std::to_string(w) +
           "]";
  };
  EXPECT_NE(text.find("image is " + sizes(h + 1)), std::string::npos) << text;
  EXPECT_NE(text.find(sizes(2 * h) + " would work"), std::string::npos) << text;
  EXPECT_NE(text.find("multiples of " + std::to_string(h)), std::string::npos) << text;
  complaint(ErrorKind::usage, [&] { model->forward(torch::randn({1, c, h, w + 1})); });
  complaint(ErrorKind::usage, [&] { model->forward(torch::randn({1, c + 1, h, w})); });
  complaint(ErrorKind::usage, [&] { model->forward(torch::randn({c, h, w})); });
}

void RefusesAnImageWithoutPixels(Candidate& model) {
  const int64_t h = model.height(), w = model.width();
  const int64_t c = model->in_channels();
  complaint(ErrorKind::usage, [&] { model->forward(torch::zeros({1, c, 0, w})); });
  complaint(ErrorKind::usage, [&] { model->forward(torch::zeros({1, c, h, 0})); });
}

void ShowsEveryLayerOnceInOrderAndGoesOnWithWhatItIsGiven(Candidate& model) {
  model->eval();
  const torch::NoGradGuard no_grad;
  const auto x = model.image(1);
  const auto said = model->forward(x);
  const auto before = said.logits;
  const auto as_before = [&](const Prediction& now) {
    bool same = torch::equal(now.logits, before);
    for (size_t i = 0; i < said.side.size(); ++i) {
      same = same && torch::equal(now.side[i], said.side[i]);
    }
    return same;
  };
  std::vector<std::string> seen;
  model->watch_layers([&](const std::string& layer, torch::Tensor output) {
    seen.push_back(layer);
    return output;
  });
  EXPECT_TRUE(torch::equal(model->forward(x).logits, before));
  EXPECT_EQ(seen, model->layer_names());
  for (const auto& name : model->layer_names()) {
    model->watch_layers([&](const std::string& layer, const torch::Tensor& output) {
      return layer == name ? output + 10 * torch::randn_like(output) : output;
    });
    EXPECT_FALSE(as_before(model->forward(x))) << name;
  }
  model->watch_layers({});
  EXPECT_TRUE(torch::equal(model->forward(x).logits, before));
}

void RunsInBfloat16NearlyAsInSinglePrecision(Candidate& model) {
  model->eval();
  const torch::NoGradGuard no_grad;
  const auto x = model.image(2);
  const auto exact = model->forward(x).logits;
  torch::Tensor rough;
  {
    const Autocast autocast(torch::kCPU, torch::kBFloat16);
    rough = model->forward(x).logits;
  }
  EXPECT_EQ(rough.scalar_type(), torch::kBFloat16);
  ASSERT_TRUE(torch::isfinite(rough).all().item<bool>());
  const double apart = (rough.to(torch::kFloat32) - exact).abs().mean().item<double>();
  // 0.1 to 6 % at random weights. A network that unpools puts a value a pixel further where
  // rounding changes which of two neighbours is the larger: SegNet's five levels were 12 % apart.
  const double near = model->encode(x).indices.empty() ? 0.1 : 0.25;
  EXPECT_LT(apart, near * exact.abs().mean().item<double>());
  EXPECT_GT(apart, 0);
  EXPECT_TRUE(torch::equal(model->forward(x).logits, exact));  // over with the Autocast
  const Autocast no_change(torch::kCPU, torch::kFloat32);
  EXPECT_TRUE(torch::equal(model->forward(x).logits, exact));
}

void TrainsInBfloat16WithFiniteGradientsInSinglePrecision(Candidate& model) {
  Prediction said;
  {
    const Autocast autocast(torch::kCPU, torch::kBFloat16);
    said = model->forward(model.image(2));
  }
  everything(said).backward();
  for (const auto& p : model->named_parameters()) {
    ASSERT_TRUE(p.value().grad().defined()) << p.key();
    EXPECT_EQ(p.value().grad().scalar_type(), torch::kFloat32) << p.key();
    EXPECT_TRUE(torch::isfinite(p.value().grad()).all().item<bool>()) << p.key();
  }
}

using Promise = void (*)(Candidate&);

class ModelContract : public testing::Test {
 public:
  ModelContract(std::shared_ptr<Candidate> candidate, Promise promise, bool last)
      : candidate_(std::move(candidate)), promise_(promise), last_(last) {}
  void SetUp() override {
    static_cast<void>(**candidate_);
    torch::manual_seed(2);
    (**candidate_).train();
    (**candidate_).zero_grad();
  }
  void TestBody() override { promise_(*candidate_); }
  void TearDown() override {
    (**candidate_).watch_layers({});
    if (last_) candidate_->forget();
  }

 private:
  std::shared_ptr<Candidate> candidate_;
  Promise promise_;
  bool last_;
};

[[maybe_unused]] const bool registered = [] {
  const std::vector<std::pair<const char*, Promise>> promises = {
      {"LogitsHaveTheSizeOfTheImage", LogitsHaveTheSizeOfTheImage},
      {"EveryParameterReceivesAGradient", EveryParameterReceivesAGradient},
      {"OneCaseDoesNotSeeItsBatchNeighbours", OneCaseDoesNotSeeItsBatchNeighbours},
      {"HasTheStatedNumberOfParameters", HasTheStatedNumberOfParameters},
      {"SurvivesSaveAndLoadBitByBitWithBuffers", SurvivesSaveAndLoadBitByBitWithBuffers},
      {"RefusesASizeItCannotHalveAndSaysWhichWouldWork",
       RefusesASizeItCannotHalveAndSaysWhichWouldWork},
      {"RefusesAnImageWithoutPixels", RefusesAnImageWithoutPixels},
      {"ShowsEveryLayerOnceInOrderAndGoesOnWithWhatItIsGiven",
       ShowsEveryLayerOnceInOrderAndGoesOnWithWhatItIsGiven},
      {"RunsInBfloat16NearlyAsInSinglePrecision", RunsInBfloat16NearlyAsInSinglePrecision},
      {"TrainsInBfloat16WithFiniteGradientsInSinglePrecision",
       TrainsInBfloat16WithFiniteGradientsInSinglePrecision},
  };
  for (const auto& c : cases()) {
    const auto candidate = std::make_shared<Candidate>(c);
    for (const auto& [name, promise] : promises) {
      const bool last = name == promises.back().first;
      testing::RegisterTest(
          "ModelContract", (c.name + "/" + name).c_str(), nullptr, nullptr, __FILE__, __LINE__,
          [=]() -> testing::Test* { return new ModelContract(candidate, promise, last); });
    }
  }
  return true;
}();

TEST(Catalog, NamesTheNearestNetwork) {
  EXPECT_EQ(complaint(ErrorKind::recipe, [] { make_default_model("atention_unet"); }),
            "unknown model 'atention_unet'; did you mean 'attention_unet'?");
  const auto text = complaint(ErrorKind::recipe, [] { catalog_loss("something_else"); });
  EXPECT_EQ(text.rfind("unknown loss 'something_else'; known: dice, tversky", 0), 0U) << text;
}

}  // namespace
}  // namespace groundglass
