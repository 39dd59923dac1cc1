#!/bin/bash
# A signal in the middle of each command that may take long: one exit code, one message, nothing left behind.
source "$(dirname "$0")/support.bash"
write_puzzles
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 20 --quiet
python3 - <<'PY' # 120,000 puzzles: longer than any test waits
head, *rows = open("six.csv").read().splitlines(True)
open("many.csv", "w").write(head + "".join(rows) * 20000)
open("many.txt", "w").write("".join(row.split(",")[0] + "\n" for row in rows) * 20000)
PY
cat >interrupt.py <<'PY'
"""interrupt.py SIGNAL COMMAND...: starts it, sends the signal a little after it began to catch it; its exit code, or
128 + n when the signal ended it."""
import signal, subprocess, sys, time
number = signal.Signals["SIG" + sys.argv[1]]
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
def catches():
    with open(f"/proc/{child.pid}/status") as status:
        caught = [line for line in status if line.startswith("SigCgt")][0].split()[1]
    return int(caught, 16) >> (number - 1) & 1
while child.poll() is None and not catches(): time.sleep(0.01)
time.sleep(0.1)
child.send_signal(number)
code = child.wait()
sys.exit(code if code >= 0 else 128 - code)
PY

# stop CODE PATTERN COMMAND...: by each signal; one line on standard error that says it. No file may be left of it.
stop() {
  local want=$1 pattern=$2 before signal
  shift 2
  before=$(find . -not -name out -not -name err | sort)
  for signal in INT TERM; do
    run "$want" python3 interrupt.py $signal "$@"
    grep -qE "$pattern" err || fail "$* after SIG$signal: no message /$pattern/"
    [ "$want" = 0 ] || [ "$before" = "$(find . -not -name out -not -name err | sort)" ] || fail "$* after SIG$signal left a file"
  done
}

stop 1 '^trm quantize: stopped after [0-9]+ of 120000 puzzles; nothing is written$' \
  "$TRM" quantize run -o small.safetensors --data many.csv --quiet
[ ! -s out ] || fail "quantize reports what it did not do"
stop 1 '^trm eval: warning: stopped after [0-9]+ of 120000 puzzles; the result is about those$' "$TRM" eval run many.csv --quiet
stop 1 '^trm solve: warning: interrupted: [0-9]+ puzzles finished' "$TRM" solve --model run many.txt --no-halt
stop 1 '^trm data make: new: stopped|^trm data make: stopped' "$TRM" data make --out new --size 9 --train 1000000 --test 9 --quiet
stop 1 '^trm data check: many.csv: stopped after [0-9]+ of 120000 examples$' "$TRM" data check many.csv --quiet
stop 1 '^trm data import: many.csv: stopped before anything was written$' "$TRM" data import many.csv --out new --quiet
for signal in INT TERM; do
  # shellcheck disable=SC2086
  run 0 python3 interrupt.py $signal "$TRM" train six.csv --run "by-$signal" $tiny --steps 1000000 --quiet
  says '^stopped and saved after '
done
done_testing
