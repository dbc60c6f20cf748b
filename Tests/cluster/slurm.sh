#!/bin/bash
# Draws a prompt file by a job array on a real Slurm, a controller and two node daemons on this machine, with the script
# that docs/cluster offers, and holds the result against a run without shards: same pictures, same merged manifest.
#
#   Tests/cluster/slurm.sh [path of dit-t2i]
#
# Installs Debian's slurm-wlm and munge where they are missing and apt may; exits 0 with SKIPPED where it cannot.
set -eu
repository=$(cd "$(dirname "$0")/../.." && pwd)
program=$(realpath "${1:-$repository/.build/release/dit-t2i}")
export PATH=$PATH:/usr/sbin:/sbin

skip() { echo "SKIPPED: $1"; exit 0; }
fail() {
  echo "FAILED: $1" >&2
  tail -n 20 "$work"/*.log >&2 || true
  exit 1
}

[ -x "$program" ] || { echo "no program at $program: swift build -c release --product dit-t2i" >&2; exit 66; }
installed() { for name in slurmctld slurmd munged sbatch; do command -v $name > /dev/null || return 1; done; }
install() {
  # The packages start daemons of their own, which are no use here: nothing but ours may run.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' > $policy && chmod +x $policy
    trap "rm -f $policy" EXIT
  fi
  apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurm-wlm munge
}
if ! installed; then
  [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null || skip "slurm-wlm and munge are missing, and only root may install"
  (install) > /tmp/dit-t2i-slurm-apt.log 2>&1 || skip "slurm-wlm cannot be installed (/tmp/dit-t2i-slurm-apt.log says why)"
  installed || skip "slurm-wlm is installed, but its daemons are not where they were expected"
fi

work=$(mktemp -d /tmp/dit-t2i-slurm.XXXXXX)
children=()
finish() {
  for child in "${children[@]}"; do kill "$child" 2> /dev/null || true; done
  for child in "${children[@]}"; do wait "$child" 2> /dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

# --- a cluster: authentication, a controller, two nodes -------------------------------------------------------------
mkdir -p "$work"/{state,spool-n1,spool-n2,munge}
chmod 755 "$work"
dd if=/dev/urandom of="$work/munge/key" bs=128 count=1 2> /dev/null
chmod 400 "$work/munge/key"
munged --foreground --force --key-file="$work/munge/key" --socket="$work/munge/socket" --num-threads=2 \
  --pid-file="$work/munge/pid" --seed-file="$work/munge/seed" 2> "$work/munged.log" &
children+=($!)

port=$((20000 + RANDOM % 20000))
host=$(hostname -s)
cat > "$work/slurm.conf" << CONF
ClusterName=dit
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
EnforcePartLimits=ALL
MinJobAge=300
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=1 RealMemory=512
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=1 RealMemory=512
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf
for _ in $(seq 50); do [ -S "$work/munge/socket" ] && break; sleep 0.1; done
slurmctld -D -f "$SLURM_CONF" 2> "$work/controller.log" &
children+=($!)
for node in n1 n2; do
  slurmd -D -N $node -f "$SLURM_CONF" 2> "$work/$node.log" &
  children+=($!)
done
for _ in $(seq 100); do
  [ "$(sinfo -h -N -t idle -o %N 2> /dev/null | wc -l)" = 2 ] && break
  sleep 0.2
done
[ "$(sinfo -h -N -t idle -o %N | wc -l)" = 2 ] || fail "the two nodes did not come up"
echo "Slurm $(slurmd -V | cut -d' ' -f2): controller and nodes $(sinfo -h -N -o %N | paste -sd' ')"

# --- the same file, by the array and by one process -----------------------------------------------------------------
cat > "$work/prompts.txt" << PROMPTS
# 22 pictures of two sizes
a red fox in snow --count 5
an owl in a forest --seed 7 --negative blurry
--class fox --count 2
a füchsin 狐 in the city
a whale in the ocean --size 96x64 --count 8
a castle at night
a pizza on a red background
a rocket in space --count 3
PROMPTS
options=(--steps 4 --size 64x64 --precision f32)
"$program" batch "$work/prompts.txt" --output "$work/alone" "${options[@]}" --quiet > /dev/null

submit() {
  DIT_T2I=$program timeout 300 sbatch --parsable --wait --mem=0 --cpus-per-task=1 --chdir="$work" "$@" \
    "$repository/docs/cluster/pictures.sbatch" "$work/prompts.txt" "$work/shared" "${options[@]}"
}
# Two of the tasks alone, numbered 2 and 4 of an array with a step: a merge has to notice that they are not everything.
DIT_T2I=$program timeout 300 sbatch --parsable --wait --mem=0 --cpus-per-task=1 --chdir="$work" --array=2-8:2%1 --wrap \
  "[ \$SLURM_ARRAY_TASK_ID -gt 4 ] || $program batch $work/prompts.txt --output $work/part ${options[*]} --quiet" \
  > /dev/null || fail "an array with a step"
if "$program" batch --merge "$work/part" 2> "$work/part.log"; then fail "half of the shards were merged as if all"; fi
grep -q "shard 3 of 4 has drawn nothing yet" "$work/part.log" || fail "the merge does not name the missing shard"

job=$(submit --array=1-4) || fail "the job array"
"$program" batch --merge "$work/shared" 2> /dev/null || fail "the merge"
[ "$(cat "$work"/pictures-"$job"-*.log | grep -c -E 'on n[12]$')" = 4 ] || fail "four tasks did not run"
[ "$(cat "$work"/pictures-"$job"-*.log | grep -o -E 'on n[12]$' | sort -u | wc -l)" = 2 ] || fail "one node did it all"

# Run again, the array has nothing to do.
again=$(submit --array=1-4) || fail "the second run of the array"
if cat "$work"/pictures-"$again"-*.log | grep -E "seed [0-9]+ .*/"; then fail "finished pictures were drawn again"; fi

pictures() { (cd "$1" && sha256sum -- *.png); }
timeless() { sed -E 's/"seconds": [0-9.]+, //' "$1/manifest.jsonl"; }
diff <(pictures "$work/alone") <(pictures "$work/shared") || fail "pictures differ"
diff <(timeless "$work/alone" | sort) <(timeless "$work/shared" | sort) || fail "manifests differ"
[ -z "$(find "$work/shared" -name '.*' -type f)" ] || fail "temporary files were left behind"
echo "PASSED: $(pictures "$work/shared" | wc -l) pictures by 4 tasks on 2 nodes are those of one process"
