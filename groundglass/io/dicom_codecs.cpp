#include "groundglass/io/dicom_codecs.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <charls/charls.h>
#include <openjpeg.h>

namespace groundglass {
namespace {

[[noreturn]] void refuse_frame(const std::string& reason) {
  throw std::runtime_error(reason);
}

void check_frame(int64_t width, int64_t height, int64_t components, int64_t bits, int64_t to_width,
                 int64_t to_height) {
  if (width == to_width && height == to_height && components == 1 && bits <= 16) return;
  refuse_frame("its compressed image is " + std::to_string(width) + " x " + std::to_string(height) +
               " with " + std::to_string(components) + " components of " + std::to_string(bits) +
               " bits");
}

/// The bytes as a file that OpenJPEG reads.
struct Source {
  const std::string& bytes;
  size_t at = 0;

  static OPJ_SIZE_T read(void* to, OPJ_SIZE_T n, void* source) {
    auto& s = *static_cast<Source*>(source);
    const size_t got = std::min<size_t>(n, s.bytes.size() - s.at);
    if (got == 0) return static_cast<OPJ_SIZE_T>(-1);  // its sign of the end
    std::memcpy(to, s.bytes.data() + s.at, got);
    s.at += got;
    return got;
  }
  static OPJ_OFF_T skip(OPJ_OFF_T n, void* source) {
    auto& s = *static_cast<Source*>(source);
    if (n < 0) return -1;
    const size_t step = std::min<size_t>(static_cast<size_t>(n), s.bytes.size() - s.at);
    s.at += step;
    return static_cast<OPJ_OFF_T>(step);
  }
  static OPJ_BOOL seek(OPJ_OFF_T to, void* source) {
    auto& s = *static_cast<Source*>(source);
    if (to < 0 || static_cast<size_t>(to) > s.bytes.size()) return OPJ_FALSE;
    s.at = static_cast<size_t>(to);
    return OPJ_TRUE;
  }
};

std::unique_ptr<opj_stream_t, void (*)(opj_stream_t*)> stream_of(Source& source) {
  std::unique_ptr<opj_stream_t, void (*)(opj_stream_t*)> stream(opj_stream_default_create(OPJ_TRUE),
                                                                opj_stream_destroy);
  opj_stream_set_read_function(stream.get(), Source::read);
  opj_stream_set_skip_function(stream.get(), Source::skip);
  opj_stream_set_seek_function(stream.get(), Source::seek);
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), source.bytes.size());
  return stream;
}

}  // namespace

std::vector<uint16_t> decode_jpeg_ls(const std::string& bytes, int64_t width, int64_t height) {
  charls::jpegls_decoder decoder;
  decoder.source(bytes.data(), bytes.size()).read_header();  // throws a std::runtime_error
  const auto& frame = decoder.frame_info();
  check_frame(frame.width, frame.height, frame.component_count, frame.bits_per_sample, width,
              height);
  std::vector<uint16_t> numbers(static_cast<size_t>(width * height));
  if (frame.bits_per_sample > 8) {
    decoder.decode(numbers.data(), numbers.size() * sizeof numbers.front());
  } else {
    std::vector<uint8_t> narrow(numbers.size());
    decoder.decode(narrow.data(), narrow.size());
    std::copy(narrow.begin(), narrow.end(), numbers.begin());
  }
  return numbers;
}

std::vector<uint16_t> decode_jpeg_2000(const std::string& bytes, int64_t width, int64_t height) {
  Source source{bytes};
  const auto stream = stream_of(source);
  const bool bare = bytes.starts_with("\xff\x4f\xff\x51");
  const std::unique_ptr<opj_codec_t, void (*)(opj_codec_t*)> codec(
      opj_create_decompress(bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2), opj_destroy_codec);
  opj_dparameters_t parameters{};
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* header = nullptr;
  if (!opj_setup_decoder(codec.get(), &parameters) ||
      !opj_read_header(stream.get(), codec.get(), &header)) {
    opj_image_destroy(header);
    refuse_frame("the header of its JPEG 2000 image is damaged");
  }
  const std::unique_ptr<opj_image_t, void (*)(opj_image_t*)> image(header, opj_image_destroy);
  check_frame(image->comps[0].w, image->comps[0].h, image->numcomps, image->comps[0].prec, width,
              height);
  if (!opj_decode(codec.get(), stream.get(), image.get()) ||
      !opj_end_decompress(codec.get(), stream.get()) || image->comps[0].data == nullptr) {
    refuse_frame("its JPEG 2000 image is damaged or cut off");
  }
  std::vector<uint16_t> numbers(static_cast<size_t>(width * height));
  std::transform(image->comps[0].data, image->comps[0].data + numbers.size(), numbers.begin(),
                 [](OPJ_INT32 v) { return static_cast<uint16_t>(v); });
  return numbers;
}

}  // namespace groundglass
