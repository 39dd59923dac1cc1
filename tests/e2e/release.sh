#!/bin/bash
# A release is made twice from one build, into two folders: the same bytes; what is in it runs, has no path of this machine, and is
# what the bill of materials and the checksums say. Two builds in two folders: tools/release --twice, before a release.
source "$(dirname "$0")/support.bash"
[ -z "${TRM_SANITIZE:-}" ] || { echo "a build for a sanitizer is not for releasing"; exit 77; }
git -C "$TRM_SOURCE_DIR" rev-parse HEAD >/dev/null 2>&1 || { echo "no checkout of git, of whose commit a release is made"; exit 77; }
run 0 "$TRM_SOURCE_DIR/tools/release" "$TRM_BUILD_DIR" one
sleep 1.1 # another time, another folder
mkdir -p deep/er
run 0 "$TRM_SOURCE_DIR/tools/release" "$TRM_BUILD_DIR" deep/er/two
[ "$(cd one && sha256sum -- *)" = "$(cd deep/er/two && sha256sum -- *)" ] || fail "two releases of one build differ"
(cd one && sha256sum -c --quiet SHA256SUMS) || fail "SHA256SUMS"
tar xzf one/trm-*-linux-*.tar.gz
tar xzf "$(ls one/trm-*.tar.gz | grep -v linux)"
top=$(ls -d trm-*-linux-*)
run 0 "./$top/bin/trm" solve 53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
! grep -rqa -- "$TRM_SOURCE_DIR/" "$top/bin" "$top/lib" "$top/libexec" || fail "a path of this machine in a program"
python3 - "$top" "$(ls -d trm-* | grep -v linux)" one/*.spdx.json <<'PY' || fail "the bill of materials"
import hashlib, json, os, sys
document = json.load(open(sys.argv[3], encoding="utf-8"))
assert document["spdxVersion"] == "SPDX-2.3" and document["documentNamespace"].startswith("https://")
identifiers = [x["SPDXID"] for x in document["packages"] + document["files"]]
assert len(identifiers) == len(set(identifiers))
related = {r["relatedSpdxElement"] for r in document["relationships"]}
assert related == set(identifiers), related ^ set(identifiers)
sums = {}
for f in document["files"]:
    sums.setdefault(f["SPDXID"].split("-")[2], {})[f["fileName"]] = f["checksums"][1]["checksumValue"]
for at, top in enumerate(sys.argv[1:3]):
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                found["./" + os.path.relpath(path, top)] = hashlib.sha256(open(path, "rb").read()).hexdigest()
    assert found == sums[str(at)], set(found.items()) ^ set(sums[str(at)].items())
names = [p["name"] for p in document["packages"]]
assert any(n.startswith("libjansson") for n in names) and any(n.startswith("libc.") for n in names), names
PY
run 1 "$TRM_SOURCE_DIR/tools/release" absent
grep -q "absent: no build" err || fail "a folder without a build"
SOURCE_DATE_EPOCH=1000000000 "$TRM_SOURCE_DIR/tools/release" "$TRM_BUILD_DIR" three >/dev/null || fail "SOURCE_DATE_EPOCH"
[ "$(tar tvzf "$(ls three/trm-*-linux-*.tar.gz)" | grep -c 2001-09-09)" -gt 20 ] || fail "SOURCE_DATE_EPOCH is not the time of the files"
done_testing
