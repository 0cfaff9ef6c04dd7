#include "groundglass/pacs/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcuid.h>
#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmnet/dcmtrans.h>
#include <dcmtk/dcmnet/dul.h>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/pacs/association.h"

namespace groundglass {
namespace {

constexpr long kPduBytes = 128L << 10;
/// Peers whose request has not come yet, beside the associations.
constexpr int64_t kStrangersAtOnce = 32;

std::vector<std::string> addresses_of(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::vector<std::string> all;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return all;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    std::array<char, INET_ADDRSTRLEN> text{};
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ai_addr)->sin_addr, text.data(),
              text.size());
    all.emplace_back(text.data());
  }
  freeaddrinfo(found);
  return all;
}

int listening_socket(const ListenerOptions& options) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  const bool numeric = inet_pton(AF_INET, options.bind.c_str(), &address.sin_addr) == 1;
  if (!numeric ||
      ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(descriptor, 64) != 0) {
    const std::string reason = numeric ? std::strerror(errno) : "no IPv4 address";
    ::close(descriptor);
    fail(ErrorKind::usage, options.bind + ":" + std::to_string(options.port) +
                               ": cannot be listened at (" + reason +
                               "); choose another bind or port");
  }
  return descriptor;
}

/// Waits until all of the first message has come, without taking it. A DICOM association request is
/// its type 1, a zero and its length in four bytes; under TLS a record of type 22 with two bytes of
/// length from the fourth on. "" if it is there.
std::string why_not_whole(int descriptor, const ListenerOptions& options,
                          const std::atomic<bool>& stop) {
  const bool tls = options.tls.any();
  const size_t header = tls ? 5 : 6;
  constexpr size_t kLongest = 64 << 10;
  const double until = now_s() + static_cast<double>(options.request_seconds);
  std::vector<uint8_t> bytes(kLongest);
  size_t had = 0;
  while (now_s() < until && !stop) {
    pollfd waiting{descriptor, POLLIN, 0};
    if (::poll(&waiting, 1, 200) <= 0) continue;
    const ssize_t got = ::recv(descriptor, bytes.data(), bytes.size(), MSG_PEEK);
    if (got <= 0) return "hung up";
    const auto size = static_cast<size_t>(got);
    if (bytes[0] != (tls ? 22 : 1)) return tls ? "no TLS" : "no DICOM association request";
    if (size >= header) {
      const size_t length = tls ? (size_t{bytes[3]} << 8 | bytes[4])
                                : (size_t{bytes[2]} << 24 | size_t{bytes[3]} << 16 |
                                   size_t{bytes[4]} << 8 | bytes[5]);
      if (length + header > kLongest) return "too long an association request";
      if (size >= length + header) return "";
    }
    // Peeking returns at once while anything is there; what is missing takes a moment.
    if (size == had) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    had = size;
  }
  return "silent";
}

/// A socket that DCMTK takes instead of one of its own, as long as this lives: it asks one global
/// variable, and whoever accepts next would take a closed socket that is left there.
class HandedSocket {
 public:
  explicit HandedSocket(int descriptor) { dcmExternalSocketHandle.set(descriptor); }
  ~HandedSocket() { dcmExternalSocketHandle.set(DCMNET_INVALID_SOCKET); }
  HandedSocket(const HandedSocket&) = delete;
  HandedSocket& operator=(const HandedSocket&) = delete;
};

}  // namespace

const std::vector<const char*>& accepted_classes() {
  static const std::vector<const char*> all = {
      UID_CTImageStorage, UID_ComputedRadiographyImageStorage,
      UID_DigitalXRayImageStorageForPresentation, UID_DigitalXRayImageStorageForProcessing};
  return all;
}

const std::vector<const char*>& accepted_syntaxes() {
  static const std::vector<const char*> all = {UID_LittleEndianExplicitTransferSyntax,
                                               UID_LittleEndianImplicitTransferSyntax,
                                               UID_DeflatedExplicitVRLittleEndianTransferSyntax,
                                               UID_RLELosslessTransferSyntax,
                                               UID_JPEGProcess14SV1TransferSyntax,
                                               UID_JPEGProcess14TransferSyntax,
                                               UID_JPEGLSLosslessTransferSyntax,
                                               UID_JPEG2000LosslessOnlyTransferSyntax,
                                               UID_JPEG2000TransferSyntax};
  return all;
}

class Listener::Work {
 public:
  Work(ListenerOptions options, ImageTaker& taker) : options_(std::move(options)), taker_(taker) {
    prepare_dicom_network();
    for (const auto& caller : options_.callers) {
      const auto addresses = addresses_of(caller.host);
      if (addresses.empty()) {
        fail(ErrorKind::usage, "caller " + in_quotes(caller.ae) + ": the host " +
                                   in_quotes(caller.host) +
                                   " is not known, expected an IPv4 address or a name");
      }
      for (const auto& address : addresses) callers_.push_back({caller.ae, address});
    }
    if (options_.tls.any()) tls_ = tls_layer(options_.tls, NetworkSide::accepts);
    socket_ = listening_socket(options_);
    const std::scoped_lock lock(library());
    const HandedSocket handed(socket_);
    const bool made = ASC_initializeNetwork(NET_ACCEPTOR, 0,
                                            static_cast<int>(options_.request_seconds), &network_)
                          .good();
    if (!made) fail(ErrorKind::internal, "DCMTK makes no network");
    if (tls_) ASC_setTransportLayer(network_, tls_.get(), 0);
    thread_ = std::thread([this] { accept_peers(); });
  }

  ~Work() {
    stop_ = true;
    thread_.join();
    for (auto& one : peers_) one.thread.join();
    const std::scoped_lock lock(library());
    ASC_dropNetwork(&network_);
    ::close(socket_);
  }

  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

 private:
  struct PeerThread {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> done;
  };

  /// One of the places for associations, given back at the end whatever happens.
  class Place {
   public:
    explicit Place(std::atomic<int64_t>& served) : served_(served) {}
    ~Place() { --served_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    std::atomic<int64_t>& served_;
  };

  /// DCMTK hands an accepted socket over through a global variable.
  static std::mutex& library() {
    static std::mutex one;
    return one;
  }

  void accept_peers() {
    while (!stop_) {
      pollfd waiting{socket_, POLLIN, 0};
      const int ready = ::poll(&waiting, 1, 200);
      for (auto one = peers_.begin(); one != peers_.end();) {
        if (*one->done) one->thread.join();
        one = *one->done ? peers_.erase(one) : std::next(one);
      }
      if (ready <= 0) continue;
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const int peer = ::accept4(socket_, reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC);
      if (peer < 0) continue;
      std::array<char, INET_ADDRSTRLEN> text{};
      inet_ntop(AF_INET, &from.sin_addr, text.data(), text.size());
      const std::string address = text.data();
      if (static_cast<int64_t>(peers_.size()) >= options_.associations + kStrangersAtOnce) {
        ::close(peer);
        taker_.sent_away({"", address}, "too many connections");
        continue;
      }
      auto done = std::make_shared<std::atomic<bool>>(false);
      peers_.push_back({std::thread([this, peer, address, done] {
                          meet_safely(peer, address);
                          *done = true;
                        }),
                        done});
    }
  }

  bool known_address(const std::string& address) const {
    for (const auto& caller : callers_) {
      if (caller.host == address) return true;
    }
    return false;
  }

  /// What goes wrong with one peer ends nothing else.
  void meet_safely(int descriptor, const std::string& address) {
    try {
      meet(descriptor, address);
    } catch (const std::exception& e) {
      taker_.sent_away({"", address}, std::string("a fault of ours: ") + e.what());
    }
  }

  void meet(int descriptor, const std::string& address) {
    std::string why;
    if (!known_address(address)) {
      why = "unknown host";
    } else {
      why = why_not_whole(descriptor, options_, stop_);
    }
    if (!why.empty()) {
      ::close(descriptor);
      if (why != "hung up") taker_.sent_away({"", address}, why);
      return;
    }
    T_ASC_Association* association = nullptr;
    {
      const std::scoped_lock lock(library());
      const HandedSocket handed(descriptor);
      if (ASC_receiveAssociation(network_, &association, kPduBytes, nullptr, nullptr,
                                 tls_ ? OFTrue : OFFalse)
              .bad()) {
        taker_.sent_away({"", address}, tls_ ? "no certificate that is believed" : "no DICOM");
        if (association != nullptr) drop(association);
        return;
      }
    }
    negotiate(association, address);
    drop(association);
  }

  static void drop(T_ASC_Association* association) {
    ASC_dropSCPAssociation(association, 1);
    ASC_destroyAssociation(&association);
  }

  void negotiate(T_ASC_Association* association, const std::string& address) {
    std::array<char, 65> calling{}, called{};
    ASC_getAPTitles(association->params, calling.data(), calling.size(), called.data(),
                    called.size(), nullptr, 0);
    const Peer peer{calling.data(), address};
    if (options_.ae != called.data()) {
      return reject(association, peer, "calls another AE title", ASC_RESULT_REJECTEDPERMANENT,
                    ASC_SOURCE_SERVICEUSER, ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED);
    }
    bool known = false;
    for (const auto& caller : callers_) {
      known = known || (caller.ae == peer.ae && caller.host == address);
    }
    if (!known) {
      return reject(association, peer, "unknown AE title or host", ASC_RESULT_REJECTEDPERMANENT,
                    ASC_SOURCE_SERVICEUSER, ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED);
    }
    if (++served_ > options_.associations) {
      --served_;
      return reject(association, peer, "too many associations", ASC_RESULT_REJECTEDTRANSIENT,
                    ASC_SOURCE_SERVICEPROVIDER_PRESENTATION_RELATED,
                    ASC_REASON_SP_PRES_LOCALLIMITEXCEEDED);
    }
    const Place place(served_);
    serve(association, peer);
  }

  void serve(T_ASC_Association* association, const Peer& peer) {
    std::vector<const char*> classes = {UID_VerificationSOPClass};
    classes.insert(classes.end(), accepted_classes().begin(), accepted_classes().end());
    std::vector<const char*> syntaxes = accepted_syntaxes();
    ASC_acceptContextsWithPreferredTransferSyntaxes(
        association->params, classes.data(), static_cast<int>(classes.size()), syntaxes.data(),
        static_cast<int>(syntaxes.size()));
    // Who reports what it keeps is the provider, although it asks for the association.
    std::vector<const char*> commitment = {UID_StorageCommitmentPushModelSOPClass};
    for (const auto role : {ASC_SC_ROLE_SCP, ASC_SC_ROLE_DEFAULT}) {
      ASC_acceptContextsWithPreferredTransferSyntaxes(association->params, commitment.data(), 1,
                                                      syntaxes.data(), 2, role);
    }
    if (ASC_acknowledgeAssociation(association).bad()) return;
    taker_.ended(
        serve_association(association, options_, {++associations_, peer, 0, 0, ""}, taker_, stop_));
  }

  void reject(T_ASC_Association* association, const Peer& peer, const std::string& why,
              T_ASC_RejectParametersResult result, T_ASC_RejectParametersSource source,
              T_ASC_RejectParametersReason reason) {
    const T_ASC_RejectParameters parameters = {result, source, reason};
    ASC_rejectAssociation(association, &parameters);
    taker_.sent_away(peer, why);
  }

  ListenerOptions options_;
  ImageTaker& taker_;
  std::vector<Caller> callers_;  // with addresses for hosts
  std::shared_ptr<DcmTransportLayer> tls_;
  T_ASC_Network* network_ = nullptr;
  int socket_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<int64_t> served_{0}, associations_{0};
  std::list<PeerThread> peers_;
  std::thread thread_;
};

Listener::Listener(ListenerOptions options, ImageTaker& taker)
    : work_(std::make_unique<Work>(std::move(options), taker)) {}

Listener::~Listener() = default;

uint16_t Listener::port() const {
  return work_->port();
}

}  // namespace groundglass
