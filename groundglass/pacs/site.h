#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/pacs/dicom_network.h"
#include "groundglass/pacs/listener.h"
#include "groundglass/pacs/send.h"
#include "groundglass/pacs/series_rules.h"
#include "groundglass/predict/capture_as.h"

namespace groundglass {

/// [site]: where things lie and what is made.
struct SiteOptions {
  std::string folder, key, objects = "seg,sr", model, xray_model, lungs, detector;
  CaptureAs capture = CaptureAs::frames;
  int64_t settle_seconds = 30;
  int64_t gap_minutes = 10;
  int64_t keep_days = 7;
  int64_t free_mib = 2048;
  int64_t waiting_jobs = 200;

  template <class V>
  void fields(V& v) {
    v.field({"folder", "of the queue, results and audit trail, relative to this file"}, folder);
    v.field({"key", "file with the site's secret, 16 bytes or more, readable by its owner alone"},
            key);
    v.field({"objects", "seg, sr, sc, pdf, with commas between"}, objects);
    v.choice({"capture", "key slices of sc: 'frames' of one object, or 'single' objects"}, capture,
             words_of(capture));
    v.field({"model", "as predict --model; empty: the bundled one"}, model);
    v.field({"xray_model", "the same for X-rays (CR, DX); empty: the bundled one"}, xray_model);
    v.field({"lungs", "as predict --lungs; empty: the bundled network"}, lungs);
    v.field({"detector", "as predict --detector, of X-rays; empty: the bundled one"}, detector);
    v.field({"settle_seconds", "after its last image a study is whole", 0, 86400}, settle_seconds);
    v.field({"gap_minutes", "that a series with missing slices is waited for", 0, 1440},
            gap_minutes);
    v.field({"keep_days", "that images and results of sent jobs are kept", 0, 3650}, keep_days);
    v.field({"free_mib", "of the disk, below which images are refused", 0, 1 << 24}, free_mib);
    v.field({"waiting_jobs", "above which images are refused", 1, 100000}, waiting_jobs);
  }
};

/// [listener]: who may send, and how.
struct ListenerSection {
  std::string ae = "GROUNDGLASS", bind = "127.0.0.1";
  int64_t port = 11112, associations = 8, idle_seconds = 30, request_seconds = 5;
  bool insecure_network = false;

  template <class V>
  void fields(V& v) {
    v.field({"ae", "our AE title"}, ae);
    v.field({"bind", "IPv4 address to listen at; 0.0.0.0 for all"}, bind);
    v.field({"port", "0: a free one", 0, 65535}, port);
    v.field({"associations", "at once; more are refused as transient", 1, 256}, associations);
    v.field({"idle_seconds", "until a silent association is aborted", 1, 3600}, idle_seconds);
    v.field({"request_seconds", "until a peer must have asked for an association", 1, 60},
            request_seconds);
    v.field({"insecure_network", "listen without TLS at another address than 127.0.0.1"},
            insecure_network);
  }
};

/// One TOML file that says what a site is.
struct Site {
  std::filesystem::path file;
  SiteOptions options;  ///< folder and key are absolute
  ListenerSection listener;
  TlsFiles tls;
  std::vector<Caller> callers;
  std::vector<Destination> destinations;
  SeriesRule rule;

  ListenerOptions listener_options() const;
  /// Throws Error(usage) naming those that there are.
  const Destination& destination(const std::string& name) const;
};

/// Throws Error(recipe) with file:line:column for a wrong file, Error(usage) if there is none.
Site read_site(const std::filesystem::path& path);

/// The secret of a key file. Throws Error(usage) if it is missing, shorter than 16 bytes, or
/// readable by others than its owner.
std::string read_site_key(const std::filesystem::path& path);

}  // namespace groundglass
