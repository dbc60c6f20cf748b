#!/bin/bash
# What people trust overnight: a file of 200 mixed lines, killed five times, interrupted by Ctrl-C and by a full disk,
# ends as the same bytes as a run that nobody disturbed; and 50 bad lines among 1,000 are exactly the ones reported.
#
#   Tests/batch/acceptance.sh [path of dit-t2i]
set -eu
repository=$(cd "$(dirname "$0")/../.." && pwd)
program=$(realpath "${1:-$repository/.build/release/dit-t2i}")
[ -x "$program" ] || { echo "no program at $program: swift build -c release --product dit-t2i" >&2; exit 66; }
file=$repository/Prompts/mixed-200.txt
work=$(mktemp -d /tmp/dit-t2i-batch.XXXXXX)
mounted=
finish() {
  [ -z "$mounted" ] || umount "$mounted"
  rm -rf "$work"
}
trap finish EXIT
fail() { echo "FAILED: $1" >&2; exit 1; }

options=(--steps 2 --size 128x128 --sizing direct)  # what is drawn does not count here
draw() { "$program" batch "$file" --output "$1" "${options[@]}" "${@:2}"; }
pictures() { (cd "$1" && find . -type f ! -name 'manifest*' -exec sha256sum {} + | sort -k 2); }
timeless() { sed -E 's/"seconds": [0-9.]+, //' "$1/manifest.jsonl" | sort; }
recorded() { cat "$1/manifest.jsonl" 2> /dev/null | wc -l; }
same() {
  diff <(pictures "$work/whole") <(pictures "$1") > "$work/diff" || { head "$work/diff" >&2; fail "$2: other files"; }
  diff <(timeless "$work/whole") <(timeless "$1") > "$work/diff" || { head "$work/diff" >&2; fail "$2: another manifest"; }
  echo "ok: $2"
}
# Draws into $1 in the background, and sends signal $2 when $3 pictures are recorded, and a moment more.
interrupt() {
  # Not through draw: the signal is for the program, not for a shell around it.
  # And in the background of a script it would be ignored.
  env --default-signal "$program" batch "$file" --output "$1" "${options[@]}" --quiet > /dev/null 2>> "$work/log" &
  local child=$!
  until [ "$(recorded "$1")" -ge "$3" ]; do
    kill -0 $child 2> /dev/null || fail "the run ended before it could be interrupted: $(tail -n 3 "$work/log")"
    sleep 0.005
  done
  sleep 0.0$((RANDOM % 10))
  kill "-$2" $child
  wait $child 2> /dev/null || true
}

# --- a run that nobody disturbs, and one of every kind of disturbance ------------------------------------------------
draw "$work/whole" --quiet > /dev/null
count=$(recorded "$work/whole")
[ "$(pictures "$work/whole" | wc -l)" = "$count" ] || fail "$count lines in the manifest, but another number of files"
echo "ok: 200 lines drawn, $count pictures"

for round in 1 2 3 4 5; do
  interrupt "$work/killed" KILL $((round * count / 7 + RANDOM % (count / 14)))
  kept=$(pictures "$work/killed" | grep -c '\.png$')
  (cd "$work/killed" && stat -c '%n %i' -- *.png | sort > "$work/kept")
  echo "    killed with $kept pictures in place"
done
# The rest; what the manifest knew is not touched again.
known=$(recorded "$work/killed")
draw "$work/killed" --quiet > "$work/drawn"
[ "$(wc -l < "$work/drawn")" = $((count - known)) ] || fail "$known pictures were recorded, $(wc -l < "$work/drawn") drawn"
same "$work/killed" "killed five times"

interrupt "$work/stopped" INT $((count / 3))
[ -z "$(find "$work/stopped" -name '.*' -type f)" ] || fail "Ctrl-C leaves temporary files"
grep -q "goes on where this one was" "$work/log" || fail "Ctrl-C says nothing"
# As a crash of the machine leaves it: the last line torn.
truncate -s -20 "$work/stopped/manifest.jsonl"
draw "$work/stopped" --quiet > /dev/null
same "$work/stopped" "Ctrl-C and a torn manifest"

if [ "$(id -u)" = 0 ] && mkdir "$work/disk" && mount -t tmpfs -o size=1m none "$work/disk" 2> /dev/null; then
  mounted=$work/disk
  code=0
  draw "$work/disk/out" --quiet > /dev/null 2> "$work/full" || code=$?
  [ $code = 73 ] && grep -q "No space left" "$work/full" || fail "a full disk: exit code $code, $(cat "$work/full")"
  mount -o remount,size=64m "$work/disk"
  draw "$work/disk/out" --quiet > /dev/null
  same "$work/disk/out" "a full disk"
else
  echo "SKIPPED: a full disk (it takes root and tmpfs)"
fi

draw "$work/shards" --quiet --shard 2/3 > /dev/null & second=$!
draw "$work/shards" --quiet --shard 3/3 > /dev/null & third=$!
draw "$work/shards" --quiet --shard 1/3 > /dev/null
wait $second
wait $third
"$program" batch --merge "$work/shards" --quiet
same "$work/shards" "three shards at once, merged"

# --- a damaged picture, a changed line, two runs at once --------------------------------------------------------------
victim=$(ls "$work/killed" | grep '\.png$' | sed -n 17p)
printf 'X' | dd of="$work/killed/$victim" bs=1 seek=99 conv=notrunc 2> /dev/null
[ "$(draw "$work/killed" --quiet --check | wc -l)" = 1 ] || fail "--check did not draw the damaged picture alone"
"$program" batch --merge "$work/killed" --quiet
same "$work/killed" "a damaged picture found by --check"

sed '12s/$/ --guidance 2/' "$file" > "$work/changed.txt"
"$program" batch "$work/changed.txt" --output "$work/killed" "${options[@]}" > "$work/drawn" 2> "$work/log"
[ "$(grep -c '/0010-' "$work/drawn")" = "$(wc -l < "$work/drawn")" ] || fail "a changed line draws others again"
grep -q "options or the model changed" "$work/log" || fail "nothing is said about a changed line"
echo "ok: a changed line alone is drawn again"

"$program" batch "$file" --output "$work/busy" "${options[@]}" > /dev/null 2>&1 & first=$!
until [ -s "$work/busy/manifest.jsonl" ]; do sleep 0.01; done
code=0
draw "$work/busy" > /dev/null 2> "$work/log" || code=$?
[ $code = 73 ] && grep -q "another run" "$work/log" || fail "two runs share a folder (exit code $code)"
kill $first
wait $first 2> /dev/null || true
echo "ok: two runs do not share a folder"

# --- bad lines --------------------------------------------------------------------------------------------------------
for line in $(seq 1000); do
  if [ $((line % 20)) = 13 ]; then echo "a fox --size $((line + 60))x7"; else echo "a fox number $line --size 64x64"; fi
done > "$work/bad.txt"
code=0
"$program" batch "$work/bad.txt" --output "$work/none" 2> "$work/log" || code=$?
[ $code = 65 ] || fail "bad lines end with $code"
seq 13 20 1000 > "$work/expected"
sed -n -E "s|^$work/bad.txt:([0-9]+): .*|\1|p" "$work/log" | diff "$work/expected" - || fail "other lines are bad"
[ ! -e "$work/none" ] || fail "something was drawn although lines are bad"
echo "ok: 50 bad lines of 1000, exactly those"
echo PASSED
