#!/bin/bash
# The programs in docs/api compile without warnings against the public headers and libtrm.a, run, and print what their page
# says. A program is a block ```c with main() in it; what it prints is the block ```text behind it. Each runs in the folder
# of its page's name, which has models/ as the source tree has. Also: README's dozen lines and examples/solve.c.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}" "${TRM_BUILD_DIR:?}"
if [ -n "${TRM_SANITIZE:-}" ]; then
  echo "a library built for a sanitizer is not linked into programs without one"
  exit 77
fi
# What libtrm.a wants besides itself, as the installed trm.pc will say.
export PKG_CONFIG_PATH=$TRM_BUILD_DIR${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
# shellcheck disable=SC2207 # words are meant
libraries=("$TRM_BUILD_DIR/libtrm.a" $(pkg-config --static --libs-only-other trm)
  $(pkg-config --static --libs-only-l trm | sed 's/-ltrm//'))

# compile SOURCE PROGRAM
compile() {
  run 0 cc -std=c17 -Wall -Wextra -Werror -I"$TRM_SOURCE_DIR/include" "$1" -o "$2" "${libraries[@]}"
}

# Writes NAME-1.c and NAME-1.expected, NAME-2.c, ... of a page, and prints how many.
cat >extract.py <<'PYTHON'
import re, sys
page, name = sys.argv[1:]
blocks = re.findall(r"^```(\w*)\n(.*?)^```$", open(page, encoding="utf-8").read(), re.M | re.S)
count = 0
for i, (kind, code) in enumerate(blocks):
    if kind != "c" or not re.search(r"^int main\(", code, re.M):
        continue
    count += 1
    if i + 1 == len(blocks) or blocks[i + 1][0] != "text":
        sys.exit(f"{page}: no ```text block behind program {count} says what it prints")
    open(f"{name}-{count}.c", "w", encoding="utf-8").write(code)
    open(f"{name}-{count}.expected", "w", encoding="utf-8").write(blocks[i + 1][1])
print(count)
PYTHON

for header in "$TRM_SOURCE_DIR"/include/trm/*.h; do
  name=$(basename "$header" .h)
  page=$TRM_SOURCE_DIR/docs/api/$name.md
  [ -e "$page" ] || fail "trm/$name.h has no page docs/api/$name.md"
  count=$(python3 extract.py "$page" "$name") || fail "docs/api/$name.md"
  [ "$count" -gt 0 ] || fail "docs/api/$name.md has no program"
  for i in $(seq "$count"); do
    compile "$name-$i.c" "$work/$name-$i"
    mkdir "folder-$name-$i"
    ln -s "$TRM_SOURCE_DIR/models" "folder-$name-$i/models"
    run 0 env -C "folder-$name-$i" "$work/$name-$i"
    diff -u "$name-$i.expected" out >difference || fail "docs/api/$name.md: program $i prints something else: $(cat difference)"
  done
done

puzzle=53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
solution=534678912672195348198342567859761423426853791713924856961537284287419635345286179
compile "$TRM_SOURCE_DIR/examples/solve.c" "$work/solve"
run 0 "$work/solve" "$TRM_SOURCE_DIR/models/sudoku-9x9.safetensors" $puzzle
says "^$solution$"

# The block of README is the inside of a program: its puzzle and its model are the shipped one's here.
python3 - "$TRM_SOURCE_DIR/README.md" "$TRM_SOURCE_DIR/models" $puzzle >readme.c <<'PYTHON' || fail "README.md has no block in C"
import re, sys
readme, models, puzzle = sys.argv[1:]
block = re.search(r"^```c\n(.*?)^```$", open(readme, encoding="utf-8").read(), re.M | re.S).group(1)
block = block.replace("best.safetensors", f"{models}/sudoku-9x9.safetensors")
print("#include <stdio.h>\n#include <string.h>\n#include <trm/solve.h>\n\nint main(void) {\n"
      f'const char *puzzle = "{puzzle}";\n{block}\nreturn 0;\n}}')
PYTHON
run 0 cc -std=c17 -Wall -Wextra -Werror -Wno-misleading-indentation -I"$TRM_SOURCE_DIR/include" readme.c -o readme "${libraries[@]}"
run 0 ./readme
says "^$solution$"
# A contradiction in the clues: no answer keeps the rules, and both say so and fail.
bad=55$(printf '%.0s.' $(seq 79))
sed "s/\"53\.[^\"]*\"/\"$bad\"/" readme.c >readme-bad.c
grep -q "$bad" readme-bad.c || fail "the puzzle of README was not replaced"
run 0 cc -std=c17 -I"$TRM_SOURCE_DIR/include" readme-bad.c -o readme-bad "${libraries[@]}"
run 1 ./readme-bad
[ ! -s out ] || fail "README: an answer that breaks the rules was printed: $(cat out)"
run 1 "$work/solve" "$TRM_SOURCE_DIR/models/sudoku-9x9.safetensors" "$bad"
[ ! -s out ] || fail "examples/solve.c: an answer that breaks the rules was printed: $(cat out)"
done_testing
