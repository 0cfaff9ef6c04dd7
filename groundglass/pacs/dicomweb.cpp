#include "groundglass/pacs/dicomweb.h"

#include <httplib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/pacs/multipart.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr time_t kAnswerSeconds = 60;
constexpr const char* kJson = "application/dicom+json";

std::string token_of(const std::string& file) {
  if (file.empty()) return "";
  if (!fs::is_regular_file(file)) {
    fail(ErrorKind::usage,
         file + ": there is no such token file; see the destination's token_file");
  }
  const auto others = fs::perms::group_all | fs::perms::others_all;
  if ((fs::status(file).permissions() & others) != fs::perms::none) {
    fail(ErrorKind::usage, file + ": others than its owner may read this token; chmod 600 it");
  }
  std::string token = read_file(file);
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  return token;
}

/// A value of a query (RFC 3986): everything but letters, digits and "-._~" as %XX.
std::string percent_encoded(const std::string& text) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string all;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string("-._~").find(c) != std::string::npos;
    all += plain ? std::string(1, c) : std::string{'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return all;
}

/// The first value of an attribute of DICOM JSON (PS3.18, F), as text.
std::string value_of(const json& item, const char* tag) {
  const auto found = item.find(tag);
  if (found == item.end() || !found->contains("Value") || (*found)["Value"].empty()) return "";
  const json& value = (*found)["Value"][0];
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

class DicomWeb::Client {
 public:
  Client(const Destination& service, const TlsFiles& tls) : name_(service.url) {
    const size_t host = service.url.find("://");
    if (host == std::string::npos ||
        (service.url.rfind("http://", 0) != 0 && service.url.rfind("https://", 0) != 0)) {
      fail(ErrorKind::usage, in_quotes(service.url) +
                                 " is no address of a DICOMweb service, expected http:// or "
                                 "https://");
    }
    const size_t path = service.url.find('/', host + 3);
    base_ = path == std::string::npos ? "" : service.url.substr(path);
    while (!base_.empty() && base_.back() == '/') base_.pop_back();
    const std::string origin = service.url.substr(0, path);
    client =
        tls.any() && service.url.rfind("https://", 0) == 0
            ? std::make_unique<httplib::Client>(origin, tls.certificate.string(), tls.key.string())
            : std::make_unique<httplib::Client>(origin);
    if (!tls.authorities.empty()) client->set_ca_cert_path(tls.authorities.c_str());
    client->set_connection_timeout(15);
    client->set_read_timeout(kAnswerSeconds);
    client->set_write_timeout(kAnswerSeconds);
    client->set_tcp_nodelay(true);
    const std::string token = token_of(service.token_file);
    if (!token.empty()) client->set_bearer_token_auth(token.c_str());
  }

  std::string path(const std::string& rest) const { return base_ + rest; }

  /// The answer of a search; an empty list for 204.
  json get(const std::string& what) {
    const auto answer = client->Get(path(what), {{"Accept", kJson}});
    check(answer, what);
    if (answer->status == 204 || answer->body.empty()) return json::array();
    json document = json::parse(answer->body, nullptr, false);
    if (!document.is_array()) fail(ErrorKind::data, name_ + ": answers with no DICOM JSON");
    return document;
  }

  void check(const httplib::Result& answer, const std::string& what) const {
    if (!answer) {
      fail(ErrorKind::data, name_ + ": does not answer (" + httplib::to_string(answer.error()) +
                                "); is the address right and the service up?");
    }
    if (answer->status >= 300) {
      // The path and not the query, which may name a patient.
      fail(ErrorKind::data, name_ + ": answers " + std::to_string(answer->status) + " to " +
                                what.substr(0, what.find('?')));
    }
  }

  std::unique_ptr<httplib::Client> client;

 private:
  std::string name_, base_;
};

DicomWeb::DicomWeb(const Destination& service, const TlsFiles& tls)
    : client_(std::make_unique<Client>(service, tls)) {}

DicomWeb::~DicomWeb() = default;

void DicomWeb::store(SentFile& file) {
  const std::string boundary = "groundglass-" + sha256(file.sop_instance).substr(0, 24);
  const std::string body = "--" + boundary + "\r\nContent-Type: application/dicom\r\n\r\n" +
                           read_file(file.file) + "\r\n--" + boundary + "--\r\n";
  const auto answer =
      client_->client->Post(client_->path("/studies"), {{"Accept", kJson}}, body,
                            "multipart/related; type=\"application/dicom\"; boundary=" + boundary);
  if (!answer) {
    file.problem = "does not answer (" + httplib::to_string(answer.error()) + ")";
    return;
  }
  const json said = json::parse(answer->body, nullptr, false);
  // One item in each request: what failed is this file.
  const bool failed = said.is_object() && said.contains("00081198") &&
                      !said["00081198"].value("Value", json::array()).empty();
  if (failed) {
    file.problem = "refused with reason " + value_of(said["00081198"]["Value"][0], "00081197");
  } else if (answer->status != 200 && answer->status != 202) {
    file.problem = "refused with status " + std::to_string(answer->status);
  } else {
    file.problem.clear();
    if (answer->status == 202) file.warning = "taken with status 202";
  }
}

std::vector<FoundSeries> DicomWeb::find(const StudyQuery& q) {
  std::string words;
  const auto ask = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    words += (words.empty() ? "?" : "&") + std::string(key) + "=" + percent_encoded(value);
  };
  ask("StudyInstanceUID", q.study);
  ask("PatientID", q.patient);
  ask("AccessionNumber", q.accession);
  ask("StudyDate", q.date);
  std::vector<FoundSeries> found;
  for (const auto& study : client_->get("/studies" + words)) {
    const std::string uid = value_of(study, "0020000D");
    if (!is_uid(uid)) continue;
    std::string wanted = "?includefield=00201209";
    if (!q.modality.empty()) wanted += "&Modality=" + percent_encoded(q.modality);
    if (!q.series.empty()) wanted += "&SeriesInstanceUID=" + q.series;
    for (const auto& series : client_->get("/studies/" + uid + "/series" + wanted)) {
      FoundSeries one{uid, value_of(series, "0020000E"), value_of(series, "00080060"), 0};
      one.images = std::atol(value_of(series, "00201209").c_str());
      if (is_uid(one.series)) found.push_back(one);
    }
  }
  return found;
}

std::vector<fs::path> DicomWeb::retrieve(const FoundSeries& series, const fs::path& folder) {
  std::vector<fs::path> files;
  std::ofstream out;
  std::unique_ptr<MultipartSplitter> reader;
  bool written = true;
  const std::string what = "/studies/" + series.study + "/series/" + series.series;
  const auto answer = client_->client->Get(
      client_->path(what),
      {{"Accept", "multipart/related; type=\"application/dicom\"; transfer-syntax=*"}},
      [&](const httplib::Response& response) {
        if (response.status >= 300) return true;
        reader = std::make_unique<MultipartSplitter>(
            boundary_of(response.get_header_value("Content-Type")),
            MultipartSplitter::Parts{
                [&] {
                  files.push_back(folder / (std::to_string(files.size() + 1) + ".part"));
                  out.open(files.back(), std::ios::binary | std::ios::trunc);
                },
                [&](std::string_view bytes) {
                  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
                  written = written && out.good();
                },
                [&] {
                  out.close();
                  written = written && !out.fail();
                }});
        return true;
      },
      [&](const char* bytes, size_t size) {
        if (reader) reader->feed({bytes, size});
        return written;
      });
  if (!written) fail(ErrorKind::data, folder.string() + ": cannot be written to; is it full?");
  client_->check(answer, what);
  if (!reader || !reader->whole()) {
    fail(ErrorKind::data, "series " + short_uid(series.series) +
                              ": the answer ended before its last image; fetch it again");
  }
  return files;
}

std::string DicomWeb::why_unreachable() {
  try {
    client_->get("/studies?limit=1");
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

}  // namespace groundglass
