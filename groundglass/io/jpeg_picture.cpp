#include "groundglass/io/jpeg_picture.h"

#include <array>
#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>

#include <jerror.h>

namespace groundglass {
namespace {

constexpr double kMostPixels = 1 << 30;

/// libjpeg's errors jump back here; the first of its words is kept.
struct Listener {
  jpeg_error_mgr base{};
  std::jmp_buf back{};
  std::array<char, JMSG_LENGTH_MAX> damage{}, warning{};
};

Listener& listener_of(j_common_ptr info) {
  return *reinterpret_cast<Listener*>(info->err);
}

[[noreturn]] void give_up(j_common_ptr info) {
  Listener& listener = listener_of(info);
  info->err->format_message(info, listener.damage.data());
  std::longjmp(listener.back, 1);
}

/// Some programs leave a few bytes between segments; where many are left over, the decoder lost its
/// way somewhere before.
bool is_harmless(const jpeg_error_mgr& err) {
  constexpr int kFewBytes = 16;
  if (err.msg_code == JWRN_EXTRANEOUS_DATA) return err.msg_parm.i[0] <= kFewBytes;
  return err.msg_code == JWRN_JFIF_MAJOR || err.msg_code == JWRN_ADOBE_XFORM;
}

void listen(j_common_ptr info, int level) {
  if (level >= 0) return;
  Listener& listener = listener_of(info);
  auto& words = is_harmless(*info->err) ? listener.warning : listener.damage;
  if (words[0] == 0) info->err->format_message(info, words.data());
}

void say_nothing(j_common_ptr) {}

/// What may be jumped out of: nothing in here has a destructor.
void decode(jpeg_decompress_struct& info, const std::string& bytes, JpegPicture& out) {
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&info, TRUE);
  if (static_cast<double>(info.image_width) * info.image_height > kMostPixels) {
    ERREXIT1(&info, JERR_IMAGE_TOO_BIG, JPEG_MAX_DIMENSION);
  }
  if (info.num_components != 1 && info.num_components != 3) return;
  out.channels = info.num_components;
  info.out_color_space = out.channels == 1 ? JCS_GRAYSCALE : JCS_EXT_BGR;
  jpeg_start_decompress(&info);
  out.width = static_cast<int>(info.output_width);
  out.height = static_cast<int>(info.output_height);
  const size_t line = static_cast<size_t>(info.output_width) * static_cast<size_t>(out.channels);
  out.pixels.resize(line * info.output_height);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = out.pixels.data() + line * info.output_scanline;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
}

}  // namespace

JpegPicture decode_jpeg(const std::string& bytes) {
  JpegPicture out;
  Listener listener;
  jpeg_decompress_struct info{};
  info.err = jpeg_std_error(&listener.base);
  listener.base.error_exit = give_up;
  listener.base.emit_message = listen;
  listener.base.output_message = say_nothing;
  if (setjmp(listener.back) == 0) {
    jpeg_create_decompress(&info);
    decode(info, bytes, out);
  }
  jpeg_destroy_decompress(&info);
  out.damage = listener.damage.data();
  out.warning = listener.warning.data();
  return out;
}

}  // namespace groundglass
