#include "groundglass/serve/round_images.h"

namespace groundglass {
namespace fs = std::filesystem;

std::string case_image_png(Assistant& assistant, const fs::path& project, int64_t case_id) {
  return assistant.ask({{"ask", "image"}, {"project", project.string()}, {"case", case_id}}).bytes;
}

std::string case_mask_png(Assistant& assistant, const fs::path& project, int64_t case_id,
                          const fs::path& mask) {
  return assistant
      .ask({{"ask", "mask"},
            {"project", project.string()},
            {"case", case_id},
            {"mask", mask.string()}})
      .bytes;
}

double disagreement(Assistant& assistant, const fs::path& project, int64_t round, int64_t case_id) {
  return assistant
      .ask({{"ask", "disagreement"},
            {"project", project.string()},
            {"round", round},
            {"case", case_id}})
      .told.at("value");
}

void take_choices(Assistant& assistant, const fs::path& project, const fs::path& file,
                  const std::string& annotator) {
  assistant.ask({{"ask", "choices"},
                 {"project", project.string()},
                 {"file", file.string()},
                 {"annotator", annotator}});
}

}  // namespace groundglass
