# What the end-to-end tests share. Each runs in a new folder that is removed at its end; $TRM is the program.
set -u
: "${TRM:?set TRM to the program}"
export TRM_THREADS=${TRM_THREADS:-2} NO_COLOR=
unset TRM_ISA
TRM=$(realpath "$TRM")
work=$(mktemp -d "${TMPDIR:-/tmp}/trm-e2e-XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
checks=0

fail() {
  echo "FAILED: $*" >&2
  [ -f out ] && { echo "-- stdout:"; head -40 out; echo "-- stderr:"; head -40 err; } >&2
  exit 1
}

# run CODE COMMAND...: the exit code must be CODE, or match it as a pattern; output is left in the files out and err.
run() {
  local want=$1 code
  shift
  "$@" >out 2>err </dev/null
  code=$?
  checks=$((checks + 1))
  # shellcheck disable=SC2053 # a pattern: [23]
  [[ $code == $want ]] || fail "$* gave exit code $code, expected $want"
}

# refuse CODE PATTERN COMMAND...: exit code, nothing on standard output, one line on standard error that matches.
refuse() {
  local want=$1 pattern=$2
  shift 2
  run "$want" "$@"
  [ ! -s out ] || fail "$* printed something on standard output"
  [ "$(wc -l <err)" = 1 ] || fail "$* printed $(wc -l <err) lines on standard error, expected one"
  grep -qE -- "$pattern" err || fail "$*: the message does not match /$pattern/"
}

# says PATTERN: standard output of the last run has a matching line.
says() {
  checks=$((checks + 1))
  grep -qE -- "$1" out || fail "standard output does not match /$1/"
}

# json EXPRESSION: the last standard output is one JSON value v, for which the Python expression holds.
json() {
  checks=$((checks + 1))
  python3 -c 'import json, sys
v = json.load(open("out"))
sys.exit(0 if eval(sys.argv[1]) else 1)' "$1" || fail "JSON: not true: $1"
}

# Six puzzles with one solution each, small enough to be learned by heart in seconds.
write_puzzles() {
  cat >six.csv <<'CSV'
question,answer,rating
4.322314...33.4.,4132231414233241,0
.3..1...4.3....1,2314142341323241,5
2134341.1....321,2134341212434321,20
.24...324.2323.4,3241143241232314,30
...1.1422.131.24,4231314224131324,60
4.21213.3...1243,4321213434121243,500
CSV
}
tiny="--halt-max-steps 16 --H-cycles 2 --no-augment --hidden-size 32 --L-layers 1 --expansion 2 --batch 12 --lr 4e-3 --lr-warmup-steps 5"

# has_npm_packages FOLDER: those that tests/FOLDER/package-lock.json names are there, all of them.
has_npm_packages() {
  command -v node >/dev/null && cmp -s "$TRM_SOURCE_DIR/tests/$1/package-lock.json" "$TRM_SOURCE_DIR/tests/$1/node_modules/.of-lock"
}

done_testing() {
  echo "$checks checks"
}
