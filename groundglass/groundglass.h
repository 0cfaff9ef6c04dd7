#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/core/error.h"
#include "groundglass/core/version.h"
#include "groundglass/io/image.h"

// The face of the library: images and volumes in memory in, label maps, probabilities and measures
// out. It needs neither the command line nor files, except where a model or a study is read from
// one, and it changes with care; the rooms below it (groundglass/<room>/...) are installed too, for
// training and everything else, and change from version to version.
//
// Everything that goes wrong is an Error; its kind says who can mend it. version() and commit() say
// what is linked. Research use only, not a medical device.
namespace groundglass {

/// How a model runs.
struct OpenOptions {
  std::string device = "auto";  ///< "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:n"
  std::string precision =
      "auto";  ///< "auto" (bf16 where the hardware multiplies it), "fp32", "bf16"
  /// Processors to use, 0 for all. LibTorch keeps the number for each calling thread: segment()
  /// sets it for the thread it is called on.
  int64_t threads = 0;
  /// Folder where the plan that runs the network is kept for the next call; empty: nowhere, and the
  /// first image of each process takes a second or two longer.
  std::filesystem::path plans = {};
  /// Who finds the lungs of volumes in HU, for shares of them: empty for the bundled network
  /// ("threshold" where there is none), "threshold", "none", a volume file of class numbers, or a
  /// model.
  std::string lungs = {};
  /// Marks on CT outside the lungs that a network finds: "drop", "keep", or empty: "drop" for the
  /// bundled models of CT infection, "keep" for all others.
  std::string outside_lungs = {};
  /// Who decides whether what is marked on a picture that is a chest X-ray is kept: "none", a
  /// classifier's run folder, weights file or name, or empty: the bundled xray_detector for the
  /// bundled xray_infection, nobody for all others.
  std::string detector = {};
};

struct Segmentation;

/// A trained network, ready to segment.
///
/// Thread-safety: segment() may be called for one Model from several threads; the calls take turns,
/// since each uses all processors. Different models may be opened and used at the same time; they
/// share nothing that changes.
class Model {
 public:
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const std::string& name() const;            ///< as it was opened
  const std::string& weights_sha256() const;  ///< 64 hexadecimal digits
  const std::string& caution() const;         ///< what its makers warn of; may be empty
  /// Foreground classes that are told apart, F; label k is class k of class_names()[k - 1].
  int64_t classes() const;
  std::vector<std::string> class_names() const;  ///< of labels 1..F
  /// Probability from which a pixel is infected; of no meaning for more than one class, of which
  /// the likeliest wins.
  double threshold() const;

 private:
  struct State;
  explicit Model(std::unique_ptr<State> state);
  friend Model open_model(const std::string& model, const OpenOptions& options);
  friend Segmentation segment(Model& model, const Image& image);
  friend Segmentation segment(Model& model, const Volume& volume);

  std::unique_ptr<State> state_;
};

/// How much of one class was found.
struct ClassMeasure {
  int64_t label = 1;
  std::string name;
  int64_t pixels = 0;        ///< or voxels
  std::optional<double> ml;  ///< volumes in HU
};

/// What a detector decided of an X-ray.
struct DetectorDecision {
  std::string name;
  double probability = 0, cutoff = 0.5;  ///< infected from the cut-off on
  bool infected = false;
  bool trusted = true;          ///< false: the picture is unlike its training, and marks are kept
  int64_t withheld_pixels = 0;  ///< that were marked and are not in the labels
};

/// What was measured. Millilitres and what follows from them are known for volumes in HU alone.
struct Measures {
  int64_t lesion_pixels = 0;        ///< pixels or voxels of any class
  std::optional<double> lesion_ml;  ///< millilitres
  std::optional<double> lung_ml;    ///< millilitres of lungs and lesions
  std::string lungs;                ///< who found the lungs, see OpenOptions; empty without a share
  std::optional<double> lesion_fraction_of_lung;  ///< in [0,1]
  int64_t top_slice = -1;  ///< axial slice with most lesion, counted from 0; -1 for none
  /// How unlike what the model was trained on the image is; above 1 is unlike, and warned of.
  /// Nothing for models that do not know.
  std::optional<double> typicality;
  std::vector<ClassMeasure> classes;              ///< of models that tell several classes apart
  std::optional<DetectorDecision> detector = {};  ///< of pictures that a detector looked at
};

/// What a model says of an image or a volume, on its own grid.
struct Segmentation {
  LabelMap labels;  ///< [H,W] or [D,H,W] uint8, 0 background; geometry of the volume
  torch::Tensor
      probabilities;  ///< [F,H,W] or [F,D,H,W] float32 in [0,1], calibrated if the model is
  Measures measures;
  std::vector<std::string> warnings;
};

/// Opens a model.
///
/// model  the name of one that comes with the library ("ct_infection", "xray_infection", ...), a
/// run
///        folder of a training, a .safetensors file of weights, or a .pt file of `groundglass
///        export`
///
/// Throws Error(checkpoint) that lists the bundled models if there is no such model, Error(device)
/// if the device is not there, Error(usage) for a word that is not known.
Model open_model(const std::string& model = "ct_infection", const OpenOptions& options = {});

/// Segments one picture or slice.
/// Marks on a chest X-ray are kept as OpenOptions::detector says.
///
/// image  pixels [C,H,W] on the processor, C = 1 or 3 (gray, or RGB that is turned to gray), any H
///        and W; uint8 or float32, in gray from 0 to `white` or in HU. Rows run from top to bottom;
///        an axial CT slice is seen from the feet, the patient's back below.
///
/// Throws Error(data) for pixels of another shape, or units that the model does not take.
Segmentation segment(Model& model, const Image& image);

/// Segments a volume: the same labels as `groundglass predict` writes for a file that holds it.
///
/// volume  voxels [D,H,W] on the processor, uint8, int16 or float32, in HU or gray; geometry says
///         how the axes W, H, D run in the patient (LPS, millilitres come from its spacing). Slices
///         need not be axial: the volume is turned so that the network sees axial ones, and labels
///         and probabilities are turned back.
///
/// Memory besides the volume: 1 + 4 F bytes for each voxel for the result (twice that for slices
/// that are not axial), and a few hundred MiB for network and slices. Throws Error(device) before
/// it begins if that is not there, Error(data) for voxels of another shape or kind, values that are
/// no numbers, or a grid without extent.
Segmentation segment(Model& model, const Volume& volume);

/// Reads a study: a folder with one DICOM series, or a NIfTI, NRRD or MetaImage file, as [D,H,W] in
/// HU or gray with its geometry. Pictures are read by read_picture() (groundglass/io/picture.h).
/// Throws Error(data) with path and reason if it cannot be read or its units are unclear.
Volume read_study(const std::filesystem::path& path);

}  // namespace groundglass
