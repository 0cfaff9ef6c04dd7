#include "groundglass/evaluate/shape_table.h"

#include <gtest/gtest.h>

#include "groundglass/evaluate/class_table.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

ScoredItem shape_item(const std::string& study, const std::string& domain, Counts counts,
                      const LesionCounts& lesions, const SurfaceDistances& surfaces, bool spacing) {
  ScoredItem i{study, study, study, domain, counts, {}, false};
  i.shapes = MaskShapes{lesions, surfaces, 1, spacing, !surfaces.to_truth.empty()};
  return i;
}

// Study A has two slices with a spacing, B was missed, C (another domain) has no spacing and two
// false alarms.
std::vector<ScoredItem> four_shapes() {
  const SurfaceDistances near{{{1.0F, 4}}, {{2.0F, 4}}, 0}, far{{{6.0F, 4}}, {{6.0F, 4}}, 0};
  return {shape_item("A", "north", {3, 1, 1, 5}, {2, 1, 3, 1}, near, true),
          shape_item("A", "north", {1, 1, 0, 8}, {2, 2, 1, 0}, far, true),
          shape_item("B", "north", {0, 0, 2, 8}, {4, 0, 0, 0}, {{}, {}, 6}, true),
          shape_item("C", "south", {0, 2, 0, 8}, {0, 0, 2, 2}, {}, false)};
}

TEST(DomainShapes, AddsSlicesToCasesAndAveragesCases) {
  const auto parts = domain_shapes(four_shapes(), 3);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].name, "all");
  EXPECT_EQ(parts[0].cases, 3);
  EXPECT_EQ(parts[0].sum.lesions, (LesionCounts{8, 3, 6, 3}));
  EXPECT_DOUBLE_EQ(*parts[0].pooled.lesion_sensitivity, 3.0 / 8);
  EXPECT_EQ(*parts[0].pooled.false_positives, 3);
  EXPECT_DOUBLE_EQ(parts[0].means.at("lesion_sensitivity"), 3.0 / 8);  // A: 3/4, B: 0
  EXPECT_EQ(parts[0].defined.at("lesion_sensitivity"), 2);             // C has no lesion
  EXPECT_DOUBLE_EQ(parts[0].means.at("false_positives"), 1);           // 1, 0 and 2
  EXPECT_EQ(parts[0].defined.at("false_positives"), 3);
  EXPECT_EQ(parts[0].defined.at("hd95_mm"), 1);
  EXPECT_EQ(parts[0].means.at("hd95_mm"), 6);
  EXPECT_DOUBLE_EQ(parts[0].means.at("assd_mm"), (4 + 8 + 48) / 16.0);
  EXPECT_EQ(parts[0].defined.at("surface_dice"), 2);  // A: 8 of 16, B: 0 of 6
  EXPECT_DOUBLE_EQ(parts[0].means.at("surface_dice"), 0.25);
  EXPECT_EQ(parts[2].name, "south");
  EXPECT_EQ(parts[2].means.count("hd95_mm"), 0U);
  EXPECT_EQ(parts[2].means.at("false_positives"), 2);
}

TEST(DomainShapes, DrawsWholePatientsForTheIntervals) {
  const auto parts = domain_shapes(four_shapes(), 3);
  EXPECT_DOUBLE_EQ(parts[1].intervals.at("false_positives").low, 0);   // B twice
  EXPECT_DOUBLE_EQ(parts[1].intervals.at("false_positives").high, 1);  // A twice
  EXPECT_DOUBLE_EQ(parts[1].pooled_sensitivity->low, 0);
  EXPECT_DOUBLE_EQ(parts[1].pooled_sensitivity->high, 0.75);
  EXPECT_TRUE(parts[2].intervals.empty());  // one patient
  EXPECT_FALSE(parts[2].pooled_sensitivity);
}

TEST(DomainShapes, SaysWhyACaseHasNoDistance) {
  const auto cases = by_case(four_shapes());
  ASSERT_EQ(cases.size(), 3U);
  EXPECT_EQ(distance_status(cases[0]), "ok");
  EXPECT_EQ(distance_status(cases[1]), "prediction_empty");
  EXPECT_EQ(distance_status(cases[2]), "no_spacing");
  auto apart = cases[1];  // one slice has the reference, another the prediction
  apart.counts.fp = 5;
  EXPECT_EQ(distance_status(apart), "never_both");
}

TEST(ShapeTable, HasTheFormThatScriptsRelyOn) {
  auto j = evaluation_json(four_shapes());
  add_shapes(j, four_shapes(), {});
  const auto& a = j["cases"][0];
  EXPECT_EQ(a["case"], "A");
  EXPECT_EQ(a["lesions"]["reference"], 4);
  EXPECT_EQ(a["lesions"]["found"], 3);
  EXPECT_EQ(a["lesions"]["predicted"], 4);
  EXPECT_EQ(a["lesions"]["false_positives"], 1);
  EXPECT_EQ(a["lesion_sensitivity"], 0.75);
  EXPECT_EQ(a["false_positives"], 1);
  EXPECT_EQ(a["hd95_mm"], 6);
  EXPECT_EQ(a["distance_masks"], 2);
  EXPECT_TRUE(j["cases"][1]["hd95_mm"].is_null());
  EXPECT_EQ(j["cases"][1]["surface_dice"], 0);
  EXPECT_EQ(j["cases"][1]["distance_status"], "prediction_empty");
  EXPECT_TRUE(j["cases"][2]["surface_dice"].is_null());
  EXPECT_TRUE(j["cases"][2]["lesion_sensitivity"].is_null());
  EXPECT_EQ(j["pooled"]["lesions"]["reference"], 8);
  EXPECT_EQ(j["pooled"]["false_positives"], 3);
  EXPECT_EQ(j["mean"]["false_positives"], 1);
  EXPECT_EQ(j["mean"]["defined"]["hd95_mm"], 1);
  EXPECT_TRUE(j["mean"].contains("dice"));
  const auto& north = j["domains"]["north"];
  EXPECT_EQ(north["mean"]["false_positives"], 0.5);
  EXPECT_TRUE(north["interval95"]["lesion_sensitivity_pooled"].is_array());
  EXPECT_TRUE(north["interval95"]["false_positives_mean"].is_array());
  EXPECT_TRUE(j["domains"]["south"]["interval95"]["false_positives_mean"].is_null());
  EXPECT_TRUE(j["domains"]["south"]["mean"]["hd95_mm"].is_null());
  EXPECT_EQ(j["definitions"]["tolerance_mm"], 3);
  EXPECT_TRUE(j["definitions"]["picture_spacing_mm"].is_null());
  auto one_domain = four_shapes();
  one_domain.resize(3);
  auto one = evaluation_json(one_domain);
  add_shapes(one, one_domain, {});
  EXPECT_EQ(one["domains"]["north"]["pooled"]["lesions"]["reference"], 8);
}

TEST(ClassTable, ScoresEachClassAlone) {
  auto items = four_shapes();
  for (auto& i : items) i.classes = {{1, 1, 0, 8}, {2, 0, 2, 6}};
  EXPECT_EQ(counted_classes(items), 2);
  EXPECT_EQ(counted_classes(four_shapes()), 0);
  const auto cases = by_case(items);
  EXPECT_EQ(cases[0].classes[0], (Counts{2, 2, 0, 16}));  // two slices
  auto j = evaluation_json(items);
  const auto before = j;
  add_classes(j, four_shapes());
  EXPECT_EQ(j, before);
  add_classes(j, items);
  ASSERT_EQ(j["classes"].size(), 2U);
  EXPECT_DOUBLE_EQ(j["classes"]["1"]["pooled"]["dice"].get<double>(), 8.0 / 12);
  EXPECT_DOUBLE_EQ(j["classes"]["2"]["pooled"]["sensitivity"].get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(j["classes"]["2"]["mean"]["precision"].get<double>(), 1);
  EXPECT_TRUE(j["classes"]["1"]["interval95"]["dice_mean"].is_array());
  EXPECT_EQ(j["classes"]["1"]["domains"].size(), 2U);
  EXPECT_DOUBLE_EQ(j["cases"][0]["classes"]["2"]["dice"].get<double>(), 8.0 / 12);
  EXPECT_EQ(j["cases"][0]["classes"]["2"]["status"], "ok");
  EXPECT_FALSE(j["cases"][0]["classes"]["2"].contains("patient"));
  EXPECT_EQ(j["pooled"], before["pooled"]);
}

}  // namespace
}  // namespace groundglass
