/* Presets and the declaration table: the published recipes value by value, and that every preset is a network that can
 * be built. */
#include "support/check.h"

#include <trm/train.h>

#include "train/cycles.h"

static void apply(const char *name, trm_model_config *model, trm_train_config *train) {
  trm_error err = {0};
  CHECK_OK(trm_preset_apply(name, model, train, &err), err);
}

static void check_published(const trm_model_config *m, const trm_train_config *t, int64_t n, int64_t parameters) {
  assert_int_equal(m->hidden_size, 512);
  assert_int_equal(m->num_heads, 8);
  assert_int_equal(m->L_layers, 2);
  assert_int_equal(m->H_cycles, 3);
  assert_int_equal(m->L_cycles, n);
  assert_int_equal(m->puzzle_emb_len, 16);
  assert_int_equal(m->halt_max_steps, 16);
  assert_true(m->halt_exploration_prob == 0.1);
  assert_true(m->expansion == 4 && m->rms_norm_eps == 1e-5 && m->rope_theta == 10000);
  assert_int_equal(trm_model_config_parameters(m), parameters);
  assert_int_equal(t->batch, 768);
  assert_int_equal(t->optimizer, TRM_ADAM_ATAN2);
  assert_true(t->beta1 == 0.9 && t->beta2 == 0.95 && t->lr == 1e-4 && t->lr_min_ratio == 1);
  assert_int_equal(t->lr_warmup_steps, 2000);
  assert_true(t->ema_decay == 0.999 && t->halt_weight == 0.5 && t->clip == 0 && t->label_smoothing == 0);
  assert_int_equal(t->loss, TRM_LOSS_STABLEMAX);
}

static void test_sudoku(void **state) {
  (void)state;
  trm_model_config m;
  trm_train_config t;
  apply("sudoku-mlp", &m, &t);
  check_published(&m, &t, 6, 5028866);
  assert_int_equal(m.mlp_t, 1);
  assert_true(t.weight_decay == 1 && t.puzzle_emb_lr == 1e-4 && t.puzzle_emb_weight_decay == 1);
  assert_int_equal(t.epochs, 50000);
  apply("sudoku-att", &m, &t);
  check_published(&m, &t, 6, 6828034);
  assert_int_equal(m.mlp_t, 0);
  assert_int_equal(m.pos_encodings, TRM_POS_ROPE);
}

static void test_maze_and_arc(void **state) {
  (void)state;
  trm_model_config m;
  trm_train_config t;
  apply("maze", &m, &t);
  check_published(&m, &t, 4, 6822914);
  assert_true(t.weight_decay == 1 && t.puzzle_emb_lr == 1e-4 && t.puzzle_emb_weight_decay == 1);
  apply("arc", &m, &t);
  m.num_puzzle_identifiers = 1;
  check_published(&m, &t, 4, 6829058);
  assert_true(t.weight_decay == 0.1 && t.puzzle_emb_lr == 1e-2 && t.puzzle_emb_weight_decay == 0.1);
  assert_int_equal(t.epochs, 100000);
}

/* What each variation changes, and that the rest is the published recipe. */
static void test_variations(void **state) {
  (void)state;
  trm_error err;
  trm__cycles cycles;
  trm_model_config m, published;
  trm_train_config t, original;
  apply("sudoku-mlp", &published, &original);
  for (int k = 0; k < 2; k++) {
    apply(k ? "sudoku-mlp-wta" : "sudoku-mlp-fast", &m, &t);
    assert_int_equal(m.activation, TRM_ACT_RMS_GATE);
    assert_true(m.H_cycles == 6 && m.L_cycles == 9 && m.mlp_t == 1 && m.damping == 0);
    assert_int_equal(trm_model_config_parameters(&m), 5028866);
    assert_int_equal(t.optimizer, TRM_MUON);
    assert_true(t.muon_lr == 0.02 && t.muon_weight_decay == 0.005 && t.lr == 1e-4 && t.weight_decay == 1);
    assert_true(t.lr_min_ratio == 0 && t.label_smoothing == 0.2 && t.halt_weight == 0.05 && t.clip == 1);
    assert_true(t.ema_decay == 0.9 && t.ema_from == 5000 && t.augment == 1);
    assert_true(k ? t.latents == 4 && t.batch == 192 && t.steps == 36000
                  : t.latents == 1 && t.batch == 384 && t.steps == 8000);
  }
  apply("sudoku-mlp-cgar", &m, &t);
  assert_memory_equal(&m, &published, sizeof m);
  CHECK_OK(trm__cycles_parse(&cycles, t.cycles_schedule, &m, &err), err);
  assert_int_equal(cycles.count, 3);
  assert_true(cycles.phase[2].n == m.L_cycles && cycles.phase[2].T == m.H_cycles && t.step_decay == 0.7);
  apply("sudoku-mlp-eqr", &m, &t);
  assert_true(m.damping == 0.05 && t.latent_noise == 0.01 && t.start_noise == 1);
  t.latent_noise = t.start_noise = 0;
  assert_memory_equal(&t, &original, sizeof t);
  assert_true(original.latents == 1 && original.step_decay == 1 && !original.cycles_schedule[0]);
}

static void test_all(void **state) {
  (void)state;
  trm_error err = {0};
  assert_true(trm_presets() >= 12);
  for (size_t i = 0; i < trm_presets(); i++) {
    trm_model_config m;
    trm_train_config t;
    apply(trm_preset(i).name, &m, &t);
    CHECK_OK(trm_model_config_check(&m, &err), err);
    assert_true(strlen(trm_preset(i).help) > 10);
    assert_true(t.steps > 0 || t.epochs >= 50000);
  }
}

static void test_unknown(void **state) {
  (void)state;
  trm_error err;
  trm_model_config m = {.hidden_size = 17};
  trm_train_config t = {.batch = 19};
  CHECK_FAILS(trm_preset_apply("sudoku", &m, &t, &err), TRM_E_USAGE, err, "sudoku-mlp, sudoku-att, maze, arc");
  assert_true(m.hidden_size == 17 && t.batch == 19);
}

/* Every option's default is in its range, and its text reads back to the same value. */
static void test_table(void **state) {
  (void)state;
  trm_error err = {0};
  size_t count;
  const trm_option *table = trm_train_options(&count);
  trm_train_config a = trm_train_config_default(), b = {.size = sizeof b};
  char text[1200];
  for (size_t i = 0; i < count; i++) {
    assert_true(trm_options_get(table, count, &a, table[i].name, text, sizeof text) >= 0);
    CHECK_OK(trm_options_set(table, count, &b, table[i].name, text, &err), err);
    assert_true(strlen(table[i].help) > 5);
  }
  assert_memory_equal(&a, &b, sizeof a); /* both start as zeros, so padding is equal too: no field lacks an entry */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sudoku), cmocka_unit_test(test_maze_and_arc), cmocka_unit_test(test_variations),
      cmocka_unit_test(test_all),    cmocka_unit_test(test_unknown),      cmocka_unit_test(test_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
