/* A pass of the lattice recursion: against the same formulas as plain loops in double; the same bits for any batch and
 * number of threads, whether gradients follow or not; and what is refused. */
#include "support/lattice_fixture.h"

#include "model/file/model_file.h"
#include "model/network.h"

/* -- plain loops -------------------------------------------------------------------------------------------------- */

static double *copy_of(const lattice_fixture *f, const char *name) {
  const trm__param *p = trm__params_find(&f->params, name);
  assert_non_null(p);
  size_t n = (size_t)p->rows * (size_t)p->cols;
  double *x = calloc(n, sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = (double)f->set.flat[p->offset + i];
  return x;
}

static double *layer_of(const lattice_fixture *f, int layer, const char *name) {
  char full[96];
  snprintf(full, sizeof full, "inner.L_level.layers.%d.%s.weight", layer, name);
  return copy_of(f, full);
}

static void rms(const double *x, int n, double eps, double *out) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += x[i] * x[i];
  for (int i = 0; i < n; i++) out[i] = x[i] / sqrt(sum / n + eps);
}

static void times(const double *W, int rows, int cols, const double *x, double *out) {
  for (int i = 0; i < rows; i++) {
    out[i] = 0;
    for (int j = 0; j < cols; j++) out[i] += W[i * cols + j] * x[j];
  }
}

static void plain_attention(const trm__dims *s, const double *Wqkv, const double *Wo, double *t) {
  int D = s->D, L = s->L, n = s->head_dim;
  double *qkv = calloc((size_t)(L * 3 * D), sizeof *qkv), normed[64], att[64], add[64], p[64];
  for (int i = 0; i < L; i++) {
    rms(t + i * D, D, s->eps, normed);
    times(Wqkv, 3 * D, D, normed, qkv + i * 3 * D);
  }
  for (int i = 0; i < L; i++) {
    for (int e = 0; e < D; e++) att[e] = 0;
    for (int head = 0; head < s->heads; head++) {
      double sum = 0;
      for (int j = 0; j < L; j++) {
        double dot = 0;
        for (int e = head * n; e < head * n + n; e++) dot += qkv[i * 3 * D + e] * qkv[j * 3 * D + D + e];
        sum += p[j] = exp(dot / sqrt(n));
      }
      for (int j = 0; j < L; j++)
        for (int e = head * n; e < head * n + n; e++) att[e] += p[j] / sum * qkv[j * 3 * D + 2 * D + e];
    }
    times(Wo, D, D, att, add);
    for (int e = 0; e < D; e++) t[i * D + e] += add[e];
  }
  free(qkv);
}

static void plain_mlp(const trm__dims *s, const double *in, const double *out, double *t) {
  double normed[64], gu[256], act[128], add[64];
  for (int i = 0; i < s->L; i++) {
    rms(t + i * s->D, s->D, s->eps, normed);
    times(in, 2 * s->inner_d, s->D, normed, gu);
    for (int k = 0; k < s->inner_d; k++) act[k] = gu[k] / (1 + exp(-gu[k])) * gu[s->inner_d + k];
    times(out, s->D, s->inner_d, act, add);
    for (int e = 0; e < s->D; e++) t[i * s->D + e] += add[e];
  }
}

static void plain_layers(const lattice_fixture *f, double *t) {
  const trm__dims *s = &f->params.dims;
  for (int layer = 0; layer < s->layers; layer++) {
    double *w[] = {layer_of(f, layer, "self_attn.qkv_proj"), layer_of(f, layer, "self_attn.o_proj"),
                   layer_of(f, layer, "mlp.gate_up_proj"), layer_of(f, layer, "mlp.down_proj")};
    plain_attention(s, w[0], w[1], t);
    plain_mlp(s, w[2], w[3], t);
    for (int i = 0; i < 4; i++) free(w[i]);
  }
}

/* Logits [S][2 C] and conflict of one example after the loops. */
static void plain_pass(const lattice_fixture *f, const int32_t *sets, int loops, double *logits, double *conflict) {
  const trm__dims *s = &f->params.dims;
  int D = s->D, S = s->S;
  double *rows = copy_of(f, "inner.embed_rows.embedding_weight");
  double *columns = copy_of(f, "inner.embed_columns.embedding_weight"), *token = copy_of(f, "inner.conflict_token");
  double *table = copy_of(f, "inner.embed_sets.embedding_weight"), *bias = copy_of(f, "inner.embed_sets.bias");
  double *head = copy_of(f, "inner.set_head.weight"), *head_bias = copy_of(f, "inner.set_head.bias");
  double *w = copy_of(f, "inner.conflict_head.weight"), *w_bias = copy_of(f, "inner.conflict_head.bias");
  double h0[16 * 64], h[16 * 64], t[17 * 64];
  for (int i = 0; i < S * D; i++) h0[i] = bias[i % D];
  for (int i = 0; i < S * s->values; i++)
    for (int e = 0; e < D && sets[i / s->values] >> i % s->values & 1; e++)
      h0[i / s->values * D + e] += table[i % s->values * D + e];
  memcpy(h, h0, sizeof h);
  for (int loop = 0; loop < loops; loop++) {
    for (int i = 0; i < S * D; i++) h[i] += h0[i];
    memcpy(t, token, (size_t)D * sizeof *t);
    for (int i = 0; i < S * D; i++)
      t[D + i] = h[i] + rows[i / D / s->width * D + i % D] + columns[i / D % s->width * D + i % D];
    plain_layers(f, t);
    for (int i = 0; i < S * D; i++) h[i] += t[D + i];
    for (int i = 0; i < S; i++) rms(h + i * D, D, s->eps, h + i * D);
  }
  for (int i = 0; i < S; i++) times(head, 2 * s->values, D, h + i * D, logits + i * 2 * s->values);
  for (int i = 0; i < S * 2 * s->values; i++) logits[i] += head_bias[i % (2 * s->values)];
  times(w, 1, D, t, conflict);
  *conflict += *w_bias;
  double *all[] = {rows, columns, token, table, bias, head, head_bias, w, w_bias};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void pass_matches(void **state) {
  (void)state;
  for (int k = 0; isa_at(k); k++) {
    lattice_fixture f;
    trm_model_config config = lattice_config(4, 24, 3);
    double logits[16 * 8], conflict;
    lattice_fixture_open(&f, &config, isa_at(k), 2, 3, 0);
    trm__lattice_begin(f.net, f.b, f.sets);
    for (int loop = 1; loop <= 3; loop++) {
      trm__lattice_loop(f.net, f.b, f.logits, f.conflict);
      for (int i = 0; i < f.b; i++) {
        plain_pass(&f, f.sets + i * 16, loop, logits, &conflict);
        for (int j = 0; j < 16 * 8; j++)
          if (!(fabs((double)f.logits[i * 16 * 8 + j] - logits[j]) <= 1e-4))
            fail_msg("%s, loop %d, logit %d: %g, expected %g", isa_at(k), loop, j, (double)f.logits[i * 128 + j],
                     logits[j]);
        assert_true(fabs((double)f.conflict[i] - conflict) <= 1e-4);
      }
    }
    lattice_fixture_close(&f);
  }
}

/* -- the same bits --------------------------------------------------------------------------------------------------
 */

static void bits_do_not_depend(void **state) {
  (void)state;
  enum { B = 7, N = 25 * 10 };
  trm_model_config config = lattice_config(5, 40, 2);
  lattice_fixture one, all;
  lattice_fixture_open(&all, &config, "auto", 3, B, 1);
  lattice_fixture_open(&one, &config, "auto", 1, 1, 0);
  trm__lattice_train(all.net, &all.batch, all.grads);
  for (int i = 0; i < B; i++) {
    trm__lattice_begin(one.net, 1, all.sets + i * 25);
    for (int loop = 0; loop < 2; loop++) trm__lattice_loop(one.net, 1, one.logits, one.conflict);
    assert_memory_equal(one.logits, all.logits + i * N, N * sizeof *one.logits);
    assert_memory_equal(one.conflict, all.conflict + i, sizeof *one.conflict);
    assert_true((double)all.conflict[i] == -all.stats[i].q_halt);
  }
  lattice_fixture_close(&one);
  lattice_fixture_open(&one, &config, "auto", 1, B, 1);
  trm__lattice_train(one.net, &one.batch, one.grads);
  assert_memory_equal(one.grads, all.grads, one.params.trained * sizeof *one.grads);
  lattice_fixture_close(&one);
  lattice_fixture_close(&all);
}

/* -- files ----------------------------------------------------------------------------------------------------------
 */

static void model_file_keeps_it(void **state) {
  (void)state;
  trm_error err;
  trm_model *model = NULL;
  lattice_fixture f;
  trm__weight_set read;
  trm_model_config config = lattice_config(4, 24, 3);
  char dir[256];
  check_temp_dir(dir);
  const char *path = check_path(dir, "lattice.safetensors");
  lattice_fixture_open(&f, &config, "auto", 1, 1, 0);
  trm__model_write what = {
      .config = &config, .params = &f.params, .weights = &f.set, .variant = "ema", .dtype = TRM__ST_F32};
  CHECK_OK(trm__model_save(path, &what, NULL, &err), err);
  CHECK_OK(trm_model_open(&model, path, &err), err);
  assert_int_equal(trm_model_get_config(model)->recursion, TRM_RECURSION_LATTICE);
  assert_non_null(strstr(trm_model_get_metadata(model, "trm.config"), "\"recursion\":\"lattice\""));
  CHECK_OK(trm__weight_set_open(&read, &f.params, &err), err);
  trm__model_read(model, &read);
  assert_memory_equal(read.flat, f.set.flat, f.params.trained * sizeof *read.flat);
  trm__weight_set_close(&read);
  trm_model_close(&model);
  lattice_fixture_close(&f);
  check_remove(dir);
}

/* -- refusals -------------------------------------------------------------------------------------------------------
 */

static void configs_are_refused(void **state) {
  (void)state;
  trm_error err;
  trm_model_config c = lattice_config(9, 128, 4);
  c.L_layers = 4;
  c.num_heads = 4;
  CHECK_OK(trm_model_config_check(&c, &err), err);
  assert_int_equal(trm__dims_from_config(&c).inner_d, 344);
  trm__params params;
  CHECK_OK(trm__params_open(&params, &c, &err), err);
  assert_int_equal(params.trained, trm_model_config_parameters(&c));
  trm__params_close(&params);
#define REFUSED(change, field)                                                                                         \
  do {                                                                                                                 \
    c = lattice_config(9, 128, 4);                                                                                     \
    change;                                                                                                            \
    CHECK_FAILS(trm_model_config_check(&c, &err), TRM_E_INPUT, err, "lattice");                                        \
    assert_string_equal(err.where, field);                                                                             \
  } while (0)
  REFUSED(c.mlp_t = 1, "mlp_t");
  REFUSED(c.pos_encodings = TRM_POS_ROPE, "pos_encodings");
  REFUSED(c.puzzle_emb_ndim = 128, "puzzle_emb_ndim");
  REFUSED(c.H_cycles = 3, "H_cycles");
  REFUSED(c.damping = 0.1, "damping");
  REFUSED(c.forward_dtype = TRM_BFLOAT16, "forward_dtype");
  REFUSED(c.seq_len = 80, "recursion");
  REFUSED(c.vocab_size = 12, "recursion");
  REFUSED(c = lattice_config(25, 128, 4), "recursion");
  trm__network *net = NULL;
  trm__network_plan plan = {.max_batch = 1};
  c = lattice_config(4, 8, 2);
  CHECK_FAILS(trm__network_open(&net, &c, NULL, NULL, &plan, &err), TRM_E_UNSUPPORTED, err, "lattice");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pass_matches), cmocka_unit_test(bits_do_not_depend),
                                     cmocka_unit_test(model_file_keeps_it), cmocka_unit_test(configs_are_refused)};
  return cmocka_run_group_tests_name("lattice", tests, NULL, NULL);
}
