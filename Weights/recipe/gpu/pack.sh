#!/bin/bash
# Gathers what training on a GPU machine without network needs into two folders of 28 MB each.
# usage: gpu/pack.sh WHERE [FROM [MODEL]]     makes WHERE/gpu1 and WHERE/gpu2
# FROM holds sprites.tar, corpus.txt.xz and checkpoints/{vae,text16}.pt (default: ../shared/recipe beside the repository).
# MODEL is a model folder to go on from: it becomes WHERE/gpu3/start.
set -euo pipefail
recipe=$(cd "$(dirname "$0")/.." && pwd)
repository=$(cd "$recipe/../.." && pwd)
to=${1:?usage: gpu/pack.sh WHERE [FROM [MODEL]]}
from=${2:-$repository/../shared/recipe}
[ -f "$from/sprites.tar" ] || { echo "pack.sh: $from has no sprites.tar" >&2; exit 66; }
[ -z "${3:-}" ] || [ -f "$3/classes.json" ] || { echo "pack.sh: $3 is no model folder: it has no classes.json" >&2; exit 66; }

mkdir -p "$to/gpu1" "$to/gpu2"
rm -f "$to"/gpu?/sprites.tar.??
split -b 28000000 -d "$from/sprites.tar" "$to/gpu1/sprites.tar."
find "$to/gpu1" -name "sprites.tar.??" ! -name "*.00" -exec mv -t "$to/gpu2" {} +
install -m 644 "$from/corpus.txt.xz" "$from/checkpoints/vae.pt" "$from/checkpoints/text16.pt" "$to/gpu2/"
install -m 644 "$repository/Tokenizer/spiece.model" "$to/gpu2/"
install -m 755 "$recipe"/gpu/{start,wait,take}.sh "$to/gpu2/"
tar -C "$recipe" --exclude=__pycache__ -cf - recipe configs | tar -C "$to/gpu2" -xf -
if [ -n "${3:-}" ]; then
  mkdir -p "$to/gpu3/start"
  cp -rL "$3"/{classes.json,transformer,text_encoder} "$to/gpu3/start/"
fi
du -sh "$to"/gpu?
