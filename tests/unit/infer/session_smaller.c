/* Sessions of mazes that are smaller than the model's grid: every step is that of the framed maze, everything that is
 * taken and told is of the maze's own cells, and so it is after a file. */
#include "unit/infer/session_support.h"

#include "base/os/file.h"

enum { WIDTH = 3, HEIGHT = 2, OWN = WIDTH * HEIGHT, SHAPE_AT = 112 };

static const char *const maze_4x4 = "{\"kind\": \"maze\", \"width\": 4, \"height\": 4, \"box_width\": 0, "
                                    "\"box_height\": 0, \"vocab_size\": 6, \"alphabet\": \"# SGo\"}";
static const int32_t tokens[OWN] = {3, 2, 4, 2, 2, 1}; /* "S G", "  #" */

typedef struct setup {
  fixture f;
  trm_solver *solver;
  trm_task task, grid;
  trm_session *session;
  trm_error err;
} setup;

static void setup_open(setup *t) {
  memset(t, 0, sizeof *t);
  fixture_open(&t->f, 1, 1, maze_4x4);
  t->solver = fixture_solver(&t->f, 1, 8, 0, 0);
  CHECK_OK(trm_solver_task(t->solver, &t->grid, &t->err), t->err);
  t->task = t->grid;
  t->task.width = WIDTH, t->task.height = HEIGHT;
  CHECK_OK(trm_session_open_task(&t->session, t->solver, &t->task, tokens, 0, &t->err), t->err);
}

static void setup_close(setup *t) {
  trm_session_close(&t->session);
  trm_solver_close(&t->solver);
  fixture_close(&t->f);
}

static void check_entries(const setup *t, const trm_session *whole, int64_t step) {
  trm_session_entry a, b;
  trm_error err = {0};
  int32_t own[OWN];
  CHECK_OK(trm_session_at(t->session, step, &a, &err), err);
  CHECK_OK(trm_session_at(whole, step, &b, &err), err);
  assert_memory_equal(&a.q, &b.q, sizeof a.q);
  trm_task_unframe(&t->task, &t->grid, b.question, own);
  assert_memory_equal(a.question, own, sizeof own);
  trm_task_unframe(&t->task, &t->grid, b.answer, own);
  assert_memory_equal(a.answer, own, sizeof own);
  for (int r = 0; r < HEIGHT; r++)
    for (int c = 0; c < WIDTH; c++) assert_true(a.confidence[r * WIDTH + c] == b.confidence[r * 4 + c]);
}

static void steps_are_those_of_the_framed_maze(void **state) {
  (void)state;
  setup t;
  trm_session *whole = NULL;
  int32_t framed[CELLS];
  setup_open(&t);
  trm_task_frame(&t.task, &t.grid, tokens, framed);
  CHECK_OK(trm_session_open(&whole, t.solver, framed, 0, &t.err), t.err);
  assert_memory_equal(trm_session_describe(t.session).question, tokens, sizeof tokens);
  assert_int_equal(trm_session_describe(t.session).task->width, WIDTH);
  assert_int_equal(trm_session_describe(whole).task->width, 4);
  for (int step = 1; step <= 4; step++) {
    CHECK_OK(trm_session_step(t.session, 1, NULL, &t.err), t.err);
    CHECK_OK(trm_session_step(whole, 1, NULL, &t.err), t.err);
    check_entries(&t, whole, step);
    CHECK_OK(trm_session_pin(t.session, 4, step % 5 + 1, &t.err), t.err); /* row 2, column 2 */
    CHECK_OK(trm_session_pin(whole, 5, step % 5 + 1, &t.err), t.err);
    assert_int_equal(trm_session_describe(t.session).question[4], step % 5 + 1);
  }
  CHECK_OK(trm_session_clear(t.session, 4, &t.err), t.err);
  assert_memory_equal(trm_session_describe(t.session).question, tokens, sizeof tokens);
  CHECK_FAILS(trm_session_pin(t.session, OWN, 1, &t.err), TRM_E_USAGE, t.err, "expected 0 to 5");
  CHECK_FAILS(trm_session_clear(t.session, -1, &t.err), TRM_E_USAGE, t.err, "expected 0 to 5");
  assert_int_equal(trm_state_describe(trm_session_state(t.session)).cells, CELLS);
  trm_session_close(&whole);
  setup_close(&t);
}

static void a_file_remembers_the_size(void **state) {
  (void)state;
  setup t;
  trm_session *again = NULL;
  setup_open(&t);
  const char *path = check_path(t.f.dir, "small.session");
  for (int steps = 0; steps < 3; steps++) {
    CHECK_OK(trm_session_save(t.session, path, &t.err), t.err);
    CHECK_OK(trm_session_load(&again, t.solver, path, &t.err), t.err);
    trm_session_info info = trm_session_describe(again);
    assert_true(info.steps == steps && info.task->width == WIDTH && info.task->height == HEIGHT);
    assert_memory_equal(info.question, trm_session_describe(t.session).question, sizeof tokens);
    CHECK_OK(trm_session_step(again, 1, NULL, &t.err), t.err);
    CHECK_OK(trm_session_step(t.session, 1, NULL, &t.err), t.err);
    trm_session_entry a, b;
    CHECK_OK(trm_session_at(again, steps + 1, &a, &t.err), t.err);
    CHECK_OK(trm_session_at(t.session, steps + 1, &b, &t.err), t.err);
    assert_memory_equal(a.answer, b.answer, sizeof tokens);
    assert_memory_equal(a.confidence, b.confidence, OWN * sizeof *a.confidence);
    trm_session_close(&again);
    CHECK_OK(trm_session_pin(t.session, 1, 1, &t.err), t.err);
  }
  setup_close(&t);
}

/* Every size that the grid does not have, and every cut, behind a right checksum. */
static void a_wrong_size_in_a_file_is_refused(void **state) {
  (void)state;
  setup t;
  char *bytes = NULL;
  size_t size;
  trm_session *again = NULL;
  setup_open(&t);
  const char *path = check_path(t.f.dir, "small.session");
  CHECK_OK(trm_session_save(t.session, path, &t.err), t.err);
  CHECK_OK(trm__file_read(path, 1 << 20, &bytes, &size, &t.err), t.err);
  static const uint32_t bad[][2] = {{0, 2}, {3, 0}, {5, 2}, {3, 5}, {UINT32_MAX, 1}, {1, 1u << 31}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad + 2; i++) {
    size_t cut = i < sizeof bad / sizeof *bad ? 0 : i == sizeof bad / sizeof *bad ? 4 : size - SHAPE_AT;
    uint64_t length = size - cut;
    if (!cut) memcpy(bytes + SHAPE_AT, bad[i], sizeof bad[i]);
    memcpy(bytes + 16, &length, sizeof length);
    uint32_t crc = trm__crc32(0, bytes + 16, (size_t)length - 16);
    memcpy(bytes + 12, &crc, sizeof crc);
    CHECK_OK(trm__file_write(path, bytes, (size_t)length, &t.err), t.err);
    CHECK_FAILS(trm_session_load(&again, t.solver, path, &t.err), TRM_E_INPUT, t.err,
                cut ? NULL : "a size that the model does not solve");
    assert_null(again);
  }
  trm__free(bytes);
  setup_close(&t);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  setup t;
  trm_session *none = NULL;
  int32_t sixteen[CELLS] = {0}, bad[OWN] = {3, 2, 4, 2, 2, 9};
  setup_open(&t);
  trm_task other = t.grid;
  other.width = 5;
  CHECK_FAILS(trm_session_open_task(&none, t.solver, &other, sixteen, 0, &t.err), TRM_E_INPUT, t.err,
              "the model solves maze 4x4 and smaller");
  other = trm_task_sudoku(4);
  CHECK_FAILS(trm_session_open_task(&none, t.solver, &other, sixteen, 0, &t.err), TRM_E_INPUT, t.err, "is of Sudoku");
  other = t.grid;
  other.height = 0;
  CHECK_FAILS(trm_session_open_task(&none, t.solver, &other, sixteen, 0, &t.err), TRM_E_INPUT, t.err, NULL);
  CHECK_FAILS(trm_session_open_task(&none, t.solver, &t.task, bad, 0, &t.err), TRM_E_INPUT, t.err, "token 9");
  CHECK_FAILS(trm_session_open_task(&none, t.solver, &t.task, tokens, IDENTIFIERS, &t.err), TRM_E_INPUT, t.err, NULL);
  assert_null(none);
  CHECK_OK(trm_session_open_task(&none, t.solver, &t.grid, sixteen, 0, &t.err), t.err); /* of the same size */
  trm_session_close(&none);
  setup_close(&t);
}

static trm_status open_it(void *context, trm_error *err) {
  const setup *t = context;
  trm_session *session = NULL;
  trm_status status = trm_session_open_task(&session, t->solver, &t->task, tokens, 0, err);
  trm_session_close(&session);
  return status;
}

static void each_failing_allocation_is_told(void **state) {
  (void)state;
  setup t;
  setup_open(&t);
  assert_int_equal(check_each_allocation(open_it, &t), 7); /* framed, session, questions, and four rooms to look in */
  setup_close(&t);
}

/* A hint's cell is one of the maze's own. */
static void a_hint_is_of_its_own_cells(void **state) {
  (void)state;
  setup t;
  trm_hint_result hint;
  setup_open(&t);
  CHECK_OK(trm_hint(t.solver, &t.task, tokens, &hint, &t.err), t.err);
  assert_true(hint.by == TRM_HINT_NETWORK || hint.by == TRM_HINT_NONE);
  assert_in_range(hint.cell + 1, 0, OWN);
  trm_task other = t.grid;
  other.width = 5;
  int32_t twenty[20] = {3, 4};
  for (int i = 2; i < 20; i++) twenty[i] = 2;
  CHECK_FAILS(trm_hint(t.solver, &other, twenty, &hint, &t.err), TRM_E_INPUT, t.err, "expected 20 cells");
  setup_close(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_are_those_of_the_framed_maze), cmocka_unit_test(a_file_remembers_the_size),
      cmocka_unit_test(a_wrong_size_in_a_file_is_refused),  cmocka_unit_test(what_does_not_fit_is_refused),
      cmocka_unit_test(each_failing_allocation_is_told),    cmocka_unit_test(a_hint_is_of_its_own_cells),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
