#!/usr/bin/env bash
# On a machine with several GPUs whose python3 has torch with NCCL: builds the core preset against that
# torch, trains what pack.sh packed on 1 GPU and on all, the batch growing with their number, and
# leaves images per second, logs and the difference of the first losses in $OUT.
#   OUT=out tools/gpu/distributed.sh [words for `groundglass train`]
# Each rank takes the GPU of its local rank.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
: "${OUT:?set OUT to the folder that takes the results}"

torch=$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)')
cmake --preset core -DCMAKE_PREFIX_PATH="$torch" -DGROUNDGLASS_HEADERS="$PWD/.gpu/include" \
  -DGROUNDGLASS_TESTS=OFF -DGROUNDGLASS_WERROR=OFF >"$OUT/configure.log" 2>&1
cmake --build --preset core -j "$(nproc)" --target groundglass >"$OUT/build.log" 2>&1
groundglass=build/core/bin/groundglass
if [ ! -f .gpu/set.ggset ]; then gunzip -k .gpu/set.ggset.gz; fi
"$groundglass" info --json >"$OUT/info.json"

gpus=$(nvidia-smi -L | wc -l)
batch=16
for ranks in 1 "$gpus"; do
  rm -rf ".gpu/run_$ranks"
  "$groundglass" train .gpu/recipe.toml --data .gpu/set.ggset -o ".gpu/run_$ranks" -q \
    --device cuda --precision fp32 --processes "$ranks" --epochs 3 \
    --set train.batch_size=$((batch * ranks)) "$@"
  cp ".gpu/run_$ranks/progress.csv" "$OUT/weak_$ranks.csv"
done
# The same batch on all GPUs: the losses have to be those of one.
"$groundglass" train .gpu/recipe.toml --data .gpu/set.ggset -o .gpu/run_same -q --device cuda \
  --precision fp32 --processes "$gpus" --epochs 3 --set train.batch_size=$batch "$@"
cp .gpu/run_same/progress.csv "$OUT/same_batch_$gpus.csv"
cut -d, -f1,2 "$OUT/weak_1.csv" | paste -d' ' - <(cut -d, -f2 "$OUT/same_batch_$gpus.csv")
