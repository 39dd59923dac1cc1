# What the tests of several ranks share: data, a recipe, and looking at runs and processes. Skipped (77) without MPI.
# shellcheck disable=SC2034 # the recipe is for those who read this file
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${TRM_BUILD_DIR:?}" "${TRM_SOURCE_DIR:?}"
if [ ! -e "$TRM_BUILD_DIR/trm-mpi.so" ] || ! command -v mpirun >/dev/null; then
  echo "trm is built without MPI, or there is no mpirun (tools/setup --mpi)"
  exit 77
fi
export TRM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none # containers forbid the other one, and MPI says so each time
run 0 "$TRM" data make --size 4 --train 20 --test 6 --seed 3 --out d4 --quiet
recipe=(--preset sudoku-4x4 --hidden-size 16 --batch 9 --latent-noise 0.1 --lr-warmup-steps 2 --quiet)
plain=(d4 --valid d4 "${recipe[@]}" --steps 6 --save-every 3)

# same RUN: it ended with the bytes of the run of one process.
same() {
  local file
  for file in best last checkpoints/step-6/model checkpoints/step-6/optimizer checkpoints/step-6/carry; do
    cmp "alone/$file.safetensors" "$1/$file.safetensors" || fail "$1/$file.safetensors is not that of one process"
    checks=$((checks + 1))
  done
}

ranks_of() { # of the launcher with this process id
  local mpirun
  mpirun=$(pgrep -P "$1") && pgrep -P "$mpirun"
}

# when RUN STEP: the run has this checkpoint, or a later one.
when() {
  local i step
  for ((i = 0; i < 1200; i++)); do
    for step in "$1"/checkpoints/step-*; do
      [[ $step =~ step-([0-9]+)$ && ${BASH_REMATCH[1]} -ge $2 ]] && return
    done
    sleep 0.05
  done
  fail "no checkpoint $2 of $1 after a minute"
}
