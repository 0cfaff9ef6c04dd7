#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/pacs/dicom_network.h"

namespace groundglass {

/// A PACS: a DICOM node (ae, host, port) or a DICOMweb service (url).
struct Destination {
  std::string name;
  std::string ae, host;
  int64_t port = 104;
  std::string url;          ///< "https://pacs/dicom-web"; empty for a DICOM node
  std::string token_file;   ///< holds the bearer token; "" for none
  bool tls = false;         ///< DICOM node: with the certificates of [tls]
  bool results = true;      ///< `listen` sends its results here
  bool commitment = false;  ///< DICOM node: `listen` asks it to promise that it keeps them

  template <class V>
  void fields(V& v) {
    v.field({"name", "as --to and --from call it"}, name);
    v.field({"ae", "AE title of a DICOM node"}, ae);
    v.field({"host", "of a DICOM node"}, host);
    v.field({"port", "of a DICOM node", 1, 65535}, port);
    v.field({"url", "of a DICOMweb service instead of a node"}, url);
    v.field({"token_file", "DICOMweb: file with the bearer token, readable by its owner alone"},
            token_file);
    v.field({"tls", "DICOM node: encrypted, with the certificates of [tls]"}, tls);
    v.field({"results", "listen sends its results here"}, results);
    v.field({"commitment", "DICOM node: listen asks it to promise that it keeps them"}, commitment);
  }
};

/// What became of one file.
struct SentFile {
  std::filesystem::path file;
  std::string sop_instance;
  std::string problem;  ///< why it was not taken; "" if it was
  std::string warning;  ///< what its taker remarked
};

/// Sends files by C-STORE or, one in each request, by STOW-RS, and tells what became of each.
/// Statuses 0xB000 to 0xBFFF are warnings. Throws Error(usage) for what is wrong on our side
/// (no certificate, no token); a peer that is not there is a problem of each file.
///
/// calling_ae  our title.
std::vector<SentFile> send_files(const Destination& to, const std::string& calling_ae,
                                 const TlsFiles& tls,
                                 const std::vector<std::filesystem::path>& files);

/// Asks whether the destination is there: C-ECHO, or a DICOMweb search for nothing. "" or why not.
std::string why_unreachable(const Destination& to, const std::string& calling_ae,
                            const TlsFiles& tls);

}  // namespace groundglass
