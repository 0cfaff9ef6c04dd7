#include "groundglass/distributed/listening_device.h"

#include "groundglass/core/error.h"
#include "groundglass/distributed/own_address.h"

#ifdef GROUNDGLASS_GLOO

namespace groundglass {

std::shared_ptr< ::gloo::transport::Device> listening_device(const World& world) {
  if (!world.network_card.empty()) {
    return c10d::ProcessGroupGloo::createDeviceForInterface(world.network_card);
  }
  const bool says_here = world.address.rfind("127.", 0) == 0 || world.address == "localhost";
  if (world.on_one_machine() || says_here)
    return c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
  const std::string address = own_address_towards(world.address);
  if (address.empty()) {
    fail(ErrorKind::device, world.address +
                                ": this name of rank 0's machine is not known here; set "
                                "MASTER_ADDR to one that all machines know");
  }
  const bool loopback = address.rfind("127.", 0) == 0 || address == "::1";
  if (loopback && world.local_size == 0) {
    fail(ErrorKind::device, world.address + ": leads to " + address +
                                ", which other machines cannot reach; set GLOO_SOCKET_IFNAME to "
                                "the network card that joins them, or MASTER_ADDR to its address");
  }
  return c10d::ProcessGroupGloo::createDeviceForHostname(address);
}

}  // namespace groundglass

#endif
