#!/usr/bin/env bash
# On a machine with a GPU whose python3 has torch: builds the core preset against that torch, runs the
# tests of plans on the GPU, then times LibTorch beside the CUDA plan, and leaves all in $OUT. The tests
# are built where pack.sh found GoogleTest's sources. May be run again.
#   OUT=out tools/gpu/bench.sh [networks, with commas]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
: "${OUT:?set OUT to the folder that takes the results}"
networks=${1:-attention_unet,unet,unet_resnet34,unet_densenet121,raiu_net,inf_net}

torch=$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)')
prefix=$torch
tests=OFF
if [ -d .gpu/googletest ]; then
  cmake -S .gpu/googletest -B .gpu/googletest-build -DCMAKE_INSTALL_PREFIX="$PWD/.gpu/gtest" \
    -DINSTALL_GTEST=ON -DCMAKE_BUILD_TYPE=Release >"$OUT/gtest.log" 2>&1
  cmake --build .gpu/googletest-build -j "$(nproc)" --target install >>"$OUT/gtest.log" 2>&1
  prefix="$torch;$PWD/.gpu/gtest"
  tests=ON
fi
cmake --preset core "-DCMAKE_PREFIX_PATH=$prefix" -DGROUNDGLASS_HEADERS="$PWD/.gpu/include" \
  -DGROUNDGLASS_TESTS="$tests" -DGROUNDGLASS_WERROR=OFF >"$OUT/configure.log" 2>&1
targets=(groundglass)
if [ "$tests" = ON ]; then targets+=(groundglass_tests_infer groundglass_tests_core); fi
cmake --build --preset core -j "$(nproc)" --target "${targets[@]}" >"$OUT/build.log" 2>&1
groundglass=build/core/bin/groundglass

"$groundglass" info --json >"$OUT/info.json"
failed=0
if [ "$tests" = ON ]; then
  build/core/bin/groundglass_tests_infer --gtest_filter='Cuda*:Folded*:ExactFloat32*:RunnerTest*' \
    >"$OUT/tests.log" 2>&1 || failed=1
  build/core/bin/groundglass_tests_core --gtest_filter='Autocast*' >>"$OUT/tests.log" 2>&1 || failed=1
  tail -n 3 "$OUT/tests.log"
fi
for batch in 1 16 64; do  # parity is checked before anything is timed
  for network in ${networks//,/ }; do
    "$groundglass" bench --models "$network" --batch "$batch" --size 256x256 --device cuda \
      --engine all --repeats 15 --json >"$OUT/bench_${network}_$batch.json" || failed=1
  done
done
python3 - "$OUT" <<'P'
import glob, json, sys
rows = [r for f in sorted(glob.glob(sys.argv[1] + "/bench_*_*.json")) for r in json.loads(open(f).read() or "[]")]
with open(sys.argv[1] + "/bench.json", "w") as out:
    json.dump(rows, out, indent=1)
for r in rows:
    print(r["model"], r["batch"], r["engine"], r["precision"], "%.2f ms" % r["ms"], "%.0f images/s" % r["images_per_s"])
P
rm -f "$OUT"/bench_*_*.json
exit "$failed"
