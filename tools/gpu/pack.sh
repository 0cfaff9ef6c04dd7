#!/usr/bin/env bash
# Collects what a machine without packages needs, in the ignored folder .gpu: header-only libraries,
# GoogleTest's sources where Debian's googletest is installed, and, for train.sh, a prepared set.
# bench.sh needs no set; train.sh's is made of the data set and the recipe.
#   tools/gpu/pack.sh [../shared/data/ct/cases.csv recipes/attention_unet_2026.toml]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

mkdir -p .gpu/include/CLI
cp -r /usr/include/nlohmann /usr/include/toml++ .gpu/include/
cp /usr/include/CLI/* .gpu/include/CLI/
cp /usr/include/xxhash.h .gpu/include/
if [ -f /usr/include/xxh3.h ]; then cp /usr/include/xxh3.h .gpu/include/; fi
if [ -d /usr/src/googletest ]; then cp -rL /usr/src/googletest .gpu/; fi
if [ $# -ge 2 ]; then
  cp "$2" .gpu/recipe.toml
  build/release/bin/groundglass prepare "$1" --recipe "$2" -o .gpu/set.ggset -q
  gzip -f .gpu/set.ggset  # 89 MiB of 256 x 256 slices are too many to carry
fi
du -sh .gpu
