/* The configuration: published sizes and costs, what is refused and why, and the option table. */
#include "support/check.h"

#include <trm/model.h>

#include "base/text/options.h"
#include "model/params.h"

static trm_model_config preset(int64_t S, int64_t V, int mixer, int64_t n) {
  trm_model_config c = trm_model_config_default();
  c.seq_len = S;
  c.vocab_size = V;
  c.mlp_t = mixer;
  c.pos_encodings = mixer ? TRM_POS_NONE : TRM_POS_ROPE;
  c.L_cycles = n;
  return c;
}

static void test_published_sizes(void **state) {
  (void)state;
  const struct {
    trm_model_config config;
    int64_t parameters;
    double call, step, training; /* GFLOP, as published: 5, 4 and 4 digits */
  } published[] = {
      {preset(81, 11, 1, 6), 5028866, 1.2205, 25.63, 42.72},
      {preset(81, 11, 0, 6), 6828034, 1.3608, 28.58, 47.63},
      {preset(900, 6, 0, 4), 6822914, 15.923, 238.85, 398.10},
      {preset(900, 12, 0, 4), 6829058, 15.923, 238.86, 398.11},
  };
  for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
    trm_error err;
    trm__params params;
    CHECK_OK(trm__params_open(&params, &published[i].config, &err), err);
    assert_int_equal(trm_model_config_parameters(&published[i].config), published[i].parameters);
    assert_int_equal(params.trained, published[i].parameters);
    assert_int_equal(params.puzzle, 512);
    trm__params_close(&params);
    trm_model_cost cost = trm_model_config_cost(&published[i].config);
    assert_true(fabs(cost.call / 1e9 - published[i].call) <= (published[i].call < 10 ? 5.01e-5 : 5.01e-4));
    assert_true(fabs(cost.step / 1e9 - published[i].step) <= 5.01e-3);
    assert_true(fabs(cost.training_step / 1e9 - published[i].training) <= 5.01e-3);
  }
}

static void test_prefix(void **state) {
  (void)state;
  trm_model_config c = trm_model_config_default();
  assert_int_equal(trm_model_config_prefix(&c), 16);
  assert_int_equal(trm_model_config_positions(&c), 97);
  c.puzzle_emb_len = 0;
  assert_int_equal(trm_model_config_prefix(&c), 1);
  c.puzzle_emb_ndim = 513;
  assert_int_equal(trm_model_config_prefix(&c), 2);
  c.puzzle_emb_ndim = 0;
  assert_int_equal(trm_model_config_prefix(&c), 0);
  trm__dims d = trm__dims_from_config(&c);
  assert_int_equal(d.L, 81);
  assert_int_equal(d.head_dim, 64);
}

static void test_inner_widths(void **state) {
  (void)state;
  /* round() is half to even: 0.75 * 1 * 2 / 3 = 0.5 is 0, 2.25 * 1 * 2 / 3 = 1.5 is 2 */
  const struct {
    double expansion;
    int64_t width;
    int inner;
  } cases[] = {{4, 512, 1536}, {4, 97, 512}, {4, 64, 256}, {4, 96, 256}, {4, 97, 512}, {2.25, 1, 256}, {1.5, 257, 512}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_model_config c = trm_model_config_default();
    c.mlp_t = 1;
    c.num_heads = 1;
    c.puzzle_emb_ndim = c.puzzle_emb_len = 0;
    c.hidden_size = c.seq_len = cases[i].width;
    c.expansion = cases[i].expansion;
    trm__dims d = trm__dims_from_config(&c);
    assert_int_equal(d.inner_d, cases[i].inner);
    assert_int_equal(d.inner_l, cases[i].inner);
  }
}

typedef void (*change)(trm_model_config *c);

static void no_tokens(trm_model_config *c) {
  c->seq_len = 0;
}
static void negative_tokens(trm_model_config *c) {
  c->seq_len = -81;
}
static void huge_tokens(trm_model_config *c) {
  c->seq_len = INT64_MAX;
}
static void one_token_kind(trm_model_config *c) {
  c->vocab_size = 1;
}
static void odd_heads(trm_model_config *c) {
  c->num_heads = 7;
}
static void odd_head_dim(trm_model_config *c) {
  c->hidden_size = c->puzzle_emb_ndim = 56, c->num_heads = 8;
}
static void no_heads(trm_model_config *c) {
  c->num_heads = 0;
}
static void no_width(trm_model_config *c) {
  c->hidden_size = 0;
}
static void small_prefix(trm_model_config *c) {
  c->puzzle_emb_len = 2, c->puzzle_emb_ndim = 1025;
}
static void prefix_without_rows(trm_model_config *c) {
  c->puzzle_emb_ndim = 0;
}
static void rows_without_identifiers(trm_model_config *c) {
  c->num_puzzle_identifiers = 0;
}
static void no_layers(trm_model_config *c) {
  c->L_layers = 0;
}
static void many_layers(trm_model_config *c) {
  c->L_layers = 65;
}
static void no_cycles(trm_model_config *c) {
  c->H_cycles = 0;
}
static void no_latent_cycles(trm_model_config *c) {
  c->L_cycles = 0;
}
static void nan_expansion(trm_model_config *c) {
  c->expansion = NAN;
}
static void tiny_expansion(trm_model_config *c) {
  c->hidden_size = c->puzzle_emb_ndim = 8, c->num_heads = 1, c->expansion = 0.05;
}
static void tiny_mixer(trm_model_config *c) {
  c->mlp_t = 1, c->seq_len = 2, c->puzzle_emb_ndim = c->puzzle_emb_len = 0, c->expansion = 0.3;
}
static void negative_expansion(trm_model_config *c) {
  c->expansion = -4;
}
static void bad_flag(trm_model_config *c) {
  c->mlp_t = 2;
}
static void bad_positions(trm_model_config *c) {
  c->pos_encodings = 3;
}
static void bad_dtype(trm_model_config *c) {
  c->forward_dtype = -1;
}
static void bad_activation(trm_model_config *c) {
  c->activation = 2;
}
static void full_damping(trm_model_config *c) {
  c->damping = 1;
}
static void nan_damping(trm_model_config *c) {
  c->damping = NAN;
}
static void no_eps(trm_model_config *c) {
  c->rms_norm_eps = 0;
}
static void low_theta(trm_model_config *c) {
  c->rope_theta = 0;
}
static void no_steps(trm_model_config *c) {
  c->halt_max_steps = 0;
}
static void sure_exploration(trm_model_config *c) {
  c->halt_exploration_prob = 1.5;
}
static void long_attention(trm_model_config *c) {
  c->seq_len = 60000;
}
static void wide_state(trm_model_config *c) {
  c->mlp_t = 1, c->hidden_size = 16384, c->seq_len = 65536 * 2;
}
static void wide_mixer(trm_model_config *c) {
  c->mlp_t = 1, c->seq_len = 40000;
}
static void wide_mlp(trm_model_config *c) {
  c->hidden_size = 16384, c->expansion = 64;
}

static void test_refusals(void **state) {
  (void)state;
  const struct {
    change change;
    const char *field;
  } cases[] = {{no_tokens, "seq_len"},
               {negative_tokens, "seq_len"},
               {huge_tokens, "seq_len"},
               {one_token_kind, "vocab_size"},
               {odd_heads, "num_heads"},
               {odd_head_dim, "num_heads"},
               {no_heads, "num_heads"},
               {no_width, "hidden_size"},
               {small_prefix, "puzzle_emb_len"},
               {prefix_without_rows, "puzzle_emb_len"},
               {rows_without_identifiers, "num_puzzle_identifiers"},
               {no_layers, "L_layers"},
               {many_layers, "L_layers"},
               {no_cycles, "H_cycles"},
               {no_latent_cycles, "L_cycles"},
               {nan_expansion, "expansion"},
               {tiny_expansion, "expansion"},
               {tiny_mixer, "expansion"},
               {negative_expansion, "expansion"},
               {bad_flag, "mlp_t"},
               {bad_positions, "pos_encodings"},
               {bad_dtype, "forward_dtype"},
               {bad_activation, "activation"},
               {full_damping, "damping"},
               {nan_damping, "damping"},
               {no_eps, "rms_norm_eps"},
               {low_theta, "rope_theta"},
               {no_steps, "halt_max_steps"},
               {sure_exploration, "halt_exploration_prob"},
               {long_attention, "seq_len"},
               {wide_state, "seq_len"},
               {wide_mixer, "seq_len"},
               {wide_mlp, "expansion"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_error err;
    trm_model_config c = trm_model_config_default();
    cases[i].change(&c);
    CHECK_FAILS(trm_model_config_check(&c, &err), TRM_E_INPUT, err, NULL);
    assert_string_equal(err.where, cases[i].field);
    trm__params params;
    assert_int_equal(trm__params_open(&params, &c, NULL), TRM_E_INPUT);
  }
}

static void test_accepted(void **state) {
  (void)state;
  trm_error err;
  trm_model_config c = trm_model_config_default();
  CHECK_OK(trm_model_config_check(&c, &err), err);
  c.mlp_t = 1; /* the mixer accepts every encoding and any number of heads */
  c.num_heads = 7;
  for (c.pos_encodings = TRM_POS_NONE; c.pos_encodings <= TRM_POS_LEARNED; c.pos_encodings++) {
    CHECK_OK(trm_model_config_check(&c, &err), err);
    trm__dims d = trm__dims_from_config(&c);
    assert_int_equal(d.positions, c.pos_encodings == TRM_POS_LEARNED ? TRM_POS_LEARNED : TRM_POS_NONE);
  }
  c = trm_model_config_default();
  assert_int_equal(trm__dims_from_config(&c).activation, TRM_ACT_SILU);
  c.activation = TRM_ACT_RMS_GATE;
  c.damping = 0.05;
  CHECK_OK(trm_model_config_check(&c, &err), err);
  assert_int_equal(trm__dims_from_config(&c).activation, TRM_ACT_RMS_GATE);
  c = trm_model_config_default();
  c.pos_encodings = TRM_POS_LEARNED; /* an odd head needs no pairs */
  c.hidden_size = c.puzzle_emb_ndim = 56;
  CHECK_OK(trm_model_config_check(&c, &err), err);
  c.seq_len = c.hidden_size = c.num_heads = 1;
  c.puzzle_emb_ndim = c.puzzle_emb_len = c.num_puzzle_identifiers = 0;
  CHECK_OK(trm_model_config_check(&c, &err), err);
  assert_int_equal(trm_model_config_positions(&c), 1);
}

static void test_table(void **state) {
  (void)state;
  size_t count;
  trm_error err;
  const trm_option *table = trm_model_options(&count);
  trm_model_config c = trm_model_config_default(), d;
  assert_int_equal(c.hidden_size, 512);
  assert_true(c.expansion == 4 && c.rms_norm_eps == 1e-5 && c.rope_theta == 10000);
  assert_int_equal(c.pos_encodings, TRM_POS_ROPE);
  assert_int_equal(c.activation, TRM_ACT_SILU); /* what files without the key mean */
  assert_true(c.damping == 0);
  CHECK_OK(trm_options_set(table, count, &c, "forward-dtype", "bfloat16", &err), err);
  CHECK_OK(trm_options_set(table, count, &c, "pos_encodings", "learned", &err), err);
  CHECK_OK(trm_options_set(table, count, &c, "activation", "rms_gate", &err), err);
  assert_int_equal(c.activation, TRM_ACT_RMS_GATE);
  CHECK_OK(trm_options_set(table, count, &c, "rms_norm_eps", "0.1", &err), err);
  assert_int_equal(c.forward_dtype, TRM_BFLOAT16);
  assert_int_equal(c.pos_encodings, TRM_POS_LEARNED);
  json_t *json = trm__options_to_json(table, count, &c);
  memset(&d, 0, sizeof d);
  CHECK_OK(trm__options_from_json(table, count, &d, json, 0, "test", &err), err);
  for (size_t i = 0; i < count; i++) {
    char a[100], b[100];
    trm_options_get(table, count, &c, table[i].name, a, sizeof a);
    trm_options_get(table, count, &d, table[i].name, b, sizeof b);
    assert_string_equal(a, b);
    assert_true(strlen(table[i].help) > 10);
  }
  json_decref(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published_sizes), cmocka_unit_test(test_prefix),   cmocka_unit_test(test_inner_widths),
      cmocka_unit_test(test_refusals),        cmocka_unit_test(test_accepted), cmocka_unit_test(test_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
