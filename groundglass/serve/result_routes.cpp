#include <zlib.h>

#include <array>
#include <cstring>
#include <memory>

#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/serve/api.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/target.h"
#include "groundglass/serve/upload_path.h"
#include "groundglass/serve/views.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

[[noreturn]] void refuse_mask(const std::string& why) {
  throw HttpError(422, ErrorKind::data, "mask: " + why);
}

std::string size_text(const std::vector<int64_t>& size) {
  std::vector<std::string> words;
  for (const int64_t n : size) words.push_back(std::to_string(n));
  return joined(words, " x ");
}

/// The size [D,H,W] that a NIfTI-1 file's header tells; the rest is checked when it is measured.
std::vector<int64_t> nifti_size(const fs::path& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(path.c_str(), "rb"), gzclose);
  std::array<char, 352> header{};
  if (!in || gzread(in.get(), header.data(), header.size()) != static_cast<int>(header.size())) {
    refuse_mask("is no NIfTI-1 file (cut off or damaged)");
  }
  int32_t header_bytes = 0;
  std::array<int16_t, 8> dim{};
  std::memcpy(&header_bytes, header.data(), sizeof header_bytes);
  std::memcpy(dim.data(), header.data() + 40, sizeof dim);
  if (header_bytes != 348 || std::memcmp(header.data() + 344, "n+1", 4) != 0 || dim[0] < 1 ||
      dim[0] > 7) {
    refuse_mask("is no NIfTI-1 file in little-endian order");
  }
  for (int k = 4; k <= dim[0]; ++k) {
    if (dim[static_cast<size_t>(k)] > 1) refuse_mask("has more than three axes");
  }
  const auto extent = [&](size_t k) { return k <= static_cast<size_t>(dim[0]) ? dim[k] : 1; };
  return {extent(3), extent(2), extent(1)};
}

std::vector<int64_t> png_size(const fs::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(path.c_str(), "rb"),
                                                           std::fclose);
  std::array<unsigned char, 24> header{};
  if (!in || std::fread(header.data(), 1, header.size(), in.get()) != header.size() ||
      std::memcmp(header.data(), "\x89PNG\r\n\x1a\n", 8) != 0) {
    refuse_mask("is no PNG file");
  }
  const auto number = [&](size_t at) {
    return int64_t{header[at]} << 24 | header[at + 1] << 16 | header[at + 2] << 8 | header[at + 3];
  };
  return {number(20), number(16)};
}

void check_size(const ImageRecord& image, const fs::path& mask) {
  const auto expected = image.about["size"].get<std::vector<int64_t>>();
  const auto found = expected.size() == 3 ? nifti_size(mask) : png_size(mask);
  if (found == expected) return;
  refuse_mask("has " + size_text(found) + " pixels, expected those of the image, " +
              size_text(expected));
}

/// Streams the body into `path`, which appears when it is whole.
void store_body(Api& api, Call& call, const ImageRecord& image, const fs::path& path) {
  make_folder(path.parent_path());
  AtomicFile file(path);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(
      std::fopen(file.temporary().c_str(), "wb"), std::fclose);
  const auto check = [&](bool good) {
    if (!good) throw HttpError(507, ErrorKind::data, "mask: cannot be stored; is the disk full?");
  };
  check(out != nullptr);
  call.read_body(api.limits.mask_bytes, [&](std::string_view bytes) {
    check(std::fwrite(bytes.data(), 1, bytes.size(), out.get()) == bytes.size());
  });
  check(std::fflush(out.get()) == 0);
  check_size(image, file.temporary());
  file.commit();
}

ImageRecord image_of(Api& api, const Call& call) {
  return api.workspace.image(call.study(), call.number("image"));
}

VersionRecord version_of(Api& api, const Call& call) {
  return api.workspace.version(call.study(), call.number("image"), call.number("version"));
}

VersionRecord parent_of(Api& api, const Call& call) {
  return api.workspace.version(call.study(), call.number("image"), call.query_number("parent"));
}

void save_version(Api& api, Call& call) {
  const ImageRecord image = image_of(api, call);
  const VersionRecord parent = parent_of(api, call);
  const std::string author = author_name(call.query("author", 200));
  const std::string reason = call.query_or("reason", "", 500);
  const bool volume = image.about["kind"] == "volume";
  VersionRecord version;
  version.study = image.study;
  version.image = image.number;
  version.kind = "correction";
  version.author = author;
  version.reason = reason;
  version.parent = parent.version;
  // Named by chance, so that two who save at once never share a folder.
  version.folder = "corrections/" + random_token(8);
  const fs::path sent = api.workspace.stem(version).string() + (volume ? "_sent.nii" : "_sent.png");
  store_body(api, call, image, sent);
  JobRecord job;
  job.kind = "measure";
  job.study = image.study;
  job.image = image.number;
  job.order = {{"sent", sent.string()}};
  api.workspace.add_correction(version, job);
  api.queue.begin(job);
  api.workspace.remove_draft(image.study, image.number, author);
  api.queue.tell_study(image.study);
  call.reply(view_of_version(api.workspace, version), 201);
}

void put_draft(Api& api, Call& call) {
  const ImageRecord image = image_of(api, call);
  const VersionRecord parent = parent_of(api, call);
  const std::string author = author_name(call.query("author", 200));
  store_body(api, call, image, api.workspace.draft_file(image.study, image.number, author));
  api.workspace.set_draft(image.study, image.number, author, parent.version);
  call.reply_nothing();
}

void get_draft(Api& api, Call& call) {
  const ImageRecord image = image_of(api, call);
  const std::string author = author_name(call.query("author", 200));
  const int64_t parent = api.workspace.draft_parent(image.study, image.number, author);
  if (parent == 0) throw HttpError(404, ErrorKind::usage, "there is no draft of " + author);
  call.response.set_header("Groundglass-Parent", std::to_string(parent));
  call.response.set_header("Cache-Control", "no-store");
  call.reply_file(api.workspace.draft_file(image.study, image.number, author),
                  "application/octet-stream");
}

std::function<void(Api&, Call&)> image_file(const std::string& name, const std::string& type) {
  return [name, type](Api& api, Call& call) {
    const ImageRecord image = image_of(api, call);
    call.reply_file(api.workspace.image_folder(image.study, image.number) / name, type);
  };
}

std::function<void(Api&, Call&)> version_file(const std::string& name, const std::string& type) {
  return [name, type](Api& api, Call& call) {
    call.reply_file(file_of_version(api.workspace, version_of(api, call), name), type);
  };
}

}  // namespace

void add_result_routes(Api& api, std::vector<Route>& routes) {
  const auto add = [&](const char* method, const std::string& pattern,
                       std::function<void(Api&, Call&)> handler) {
    routes.push_back({method, pattern, [&api, handler](Call& call) { handler(api, call); }});
  };
  const std::string image = "/studies/{study}/images/{image}";
  const std::string version = image + "/versions/{version}";
  add("GET", image + "/volume.nii", image_file("volume.nii", "application/octet-stream"));
  add("GET", image + "/picture.png", image_file("picture.png", "image/png"));
  add("GET", image + "/versions", [](Api& a, Call& call) {
    const ImageRecord record = image_of(a, call);
    auto all = ordered_json::array();
    for (const auto& v : a.workspace.versions(record.study, record.number)) {
      all.push_back(view_of_version(a.workspace, v));
    }
    call.reply(all);
  });
  add("POST", image + "/versions", save_version);
  add("GET", version, [](Api& a, Call& call) {
    call.reply(detail_of_version(a.workspace, version_of(a, call), a.show_identity));
  });
  for (const std::string name : {"mask", "probability", "lungs", "gradcam"}) {
    add("GET", version + "/" + name + ".nii.gz",
        version_file(name + ".nii.gz", "application/gzip"));
  }
  for (const std::string name : {"mask", "probability", "lungs", "gradcam", "gradcam_heat"}) {
    add("GET", version + "/" + name + ".png", version_file(name + ".png", "image/png"));
  }
  add("GET", image + "/draft", get_draft);
  add("PUT", image + "/draft", put_draft);
  add("DELETE", image + "/draft", [](Api& a, Call& call) {
    const ImageRecord record = image_of(a, call);
    a.workspace.remove_draft(record.study, record.number, author_name(call.query("author", 200)));
    call.reply_nothing();
  });
}

}  // namespace groundglass
