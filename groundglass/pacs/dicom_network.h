#pragma once

#include <filesystem>
#include <memory>
#include <string>

class DcmTransportLayer;

namespace groundglass {

/// Certificates of one end of a TLS connection, PEM files. All empty: no TLS.
struct TlsFiles {
  std::filesystem::path certificate, key;
  std::filesystem::path authorities;  ///< whose certificates are believed, one PEM file

  bool any() const { return !certificate.empty() || !key.empty() || !authorities.empty(); }
};

enum class NetworkSide { accepts, requests };

/// Makes DCMTK's network ready once for the process: small packets are sent at once, no name server
/// is asked, and silent sockets time out.
void prepare_dicom_network();

/// TLS by the profile of BCP 195; both ends show a certificate that the other believes.
/// Throws Error(usage) naming the file that is missing or does not fit.
std::shared_ptr<DcmTransportLayer> tls_layer(const TlsFiles& files, NetworkSide side);

/// The last 12 characters of a UID: what logs say of it.
std::string short_uid(const std::string& uid);

/// True for what may be a UID: digits and single dots, at most 64 characters, no empty component.
bool is_uid(const std::string& text);

/// True for an application entity title: 1 to 16 printable ASCII characters without backslash,
/// neither beginning nor ending with a blank.
bool is_ae_title(const std::string& text);

}  // namespace groundglass
