#include "groundglass/io/itk_io.h"

#include <new>

#include <itkImageIOBase.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/library_noise.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// The innermost line of ITK's report, without the names of functions.
std::string reason_in(const itk::ExceptionObject& e) {
  std::string reason;
  for (const auto& line : split_text(e.GetDescription(), '\n')) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) reason = line;
  }
  const auto name_end = reason.find(": ");
  if (name_end != std::string::npos) reason = reason.substr(name_end + 2);
  return reason;
}

/// Calls ITK with its mouth shut and turns what it says into one line.
template <class Work>
void with_itk(const fs::path& path, Work work) {
  itk::Object::SetGlobalWarningDisplay(false);
  const LibraryNoise noise;
  const std::string verdict = "cannot be read: it is truncated, damaged or of another format";
  try {
    work();
  } catch (const itk::ExceptionObject& e) {
    refuse(path, verdict + " (" + (noise.text().empty() ? reason_in(e) : noise.text()) + ")");
  }
  // MetaIO writes "not read completely" to std::cerr alone and hands out what it has.
  if (!noise.text().empty()) {
    refuse(path, verdict + " (" + noise.text() + ")");
  }
}

StoredNumbers stored_numbers(const fs::path& path, const itk::ImageIOBase& io) {
  using Type = StoredNumbers::Type;
  using Component = itk::IOComponentEnum;
  const bool wide = sizeof(long) == 8;
  switch (io.GetComponentType()) {
    case Component::CHAR:
      return {Type::int8};
    case Component::UCHAR:
      return {Type::uint8};
    case Component::SHORT:
      return {Type::int16};
    case Component::USHORT:
      return {Type::uint16};
    case Component::INT:
      return {Type::int32};
    case Component::UINT:
      return {Type::uint32};
    case Component::LONG:
      return {wide ? Type::int64 : Type::int32};
    case Component::ULONG:
      return {wide ? Type::uint64 : Type::uint32};
    case Component::LONGLONG:
      return {Type::int64};
    case Component::ULONGLONG:
      return {Type::uint64};
    case Component::FLOAT:
      return {Type::float32};
    case Component::DOUBLE:
      return {Type::float64};
    default:
      refuse(path, "holds values of a type that is not known, expected numbers");
  }
}

}  // namespace

void read_itk_header(itk::ImageIOBase& io, const fs::path& path) {
  with_itk(path, [&] {
    io.SetFileName(path.string());
    io.ReadImageInformation();
  });
}

StoredNumbers itk_number_type(const itk::ImageIOBase& io, const fs::path& path) {
  if (io.GetNumberOfComponents() != 1) {
    refuse(path, "has " + std::to_string(io.GetNumberOfComponents()) +
                     " components per voxel, expected one");
  }
  return stored_numbers(path, io);
}

ItkNumbers read_itk_numbers(itk::ImageIOBase& io, const fs::path& path) {
  itk::ImageIORegion all(io.GetNumberOfDimensions());
  for (unsigned i = 0; i < io.GetNumberOfDimensions(); ++i) {
    all.SetIndex(i, 0);
    all.SetSize(i, io.GetDimensions(i));
  }
  io.SetIORegion(all);
  ItkNumbers numbers{itk_number_type(io, path), nullptr};
  const auto bytes = static_cast<size_t>(io.GetImageSizeInBytes());
  try {
    numbers.bytes = std::make_unique_for_overwrite<char[]>(bytes);
  } catch (const std::bad_alloc&) {
    refuse(path, "needs " + human_bytes(static_cast<double>(bytes)) +
                     " of memory; is its header damaged?");
  }
  with_itk(path, [&] { io.Read(numbers.bytes.get()); });
  return numbers;
}

}  // namespace groundglass
