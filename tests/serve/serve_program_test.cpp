// The server as its users have it: the program, its jobs, kills in between, and a client that is
// not ours.
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/clock.h"
#include "groundglass/core/files.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "groundglass/serve/archive.h"
#include "tests/cli/run_program.h"
#include "tests/complaint.h"
#include "tests/serve/served_program.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// One slice more of the Grad-CAM layer: it is the map that `explain` makes, on the image's grid.
void explain_slice(Api& api, const std::string& id, int64_t slice) {
  const std::string at = "/studies/" + id + "/images/1/versions/1";
  const ScratchFolder folder;
  const auto layer = [&] {
    write_file(folder / "cam.nii.gz", api.bytes(at + "/gradcam.nii.gz"));
    return read_label_volume(folder / "cam.nii.gz").labels;
  };
  const auto before = layer();
  const std::vector<int64_t> chosen = api.get(at)["gradcam_slices"];
  ASSERT_EQ(chosen.size(), 1U) << "the slice with most infection";
  ASSERT_NE(chosen[0], slice);
  EXPECT_GT(before[chosen[0]].max().item<int64_t>(), 200) << "the highest place is between pixels";
  EXPECT_EQ(before.sum().item<int64_t>(), before[chosen[0]].sum().item<int64_t>());
  const json order = {{"kind", "explain"}, {"image", 1}, {"version", 1}, {"voxel", {3, 5, slice}}};
  api.done(api.post("/studies/" + id + "/jobs", order, 202)["id"]);
  const auto after = layer();
  EXPECT_EQ(api.get(at)["gradcam_slices"],
            json(std::vector<int64_t>{std::min(slice, chosen[0]), std::max(slice, chosen[0])}));
  EXPECT_TRUE(after[chosen[0]].equal(before[chosen[0]]));
  EXPECT_GT(after[slice].max().item<int64_t>(), 0);
  json outside = order;
  outside["voxel"] = {0, 0, 12};
  EXPECT_TRUE(says(api.post("/studies/" + id + "/jobs", outside, 400)["error"],
                   {"voxel: expected three whole numbers inside the volume"}));
  outside["voxel"] = {0, -1, 0.5};
  api.post("/studies/" + id + "/jobs", outside, 400);
}

/// From the network's mask to itself, and to the correction that marks one voxel more.
void expect_change_as_compare_tells_it(Api& api, const std::string& id) {
  const std::string at = "/studies/" + id + "/images/1/versions/";
  const std::string from = "/change?before=" + id + "&image=1&version=1";
  const ScratchFolder folder;
  for (const char* version : {"1", "3"}) {
    const json of_web = api.get(at + version);
    write_file(folder / (std::string("v") + version) / "summary.json",
               json{{"weights_sha256", of_web["model"]["weights_sha256"]},
                    {"version", of_web["model"]["program"]},
                    {"threshold", of_web["model"]["threshold"]},
                    {"cases", json::array({of_web["measures"]})}}
                   .dump());
    const Outcome outcome =
        run_shell(std::string("groundglass compare v1 v") + version + " --same-patient --json",
                  folder.path());
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    json compared = json::parse(outcome.out), told = api.get(at + version + from);
    for (auto* change : {&compared, &told}) {
      for (const char* key : {"before", "after", "days"}) change->erase(key);
    }
    EXPECT_EQ(told, compared);
    EXPECT_EQ(told["verdict"], "no clear change");
    EXPECT_EQ(told["lobes"]["regions"].size(), 5U);
    EXPECT_EQ(told["warnings"], json::array());
  }
  EXPECT_EQ(api.get(at + "3" + from)["before"], "Study 1") << "no name of a file";
  EXPECT_TRUE(says(api.get(at + "1/change?before=" + id + "&image=1", 400)["error"],
                   {"lacks 'version=..'"}));
  api.get(at + "1/change?before=" + id + "&image=1&version=0", 400);
  api.get(at + "1/change?before=0123456789abcdef&image=1&version=1", 404);
}

TEST_F(Serve, FromAnUploadToACorrectionAndAnExport) {
  Program program(folder / "w");
  Api api(program);
  EXPECT_EQ(api.get("/version")["note"], "Research use only, not a medical device.");
  const std::string id = small_study(api, "dicom");
  const json study = api.get("/studies/" + id);
  EXPECT_EQ(study["state"], "ready");
  EXPECT_EQ(study.dump().find("Miller"), std::string::npos) << "names of files may name patients";
  const json image = study["images"][0];
  EXPECT_EQ(image["size"], json({12, 64, 64}));
  EXPECT_EQ(image["modality"], "CT");
  EXPECT_EQ(image["dicom"], true);
  EXPECT_EQ(image["own_window"], json({-1200, 200})) << "of WindowCenter and WindowWidth";
  const std::string at = "/studies/" + id + "/images/1";
  write_file(folder / "volume.nii", api.bytes(at + "/volume.nii"));
  const Volume volume = read_volume(folder / "volume.nii");
  const Volume own = read_volume(folder / "data/case_000");
  EXPECT_TRUE(torch::equal(volume.voxels, own.voxels));

  const int64_t job = api.post("/studies/" + id + "/jobs", {{"kind", "predict"}}, 202)["id"];
  api.done(job);
  const json network = api.ready(at + "/versions/1");
  EXPECT_EQ(network["author"], "ct_infection");
  // The same as the command line's.
  run("groundglass predict data/case_000 -o cli -q --precision fp32");
  const json summary = json::parse(read_file(folder / "cli/summary.json"))["cases"][0];
  for (const std::string key :
       {"lesion_pixels", "lesion_ml", "lung_ml", "lesion_fraction_of_lung", "lungs", "top_slice",
        "typicality", "severity", "attenuation", "right_lung_ml", "left_lung_ml",
        "lesion_outside_lungs_ml", "by_hu", "left_out_outside_lungs"}) {
    EXPECT_EQ(network["measures"][key], summary[key]) << key;
  }
  json lobes = network["measures"]["lobes"];
  EXPECT_TRUE(says(lobes["note"], {"lobes by shape, not by fissures", ".76 (right middle)"}));
  EXPECT_TRUE(says(lobes["definition"], {"Points of a lobe"}));
  lobes["note"] = nullptr;  // summary.json is read by programs
  EXPECT_EQ(lobes, summary["lobes"]);
  EXPECT_EQ(network["warnings"].size(), summary["warnings"].size());
  EXPECT_EQ(network.dump().find("Miller"), std::string::npos);
  int64_t voxels = 0;
  for (const auto& lesion : network["lesions"]) voxels += lesion["voxels"].get<int64_t>();
  EXPECT_EQ(voxels, summary["lesion_pixels"]);

  api.done(api.post("/studies/" + id + "/jobs", {{"kind", "explain"}, {"image", 1}, {"version", 1}},
                    202)["id"]);
  EXPECT_EQ(api.bytes(at + "/versions/1/gradcam.png").substr(1, 3), "PNG");
  explain_slice(api, id, 7);
  write_file(folder / "lungs.nii.gz", api.bytes(at + "/versions/1/lungs.nii.gz"));
  EXPECT_EQ(read_label_volume(folder / "lungs.nii.gz").labels.sizes(), volume.voxels.sizes());
  for (const auto& file : fs::recursive_directory_iterator(folder / "w/jobs")) {
    if (file.path().filename() != "log.txt") continue;
    EXPECT_EQ(read_file(file.path()).find("Miller"), std::string::npos) << file.path();
  }
  const json report =
      api.done(api.post("/studies/" + id + "/jobs", {{"kind", "report"}}, 202)["id"]);
  const std::string page =
      api.bytes("/jobs/" + std::to_string(report["id"].get<int64_t>()) + "/file");
  EXPECT_TRUE(says(page, {"Research use only, not a medical device.", "ct_infection"}));
  EXPECT_EQ(page.find("Miller"), std::string::npos);
  EXPECT_EQ(page.find(folder.path().string()), std::string::npos);
  EXPECT_EQ(api.get("/jobs").dump().find("Miller"), std::string::npos);

  // A correction that changes nothing has the same numbers; one voxel more has one more.
  const std::string packed = api.bytes(at + "/versions/1/mask.nii.gz");
  write_file(folder / "mask.nii.gz", packed);
  LabelMap mask = read_label_volume(folder / "mask.nii.gz");
  EXPECT_TRUE(
      torch::equal(mask.labels, read_label_volume(folder / "cli/case_000_mask.nii.gz").labels));
  const std::string save = at + "/versions?author=Reader%201&reason=none&parent=1";
  EXPECT_EQ(api.send(save, packed, 201)["version"], 2);
  json same = api.ready(at + "/versions/2"), first = network;
  EXPECT_EQ(same["kind"], "correction");
  for (auto* version : {&same, &first}) {
    (*version)["measures"].erase("dicom_objects");
    (*version)["measures"].erase("left_out_outside_lungs");  // of what the network marked
  }
  EXPECT_EQ(same["measures"], first["measures"]);
  EXPECT_EQ(same["warnings"], first["warnings"]);
  EXPECT_EQ(same["lesions"], first["lesions"]);
  mask.labels[0][0][0] = 1;
  write_label_volume(folder / "changed.nii", mask);
  EXPECT_EQ(api.send(save, read_file(folder / "changed.nii"), 201)["version"], 3);
  const json changed = api.ready(at + "/versions/3");
  EXPECT_EQ(changed["measures"]["lesion_pixels"], voxels + 1);
  EXPECT_EQ(changed["lesions"].size(), network["lesions"].size() + 1);
  EXPECT_TRUE(std::any_of(changed["lesions"].begin(), changed["lesions"].end(), [](const json& l) {
    return l["centre_voxel"] == json({0, 0, 0}) && l["voxels"] == 1;
  }));
  EXPECT_EQ(api.bytes(at + "/versions/1/mask.nii.gz"), packed) << "never over the network's mask";

  expect_change_as_compare_tells_it(api, id);
  api.send(save, "hello", 422);
  write_label_volume(folder / "small.nii", {torch::zeros({2, 64, 64}, torch::kUInt8), {}});
  const json refused = api.send(save, read_file(folder / "small.nii"), 422);
  EXPECT_TRUE(says(refused["error"], {"2 x 64 x 64", "12 x 64 x 64"}));
  mask.labels[0][0][0] = 7;
  write_label_volume(folder / "seven.nii", mask);
  api.send(save, read_file(folder / "seven.nii"), 201);
  json seven;
  for (int i = 0; i < 500 && (seven = api.get(at + "/versions/4"))["state"] == "measuring"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(seven["state"], "failed");
  EXPECT_TRUE(says(seven["problem"], {"holds class 7, expected 0 to 1"}));

  const auto exported = [&](const std::string& format) {
    const json made =
        api.done(api.post("/studies/" + id + "/exports",
                          {{"image", 1}, {"version", 3}, {"format", format}}, 202)["id"]);
    return api.bytes("/jobs/" + std::to_string(made["id"].get<int64_t>()) + "/file");
  };
  write_file(folder / "out.nii.gz", exported("nifti"));
  mask.labels[0][0][0] = 1;
  EXPECT_TRUE(torch::equal(read_label_volume(folder / "out.nii.gz").labels, mask.labels));
  EXPECT_EQ(exported("seg").substr(128, 4), "DICM");
  EXPECT_EQ(exported("sr").substr(128, 4), "DICM");
  EXPECT_EQ(exported("png").substr(1, 3), "PNG");
  const json set = api.done(api.post("/exports", {{"name", "Test"}}, 202)["id"]);
  EXPECT_EQ(set["file"], "Dataset900_Test.zip");
  EXPECT_EQ(api.remove("/studies/" + id), 204);
  EXPECT_FALSE(fs::exists(folder / "w/studies" / id));
  EXPECT_EQ(program.end(SIGTERM), 143);
}

TEST_F(Serve, GoesOnAfterKills) {
  std::string id, cut;
  int64_t job = 0;
  {
    Program program(folder / "w");
    Api api(program);
    id = small_study(api);
    // In the middle of an upload,
    cut = api.post("/studies", {{"name", "cut"}}, 201)["id"];
    httplib::Client upload("127.0.0.1", program.port());
    std::thread sending([&] {
      upload.Put(("/api/v1/studies/" + cut + "/files?path=a.nii").c_str(),
                 {{"Authorization", "Bearer " + program.token()}}, 1000000,
                 [](size_t offset, size_t, httplib::DataSink& sink) {
                   if (offset > 200000) std::this_thread::sleep_for(std::chrono::milliseconds(100));
                   const std::string some(1000, 'x');
                   return sink.write(some.data(), some.size());
                 },
                 "application/octet-stream");
    });
    // of a job that has just begun, and of one that waits behind it.
    job = api.post("/studies/" + id + "/jobs", {{"kind", "predict"}}, 202)["id"];
    for (int i = 0; i < 200 && api.get("/jobs/" + std::to_string(job))["state"] == "queued"; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    program.end(SIGKILL);
    upload.stop();
    sending.join();
  }
  const std::string at = "/studies/" + id + "/images/1";
  std::string packed;
  {
    Program program(folder / "w");
    Api api(program);
    EXPECT_EQ(api.get("/studies/" + cut)["state"], "uploading");
    EXPECT_TRUE(fs::is_empty(folder / "w/studies" / cut / "files"));
    api.done(job);
    EXPECT_EQ(api.ready(at + "/versions/1")["kind"], "network");
    EXPECT_EQ(api.get(at + "/versions").size(), 1U);
    packed = api.bytes(at + "/versions/1/mask.nii.gz");
    api.put(at + "/draft?author=A&parent=1", packed, 204);
    // In the middle of a save: answered, not yet measured.
    api.send(at + "/versions?author=A&reason=r&parent=1", packed, 201);
    api.put(at + "/draft?author=B&parent=1", packed, 204);
    program.end(SIGKILL);
  }
  Program program(folder / "w");
  Api api(program);
  EXPECT_EQ(api.ready(at + "/versions/2")["author"], "A");
  EXPECT_EQ(api.bytes(at + "/draft?author=B"), packed);
  EXPECT_EQ(api.get(at + "/draft?author=A", 404)["kind"], "usage") << "saved";
}

TEST_F(Serve, TakesPicturesAndArchivesFromCurl) {
  if (std::system("command -v curl zip >/dev/null 2>&1 || command -v curl >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "curl is not installed";
  }
  Program program(folder / "w");
  Api api(program);
  run("groundglass phantom data --cases 1 --slices 2 --side 64 -q");
  const std::string base = "http://127.0.0.1:" + std::to_string(program.port()) + "/api/v1";
  const std::string auth = " -sS -H 'Authorization: Bearer " + program.token() + "' ";
  const std::string id = api.post("/studies", json::object(), 201)["id"];
  const auto curl = [&](const std::string& words) {
    return json::parse(run_shell("curl" + auth + words, folder.path()).out, nullptr, false);
  };
  const json uploaded = curl(
      "-F 'file=@data/case_000/z000.png;filename=a/1.png' -F "
      "'file=@data/case_000/z001.png;filename=a/2.png' " +
      base + "/studies/" + id + "/files");
  EXPECT_EQ(uploaded["files"], 2);
  const json refused = curl("-T data/cases.csv '" + base + "/studies/" + id + "/files?path=../x'");
  EXPECT_TRUE(says(refused["error"], {"holds the part '..'"}));
  curl("-T data/cases.csv '" + base + "/studies/" + id + "/files?path=cases.txt'");
  api.done(curl("-X POST " + base + "/studies/" + id + "/import")["id"]);
  const json study = api.get("/studies/" + id);
  EXPECT_EQ(study["images"].size(), 2U);
  EXPECT_EQ(study["left_out"].size(), 1U);
  const std::string head = run_shell("curl" + auth + "-D - -o /dev/null -r 1-3 " + base +
                                         "/studies/" + id + "/images/1/picture.png",
                                     folder.path())
                               .out;
  EXPECT_TRUE(says(head, {"206", "Content-Range: bytes 1-3/", "Content-Length: 3"}));
  EXPECT_EQ(run_shell("curl" + auth + "-r 1-3 " + base + "/studies/" + id + "/images/1/picture.png",
                      folder.path())
                .out,
            "PNG");
  api.done(api.post("/studies/" + id + "/jobs", {{"kind", "predict"}, {"model", "ct_infection"}},
                    202)["id"]);
  const json version = api.ready("/studies/" + id + "/images/2/versions/1");
  EXPECT_EQ(version["measures"]["modality"], "gray picture");
  const json report =
      api.done(api.post("/studies/" + id + "/jobs", {{"kind", "report"}}, 202)["id"]);
  EXPECT_EQ(report["file"], "report.html");
  const json failed = api.done(
      api.post("/studies/" + id + "/jobs", {{"kind", "predict"}, {"model", "nothing"}}, 202)["id"],
      "failed");
  EXPECT_EQ(failed["error"]["kind"], "checkpoint");
  api.post("/studies/" + id + "/jobs", {{"kind", "predict"}, {"model", "../x"}}, 400);
}

TEST_F(Serve, RefusesArchivesThatLeadOutOrBurst) {
  Program program(folder / "w");
  Api api(program);
  write_file(folder / "one", "x");
  write_file(folder / "zeros", std::string(size_t{80} << 20, '\0'));
  pack_zip(folder / "out.zip", {{"../../../evil.nii", folder / "one"}});
  pack_zip(folder / "bomb.zip", {{"zeros.nii", folder / "zeros"}});
  const auto refusal = [&](const std::string& archive) {
    const std::string id = api.post("/studies", json::object(), 201)["id"];
    api.put("/studies/" + id + "/files?path=" + archive, read_file(folder / archive), 201);
    const json job =
        api.done(api.post("/studies/" + id + "/import", json::object(), 202)["id"], "failed");
    EXPECT_EQ(api.get("/studies/" + id)["state"], "failed");
    for (const auto& file : fs::recursive_directory_iterator(folder / "w/studies" / id)) {
      EXPECT_TRUE(file.is_directory() || file.path().filename() == archive) << file.path();
    }
    return job["error"]["error"].get<std::string>();
  };
  EXPECT_TRUE(says(refusal("out.zip"), {"..", "evil"}));
  EXPECT_TRUE(says(refusal("bomb.zip"), {"unpacks to more than 200 times its size"}));
  for (const auto& file : fs::recursive_directory_iterator(folder.path())) {
    EXPECT_NE(file.path().filename(), "evil.nii") << file.path();
  }
}

/// Of all pages that a process holds, what is shared with others included.
double resident_mb(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/smaps_rollup");
  for (std::string word; in >> word;) {
    double kib = 0;
    if (word == "Rss:" && in >> kib) return kib * 1024 / 1e6;
  }
  return 0;
}

TEST_F(Serve, TakesLittleMemoryWhileNobodyUsesIt) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer keeps memory of its own";
#endif
  Program program(folder / "w");
  Api api(program);
  const double begun = resident_mb(program.process());
  small_study(api);
  for (int i = 0; i < 50; ++i) api.get("/studies");
  const double used = resident_mb(program.process());
  std::cout << "resident: " << begun << " MB, after a study " << used << " MB\n";
  EXPECT_GT(begun, 1);
  EXPECT_LT(begun, 60);
  EXPECT_LT(used, 60);
}

TEST_F(Serve, RefusesInOneLine) {
  const Outcome outcome = run_shell("groundglass serve w --listen 0.0.0.0", folder.path());
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(says(outcome.err, {"error: --listen 0.0.0.0", "--tls-cert"}));
  const Outcome help = run_shell("groundglass --help", folder.path());
  EXPECT_TRUE(says(help.out, {"  serve "}));
  EXPECT_EQ(help.out.find("serve-job"), std::string::npos);
}

}  // namespace
}  // namespace groundglass
