/* What a run does about halting thresholds when it ends: which models get one, and that it is the one which choosing
 * for the finished model gives; that a run which was stopped meanwhile ends with the same bytes. */
#include "unit/train/run/bench.h"

#include <trm/solve.h>

#include "base/os/file.h"

/* A run with validation data that learns enough in its few updates for something to be right: the validation puzzles
 * lack one clue. */
static void open_learning(bench *b) {
  trm_error err = {0};
  open_bench(b);
  snprintf(b->train.data, sizeof b->train.data, "%s/easy", b->dir);
  snprintf(b->train.valid, sizeof b->train.valid, "%s/easy", b->dir);
  trm_make_config easy = trm_make_config_default();
  snprintf(easy.out, sizeof easy.out, "%s", b->train.data);
  easy.side = 4;
  easy.train = 12;
  easy.test = 6;
  easy.minimal = 0;
  easy.min_clues = 10;
  easy.max_clues = 14;
  easy.threads = 1;
  CHECK_OK(trm_data_make(&easy, NULL, NULL, &err), err);
  b->model.puzzle_emb_ndim = 0;
  b->model.puzzle_emb_len = 0;
  b->train.steps = 120;
  b->train.save_every = 50;
  b->train.eval_every = 30;
  b->train.lr = 4e-3;
  b->train.weight_decay = 0;
}

static trm_status start(bench *b, trm_train_fn fn, void *context, trm_error *err) {
  return trm_train_start(b->runtime, &b->model, &b->train, fn, context, &b->result, err);
}

static trm_status resume(bench *b, trm_error *err) {
  return trm_train_resume(b->runtime, b->run, NULL, 0, NULL, NULL, &b->result, err);
}

/* Threshold that the run's file of this name has. */
static double threshold_of(const bench *b, const char *name) {
  trm_error err = {0};
  trm_model *model = NULL;
  CHECK_OK(trm_model_open(&model, check_path(b->run, name), &err), err);
  double threshold = trm_model_get_halt_threshold(model);
  assert_int_equal(trm_model_get_max_steps(model), 0);
  trm_model_close(&model);
  return threshold;
}

static double chosen_for(const bench *b, const char *name) {
  trm_error err = {0};
  trm_model *model = NULL;
  trm_solver *solver = NULL;
  trm_dataset *data = NULL;
  trm_halting_choice choice;
  trm_solver_config config = trm_solver_config_default();
  config.halt = 0;
  CHECK_OK(trm_model_open(&model, check_path(b->run, name), &err), err);
  CHECK_OK(trm_solver_open(&solver, b->runtime, model, &config, &err), err);
  CHECK_OK(trm_dataset_open(&data, b->train.valid, "test", NULL, &err), err);
  CHECK_OK(trm_choose_threshold(solver, data, b->train.eval_limit, &choice, NULL, NULL, &err), err);
  trm_dataset_close(&data);
  trm_solver_close(&solver);
  trm_model_close(&model);
  return choice.threshold;
}

static char *read_run_file(const bench *b, const char *name, size_t *size) {
  char *text = NULL;
  trm_error err = {0};
  CHECK_OK(trm__file_read(check_path(b->run, name), (size_t)1 << 24, &text, size, &err), err);
  return text;
}

/* Lines of metrics.jsonl with this text. */
static int lines_with(const bench *b, const char *what) {
  size_t size;
  int count = 0;
  char *text = read_run_file(b, "metrics.jsonl", &size);
  for (const char *at = text; (at = strstr(at, what)); at++) count++;
  trm__free(text);
  return count;
}

static void the_models_get_their_own(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_learning(&b);
  CHECK_OK(start(&b, NULL, NULL, &err), err);
  double best = threshold_of(&b, "best.safetensors"), last = threshold_of(&b, "last.safetensors");
  assert_true(best >= 0 && last >= 0); /* not NaN: else too little was learned for this test */
  assert_true(best == chosen_for(&b, "best.safetensors") && last == chosen_for(&b, "last.safetensors"));
  assert_true(b.result.halt_threshold == best);
  assert_true(b.result.halt_steps >= 1 && b.result.halt_steps <= 16);
  assert_int_equal(lines_with(&b, "\"model\": \"best.safetensors\", \"halt_threshold\": "), 1);
  assert_int_equal(lines_with(&b, "\"model\": \"last.safetensors\", \"halt_threshold\": "), 1);
  assert_int_equal(lines_with(&b, "\"halt_curve\": [[0, "), 2);
  assert_true(isnan(threshold_of(&b, "checkpoints/step-120/model.safetensors"))); /* no model to solve with */
  assert_non_null(strstr(b.log, "choosing the halting threshold"));
  close_bench(&b);
}

static void nothing_without_validation_or_when_not_wanted(void **state) {
  (void)state;
  for (int valid = 0; valid < 2; valid++) {
    bench b;
    trm_error err = {0};
    open_learning(&b);
    b.train.steps = 8;
    b.train.eval_every = 0;
    if (valid) b.train.choose_threshold = 0;
    else b.train.valid[0] = 0;
    CHECK_OK(start(&b, NULL, NULL, &err), err);
    assert_true(isnan(threshold_of(&b, "last.safetensors")) && isnan(b.result.halt_threshold));
    assert_int_equal(exists(&b, "best.safetensors"), valid);
    if (valid) assert_true(isnan(threshold_of(&b, "best.safetensors")));
    assert_int_equal(lines_with(&b, "halt_threshold"), 0);
    assert_null(strstr(b.log, "choosing"));
    close_bench(&b);
  }
}

typedef struct stop {
  int calls, stop_at; /* calls while choosing */
  double fraction;
  int64_t updates;
} stop;

static int stop_while_choosing(void *context, const trm_train_progress *p) {
  stop *s = context;
  if (!p->choosing) {
    s->updates++;
    return 0;
  }
  assert_true(p->step == 120 && p->steps == 120 && p->fraction > 0 && p->fraction <= 1);
  s->fraction = p->fraction;
  return ++s->calls == s->stop_at;
}

/* The bytes of both models and the record without its times, one after the other. */
static void copy_results(const bench *b, char **out, size_t *size) {
  static const char *const names[] = {"best.safetensors", "last.safetensors", "metrics.jsonl"};
  *out = NULL;
  *size = 0;
  for (int i = 0; i < 3; i++) {
    size_t length;
    char *text = read_run_file(b, names[i], &length);
    for (char *at = text; i == 2 && (at = strstr(at, ", \"seconds\"")); at++) memset(at, ' ', strcspn(at, "\n"));
    if (i == 2) { /* the times have different lengths */
      size_t kept = 0;
      for (size_t k = 0; k < length; k++)
        if (text[k] != ' ') text[kept++] = text[k];
      length = kept;
    }
    *out = realloc(*out, *size + length);
    assert_non_null(*out);
    memcpy(*out + *size, text, length);
    *size += length;
    trm__free(text);
  }
}

/* Stopped in the middle of each of the two choices; going on ends as if nothing had been. */
static void stopped_while_choosing(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  char *whole, *again;
  size_t wholes, agains;
  stop untouched = {0};
  open_learning(&b);
  CHECK_OK(start(&b, stop_while_choosing, &untouched, &err), err);
  assert_true(untouched.updates == 120 && untouched.calls == 12 && untouched.fraction == 1);
  copy_results(&b, &whole, &wholes);
  static const int moments[] = {1, 6, 7, 12}; /* of six puzzles each */
  for (int i = 0; i < 4; i++) {
    stop s = {.stop_at = moments[i]};
    check_remove(b.run);
    CHECK_FAILS(start(&b, stop_while_choosing, &s, &err), TRM_E_STOPPED, err, "--resume");
    assert_int_equal(s.calls, moments[i]);
    CHECK_OK(resume(&b, &err), err);
    assert_true(b.result.updates == 0 && b.result.halt_threshold >= 0);
    copy_results(&b, &again, &agains);
    assert_int_equal(wholes, agains);
    assert_memory_equal(whole, again, wholes);
    free(again);
  }
  CHECK_OK(resume(&b, &err), err); /* a finished run chooses the same again */
  copy_results(&b, &again, &agains);
  assert_int_equal(wholes, agains);
  assert_memory_equal(whole, again, wholes);
  free(again);
  free(whole);
  close_bench(&b);
}

/* What a run of so many updates has recorded does not depend on an end that was later moved. */
static void a_longer_run_forgets_the_choice(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  static const char *const more[] = {"steps", "130"};
  open_learning(&b);
  CHECK_OK(start(&b, NULL, NULL, &err), err);
  CHECK_OK(trm_train_resume(b.runtime, b.run, more, 1, NULL, NULL, &b.result, &err), err);
  assert_int_equal(lines_with(&b, "halt_curve"), 2);
  assert_int_equal(lines_with(&b, "{\"step\": 130, \"model\""), 2);
  assert_int_equal(lines_with(&b, "\n{\"step\": 121, \"loss\""), 1);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_models_get_their_own),
      cmocka_unit_test(nothing_without_validation_or_when_not_wanted),
      cmocka_unit_test(stopped_while_choosing),
      cmocka_unit_test(a_longer_run_forgets_the_choice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
