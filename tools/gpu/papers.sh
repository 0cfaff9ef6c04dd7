#!/usr/bin/env bash
# Trains the five papers' systems, several at once, on a machine with a GPU whose python3 has torch, each
# until its best validation score has not moved for a third of the epochs run. Here, with the data:
#   tools/gpu/papers.sh pack ../shared/data [JOB ...]   prepared sets and headers in the ignored folder .gpu
# and there, with .gpu carried along:
#   OUT=folder tools/gpu/papers.sh train [SECONDS] [JOB ...]   (default 500 seconds, every job)
# A job that the time cuts short keeps its state in build/papers; the same command goes on from there,
# as long as that folder stands. $OUT takes results.tar.gz (curves, test tables, logs, status.csv) and
# weights in half precision in four pieces of at most 15 MiB (`cat weights.tar.part_* | tar x`); what does
# not fit is named, and fetched from the same machine by
#   OUT=folder tools/gpu/papers.sh weights JOB ...
# For trials: DEVICE=cpu, GROUNDGLASS=program instead of a build, EPOCHS=2 and SIDE=32.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
fold1="--set split.mode=strict --set split.folds=5 --set split.rows=all"
equal="--set split.equal_domains=false"
unpack='import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)'
norm="--set train.norm_statistics=re-estimated"

# name | recipe | set | size | most epochs | words of prepare and train | words of train alone
jobs() {
  cat <<TABLE
000_attention_unet|attention_unet_2026|ct|160|90|--set augment.mode=online|$norm
002_a_segnet_ftl73|a_segnet_ftl73_2021|ct|128|90||$norm
002_a_segnet_dl|a_segnet_dl_2021|ct|128|90||$norm
002_segnet_ftl73|segnet_ftl73_2021|ct|128|90||$norm
002_segnet_dl|segnet_dl_2021|ct|128|90||$norm
001_raiu_direct|raiu_net_2020|ct|128|90|$equal|$norm
001_chs_net|chs_net_2020|ct|128|90|$equal --set cascade.lung_mask=infection --set cascade.lung_labels=threshold_lungs|--lung-data build/papers/sets/001_lungs.ggset
001_raiu_lungs|raiu_net_lung_2020|ct|128|60|$equal --set data.mask=infection --set data.labels=threshold_lungs|$norm
004_unet_densenet121|unet_densenet121_2020|cxr|128|90|--set augment.mode=online|$norm
004_unet_plus_plus_densenet121|unet_plus_plus_densenet121_2020|cxr|128|90|--set augment.mode=online|$norm
004_dla_densenet121|dla_densenet121_2020|cxr|128|90|--set augment.mode=online|$norm
004_unet_resnet50|unet_resnet50_preact_2020|cxr|128|90|--set augment.mode=online|$norm
004_unet_plus_plus_resnet50|unet_plus_plus_resnet50_preact_2020|cxr|128|90|--set augment.mode=online|$norm
004_dla_resnet50|dla_resnet50_preact_2020|cxr|128|90|--set augment.mode=online|$norm
003_linknet|linknet_2022|ct|192|90|--set split.validation_fraction=0.2|$norm --set train.patience_on=monitor
TABLE
}

# The words that a set is prepared with; jobs of the same ones share it.
words_of() {
  local size=${SIDE:-$2}
  echo "$fold1 --set preprocess.size=[$size,$size] $1"
}

# Recipes that prepare alike share a set: the networks of a paper do, by the number before the name.
set_of() {
  case $1 in
    001_raiu_lungs) echo 001_lungs ;;
    *) echo "${1%%_*}" ;;
  esac
}

pack() {
  local data=${1:?name the folder of ct and cxr} groundglass=${GROUNDGLASS:-build/release/bin/groundglass}
  shift
  tools/gpu/pack.sh >/dev/null
  mkdir -p .gpu/papers .gpu/tables
  ln -sfn "$(readlink -f "$data/cxr")" .gpu/tables/cxr
  tools/xray_tables "$data/cxr" .gpu/tables >/dev/null
  while IFS='|' read -r name recipe source size _ both _; do
    local set table
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    set=$(set_of "$name")
    if [ -f ".gpu/papers/$set.ggset.xz" ]; then continue; fi
    table=${CT_TABLE:-$data/ct/cases.csv}
    if [ "$source" = cxr ]; then table=${CXR_TABLE:-.gpu/tables/detection.csv}; fi
    # shellcheck disable=SC2046,SC2086
    "$groundglass" prepare "$table" --recipe "recipes/$recipe.toml" $(words_of "$both" "$size") \
      -o ".gpu/papers/$set.ggset" -q </dev/null
    xz -T0 -f ".gpu/papers/$set.ggset"  # what is carried may be 64 MiB at most
  done < <(jobs)
  rm -rf .gpu/tables .gpu/googletest  # what travels are the sets
  du -sh .gpu .gpu/papers/*
}

build() {
  local torch
  torch=$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)')
  cmake --preset core -DCMAKE_PREFIX_PATH="$torch" -DGROUNDGLASS_HEADERS="$PWD/.gpu/include" \
    -DGROUNDGLASS_TESTS=OFF -DGROUNDGLASS_WERROR=OFF >build/papers/configure.log 2>&1
  cmake --build --preset core -j "$(nproc)" --target groundglass >build/papers/build.log 2>&1
}

train_one() {
  local name=$1 recipe=$2 size=$3 epochs=$4 both=$5 alone=$6 seconds=$7 rc=0
  # Whoever stops has waited a third of the longest run, so at least a third of its own.
  local run=build/papers/$name
  # shellcheck disable=SC2046,SC2086
  timeout --signal=TERM --kill-after=60 "$seconds" "$groundglass" train "recipes/$recipe.toml" \
    --data "build/papers/sets/$(set_of "$name").ggset" -o "$run" --fold 0 --device "${DEVICE:-cuda}" \
    --threads 1 -q --json --epochs "$epochs" --set train.patience=$(((epochs + 2) / 3)) \
    $(words_of "$both" "$size") $alone >"$run.json" 2>"$run.log" </dev/null || rc=$?
  echo "$name,$rc" >"$run.rc"
}

train() {
  : "${OUT:?set OUT to the folder that takes the results}"
  local start=$SECONDS seconds=${1:-500}
  shift || true
  groundglass=${GROUNDGLASS:-build/core/bin/groundglass}
  mkdir -p build/papers/sets
  if [ -z "${GROUNDGLASS:-}" ]; then build; fi
  for packed in .gpu/papers/*.ggset.xz; do
    local set
    set=build/papers/sets/$(basename "$packed" .xz)
    if [ ! -f "$set" ]; then python3 -c "$unpack" "$packed" >"$set.partial" && mv "$set.partial" "$set"; fi
  done
  local left=$((seconds - (SECONDS - start) - 30))  # the last half minute packs the results
  if [ "$left" -lt 1 ]; then echo "no time is left to train in: the build took it" >&2; left=1; fi
  local names=()
  while IFS='|' read -r name recipe _ size epochs both alone; do
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    names+=("$name")
    train_one "$name" "$recipe" "$size" "${EPOCHS:-$epochs}" "$both" "$alone" "$left" &
  done < <(jobs)
  wait
  if [ "${#names[@]}" = 0 ]; then echo "no job of that name; see jobs() in $0" >&2; exit 2; fi

  # 0: it ended by itself (plateau, or the last epoch: the log says which). 124: the time cut it short.
  (echo "job,exit_code"; for name in "${names[@]}"; do cat "build/papers/$name.rc"; done) >"$OUT/status.csv"
  cat "$OUT/status.csv"
  (cd build/papers && find . -type f ! -name '*.safetensors' ! -name '*.ggset' -print0 | sort -z |
    tar --null -T - -czf - ) >"$OUT/results.tar.gz"
  pack_weights "${names[@]}"
}

# Half precision, as `export` writes it, of the named jobs, as many as four pieces of 15 MiB hold.
pack_weights() {
  local half=build/papers/half taken=0 room=$((56 * 1024 * 1024 - 65536)) files=()
  mkdir -p "$half"
  for name in "$@"; do
    for part in "" lung infection; do  # a cascade is two networks
      local run=build/papers/$name/fold_0/$part file=$name${part:+_$part}.safetensors bytes
      # A run that the time cut short gives the weights of its best epoch so far, or none yet.
      if [ ! -f "$run/weights.safetensors" ]; then continue; fi
      # shellcheck disable=SC2015
      "$groundglass" export --model "${run%/}" -o "$half/new_$file" -q >>"build/papers/$name.log" 2>&1 \
        </dev/null && mv "$half/new_$file" "$half/$file" || continue
      bytes=$(stat -c %s "$half/$file")
      if [ $((taken + bytes + 1024)) -gt "$room" ]; then echo "not packed: $file"; continue; fi
      taken=$((taken + bytes + 1024))
      files+=("$file")
    done
  done
  if [ "${#files[@]}" = 0 ]; then return; fi
  tar -C "$half" -cf - "${files[@]}" | split -b 15M - "$OUT/weights.tar.part_"
}

weights() {
  : "${OUT:?set OUT to the folder that takes the results}"
  groundglass=${GROUNDGLASS:-build/core/bin/groundglass}
  pack_weights "$@"
}

case ${1:-} in
  pack) shift && pack "$@" ;;
  weights) shift && weights "$@" ;;
  train) shift && train "$@" ;;
  *) echo "usage: $0 pack DATA [JOB ...] | OUT=folder $0 train [SECONDS] [JOB ...] | OUT=folder $0 weights JOB ..." >&2 && exit 2 ;;
esac
