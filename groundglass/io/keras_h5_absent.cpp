#include "groundglass/core/error.h"
#include "groundglass/io/keras_h5.h"

namespace groundglass {

TensorArchive read_keras_h5(const std::filesystem::path& path) {
  fail(ErrorKind::checkpoint, path.string() +
                                  ": an HDF5 file, which this build cannot read; read it with "
                                  "a full build, which has HDF5");
}

}  // namespace groundglass
