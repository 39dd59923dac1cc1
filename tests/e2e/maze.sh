#!/bin/bash
# Mazes from end to end: made, shown, solved from text with the model that ships, refused with row and column.
source "$(dirname "$0")/support.bash"
export TRM_MODELS=$TRM_SOURCE_DIR/models
model=$TRM_MODELS/maze-9.safetensors

# -- made, checked, measured: the file says what is needed to make it again --
run 0 "$TRM" data make --task maze --size 9 --min-side 5 --min-path 8 --train 40 --test 60 --seed 43 --out mazes --quiet
run 0 "$TRM" data check mazes --json --quiet
json 'v["ok"] and v["examples"] == 100 and v["duplicates"] == 0'
run 0 "$TRM" data make --task maze --size 9 --min-side 5 --min-path 8 --train 40 --test 60 --seed 43 --out again --quiet
cmp mazes/test/all__inputs.npy again/test/all__inputs.npy || fail "the same seed made other mazes"
run 0 "$TRM" eval mazes --json --quiet
json 'v["model"].endswith("maze-9.safetensors") and v["puzzles"] == 60'
json '0 < v["exact"] <= v["metrics"]["optimal"]["puzzles"] <= v["metrics"]["connected"]["puzzles"]'
run 0 "$TRM" eval "$model" mazes --quiet
says '^optimal +[0-9.]+ %'
says '^connected +[0-9.]+ %'

# -- solved from text without --model: the size of the grid and smaller, whatever stands around --
printf '#########\n#S      #\n# ##### #\n# ##### #\n# ##### #\n# ##### #\n# ##### #\n#      G#\n#########\n' >nine.txt
printf '#####\n#S  #\n### #\n#  G#\n#####\n' >five.txt
printf 'S   # \n ##   \n    # \n # #  \n #   G\n' >wide.txt
for maze in five wide; do
  run 0 "$TRM" solve $maze.txt
  says '^correct: a path of [0-9]+ moves'
  run 0 "$TRM" solve $maze.txt --json
  json 'v["correct"] and v["solved"] and v["task"] == "maze" and v["model"].endswith("maze-9.safetensors")'
  run 0 "$TRM" solve --model "$model" $maze.txt --explain
done
run 0 "$TRM" solve wide.txt --json
json 'len(v["question"]) == len(v["answer"]) == 30'
run '[01]' "$TRM" solve nine.txt --json
json 'v["model"].endswith("maze-9.safetensors") and len(v["answer"]) == 81'
run 0 "$TRM" solve five.txt --color=always
grep -q $'\033\\[1;97;100m' out || fail "walls are no blocks"
run 0 "$TRM" solve five.txt --color=never
grep -q $'\033' out && fail "colours, though none were wanted"
says '^#####$'

# -- the preset for larger ones: in 50 updates the loss falls, and what it gives solves 15x15 and smaller --
run 0 "$TRM" data make --task maze --size 15 --min-side 5 --min-path 8 --train 400 --test 10 --seed 45 --out larger --quiet
run 0 "$TRM" train larger --preset maze-15 --batch 8 --steps 50 --log-every 1 --lr-warmup-steps 5 --run fifteen --quiet
python3 - <<'PY' || fail "the loss did not fall"
import json
loss = [line["loss"] for line in map(json.loads, open("fifteen/metrics.jsonl")) if "loss" in line]
assert len(loss) == 50 and sum(loss[40:]) < 0.5 * sum(loss[:10]), loss
PY
run 0 "$TRM" info fifteen --json
json 'v["task"]["kind"] == "maze" and v["config"]["seq_len"] == 225 and v["config"]["mlp_t"]'
run '[01]' "$TRM" solve --model fifteen five.txt --json
json 'v["task"] == "maze" and len(v["answer"]) == 25'
run 0 "$TRM" eval fifteen larger --json --quiet
json 'v["puzzles"] == 10 and "optimal" in v["metrics"]'

# -- bad mazes: one line, with the place --
bad() { # PATTERN SED-EXPRESSION
  sed "$2" nine.txt >bad.txt
  refuse 3 "$1" "$TRM" solve bad.txt
  refuse 3 "$1" "$TRM" solve --model "$model" bad.txt
}
bad 'bad.txt:1, maze: found no start \(S\), expected exactly one' 's/S/ /'
bad 'bad.txt:1, maze: found no goal \(G\), expected exactly one' 's/G/ /'
bad 'bad.txt:1, row 4, column 8: found more than one start \(S\), .* the first is in row 2, column 2' '4s/ #$/S#/'
bad 'bad.txt:1, row 8, column 8: found more than one goal \(G\), .* the first is in row 4, column 8' '4s/ #$/G#/'
bad 'bad.txt:1, row 2, column 2: no way leads from S to G in row 8, column 8' 's/ G/#G/; 7s/.*/#########/'
bad 'bad.txt:3:5: row 3: found .x., expected # \(wall\), space or \. \(free\), S, G or o' '3s/.*/# ##x## #/'
bad 'bad.txt:5:1: row 5: 8 cells, expected 9' '5s/.*/# #### #/'
bad 'row 8, column 7: found a path mark \(o\)' 's/ G/oG/'
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do printf '#          #\n'; done | sed '1s/ /S/; 12s/ /G/' >twelve.txt
refuse 2 'no installed model solves maze 12x12; there are: .*maze 9x9 and smaller' "$TRM" solve twelve.txt
refuse 3 'maze 12x12: the model solves maze 9x9 and smaller' "$TRM" solve --model "$model" twelve.txt
refuse 2 '"mazes", expected a kind whose puzzles trm makes' "$TRM" data make --task mazes --out x
refuse 2 '0 to 80 in a grid of 9' "$TRM" data make --task maze --min-path 81 --out x
refuse 2 'min-path.*paths and sides are of mazes' "$TRM" data make --min-path 8 --out x
[ ! -e x ] || fail "a folder was made all the same"
done_testing
