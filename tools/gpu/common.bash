# What the parts of tools/gpu_run share: the log, the clock, running a program so that one signal reaches it once, and
# what is left in $out: gpu_run.log, results.json, and what a part adds.
failures=0 interrupted= child= log_writer=
files_most=8 file_most=$((16 << 20))
grace=5 # seconds between asking a command to end and ending it

say() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
fail() {
  failures=$((failures + 1))
  printf 'FAILED: %s\n' "$*"
}

open_log() {
  exec 3>&1 4>&2
  if [ -z "$dry" ]; then
    exec > >(trap '' INT TERM; exec tee -a "$out/gpu_run.log") 2>&1 # signals are for the work, not for its log
    log_writer=$!
  fi
  trap 'interrupt TERM' TERM HUP
  trap 'interrupt INT' INT
}

close_log() {
  [ -n "$dry" ] || check_output
  exec >&3 2>&4
  [ -z "$log_writer" ] || wait "$log_writer" 2>/dev/null || true
  if [ -z "$dry" ] && [ "$(stat -c %s "$out/gpu_run.log")" -ge "$file_most" ]; then
    { head -c $((file_most / 4)) "$out/gpu_run.log"; printf '\n[cut]\n'; tail -c $((file_most / 2)) "$out/gpu_run.log"; } >"$out/cut"
    mv "$out/cut" "$out/gpu_run.log"
  fi
}

# Nothing may leave that is too large, too much or oddly named.
check_output() {
  local count=0 file
  for file in "$out"/*; do
    [ -e "$file" ] || continue
    count=$((count + 1))
    [[ $(basename "$file") =~ ^[A-Za-z0-9._-]+$ ]] || fail "$file: an odd name"
    [ "$file" = "$out/gpu_run.log" ] || [ "$(stat -c %s "$file")" -lt "$file_most" ] || fail "$file has 16 MiB or more"
  done
  [ "$count" -le "$files_most" ] || fail "$out has $count files, at most $files_most can leave"
}

interrupt() {
  interrupted=1
  printf '\n== SIG%s: saving what there is\n' "$1"
  [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
}

# Seconds that the part has left.
left() { echo $((part_end - $(date +%s))); }

# attempt SECONDS LOG COMMAND...: runs it for at most that long and what the part has left, and returns its exit code: 124
# when time ran out, 130 when it was interrupted. LOG "-": to ours. The command has a session of its own, so that a signal
# to our group reaches it once, through us: trm takes a second one as "at once". What it started and left behind is ended
# with it, so that nothing holds the card.
attempt() {
  local seconds=$1 log=$2 code
  shift 2
  if [ -n "$dry" ]; then
    printf 'would run (%s s at most):' "$seconds"
    printf ' %q' "$@"
    printf '\n'
    return 0
  fi
  [ -z "$interrupted" ] || return 130
  [ "$seconds" -le "$(left)" ] || seconds=$(left)
  [ "$seconds" -gt 0 ] || return 124
  if [ "$log" = - ]; then
    setsid timeout --foreground --kill-after=$grace "$seconds" "$@" </dev/null &
  else
    setsid timeout --foreground --kill-after=$grace "$seconds" "$@" </dev/null >"$log" 2>&1 &
  fi
  child=$!
  while :; do # a trapped signal ends wait, not the child
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  kill -KILL -- "-$child" 2>/dev/null
  child=
  return $code
}

# Not by wait, which bash may not return from for a process that the same signal has ended already.
end_process() {
  kill "$1" 2>/dev/null
  for _ in $(seq 100); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$1" 2>/dev/null
}

# capture SECONDS FILE COMMAND...: standard output to FILE, the rest to the log.
capture() {
  local seconds=$1 file=$2
  shift 2
  if [ -n "$dry" ]; then
    attempt "$seconds" - "$@"
    return
  fi
  rm -f "$file" # one of an earlier command is no result of this one
  # shellcheck disable=SC2016 # expands in the inner shell
  attempt "$seconds" - bash -c 'exec "${@:2}" >"$1"' capture "$file" "$@"
}

need() { # FILE...: must be in the folder
  local file
  for file in "$@"; do
    [ -e "$folder/$file" ] || { fail "$folder/$file is missing: pack the folder again"; return 1; }
    [ -z "$dry" ] || note "has $file"
  done
}

# Benchmark and tests lie in an archive; they are unpacked for this call, to $programs.
unpack_programs() {
  programs=$work/programs
  [ ! -d "$programs" ] || return 0
  need programs.tar.xz tests.list || return
  mkdir "$programs"
  "$plain_python" -c 'import sys, tarfile
tarfile.open(sys.argv[1], "r:xz").extractall(sys.argv[2])' "$folder/programs.tar.xz" "$programs" || fail "programs.tar.xz cannot be unpacked"
}

need_program() {
  [ -e "$programs/$1" ] || { fail "$1 is missing in programs.tar.xz: pack the folder again"; return 1; }
  [ -z "$dry" ] || note "has $1"
}

# The first Python that imports torch, else any for the reports.
find_python() {
  local candidate named=$python
  plain_python= torch_python=
  if [ "$python" = none ]; then
    plain_python=$(command -v python3) || fail "no Python here"
    return
  fi
  for candidate in $named python3 /usr/bin/python3 /usr/local/bin/python3 /opt/conda/bin/python; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    plain_python=${plain_python:-$candidate}
    if "$candidate" -c 'import torch' >/dev/null 2>&1; then
      torch_python=$candidate
      return
    fi
  done
  [ -n "$plain_python" ] || fail "no Python here"
}

# PyTorch brings cuBLASLt along (the device option cublaslt), where the machine itself may have none.
find_cublaslt() {
  [ -n "$torch_python" ] || return 0
  "$torch_python" -c 'import glob, os, torch
site = os.path.dirname(os.path.dirname(torch.__file__))
for found in sorted(glob.glob(site + "/nvidia/*/lib/libcublasLt.so.1[23]") + glob.glob(site + "/torch/lib/libcublasLt.so.1[23]")):
    print(os.path.dirname(found), end=":")' 2>/dev/null
}

report() { "$plain_python" "$helpers/report.py" "$@"; }

prepare() {
  export LD_LIBRARY_PATH=$folder/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export TRM_MODELS=$folder/models TRM_DEVICE=$device GOLDEN=$folder/golden
  unset TRM_ISA
  work=$(mktemp -d "${TMPDIR:-/tmp}/gpu_run-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trm=$folder/bin/trm
  find_python
  LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$(find_cublaslt)
  LD_LIBRARY_PATH=${LD_LIBRARY_PATH%:}
  say "trm on $device, $(date -u +%Y-%m-%dT%H:%M:%SZ), results in $out"
  need MANIFEST bin/trm bench/network.py data/train.csv data/valid.csv
  if [ -z "$dry" ] && ! (cd "$folder" && sha256sum --quiet -c MANIFEST); then
    fail "the folder is not what was packed"
  fi
  [ -n "$torch_python" ] || note "no Python here imports torch: there are no ratios to PyTorch"
}

run_part() {
  local name=$1 device=$device began
  shift
  began=$(date +%s)
  part_end=$((began + limit))
  say "$name, $limit s at most"
  "part_$name" "$@"
  [ -n "$dry" ] || { say "$name: the table"; report table "$name" "$out/results.json" || fail "$name: no result"; }
  note "$name took $(($(date +%s) - began)) s${interrupted:+ and was interrupted}, $failures failure(s) so far"
}
