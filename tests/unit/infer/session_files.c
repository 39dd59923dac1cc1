/* Files of sessions: what is loaded goes on with the same bits, and a file that is damaged, cut, made by hand or of
 * another model is refused with what was found. The layout is in src/infer/session.c. */
#include "unit/infer/session_support.h"

#include <fcntl.h>

enum { STEPS = 6, STARTS_AT = 112, STATES_AT = STARTS_AT + 2 * 4 * CELLS };

static int32_t inputs[CELLS], identifier;
static course expected;

static const char *file_of(const fixture *f) {
  return check_path(f->dir, "puzzle.session");
}

static void save(const trm_session *session, const char *path) {
  trm_error err = {0};
  CHECK_OK(trm_session_save(session, path, &err), err);
}

static trm_session *load(trm_solver *solver, const char *path) {
  trm_error err = {0};
  trm_session *session = NULL;
  CHECK_OK(trm_session_load(&session, solver, path, &err), err);
  return session;
}

/* The file is refused by its name; text: in the message. */
static void refuse(trm_solver *solver, const char *path, trm_status status, const char *text) {
  trm_error err = {0};
  trm_session *session = NULL;
  size_t used = trm__mem_used();
  CHECK_FAILS(trm_session_load(&session, solver, path, &err), status, err, text);
  assert_string_equal(err.where, path);
  assert_null(session);
  assert_int_equal(trm__mem_used(), used);
}

static void check_same(const trm_session *found, const trm_session *wanted) {
  trm_error err = {0};
  trm_session_info a = trm_session_describe(found), b = trm_session_describe(wanted);
  assert_true(a.steps == b.steps && a.kept == b.kept && a.identifier == b.identifier);
  assert_memory_equal(a.question, b.question, CELLS * sizeof *a.question);
  for (int64_t step = a.steps - a.kept + 1; step <= a.steps; step++) {
    trm_session_entry x, y;
    CHECK_OK(trm_session_at(found, step, &x, &err), err);
    CHECK_OK(trm_session_at(wanted, step, &y, &err), err);
    assert_memory_equal(x.question, y.question, CELLS * sizeof *x.question);
    assert_memory_equal(x.answer, y.answer, CELLS * sizeof *x.answer);
    assert_memory_equal(x.confidence, y.confidence, CELLS * sizeof *x.confidence);
    assert_memory_equal(&x.q, &y.q, sizeof x.q);
  }
  assert_int_equal(trm_session_state(found) != NULL, trm_session_state(wanted) != NULL);
  if (!trm_session_state(found)) return;
  size_t size = 0, other = 0;
  const void *bytes = trm_state_bytes(trm_session_state(found), &size);
  assert_memory_equal(bytes, trm_state_bytes(trm_session_state(wanted), &other), size);
  assert_int_equal(size, other);
}

/* Saved and loaded, it is the same, and both go on in the same way. */
static void check_round_trip(const fixture *f, trm_solver *solver, trm_session **session, int64_t ahead) {
  save(*session, file_of(f));
  trm_session *loaded = load(solver, file_of(f));
  check_same(loaded, *session);
  if (ahead) {
    advance(*session, ahead);
    advance(loaded, ahead);
    check_same(loaded, *session);
  }
  trm_session_close(session);
  *session = loaded;
}

static void loaded_sessions_go_on(void **state) {
  (void)state;
  for (int v = 0; v < VARIANTS; v++) {
    fixture f;
    fixture_open(&f, variants[v].mixer, 1, NULL);
    trm_solver *solver = variant_solver(&f, &variants[v], STEPS);
    course_of(&expected, solver, inputs, identifier);
    for (int64_t length = 0; length <= STEPS; length++) {
      trm_session *session = session_of(solver, inputs, identifier);
      if (length > 0) advance(session, length);
      check_round_trip(&f, solver, &session, STEPS - length);
      check_history(session, &expected, STEPS, STEPS);
      trm_session_close(&session);
    }
    trm_solver_close(&solver);
    fixture_close(&f);
  }
}

static void long_and_shortened_histories_are_kept(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  enum { H = TRM_SESSION_HISTORY };
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, MOST, 0, 0);
  course_of(&expected, solver, inputs, identifier);
  trm_session *session = session_of(solver, inputs, identifier);
  advance(session, H - 1);
  for (int64_t steps = H; steps <= MOST; steps++) {
    check_round_trip(&f, solver, &session, 1);
    check_history(session, &expected, steps, steps < H ? steps : H);
  }
  CHECK_OK(trm_session_back(session, 20, &err), err);
  check_round_trip(&f, solver, &session, 0);
  check_history(session, &expected, MOST - 20, H - 20);
  CHECK_FAILS(trm_session_back(session, H - 20, &err), TRM_E_USAGE, err, "steps");
  CHECK_OK(trm_session_back(session, H - 21, &err), err);
  check_round_trip(&f, solver, &session, H - 1);
  check_history(session, &expected, MOST, H);
  trm_session_close(&session);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void pins_and_what_they_hide_are_kept(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  fixture_open(&f, 0, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, STEPS, 0, 0);
  trm_session *session = session_of(solver, inputs, identifier);
  advance(session, 2);
  CHECK_OK(trm_session_pin(session, 3, (inputs[3] + 1) % TOKENS, &err), err);
  CHECK_OK(trm_session_pin(session, 4, (inputs[4] + 1) % TOKENS, &err), err);
  check_round_trip(&f, solver, &session, 2);
  CHECK_OK(trm_session_clear(session, 3, &err), err);
  CHECK_OK(trm_session_clear(session, 4, &err), err);
  assert_memory_equal(trm_session_describe(session).question, inputs, sizeof inputs);
  CHECK_OK(trm_session_back(session, 4, &err), err);
  course_of(&expected, solver, inputs, identifier);
  advance(session, STEPS);
  check_history(session, &expected, STEPS, STEPS);
  trm_session_close(&session);
  trm_solver_close(&solver);
  fixture_close(&f);
}

/* -- damage -------------------------------------------------------------------------------------------------------- */

/* A saved session of two steps, and its bytes. */
typedef struct specimen {
  fixture f;
  trm_solver *solver;
  char path[128];
  unsigned char *bytes;
  size_t size;
} specimen;

static void specimen_open(specimen *s) {
  trm_error err = {0};
  fixture_open(&s->f, 1, 1, NULL);
  s->solver = fixture_solver(&s->f, 1, STEPS, 0, 0);
  trm_session *session = session_of(s->solver, inputs, identifier);
  advance(session, 2);
  snprintf(s->path, sizeof s->path, "%s", file_of(&s->f));
  save(session, s->path);
  trm_session_close(&session);
  char *data = NULL;
  CHECK_OK(trm__file_read(s->path, 1 << 20, &data, &s->size, &err), err);
  s->bytes = (unsigned char *)data;
}

static void specimen_close(specimen *s) {
  trm__free(s->bytes);
  trm_solver_close(&s->solver);
  fixture_close(&s->f);
}

/* Every byte matters: in each the lowest, the highest and all bits are flipped. */
static void a_damaged_byte_is_noticed(void **state) {
  (void)state;
  specimen s;
  specimen_open(&s);
  int fd = open(s.path, O_RDWR);
  assert_true(fd >= 0);
  static const unsigned char flips[] = {1, 0x80, 0xff};
  for (size_t i = 0; i < s.size; i++) {
    for (size_t k = 0; k < sizeof flips; k++) {
      unsigned char byte = s.bytes[i] ^ flips[k];
      assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
      refuse(s.solver, s.path, TRM_E_INPUT, s.path);
    }
    assert_int_equal(pwrite(fd, &s.bytes[i], 1, (off_t)i), 1);
  }
  trm_session *whole = load(s.solver, s.path); /* the last byte was put back */
  trm_session_close(&whole);
  assert_int_equal(pwrite(fd, "", 1, (off_t)s.size), 1);
  refuse(s.solver, s.path, TRM_E_INPUT, "longer than it says");
  for (size_t size = s.size; size-- > 0;) {
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    refuse(s.solver, s.path, TRM_E_INPUT, s.path);
  }
  close(fd);
  specimen_close(&s);
}

/* Writes a file whose length and checksum are right. */
static void write_mended(const specimen *s, unsigned char *bytes, size_t size) {
  trm_error err = {0};
  uint64_t length = size;
  memcpy(bytes + 16, &length, sizeof length);
  uint32_t crc = trm__crc32(0, bytes + 16, size - 16);
  memcpy(bytes + 12, &crc, sizeof crc);
  CHECK_OK(trm__file_write(s->path, bytes, size, &err), err);
}

static void a_wrong_number_is_noticed_behind_a_right_checksum(void **state) {
  (void)state;
  specimen s;
  specimen_open(&s);
  uint64_t state_size = (s.size - STATES_AT) / 2 - 8;
  const struct {
    size_t at, size;
    uint64_t value;
    const char *text;
  } changes[] = {
      {0, 1, 'X', "not a session of trm"},
      {8, 4, 3, "a format that this version does not know"},
      {8, 4, 2, "a puzzle of a size that the model does not solve"}, /* its shape is then of the question's tokens */
      {24, 4, 0, "more cells"},
      {24, 4, UINT32_MAX, "more cells"},
      {24, 4, CELLS + 1, "a session of 17 cells"},
      {28, 4, IDENTIFIERS, "puzzle identifier 3"},
      {28, 4, (uint64_t)(identifier + 1) % IDENTIFIERS, "where step 1 of"},
      {32, 8, 0, "a number of steps that no session has"},
      {32, 8, 3, "step 1 of puzzle"},
      {32, 8, 1, "a number of steps that no session has"},
      {32, 8, 100001, "a number of steps that no session has"},
      {32, 8, UINT64_MAX, "a number of steps that no session has"},
      {40, 8, 0, "a number of steps that no session has"},
      {40, 8, 1, "step 1 of puzzle"},
      {40, 8, 3, "a number of steps that no session has"},
      {40, 8, TRM_SESSION_HISTORY + 1, "a number of steps that no session has"},
      {48, 1, 'x', "with model x"},
      {STARTS_AT, 4, TOKENS, "token 6 at position 0"},
      {STARTS_AT + 4 * CELLS, 4, UINT32_MAX, "token -1 at position 0"},
      {STATES_AT, 8, 0, "no room for the state of step 1"},
      {STATES_AT, 8, state_size - 1, "cut short"},
      {STATES_AT, 8, UINT64_MAX, "no room for the state of step 1"},
      {STATES_AT + 8 + state_size, 8, state_size + 1, "no room for the state of step 2"},
      {STATES_AT + 8, 1, 'X', "not a state of trm"},
      {STATES_AT + 8 + 192, 4, 1000, "its checksum does not match"},
  };
  unsigned char *bytes = trm__calloc(s.size + 4, 1);
  assert_non_null(bytes);
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    memcpy(bytes, s.bytes, s.size);
    memcpy(bytes + changes[i].at, &changes[i].value, changes[i].size);
    write_mended(&s, bytes, s.size);
    refuse(s.solver, s.path, TRM_E_INPUT, changes[i].text);
  }
  memcpy(bytes, s.bytes, s.size);
  write_mended(&s, bytes, s.size + 4);
  refuse(s.solver, s.path, TRM_E_INPUT, "4 bytes behind the last state");
  write_mended(&s, bytes, s.size - 8 - state_size);
  refuse(s.solver, s.path, TRM_E_INPUT, "no room for the state of step 2");
  write_mended(&s, bytes, s.size); /* the mending itself is right */
  trm_session *whole = load(s.solver, s.path);
  trm_session_close(&whole);
  trm__free(bytes);
  specimen_close(&s);
}

static void other_models_and_number_types_are_refused(void **state) {
  (void)state;
  specimen s;
  trm_error err = {0};
  specimen_open(&s);
  trm_model *model = NULL;
  trm_solver *other = NULL;
  char digits[16], text[64];
  trm_model_config config = test_config(1);
  test_model_write_loss(check_path(s.f.dir, "other.safetensors"), &config, NULL, TRM_LOSS_SOFTMAX);
  CHECK_OK(trm_model_open(&model, check_path(s.f.dir, "other.safetensors"), &err), err);
  trm_solver_config wanted = trm_solver_config_default();
  CHECK_OK(trm_solver_open(&other, s.f.runtime, model, &wanted, &err), err);
  snprintf(digits, sizeof digits, "%.12s", trm_model_get_checksum(model));
  refuse(other, s.path, TRM_E_INPUT, digits);
  snprintf(text, sizeof text, "model %.12s, but the solver has 16 and %s", trm_model_get_checksum(s.f.model), digits);
  refuse(other, s.path, TRM_E_INPUT, text);
  trm_solver_close(&other);

  const variant rounded = {1, TRM_SOLVE_BFLOAT16, 0};
  other = variant_solver(&s.f, &rounded, STEPS);
  refuse(other, s.path, TRM_E_INPUT, "computed in float32, but the solver computes in bfloat16");
  /* Before its first step a session was computed in nothing. */
  trm_session *session = session_of(s.solver, inputs, identifier);
  save(session, s.path);
  trm_session_close(&session);
  session = load(other, s.path);
  advance(session, 1);
  course_of(&expected, other, inputs, identifier);
  check_history(session, &expected, 1, 1);
  trm_session_close(&session);
  trm_solver_close(&other);
  trm_model_close(&model);
  specimen_close(&s);
}

static void what_is_no_file_is_told(void **state) {
  (void)state;
  specimen s;
  specimen_open(&s);
  refuse(s.solver, check_path(s.f.dir, "absent"), TRM_E_IO, "absent");
  refuse(s.solver, check_path(s.f.dir, "model.safetensors"), TRM_E_INPUT, "not a session of trm");
  specimen_close(&s);
}

/* -- full disks and memory ----------------------------------------------------------------------------------------- */

static void a_full_disk_keeps_the_old_file(void **state) {
  (void)state;
  specimen s;
  specimen_open(&s);
  trm_session *session = load(s.solver, s.path), *old = load(s.solver, s.path);
  advance(session, 2);
  check_disk_fail_at(0, 0);
  save(session, check_path(s.f.dir, "other"));
  long calls = check_disk()->made;
  assert_true(calls >= 3);
  for (long n = 1; n < calls; n++) { /* the last syncs the folder: the file is the new one then */
    trm_error err = {0};
    check_disk_fail_at(n, ENOSPC);
    CHECK_FAILS(trm_session_save(session, s.path, &err), TRM_E_IO, err, s.path);
    trm__file_ops_set(NULL);
    trm_session *found = load(s.solver, s.path);
    check_same(found, old);
    trm_session_close(&found);
  }
  save(session, s.path);
  trm_session *found = load(s.solver, s.path);
  check_same(found, session);
  trm_session_close(&found);
  trm_session_close(&old);
  trm_session_close(&session);
  specimen_close(&s);
}

static trm_status load_and_save(void *context, trm_error *err) {
  const specimen *s = context;
  trm_session *session = NULL;
  trm_status status = trm_session_load(&session, s->solver, s->path, err);
  if (!status) status = trm_session_save(session, s->path, err);
  trm_session_close(&session);
  return status;
}

static void each_failing_allocation_is_told(void **state) {
  (void)state;
  specimen s;
  specimen_open(&s);
  assert_true(check_each_allocation(load_and_save, &s) >= 8); /* the file, the session, two states, the new file */
  trm_session *whole = load(s.solver, s.path);
  assert_int_equal(trm_session_describe(whole).kept, 2);
  trm_session_close(&whole);
  specimen_close(&s);
}

int main(void) {
  test_puzzles(inputs, &identifier, 1, 8);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loaded_sessions_go_on),
      cmocka_unit_test(long_and_shortened_histories_are_kept),
      cmocka_unit_test(pins_and_what_they_hide_are_kept),
      cmocka_unit_test(a_damaged_byte_is_noticed),
      cmocka_unit_test(a_wrong_number_is_noticed_behind_a_right_checksum),
      cmocka_unit_test(other_models_and_number_types_are_refused),
      cmocka_unit_test(what_is_no_file_is_told),
      cmocka_unit_test(a_full_disk_keeps_the_old_file),
      cmocka_unit_test(each_failing_allocation_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
