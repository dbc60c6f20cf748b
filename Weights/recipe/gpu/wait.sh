#!/bin/bash
# Waits up to SECONDS for the end of training, shows the logs' tails, and puts the sheet and the curve into DIR.
# usage: wait.sh SECONDS [DIR]
cd "$(dirname "$0")" || exit 1
end=$((SECONDS + ${1:?seconds}))
while [ $SECONDS -lt $end ] && [ -d "/proc/$(cat o/pid)" ]; do sleep 1; done
tail -n 3 o/compile.log
tail -n 12 o/transformer.log
[ -z "${2:-}" ] || { mkdir -p "$2" && cp o/transformer-sheet.png o/transformer-curve.png "$2/" 2> /dev/null; }
true
