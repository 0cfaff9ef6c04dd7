#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "groundglass/pacs/site_work.h"

namespace groundglass {

/// Takes in what a site's peers send, has its series segmented and sends the results, until a stop
/// signal has come (see catch_stop_signals()). Results are sent on a thread of their own, so that a
/// slow PACS holds up no series. What is left in the site's folder goes on with the next call.
///
/// key        as SiteWork takes it, from read_site_key()
/// actions    of SiteSegmenter, or of a caller's own; called by this thread
/// log        is told what SiteWork tells, and what is in the way of the work, such as a full disk
/// listening  is called once the port is open, with its number
///
/// Throws as Listener and SiteQueue do if the work cannot begin; what goes wrong later is told and
/// tried again.
void serve_site(const Site& site, const std::string& key, SiteActions actions, Observer& log,
                const std::function<void(uint16_t port)>& listening);

}  // namespace groundglass
