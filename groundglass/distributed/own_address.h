#pragma once

#include <string>

namespace groundglass {

/// The address by which this machine reaches another: the one that listeners of ours bind to. Empty
/// if that machine's name is unknown.
std::string own_address_towards(const std::string& host);

}  // namespace groundglass
