#include "groundglass/infer/graph/torchscript.h"

#include <sstream>

#include "groundglass/core/files.h"

namespace groundglass {

void export_torchscript(const TracedModel& traced, const std::filesystem::path& path,
                        const ExportNotes& notes) {
  c10::Dict<std::string, std::string> dictionary;
  torch::jit::ExtraFilesMap files;
  for (const auto& [key, text] : notes) {
    dictionary.insert(key, text);
    files[key] = text;
  }
  torch::jit::Module module = traced.module;
  module.register_attribute(
      "notes", c10::DictType::create(c10::StringType::get(), c10::StringType::get()), dictionary);
  std::ostringstream bytes;
  module.save(bytes, files);
  write_file(path, bytes.view());
}

}  // namespace groundglass
