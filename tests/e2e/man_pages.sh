#!/bin/bash
# The man pages in the repository are what the program generates, man reads them without warnings, and --help works for
# every command.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}"
sh "$TRM_SOURCE_DIR/man/generate" "$TRM" "$work" || fail "man/generate"
for page in "$TRM_SOURCE_DIR"/man/*.1; do
  name=$(basename "$page")
  cmp "$page" "$name" || fail "$name differs: run man/generate"
  rm "$name"
done
for page in *.1; do [ -e "$page" ] && fail "$page is not in man/"; done
if command -v man >/dev/null; then
  for page in "$TRM_SOURCE_DIR"/man/*.[13]; do
    warnings=$(MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null)
    [ -z "$warnings" ] || fail "$page: $warnings"
    checks=$((checks + 1))
  done
else
  echo "note: man is absent; the pages are compared but not read"
fi
run 0 "$TRM" --help
[ "$(wc -l <out)" -le 24 ] || fail "--help does not fit a screen"
awk 'length > 80 { exit 1 }' out || fail "--help is wider than 80 columns"
commands=0
while read -r name; do
  commands=$((commands + 1))
  # shellcheck disable=SC2086 # the name is one or two words
  run 0 "$TRM" $name --help
  says "^usage: trm $name"
  says '^Examples:'
  awk 'length > 80 { exit 1 }' out || fail "$name --help is wider than 80 columns"
  [ "$(wc -l <out)" -le 24 ] || fail "$name --help has $(wc -l <out) lines, more than a screen"
  says "^All [0-9]+ options, and more: trm $name --help=all"
  # shellcheck disable=SC2086
  run 0 "$TRM" $name --help=all
  says "^usage: trm $name"
  awk 'length > 80 { exit 1 }' out || fail "$name --help=all is wider than 80 columns"
  # shellcheck disable=SC2086
  for option in $("$TRM" help --man $name | sed -n 's/\\-/-/g; s/^\\fB\(--[^ ]*\)\\fR.*/\1/p'); do
    grep -qF -- "  $option" out || fail "$name --help=all has no $option"
  done
done < <(sed -n 's/^\\fBtrm\\-\(.*\)\\fR(1)$/\1/p' "$TRM_SOURCE_DIR/man/trm.1" | sed 's/\\-/ /g')
[ "$commands" -ge 12 ] || fail "man/trm.1 lists $commands commands"
refuse 2 'did you mean --help' "$TRM" solve --help=none
run 0 "$TRM" --version
says '^trm [0-9]+\.[0-9]+\.[0-9]+$'
done_testing
