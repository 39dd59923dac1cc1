#!/bin/bash
# No damaged file is taken for a whole one. Every kind of file that trm writes or reads is changed in one place, and the
# command that reads it must refuse it, naming it, or give the bytes that the whole file gives; damage.py says what is
# changed and what else may be accepted, and why. DAMAGE=3000 changes so many files (120), SEED=n chooses others (1), and
# CASE=i does again what a failure names.
source "$(dirname "$0")/support.bash"
here=$TRM_SOURCE_DIR/tests/e2e
mkdir whole && cd whole || exit 1
write_puzzles
python3 - <<'PY'
import csv, json
rows = list(csv.DictReader(open("six.csv")))
with open("six.csv", "w", encoding="utf-8", newline="") as file:
    file.write("source,question,answer,rating\n")
    file.writelines(f"caf\u00e9 {i},{r['question']},{r['answer']},{r['rating']}\n" for i, r in enumerate(rows))
letters = str.maketrans(".1234", "_abcd")
with open("letters.jsonl", "w", encoding="utf-8") as file:
    for r in rows:
        line = {"name": "\u00e9t\u00e9"}
        line.update({key: r[key].translate(letters) for key in ("question", "answer")})
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
with open("puzzles.txt", "w") as file:
    file.writelines(r["question"] + "\n" for r in rows)
with open("card.json", "w", encoding="utf-8") as file:
    json.dump({"name": "tiny \u00e9", "results": [{"data": "six", "exact": 0.5}]}, file, ensure_ascii=False)
PY
run 0 "$TRM" data make --size 4 --no-minimal --max-clues 12 --train 24 --test 8 --out made --quiet
run 0 "$TRM" data import six.csv --out imported --test-fraction 0.34 --quiet
run 0 "$TRM" data import letters.jsonl --out letters --quiet
small="--halt-max-steps 4 --H-cycles 1 --hidden-size 16 --L-layers 1 --expansion 2 --batch 8 --lr 4e-3 --lr-warmup-steps 2"
# shellcheck disable=SC2086
run 0 "$TRM" train made --valid made --run run $small --steps 9 --save-every 3 --eval-every 3 --keep 3 --log-every 1 --quiet
mkdir models
run 0 "$TRM" convert run/checkpoints/step-9/model.safetensors -o models/raw.safetensors
run 0 "$TRM" convert run/last.safetensors -o models/bf16.safetensors --dtype bfloat16 --card card.json
run 0 "$TRM" quantize models/bf16.safetensors -o models/int8.safetensors --data six.csv --quiet
cp card.json models/raw.json
rm -r run/checkpoints/step-9 run/last.safetensors run/lock card.json out err # as a kill in the last save leaves it
cd ..
code=0
python3 "$here/damage.py" "$TRM" whole "${DAMAGE:-120}" "${SEED:-1}" ${CASE:+"$CASE"} || code=$?
[ $code = 0 ] || fail "damage.py: exit code $code"
checks=$((checks + ${DAMAGE:-120}))
done_testing
