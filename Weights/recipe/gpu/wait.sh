#!/bin/bash
# Waits up to SECONDS for the end of training (or an error), shows the log's tail, and draws a sheet into DIR.
# usage: wait.sh SECONDS [DIR]
cd "$(dirname "$0")" || exit 1
for _ in $(seq "${1:?seconds}"); do
  grep -qE "transformer done|Traceback|^recipe: " o/transformer.log && break
  sleep 1
done
tail -n 5 o/transformer.log
if [ -n "${2:-}" ] && ls o/transformer*.pt > /dev/null 2>&1; then
  timeout 120 python3 -m recipe draw --config "${CONFIG:-configs/small.toml}" --work o && mkdir -p "$2" && cp o/sheet.png "$2/"
  cp o/transformer-curve.png "$2/" 2> /dev/null
fi
true
