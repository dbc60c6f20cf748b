#!/bin/bash
# On the GPU machine, after the folders were copied into one: prepares the data and starts training in the background.
# usage: [WITHIN=SECONDS] start.sh STABLE_SECONDS DECAY_SECONDS [START]
# WITHIN: training ends so many seconds from now whatever preparing took; the phases are cut in proportion.
# START: weights to go on from, a transformer.pt or a model folder (start/, where pack.sh was given one).
# Progress is in o/transformer.log. After an interruption the same command goes on from the last checkpoint.
set -euo pipefail
cd "$(dirname "$0")"
stable=${1:?stable seconds} decay=${2:?decay seconds} weights=${3:-}
until=${WITHIN:+$(($(date +%s) + WITHIN))}
mkdir -p o
[ -f sprites.tar ] || { cat sprites.tar.?? > sprites.tar.partial && mv sprites.tar.partial sprites.tar && rm sprites.tar.??; }
recipe() {
  python3 -u -m recipe "$1" --config "${CONFIG:-configs/small.toml}" --work o --sprites sprites.tar \
    --set tokenizer.given=spiece.model --set tokenizer.corpus=corpus.txt.xz \
    --set autoencoder.given=vae.pt --set text.given=text16.pt --set until="${until:-0}" \
    --set transformer.stable="'$stable s'" --set transformer.decay="'$decay s'" ${weights:+--set transformer.start="$weights"}
}
for stage in data tokenizer autoencoder text; do recipe "$stage"; done
: > o/transformer.log
[ -z "$weights" ] || rm -f o/transformer.pt o/transformer.unfinished.pt  # a new training, from these weights
export -f recipe; export stable decay weights until
setsid nohup bash -c 'recipe transformer' > o/transformer.log 2>&1 &
echo "started after $SECONDS s"
