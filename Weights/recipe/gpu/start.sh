#!/bin/bash
# On the GPU machine, after the folders were copied into one: starts preparing and training in the background.
# usage: [WITHIN=SECONDS] start.sh STABLE_SECONDS DECAY_SECONDS [START]
# WITHIN: training ends so many seconds from now whatever preparing took; the phases are cut in proportion.
# START: weights to go on from, a transformer.pt or a model folder (start/, where pack.sh was given one).
# Progress is in o/transformer.log. After an interruption the same command goes on from the last checkpoint.
set -euo pipefail
cd "$(dirname "$0")"
export stable=${1:?stable seconds} decay=${2:?decay seconds} weights=${3:-}
export until=${WITHIN:+$(($(date +%s) + WITHIN))}
export TORCHINDUCTOR_COMPILE_THREADS=4  # several processes compile at once
mkdir -p o
[ -f sprites.tar ] || { cat sprites.tar.?? > sprites.tar.partial && mv sprites.tar.partial sprites.tar && rm sprites.tar.??; }
[ -z "$weights" ] || rm -f o/transformer.pt o/transformer.unfinished.pt  # a new training, from these weights
recipe() {
  python3 -u -m recipe "$@" --config "${CONFIG:-configs/small.toml}" --work o --sprites sprites.tar \
    --set tokenizer.given=spiece.model --set tokenizer.corpus=corpus.txt.xz \
    --set autoencoder.given=vae.pt --set text.given=text16.pt --set until="${until:-0}" \
    --set transformer.stable="'$stable s'" --set transformer.decay="'$decay s'" ${weights:+--set transformer.start="$weights"}
}
train() {
  recipe compile > o/compile.log 2>&1 &
  recipe all --last transformer || {
    [ $? != 130 ] || return 130  # interrupted
    echo "once more from the last checkpoint, without the compiler in case that is what failed"
    recipe all --last transformer --set compile=false
  }
}
export -f recipe train
setsid nohup bash -c train > o/transformer.log 2>&1 &
echo $! > o/pid
