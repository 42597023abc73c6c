#!/bin/bash
# Installs the Debian 12 packages that building and testing need, those only that are missing. As root or with sudo.
#   scripts/install-packages.sh [--checks]     --checks: also what .ci/run needs for its format and tidy stages
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache mold python3
  openmpi-bin libopenmpi-dev libtbb-dev libboost1.81-dev libdnnl-dev
  libhdf5-openmpi-dev hdf5-tools libxxhash-dev python3-h5py
  libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  python3-matplotlib  # plots of bench/scaling
)
checks=(clang-format-14 clang-tidy-14)

if [[ ${1:-} == --checks ]]; then packages+=("${checks[@]}"); fi

missing=()
for package in "${packages[@]}"; do
  if [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true) != installed ]]; then
    missing+=("$package")
  fi
done
if [[ ${#missing[@]} -eq 0 ]]; then exit 0; fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "These packages are missing and there is no sudo to install them with: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
