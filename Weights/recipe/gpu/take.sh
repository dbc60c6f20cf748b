#!/bin/bash
# Hands over parts FIRST…LAST (of 15.5 MiB) of the averaged weights, and the log: cat transformer.pt.?? > transformer.pt
# usage: take.sh DIR FIRST LAST
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p "${1:?where}"
weights=o/transformer.pt
[ -f "$weights" ] || weights=o/transformer-latest.pt
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
split -b 15872K -d "$weights" "$parts/transformer.pt."
for part in $(seq -f %02.0f "${2:?first part}" "${3:?last part}"); do
  [ ! -f "$parts/transformer.pt.$part" ] || cp "$parts/transformer.pt.$part" "$1/"
done
echo "$(stat -c %s "$weights") bytes in $(ls "$parts" | wc -l) parts"
cp o/transformer.log "$1/"
cp o/transformer.csv "$1/" 2> /dev/null || true
