#!/bin/bash
# The Debian packages: built, looked at by lintian, installed into a clean root, used as a stranger would, and purged
# without a trace. The root has what the packages say they depend on and what its user brings, a compiler and pkg-config.
set -eu
: "${TRM_SOURCE_DIR:?}" "${TRM_BUILD_DIR:?}"
skip() {
  echo "skipped: $*"
  exit 77
}
fail() {
  echo "packages: $*" >&2
  exit 1
}
[ -z "${TRM_SANITIZE:-}" ] || skip "a build for a sanitizer is not for packages"
for tool in dpkg-buildpackage dh dh_python3 lintian unshare; do
  command -v $tool >/dev/null || skip "$tool is not there (tools/setup --test)"
done
[ "$(id -u)" = 0 ] && apart="unshare" || apart="unshare --map-root-user" # a clean root needs folders mounted
$apart --mount --pid --fork true 2>/dev/null || skip "this user may not make a root of its own (unshare)"
work=$(mktemp -d "${TMPDIR:-/tmp}/trm-packages-XXXXXX")
trap 'rm -rf "$work"' EXIT

"$TRM_SOURCE_DIR/tools/make_deb" "$TRM_BUILD_DIR" 2 >"$work/debs" || fail "tools/make_deb"
version=$(sed -n 's/^project(trm VERSION \([0-9.]*\).*/\1/p' "$TRM_SOURCE_DIR/CMakeLists.txt")
machine=$(dpkg --print-architecture)
expected="libtrm-dev_${version}_$machine.deb libtrm${version%.*}_${version}_$machine.deb python3-trm_${version}_all.deb trm-server_${version}_$machine.deb trm_${version}_$machine.deb"
found=$(sed 's|.*/||' "$work/debs" | LC_ALL=C sort | xargs)
[ "$found" = "$expected" ] || fail "found $found, expected $expected"
mapfile -t debs <"$work/debs"
lintian --allow-root --fail-on error "${debs[@]}" >"$work/lintian" 2>&1 || fail "lintian: $(cat "$work/lintian")"
find "$TRM_SOURCE_DIR/packaging" -name '*lintian-overrides*' | grep -q . && fail "overrides hide what lintian finds"
for deb in "${debs[@]}"; do
  ! dpkg-deb --fsys-tarfile "$deb" | grep -qaF "$TRM_SOURCE_DIR/src/" || fail "$deb names the folder it was built from"
done

root=$work/root
mkdir "$root"
python3 "$TRM_SOURCE_DIR/tests/e2e/debian_root.py" "$root" "${debs[@]}" -- gcc libc6-dev pkg-config || exit $?
mkdir "$root/debs"
cp "${debs[@]}" "$root/debs"

cat >"$root/check" <<'INSIDE'
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TRM_THREADS=2
puzzle=53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
solved=534678912672195348198342567859761423426853791713924856961537284287419635345286179
fail() {
  echo "packages: inside: $*" >&2
  exit 1
}
files() { # but for dpkg's notes and the loader's list, which is made anew
  find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /debs -o -path /var/lib/dpkg -o -path "/var/cache/*" \
    -o -path '/var/log/*' \) -prune -o -print | sort
}
ldconfig
files >/tmp/before
dpkg -i /debs/libtrm0.1_*.deb >/tmp/log 2>&1 || fail "the library alone: $(cat /tmp/log)"
! dpkg -i /debs/python3-trm_*.deb >/tmp/log 2>&1 || fail "python3-trm came without the models that it solves with"
dpkg -i /debs/*.deb >/tmp/log 2>&1 || fail "dpkg -i: $(cat /tmp/log)"
[ -z "$(dpkg --audit)" ] || fail "dpkg --audit: $(dpkg --audit)"
dpkg --verify trm trm-server libtrm0.1 libtrm-dev python3-trm >/tmp/log || fail "dpkg --verify: $(cat /tmp/log)"
cd /tmp

[ "$(trm solve $puzzle --json | tr -d ' \n' | grep -c "\"answer\":\"$solved\"")" = 1 ] || fail "trm solve: $(trm solve $puzzle --json)"
trm doctor >/dev/null || fail "trm doctor"
for page in trm.1 trm-solve.1 trm-data-import.1 trm.3; do
  zcat /usr/share/man/man${page##*.}/$page.gz | grep -q '^\.TH' || fail "man page $page"
done
words=$(bash -c 'source /usr/share/bash-completion/completions/trm; COMP_WORDS=(trm sol); COMP_CWORD=1; _trm 2>/dev/null; echo "${COMPREPLY[*]}"')
[ "$words" = solve ] || fail "bash completes \"trm sol\" to \"$words\""
[ -s /usr/share/zsh/vendor-completions/_trm ] && [ -s /usr/share/fish/vendor_completions.d/trm.fish ] || fail "completions"
for package in trm trm-server libtrm0.1 libtrm-dev python3-trm; do
  grep -q '^License: Expat' /usr/share/doc/$package/copyright || fail "$package has no copyright file"
done

trm serve --listen unix:/tmp/trm.sock --data-dir /tmp/state --log json 2>/tmp/serving &
server=$!
python3 - "$puzzle" "$solved" <<'PY' || fail "trm serve: $(cat /tmp/serving)"
import json, socket, sys, time
for _ in range(300):
    try:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect("/tmp/trm.sock")
        body = json.dumps({"puzzle": sys.argv[1]})
        s.sendall(f"POST /v1/solve HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        if answer.startswith("HTTP/1.1 200"):
            sys.exit(sys.argv[2] not in answer)
    except OSError:
        pass
    time.sleep(0.1)
sys.exit("it never answered with 200")
PY
kill $server
wait $server || fail "trm serve ended with $?"

cp /usr/share/doc/libtrm-dev/examples/solve.c .
gcc -std=c17 -Wall -Werror -o shared solve.c $(pkg-config --cflags --libs trm) || fail "pkg-config"
ldd ./shared | grep -q 'libtrm.so.0.1 => /' || fail "the program does not use the packaged library"
gcc -std=c17 -Wall -Werror -static -o static solve.c $(pkg-config --cflags --libs --static trm) || fail "pkg-config --static"
for program in shared static; do
  [ "$(./$program /usr/share/trm/models/sudoku-9x9.safetensors $puzzle)" = $solved ] || fail "$program"
done

[ "$(python3 -c "import trm; print(trm.solve('$puzzle').answer)")" = $solved ] || fail "python3-trm"
python3 -c 'import importlib.metadata as m, trm; assert m.version("trm") == trm.__version__' || fail "the package's version"
mkdir -p /share/trm/models # beside the folder at work, which is not where the library is
python3 -c 'import trm; assert trm.model_folders() == ["/usr/share/trm/models"], trm.model_folders()' || fail "folders of models"
rm -r /share
[ -n "$(ls /usr/lib/python3/dist-packages/trm/__pycache__)" ] || fail "python3-trm was not compiled to byte code"

dpkg --purge python3-trm libtrm-dev trm-server trm libtrm0.1 >/tmp/log 2>&1 || fail "dpkg --purge: $(cat /tmp/log)"
! grep -q '^Package: .*trm' /var/lib/dpkg/status || fail "dpkg still has notes of a package"
files >/tmp/after
diff /tmp/before /tmp/after >/tmp/log || fail "purged, but files remain or are gone: $(cat /tmp/log)"
INSIDE
mount_and_check='
mount --make-rprivate /
for device in null zero urandom; do
  : >"$0/dev/$device"
  mount --bind "/dev/$device" "$0/dev/$device"
done
mount -t proc proc "$0/proc"
ln -s /proc/self/fd "$0/dev/fd"
exec chroot "$0" /bin/bash /check'
$apart --mount --pid --fork sh -ec "$mount_and_check" "$root" || fail "the packages do not do in a clean root what they should"
echo "packages: built, without errors of lintian, installed, used, purged"
