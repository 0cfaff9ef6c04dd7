#include "groundglass/distributed/own_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace groundglass {

std::string own_address_towards(const std::string& host) {
  addrinfo wanted = {};
  wanted.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), "9", &wanted, &found) != 0) return "";
  std::string address;
  const int s = socket(found->ai_family, SOCK_DGRAM, 0);
  // Connecting a datagram socket sends nothing; it only chooses the way.
  if (s >= 0 && connect(s, found->ai_addr, found->ai_addrlen) == 0) {
    sockaddr_storage own = {};
    socklen_t length = sizeof own;
    char text[NI_MAXHOST] = {};
    auto* generic = reinterpret_cast<sockaddr*>(&own);
    if (getsockname(s, generic, &length) == 0 &&
        getnameinfo(generic, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      address = text;
    }
  }
  if (s >= 0) close(s);
  freeaddrinfo(found);
  return address;
}

}  // namespace groundglass
