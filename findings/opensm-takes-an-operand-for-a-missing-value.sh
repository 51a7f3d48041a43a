#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# opensm 3.3.23-2+b1 (Debian 12): an option that ends the command line without its value takes the first
# word that is no option for it, wherever that stands.  OpenSM reads its line twice with
# getopt_long_only(); the first reading, for --config, has moved operands behind options, so that in
# the second one follows.  Without such a word the same option ends OpenSM, which is what was
# expected of both.  Exit 1 where that changes.
set -euo pipefail

version=3.3.23-2+b1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q "opensm=$version" "libopensm9=$version" "libosmcomp5=$version" "libosmvendor5=$version" libibumad3 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(find "$folder/root" -name 'lib*.so.*' -printf '%h\n' | sort -u | paste -sd:)
export LD_LIBRARY_PATH
opensm=$folder/root/usr/sbin/opensm

# -c writes what OpenSM would run with, and ends.
seen() {
  rm -f written
  timeout 20 "$opensm" -c written "$@" >/dev/null 2>&1 || true
  if [[ -e written ]]; then sed -n 's/^partition_config_file //p' written; else echo "(it ended)"; fi
}
with=$(seen stray -s 5 -P)
without=$(seen -s 5 -P)
echo "stray -s 5 -P: $with"
echo "-s 5 -P: $without"
[[ $with == stray ]] || { echo "changed: the operand is not taken"; exit 1; }
[[ $without == "(it ended)" ]] || { echo "changed: it does not end"; exit 1; }
