#!/bin/bash
# --events FILE of trm solve and trm eval: the lines, which puzzles they are about, and what becomes of the file: an existing
# one, links, pipes, standard output, a full disk, a signal, a command that fails.
source "$(dirname "$0")/support.bash"
write_puzzles
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 20 --quiet
cut -d, -f1 six.csv | tail -n +2 >six.txt
sed '3s/.*/4.3/' six.txt >bad.txt

cat >look.py <<'PY'
"""look.py FILE EXPRESSION: every line is an event as its table says, every inference is whole; then the expression holds of
events (all, in order) and by (puzzle -> name -> events)."""
import collections, json, re, sys
START, STEP, HALT, STOP, COMPLETE = ("trm.inference.start", "trm.supervision_step.complete", "trm.early_halt.triggered",
                                     "trm.inference.stop", "trm.inference.complete")
FIELDS = {START: ((), ("max_steps",)), STEP: (("duration_s", "q"), ("step", "batch")),
          HALT: (("saved_steps", "q"), ("steps", "threshold", "reason")), STOP: (("duration_s",), ("steps", "halted", "outcome")),
          COMPLETE: (("supervision_steps",), ())}
text = open(sys.argv[1]).read()
assert text.endswith("\n"), "the last line is cut"
events, by = [json.loads(line) for line in text.splitlines()], collections.defaultdict(lambda: collections.defaultdict(list))
for e in events:
    assert list(e) == ["ts", "event", "measurements", "metadata"], e
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", e["ts"]), e
    measurements, metadata = FIELDS[e["event"]]
    assert set(e["measurements"]) == set(measurements), e
    assert set(e["metadata"]) == {"call", "puzzle", "action", *metadata} and e["metadata"]["call"] == 1, e
    by[e["metadata"]["puzzle"]][e["event"]].append(e)
assert [e["ts"] for e in events] == sorted(e["ts"] for e in events)
for puzzle, its in by.items():
    names = [e["event"] for e in events if e["metadata"]["puzzle"] == puzzle]
    stop = its[STOP][0]["metadata"]
    steps = stop["steps"]
    early = [HALT] * (stop["halted"] and steps < its[START][0]["metadata"]["max_steps"])
    done = [COMPLETE] * (stop["outcome"] == "done")
    assert names == [START] + [STEP] * steps + early + [STOP] + done, (puzzle, names)
    assert [e["metadata"]["step"] for e in its[STEP]] == list(range(1, steps + 1))
def solved(name):
    return [json.loads(line) for line in open(name)]
sys.exit(0 if eval(sys.argv[2]) else f"{sys.argv[1]}: not true: {sys.argv[2]}")
PY
look() {
  checks=$((checks + 1))
  python3 look.py "$@" || fail "look at $1"
}
absent() { [ ! -e "$1" ] || fail "$1 exists"; }
no_litter() { [ -z "$(find . -name '*.tmp')" ] || fail "left behind: $(find . -name '*.tmp')"; }

# -- solving: the numbers are those of --json, a puzzle that cannot be read included; nothing of a puzzle is told --
run 3 "$TRM" solve --model run --search 0 bad.txt --json
mv out plain
run 3 "$TRM" solve --model run --search 0 bad.txt --json --events solve.jsonl
cmp -s out plain || fail "answers differ with --events"
mv out answers
look solve.jsonl 'sorted(by) == [0, 1, 3, 4, 5] == [a["puzzle"] for a in solved("answers") if "error" not in a]'
look solve.jsonl 'all(by[a["puzzle"]][STOP][0]["metadata"]["steps"] == a["steps"] and
  by[a["puzzle"]][STOP][0]["metadata"]["halted"] == a["halted"] and abs(by[a["puzzle"]][STEP][-1]["measurements"]["q"] - a["q"]) < 1e-6
  for a in solved("answers") if "error" not in a)'
look solve.jsonl 'all(e["metadata"]["action"] == "solve" for e in events)'
run '[01]' "$TRM" solve --model run six.txt --no-rules-halt --halt-threshold -100 --events halt.jsonl # at the first step
look halt.jsonl 'sum(e["event"] == HALT and e["measurements"]["saved_steps"] == 15 for e in events) == 6'
while read -r question; do
  grep -qF -- "$question" solve.jsonl && fail "a question is in the events"
done <six.txt
grep -qE '[1-4.]{16}' <(sed 's/"[a-z_]*":[-0-9.e]*//g' solve.jsonl) && fail "something like a puzzle is in the events"

# -- evaluating: all steps, the dataset's numbers --
run 0 "$TRM" eval run six.csv --max-steps 5 --quiet --events eval.jsonl
look eval.jsonl 'sorted(by) == list(range(6)) and all(e["metadata"]["action"] == "evaluate" for e in events)'
look eval.jsonl 'all(len(by[i][STEP]) == 5 and by[i][STOP][0]["metadata"]["halted"] is False for i in by)'
run 0 "$TRM" eval run six.csv --halt --halt-threshold -100 --quiet --events eval.jsonl --force
look eval.jsonl 'sum(e["event"] == HALT for e in events) == 6'

# -- the file: as other outputs --
cp solve.jsonl before
for command in "solve --model run six.txt" "eval run six.csv --quiet"; do
  # shellcheck disable=SC2086
  refuse 2 'solve.jsonl exists; --force replaces it' "$TRM" $command --events solve.jsonl
  cmp -s solve.jsonl before || fail "a refused command changed the file"
  mkdir folder && ln -s absent/events lost
  # shellcheck disable=SC2086
  refuse 2 'folder is a folder' "$TRM" $command --events folder --force
  # shellcheck disable=SC2086
  refuse 3 'absent/events.*No such file' "$TRM" $command --events lost
  # shellcheck disable=SC2086
  refuse 2 '^trm [a-z]+: --events: - is standard output' "$TRM" $command --events -
  # shellcheck disable=SC2086
  refuse 2 '/dev/stdout is standard output' "$TRM" $command --events /dev/stdout
  # shellcheck disable=SC2086
  run '[01]' "$TRM" $command --events /dev/null
  rm -r folder lost
done
mkdir far && ln -s far/events link
run '[01]' "$TRM" solve --model run --search 0 six.txt --events link
[ "$(readlink link)" = far/events ] || fail "the link was replaced"
look link 'len(by) == 6'
no_litter

# -- a pipe gets each line at once, while the command waits for more puzzles --
cat >live.py <<'PY'
import json, os, select, subprocess, sys
read, write = os.pipe()
child = subprocess.Popen([sys.argv[1], "solve", "--model", "run", "--max-steps", "2", "--no-halt", "--events", f"/dev/fd/{write}"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[write])
os.close(write)
lines = os.fdopen(read, "rb", buffering=0)
for puzzle in range(2):
    child.stdin.write(sys.argv[2].encode() + b"\n")
    child.stdin.flush()
    for name in ("inference.start", "supervision_step.complete", "supervision_step.complete", "inference.stop", "inference.complete"):
        assert select.select([lines], [], [], 60)[0], "no event while the input is open"
        event = json.loads(lines.readline())
        assert event["event"] == "trm." + name and event["metadata"]["puzzle"] == puzzle, event
child.stdin.close()
assert child.wait() in (0, 1) and lines.read() == b""
PY
run 0 python3 live.py "$TRM" 4.322314...33.4.

# -- a full disk costs the exit code and the events, not the answers; nothing is left of the file --
run 3 "$TRM" solve --model run --search 0 six.txt --json --events /dev/full
[ "$(cat err)" = "trm solve: /dev/full: cannot be written: No space left on device" ] || fail "a full disk: $(cat err)"
[ "$(wc -l <out)" = 6 ] || fail "a full disk cost answers"
echo old >small
# shellcheck disable=SC2016 # for the inner shell
run 3 bash -c 'ulimit -f 4; exec "$@"' sh "$TRM" solve --model run --search 0 six.txt --events small --force
grep -q '^trm solve: small: cannot be written' err || fail "a limited file: $(cat err)"
[ "$(cat small)" = old ] || fail "a file that could not be written whole replaced another"
run 3 "$TRM" eval run six.csv --quiet --events /dev/full
says '^exact '
no_litter

# -- a signal: what was at work is told as stopped, and the file is there --
python3 - <<'PY' # more than any test waits for
head, *rows = open("six.csv").read().splitlines(True)
open("many.csv", "w").write(head + "".join(rows) * 20000)
open("many.txt", "w").write("".join(row.split(",")[0] + "\n" for row in rows) * 20000)
PY
cat >interrupt.py <<'PY'
import glob, os, signal, subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def catches():
    with open(f"/proc/{child.pid}/status") as status:
        return int([line for line in status if line.startswith("SigCgt")][0].split()[1], 16) >> signal.SIGINT - 1 & 1
while child.poll() is None and not catches(): time.sleep(0.01)
def tells(): return any(os.path.getsize(name) for name in glob.glob(f"*{sys.argv[-1]}*") + glob.glob(f".*{sys.argv[-1]}*"))
until = time.monotonic() + 60 # puzzles are at work, however long it took to read them
while child.poll() is None and not tells() and time.monotonic() < until: time.sleep(0.01)
child.send_signal(signal.SIGINT)
sys.exit(child.wait())
PY
run 1 python3 interrupt.py "$TRM" solve --model run many.txt --no-halt --max-steps 50 --batch 7 --events stopped.jsonl
look stopped.jsonl '0 < sum(its[STOP][0]["metadata"]["outcome"] == "stopped" for its in by.values()) <= 7'
look stopped.jsonl 'all(its[STOP][0]["metadata"]["outcome"] in ("done", "stopped") for its in by.values())'
run 1 python3 interrupt.py "$TRM" eval run many.csv --max-steps 50 --batch 7 --quiet --events stopped-eval.jsonl
look stopped-eval.jsonl '0 < sum(its[STOP][0]["metadata"]["outcome"] == "stopped" for its in by.values()) <= 7'

# -- a command that fails before it solves anything makes no file, and keeps what was there --
run 3 "$TRM" solve --model absent six.txt --events none
run 3 "$TRM" solve --model run 'no puzzle' --events none
head -2 six.csv | sed 's/,[0-9]*$//; s/4132/9132/' >other.csv
run '[23]' "$TRM" eval run other.csv --quiet --events none
absent none
run 3 "$TRM" solve --model run 'no puzzle' --events small --force
[ "$(cat small)" = old ] || fail "a command without an event replaced a file"
no_litter
done_testing
