#pragma once

#include <string>
#include <vector>

#include "groundglass/pacs/site.h"

namespace groundglass {

/// Everything that would keep a site from working, one line each: the key, the folder, callers,
/// TLS, the port, destinations that do not answer. Empty if nothing would.
std::vector<std::string> site_problems(const Site& site);

/// What would keep a listener from starting: another address than 127.0.0.1 needs TLS, or the word
/// that it may be without. Throws Error(usage).
void check_bind(const Site& site);

}  // namespace groundglass
