#include "groundglass/core/geometry_text.h"

#include "groundglass/core/text.h"

namespace groundglass {
namespace {

std::string with_origin(const Geometry& g) {
  std::string text = describe(g) + ", first voxel at";
  for (const double mm : g.origin_mm) text += " " + fixed(mm, 2);
  return text + " mm";
}

std::string with_directions(const Geometry& g) {
  std::string text = with_origin(g) + ", directions";
  for (const double part : g.direction) text += " " + fixed(part, 4);
  return text;
}

}  // namespace

std::pair<std::string, std::string> descriptions_apart(const Geometry& a, const Geometry& b) {
  if (describe(a) != describe(b)) return {describe(a), describe(b)};
  if (with_origin(a) != with_origin(b)) return {with_origin(a), with_origin(b)};
  return {with_directions(a), with_directions(b)};
}

}  // namespace groundglass
