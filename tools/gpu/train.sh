#!/usr/bin/env bash
# On a machine with a GPU whose python3 has torch: builds the core preset against that torch, measures
# both precisions, trains what pack.sh packed and leaves weights and logs in $OUT. May be run again:
# build and training go on where they were.
#   OUT=out tools/gpu/train.sh [words for `groundglass train`, e.g. --fold 0]
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
for precision in fp32 bf16; do
  "$groundglass" bench --models attention_unet,unet --batch 16 --device cuda --precision "$precision" \
    --train --json >"$OUT/bench_$precision.json"
done
"$groundglass" train .gpu/recipe.toml --data .gpu/set.ggset --device cuda -o .gpu/run "$@"
find .gpu/run -name 'state.safetensors' -prune -o -type f -print0 |
  tar --null -T - -czf "$OUT/run.tar.gz"
