/* The trainer against the original's training loop: twelve updates with its batches must give its losses, halting
 * decisions, learning rates, weights, EMA, puzzle rows and carry. */
#include "support/check.h"

#include <jansson.h>

#include "base/text/json.h"
#include "base/text/options.h"
#include "model/file/model_file.h"
#include "train/update.h"

typedef struct golden {
  json_t *meta;
  trm__safetensors weights, trajectory;
  trm_runtime *runtime;
  trm__comm *comm;
  trm__trainer trainer;
} golden;

static const trm__st_tensor *tensor(const trm__safetensors *st, const char *name) {
  const trm__st_tensor *t = trm__st_find(st, name);
  if (!t) fail_msg("no tensor %s", name);
  return t;
}

static void read_doubles(const golden *g, const char *name, double *out) {
  trm__st_read_double(tensor(&g->trajectory, name), out);
}

static double number(const json_t *object, const char *key) {
  return json_number_value(json_object_get(object, key));
}

/* The original's configuration keys are ours; those that it has beside them are ignored. */
static trm_model_config read_model(const golden *g) {
  trm_error err = {0};
  size_t count;
  const trm_option *table = trm_model_options(&count);
  trm_model_config config = trm_model_config_default();
  json_t *json = json_deep_copy(json_object_get(g->meta, "config"));
  CHECK_OK(trm__options_from_json(table, count, &config, json, 1, "meta.json", &err), err);
  json_decref(json);
  config.forward_dtype = TRM_FLOAT32;
  config.halt_max_steps = (int64_t)number(json_object_get(g->meta, "trajectory"), "halt_max_steps");
  config.halt_exploration_prob = 0;
  return config;
}

static trm_train_config read_train(const golden *g) {
  const json_t *optimizer = json_object_get(g->meta, "optimizer"), *run = json_object_get(g->meta, "trajectory");
  trm_train_config config = trm_train_config_default();
  config.batch = (int64_t)number(g->meta, "batch");
  config.lr = number(optimizer, "lr");
  config.beta1 = json_number_value(json_array_get(json_object_get(optimizer, "betas"), 0));
  config.beta2 = json_number_value(json_array_get(json_object_get(optimizer, "betas"), 1));
  config.weight_decay = number(optimizer, "weight_decay");
  config.ema_decay = number(optimizer, "ema_rate");
  config.puzzle_emb_lr = number(optimizer, "puzzle_emb_lr");
  config.puzzle_emb_weight_decay = number(optimizer, "puzzle_emb_weight_decay");
  config.lr_warmup_steps = (int64_t)number(run, "warmup");
  config.lr_min_ratio = number(run, "lr_min_ratio");
  return config;
}

static void load_weights(golden *g) {
  trm__trainer *t = &g->trainer;
  trm__weight_set set = {t->weights, t->start, t->puzzle};
  for (int i = 0; i < t->params.count; i++)
    trm__st_read_real(tensor(&g->weights, t->params.item[i].name), trm__weight_set_tensor(&set, &t->params, i));
  memcpy(t->ema, t->weights, t->params.trained * sizeof *t->ema);
  trm__trainer_prepare(t);
}

static int open_golden(golden *g, const char *set, int micro_batch) {
  char name[64];
  trm_error err = {0};
  const char *files[] = {"meta.json", "weights.safetensors", "trajectory.safetensors"}, *path[3];
  *g = (golden){0};
  for (int i = 0; i < 3; i++) {
    snprintf(name, sizeof name, "golden/%s/%s", set, files[i]);
    path[i] = check_shared(name);
    if (!path[i]) return 0;
  }
  CHECK_OK(trm__json_load(&g->meta, path[0], 1 << 20, &err), err);
  CHECK_OK(trm__st_open(&g->weights, path[1], &err), err);
  CHECK_OK(trm__st_open(&g->trajectory, path[2], &err), err);
  trm_runtime_config runtime = trm_runtime_config_default();
  runtime.threads = 2;
  CHECK_OK(trm_runtime_open(&g->runtime, &runtime, &err), err);
  CHECK_OK(trm__comm_self(&g->comm, &err), err);
  trm_model_config model = read_model(g);
  trm_train_config train = read_train(g);
  trm__trainer_config config = {.runtime = g->runtime,
                                .comm = g->comm,
                                .model = &model,
                                .train = &train,
                                .updates = (int64_t)number(json_object_get(g->meta, "trajectory"), "total_steps"),
                                .micro_batch = micro_batch};
  CHECK_OK(trm__trainer_open(&g->trainer, &config, &err), err);
  load_weights(g);
  return 1;
}

static void close_golden(golden *g) {
  trm__trainer_close(&g->trainer);
  trm__comm_close(&g->comm);
  trm_runtime_close(&g->runtime);
  trm__st_close(&g->weights);
  trm__st_close(&g->trajectory);
  json_decref(g->meta);
}

/* Halted slots take the recorded batch's examples. */
static void offer(golden *g, int step) {
  const trm__slots *c = &g->trainer.carry.slots;
  const trm__examples *to = &g->trainer.offer;
  size_t s = (size_t)c->seq_len, row = s * sizeof(int32_t), batch = (size_t)c->count;
  const unsigned char *inputs = tensor(&g->trajectory, "data.inputs")->data;
  const unsigned char *labels = tensor(&g->trajectory, "data.labels")->data;
  const unsigned char *ids = tensor(&g->trajectory, "data.puzzle_identifiers")->data;
  for (size_t i = 0; i < batch; i++) {
    if (!c->halted[i]) continue;
    size_t example = (size_t)step * batch + i;
    memcpy(to->inputs + i * s, inputs + example * row, row);
    memcpy(to->labels + i * s, labels + example * row, row);
    memcpy(to->ids + i, ids + example * sizeof(int32_t), sizeof(int32_t));
  }
}

static void compare_step(const golden *g, int step, const trm__update *update, double tolerance) {
  const trm__slots *c = &g->trainer.carry.slots;
  double loss[12], lr[12], halted[48], steps[48], ids[48];
  read_doubles(g, "traj.loss", loss);
  read_doubles(g, "traj.lr", lr);
  read_doubles(g, "traj.halted_after", halted);
  read_doubles(g, "traj.steps_after", steps);
  read_doubles(g, "traj.puzzle_identifiers_used", ids);
  double got = update->loss * c->count;
  if (!(fabs(got - loss[step]) <= tolerance * fabs(loss[step])))
    fail_msg("step %d: loss %.9g, expected %.9g", step, got, loss[step]);
  assert_true(fabs(update->lr - lr[step]) <= 1e-12);
  for (int i = 0; i < c->count; i++) {
    assert_int_equal(c->halted[i], halted[step * c->count + i]);
    assert_int_equal(c->steps[i], steps[step * c->count + i]);
    assert_int_equal(c->ids[i], ids[step * c->count + i]);
  }
}

static double length(const trm__real *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  return sqrt(sum);
}

static void compare_length(const golden *g, const char *what, const trm__param *p, const trm__real *flat,
                           double tolerance) {
  char name[160];
  double expected;
  snprintf(name, sizeof name, "traj.final.%s.%s", what, p->name);
  read_doubles(g, name, &expected);
  double got = length(flat + p->offset, (size_t)p->rows * (size_t)p->cols);
  if (!(fabs(got - expected) <= tolerance * expected)) fail_msg("%s is %.9g, expected %.9g", name, got, expected);
}

static void compare_tensor(const golden *g, const char *name, const trm__real *got, double tolerance) {
  const trm__st_tensor *t = tensor(&g->trajectory, name);
  double *expected = calloc(t->elements, sizeof *expected), distance = 0, norm = 0;
  trm__st_read_double(t, expected);
  for (size_t i = 0; i < t->elements; i++) {
    distance += ((double)got[i] - expected[i]) * ((double)got[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  free(expected);
  if (!(sqrt(distance) <= tolerance * sqrt(norm)))
    fail_msg("%s: relative distance %g, allowed %g", name, sqrt(distance / norm), tolerance);
}

static void follow(const char *set, int micro_batch, int steps, double tolerance) {
  golden g;
  trm_error err = {0};
  if (!open_golden(&g, set, micro_batch)) skip();
  for (int step = 0; step < steps; step++) {
    trm__update update;
    offer(&g, step);
    CHECK_OK(trm__update_run(&g.trainer, &update, &err), err);
    compare_step(&g, step, &update, tolerance);
  }
  for (int i = 0; i < g.trainer.params.count && steps == 12; i++) {
    const trm__param *p = &g.trainer.params.item[i];
    if (p->kind != TRM__PARAM_MATRIX && p->kind != TRM__PARAM_OTHER) continue;
    compare_length(&g, "l2", p, g.trainer.weights, 1e-6);
    compare_length(&g, "ema_l2", p, g.trainer.ema, 1e-6);
  }
  if (steps == 12) {
    compare_tensor(&g, "traj.final.puzzle_emb.weights", g.trainer.puzzle, 1e-6);
    compare_tensor(&g, "traj.final.z_H", (const trm__real *)(const void *)g.trainer.carry.y, 1e-4);
  }
  close_golden(&g);
}

static void test_rope(void **state) {
  (void)state;
  follow("small_rope", 4, 12, 2e-6);
}

static void test_rope_in_slices(void **state) {
  (void)state;
  follow("small_rope", 3, 12, 2e-6);
}

static void test_learned(void **state) {
  (void)state;
  follow("small_learned", 4, 12, 1e-5);
}

/* The mixer with untrained weights amplifies rounding, so only the first updates say something. */
static void test_mixer(void **state) {
  (void)state;
  follow("small_mlp", 4, 4, 1e-3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rope),
      cmocka_unit_test(test_rope_in_slices),
      cmocka_unit_test(test_learned),
      cmocka_unit_test(test_mixer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
