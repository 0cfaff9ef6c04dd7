#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace groundglass {

/// Learnable parameters and moving statistics of each network of the catalog: from the papers and
/// specifications, or from the scripts of tools/reference/.
inline const std::map<std::string, std::pair<int64_t, int64_t>> kCounts = {
    {"attention_unet", {11'877'134, 5'888}},
    {"unet", {31'036'481, 11'776}},
    {"segnet", {29'435'076, 15'876}},
    {"segnet_depth4", {519'748, 1'924}},
    {"segnet_depth5", {667'716, 2'436}},
    {"a_segnet", {35'541'065, 15'876}},
    {"a_segnet_depth5", {873'161, 2'436}},
    {"a_segnet_add", {30'048'329, 15'876}},
    {"attention_unet_vgg16", {22'542'917, 1'920}},
    {"inf_net", {31'072'721, 66'604}},
    {"linknet", {21'619'828, 17'446}},
    {"linknet_transpose", {21'773'940, 17'446}},
    {"linknet_chaurasia", {21'641'473, 19'136}},
    {"linknet_smp", {21'771'681, 19'136}},
    {"lung_fcn", {342'226, 0}},
    {"r231_unet", {28'953'539, 11'776}},
    {"raiu_net", {4'022'924, 22'602}},
    {"raiu_net_16", {2'591'982, 18'082}},
    {"raiu_net_64_third", {4'186'673, 17'104}},
    {"raiu_net_x1_5", {4'130'381, 27'228}},
    {"raiu_net_bu", {31'042'369, 11'776}},
    {"raiu_net_rib", {2'756'747, 20'202}},
    {"raiu_net_rib_hp", {3'507'670, 20'202}},
    {"chs_net", {8'045'848, 45'204}},
    {"unet_chexnet", {12'059'345, 85'632}},
    {"unet_densenet121", {12'059'345, 85'632}},
    {"unet_inception_v3", {29'896'689, 36'416}},
    {"unet_resnet50_preact", {32'513'556, 47'558}},
    {"unet_plus_plus_chexnet", {14'398'561, 88'448}},
    {"unet_plus_plus_densenet121", {14'398'561, 88'448}},
    {"unet_plus_plus_inception_v3", {30'429'569, 39'232}},
    {"unet_plus_plus_resnet50_preact", {34'336'676, 50'374}},
    {"dla_chexnet", {13'145'185, 88'448}},
    {"dla_densenet121", {13'145'185, 88'448}},
    {"dla_inception_v3", {28'955'009, 39'232}},
    {"dla_resnet50_preact", {32'198'564, 50'374}},
    {"unet_plus_plus", {14'398'561, 88'448}},
    {"dla", {13'145'185, 88'448}},
    {"unet_mobilenet_v2", {6'628'945, 36'096}},
    {"unet_resnet18", {14'328'209, 11'584}},
    {"unet_resnet34", {24'436'369, 19'008}},
    {"unet_resnet50", {32'521'105, 55'104}},
    {"unet_vgg16_full", {21'757'697, 1'920}},
    {"unet_vgg16", {19'036'817, 1'984}},
    {"unet_plus_plus_resnet50_transpose", {37'648'292, 50'374}},
};

}  // namespace groundglass
