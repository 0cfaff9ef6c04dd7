#include <map>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/text.h"
#include "groundglass/data/phantom_files.h"
#include "groundglass/io/dicom_xray.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/own_window.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/inputs.h"
#include "groundglass/preprocess/axial_source.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/serve/archive.h"
#include "groundglass/serve/work.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

const std::vector<double> kLungWindowHu = {-1350, 150};

/// One phantom without its masks, where the uploaded files of a study lie.
void make_phantom(const Work& work, const fs::path& files) {
  const std::string kind = work.text("phantom");
  const fs::path made = work.folder() / "phantom";
  fs::remove_all(made);
  PhantomSetOptions options;
  options.cases = 1;
  options.kind = kind == "xray" ? PhantomKind::cxr : PhantomKind::ct;
  options.format = kind == "xray"    ? PhantomFormat::png
                   : kind == "dicom" ? PhantomFormat::dicom
                                     : PhantomFormat::nifti;
  write_phantom_set(made, options, work.observer);
  fs::remove_all(files);
  make_folder(files);
  if (kind == "xray") {
    fs::copy_file(made / "case_000.png", files / "phantom.png");
  } else if (kind == "dicom") {
    fs::rename(made / "case_000", files / "series");
  } else {
    fs::copy_file(made / "imagesTr" / "case_000_0000.nii.gz", files / "phantom.nii.gz");
  }
  fs::remove_all(made);
}

/// Archives become folders of their names. A killed import does it again.
void unpack_archives(const Work& work, const fs::path& files) {
  for (const auto& path : walk_folder(files).files) {
    if (!ends_with(path.string(), ".zip")) continue;
    const fs::path target = fs::path(path).replace_extension(),
                   unpacking = path.string() + ".partial";
    fs::remove_all(unpacking);
    if (fs::exists(target)) {
      fail(ErrorKind::data, path.filename().string() +
                                ": a file or folder of its name without "
                                ".zip lies beside it; rename one");
    }
    work.observer.on(Note{"unpacking " + path.filename().string()});
    unpack_zip(path, unpacking);
    fs::rename(unpacking, target);
    fs::remove(path);
  }
}

void write_whole(const fs::path& path, AxialSource& source, const fs::path& volume_file,
                 Observer& observer) {
  const auto& info = source.info();
  const auto reader =
      open_volume(volume_file, info.units == Units::hu ? UnitsAsked::hu : UnitsAsked::gray);
  NiftiWriter writer(path, NiftiWriter::Content::image, info.type,
                     {info.depth, info.height, info.width}, info.geometry);
  for (int64_t k = 0; k < info.depth; ++k) {
    writer.write_slice(reader->read_slice(k).contiguous());
    observer.on(Progress{"slices", k + 1, info.depth, ""});
  }
  writer.commit();
}

/// The window of the file, or of the first of a series that names one.
ordered_json own_window(const fs::path& path) {
  constexpr size_t kMostLookedAt = 5;
  std::vector<fs::path> files = {path};
  if (fs::is_directory(path)) files = walk_folder(path).files;
  files.resize(std::min(files.size(), kMostLookedAt));
  for (const auto& file : files) {
    if (const auto window = read_own_window(file)) return {window->low, window->high};
  }
  return nullptr;
}

PreprocessOptions lung_window() {
  PreprocessOptions options;
  options.window_hu = kLungWindowHu;
  return options;
}

void import_volume(const PredictInput& input, const fs::path& folder, ordered_json& about,
                   Observer& observer) {
  AxialSource source(input.path, UnitsAsked::as_stored);
  const auto& info = source.info();
  const bool hu = info.units == Units::hu;
  const auto& mm = info.geometry.spacing_mm;
  about["modality"] = hu ? "CT" : "gray volume";
  about["size"] = {info.depth, info.height, info.width};
  about["spacing_mm"] = {mm[0], mm[1], mm[2]};
  about["dicom"] = info.format == "DICOM series";
  if (hu) about["window_hu"] = kLungWindowHu;
  about["own_window"] = own_window(input.path);
  about["warnings"] = info.warnings;
  write_whole(folder / "volume.nii", source, input.path, observer);
  const auto gray = to_gray(source.read(source.depth() / 2), lung_window())[0];
  write_png(folder / "picture.png", gray.contiguous());
}

void import_picture(const PredictInput& input, const fs::path& folder, ordered_json& about) {
  const Image image = read_picture(input.path);
  about["modality"] = "gray picture";
  about["dicom"] = !is_picture_name(input.path) && is_dicom_xray(input.path);
  about["size"] = {image.pixels.size(1), image.pixels.size(2)};
  about["warnings"] = image.warnings;
  write_png(folder / "picture.png", to_gray(image, lung_window())[0].contiguous());
  if (stored_orientation(input.path) == 1) return;
  // Masks lie on the grid of the file; here it has to be the one that is shown.
  const fs::path upright = folder / "upright.png";
  const auto pixels = image.pixels[0];
  write_png(upright, pixels.scalar_type() == torch::kUInt8 ? pixels.contiguous()
                                                           : (pixels / image.white).contiguous());
  about["path"] = upright.string();
  about["warnings"].push_back(input.path.string() + ": is turned upright as its header says");
}

/// One line for each reason; which files they are is told where names may be shown.
ordered_json left_out_lines(const std::vector<LeftOut>& left_out, const fs::path& files,
                            bool show_identity) {
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const auto& l : left_out)
    by_reason[l.why].push_back(l.path.lexically_relative(files).string());
  auto lines = ordered_json::array();
  for (const auto& [why, names] : by_reason) {
    const std::string who =
        show_identity && names.size() <= 5
            ? listed(names)
            : std::to_string(names.size()) + (names.size() == 1 ? " file" : " files");
    lines.push_back(who + ": left out (" + why + ")");
  }
  return lines;
}

}  // namespace

void do_import(const Work& work) {
  const fs::path files = work.text("files"), images = work.text("images");
  const bool show_identity = work.order.value("show_identity", false);
  if (!work.text("phantom").empty()) make_phantom(work, files);
  unpack_archives(work, files);
  fs::remove_all(images);
  const FoundInputs found = find_inputs(files);
  ordered_json result = {{"images", ordered_json::array()}};
  std::vector<std::string> problems;
  int64_t number = 0;
  for (const auto& input : found.inputs) {
    const fs::path folder = images / std::to_string(++number);
    make_folder(folder);
    const std::string plain = "Image " + std::to_string(number);
    ordered_json about = {{"kind", input.volume ? "volume" : "picture"},
                          {"path", input.path.string()},
                          {"name", input.stem},
                          {"modality", input.volume ? "gray volume" : "gray picture"},
                          {"size", ordered_json::array()},
                          {"spacing_mm", nullptr},
                          {"dicom", false},
                          {"window_hu", nullptr},
                          {"own_window", nullptr},
                          {"warnings", ordered_json::array()},
                          {"problem", nullptr}};
    try {
      if (input.volume) {
        import_volume(input, folder, about, work.observer);
      } else {
        import_picture(input, folder, about);
      }
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::data) throw;
      about["problem"] = e.what();
      problems.push_back(e.what());
    }
    result["images"].push_back(about);
    work.observer.on(Progress{"images", number, static_cast<int64_t>(found.inputs.size()), ""});
  }
  if (problems.size() == found.inputs.size()) {
    fail(ErrorKind::data, "no image of the study can be read: " + problems.front());
  }
  result["left_out"] = left_out_lines(found.left_out, files, show_identity);
  if (show_identity) result["identity"] = {{"source", found.inputs.front().stem}};
  work.result(result);
}

}  // namespace groundglass
