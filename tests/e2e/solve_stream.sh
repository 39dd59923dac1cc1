#!/bin/bash
# trm solve while puzzles arrive: from a pipe that stays open each answer comes without its end, in order; a bad line costs that
# line; memory does not grow with the number of puzzles; a signal prints what is finished. Also: which model was taken.
source "$(dirname "$0")/support.bash"
export TRM_THREADS=1
write_puzzles
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 2 --quiet
good=4.322314...33.4.

# -- an open pipe: the writer waits for each answer before it goes on --
cat >talk.py <<'PY'
import json, select, signal, subprocess, sys, time

def start(*arguments):
    return subprocess.Popen([sys.argv[1], "solve", "--model", "run", "--max-steps", "2", "--search", "0", *arguments], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)

def give(child, text):
    child.stdin.write(text.encode())

def answer(child):
    assert select.select([child.stdout], [], [], 60)[0], "no answer while the pipe is open"
    return child.stdout.readline().decode()

def processor(child):
    fields = open("/proc/%d/stat" % child.pid).read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])

good = sys.argv[2]
rows = "\n".join(good[i:i + 4] for i in range(0, 16, 4)) + "\n"
kinds = {"lines": [good + "\n", "\n" + good + "\n", good[:7], good[7:] + "\n"], "grids": [rows, "----\n\n" + rows, "\n" + rows]}
for kind, texts in kinds.items():
    child, count = start("--json"), 0
    for text in texts:
        give(child, text)
        if not text.endswith("\n"):
            assert not select.select([child.stdout], [], [], 0.3)[0], "half a line was answered"
            continue
        found = json.loads(answer(child))
        assert found["puzzle"] == count and found["question"] == good and "model" not in found, found
        count += 1
    before = processor(child)
    time.sleep(0.5)
    assert processor(child) - before <= 5, "it does not sleep while it waits"
    child.stdin.close()
    assert child.wait() in (0, 1) and child.stdout.read() == b"", kind

child = start()  # for people: a line each, as more may come
give(child, good + "\n")
assert answer(child).split()[0] in ("correct", "wrong")
give(child, "12\n" + good + "\n")
assert answer(child).split()[0] in ("correct", "wrong")
child.stdin.close()
assert child.wait() == 3 and b"standard input:2: found 2 cells" in child.stderr.read()

child = start("--json")  # a signal while nothing is there to do
give(child, good + "\n")
answer(child)
child.send_signal(signal.SIGINT)
assert child.wait(timeout=60) == 1 and b"interrupted: 1 puzzles finished, 0 begun" in child.stderr.read()

child = start("--json", "--explain")
give(child, good + "\n")
assert len(json.loads(answer(child))["trace"]) == 2
give(child, good + "\n")
assert len(json.loads(answer(child))["trace"]) == 2
child.stdin.close()
child.wait()
PY
python3 talk.py "$TRM" $good || fail "a pipe that stays open"
mkfifo pipe.txt
"$TRM" solve --model run --max-steps 1 --json pipe.txt >out 2>err &
child=$!
echo $good >pipe.txt
wait $child
json 'v["where"] == "pipe.txt:1"'

# -- bad puzzles among good ones, in every notation --
python3 - <<'PY'
good, answer = "4.322314...33.4.", "4132231414233241"
rows = "\n".join(good[i:i + 4] for i in range(0, 16, 4))
open("bad.txt", "w").write(f"{good}\n4y322314...33.4.\n{good}\n44..............\n\n12\n{good}\n")
open("bad-grids.txt", "w").write(f"{rows}\n\n4.32\n23y4\n...3\n3.4.\n\n{rows}\n\n\n1\n\n{rows}")
quoted = f'"{rows}"'
open("bad.csv", "w").write(f'question,answer\n{good},{answer}\n{good},x\n"{good}",{answer}\n"{good},{answer}\n{good}\n'
                           f'{quoted},{answer}\n{good},{answer}\n')
open("bad.jsonl", "w").write("".join(line + "\n" for line in (
    f'{{"question": "{good}", "answer": "{answer}"}}', '{"question": ', f'{{"question": "{good}", "answer": "{answer}"}}',
    '{"answer": "1"}', '', f'{{"question": "4y322314...33.4.", "answer": "{answer}"}}',
    f'{{"question": "{good}", "answer": "{answer}"}}')))
open("headless.csv", "w").write("id,rating\n1,2\n3,4\n")
PY
# whole FILE ERRORS...: good puzzles and bad ones stand in their order; bad ones at these lines.
whole() {
  local file=$1
  shift
  run 3 "$TRM" solve --model run --max-steps 1 --json "$file"
  checks=$((checks + 1))
  [ ! -s err ] || fail "$file --json: $(cat err)"
  python3 - "$file" "$@" <<'PY' || fail "$file: $(cat out)"
import json, sys
lines = [json.loads(line) for line in open("out")]
file, errors = sys.argv[1], sys.argv[2:]
assert [l["puzzle"] for l in lines] == list(range(len(lines)))
assert [l["where"] for l in lines if "error" in l] == [f"{file}:{e}" for e in errors], lines
good = [l for l in lines if "error" not in l]
assert len(good) == 3 + 3 * (file == "bad.csv") and all(l["question"] == "4.322314...33.4." for l in good), lines
PY
  cp out json
  run 3 "$TRM" solve --model run --max-steps 1 "$file"
  [ "$(wc -l <err)" = $# ] || fail "$file: $(cat err)"
  says "; $# could not be read\$"
}
whole bad.txt 2:2 "4, row 1, column 2" 6
whole bad-grids.txt 7:3 17
whole bad.csv 5 # answers are not needed, and so not looked at
whole bad.jsonl 2:13 4 6
refuse 3 'headless.csv:1:1: the header has no question column: found id, rating' "$TRM" solve --model run headless.csv
python3 - <<'PY'
open("long.txt", "w").write("4.322314...33.4.\n" + "1" * (17 << 20) + "\n4.322314...33.4.\n")
PY
run 3 "$TRM" solve --model run --max-steps 1 long.txt
grep -q 'long.txt:2: over 16 MiB without an end' err && says 'of 2 puzzles, .*; 1 could not be read' || fail "a line of 17 MiB: $(cat err)"
: >empty.txt
run 3 "$TRM" solve --model run --max-steps 1 empty.txt bad.txt $good --json
checks=$((checks + 1))
[ "$(grep -c '"answer"' out)" = 4 ] && [ "$(grep -c '"error"' out)" = 4 ] || fail "several arguments"
head -1 out | grep -q '"where":"empty.txt","error":"no puzzle in it' || fail "a file without puzzles: $(head -1 out)"

# -- memory: 200,000 lines take no more than 2,000, nor do 50,000 of a table or of a pipe --
if [ -z "${TRM_SANITIZE:-}" ]; then
  yes $good | head -200000 >many.txt
  head -2000 many.txt >few.txt
  head -50000 many.txt >pipe-in.txt
  sed 's/$/,4132231414233241/; 1i question,answer' pipe-in.txt >many.csv
  for file in few.txt many.txt many.csv -; do
    python3 -c 'import os, sys
child = os.fork()
if not child: os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
open("peak", "w").write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))' "$TRM" solve --model run --max-steps 1 --search 0 $file >out 2>err < <(cat pipe-in.txt)
    [ $? -le 1 ] || fail "$file: $(cat err)"
    case $file in few.txt) lines=2000 ;; many.txt) lines=200000 ;; *) lines=50000 ;; esac
    [ "$(grep -c ' step ' out)" = $lines ] || fail "$file: $(grep -c ' step ' out) lines"
    [ "$file" = few.txt ] && few=$(cat peak)
    checks=$((checks + 1))
    echo "$file: $(cat peak) kB at most"
    [ $(($(cat peak) - few)) -lt 3000 ] || fail "$file takes $(cat peak) kB, 2,000 puzzles $few"
  done
fi

# -- the model that was taken, and what its card says of hard puzzles --
export TRM_MODELS=$TRM_SOURCE_DIR/models
hard=1....7.9..3..2...8..96..5....53..9...1..8...26....4...3......1..4......7..7...3..
run 1 "$TRM" solve --max-steps 3 --search 0 $hard
grep -q '^hint: one has 23 clues; one trajectory solves 84.5 % of those with 23 to 28$' err || fail "no hint: $(cat err)"
grep -q '^model ' err && fail "the model is named although nobody looks"
run 1 "$TRM" solve --max-steps 3 --search 0 $hard --json
[ ! -s err ] || fail "a hint for a program: $(cat err)"
json 'v["model"].endswith("models/sudoku-extreme.safetensors")'
run 1 "$TRM" solve --model run --max-steps 1 $good
grep -q hint err && fail "a hint without a card"
python3 - "$TRM" $hard >out <<'PY' || fail "on a terminal"
import os, pty, sys
child, fd = pty.fork()
if not child: os.execv(sys.argv[1], [sys.argv[1], "solve", "--max-steps", "3", sys.argv[2]])
text = b""
try:
    while piece := os.read(fd, 4096): text += piece
except OSError: pass
os.waitpid(child, 0)
print(text.decode())
PY
[ "$(grep -c '^model .*sudoku-extreme.safetensors' out)" = 1 ] || fail "a terminal is not told the model"
done_testing
