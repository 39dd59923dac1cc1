#!/bin/bash
# Where output goes, and what is left of commands that were killed: links, devices, pipes, standard output, --force.
source "$(dirname "$0")/support.bash"
write_puzzles
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 4 --quiet
model=run/last.safetensors
making="data make --size 4 --no-minimal --train 12 --test 2 --quiet"

check() {
  checks=$((checks + 1))
  "$@" || fail "not true: $*"
}
is_link() { [ "$(readlink "$1")" = "$2" ]; }

# -- links: what they name is written, they stay --
mkdir far
echo old >far/out && chmod 600 far/out && ln -s far/out out.link
for command in "plot run" "convert $model --force" "quantize $model --force --quiet"; do
  # shellcheck disable=SC2086
  run 0 "$TRM" $command -o out.link
  check is_link out.link far/out
  check test "$(stat -c %a far/out)" = 600
  check test "$(stat -c %s far/out)" -gt 1000
  check test "$(ls far)" = out
  echo old >far/out
done
refuse 2 'exists; --force' "$TRM" convert $model -o out.link
refuse 2 'exists; --force' "$TRM" quantize $model -o out.link
ln -s far/new dangling
run 0 "$TRM" convert $model -o dangling
check is_link dangling far/new
check test -s far/new
ln -s nowhere/new lost && ln -s loop-b loop-a && ln -s loop-a loop-b
for command in "plot run" "convert $model" "quantize $model --quiet"; do
  # shellcheck disable=SC2086
  refuse 3 'nowhere/new.*No such file' "$TRM" $command -o lost
  # shellcheck disable=SC2086
  refuse 3 'loop-a: is a loop of links' "$TRM" $command -o loop-a
  # shellcheck disable=SC2086
  refuse 2 'far is a folder' "$TRM" $command -o far
done
refuse 2 'far is a folder' "$TRM" quantize $model -o far --force --quiet
# shellcheck disable=SC2086
refuse 3 'loop-a: is a loop of links' "$TRM" $making --out loop-a
refuse 3 'loop-a: is a loop of links' "$TRM" train six.csv --run loop-a --quiet
refuse 3 'loop-a: is a loop of links' "$TRM" train --resume loop-a --quiet
refuse 3 'loop-a: is a loop of links' "$TRM" data info loop-a

# -- directories through links; a new name or an empty directory --
ln -s far/data data.link && mkdir far/empty && chmod 750 far/empty && ln -s far/empty empty.link && ln -s far/run run.link
# shellcheck disable=SC2086
run 0 "$TRM" $making --out data.link/
check is_link data.link far/data
check test -s far/data/task.json
run 0 "$TRM" data import six.csv --out empty.link --quiet
check is_link empty.link far/empty
check test "$(stat -c %a far/empty)" = 750
# shellcheck disable=SC2086
refuse 2 'not empty, expected a new name or an empty directory' "$TRM" $making --out data.link
# shellcheck disable=SC2086
refuse 2 'no directory, expected' "$TRM" $making --out out.link
mkdir here
# shellcheck disable=SC2086
refuse 2 'without a name of its own' "$TRM" $making --out here/.
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --run run.link $tiny --steps 2 --quiet
check is_link run.link far/run
check test -s far/run/last.safetensors
check test "$(ls -A far | tr '\n' ' ')" = "data empty new out run "
run 0 "$TRM" data make --help
grep -q 'a new name, or an empty directory' out || fail "help of --out"

# -- standard output, pipes and devices --
"$TRM" plot run -o picture.svg >/dev/null
"$TRM" plot run -o /dev/stdout >piped.svg 2>err || fail "plot to standard output"
check cmp picture.svg piped.svg
"$TRM" plot run -o /dev/stdout | cat >piped.svg
check cmp picture.svg piped.svg
echo before >both && "$TRM" plot run -o /dev/stdout >>both
check cmp <(echo before; cat picture.svg) both
ln -s /dev/stdout stdout.link
"$TRM" convert $model -o stdout.link >converted || fail "convert to standard output"
run 0 "$TRM" convert $model -o file
check cmp file converted
run 0 "$TRM" quantize $model -o int8 --quiet
TMPDIR=$work/here "$TRM" quantize $model -o stdout.link --data six.csv --max-loss 100 --quiet | cmp - int8 || fail "quantize to a pipe"
check test -z "$(ls -A here)"
mkfifo pipe
cat pipe >piped & run 0 "$TRM" convert $model -o pipe; wait $!
check cmp file piped
check test -p pipe
ln -s /dev/null null.link
run 0 "$TRM" convert $model -o null.link
check is_link null.link /dev/null
check test -c /dev/null
"$TRM" plot run -o /dev/stdout 2>err | head -c 10 >/dev/null
[ "${PIPESTATUS[0]}" -le 3 ] || fail "a reader that leaves: exit code ${PIPESTATUS[0]}"
ln -s /dev/full full.link
refuse 3 'full.link: cannot be written: No space' "$TRM" plot run -o full.link

# -- killed at random moments, one clean run each leaves nothing --
mkdir killed
litter=0
killed_at_random() {
  rm -rf killed/make killed/import
  # shellcheck disable=SC2086
  "$TRM" $command >/dev/null 2>&1 &
  local child=$!
  sleep "$(printf '0.%06d' $((took * (RANDOM % 100) / 100 % 1000000)))"
  kill -9 $child 2>/dev/null
  wait $child 2>/dev/null
  litter=$((litter + $(find killed -mindepth 1 -maxdepth 1 -name '*.tmp*' | wc -l)))
}
for name in make import convert quantize plot; do
  case $name in
  make) command="data make --size 6 --train 40 --test 5 --quiet --out killed/make" ;;
  import) command="data import six.csv --quiet --out killed/import" ;;
  convert) command="convert $model -o killed/convert --force" ;;
  quantize) command="quantize $model -o killed/quantize --force --quiet --data six.csv" ;;
  plot) command="plot run -o killed/plot" ;;
  esac
  begin=$(date +%s%N)
  # shellcheck disable=SC2086
  run 0 "$TRM" $command
  took=$((($(date +%s%N) - begin) / 1000)) # microseconds
  for _ in 1 2 3 4 5 6 7 8; do killed_at_random; done
  # On a busy machine all of these may have missed the moments of writing.
  for _ in $(seq 60); do [ $litter = 0 ] && killed_at_random; done
  rm -rf killed/make killed/import
  # shellcheck disable=SC2086
  run 0 "$TRM" $command
  left=$(find killed -mindepth 1 -maxdepth 1 ! -name make ! -name import ! -name convert ! -name quantize ! -name plot)
  [ -z "$left" ] || fail "left behind by $name: $left"
done
[ $litter -gt 0 ] || fail "no kill came while something was written"
rm -rf killed/*

# -- two at once: both end well --
for round in 1 2 3 4 5; do
  "$TRM" convert $model -o killed/both --force >/dev/null & first=$!
  "$TRM" quantize $model -o killed/both --force --quiet >/dev/null & second=$!
  wait $first || fail "the first of two writers"
  wait $second || fail "the second of two writers"
  cmp -s killed/both file || cmp -s killed/both int8 || fail "neither of two writers' files"
  checks=$((checks + 1))
done
check test "$(ls -A killed | tr '\n' ' ')" = "both "
done_testing
