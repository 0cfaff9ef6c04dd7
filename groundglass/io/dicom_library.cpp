#include "groundglass/io/dicom_library.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/oflog/oflog.h>

namespace groundglass {

void prepare_dicom_library() {
  [[maybe_unused]] static const bool done = [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs();
    return true;
  }();
}

}  // namespace groundglass
