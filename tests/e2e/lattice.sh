#!/bin/bash
# The lattice recursion from end to end: trained on three sizes of Sudoku, killed and resumed with the same bytes, solved,
# evaluated, shown, and refused by commands that have no use for it.
source "$(dirname "$0")/support.bash"

# puzzles SIZE BOX_HEIGHT COUNT: question,answer rows of grids that are one grid's rows, columns and digits exchanged.
puzzles() {
  python3 - "$@" <<'EOF'
import random, sys
n, h, count = map(int, sys.argv[1:])
w, digits = n // h, "123456789ABCDEFG"
rng = random.Random(n)
print("question,answer")
for _ in range(count):
    names = rng.sample(digits[:n], n)
    rows = [b * h + r for b in rng.sample(range(w), w) for r in rng.sample(range(h), h)]
    columns = [b * w + c for b in rng.sample(range(h), h) for c in rng.sample(range(w), w)]
    grid = [names[(r % h * w + r // h + c) % n] for r in rows for c in columns]
    print("".join(d if rng.random() < 0.5 else "." for d in grid) + "," + "".join(grid))
EOF
}

# losses RUN: the mean loss of the values to keep, of the first and of the last ten updates. With so few entries the whole loss
# follows how many of them are conflicted, since these have no loss of digits.
losses() {
  python3 -c '
import json, sys
loss = [json.loads(line)["keep_loss"] for line in open(sys.argv[1])]
sys.exit(not sum(loss[-10:]) < 0.97 * sum(loss[:10]))' "$1/metrics.jsonl"
}

small="--preset sudoku-lattice-6x6 --hidden-size 32 --lr-warmup-steps 5 --threads 1 --quiet"

# -- 6x6 and 16x16 go through the same code: 50 updates, and the loss falls --
puzzles 6 2 60 >six.csv
puzzles 16 4 24 >sixteen.csv
run 0 "$TRM" train --data six.csv $small --steps 50 --batch 32 --run six
losses six || fail "the loss of 6x6 did not fall"
run 0 "$TRM" train --data sixteen.csv $small --steps 50 --batch 4 --L-layers 1 --L-cycles 2 --run sixteen
losses sixteen || fail "the loss of 16x16 did not fall"
head -1 six/metrics.jsonl >out
for key in keep_loss digit_loss unsound conflict_precision conflict_recall solved refuted; do
  grep -q "\"$key\": " out || fail "metrics.jsonl lacks $key"
done

# -- killed without warning and resumed: the same bytes --
options="--steps 40 --batch 16 --save-every 5"
run 0 "$TRM" train --data six.csv $small $options --run whole
"$TRM" train --data six.csv $small $options --run killed >/dev/null 2>&1 &
for _ in $(seq 1200); do
  [ -d killed/checkpoints/step-10 ] && break
  sleep 0.05
done
kill -9 $! 2>/dev/null
wait $! 2>/dev/null
run 0 "$TRM" train --resume killed --threads 2 --quiet
for file in last.safetensors checkpoints/step-40/carry.safetensors checkpoints/step-40/optimizer.safetensors; do
  cmp whole/$file killed/$file || fail "$file differs after a kill"
done

# -- shown, solved, evaluated; what is called right was checked --
run 0 "$TRM" info six
says '^recursion +lattice: candidate sets in 4 loops'
run 0 "$TRM" info six --json
json 'v["config"]["recursion"] == "lattice" and v["values"]["L_cycles"]["value"] == 16'
puzzle=$(sed -n 2p six.csv | cut -d, -f1)
run '[01]' "$TRM" solve --model six "$puzzle" --json
json 'v["correct"] in (True, False) and v["level"] == "C" and v["recursion"] == "lattice"'
run 0 "$TRM" eval six six.csv --limit 6 --search 64 --json --quiet
json 'v["puzzles"] == 6 and v["search"]["wrong"] == 0'
cp out first.json
run 0 "$TRM" eval six six.csv --limit 6 --search 64 --json --quiet --batch 3 --threads 2
python3 - <<'EOF' || fail "batch or threads change what is solved"
import json
a, b = json.load(open("first.json")), json.load(open("out"))
assert a["exact"] == b["exact"] and a["mean_steps"] == b["mean_steps"], (a, b)
EOF

# -- one line where it has no place --
refuse 2 'lattice' "$TRM" solve --model six --votes 4 "$puzzle"
refuse '[1-9]' 'lattice' "$TRM" quantize six/last.safetensors -o int8.safetensors
refuse '[1-9]' 'lattice' "$TRM" eval six six.csv --choose-threshold --quiet
refuse '[1-9]' 'lattice' "$TRM" train --data six.csv $small --steps 2 --latents 2 --run refused
refuse '[1-9]' 'lattice' "$TRM" train --data six.csv $small --steps 2 --mlp-t --run refused
run 0 "$TRM" data make --task maze --size 4 --min-side 4 --min-path 2 --train 8 --test 4 --out mazes --quiet
refuse '[1-9]' 'lattice' "$TRM" train --data mazes $small --steps 2 --run refused
[ ! -e refused ] || fail "a refused run left something"

done_testing
