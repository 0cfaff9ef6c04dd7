// Chest X-rays in the server: their measures, corrections, DICOM objects and changes.
#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/io/picture.h"
#include "groundglass/serve/archive.h"
#include "tests/complaint.h"
#include "tests/io/dicom_object_samples.h"
#include "tests/predict/dicom_job.h"
#include "tests/serve/served_program.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// The change between two versions, out of folders as `predict` writes them.
void expect_xray_change_as_compare_tells_it(json told, const std::vector<json>& versions,
                                            const fs::path& folder) {
  for (size_t i = 0; i < versions.size(); ++i) {
    const json& model = versions[i]["model"];
    write_file(folder / ("v" + std::to_string(i)) / "summary.json",
               json{{"weights_sha256", model["weights_sha256"]},
                    {"version", model["program"]},
                    {"threshold", model["threshold"]},
                    {"cases", json::array({versions[i]["measures"]})}}
                   .dump());
  }
  const std::string compare = "groundglass compare v0 v1 --same-patient";
  json compared = json::parse(run_shell(compare + " --json", folder).out);
  for (auto* change : {&compared, &told}) {
    for (const char* key : {"before", "after", "days"}) change->erase(key);
  }
  EXPECT_EQ(told, compared);
  const Outcome printed = run_shell(compare, folder);
  EXPECT_EQ(printed.code, 0) << printed.err;
  EXPECT_TRUE(says(printed.out, {"infection: ", " cm2", "severity score of two lungs", "10 cm2"}));
}

TEST_F(Serve, MeasuresCorrectedXraysAsTheNetworksMask) {
  Program program(folder / "w");
  Api api(program);
  write_xray(folder / "box.dcm", "2\\2");
  run("groundglass phantom data --kind cxr --cases 1 --slices 48 --side 128 --seed 3 -q");
  const std::string id = api.post("/studies", json::object(), 201)["id"];
  api.put("/studies/" + id + "/files?path=1.dcm", read_file(folder / "box.dcm"), 201);
  api.put("/studies/" + id + "/files?path=2.png", read_file(folder / "data/case_000.png"), 201);
  api.done(api.post("/studies/" + id + "/import", json::object(), 202)["id"]);
  api.done(api.post("/studies/" + id + "/jobs", {{"kind", "predict"}, {"model", "xray_infection"}},
                    202)["id"]);
  for (const std::string image : {"1", "2"}) {
    const std::string at = "/studies/" + id + "/images/" + image;
    const json network = api.ready(at + "/versions/1");
    ASSERT_TRUE(network["measures"]["severity"].is_object()) << network.dump(1);
    const std::string save = at + "/versions?author=A&parent=";
    const std::string mask = api.bytes(at + "/versions/1/mask.png");
    api.send(save + "1", mask, 201);
    json same = api.ready(at + "/versions/2")["measures"], first = network["measures"];
    EXPECT_EQ(first["detector"]["name"], "xray_detector");
    EXPECT_TRUE(same["detector"].is_null()) << "none decides over what a person drew";
    for (json* measures : {&same, &first}) {
      measures->erase("dicom_objects");
      measures->erase("detector");
    }
    EXPECT_EQ(same, first) << "a correction that changes nothing";
    // Everything infected, and back again.
    const std::vector<int64_t> size = first["size"];
    write_png(folder / "all.png", torch::full({size[0], size[1]}, 255, torch::kUInt8));
    api.send(save + "2", read_file(folder / "all.png"), 201);
    const json whole = api.ready(at + "/versions/3");
    EXPECT_EQ(whole["measures"]["lesion_pixels"], size[0] * size[1]);
    if (image == "1") {  // the lung network knows nothing like a box
      EXPECT_EQ(first["lesion_cm2"], first["lesion_pixels"].get<double>() * 4 / 100);
      EXPECT_EQ(whole["measures"]["lesion_cm2"], 40 * 48 * 4 / 100.0);
      EXPECT_EQ(whole["measures"]["severity"]["reason"], first["severity"]["reason"]);
      EXPECT_EQ(whole["measures"]["severity"]["score"], first["severity"]["score"]);
    }
    if (!first["lesion_fraction_of_lung"].is_null()) {
      EXPECT_EQ(whole["measures"]["lesion_fraction_of_lung"], 1);
      EXPECT_TRUE(says(whole["warnings"].dump(), {"of the infection lies outside the lungs"}));
    }
    api.send(save + "3", mask, 201);
    const json back = api.ready(at + "/versions/4");
    EXPECT_EQ(back["warnings"], network["warnings"]) << "none of another mask";
    EXPECT_EQ(back["measures"]["lesion_fraction_of_lung"], first["lesion_fraction_of_lung"]);
    // Everything infected, before and now.
    const json change =
        api.get(at + "/versions/3/change?before=" + id + "&image=" + image + "&version=1");
    EXPECT_EQ(change["image"], "xray");
    EXPECT_EQ(change["lesion_cm2"]["after"], whole["measures"]["lesion_cm2"]);
    EXPECT_EQ(change["share_percent"]["before"].is_null(),
              first["lesion_fraction_of_lung"].is_null());
    if (image == "1") {
      EXPECT_EQ(change["verdict_by"], "lesion_cm2");
      EXPECT_TRUE(says(change["warnings"].dump(), {"have no score"}));
      expect_xray_change_as_compare_tells_it(change, {network, whole}, folder.path());
    }
  }
  run("groundglass phantom ct --cases 1 --slices 4 --side 64 -q --format nifti");
  fs::rename(folder / "ct/imagesTr/case_000_0000.nii.gz", folder / "ct.nii.gz");
  const std::string ct = imported(api, {"ct.nii.gz"});
  api.done(api.post("/studies/" + ct + "/jobs", {{"kind", "predict"}}, 202)["id"]);
  api.ready("/studies/" + ct + "/images/1/versions/1");
  const std::string mixed = "/versions/1/change?before=" + ct + "&image=1&version=1";
  EXPECT_TRUE(says(api.get("/studies/" + id + "/images/1" + mixed, 409)["error"],
                   {"a CT and a chest X-ray", "expected two of a kind"}));
}

TEST_F(Serve, XraysKeepTheirMeasuresWhenTheyAreCorrected) {
  Program program(folder / "w");
  Api api(program);
  fs::create_directories(folder / "x");
  write_xray(folder / "x/a.dcm", "2\\2");
  const std::string id = api.post("/studies", json::object(), 201)["id"];
  api.put("/studies/" + id + "/files?path=a.dcm", read_file(folder / "x/a.dcm"), 201);
  api.done(api.post("/studies/" + id + "/import", json::object(), 202)["id"]);
  api.done(api.post("/studies/" + id + "/jobs", {{"kind", "predict"}}, 202)["id"]);
  const std::string at = "/studies/" + id + "/images/1/versions";
  json first = api.ready(at + "/1");
  ASSERT_TRUE(first["measures"]["lesion_cm2"].is_number()) << first.dump(1);
  EXPECT_EQ(first["measures"]["severity"]["scale"], "two lungs");

  const std::string save = at + "?author=Reader&reason=none&parent=1";
  api.send(save, api.bytes(at + "/1/mask.png"), 201);
  json same = api.ready(at + "/2");
  for (auto* version : {&same, &first}) {
    (*version)["measures"].erase("dicom_objects");
    (*version)["measures"].erase("detector");
  }
  EXPECT_EQ(same["measures"], first["measures"]);
  auto mask = torch::zeros({40, 48}, torch::kUInt8);
  mask.narrow(0, 10, 2).narrow(1, 10, 5).fill_(255);
  api.send(save, encode_png(mask), 201);
  const json changed = api.ready(at + "/3")["measures"];
  EXPECT_EQ(changed["lesion_pixels"], 10);
  EXPECT_NEAR(changed["lesion_cm2"].get<double>(), 10 * 4 / 100.0, 1e-9);

  // Both masks as DICOM objects: the network's as `report --dicom` writes it, and the corrected
  // one.
  const auto exported = [&](int version, const std::string& format) {
    const json order = {{"image", 1}, {"version", version}, {"format", format}};
    const json job = api.done(api.post("/studies/" + id + "/exports", order, 202)["id"]);
    const fs::path file = folder / (format + std::to_string(version) + ".dcm");
    write_file(file, api.bytes("/jobs/" + job["id"].dump() + "/file"));
    EXPECT_EQ(errors_in(file), "");
    return file;
  };
  const auto labels = [](const fs::path& file) {
    const auto stored = read_dicom_segmentation(file);
    EXPECT_TRUE(stored.of_picture);
    return labels_on_grid(stored, {}, {1, 40, 48});
  };
  std::string results;
  for (const auto& one : fs::directory_iterator(folder / "w/studies" / id / "results")) {
    results = one.path().string();
  }
  run("groundglass report '" + results + "' --dicom seg,sr");
  EXPECT_EQ(labels(exported(1, "seg")), labels(results + "/image_1_seg.dcm"));
  const auto area = [](const fs::path& file) {
    for (const auto& quantity : read_dicom_report(file).quantities) {
      if (quantity.name == "Area" && quantity.unit == "cm2") return quantity.value;
    }
    return -1.0;
  };
  EXPECT_EQ(area(exported(1, "sr")), area(results + "/image_1_sr.dcm"));
  const auto own = mask.contiguous();
  const std::vector<uint8_t> drawn(own.data_ptr<uint8_t>(), own.data_ptr<uint8_t>() + own.numel());
  auto corrected = labels(exported(3, "seg"));
  for (auto& label : corrected) label = label != 0 ? 255 : 0;
  EXPECT_EQ(corrected, drawn);
  // The latest mask is what a network learns from.
  const json wanted = {{"name", "Xrays"}, {"studies", json::array({id})}};
  const json set = api.done(api.post("/exports", wanted, 202)["id"]);
  write_file(folder / "set.zip", api.bytes("/jobs/" + set["id"].dump() + "/file"));
  unpack_zip(folder / "set.zip", folder / "set");
  const std::string name = id + "_1";
  EXPECT_EQ(read_mask_picture(folder / "set/labelsTr" / (name + ".png")).sum().item<int64_t>(), 10);
  EXPECT_EQ(read_picture(folder / "set/imagesTr" / (name + "_0000.png")).pixels.sizes(),
            torch::IntArrayRef({1, 40, 48}));
  const Outcome inspected = run_shell("groundglass inspect set", folder.path());
  EXPECT_EQ(inspected.code, 0) << inspected.err;
  EXPECT_TRUE(says(inspected.out, {"nnunet"}));
  const fs::path report = exported(3, "sr");
  EXPECT_NEAR(area(report), 0.4, 1e-9);
  EXPECT_TRUE(says(read_file(report), {"corrected by hand"}));
  EXPECT_EQ(program.end(SIGTERM), 143);
}

TEST_F(Serve, MakesNoDicomObjectsOfPictures) {
  Program program(folder / "w");
  Api api(program);
  run("groundglass phantom data --kind cxr --cases 1 --slices 4 --side 64 -q");
  fs::copy_file(folder / "data/case_000.png", folder / "a.png");
  const std::string id = imported(api, {"a.png"});
  EXPECT_EQ(api.get("/studies/" + id)["images"][0]["dicom"], false);
  EXPECT_TRUE(says(api.post("/studies/" + id + "/exports",
                            {{"image", 1}, {"version", 1}, {"format", "seg"}}, 409)["error"],
                   {"no DICOM series and no X-ray in DICOM"}));
}

}  // namespace
}  // namespace groundglass
