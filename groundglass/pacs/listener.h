#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/pacs/commitment.h"
#include "groundglass/pacs/dicom_network.h"
#include "groundglass/pacs/received_image.h"

namespace groundglass {

/// Who may send: an application entity on a host.
struct Caller {
  std::string ae, host;  ///< host: an IPv4 address, or a name that is looked up at the start

  template <class V>
  void fields(V& v) {
    v.field({"ae", "calling AE title"}, ae);
    v.field({"host", "IPv4 address or name that it calls from"}, host);
  }
};

/// Answers to C-STORE (PS3.4, B.2.3).
constexpr uint16_t kStored = 0x0000, kOutOfResources = 0xa700, kOtherClass = 0xa900,
                   kNotUnderstood = 0xc000;

/// The peer of an association.
struct Peer {
  std::string ae, address;
};

/// An association that has ended.
struct EndedAssociation {
  int64_t id = 0;
  Peer peer;
  int64_t stored = 0, refused = 0;
  std::string end;  ///< "released", "aborted by the peer", "silent", ..
};

/// Where received images go. Called from several threads.
class ImageTaker {
 public:
  virtual ~ImageTaker() = default;

  /// kStored if another image can be taken now, else kOutOfResources.
  virtual uint16_t may_take() = 0;

  /// A new name for a file that comes in.
  virtual std::filesystem::path new_part() = 0;

  /// Takes over an image that is sound and on the disk; the answer to its sender. May throw Error,
  /// which is answered as kOutOfResources.
  virtual uint16_t take(const ReceivedImage& image, const Peer& peer, int64_t association) = 0;

  virtual void ended(const EndedAssociation&) {}

  /// A PACS says what it keeps of what it was asked to (N-EVENT-REPORT).
  virtual void committed(const CommitmentReport&, const Peer&) {}

  /// Somebody was sent away: an unknown AE title or host, too many at once, no DICOM.
  virtual void sent_away(const Peer&, const std::string& why) { static_cast<void>(why); }
};

struct ListenerOptions {
  std::string ae = "GROUNDGLASS";
  std::vector<Caller> callers = {};  ///< nobody else may send; empty: nobody
  std::string bind = "127.0.0.1";
  uint16_t port = 11112;     ///< 0: a free one
  int64_t associations = 8;  ///< at once
  int64_t idle_seconds = 30;
  int64_t request_seconds = 5;  ///< until the association is asked for
  int64_t largest_mib = 1024;   ///< of one image
  TlsFiles tls = {};
};

/// A C-ECHO and C-STORE provider for CT, CR and DX, which takes reports of storage commitment as
/// well, on a thread of its own and one for each
/// association. A peer is answered only when all of its request has come, so that silent ones hold
/// up nobody. Throws Error(usage) if the address cannot be bound or a caller's host is unknown.
class Listener {
 public:
  Listener(ListenerOptions options, ImageTaker& taker);
  /// Takes no more peers and waits for the associations to end their image.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  uint16_t port() const;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

/// The storage classes and transfer syntaxes that are accepted, for the conformance statement and
/// `listen --check`.
const std::vector<const char*>& accepted_classes();
const std::vector<const char*>& accepted_syntaxes();

}  // namespace groundglass
