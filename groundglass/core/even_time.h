#pragma once

#include <cstdint>

namespace groundglass {

/// Seconds since 1970 for what is waited for and kept: the machine's clock as it stood when it was
/// first asked, going on evenly from there. A clock that is set while the process runs moves no
/// deadline. Time that the machine sleeps counts.
int64_t even_time_s();

}  // namespace groundglass
