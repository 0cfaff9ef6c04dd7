#pragma once

#include <string>
#include <vector>

namespace groundglass {

/// What `info` prints: version, LibTorch, processor, how OpenMP's threads wait, devices, verbs.
struct InfoText {
  std::string libtorch;                    ///< "1.13.0"
  std::vector<std::string> devices;        ///< "cpu", "cuda:0"
  std::vector<std::string> team_backends;  ///< by which processes can train together: "gloo"
  std::vector<std::string> verbs;
};

/// Prints it in lines, or as one JSON document.
void print_info(const InfoText& info);
void print_info_json(const InfoText& info);

}  // namespace groundglass
