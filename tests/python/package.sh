# The wheel: built from the source tree with this build's library in it, installed without a network into a clean
# environment, and used from there, where neither the tree nor TRM_LIBRARY is seen. FULL=1 builds the library as well, by
# CMake (minutes).
set -eu
unset PYTHONPATH
for module in venv pip setuptools wheel ensurepip; do
  if ! "$PYTHON" -c "import $module" 2>/dev/null; then
    echo "skipped: Python's $module is not there (tools/setup --python)"
    exit 77
  fi
done
cp -r "$TRM_SOURCE_DIR/python" tree # setuptools leaves things beside what it builds
rm -rf tree/build* tree/*.egg-info
if [ "${FULL:-}" = 1 ]; then
  for part in CMakeLists.txt cmake src include cli packaging models man bench; do ln -s "$TRM_SOURCE_DIR/$part" "$part"; done
else
  export TRM_PREBUILT=$TRM_LIBRARY
  ln -s "$TRM_SOURCE_DIR/models" models
fi
export TRM_BUNDLE=1
"$PYTHON" -m pip wheel -q --disable-pip-version-check --no-index --no-deps --no-build-isolation -w wheels ./tree
wheel=$(echo wheels/*.whl)
[[ $wheel == wheels/trm-*-py3-none-linux_*.whl ]] || { echo "FAILED: the wheel is called $wheel"; exit 1; }

"$PYTHON" -m venv --system-site-packages clean # NumPy is the system's
clean/bin/pip install -q --disable-pip-version-check --no-index "$wheel"
mkdir elsewhere
cat >elsewhere/use.py <<'PYTHON'
import os, sys
import trm
assert trm.__file__.startswith(sys.prefix) and trm.library_path().startswith(sys.prefix), (trm.__file__, trm.library_path())
assert os.path.exists(os.path.join(os.path.dirname(trm.__file__), "py.typed"))
solution = trm.solve("53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79")
assert solution.solved and trm.Model.find(81).path.startswith(sys.prefix)
with open("/proc/self/maps") as maps:
    jansson = [line.split()[-1] for line in maps if "libjansson" in line]
assert jansson and all(path.startswith(sys.prefix) for path in jansson), jansson
print(solution.answer)
PYTHON
found=$(env -u TRM_LIBRARY -u TRM_MODELS -C elsewhere ../clean/bin/python use.py)
[ "$found" = 534678912672195348198342567859761423426853791713924856961537284287419635345286179 ] ||
  { echo "FAILED: solved to $found"; exit 1; }
clean/bin/pip uninstall -q -y trm
if ls clean/lib/python3*/site-packages/trm 2>/dev/null; then
  echo "FAILED: files are left behind"
  exit 1
fi
echo "$wheel: built, installed, used, removed"
