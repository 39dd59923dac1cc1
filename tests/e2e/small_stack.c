/* The library in threads with the stack that docs/api/trm.md asks for, and an inaccessible page below it: solving,
 * hints, training, data, files and plots, with all kernels that this machine has. The calling thread is one of the
 * workers. */
#include "support/check.h"

#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <trm/solve.h>
#include <trm/train.h>

#define STACK ((size_t)96 << 10)        /* what docs/api/trm.md says */
#define STACK_LARGE ((size_t)256 << 10) /* the same, of 16x16 Sudoku */
#define MODEL TRM_SOURCE_DIR "/models/sudoku-9x9.safetensors"
#define PAINT 0xa5

typedef trm_status (*job_fn)(const char *isa, trm_error *err);
typedef struct job {
  job_fn fn;
  const char *isa;
  trm_status status;
  trm_error err;
} job;

static void *job_main(void *context) {
  job *j = context;
  j->status = j->fn(j->isa, &j->err);
  return NULL;
}

/* Runs fn in a thread with so much stack, of which glibc takes a part for itself; says how much was touched. */
static void run_in(size_t stack, const char *name, job_fn fn, const char *isa) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), left = 0;
  unsigned char *map = mmap(NULL, stack + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_attr_t attributes;
  pthread_t thread;
  job j = {.fn = fn, .isa = isa};
  assert_true(map != MAP_FAILED);
  memset(map + page, PAINT, stack);
  assert_int_equal(mprotect(map, page, PROT_NONE), 0);
  assert_int_equal(pthread_attr_init(&attributes), 0);
  assert_int_equal(pthread_attr_setstack(&attributes, map + page, stack), 0);
  assert_int_equal(pthread_create(&thread, &attributes, job_main, &j), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  pthread_attr_destroy(&attributes);
  while (left < stack && map[page + left] == PAINT) left++;
  print_message("%-10s %-12s %3zu of %zu KiB\n", name, isa ? isa : "", (stack - left + 1023) / 1024, stack / 1024);
  munmap(map, stack + page);
  if (j.status) fail_msg("%s: %s: %s", name, j.err.where, j.err.message);
}

static trm_status open_runtime(trm_runtime **runtime, const char *isa, trm_error *err) {
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 2;
  config.isa = isa;
  return trm_runtime_open(runtime, &config, err);
}

/* -- jobs: what fails returns its status -----------------------------------------------------------------------------
 */

static trm_status job_make(const char *isa, trm_error *err) {
  (void)isa;
  trm_make_config config = trm_make_config_default();
  strcpy(config.out, "data");
  config.train = 40, config.test = 20, config.threads = 2;
  trm_status status = trm_data_make(&config, NULL, NULL, err);
  strcpy(config.out, "hard"); /* so hard that they are bred */
  config.train = config.test = 1, config.min_guesses = 20;
  return status ? status : trm_data_make(&config, NULL, NULL, err);
}

static trm_status job_make_16(const char *isa, trm_error *err) {
  (void)isa;
  trm_make_config config = trm_make_config_default();
  strcpy(config.out, "data16");
  config.side = 16, config.train = 1, config.test = 0, config.threads = 2;
  return trm_data_make(&config, NULL, NULL, err);
}

/* An empty grid takes more guesses, one inside the other, than any puzzle. */
static trm_status job_sudoku(const char *isa, trm_error *err) {
  (void)isa;
  static const uint8_t empty[81];
  trm_sudoku_result r = trm_sudoku_solve(9, empty, 100, NULL);
  err->code = r.solutions == 100 && trm_sudoku_invariant(9, empty) ? TRM_OK : TRM_E_INTERNAL;
  return err->code;
}

static trm_status job_sudoku_16(const char *isa, trm_error *err) {
  (void)isa;
  static const uint8_t empty[256];
  trm_sudoku_result r = trm_sudoku_solve(16, empty, 1, NULL);
  err->code = r.solutions == 1 ? TRM_OK : TRM_E_INTERNAL;
  return err->code;
}

/* A puzzle that was bred, and an empty grid, whose two solutions differ everywhere: what is wrong, hint, rating. */
static trm_status job_hints(int size, int64_t guesses, trm_error *err) {
  static _Thread_local int32_t question[256], answer[256];
  static const uint8_t empty[256];
  uint8_t marks[256];
  trm_task task = trm_task_sudoku(size);
  trm_hint_result hint;
  trm_wanted wanted = trm_wanted_default();
  wanted.min_guesses = guesses;
  trm_status status = trm_generate(&task, 1, 1, &wanted, question, answer, err);
  if (!status) status = trm_hint(NULL, &task, question, &hint, err);
  for (int i = 0; i < size * size; i++) question[i] = 1;
  trm_task_finding found = trm_task_inspect(&task, question, 0, marks);
  if (!status && (found.solutions != 2 || trm_sudoku_rate(size, empty).solutions != 2))
    err->code = status = TRM_E_INTERNAL;
  return status;
}

static trm_status job_hint(const char *isa, trm_error *err) {
  (void)isa;
  return job_hints(9, 20, err);
}

static trm_status job_hint_16(const char *isa, trm_error *err) {
  (void)isa;
  return job_hints(16, 1, err);
}

static trm_status job_data(const char *isa, trm_error *err) {
  (void)isa;
  trm_import_config config = trm_import_config_default();
  trm_check_report report;
  strcpy(config.input, "maze.csv");
  strcpy(config.out, "mazes");
  config.augment = 3;
  trm_status status = trm_data_check("data", &report, NULL, NULL, err);
  return status ? status : trm_data_import(&config, NULL, NULL, NULL, err);
}

static trm_status job_solve(const char *isa, trm_error *err) {
  static const trm_solver_dtype types[] = {TRM_SOLVE_FLOAT32, TRM_SOLVE_BFLOAT16, TRM_SOLVE_INT8};
  trm_runtime *runtime = NULL;
  trm_model *model = NULL;
  trm_dataset *dataset = NULL;
  trm_eval_result result;
  trm_status status = open_runtime(&runtime, isa, err);
  if (!status) status = trm_model_open(&model, MODEL, err);
  if (!status) status = trm_dataset_open(&dataset, "data", "test", NULL, err);
  for (size_t i = 0; i < sizeof types / sizeof *types && !status; i++) {
    trm_solver *solver = NULL;
    trm_solver_config config = trm_solver_config_default();
    config.dtype = (int)types[i];
    config.max_steps = 2;
    status = trm_solver_open(&solver, runtime, model, &config, err);
    if (!status) status = trm_evaluate(solver, dataset, 8, &result, NULL, NULL, err);
    trm_solver_close(&solver);
  }
  trm_dataset_close(&dataset);
  trm_model_close(&model);
  trm_runtime_close(&runtime);
  return status;
}

/* Mixer and attention, Muon and the others, bf16 where the kernels have it. */
static trm_status job_train(const char *isa, trm_error *err) {
  trm_runtime *runtime = NULL;
  trm_status status = open_runtime(&runtime, isa, err);
  for (int kind = 0; kind < 4 && !status; kind++) {
    trm_model_config model = trm_model_config_default();
    trm_train_config train = trm_train_config_default();
    const char *const overrides[] = {"steps", "3"};
    model.hidden_size = 64, model.num_heads = 4, model.L_layers = 1, model.H_cycles = 2, model.L_cycles = 1;
    model.mlp_t = kind % 2;
    model.forward_dtype = kind / 2 ? TRM_BFLOAT16 : TRM_FLOAT32;
    model.puzzle_emb_ndim = 64;
    strcpy(train.data, "data");
    strcpy(train.valid, "data");
    snprintf(train.run, sizeof train.run, "run-%.20s-%d", isa, kind);
    train.batch = 8, train.steps = 2, train.eval_limit = 4, train.log_every = 1;
    train.optimizer = kind < 2 ? TRM_MUON : TRM_ADAM_ATAN2;
    train.puzzle_emb_lr = 1e-3;
    status = trm_train_start(runtime, &model, &train, NULL, NULL, NULL, err);
    if (!status) status = trm_train_resume(runtime, train.run, overrides, 1, NULL, NULL, NULL, err);
  }
  trm_runtime_close(&runtime);
  return status;
}

static trm_status job_files(const char *isa, trm_error *err) {
  (void)isa;
  trm_model *model = NULL;
  trm_model_conversion what = trm_model_conversion_default();
  const char *const runs[] = {"run-ref-0", "run-ref-1"};
  what.weights = TRM_WEIGHTS_BFLOAT16;
  what.card = "{\"a\": [1, {\"b\": [[[[[[[[2]]]]]]]]}]}";
  trm_status status = trm_model_open(&model, "run-ref-0/last.safetensors", err);
  if (!status) status = trm_model_convert(model, "bf16.safetensors", &what, err);
  if (!status) status = trm_model_quantize(model, "int8.safetensors", err);
  trm_model_close(&model);
  return status ? status : trm_plot(runs, 2, TRM_PLOT_SMOOTH, "curves.svg", err);
}

/* -- the test --------------------------------------------------------------------------------------------------------
 */

/* Four mazes of 30 x 30 without walls, their paths along two edges. */
static void write_mazes(void) {
  FILE *file = fopen("maze.csv", "w");
  assert_non_null(file);
  fprintf(file, "question,answer\n");
  for (int m = 0; m < 4; m++) {
    char q[901], a[901];
    memset(q, ' ', 900);
    q[900] = 0;
    q[31 * m] = 'S', q[899] = 'G', q[450 + m] = '#';
    memcpy(a, q, sizeof q);
    for (int c = m + 1; c < 30; c++) a[30 * m + c] = 'o';
    for (int r = m + 1; r < 29; r++) a[30 * r + 29] = 'o';
    fprintf(file, "%s,%s\n", q, a);
  }
  assert_int_equal(fclose(file), 0);
}

static void small_stacks_are_enough(void **state) {
  (void)state;
  char dir[64], before[PATH_MAX], names[128];
  trm_runtime *runtime = NULL;
  trm_error err = {0};
  CHECK_OK(open_runtime(&runtime, NULL, &err), err);
  strcpy(names, trm_runtime_describe(runtime).available);
  trm_runtime_close(&runtime);
  check_temp_dir(dir);
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(dir), 0);
  write_mazes();
  run_in(STACK, "make", job_make, NULL);
  run_in(STACK, "sudoku", job_sudoku, NULL);
  run_in(STACK, "hint", job_hint, NULL);
  run_in(STACK, "data", job_data, NULL);
  for (char *rest = names, *isa; (isa = strtok_r(rest, " ", &rest));) {
    run_in(STACK, "solve", job_solve, isa);
    run_in(STACK, "train", job_train, isa);
  }
  run_in(STACK, "files", job_files, NULL);
  run_in(STACK_LARGE, "sudoku 16", job_sudoku_16, NULL);
  run_in(STACK_LARGE, "make 16", job_make_16, NULL);
  run_in(STACK_LARGE, "hint 16", job_hint_16, NULL);
  assert_int_equal(chdir(before), 0);
  check_remove(dir);
}

int main(void) {
  if (CHECK_SANITIZER) {
    puts("skipped: sanitizers make frames larger");
    return 77;
  }
  const struct CMUnitTest tests[] = {cmocka_unit_test(small_stacks_are_enough)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
