#!/bin/bash
# tools/setup --peers: installs each folder's packages of npm once, begins one again that was broken off or whose lock file
# has changed, and with --check only says what is missing. npm is a program of the test's own; nothing is downloaded.
source "$(dirname "$0")/support.bash"
"$TRM_SOURCE_DIR/tools/setup" --server --check 2>/dev/null || { echo "skipped: tools/setup --server has something to install"; exit 77; }
mkdir -p tools tests/clients/mcp bin
cp "$TRM_SOURCE_DIR/tools/setup" tools
for folder in clients clients/mcp; do cp "$TRM_SOURCE_DIR/tests/$folder/package-lock.json" tests/$folder; done
cat >bin/npm <<'SH'
#!/bin/sh
[ "$1 $2" = "ci --prefix" ] || exit 9
echo "$3" >>calls
mkdir -p "$3/node_modules" && [ ! -e fail ]
SH
printf '#!/bin/sh\n' >bin/node
chmod +x bin/*
PATH=$PWD/bin:$PATH
unset TRM_SETUP
: >calls
calls() { # COUNT: of npm, since the last look
  checks=$((checks + 1))
  [ "$(wc -l <calls)" = "$1" ] || fail "npm ran for: $(cat calls 2>&1), expected $1 folders"
  : >calls
}
names() { # PATTERN: a line of standard error
  checks=$((checks + 1))
  grep -qE "$1" err || fail "standard error does not match /$1/"
}

run 1 tools/setup --peers --check
names '^missing: .*tests/clients/package-lock.json'
names '^missing: .*tests/clients/mcp/package-lock.json'
calls 0
touch fail
run 1 tools/setup --peers --yes # broken off in the first
calls 1
run 1 tools/setup --peers --check
names 'tests/clients/package-lock.json'
rm fail
run 0 tools/setup --peers --yes
calls 2
run 0 tools/setup --peers --check
run 0 tools/setup --peers --yes
calls 0
echo >>tests/clients/mcp/package-lock.json
refuse 1 'tests/clients/mcp/package-lock.json; tools/setup --peers' tools/setup --peers --check
run 0 tools/setup --peers --yes
calls 1
rm -r tests/clients/mcp/node_modules
run 0 tools/setup --server --yes # asks nothing of npm
calls 0
done_testing
