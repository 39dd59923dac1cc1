#!/bin/bash
# trm plot: SVG of one or more runs, smoothed and not, and PNG through rsvg-convert, which may be absent or fail.
source "$(dirname "$0")/support.bash"

for name in a b; do
  mkdir -p "runs/$name"
  python3 -c 'import json, random, sys
random.seed(sys.argv[1])
for step in range(1, 2001):
    line = {"step": step, "loss": 3 / step ** .5 + random.random(), "exact_accuracy": random.random(), "lr": 1e-3}
    if step % 200 == 0: line["valid_exact"] = step / 2000
    print(json.dumps(line))' $name >"runs/$name/metrics.jsonl"
done
mkdir empty-path

# -- SVG --
run 0 "$TRM" plot runs/a runs/b
says '^curves\.svg$'
python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("curves.svg")' || fail "no XML"
[ "$(grep -c 'class="line faint"' curves.svg)" = 8 ] || fail "not one faint curve for each noisy one"
grep -q '>a<' curves.svg && grep -q '>b<' curves.svg || fail "a run is not named"
run 0 "$TRM" plot runs/a --smooth 0 -o raw.svg
grep -q 'class="line faint"' raw.svg && fail "a faint curve without smoothing"
refuse 2 'smooth' "$TRM" plot runs/a --smooth 51
refuse 2 'smooth' "$TRM" plot runs/a --smooth -1
refuse 2 'smooth' "$TRM" plot runs/a --smooth much
run 0 "$TRM" plot runs/a -o /dev/stdout
says '^<svg '

# -- PNG --
leftovers() {
  [ "$(find . -name '*.tmp' | wc -l)" = 0 ] || fail "a temporary is left"
}
echo before >curves.png
refuse 3 'curves.png: a PNG needs rsvg-convert, which is not installed; .*librsvg2-bin.*\.svg' env PATH=$work/empty-path "$TRM" plot runs/a -o curves.png
[ "$(cat curves.png)" = before ] || fail "what was there is lost"
leftovers
mkdir fake
cat >fake/rsvg-convert <<'SH'
#!/bin/sh
# Keeps its arguments, and copies the picture where it is told.
printf '%s\n' "$@" >"$ARGUMENTS"
while [ $# -gt 1 ]; do
  [ "$1" = --output ] && out=$2
  shift
done
cp "$1" "$out"
exit "${FAIL:-0}"
SH
chmod +x fake/rsvg-convert
export ARGUMENTS=$work/arguments
run 0 env PATH=$work/fake:$PATH "$TRM" plot runs/a runs/b -o curves.png
says '^curves\.png$'
cmp curves.png curves.svg || fail "another picture was given to rsvg-convert"
grep -qx -- '--format' arguments && grep -qx png arguments || fail "the format is not asked for"
leftovers
mkdir far && ln -s far/one.PNG link.png
run 0 env PATH=$work/fake:$PATH "$TRM" plot runs/a runs/b -o link.png
[ -L link.png ] && cmp far/one.PNG curves.svg || fail "a link is not followed"
echo before >curves.png
refuse 3 'curves.png: rsvg-convert made no picture' env FAIL=1 PATH=$work/fake:$PATH "$TRM" plot runs/a -o curves.png
[ "$(cat curves.png)" = before ] || fail "a failed picture replaced what was there"
refuse 3 'absent/metrics.jsonl' env PATH=$work/fake:$PATH "$TRM" plot absent -o curves.png
refuse 3 'no/curves.png' env PATH=$work/fake:$PATH "$TRM" plot runs/a -o no/curves.png
mkfifo pipe.png
refuse 2 'pipe.png is no regular file' env PATH=$work/fake:$PATH "$TRM" plot runs/a -o pipe.png
leftovers
if command -v rsvg-convert >/dev/null; then
  run 0 "$TRM" plot runs/a runs/b -o true.png
  [ "$(head -c 4 true.png | tail -c 3)" = PNG ] || fail "no PNG"
fi
done_testing
