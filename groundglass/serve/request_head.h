#pragma once

#include <httplib.h>

#include "groundglass/serve/access.h"

namespace groundglass {

/// What of a request check_access() looks at.
RequestHead head_of(const httplib::Request& request);

/// Refuses heads that programs on the way may read in another way than we do, which is how one
/// request is smuggled within another. Throws HttpError(400): Transfer-Encoding other than
/// "chunked", or beside Content-Length; Content-Length, Origin, Sec-Fetch-Site or Authorization
/// twice; names of headers with blanks; values with control characters.
void check_framing(const httplib::Request& request);

/// An error as a page, for those who follow a link or type an address.
std::string error_page(const std::string& message);

/// Whether a person looks at the answer: the browser asks for a page, and not for the interface.
bool wants_page(const httplib::Request& request);

}  // namespace groundglass
