#!/bin/bash
# Each planted bug of tests/support/planted.txt must make its random test fail: the source that has it is compiled once more
# with the bug, and linked in front of the libraries of this build. PLANTED="101 120" tries these alone.
set -eu
source=$TRM_SOURCE_DIR build=$TRM_BUILD_DIR
if [ ! -e "$build/libtrm_serve.a" ]; then
  echo "skipped: this build has no server, where the planted bugs are"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c17 -D_GNU_SOURCE -O1 -g -I"$source/include" -I"$source/src" -I"$source/tests" -DTRM_SOURCE_DIR="\"$source\"")
[ -z "${TRM_SANITIZE:-}" ] || flags+=("-fsanitize=$TRM_SANITIZE")
cd "$work" # where the tests make their folders
tried=0 missed=0
while read -r n test what; do
  case $n in '' | '#'*) continue ;; esac
  case " ${PLANTED:-$n} " in *" $n "*) ;; *) continue ;; esac
  file=$(grep -rlw "TRM_PLANT_$n" "$source/src") || { echo "$n: nothing in src has it"; exit 1; }
  "${CC:-cc}" "${flags[@]}" "-DTRM_PLANT_$n" -c "$file" -o "$work/planted.o"
  "${CC:-cc}" "${flags[@]}" "$source/tests/$test" "$work/planted.o" "$build"/libtrm_{serve,proc,store,base}.a \
    $(pkg-config --libs cmocka libevent_core sqlite3 jansson) -pthread -lm -o "$work/test"
  tried=$((tried + 1))
  if timeout 200 "$work/test" >"$work/log" 2>&1 </dev/null; then
    echo "$n is not caught by $test: $what"
    missed=$((missed + 1))
  elif ! grep -q 'ERROR\|FAILED' "$work/log"; then
    echo "$n: $test did not end: $what"
    tail -5 "$work/log"
    missed=$((missed + 1))
  fi
done <"$source/tests/support/planted.txt"
for n in $(grep -rhoE 'TRM_PLANT_[0-9]+' "$source/src" | sort -u); do
  grep -qE "^${n#TRM_PLANT_} " "$source/tests/support/planted.txt" || { echo "$n is not listed"; missed=$((missed + 1)); }
done
echo "$tried planted bugs, $missed not caught"
[ $tried -gt 0 ] && [ $missed = 0 ]
