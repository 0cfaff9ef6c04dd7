#pragma once

#include <cstdint>

namespace groundglass {

/// What the server takes from one client and from all. Each refusal names its limit.
struct ServeLimits {
  int64_t upload_bytes = int64_t{16} << 30;  ///< of one study, packed and unpacked
  int64_t file_bytes = int64_t{8} << 30;     ///< of one file
  int64_t files = 20000;                     ///< of one study
  int64_t mask_bytes = int64_t{1} << 30;     ///< of a corrected mask or a draft
  int64_t json_bytes = int64_t{1} << 20;     ///< of a JSON body
  int64_t header_bytes = 32 << 10;           ///< of the request line and all headers
  int64_t target_bytes = 2048;               ///< of path and query
  int64_t streams = 16;                      ///< event streams at once
  int64_t threads = 40;                      ///< requests at once, event streams among them
  int64_t waiting = 256;                     ///< connections that wait for a thread
  double header_seconds = 10;                ///< until all headers are there
  double idle_seconds = 15;                  ///< without a byte, within a body or an answer
  double slow_seconds = 30;                  ///< from then on a body needs bytes_per_second
  double bytes_per_second = 4096;            ///< in the mean
  double keep_alive_seconds = 10;            ///< between two requests on a connection
  double crowded_seconds = 0.5;              ///< the same while others wait for a thread
  int64_t keep_alive_requests = 200;         ///< on one connection
};

}  // namespace groundglass
