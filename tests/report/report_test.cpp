#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/report/figure.h"
#include "groundglass/report/html_page.h"
#include "groundglass/report/predict_report.h"
#include "groundglass/report/run_report.h"
#include "tests/complaint.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {

/// No address, no script, no file outside the page.
void expect_self_contained(const std::string& page) {
  for (const char* word : {"http:", "https:", "<script", "<link", "@import", "url("}) {
    EXPECT_EQ(page.find(word), std::string::npos) << word;
  }
  for (size_t at = page.find("src=\""); at != std::string::npos; at = page.find("src=\"", at + 1)) {
    EXPECT_EQ(page.compare(at, 27, "src=\"data:image/png;base64,"), 0);
  }
  EXPECT_TRUE(says(page, {"Research use only, not a medical device."}));
}

TEST(Base64, GivesTheVectorsOfTheStandard) {  // RFC 4648, section 10
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) EXPECT_EQ(base64(plain), coded);
}

TEST(HtmlPage, MakesTextHarmless) {
  HtmlPage page("a <b> & \"c\"");
  page.paragraph("<script>alert(1)</script>");
  page.table({"x<"}, {{"<y>"}});
  page.picture("png", "caption <i>");
  page.folded("more", "<pre>");
  expect_self_contained(page.text());
  EXPECT_TRUE(
      says(page.text(), {"a &lt;b&gt; &amp; &quot;c&quot;", "&lt;script&gt;", "&lt;y&gt;"}));
}

TEST(Jet, HasTheColoursOfTheFormula) {
  const auto c = jet(torch::tensor({{0.0F, 0.25F, 0.5F, 0.75F, 1.0F}}));
  const auto expected = torch::tensor({{{0, 0, 128, 255, 128}},  // r = 1.5 - |4v - 3|
                                       {{0, 128, 255, 128, 0}},
                                       {{128, 255, 128, 0, 0}}},
                                      torch::kUInt8);
  EXPECT_LE((c.to(torch::kInt32) - expected.to(torch::kInt32)).abs().max().item<int>(), 1) << c;
}

TEST(Overlay, ColoursOnlyTheLesion) {
  const auto gray = torch::full({20, 20}, 100, torch::kUInt8);
  auto labels = torch::zeros({20, 20}, torch::kUInt8);
  labels.narrow(0, 5, 8).narrow(1, 5, 8).fill_(1);
  const auto out = overlay(gray, labels);
  EXPECT_EQ(out[0][2][2].item<int>(), 100);
  EXPECT_EQ(out[2][2][2].item<int>(), 100);
  EXPECT_GT(out[0][8][8].item<int>(), out[2][8][8].item<int>() + 40);  // red inside
  EXPECT_GT(out[0][5][8].item<int>(), out[0][8][8].item<int>());       // stronger at the outline
}

TEST(Montage, FitsPicturesIntoSquares) {
  const auto wide = torch::full({3, 10, 20}, 50, torch::kUInt8);
  const auto sheet = montage({wide, wide, wide}, 2, 32);
  EXPECT_EQ(sheet.sizes(), (torch::IntArrayRef{3, 64, 64}));
  EXPECT_EQ(sheet[0][16][5].item<int>(), 50);
  EXPECT_EQ(sheet[0][2][5].item<int>(), 0);
}

TEST(Figures, HaveTheirPanels) {
  const auto gray = torch::randint(0, 255, {64, 80}, torch::kUInt8);
  const auto labels = (gray > 200).to(torch::kUInt8);
  const auto figure = four_panel_figure({gray, {}, labels, torch::rand({64, 80})});
  EXPECT_EQ(figure.sizes(), (torch::IntArrayRef{3, 64 + 26, 3 * 80 + 2 * 6})) << "without a truth";
  std::vector<EpochDone> history(3);
  for (int i = 0; i < 3; ++i) history[static_cast<size_t>(i)].loss = 3 - i;
  EXPECT_EQ(curves_figure(history).size(0), 3);
  EXPECT_EQ(curves_figure({}).size(0), 3);
  const ScratchFolder folder;
  EXPECT_EQ(augmentation_sheet(made_up_set(folder), {}, 3, 4, 1).sizes(),
            (torch::IntArrayRef{3, 3 * 192, 5 * 192}));
}

RunReport small_report() {
  RunReport report;
  report.title = "A run";
  report.recipe = "[model]\nname = \"unet\"";
  report.environment = "{}";
  ReportedFold fold;
  fold.name = "fold_0";
  fold.history.resize(2);
  for (int i = 0; i < 6; ++i) {
    const std::string n = std::to_string(i);
    fold.scores.items.push_back({"r" + n,
                                 "c" + n,
                                 "p" + n,
                                 i < 3 ? "north" : "south",
                                 {10 - i, i, i, 50},
                                 {5, 9, 10},
                                 true});
  }
  fold.cases.push_back({encode_png(torch::zeros({4, 4}, torch::kUInt8)), "best: r0"});
  report.folds = {fold, fold};
  return report;
}

TEST(RunReport, IsOnePageWithTablesCurvesAndCases) {
  const std::string page = run_report_html(small_report());
  expect_self_contained(page);
  EXPECT_TRUE(says(page, {"A run", "Test scores", "mean +- sd", "north", "south", "best: r0",
                          "Training, fold_0", "name = &quot;unet&quot;"}));
}

TEST(TellingItems, AreBestMedianAndWorstOfThoseWithALesion) {
  auto items = small_report().folds[0].scores.items;
  items.push_back({"clean", "clean", "clean", "", {0, 5, 0, 5}, {}, false});
  const auto telling = telling_items(items);
  ASSERT_EQ(telling.size(), 3U);
  EXPECT_EQ(telling[0].second->id, "r0");
  EXPECT_EQ(telling[2].second->id, "r5");
  EXPECT_TRUE(telling_items({items.back()}).empty());
}

TEST(PredictReport, ShowsCasesAndTheirPictures) {
  const ScratchFolder folder;
  write_file(
      folder / "summary.json",
      R"({"model":"m","weights_sha256":"0123456789abcdef0","threshold":0.5,"precision":"fp32",)"
      R"("seconds":1.5,"cases":[{"input":"x","output":"a_mask.png","modality":"CT","size":[2,3],)"
      R"("lesion_pixels":7,"lesion_fraction_of_lung":0.125,"lesion_ml":3.21,"lung_ml":4000,"lungs":"ct_lungs",)"
      R"("warnings":["careful"]}]})");
  write_png(folder / "a_overlay.png", torch::zeros({4, 4}, torch::kUInt8));
  const std::string page = predict_report_html(folder.path());
  expect_self_contained(page);
  EXPECT_TRUE(says(
      page, {"12.5 %", "3.2", "4000", "found by ct_lungs", "careful", "a: prediction in red"}));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { predict_report_html(folder / "no"); }),
                   {"summary.json"}));
  write_file(folder / "summary.json", "{");
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { predict_report_html(folder.path()); }), {"damaged"}));
}

}  // namespace
}  // namespace groundglass
