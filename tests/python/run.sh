#!/bin/bash
# Runs a test of the Python package with a Python that has NumPy, against the library of the build folder: run.sh FILE.
# Exit status 77, with the reason, where something is not there.
set -u
: "${TRM_SOURCE_DIR:?}" "${TRM_LIBRARY:?}" "${TRM:?}"
if [ -n "${TRM_SANITIZE:-}" ]; then
  echo "skipped: a library built for a sanitizer cannot be loaded into Python"
  exit 77
fi
# Debian's packages are for its own Python, which need not be the first on PATH; of two with NumPy the one with PyTorch is
# taken for tests of it.
wanted="numpy"
grep -q "torch_network" "$1" && wanted="torch, numpy"
for modules in "$wanted" numpy; do
  for python in python3 /usr/bin/python3; do
    "$python" -c "import $modules" 2>/dev/null && break 2
    python=
  done
done
if [ -z "$python" ]; then
  echo "skipped: NumPy is not there (tools/setup --python)"
  exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/trm-python-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export PYTHONPATH=$TRM_SOURCE_DIR/python:$TRM_SOURCE_DIR/tests/python PYTHONDONTWRITEBYTECODE=1 TRM_THREADS=2
export TRM_LIBRARY TRM TRM_MODELS=$TRM_SOURCE_DIR/models PYTHON=$python
case $1 in
*.sh) bash "$1" ;;
*) "$python" "$1" ;;
esac
