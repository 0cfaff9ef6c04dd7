#pragma once

#include <atomic>

#include "groundglass/pacs/listener.h"

struct T_ASC_Association;

namespace groundglass {

/// Answers a peer's messages until it releases, aborts, falls silent, or `stop` is set.
EndedAssociation serve_association(T_ASC_Association* association, const ListenerOptions& options,
                                   const EndedAssociation& begun, ImageTaker& taker,
                                   const std::atomic<bool>& stop);

}  // namespace groundglass
