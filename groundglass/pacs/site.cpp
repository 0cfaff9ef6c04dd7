#include "groundglass/pacs/site.h"

#include <toml++/toml.h>

#include <algorithm>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/recipe/recipe_reader.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct TlsSection {
  std::string certificate, key, authorities;

  template <class V>
  void fields(V& v) {
    v.field({"certificate", "our certificate, PEM"}, certificate);
    v.field({"key", "its private key, PEM"}, key);
    v.field({"authorities", "whose certificates are believed, PEM"}, authorities);
  }
};

template <class Options>
Options section_of(const toml::table& whole, const std::string& name) {
  const toml::node* node = whole.get(name);
  if (node == nullptr) return {};
  if (!node->is_table()) refuse_recipe(*node, name + " is no table, expected [" + name + "]");
  return read_options<Options>(*node->as_table(), name);
}

template <class Options>
std::vector<std::pair<Options, const toml::node*>> list_of(const toml::table& whole,
                                                           const std::string& name) {
  std::vector<std::pair<Options, const toml::node*>> all;
  const toml::node* node = whole.get(name);
  if (node == nullptr) return all;
  if (!node->is_array_of_tables()) {
    refuse_recipe(*node, name + " is no list of tables, expected [[" + name + "]]");
  }
  for (const toml::node& one : *node->as_array()) {
    all.emplace_back(read_options<Options>(*one.as_table(), name), &one);
  }
  return all;
}

/// A path of the file, seen from the file's folder.
fs::path beside(const fs::path& file, const std::string& named) {
  return named.empty() ? fs::path() : fs::absolute(file).parent_path() / named;
}

void check_destination(const Destination& to, const toml::node& at) {
  if (to.name.empty()) refuse_recipe(at, "a destination has no name");
  const bool node = !to.ae.empty() || !to.host.empty();
  if (node == !to.url.empty()) {
    refuse_recipe(at,
                  "destination " + in_quotes(to.name) + " needs either ae, host and port, or url");
  }
  if (node && (!is_ae_title(to.ae) || to.host.empty())) {
    refuse_recipe(at, "destination " + in_quotes(to.name) + ": " +
                          (to.host.empty() ? "has no host" : in_quotes(to.ae) + " is no AE title") +
                          ", expected an AE title of 1 to 16 characters and a host");
  }
}

}  // namespace

ListenerOptions Site::listener_options() const {
  ListenerOptions o;
  o.ae = listener.ae;
  o.callers = callers;
  o.bind = listener.bind;
  o.port = static_cast<uint16_t>(listener.port);
  o.associations = listener.associations;
  o.idle_seconds = listener.idle_seconds;
  o.request_seconds = listener.request_seconds;
  o.tls = tls;
  return o;
}

const Destination& Site::destination(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& one : destinations) {
    if (one.name == name) return one;
    names.push_back(one.name);
  }
  fail(ErrorKind::usage,
       file.string() + ": has no destination " + in_quotes(name) + did_you_mean(name, names));
}

Site read_site(const fs::path& path) {
  if (!fs::is_regular_file(path)) {
    fail(ErrorKind::usage, path.string() +
                               ": there is no such site file; docs/reference/hospital_network.md "
                               "shows one");
  }
  const toml::table whole = parsed_toml(read_file(path), path.string());
  const std::vector<std::string> sections = {"site",   "listener",    "tls",
                                             "caller", "destination", "series"};
  for (const auto& [key, node] : whole) {
    if (std::find(sections.begin(), sections.end(), std::string(key.str())) == sections.end()) {
      refuse_recipe(node,
                    "unknown section " + in_quotes(key.str()) + did_you_mean(key.str(), sections));
    }
  }
  Site site;
  site.file = path;
  site.options = section_of<SiteOptions>(whole, "site");
  site.listener = section_of<ListenerSection>(whole, "listener");
  site.rule = section_of<SeriesRule>(whole, "series");
  const auto tls = section_of<TlsSection>(whole, "tls");
  site.tls = {beside(path, tls.certificate), beside(path, tls.key), beside(path, tls.authorities)};
  if (site.options.folder.empty() || site.options.key.empty()) {
    fail(ErrorKind::recipe, path.string() + ": [site] has no " +
                                (site.options.folder.empty() ? "folder" : "key") +
                                ", expected both folder and key");
  }
  site.options.folder = beside(path, site.options.folder).string();
  site.options.key = beside(path, site.options.key).string();
  if (!is_ae_title(site.listener.ae)) {
    refuse_recipe(*whole.get("listener"), "ae " + in_quotes(site.listener.ae) +
                                              " is no AE title, expected 1 to 16 characters");
  }
  for (const auto& [caller, at] : list_of<Caller>(whole, "caller")) {
    if (!is_ae_title(caller.ae) || caller.host.empty()) {
      refuse_recipe(*at, "a caller needs an ae of 1 to 16 characters and a host");
    }
    site.callers.push_back(caller);
  }
  std::set<std::string> names;
  for (auto& [destination, at] : list_of<Destination>(whole, "destination")) {
    check_destination(destination, *at);
    if (!names.insert(destination.name).second) {
      refuse_recipe(*at, "two destinations are called " + in_quotes(destination.name));
    }
    if (!destination.token_file.empty()) {
      destination.token_file = beside(path, destination.token_file).string();
    }
    site.destinations.push_back(destination);
  }
  return site;
}

std::string read_site_key(const fs::path& path) {
  std::error_code none;
  if (!fs::is_regular_file(path, none)) {
    fail(ErrorKind::usage, path.string() +
                               ": there is no such key, expected a file of 16 bytes or more; make "
                               "one with: head -c 32 /dev/urandom | base64 > " +
                               path.string() + "; chmod 600 " + path.string());
  }
  const auto others = fs::perms::group_all | fs::perms::others_all;
  if ((fs::status(path).permissions() & others) != fs::perms::none) {
    fail(ErrorKind::usage,
         path.string() + ": others than its owner may read this secret; chmod 600 it");
  }
  std::string key = read_file(path);
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.pop_back();
  constexpr size_t kShortest = 16;
  if (key.size() < kShortest) {
    fail(ErrorKind::usage, path.string() + ": holds " + std::to_string(key.size()) +
                               " bytes, expected 16 or more for a secret");
  }
  return key;
}

}  // namespace groundglass
