#!/usr/bin/env bash
# Collects what a machine without packages needs, in the ignored folder .gpu: header-only libraries
# and a prepared set. Takes the data set and the recipe.
#   tools/gpu/pack.sh ../shared/data/ct/cases.csv recipes/attention_unet_2026.toml
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
data=$1
recipe=$2

mkdir -p .gpu/include/CLI
cp -r /usr/include/nlohmann /usr/include/toml++ .gpu/include/
cp /usr/include/CLI/* .gpu/include/CLI/
cp /usr/include/xxhash.h .gpu/include/
if [ -f /usr/include/xxh3.h ]; then cp /usr/include/xxh3.h .gpu/include/; fi
cp "$recipe" .gpu/recipe.toml
build/release/bin/groundglass prepare "$data" --recipe "$recipe" -o .gpu/set.ggset -q
gzip -f .gpu/set.ggset  # 89 MiB of 256 x 256 slices are too many to carry
du -sh .gpu
