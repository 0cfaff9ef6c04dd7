#include "groundglass/predict/axial_source.h"

namespace groundglass {

AxialSource::AxialSource(const std::filesystem::path& path, const std::string& units)
    : reader_(open_volume(path, units)), view_(axial_view(reader_->info().geometry)) {
  if (view_.slices_are_axial()) return;
  std::vector<torch::Tensor> slices;
  for (int64_t k = 0; k < info().depth; ++k) slices.push_back(reader_->read_slice(k));
  whole_ = view_.apply(torch::stack(slices));
}

Image AxialSource::read(int64_t k) {
  const auto slice = streams() ? view_.apply_to_slice(reader_->read_slice(k)) : whole_[k];
  return {slice.contiguous().unsqueeze(0), info().units, info().white, {}};
}

}  // namespace groundglass
