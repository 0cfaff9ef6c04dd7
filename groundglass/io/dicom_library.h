#pragma once

namespace groundglass {

/// Makes DCMTK ready once for the process: it prints nothing, and its decoders for RLE and JPEG are
/// known. Cheap to call again; safe to call from several threads.
void prepare_dicom_library();

}  // namespace groundglass
