// Trains a small network from a prepared set with a loop of its own: batches, loss, steps.
//   groundglass phantom data --cases 6 --slices 4 --side 64
//   groundglass prepare data/cases.csv --recipe yardstick_unet --set "preprocess.size=[64,64]" -o
//   set.ggset train_prepared set.ggset
// Whole trainings with validation, checkpoints and scores are train_fold() (groundglass/runs).
#include <iostream>

#include <torch/optim/adam.h>

#include <groundglass/core/error.h>
#include <groundglass/core/process.h>
#include <groundglass/data/loader.h>
#include <groundglass/data/prepared_set.h>
#include <groundglass/losses/dice_loss.h>
#include <groundglass/models/unet.h>

namespace {

using namespace groundglass;

void run(const std::string& path) {
  set_threads(0);
  torch::manual_seed(1);
  const PreparedSet set(path);
  std::cout << path << ": " << set.rows().size() << " slices\n";

  UNetOptions shape;
  shape.in_channels = set.header().channels;
  shape.widths = {4, 8, 16};
  UNet network(shape);
  torch::optim::Adam optimizer(network->parameters(), torch::optim::AdamOptions(1e-2));

  std::vector<Entry> entries;
  for (int64_t row = 0; row < set.size(); ++row) entries.push_back({row});
  for (uint64_t epoch = 0; epoch < 3; ++epoch) {
    LoaderOptions options;
    options.batch_size = 4;
    options.epoch = epoch;
    options.vary = true;  // flips, shifts and warps, keyed by seed, epoch and row
    const auto order = epoch_order(entries, set.rows(), Sampling::shuffle, options.seed, epoch);
    Loader loader(set, order, options);
    double sum = 0;
    int64_t steps = 0;
    while (const auto batch = loader.next()) {
      optimizer.zero_grad();
      const auto loss = dice_loss(network->forward(batch->image).logits, batch->target);
      loss.backward();
      optimizer.step();
      sum += loss.item<double>();
      ++steps;
    }
    std::cout << "epoch " << epoch + 1 << ": " << steps << " steps, Dice loss "
              << sum / static_cast<double>(steps) << "\n";
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    std::cerr << "usage: train_prepared SET\n";
    return 2;
  }
  try {
    run(words[1]);
    return 0;
  } catch (const Error& e) {
    std::cerr << "error: " << e.what() << "\n";
    return e.exit_code();
  }
}
