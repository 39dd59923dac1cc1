#!/bin/bash
# An import with groups and identifiers, from CSV and from JSON: groups stay whole whatever the seed, names are numbered as
# they first appear and kept, and what is wrong with one is said with its row and field.
source "$(dirname "$0")/support.bash"

# 24 puzzles in 6 groups; of group 5 one puzzle also stands in group 0, so that these two go together
cat >write.py <<'PY'
import csv, json
rows = []
for i in range(24):
    group, question = i % 6, format(i if i != 5 else 0, "05b").replace("0", "a").replace("1", "b")
    rows.append({"question": question + "aab", "answer": question[::-1] + "baa", "group": f"g{group}",
                 "puzzle_id": "" if i == 3 else f"t {(23 - i) // 4}" if i % 2 else (23 - i) // 4})
with open("many.csv", "w", newline="") as file:
    writer = csv.DictWriter(file, ["puzzle_id", "group", "question", "answer"])
    writer.writeheader()
    writer.writerows(rows)
with open("many.jsonl", "w") as file:
    for row in rows:
        print(json.dumps({**row, "puzzle_id": row["puzzle_id"] or None if isinstance(row["puzzle_id"], str) else row["puzzle_id"]}), file=file)
names = ["<blank>"]
for row in rows:
    if row["puzzle_id"] != "" and str(row["puzzle_id"]) not in names:
        names.append(str(row["puzzle_id"]))
json.dump({"names": names, "of": {row["question"]: [] for row in rows}}, open("want.json", "w"))
PY
run 0 python3 write.py

cat >npy.py <<'PY'
import ast, array
def load(path):
    with open(path, "rb") as file:
        data = file.read()
    start = 10 + int.from_bytes(data[8:10], "little")
    about = ast.literal_eval(data[10:start].decode())
    flat = array.array({"|u1": "B", "<i4": "i", "<i8": "q"}[about["descr"]], data[start:]).tolist()
    if len(about["shape"]) == 1:
        return flat
    width = about["shape"][1]
    return [flat[i : i + width] for i in range(0, len(flat), width)]
PY
cat >look.py <<'PY'
import json, sys
import npy
folder, rows = sys.argv[1], [json.loads(line) for line in open("many.jsonl")]
names = json.load(open("want.json"))["names"]
assert json.load(open(f"{folder}/identifiers.json")) == names, json.load(open(f"{folder}/identifiers.json"))
pairs = sorted((r["question"], "<blank>" if r["puzzle_id"] in (None, "") else str(r["puzzle_id"])) for r in rows)
alphabet = json.load(open(f"{folder}/task.json"))["alphabet"]
found, sides = [], {}
for split in "train", "test":
    a = {n: npy.load(f"{folder}/{split}/all__{n}.npy") for n in ("inputs", "puzzle_identifiers", "puzzle_indices", "group_indices")}
    about = json.load(open(f"{folder}/{split}/dataset.json"))
    assert about["num_puzzle_identifiers"] == len(names) and about["blank_identifier_id"] == 0, about
    assert about["total_groups"] == len(a["group_indices"]) - 1 and about["total_puzzles"] == len(a["puzzle_identifiers"]), about
    assert a["puzzle_indices"][-1] == len(a["inputs"]) and a["group_indices"][-1] == len(a["puzzle_identifiers"])
    for g in range(len(a["group_indices"]) - 1):
        groups, ids = set(), []
        for p in range(a["group_indices"][g], a["group_indices"][g + 1]):
            ids.append(int(a["puzzle_identifiers"][p]))
            assert a["puzzle_indices"][p] < a["puzzle_indices"][p + 1], "an empty puzzle"
            for e in range(a["puzzle_indices"][p], a["puzzle_indices"][p + 1]):
                question = "".join(alphabet[t - 1] for t in a["inputs"][e])
                found.append((question, names[ids[-1]]))
                groups |= {r["group"] for r in rows if r["question"] == question}
        assert len([i for i in ids if i]) == len({i for i in ids if i}), f"an identifier is two puzzles of a group: {ids}"
        assert groups in ({"g0", "g5"}, {"g1"}, {"g2"}, {"g3"}, {"g4"}), groups
        for name in groups:
            assert sides.setdefault(name, (split, g)) == (split, g), f"{name} is cut"
assert sorted(found) == pairs, (sorted(found), pairs)
assert {side for side, _ in sides.values()} == {"train", "test"}
PY
for seed in 1 2 3 4 5; do
  for kind in csv jsonl; do
    run 0 "$TRM" data import many.$kind --out $kind$seed --test-fraction 0.3 --seed $seed --quiet
    run 0 python3 look.py $kind$seed
  done
  diff -r csv$seed jsonl$seed >diff || fail "CSV and JSON make different datasets: $(cat diff)"
done
run 0 "$TRM" data check csv1
run 0 "$TRM" data info csv1 --json
json '{v["splits"][s]["identifiers"] for s in ("train", "test")} == {'"$(python3 -c 'import json; print(len(json.load(open("want.json"))["names"]))')"'}'
run 0 "$TRM" train csv1 --preset grid-small --no-augment --hidden-size 16 --num-heads 1 --L-layers 1 --expansion 1 --batch 4 --steps 3 \
  --run run --quiet
run 0 "$TRM" eval run csv1 --quiet

# other names of columns; none at all; copies keep identifier and group
sed '1s/puzzle_id/kind/; 1s/group/family/' many.csv >renamed.csv
run 0 "$TRM" data import renamed.csv --out renamed --test-fraction 0.3 --seed 1 --group-column Family --identifier-column kind --quiet
diff -r csv1 renamed >diff || fail "other names make another dataset: $(cat diff)"
run 0 "$TRM" data import many.csv --out none --test-fraction 0 --group-column - --identifier-column - --quiet
run 0 "$TRM" data info none --json
json 'v["splits"]["train"]["identifiers"] == 1 and v["splits"]["train"]["groups"] == 23 and v["splits"]["train"]["puzzles"] == 24'
run 0 "$TRM" data import many.csv --out copies --test-fraction 0 --augment 3 --symmetries symbols:ab --quiet
run 0 "$TRM" data info copies --json
json 'v["splits"]["train"]["examples"] == 96 and v["splits"]["train"]["identifiers"] > 2'
run 0 "$TRM" data import many.csv --out said --test-fraction 0
grep -q 'puzzle identifiers are taken from a column (--identifier-column - takes none)' err || fail "no word of the identifiers"

# a file for the test split: its names are numbered on, and what shares a group with it is left out
printf '%s\n' 'question,answer,group,identifier' 'aaaa,aaaa,x,B' 'abab,baba,y,A' 'bbaa,aabb,,B' 'bbba,abbb,y,C' >one.csv
printf '%s\n' 'question,answer,group,identifier' 'bbbb,bbbb,y,D' 'baaa,aaab,z,B' 'abba,abba,y,D' >two.csv
run 0 "$TRM" data import one.csv --test-input two.csv --out both --quiet
python3 - <<'PY' || fail "the test file's names"
import json
import npy
assert json.load(open("both/identifiers.json")) == ["<blank>", "B", "A", "C", "D"]
load = lambda name: npy.load(f"both/{name}.npy")
assert load("train/all__puzzle_identifiers") == [1, 1] and load("train/all__group_indices") == [0, 1, 2]
assert load("test/all__puzzle_identifiers") == [4, 1] and load("test/all__puzzle_indices") == [0, 2, 3]
assert {json.load(open(f"both/{s}/dataset.json"))["num_puzzle_identifiers"] for s in ("train", "test")} == {5}
PY

# -- what is wrong: one line, exit code 3, nothing written --
bad() { # PATTERN FILE OPTION...
  local pattern=$1 file=$2
  shift 2
  refuse 3 "$pattern" "$TRM" data import "$file" --out bad --quiet "$@"
  [ ! -e bad ] || fail "$file: something was written"
}
long=$(printf 'x%.0s' $(seq 201))
printf 'question,answer,group\nab,ba,%s\n' "$long" >long.csv
bad 'long.csv:2:7: the group is longer than 200 bytes' long.csv
printf 'question,answer,puzzle_id\nab,ba,1\nba,ab\n' >short.csv
bad 'short.csv:3:1: the identifier is missing, expected it in each line' short.csv
printf 'question,answer,puzzle_id\nab,ba,a\001b\n' >control.csv
bad 'control.csv:2:7: the identifier has a control character' control.csv
printf 'question,answer,puzzle_id\nab,ba,\377\n' >bytes.csv
bad 'bytes.csv:2:7: .*UTF-8' bytes.csv
bad 'one.csv:1:1: the header has no group column: found question, answer, group, identifier; expected team \(--group-column' one.csv \
  --group-column team
bad 'one.csv:1:1: the header has no identifier column: .* expected team \(--identifier-column' one.csv --identifier-column team
bad 'the puzzles have no identifiers, but those of one.csv have' one.csv --test-input <(printf 'question,answer\nbbbb,bbbb\n')
printf 'question,answer,group\nab,ba,1\nba,ab,1\n' >same.csv
bad 'all 2 puzzles are the same up to symmetry, or of one group, and cannot be split' same.csv
object() { printf '{"question": "%s", "answer": "ab"%s}\n' "$@"; }
{ object ba ', "group": 1'; object ab ', "group": [1]'; } >list.jsonl
bad 'list.jsonl:2: "group": is neither a text nor an integer' list.jsonl
{ object ba ', "identifier": "x"'; object ab ', "identifier": 1.5'; } >real.jsonl
bad 'real.jsonl:2: "identifier": is neither a text nor an integer' real.jsonl
{ object ba ', "puzzle_id": 1'; object ab ''; } >missing.jsonl
bad 'missing.jsonl:2: "identifier": is missing, expected it in all puzzles' missing.jsonl
{ object ba ''; object ab ', "puzzle_id": 1'; } >late.jsonl
bad 'late.jsonl:2: "puzzle_id": is here but not in the first puzzle' late.jsonl
bad 'late.jsonl:1: "identifier": is missing: found the keys question, answer; expected kind' late.jsonl --identifier-column kind
done_testing
