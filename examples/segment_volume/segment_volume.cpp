// Segments a CT volume that lies in memory and prints what was found.
//   segment_volume              a volume that is made here: a body of water with two lungs of air
//   segment_volume STUDY        a DICOM folder, NIfTI, NRRD or MetaImage file
#include <iostream>

#include <groundglass/groundglass.h>

namespace {

/// An ellipse of `hu` on every slice, centre and half axes as shares of the side.
void draw_ellipse(torch::Tensor& voxels, double y, double x, double half_y, double half_x, int hu) {
  const auto side = static_cast<double>(voxels.size(1));
  const auto at = (torch::arange(voxels.size(1)) + 0.5) / side;
  const auto dy = ((at - y) / half_y).pow(2).unsqueeze(1), dx = ((at - x) / half_x).pow(2);
  voxels.masked_fill_((dy + dx < 1).unsqueeze(0).expand(voxels.sizes()), hu);
}

groundglass::Volume made_volume() {
  auto voxels = torch::full({24, 256, 256}, -1000, torch::kInt16);  // [D,H,W] in HU
  draw_ellipse(voxels, 0.5, 0.5, 0.36, 0.45, 40);
  draw_ellipse(voxels, 0.48, 0.28, 0.24, 0.14, -850);
  draw_ellipse(voxels, 0.48, 0.72, 0.24, 0.14, -850);
  auto lesion = voxels.narrow(0, 8, 8);
  draw_ellipse(lesion, 0.6, 0.26, 0.07, 0.06, -450);
  groundglass::Volume volume;
  volume.voxels = voxels;
  volume.geometry.spacing_mm = {1.4, 1.4, 6};  // along W, H, D
  volume.units = groundglass::Units::hu;
  return volume;
}

void run(int count, char** words) {
  groundglass::Model model = groundglass::open_model("ct_infection");
  std::cout << "groundglass " << groundglass::version() << ", model " << model.name() << "\n";

  const groundglass::Volume volume = count > 1 ? groundglass::read_study(words[1]) : made_volume();
  const groundglass::Segmentation found = groundglass::segment(model, volume);

  std::cout << "labels        " << groundglass::shape_text(found.labels.labels) << "\n"
            << "probabilities " << groundglass::shape_text(found.probabilities) << "\n"
            << "lesion voxels " << found.measures.lesion_pixels << "\n";
  if (found.measures.lesion_ml) std::cout << "lesion ml     " << *found.measures.lesion_ml << "\n";
  if (found.measures.lung_ml) std::cout << "lung ml       " << *found.measures.lung_ml << "\n";
  for (const auto& text : found.warnings) std::cout << "warning: " << text << "\n";
}

}  // namespace

int main(int count, char** words) {
  try {
    run(count, words);
    return 0;
  } catch (const groundglass::Error& e) {
    std::cerr << "error: " << e.what() << "\n";
    return e.exit_code();
  }
}
