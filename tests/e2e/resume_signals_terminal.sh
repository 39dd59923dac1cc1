#!/bin/bash
# Stopping and going on: --resume gives the same bits, signals save, and a terminal sees a live line.
source "$(dirname "$0")/support.bash"
write_puzzles

# -- resume: the same bits as without a break, with a rate that decays --
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --run whole $tiny --steps 30 --quiet
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --run parts $tiny --steps 12 --schedule-steps 30 --quiet
run 0 "$TRM" train --resume parts --steps 30 --json --threads 1
json 'v["step"] == 30 and v["stopped"] is False'
"$TRM" info whole/last.safetensors --json >/dev/null || fail "last.safetensors"
cmp whole/last.safetensors parts/last.safetensors || fail "resumed weights differ"

# -- what the summary says: of this session, of the whole run, and of one that was finished --
run 0 "$TRM" train --resume parts --quiet
says '^already finished after 30 steps, [0-9:]+ in all$'
says '^memory: [0-9.]+ .B allocated at most, [0-9.]+ .B predicted; [0-9.]+ .B of the process resident at most; micro-batch 12$'
run 0 "$TRM" train --resume parts --quiet --json
json 'v["updates"] == 0 and v["step"] == 30 and v["seconds"] < v["run_seconds"]'

# -- more updates than the run began with: its rate goes on from where it ended, and that is said --
run 0 "$TRM" train --resume whole --steps 33 --quiet
[ "$(wc -l <err)" = 1 ] && grep -q 'warning: 33 updates, the schedule ends at 30.*--schedule-steps' err || fail "longer: $(cat err)"
python3 -c 'import json
rate = [json.loads(line)["lr"] for line in open("whole/metrics.jsonl")]
assert len(rate) == 33 and all(a >= b for a, b in zip(rate[5:], rate[6:])) and rate[29:] == rate[29:30] * 4, rate' || fail "the rate jumps"

# -- a signal: the step is finished, everything saved, exit code 0 --
# shellcheck disable=SC2086
"$TRM" train six.csv --run stopped $tiny --steps 1000000 --quiet >out 2>err </dev/null &
child=$!
for _ in $(seq 300); do [ -s stopped/metrics.jsonl ] && break; sleep 0.1; done
kill -TERM $child
wait $child || fail "SIGTERM: exit code $?"
says 'stopped and saved'
says 'trm train --resume stopped'
"$TRM" info stopped/last.safetensors --json >/dev/null || fail "no last.safetensors of a stopped run"
run 0 "$TRM" train --resume stopped --max-minutes 0.01 --quiet

# -- a second signal ends the program at once --
# shellcheck disable=SC2086
"$TRM" train six.csv --run twice $tiny --steps 1000000 --quiet >out 2>err </dev/null &
child=$!
for _ in $(seq 300); do [ -s twice/metrics.jsonl ] && break; sleep 0.1; done
kill -TERM $child
kill -INT $child
wait $child
case $? in 0 | 130) ;; *) fail "a second signal" ;; esac

# -- a terminal: one live line that is rewritten, and colours --
cat >terminal.py <<'PY'
import os, pty, sys
chunks = []
def read(fd):
    data = os.read(fd, 4096)
    chunks.append(data)
    return data
sys.stdout = open(os.devnull, "w")
os.dup2(os.open("typescript", os.O_CREAT | os.O_WRONLY), 1)
code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], read))
open("terminal.txt", "wb").write(b"".join(chunks))
sys.exit(code)
PY
export TERM=xterm
# shellcheck disable=SC2086
run 0 python3 terminal.py "$TRM" train six.csv --run live $tiny --steps 60
grep -qE $'\r(\033\\[K)?(\\[[=> ]*\\] )?step [0-9]+/60  loss .* mean steps ' terminal.txt || fail "no live line: $(cat -v terminal.txt)"
run 1 python3 terminal.py "$TRM" solve --model live --explain --max-steps 2 --no-halt 1...............
grep -q $'\033\[1;32m' terminal.txt || fail "no colours: $(cat -v terminal.txt)"
NO_COLOR=1 run 1 python3 terminal.py "$TRM" solve --model live --explain --max-steps 2 --no-halt 1...............
grep -q $'\033\\[[0-9;]*m' terminal.txt && fail "colours in spite of NO_COLOR"

# -- --color wins over both; --explain on a terminal draws over itself, and beside each other with =all or in a file --
ordinary=53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
model=$TRM_SOURCE_DIR/models/sudoku-9x9.safetensors
NO_COLOR=1 run 0 python3 terminal.py "$TRM" solve --model "$model" --color=always $ordinary
grep -q $'\033\[1;32mcorrect' terminal.txt || fail "no green verdict with --color=always: $(cat -v terminal.txt)"
run 0 python3 terminal.py "$TRM" solve --model "$model" --color=never $ordinary
grep -q $'\033' terminal.txt && fail "colours in spite of --color=never"
run 0 "$TRM" solve --model "$model" --color=always --explain $ordinary
grep -q $'\033\[1;32m' out || fail "no colours in a file with --color=always"
run 0 python3 terminal.py "$TRM" solve --model "$model" --color=never --explain $ordinary
grep -q $'^\033\[13A\r\033\[Jstep 2: 1 changed, confidence' terminal.txt || fail "no animation: $(cat -v terminal.txt)"
grep -q '^cells changed by each step: 51 1' terminal.txt || fail "no summary of the steps: $(cat -v terminal.txt)"
grep -q 'question  *step 1' terminal.txt && fail "grids beside each other on a terminal"
run 0 python3 terminal.py "$TRM" solve --model "$model" --color=never --explain=all --no-halt --max-steps 4 $ordinary
grep -q 'step 4: ' terminal.txt && ! grep -q $'\033' terminal.txt || fail "--explain=all: $(cat -v terminal.txt)"
run 0 "$TRM" solve --model "$model" --explain --no-halt --max-steps 4 $ordinary
says 'steps 2-4: [0-9.]+ %' # what changes nothing is folded
refuse 2 'explain.*found "every"' "$TRM" solve --model "$model" --explain=every $ordinary

# -- a list fits the terminal, and is a line a puzzle elsewhere --
printf '%s\n' $ordinary $ordinary >two.txt
run 0 python3 terminal.py "$TRM" solve --model "$model" --color=never two.txt
[ "$(tr -d '\r' <terminal.txt | wc -L)" -le 80 ] || fail "a list wider than the terminal: $(cat -v terminal.txt)"
[ "$(grep -c '^correct ' terminal.txt)" = 2 ] || fail "not a verdict for each puzzle"
run 0 "$TRM" solve --model "$model" two.txt
[ "$(grep -cE '^correct .* [1-9]{81}$' out)" = 2 ] || fail "a list in a file"
done_testing
