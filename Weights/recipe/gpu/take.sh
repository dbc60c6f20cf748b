#!/bin/bash
# Hands over parts FIRST…LAST (of 15.5 MiB) of the averaged weights, and the log: cat transformer.pt.?? > transformer.pt
# usage: take.sh DIR FIRST LAST
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p "${1:?where}"
weights=o/transformer.pt
[ -f "$weights" ] || weights=o/transformer-latest.pt
python3 split.py "$weights" "$1/transformer.pt" "${2:?first part}" "${3:?last part}"
cp o/transformer.log "$1/"
cp o/transformer.csv "$1/" 2> /dev/null || true
