// What tools/reference/resnets.py says about the maps of the ResNet and VGG encoders at closed-form
// weights, on two images of 32 x 64.
#include <gtest/gtest.h>

#include "groundglass/models/encoders/resnet.h"
#include "groundglass/models/encoders/resnet_preact.h"
#include "groundglass/models/encoders/vgg16.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {

struct Tap {
  std::string name;  ///< x or coarse, then the stride
  double mean_square;
  std::array<int64_t, 4> at;
  std::array<double, 4> value;
};

struct TapCase {
  const char* name;
  std::function<EncoderPtr()> make;
  std::vector<Tap> taps;
};

/// Parameters in the order in which they are used get their closed forms; the moving statistics
/// too.
void fill(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  double k = 0;
  for (auto& p : module.named_parameters()) {
    const bool scale = p.value().dim() == 1 && p.key().ends_with("weight");
    const auto values = closed_form(p.value().sizes(), ++k);
    p.value().copy_(scale ? 1 + 0.1 * values : values);
  }
  for (auto& buffer : module.named_buffers()) {
    const auto j = torch::arange(buffer.value().numel(), torch::kFloat64) * 0.3;
    if (buffer.key().ends_with("running_mean")) buffer.value().copy_(0.1 * torch::sin(j));
    if (buffer.key().ends_with("running_var")) buffer.value().copy_(1 + 0.1 * torch::cos(j));
  }
}

const TapCase kTapCases[] = {
    {"resnet34_preact",
     [] { return ResNetPreact().ptr(); },
     {
         {"x2",
          0.25758879532819634,
          {3360, 6721, 8401, 11762},
          {0.83045909126149398, 0.543841403457752, 0.55857625213979001, 0.623987930632808}},
         {"x4",
          1171.7065189817904,
          {0, 420, 1260, 1680},
          {41.831433953963881, 13.84756589336998, 10.967622401267151, 40.242727982218391}},
         {"x8",
          369710178.1768198,
          {0, 630, 1050, 1260},
          {7982.6572540029283, 18466.548103684134, 36207.075354107648, 34236.990287598033}},
         {"x16",
          549842461297537.94,
          {105, 210, 315, 735},
          {28663477.877372894, 48660887.343131989, 30325364.540383101, 12354654.665211119}},
         {"x32",
          14189547684292044,
          {0, 104, 314, 419},
          {203120802.34051418, 34863131.291291825, 207588582.25248495, 16998134.782983478}},
     }},
    {"resnet50_preact",
     [] { return ResNetPreact(ResNetPreactOptions{.depth = 50}).ptr(); },
     {
         {"x2",
          0.25758879532819634,
          {3360, 6721, 8401, 11762},
          {0.83045909126149398, 0.543841403457752, 0.55857625213979001, 0.623987930632808}},
         {"coarse4",
          3.4589755151391799,
          {1680, 6721, 11762, 13443},
          {3.3416306652753156, 4.7113629348719535, 1.4260180117666355, 5.0856174981518381}},
         {"x4",
          13.955122985352856,
          {1680, 6721, 11762, 13443},
          {4.8532427523210178, 8.4008690991483217, 6.1361404009029474, 9.1837837975479637}},
         {"coarse8",
          7.987410217695019,
          {840, 5041, 6721, 9241},
          {3.8116959998548134, 7.2489401456285325, 2.7358670539303866, 2.5081928729489622}},
         {"x8",
          67.629321970997296,
          {840, 5041, 5881, 6721},
          {14.124923831026864, 13.510865213209229, 5.9813622708456045, 11.766246235350501}},
         {"coarse16",
          32.180291407446553,
          {840, 1260, 1680, 2100},
          {1.8513517189886688, 7.7099149237528319, 3.1824199797007502, 2.2368082881113196}},
         {"x16",
          728.26421019736495,
          {840, 1260, 2520, 3360},
          {32.874007732399001, 50.24981872324053, 0.68463631368502587, 26.782166056951418}},
         {"x32",
          964.81829496368584,
          {420, 1050, 1260, 1890},
          {19.261664215911164, 3.2746811451288131, 20.989490456185401, 41.746957643730951}},
     }},
    {"resnet34",
     [] { return ResNet().ptr(); },
     {
         {"x2",
          0.25183792508612224,
          {0, 3360, 5041, 8401},
          {0.24853718203367425, 0.68845806799884413, 0.010718414800067536, 1.1538834138707073}},
         {"x4",
          666.80548732912587,
          {1260, 2100, 2520, 2940},
          {36.829423276922668, 3.6613424368742438, 14.02756698237015, 65.82179906119724}},
         {"x8",
          282880885.32959998,
          {0, 420, 1260, 1470},
          {18962.820581412267, 1928.0611490895431, 12111.593935737119, 24802.327959306029}},
         {"x16",
          345022954606148.06,
          {105, 210, 315, 735},
          {23178723.475561164, 38161085.339272901, 24243390.505309314, 10271396.520331511}},
         {"x32",
          3403339119641959,
          {52, 157, 262, 367},
          {103638737.54827981, 86029389.296724975, 45013977.553365991, 113272772.45588431}},
     }},
    {"resnet50",
     [] { return ResNet(ResNetOptions{.depth = 50}).ptr(); },
     {
         {"x2",
          0.25183792508612224,
          {0, 3360, 5041, 8401},
          {0.24853718203367425, 0.68845806799884413, 0.010718414800067536, 1.1538834138707073}},
         {"x4",
          5.9690363510392803,
          {0, 1680, 5041, 6721},
          {0.96553470861291246, 3.6586862893279877, 0.67610463073166593, 3.8083995594701374}},
         {"x8",
          38.503925994292345,
          {0, 840, 4200, 5041},
          {4.8621711959088785, 8.6169371638606584, 1.7342558414580052, 9.5740680100629216}},
         {"x16",
          303.67754858763794,
          {0, 420, 840, 1260},
          {4.9880033795623433, 0.025790476282163022, 27.214441413418214, 36.972471016791651}},
         {"x32",
          140.48765607825453,
          {0, 420, 630, 1050},
          {3.2908145423832225, 12.86233431726421, 7.1988844642361371, 4.6277861087023728}},
     }},
    {"vgg16",
     [] { return VGG16().ptr(); },
     {
         {"x1",
          0.49983848811133447,
          {0, 13443, 33608, 67216},
          {0.94515189424063728, 0.87815108419030097, 0.31954299272797654, 1.3847202461870138}},
         {"x2",
          7.5689139723828838,
          {10082, 13443, 23525, 26886},
          {0.63902139490518828, 0.87534345582211415, 7.6550524066741392, 0.35144685052009667}},
         {"x4",
          2242.1326977808094,
          {0, 1680, 5041, 11762},
          {29.571675864759147, 3.6445967448093026, 87.946029325158989, 37.144270755370584}},
         {"x8",
          14249.898417483997,
          {1680, 2520, 5041, 5881},
          {112.42387898822622, 38.509168285249217, 82.003076365236723, 317.88222135033214}},
         {"x16",
          164067.84491409513,
          {210, 630, 1050, 1470},
          {655.21901135502731, 955.05147596474274, 1010.241481888595, 895.19609727464012}},
         {"x32",
          437480.95673713041,
          {0, 52, 104, 157},
          {269.12154808147261, 517.1590377196635, 382.17958857989277, 955.05147596474274}},
     }},
};

class ResNetTaps : public testing::TestWithParam<TapCase> {};

TEST_P(ResNetTaps, HaveTheValuesOfTheReference) {
  const auto encoder = GetParam().make();
  encoder->to(torch::kFloat64);
  fill(*encoder);
  encoder->eval();
  const torch::NoGradGuard no_grad;
  const auto f = encoder->forward(wave({2, 3, 32, 64}, 0.05));
  const auto strides = encoder->strides();
  for (const auto& tap : GetParam().taps) {
    const bool coarse = tap.name.starts_with("coarse");
    const int64_t stride = std::stoll(tap.name.substr(coarse ? 6 : 1));
    const auto place = std::find(strides.begin(), strides.end(), stride) - strides.begin();
    const auto flat = (coarse ? f.coarse : f.maps).at(static_cast<size_t>(place)).flatten();
    EXPECT_NEAR(flat.square().mean().item<double>(), tap.mean_square, 1e-9 * tap.mean_square)
        << tap.name;
    for (size_t i = 0; i < tap.at.size(); ++i) {
      const double value = flat[tap.at[i]].item<double>();
      EXPECT_NEAR(value, tap.value[i], 1e-8 * std::sqrt(tap.mean_square)) << tap.name << " " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ResNetTaps, testing::ValuesIn(kTapCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace groundglass
