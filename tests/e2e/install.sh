#!/bin/bash
# Installs to a temporary place and uses what is there as a stranger would: a ten-line program built with pkg-config and
# with CMake's find_package, against the shared and the static library; and looks at what the shared library shows, how large
# everything is, and that nothing names a folder of the machine that built it.
set -eu
if [ -n "${TRM_SANITIZE:-}" ]; then
  echo "a library built for a sanitizer is not for installing"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "install: $*" >&2
  exit 1
}

DESTDIR=$work/stage cmake --install "$TRM_BUILD_DIR" --prefix /opt/trm --strip >"$work/log" ||
  fail "cmake --install: $(tail -3 "$work/log")"
mv "$work/stage/opt/trm" "$work/moved" # what is installed may be moved
prefix=$work/moved
libdir=$(dirname "$(find "$prefix" -name libtrm.so)")
for file in "$libdir/libtrm.so.0.1" "$libdir/libtrm.a" "$libdir/pkgconfig/trm.pc" "$libdir/cmake/trm/trmConfig.cmake" \
  "$prefix/include/trm/trm.h" "$prefix/bin/trm"; do
  [ -e "$file" ] || fail "$file is not installed"
done
# Bytes at most, without kernels for GPUs; debug information alone is several times as much.
most() {
  [ "$(stat -L -c %s "$2")" -le "$1" ] || fail "$2 has $(stat -L -c %s "$2") bytes, more than $1"
}
if ! grep -qE '^TRM_CUDA:[A-Z]+=(ON|1)$' "$TRM_BUILD_DIR/CMakeCache.txt"; then
  # With what reads and writes checkpoints of PyTorch, which the library offers and the program uses, judges, ARC, and ranks.
  most 1280000 "$prefix/bin/trm"
  most 1100000 "$libdir/libtrm.so"
  most 2400000 "$libdir/libtrm.a" # a section for each function: larger, but programs take only what they call
fi
for file in "$prefix/bin/trm" "$libdir/libtrm.so" "$libdir/libtrm.a"; do
  ! readelf -SW "$file" | grep -q '\.debug_' || fail "$file has debug information"
done

# nowhere FOLDER: no file names it or what is in it.
nowhere() {
  local named
  named=$(grep -rlF -e "$1" "$prefix" || true)
  [ -z "$named" ] || fail "$1 is named in $named"
}
nowhere "$TRM_BUILD_DIR"
nowhere "$TRM_SOURCE_DIR/src"
nowhere "$TRM_SOURCE_DIR/cli"
nowhere "$TRM_SOURCE_DIR/include"
nowhere /opt/trm
toolkit=$(awk -F= '/^TRM_CUDART:/ { print $2 }' "$TRM_BUILD_DIR/CMakeCache.txt")
[ -z "$toolkit" ] || nowhere "${toolkit%/lib*}/"

readelf -d "$libdir/libtrm.so" | grep -q 'soname: \[libtrm.so.0.1\]' || fail "soname is not libtrm.so.0.1"
strangers=$(nm -D --defined-only "$libdir/libtrm.so" | awk '{print $3}' | grep -v '^trm_[^_]' || true)
[ -z "$strangers" ] || fail "the library shows more than its public names: $strangers"
for page in "$TRM_SOURCE_DIR"/man/*.[13]; do
  [ -e "$page" ] || continue
  [ -e "$prefix/share/man/man${page##*.}/$(basename "$page")" ] || fail "$(basename "$page") is not installed"
done
for file in bash-completion/completions/trm zsh/site-functions/_trm fish/vendor_completions.d/trm.fish; do
  [ -s "$prefix/share/$file" ] || fail "$file is not installed"
done
for model in "$TRM_SOURCE_DIR"/models/*.safetensors "$TRM_SOURCE_DIR"/models/*.json; do
  [ -e "$model" ] || continue
  [ -e "$prefix/share/trm/models/$(basename "$model")" ] || fail "$(basename "$model") is not installed"
done
for file in "$TRM_SOURCE_DIR"/{LICENSE,README.md,CHANGELOG.md,examples/*.*}; do
  cmp -s "$file" "$prefix/share/doc/trm/${file#"$TRM_SOURCE_DIR"/}" || fail "$file is not installed"
done
"$prefix/bin/trm" --version | grep -q '[0-9]' || fail "the installed program does not run"

cat >"$work/use.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <trm/model.h>
#include <trm/trm.h>

int main(void) {
  trm_model_config config = trm_model_config_default();
  printf("libtrm %s, hidden size %lld\n", trm_version(), (long long)config.hidden_size);
  return strcmp(trm_version(), "0.1.0") || config.hidden_size <= 0;
}
C
# Every public header compiles alone, as C and as C++, under strict warnings.
for header in "$prefix"/include/trm/*.h; do
  echo "#include <trm/$(basename "$header")>" >"$work/alone.c"
  cc -std=c17 -Wall -Wextra -Wpedantic -Werror -I"$prefix/include" -fsyntax-only "$work/alone.c" || fail "$header alone"
  ! command -v c++ >/dev/null || c++ -x c++ -Wall -Wextra -Werror -I"$prefix/include" -fsyntax-only "$work/alone.c" ||
    fail "$header as C++"
done

export PKG_CONFIG_PATH=$libdir/pkgconfig
[ "$(pkg-config --modversion trm)" = 0.1.0 ] || fail "pkg-config does not know the version"
# shellcheck disable=SC2046 # words are meant
cc -std=c17 -o "$work/shared" "$work/use.c" $(pkg-config --cflags --libs trm) || fail "pkg-config"
LD_LIBRARY_PATH=$libdir "$work/shared" || fail "program of pkg-config"
# Where the loader does not look, a program names the folder, or goes with the library wherever that goes; trm needs neither.
mkdir -p "$work/apart/bin"
# shellcheck disable=SC2046
cc -std=c17 -o "$work/named" "$work/use.c" $(pkg-config --cflags --libs trm) "-Wl,-rpath,$(pkg-config --variable=libdir trm)"
env -u LD_LIBRARY_PATH "$work/named" || fail "a program that names the library's folder"
# shellcheck disable=SC2046
cc -std=c17 -o "$work/apart/bin/use" "$work/use.c" $(pkg-config --cflags --libs trm) "-Wl,-rpath,\$ORIGIN/../lib"
cp -r "$libdir" "$work/apart/lib"
mv "$work/apart" "$work/moved-again"
env -u LD_LIBRARY_PATH "$work/moved-again/bin/use" || fail "a program that was moved together with the library"
! readelf -d "$prefix/bin/trm" | grep -qE 'libtrm|R(UN)?PATH' || fail "the program wants a library of a certain place"
puzzle=53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
env -i "$prefix/bin/trm" solve $puzzle --json | grep -q '"correct":true' || fail "the installed program does not solve with its models"
# shellcheck disable=SC2046
cc -std=c17 -o "$work/static" "$work/use.c" $(pkg-config --cflags trm) "$libdir/libtrm.a" \
  $(pkg-config --static --libs-only-other trm) $(pkg-config --static --libs-only-l trm | sed 's/-ltrm//') || fail "static library"
"$work/static" || fail "program of the static library"

# Where only the archive is there, pkg-config --static alone says what a program needs.
cp -r "$prefix" "$work/archive"
rm "$work/archive/${libdir#"$prefix"/}"/libtrm.so*
# shellcheck disable=SC2046
PKG_CONFIG_PATH=$work/archive/${libdir#"$prefix"/}/pkgconfig sh -c 'cc -std=c17 -o "$0" "$1" $(pkg-config --cflags --libs --static trm)' \
  "$work/alone" "$work/use.c" || fail "pkg-config --static"
"$work/alone" || fail "program of pkg-config --static"

mkdir "$work/project"
cp "$work/use.c" "$work/project"
cat >"$work/project/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.22)
project(use LANGUAGES C)
find_package(trm 0.1 REQUIRED)
add_executable(use_shared use.c)
target_link_libraries(use_shared trm::trm)
add_executable(use_static use.c)
target_link_libraries(use_static trm::static)
CMAKE
{ cmake -S "$work/project" -B "$work/project/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" &&
  cmake --build "$work/project/build"; } >"$work/log" || fail "find_package: $(tail -5 "$work/log")"
for program in use_shared use_static; do
  "$work/project/build/$program" || fail "$program of find_package"
done
echo "installed library works through pkg-config, CMake and statically"
