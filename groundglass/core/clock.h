#pragma once

#include <string>

namespace groundglass {

/// Seconds on the steady clock, for differences only: its beginning means nothing.
double now_s();

/// Date and time in UTC as ISO 8601 writes them, e.g. "2026-01-31T08:15:00Z".
std::string utc_now();

}  // namespace groundglass
