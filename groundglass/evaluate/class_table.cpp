#include "groundglass/evaluate/class_table.h"

namespace groundglass {
using nlohmann::ordered_json;

int64_t counted_classes(const std::vector<ScoredItem>& items) {
  return items.empty() ? 0 : static_cast<int64_t>(items.front().classes.size());
}

std::vector<ScoredItem> items_of_class(const std::vector<ScoredItem>& items, int64_t label) {
  std::vector<ScoredItem> out;
  for (const auto& item : items) {
    ScoredItem one{item.id, item.case_id, item.patient, item.domain, {}, {}, false};
    one.counts = item.classes.at(static_cast<size_t>(label - 1));
    out.push_back(std::move(one));
  }
  return out;
}

void add_classes(ordered_json& document, const std::vector<ScoredItem>& items,
                 const BootstrapOptions& options) {
  for (int64_t label = 1; label <= counted_classes(items); ++label) {
    const std::string key = std::to_string(label);
    ordered_json scores = evaluation_json(items_of_class(items, label), options);
    for (size_t i = 0; i < scores["cases"].size(); ++i) {
      ordered_json one = scores["cases"][i];
      for (const char* known : {"case", "domain", "patient", "soft_dice", "soft_iou"}) {
        one.erase(known);
      }
      document["cases"][i]["classes"][key] = std::move(one);
    }
    scores.erase("cases");
    document["classes"][key] = std::move(scores);
  }
}

}  // namespace groundglass
