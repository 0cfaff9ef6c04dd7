#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/io/legend.h"
#include "groundglass/report/figure.h"
#include "groundglass/report/predict_report.h"
#include "groundglass/report/run_report.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

TEST(ClassReport, GivesTheAmountAndColourOfEachClass) {
  const ScratchFolder folder;
  write_file(folder / "summary.json",
             R"({"model":"m","weights_sha256":"0123456789abcdef0","threshold":null,)"
             R"("precision":"fp32","seconds":1.5,"cases":[{"input":"x","output":"a_mask.nii.gz",)"
             R"("modality":"CT","size":[2,3],"lesion_pixels":7,"lesion_fraction_of_lung":null,)"
             R"("lesion_ml":3.21,"lung_ml":null,"warnings":[],"classes":[)"
             R"({"class":1,"name":"ground glass","pixels":5,"ml":2.29},)"
             R"({"class":2,"name":"consolidation","pixels":2,"ml":null}]}]})");
  write_file(folder / "a_overlay.png", "x");
  const std::string page = predict_report_html(folder.path());
  EXPECT_TRUE(says(page, {"no threshold", "ground glass in red, consolidation in yellow", "2.3 ml",
                          "2 pixels", "consolidation</th>"}));
}

TEST(ClassReport, HasARowForEachClassOfARun) {
  RunReport report;
  ReportedFold fold;
  fold.name = "fold_0";
  fold.history.resize(2);
  for (auto& e : fold.history) e.class_dice = {0.5, 0.25};
  fold.scores.items = {{"a", "a", "a", "", {8, 2, 0, 90}, {}, true}};
  fold.scores.items[0].classes = {{6, 1, 1, 92}, {1, 2, 0, 97}};
  report.folds = {fold};
  report.class_names = {"ground glass", "consolidation"};
  const std::string page = run_report_html(report);
  EXPECT_TRUE(says(page, {"Classes", "any infection", "ground glass", "consolidation", "0.8571",
                          "0.5000", "none"}));
}

TEST(ClassReport, PutsALegendBelowThePanels) {
  const auto gray = torch::randint(0, 255, {64, 80}, torch::kUInt8);
  const auto labels = torch::randint(0, 3, {64, 80}, torch::kUInt8);
  FourPanels panels{gray, labels, labels, torch::rand({64, 80})};
  const auto plain = four_panel_figure(panels);
  FourPanels untold = panels;
  untold.truth = torch::Tensor();
  EXPECT_EQ(four_panel_figure(untold).size(2), plain.size(2) - 80 - 6)
      << "three panels, a gap less";
  panels.class_names = {"ground glass", "consolidation"};
  const auto with = four_panel_figure(panels);
  EXPECT_EQ(with.size(1), plain.size(1) + kLegendLine);
  EXPECT_TRUE(torch::equal(with.narrow(1, 0, plain.size(1)), plain));
}

}  // namespace
}  // namespace groundglass
