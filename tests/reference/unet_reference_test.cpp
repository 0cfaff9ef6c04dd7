// The U-Net against an implementation of its own: PyTorch, float64, elementary operations. Every
// number below is printed by tools/reference/unet.py; nothing is read from a file.
#include "groundglass/models/unet.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {

const Reference kReference = {
    {-1.0447082396060368, -1.0759586127202072, -2.1232892671628054, -2.9656070432423354,
     -1.053200931953443, -2.7097226867482025, -1.3388890253928261, -1.0817758717948716,
     -1.1121084964496266, -1.9898533157679372, -1.1547314301122422, -1.5995145572598959},
    2.7367614877181947,
    {-1.0892160288611574, -1.0865523916894473, -2.3033906182517421, -2.4065119757657443,
     -1.064178842240691, -2.5324245080940253, -1.3969784097043596, -1.12270420299291,
     -1.1303357987119871, -1.9296013242070706, -1.1104188930686156, -1.4526626237535889},
    2.397000743258781,
    {
        {"down.0.conv1.weight",
         0.012065388477005938,
         0.35735670885937282,
         {0, 12, 18, 35},
         {-0.010731226132605999, 0.013396812662729593, 0.0039070554864727601,
          -0.0053016054158873966}},
        {"down.1.norm1.weight",
         0.00046672250961550158,
         0.00050065036357769481,
         {0, 2, 4, 7},
         {-1.6963926981096599e-05, 4.6648230309656347e-05, 0.00016597395314396963,
          3.9393990273937647e-05}},
        {"down.2.conv2.weight",
         -0.00068071913441007854,
         0.017944648828579178,
         {0, 768, 1152, 2303},
         {-6.6843146557843847e-06, -6.7915659677762966e-06, -6.2764996181395496e-06,
          -1.2099464699471619e-06}},
        {"down.2.norm2.bias",
         4.3249989474411198e-05,
         0.00035528931218619595,
         {0, 5, 8, 15},
         {1.8343416007443788e-05, -1.2493402252176769e-05, 3.8154597115089315e-06,
          7.5421310282006465e-06}},
        {"up.0.weight",
         0.0097521202628283662,
         0.043659667278905231,
         {0, 170, 256, 511},
         {0.0001030986899412229, 4.2676073534474221e-05, 5.0246965820750107e-06,
          -4.6874385649506435e-05}},
        {"up.1.bias",
         -0.025688296388285889,
         0.025688296388285889,
         {0, 1, 2, 3},
         {-0.0066251329541760608, -0.0064909774254524348, -0.0063549867206407294,
          -0.0062171992880166657}},
        {"fuse.0.conv1.weight",
         -0.011720977264347895,
         0.085500327269076332,
         {0, 384, 576, 1151},
         {-5.4037092521285607e-05, 5.1350772228574931e-05, -8.6895222760747566e-05,
          -4.3002347249041925e-06}},
        {"fuse.1.norm2.bias",
         2.2186323072302683,
         2.2186323072302683,
         {0, 1, 2, 3},
         {0.45359123519267458, 0.80405283704590569, 0.66026394633034835, 0.30072428866133982}},
        {"head.weight",
         -6.0208940377365456,
         6.0208940377365456,
         {0, 1, 2, 3},
         {-3.1489210824400624, -1.8069102614250552, -0.74186326632700705, -0.32319942754442083}},
        {"head.bias",
         -2.8731689771046569,
         2.8731689771046569,
         {0, 0, 0, 0},
         {-2.8731689771046569, -2.8731689771046569, -2.8731689771046569, -2.8731689771046569}},
    },
    {
        {"down.0.norm1.running_mean",
         {-0.00038721185436104062, 0.026181888328987928, 0.0503752912309363, 0.070029414503443521}},
        {"down.0.norm1.running_var",
         {1.0684558075057757, 1.0634518291794168, 1.0507597805752897, 1.0314259166244106}},
        {"fuse.1.norm2.running_mean",
         {-0.00018214033403913247, 0.026166762896225, 0.050141796260897389, 0.069580481896747537}},
        {"fuse.1.norm2.running_var",
         {1.2845789220957904, 1.2740260833082617, 1.2545887314732913, 1.2274517945041197}},
    }};

/// Checkpoint names in the order in which the script numbers them.
std::vector<std::string> unet_names(int64_t scales) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& part, int64_t i, const std::vector<std::string>& ends) {
    for (const auto& end : ends) names.push_back(part + "." + std::to_string(i) + "." + end);
  };
  const std::vector<std::string> block = {"conv1.weight", "norm1.weight", "norm1.bias",
                                          "conv2.weight", "norm2.weight", "norm2.bias"};
  for (int64_t i = 0; i < scales; ++i) add("down", i, block);
  for (int64_t i = 0; i + 1 < scales; ++i) add("up", i, {"weight", "bias"});
  for (int64_t i = 0; i + 1 < scales; ++i) add("fuse", i, block);
  names.insert(names.end(), {"head.weight", "head.bias"});
  return names;
}

void expect_like_unet(torch::ScalarType type, double tolerance) {
  UNet net(UNetOptions{.widths = {4, 8, 16}});
  net->to(type);
  fill_closed_form(*net, unet_names(3));
  expect_reference(*net, wave({2, 1, 32, 32}, 0.05).to(type), kReference, tolerance);
}

TEST(UNetReference, NamesItsParametersAsTheCheckpointDoes) {
  std::vector<std::string> found;
  for (const auto& p : UNet(UNetOptions{.widths = {4, 8, 16}})->named_parameters()) {
    found.push_back(p.key());
  }
  EXPECT_EQ(found, unet_names(3));
}

TEST(UNetReference, AgreesInDoublePrecision) {
  expect_like_unet(torch::kFloat64, 1e-9);
}

TEST(UNetReference, AgreesInSinglePrecision) {
  expect_like_unet(torch::kFloat32, 1e-5);
}

}  // namespace
}  // namespace groundglass
