#!/bin/bash
# On the GPU machine, after both folders were copied into one: prepares the data and starts training in the background.
# usage: start.sh STABLE_SECONDS DECAY_SECONDS [START.pt]
# Progress is in o/transformer.log. After an interruption the same command goes on from the last checkpoint.
set -euo pipefail
cd "$(dirname "$0")"
stable=${1:?stable seconds} decay=${2:?decay seconds} weights=${3:-}
mkdir -p o
recipe() {
  python3 -u -m recipe "$1" --config configs/small.toml --work o --sprites sprites.tar \
    --set tokenizer.given=spiece.model --set tokenizer.corpus=corpus.txt.xz \
    --set autoencoder.given=vae.pt --set text.given=text16.pt \
    --set transformer.stable="'$stable s'" --set transformer.decay="'$decay s'" ${weights:+--set transformer.start="$weights"}
}
for stage in data tokenizer autoencoder text; do recipe "$stage"; done
: > o/transformer.log
[ -z "$weights" ] || rm -f o/transformer.pt o/transformer.unfinished.pt  # a new training, from these weights
export -f recipe; export stable decay weights
setsid nohup bash -c 'recipe transformer' > o/transformer.log 2>&1 &
echo started
