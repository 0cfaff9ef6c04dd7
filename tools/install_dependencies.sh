#!/usr/bin/env bash
# Installs what GroundGlass is built from, on Debian 12 (Ubuntu has most of it under the same names).
# Does nothing where everything is there. With "core", only what the core preset needs; with
# "package", besides everything, what makes Debian packages of it; with "all", the Slurm that
# ./check --all tries.
set -euo pipefail

core=(cmake g++ git ninja-build libtorch-dev libgloo-dev libopenblas0-openmp nlohmann-json3-dev
  libtomlplusplus-dev libcli11-dev libxxhash-dev libgtest-dev libgmock-dev)
full=(libdnnl-dev libinsighttoolkit5-dev libgdcm-dev libdcmtk-dev libniftiio-dev libcharls-dev
  libopenjp2-7-dev zlib1g-dev libjpeg-dev libtiff-dev libopencv-dev libhdf5-dev libonnx-dev libprotobuf-dev libsqlite3-dev
  libarchive-dev libbrotli-dev libcpp-httplib-dev libssl-dev
  clang-format)
# What tests hold DICOM objects against; without them these tests say that they are skipped.
peers=(dicom3tools dcmtk openssl orthanc orthanc-dicomweb poppler-utils python3-pydicom
  python3-numpy sqlite3)
# Launchers of several processes: mpirun, torchrun, and for ./check --all Slurm.
launchers=(openmpi-bin python3-torch)
clusters=(slurm-wlm munge)
# The pages of `serve`: npm brings NiiVue, and chromium is what their tests look at them with. Node from
# elsewhere brings an npm of its own, which Debian's package would fight with.
pages=()
command -v npm >/dev/null || pages+=(nodejs npm)
command -v chromium >/dev/null || pages+=(chromium)

wanted=("${core[@]}")
if [ "${1:-full}" != core ]; then wanted+=("${full[@]}" "${peers[@]}" "${launchers[@]}" "${pages[@]}"); fi
if [ "${1:-full}" = package ]; then wanted+=(dpkg-dev file gzip); fi
if [ "${1:-full}" = all ]; then wanted+=("${clusters[@]}"); fi

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "error: these packages are missing and installing them needs root: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "installing: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
  "${missing[@]}" >/dev/null
