/* The parameter table: names, order, shapes and places, the view into a flat array, and initial values. */
#include "support/model_fixture.h"

static const char *const learned_names[] = {
    "inner.H_init",
    "inner.L_init",
    "inner.embed_tokens.embedding_weight",
    "inner.lm_head.weight",
    "inner.q_head.weight",
    "inner.q_head.bias",
    "inner.puzzle_emb.weights",
    "inner.embed_pos.embedding_weight",
    "inner.L_level.layers.0.self_attn.qkv_proj.weight",
    "inner.L_level.layers.0.self_attn.o_proj.weight",
    "inner.L_level.layers.0.mlp.gate_up_proj.weight",
    "inner.L_level.layers.0.mlp.down_proj.weight",
    "inner.L_level.layers.1.self_attn.qkv_proj.weight",
    "inner.L_level.layers.1.self_attn.o_proj.weight",
    "inner.L_level.layers.1.mlp.gate_up_proj.weight",
    "inner.L_level.layers.1.mlp.down_proj.weight",
};

static void test_names_and_places(void **state) {
  (void)state;
  trm_error err;
  trm__params p;
  trm_model_config c = fixture_config(0, TRM_POS_LEARNED, 1);
  CHECK_OK(trm__params_open(&p, &c, &err), err);
  assert_int_equal(p.count, 16);
  size_t at = 0;
  for (int i = 0; i < p.count; i++) {
    const trm__param *item = &p.item[i];
    assert_string_equal(item->name, learned_names[i]);
    assert_ptr_equal(trm__params_find(&p, item->name), item);
    if (item->kind == TRM__PARAM_START || item->kind == TRM__PARAM_PUZZLE) continue;
    assert_int_equal(item->offset, at);
    at += (size_t)item->rows * (size_t)item->cols;
  }
  assert_int_equal(p.trained, at);
  assert_int_equal(p.trained, trm_model_config_parameters(&c));
  assert_int_equal(p.puzzle, 3 * 11);
  assert_null(trm__params_find(&p, "inner.q_head"));
  const trm__param *bias = trm__params_find(&p, "inner.q_head.bias");
  assert_true(bias->rank == 1 && bias->rows == 2 && bias->cols == 1);
  const trm__param *pos = trm__params_find(&p, "inner.embed_pos.embedding_weight");
  assert_true(pos->rows == 9 && pos->cols == 8);
  trm__params_close(&p);
}

static void test_mixer_shapes(void **state) {
  (void)state;
  trm_error err;
  trm__params p;
  trm_model_config c = fixture_config(1, TRM_POS_NONE, 0);
  c.seq_len = 100;
  CHECK_OK(trm__params_open(&p, &c, &err), err);
  assert_null(trm__params_find(&p, "inner.puzzle_emb.weights"));
  assert_null(trm__params_find(&p, "inner.embed_pos.embedding_weight"));
  const trm__param *in = trm__params_find(&p, "inner.L_level.layers.1.mlp_t.gate_up_proj.weight");
  const trm__param *out = trm__params_find(&p, "inner.L_level.layers.1.mlp_t.down_proj.weight");
  assert_true(in->rows == 2 * 512 && in->cols == 100);
  assert_true(out->rows == 100 && out->cols == 512);
  trm__params_close(&p);
}

static void test_view(void **state) {
  (void)state;
  trm_error err;
  trm__params p;
  trm_model_config c = fixture_config(0, TRM_POS_LEARNED, 1);
  CHECK_OK(trm__params_open(&p, &c, &err), err);
  trm__real *flat = calloc(p.trained, sizeof *flat);
  trm__weights_view v = trm__params_view(&p, flat);
  const struct {
    const trm__real *at;
    int item;
  } places[] = {{v.embed, 2},
                {v.lm_head, 3},
                {v.q_weight, 4},
                {v.q_bias, 5},
                {v.embed_pos, 7},
                {v.layer[0].mix_in, 8},
                {v.layer[0].mix_out, 9},
                {v.layer[0].mlp_in, 10},
                {v.layer[0].mlp_out, 11},
                {v.layer[1].mix_in, 12},
                {v.layer[1].mlp_out, 15}};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    assert_ptr_equal(places[i].at, flat + p.item[places[i].item].offset);
  assert_null(v.layer[2].mix_in);
  free(flat);
  trm__params_close(&p);
}

static void test_initial_values(void **state) {
  (void)state;
  trm_error err;
  trm__params p;
  trm__weight_set a, b, other;
  trm_model_config c = fixture_config(0, TRM_POS_LEARNED, 1);
  c.hidden_size = 64;
  c.puzzle_emb_ndim = 64;
  CHECK_OK(trm__params_open(&p, &c, &err), err);
  CHECK_OK(trm__weight_set_open(&a, &p, &err), err);
  CHECK_OK(trm__weight_set_open(&b, &p, &err), err);
  CHECK_OK(trm__weight_set_open(&other, &p, &err), err);
  trm__weight_set_init(&a, &p, 1);
  trm__weight_set_init(&b, &p, 1);
  trm__weight_set_init(&other, &p, 2);
  assert_memory_equal(a.flat, b.flat, p.trained * sizeof(trm__real));
  assert_memory_equal(a.start, b.start, 128 * sizeof(trm__real));
  assert_memory_not_equal(a.flat, other.flat, p.trained * sizeof(trm__real));
  for (int i = 0; i < p.count; i++) {
    const trm__real *x = trm__weight_set_tensor(&a, &p, i);
    size_t n = (size_t)p.item[i].rows * (size_t)p.item[i].cols;
    double sum = 0, squares = 0, most = 0, std = p.item[i].init_std;
    for (size_t k = 0; k < n; k++) {
      sum += (double)x[k];
      squares += (double)x[k] * (double)x[k];
      most = fmax(most, fabs((double)x[k]));
    }
    if (std == 0) {
      assert_true(x[0] == (trm__real)p.item[i].init_value && x[n - 1] == x[0]);
      continue;
    }
    /* Cut at two deviations of the normal before it is rescaled by 1 / 0.8796. */
    assert_true(most <= 2 * std / 0.87962566103423978 * 1.0001);
    double tolerance = 5 / sqrt((double)n);
    assert_true(fabs(sqrt(squares / (double)n) / std - 1) <= tolerance);
    assert_true(fabs(sum / (double)n / std) <= tolerance);
  }
  assert_true(*trm__weight_set_tensor(&a, &p, 5) == -5);
  assert_true(*trm__weight_set_tensor(&a, &p, 6) == 0);
  assert_ptr_equal(trm__weight_set_tensor(&a, &p, 1), a.start + 64);
  trm__weight_set_close(&a);
  trm__weight_set_close(&b);
  trm__weight_set_close(&other);
  trm__params_close(&p);
}

static trm_status open_and_close(void *context, trm_error *err) {
  trm__params p;
  trm__weight_set set;
  trm_status status = trm__params_open(&p, context, err);
  if (status) return status;
  status = trm__weight_set_open(&set, &p, err);
  if (!status) trm__weight_set_close(&set);
  trm__params_close(&p);
  return status;
}

static void test_allocation_failures(void **state) {
  (void)state;
  trm_model_config c = fixture_config(1, TRM_POS_NONE, 1);
  assert_int_equal(check_each_allocation(open_and_close, &c), 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names_and_places), cmocka_unit_test(test_mixer_shapes),        cmocka_unit_test(test_view),
      cmocka_unit_test(test_initial_values),   cmocka_unit_test(test_allocation_failures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
