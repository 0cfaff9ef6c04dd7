// A detector before the outliner of chest X-rays: whose marks are kept, and what is said of others.
#include "groundglass/predict/xray_detector.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/dicom_measurements.h"
#include "groundglass/predict/dicom_of_results.h"
#include "groundglass/predict/segment_in_memory.h"
#include "groundglass/preprocess/normalise.h"
#include "groundglass/report/find_infection.h"
#include "groundglass/report/predict_report.h"
#include "tests/complaint.h"
#include "tests/io/dicom_object_samples.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/predict/dark_is_lung.h"
#include "tests/predict/dicom_job.h"
#include "tests/predict/tiny_detector.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// Dark, with a bright box of 10 x 16 pixels of 40 x 50.
Image picture_with_box() {
  Image image;
  image.pixels = torch::full({1, 40, 50}, 30, torch::kUInt8);
  image.pixels.narrow(1, 10, 10).narrow(2, 20, 16).fill_(200);
  return image;
}

Segmenter asking(std::shared_ptr<const XrayDetector> detector) {
  Segmenter segmenter = bright_segmenter();
  segmenter.use_detector(std::move(detector));
  return segmenter;
}

MemoryResult told_of_the_box(std::shared_ptr<const XrayDetector> detector) {
  Segmenter segmenter = asking(std::move(detector));
  return segment_in_memory(segmenter, picture_with_box(), {"chest", "bright"});
}

TEST(XrayDetector, KeepsMarksWhereItFindsInfection) {
  const auto alone = told_of_the_box(nullptr), kept = told_of_the_box(detector_that_says(0.7));
  ASSERT_GT(alone.summary.lesion_pixels, 100);
  EXPECT_FALSE(alone.summary.detection);
  EXPECT_TRUE(case_json(alone.summary)["detector"].is_null());
  EXPECT_TRUE(torch::equal(kept.labels, alone.labels));
  EXPECT_TRUE(torch::equal(kept.probabilities, alone.probabilities));
  ASSERT_TRUE(kept.summary.detection);
  EXPECT_NEAR(kept.summary.detection->probability, 0.7, 1e-6);
  EXPECT_EQ(kept.summary.detection->withheld_pixels, 0);
  EXPECT_EQ(case_json(kept.summary)["detector"]["decision"], "infected");
  EXPECT_EQ(kept.summary.warnings, alone.summary.warnings);
}

TEST(XrayDetector, WithholdsMarksAndProbabilitiesWhereItFindsNone) {
  const auto alone = told_of_the_box(nullptr), none = told_of_the_box(detector_that_says(0.034));
  EXPECT_EQ(none.summary.lesion_pixels, 0);
  EXPECT_FALSE(none.labels.any().item<bool>());
  EXPECT_EQ(none.probabilities.max().item<double>(), 0);
  EXPECT_EQ(none.summary.detection->withheld_pixels, alone.summary.lesion_pixels);
  const std::string share = case_json(alone.summary)["lesion_pixels"].dump();
  ASSERT_EQ(none.summary.warnings.size(), alone.summary.warnings.size() + 1) << share;
  EXPECT_TRUE(says(none.summary.warnings.back(),
                   {"chest: the detector tiny finds no infection (probability 0.034, below its "
                    "cut-off 0.5): marks of ",
                    " % of the picture were withheld; --detector none keeps them"}));
  const auto json = case_json(none.summary);
  EXPECT_EQ(json["detector"]["decision"], "not infected");
  const CaseSummary again = case_summary_of(json);
  ASSERT_TRUE(again.detection);
  EXPECT_EQ(again.detection->detector, "tiny");
  EXPECT_EQ(again.detection->withheld_pixels, alone.summary.lesion_pixels);
  EXPECT_EQ(case_json(again), json);
  auto older = json;
  older.erase("detector");
  EXPECT_FALSE(case_summary_of(older).detection);
}

TEST(XrayDetector, SaysNothingWhereNothingWasMarked) {
  Segmenter segmenter = asking(detector_that_says(0.1));
  Image dark = picture_with_box();
  dark.pixels.fill_(30);
  const auto told = segment_in_memory(segmenter, dark, {"chest", "bright"});
  EXPECT_EQ(told.summary.detection->withheld_pixels, 0);
  for (const auto& warning : told.summary.warnings) {
    EXPECT_EQ(warning.find("detector"), std::string::npos) << warning;
  }
}

TEST(XrayDetector, SaysThatItFindsInfectionOfWhichNothingIsMarked) {
  Image dark = picture_with_box();
  dark.pixels.fill_(30);
  const auto told_of = [&](const XrayDetectorOptions& options) {
    Segmenter segmenter = asking(std::make_shared<XrayDetector>(options));
    return segment_in_memory(segmenter, dark, {"chest", "bright"});
  };
  const auto told = told_of(tiny_detector(0.7));
  ASSERT_EQ(told.summary.lesion_pixels, 0);
  const char* kSaid =
      "the detector tiny finds infection (probability 0.7, at least its cut-off 0.5), but the "
      "network marked nothing: the two disagree";
  EXPECT_TRUE(says(told.summary.warnings.back(), {"chest: ", kSaid}));
  const auto remarks = measurement_report(told.summary, {}, {}).remarks;
  EXPECT_TRUE(std::any_of(remarks.begin(), remarks.end(), [](const auto& remark) {
    return remark.second.starts_with("No infection was marked, but the detector");
  }));

  XrayDetectorOptions elsewhere = tiny_detector(0.7);
  elsewhere.typicality = typicality_of_nothing_like_it();
  const auto unlike = told_of(elsewhere).summary.warnings.back();
  EXPECT_TRUE(says(unlike, {"is not used"}));
  EXPECT_EQ(unlike.find("disagree"), std::string::npos);
}

TEST(XrayDetector, DecidesFromItsCutOffOn) {
  EXPECT_GT(told_of_the_box(detector_that_says(0.092, 0.0916)).summary.lesion_pixels, 0);
  EXPECT_EQ(told_of_the_box(detector_that_says(0.091, 0.0916)).summary.lesion_pixels, 0);
  Detection equal{"tiny", 0.25, 0.25};
  EXPECT_TRUE(equal.infected());
}

TEST(XrayDetector, IsNotTrustedWithAPictureUnlikeItsTraining) {
  XrayDetectorOptions options = tiny_detector(0.034);
  options.typicality = typicality_of_nothing_like_it();
  const auto told = told_of_the_box(std::make_shared<XrayDetector>(options));
  EXPECT_GT(told.summary.lesion_pixels, 100) << "marks are kept";
  EXPECT_EQ(told.summary.detection->withheld_pixels, 0);
  EXPECT_GT(told.summary.detection->typicality.value(), 1);
  EXPECT_EQ(case_json(told.summary)["detector"]["decision"], "not trusted");
  EXPECT_TRUE(says(told.summary.warnings.back(),
                   {"chest: looks unlike what the detector tiny was trained on (",
                    " times the limit); its decision (probability 0.034, below its cut-off 0.5) is "
                    "not used, and marks are kept"}));
}

TEST(XrayDetector, LooksAtThePictureAsTheClassifierIsFed) {
  XrayDetectorOptions options = tiny_detector(0.5);
  {
    const torch::NoGradGuard no_grad;
    options.model->train();  // batch norm gets to know what answers of layers are like
    for (int i = 0; i < 8; ++i) options.model->forward(torch::rand({4, 1, 64, 64}));
    options.model->eval();
    options.model->named_parameters()["head.weight"].normal_();
  }
  const XrayDetector detector(options);
  const Image box = picture_with_box();
  const auto input = normalised(to_network_grid(box, options.preprocess).pixels.unsqueeze(0),
                                options.preprocess.normalise);
  const torch::NoGradGuard no_grad;
  const double expected = torch::softmax(options.model->forward(input), 1)[0][1].item<double>();
  EXPECT_NEAR(detector.look_at(box).probability, expected, 1e-6);
  Image hu = box;
  hu.units = Units::hu;
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] {
                               XrayDetectorOptions gray = options;
                               gray.preprocess.units = UnitsAsked::gray;
                               XrayDetector(gray).look_at(hu);
                             }),
                   {"units are 'gray'"}));
}

TEST(XrayDetector, DecidesForDetectAsForPredict) {
  const ScratchFolder folder;
  write_png(folder / "box.png", picture_with_box().pixels[0]);
  const auto found = [&](std::shared_ptr<const XrayDetector> detector) {
    Segmenter segmenter = asking(std::move(detector));
    Xray xray;
    xray.path = folder / "box.png";
    xray.stem = "box";
    return find_infections(segmenter, {xray}, {}, silent_observer()).findings.at(0);
  };
  const auto alone = found(nullptr), none = found(detector_that_says(0.1)),
             kept = found(detector_that_says(0.9));
  EXPECT_TRUE(alone.infected);
  EXPECT_TRUE(alone.detector.is_null());
  EXPECT_TRUE(kept.infected);
  EXPECT_EQ(kept.infected_fraction, alone.infected_fraction);
  EXPECT_FALSE(none.infected);
  EXPECT_EQ(none.infected_fraction, 0);
  EXPECT_EQ(none.highest, alone.highest) << "the network's own answer";
  EXPECT_EQ(none.detector["decision"], "not infected");
  EXPECT_TRUE(says(none.warnings.back(), {"box.png: the detector tiny finds no infection"}));
  XrayDetectorOptions options = tiny_detector(0.1);
  options.typicality = typicality_of_nothing_like_it();
  EXPECT_TRUE(found(std::make_shared<XrayDetector>(options)).infected) << "as the network says";
}

TEST(XrayDetector, StandsInSummaryPageAndObjectsOfAnXray) {
  const ScratchFolder folder;
  fs::create_directories(folder / "in");
  write_xray(folder / "in/a.dcm", "2\\2");
  const auto predicted = [&](std::shared_ptr<const XrayDetector> detector) {
    fs::remove_all(folder / "out");
    Segmenter segmenter = asking(std::move(detector));
    PredictJob job = dicom_job(folder / "in", folder / "out", "seg,sr");
    name_maker(job, segmenter);
    predict(segmenter, job);
    return nlohmann::json::parse(read_file(folder / "out/summary.json"));
  };
  const auto remarks = [&] {
    std::string all;
    for (const auto& r : read_dicom_report(folder / "out/a_sr.dcm").remarks) all += r + "\n";
    return all;
  };
  EXPECT_TRUE(predicted(nullptr)["detector"].is_null());
  const auto kept = predicted(detector_that_says(0.9));
  EXPECT_GT(kept["cases"][0]["lesion_cm2"].get<double>(), 0);
  EXPECT_TRUE(says(predict_report_html(folder / "out"), {"The detector tiny finds infection"}));

  const auto none = predicted(detector_that_says(0.034));
  EXPECT_EQ(none["detector"]["name"], "tiny");
  EXPECT_EQ(none["detector"]["cutoff"], 0.5);
  EXPECT_EQ(none["detector"]["caution"], "knows one number");
  EXPECT_EQ(none["detector"]["weights_sha256"], std::string(64, 'd'));
  EXPECT_EQ(none["cases"][0]["lesion_cm2"], 0);
  EXPECT_EQ(none["cases"][0]["detector"]["withheld_pixels"], kept["cases"][0]["lesion_pixels"]);
  EXPECT_FALSE((read_mask_picture(folder / "out/a_mask.png") != 0).any().item<bool>());
  const std::string page = predict_report_html(folder / "out");
  EXPECT_TRUE(says(
      page, {"The detector tiny finds no infection (probability 0.034, below its",
             "so what the network marked, 78 pixels, was withheld", "--detector none keeps them"}));
  EXPECT_EQ(page.find("Nothing was found"), std::string::npos);
  EXPECT_TRUE(says(remarks(), {"No infection was found: marks of the network were withheld",
                               "tiny: probability 0.034, below its cut-off 0.5",
                               "the detector tiny finds no infection"}));
  EXPECT_EQ(errors_in(folder / "out/a_seg.dcm"), "");
  const std::string said = remarks();
  const auto later = write_dicom_of_results(folder / "out", parse_dicom_outputs("seg,sr"));
  EXPECT_EQ(remarks(), said) << "objects that are made later say the same";
  EXPECT_EQ(later.at(0).objects.at(0).sop_instance,
            none["cases"][0]["dicom_objects"][0]["sop_instance_uid"]);
}

}  // namespace
}  // namespace groundglass
