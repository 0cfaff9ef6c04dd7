#!/usr/bin/env bash
# Installs a build into a prefix, moves the prefix, hides the source tree where that is possible, and
# uses what is left: the program with its models and recipes, and both examples against the library.
#   package_test.sh BUILD SOURCES
set -euo pipefail
build=$(readlink -f "$1") sources=$(readlink -f "$2")

if [ -z "${PACKAGE_TEST_FOLDER:-}" ]; then
  PACKAGE_TEST_FOLDER=$(mktemp -d)
  export PACKAGE_TEST_FOLDER
  trap 'rm -rf "$PACKAGE_TEST_FOLDER"' EXIT
  cmake --install "$build" --prefix "$PACKAGE_TEST_FOLDER/first" >"$PACKAGE_TEST_FOLDER/install.log"
  mv "$PACKAGE_TEST_FOLDER/first" "$PACKAGE_TEST_FOLDER/prefix"
  cp "$0" "$PACKAGE_TEST_FOLDER/test.sh"
  environment=(env -i PATH=/usr/bin:/bin HOME="$PACKAGE_TEST_FOLDER/home" OMP_WAIT_POLICY=passive
    PACKAGE_TEST_FOLDER="$PACKAGE_TEST_FOLDER")
  mkdir "$PACKAGE_TEST_FOLDER/home" "$PACKAGE_TEST_FOLDER/work"
  if unshare -m true 2>/dev/null; then
    unshare -m bash -c 'mount -t tmpfs none "$0" && exec "$@"' "$sources" \
      "${environment[@]}" bash "$PACKAGE_TEST_FOLDER/test.sh" "$build" "$sources"
  else
    echo "the source tree stays visible: mount namespaces are not allowed here"
    "${environment[@]}" bash "$PACKAGE_TEST_FOLDER/test.sh" "$build" "$sources"
  fi
  exit
fi

prefix=$PACKAGE_TEST_FOLDER/prefix
cd "$PACKAGE_TEST_FOLDER/work"
fail() { echo "FAILED: $*" >&2; exit 1; }
step() { echo "== $*"; }

step "every part is there"
for file in bin/groundglass libexec/groundglass-program libexec/groundglass-serve share/groundglass/models/ct_infection.safetensors \
  share/groundglass/models/ct_infection.md share/groundglass/recipes/ct_infection.toml \
  share/groundglass/recipes/studies/losses.toml share/doc/groundglass/copyright \
  share/man/man1/groundglass.1.gz share/bash-completion/completions/groundglass \
  share/zsh/site-functions/_groundglass include/groundglass/groundglass.h \
  include/groundglass/core/error.h include/groundglass/infer/plan/plan.h; do
  [ -f "$prefix/$file" ] || fail "$file is missing"
done
[ ! -e "$prefix/include/groundglass/cli" ] || fail "headers of the command line are installed"
find "$prefix" -name '*.plans' | grep . && fail "plans are installed"
config=$(find "$prefix" -name groundglassConfig.cmake)
library=$(find "$prefix" -name 'libgroundglass.so')
[ -f "$config" ] && [ -f "$library" ] || fail "the library or its CMake file is missing"

step "nothing names the source tree or the build folder"
for binary in "$prefix"/libexec/* "$library"; do
  readelf -d "$binary" | grep -E 'R(UN)?PATH' | grep -F "$sources" && fail "$binary has it in its RPATH"
done
grep -rlF "$sources" "$prefix" --include='*.cmake' --include='*.h' && fail "these files name $sources"

step "the program runs with its own models and recipes"
program=$prefix/bin/groundglass
"$program" info
[ "$("$program" models --json | grep -c '"name"')" -gt 40 ] || fail "the catalog is short"
"$program" phantom data --cases 6 --slices 4 --side 64 >/dev/null
"$program" phantom study --kind ct --cases 1 --slices 6 --side 128 --format dicom >/dev/null
"$program" predict study -o result
[ -f result/summary.json ] || fail "predict wrote no summary"
grep -q '"model": "ct_infection"' result/summary.json || fail "another model than the bundled one"
small=(--set "preprocess.size=[64,64]" --set "model.widths=[4,8]")
"$program" prepare data/cases.csv --recipe yardstick_unet "${small[@]}" -o set.ggset >/dev/null
"$program" train yardstick_unet "${small[@]}" --data set.ggset --epochs 1 -o run >/dev/null
[ -f run/weights.safetensors ] || fail "train wrote no weights"

step "the completion completes"
PATH="$prefix/bin:$PATH" bash -c 'source "$1"; COMP_WORDS=(groundglass pred); COMP_CWORD=1
  _groundglass; [ "${COMPREPLY[*]}" = predict ]' bash \
  "$prefix/share/bash-completion/completions/groundglass" || fail "predict is not completed"

step "the examples build against the installed library and run"
for example in segment_volume train_prepared; do
  cmake -S "$prefix/share/doc/groundglass/examples/$example" -B "$example" -G Ninja \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" >"$example.log" 2>&1 ||
    { cat "$example.log"; fail "$example cannot be configured"; }
  cmake --build "$example" >"$example.log" 2>&1 ||
    { cat "$example.log"; fail "$example cannot be compiled"; }
done
segment_volume/segment_volume | tee segmented
grep -q 'labels        \[24, 256, 256\]' segmented || fail "no label map of the volume's size"
train_prepared/train_prepared set.ggset | tee trained
grep -q 'epoch 3: ' trained || fail "three epochs were not trained"

step "a volume in memory gives what predict writes"
series=$(dirname "$(find study -name '*.dcm' | head -n 1)")
"$program" predict "$series" -o again >/dev/null
segment_volume/segment_volume "$series" >segmented
voxels=$(sed -n 's/^lesion voxels //p' segmented)
grep -q "\"lesion_pixels\": $voxels," again/summary.json ||
  fail "$voxels voxels in memory, and another number in again/summary.json"
echo "the installed package works"
