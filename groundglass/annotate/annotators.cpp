#include "groundglass/annotate/annotators.h"

#include <map>

#include "groundglass/metrics/bootstrap.h"

namespace groundglass {
namespace {

struct Done {
  int64_t choices = 0, rejected = 0, drawn = 0;
  std::vector<double> seconds;
};

}  // namespace

nlohmann::ordered_json annotators_json(const std::vector<Choice>& choices) {
  std::map<std::string, Done> done;
  for (const auto& c : choices) {
    Done& d = done[c.annotator];
    ++d.choices;
    if (c.letter == 0) ++d.rejected;
    if (!c.drawn.empty()) ++d.drawn;
    if (c.seconds) d.seconds.push_back(*c.seconds);
  }
  auto all = nlohmann::ordered_json::array();
  for (const auto& [name, d] : done) {
    nlohmann::ordered_json median = nullptr;
    if (!d.seconds.empty()) median = quantile(d.seconds, 0.5);
    all.push_back({{"name", name},
                   {"choices", d.choices},
                   {"rejected", d.rejected},
                   {"drawn", d.drawn},
                   {"median_seconds", median}});
  }
  return all;
}

}  // namespace groundglass
