#include "groundglass/pacs/dicom_network.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/ofstd/ofstd.h>

#include <dcmtk/dcmnet/dcmtrans.h>
#include <dcmtk/dcmnet/dul.h>
#include <dcmtk/dcmtls/tlslayer.h>

#include "groundglass/core/error.h"
#include "groundglass/io/dicom_library.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Seconds that a peer may be silent in the middle of a message.
constexpr Sint32 kSocketSeconds = 15;

void check_loaded(bool good, const char* what, const fs::path& file) {
  if (good) return;
  fail(ErrorKind::usage, file.string() + ": is no " + what +
                             " in PEM that can be read, expected one for TLS; check the [tls] "
                             "section of the site file");
}

}  // namespace

void prepare_dicom_network() {
  [[maybe_unused]] static const bool done = [] {
    // DCMTK leaves Nagle's algorithm on unless this says otherwise: a series takes ten times as
    // long.
    setenv("TCP_NODELAY", "1", 1);
    std::signal(SIGPIPE, SIG_IGN);
    prepare_dicom_library();
    OFStandard::initializeNetwork();
    dcmDisableGethostbyaddr.set(OFTrue);
    dcmSocketSendTimeout.set(kSocketSeconds);
    dcmSocketReceiveTimeout.set(kSocketSeconds);
    dcmConnectionTimeout.set(kSocketSeconds);
    DcmTLSTransportLayer::initializeOpenSSL();
    return true;
  }();
}

std::shared_ptr<DcmTransportLayer> tls_layer(const TlsFiles& files, NetworkSide side) {
  prepare_dicom_network();
  auto layer = std::make_shared<DcmTLSTransportLayer>(
      side == NetworkSide::accepts ? NET_ACCEPTOR : NET_REQUESTOR, nullptr, OFFalse);
  const auto good = [](OFCondition condition) { return condition.good(); };
  check_loaded(good(layer->setPrivateKeyFile(files.key.c_str(), DCF_Filetype_PEM)), "private key",
               files.key);
  check_loaded(good(layer->setCertificateFile(files.certificate.c_str(), DCF_Filetype_PEM)),
               "certificate", files.certificate);
  if (!layer->checkPrivateKeyMatchesCertificate()) {
    fail(ErrorKind::usage, files.key.string() + ": is not the private key of " +
                               files.certificate.string() +
                               ", expected a pair; check the [tls] section of the site file");
  }
  check_loaded(good(layer->addTrustedCertificateFile(files.authorities.c_str(), DCF_Filetype_PEM)),
               "list of authorities", files.authorities);
  layer->setCertificateVerification(DCV_requireCertificate);
  if (layer->setTLSProfile(TSP_Profile_BCP195).bad() || layer->activateCipherSuites().bad()) {
    fail(ErrorKind::internal, "OpenSSL refuses the cipher suites of BCP 195");
  }
  return layer;
}

std::string short_uid(const std::string& uid) {
  constexpr size_t kShown = 12;
  return uid.size() <= kShown ? uid : ".." + uid.substr(uid.size() - kShown);
}

bool is_uid(const std::string& text) {
  constexpr size_t kLongest = 64;
  if (text.empty() || text.size() > kLongest || text.front() == '.' || text.back() == '.') {
    return false;
  }
  return text.find_first_not_of("0123456789.") == std::string::npos &&
         text.find("..") == std::string::npos;
}

bool is_ae_title(const std::string& text) {
  constexpr size_t kLongest = 16;
  if (text.empty() || text.size() > kLongest || text.front() == ' ' || text.back() == ' ') {
    return false;
  }
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
}

}  // namespace groundglass
