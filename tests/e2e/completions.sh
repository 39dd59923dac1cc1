#!/bin/bash
# The completions in the repository are what the program generates; each shell's has every command and option, its
# syntax is right where that shell is there, and bash completes words with it.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}"
sh "$TRM_SOURCE_DIR/packaging/completions/generate" "$TRM" "$work" || fail "packaging/completions/generate"
for file in trm _trm trm.fish; do
  cmp "$TRM_SOURCE_DIR/packaging/completions/$file" "$file" || fail "$file differs: run packaging/completions/generate"
done
for shell in bash zsh fish; do
  file=$(case $shell in bash) echo trm ;; zsh) echo _trm ;; fish) echo trm.fish ;; esac)
  if command -v $shell >/dev/null; then
    $shell -n "$file" || fail "$shell -n $file"
    checks=$((checks + 1))
  else
    echo "note: $shell is absent; its completion is compared, not parsed"
  fi
done
refuse 2 'bash, zsh or fish' "$TRM" help --completion tcsh
refuse 2 'bash, zsh or fish' "$TRM" help --completion

# Every option of every man page, in the lines of its command.
options=0
while read -r command; do
  # shellcheck disable=SC2086 # the name is one or two words
  for option in $("$TRM" help --man $command | sed -n 's/\\-/-/g; s/^\\fB\(--[^ ]*\)\\fR.*/\1/p'); do
    options=$((options + 1))
    option=${option/\[no-\]/no-}
    grep -qE -- "^ *'$command'\) words='.* $option( |')" trm || fail "bash: trm $command has no $option"
    sed -n "/^    '$command')/,/;;/p" _trm | grep -qE -- "'$option[=[]" || fail "zsh: trm $command has no $option"
    grep "from ${command#* }[;']" trm.fish | grep -qE -- " -l ${option#--} " || fail "fish: trm $command has no $option"
  done
done < <(sed -n 's/^\\fBtrm\\-\(.*\)\\fR(1)$/\1/p' "$TRM_SOURCE_DIR/man/trm.1" | sed 's/\\-/ /g')
[ "$options" -ge 150 ] || fail "only $options options were looked for"

# completes EXPECTED WORD...: what bash offers for the last of these words, sorted.
completes() {
  local expected=$1 found
  shift
  found=$(bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _trm 2>/dev/null
    printf "%s\n" "${COMPREPLY[@]}" | sort | tr "\n" " "' bash ./trm "$@")
  checks=$((checks + 1))
  [ "${found% }" = "$expected" ] || fail "bash completes \"$*\" with \"${found% }\", expected \"$expected\""
}
touch puzzle.txt
completes 'data doctor' trm d
completes 'solve' trm so
completes 'serve solve sudoku' trm s
completes 'check hint new rate' trm sudoku ''
completes 'arc augment check export import info make show' trm data ''
completes 'make' trm data m
completes '--H-cycles' trm train --H
completes '--lr --lr-min-ratio --lr-warmup-steps' trm train --lr
completes 'learned' trm train --pos-encodings l
completes 'learned' trm train --pos-encodings = l
completes 'none' trm train DATA --pos-encodings n
completes 'sudoku-mlp sudoku-mlp-cgar sudoku-mlp-eqr sudoku-mlp-fast sudoku-mlp-wta' trm train --preset sudoku-m
completes 'bfloat16' trm convert m -o x --dtype b
completes '' trm train --steps 3
completes 'puzzle.txt' trm solve puz
completes 'puzzle.txt' trm data import puz
done_testing
