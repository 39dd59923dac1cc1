/* The original's tensors without our metadata: what their shapes tell, what they cannot tell, and what does not fit. */
#include "support/model_fixture.h"

#include "model/file/model_file.h"

static char folder[64];

/* The tensors of a network with this configuration under the original's names. */
static void write_bare(const trm_model_config *config, const char *prefix, const char *without) {
  trm_error err;
  trm__params params;
  trm__weight_set set;
  trm__st_source source[64];
  char names[64][128];
  size_t count = 0;
  CHECK_OK(trm__params_open(&params, config, &err), err);
  CHECK_OK(trm__weight_set_open(&set, &params, &err), err);
  trm__weight_set_init(&set, &params, 5);
  for (int i = params.count - 1; i >= 0; i--) {
    const trm__param *p = &params.item[i];
    if (without && strstr(p->name, without)) continue;
    snprintf(names[count], sizeof names[count], "%s%s", prefix, p->name);
    source[count] = (trm__st_source){.name = names[count],
                                     .dtype = TRM__ST_F32,
                                     .rank = p->rank,
                                     .shape = {p->rows, p->cols},
                                     .data = trm__weight_set_tensor(&set, &params, i),
                                     .data_is_real = 1};
    count++;
  }
  json_t *metadata = json_pack("{s:s}", "format", "pt");
  CHECK_OK(trm__st_write(check_path(folder, "bare.safetensors"), metadata, source, count, NULL, &err), err);
  json_decref(metadata);
  trm__weight_set_close(&set);
  trm__params_close(&params);
}

/* What of config no shape tells; the rest is as it is by default. */
static trm_model_config untold(const trm_model_config *config) {
  trm_model_config c = trm_model_config_default();
  c.puzzle_emb_len = config->puzzle_emb_len;
  c.num_heads = config->num_heads;
  c.H_cycles = config->H_cycles;
  c.L_cycles = config->L_cycles;
  if (config->pos_encodings == TRM_POS_NONE && !config->mlp_t) c.pos_encodings = TRM_POS_NONE;
  return c;
}

/* Keys that are known of a fixture's network. */
static const char *known_keys(const trm_model_config *config, int cells, char text[128]) {
  snprintf(text, 128, "num_heads puzzle_emb_len H_cycles L_cycles%s%s", cells ? " seq_len" : "",
           config->pos_encodings == TRM_POS_NONE && !config->mlp_t ? " pos_encodings" : "");
  return text;
}

static void test_every_kind(void **state) {
  (void)state;
  static const char *const prefixes[] = {"", "model.", "_orig_mod.model."};
  for (int mixer = 0; mixer < 2; mixer++)
    for (int positions = TRM_POS_NONE; positions <= TRM_POS_LEARNED; positions++)
      for (int prefix = 0; prefix < 2; prefix++) {
        if (mixer && positions == TRM_POS_ROPE) continue;
        trm_error err = {0};
        trm_model *m = NULL, *again = NULL;
        trm_model_config config = fixture_config(mixer, positions, prefix);
        if (!prefix) config.num_puzzle_identifiers = 1;
        write_bare(&config, prefixes[(mixer + positions) % 3], NULL);
        trm_model_config given = untold(&config);
        const char *path = check_path(folder, "bare.safetensors");
        char known[128];
        trm_adoption how = trm_adoption_default();
        trm_adoption_report report;
        how.config = &given;
        how.known = known_keys(&config, 0, known);
        if (!mixer && positions != TRM_POS_LEARNED) {
          CHECK_FAILS(trm_model_adopt(&m, path, &how, &report, &err), TRM_E_USAGE, err, "no tensor of");
          assert_string_equal(err.where, "seq_len");
          given.seq_len = config.seq_len;
          how.known = known_keys(&config, 1, known);
        }
        CHECK_OK(trm_model_adopt(&m, path, &how, &report, &err), err);
        assert_string_equal(report.form, "safetensors");
        assert_non_null(strstr(report.shapes, "hidden_size 8"));
        assert_non_null(strstr(report.known, "H_cycles 2"));
        assert_non_null(strstr(report.supposed, "forward_dtype float32"));
        assert_non_null(strstr(report.defaults, "damping 0"));
        assert_memory_equal(trm_model_get_config(m), &config, sizeof config);
        trm_model_conversion what = trm_model_conversion_default();
        CHECK_OK(trm_model_convert(m, check_path(folder, "ours.safetensors"), &what, &err), err);
        CHECK_OK(trm_model_open(&again, check_path(folder, "ours.safetensors"), &err), err);
        assert_non_null(trm_model_get_checksum(again));
        assert_memory_equal(trm_model_get_config(again), &config, sizeof config);
        trm_model_close(&again);
        trm_model_close(&m);
      }
}

static void refuse(const trm_model_config *given, const char *known, trm_status status, const char *message) {
  trm_error err = {0};
  trm_model *m = NULL;
  trm_adoption how = trm_adoption_default();
  size_t used = trm__mem_used();
  how.config = given;
  how.known = known;
  CHECK_FAILS(trm_model_adopt(&m, check_path(folder, "bare.safetensors"), &how, NULL, &err), status, err, message);
  assert_null(m);
  assert_int_equal(trm__mem_used(), used);
}

static void test_what_does_not_fit(void **state) {
  (void)state;
  static const char known[] = "num_heads puzzle_emb_len H_cycles L_cycles";
  trm_error err = {0};
  trm_model *m = NULL;
  trm_model_config config = fixture_config(1, TRM_POS_NONE, 1), given = untold(&config);
  write_bare(&config, "", "embed_tokens");
  refuse(&given, known, TRM_E_INPUT, "is no model");
  write_bare(&config, "", "mlp.down_proj");
  refuse(&given, known, TRM_E_INPUT, "is no model");
  write_bare(&config, "", "lm_head");
  refuse(&given, known, TRM_E_INPUT, "has no tensor \"inner.lm_head.weight\"");
  write_bare(&config, "", "H_init");
  refuse(&given, known, TRM_E_INPUT, "trm_singlez");
  write_bare(&config, "", NULL);
  given.seq_len = 8;
  refuse(&given, "seq_len puzzle_emb_len", TRM_E_INPUT, "9 positions, of which 2 are the prefix");
  given.puzzle_emb_len = 9;
  refuse(&given, known, TRM_E_INPUT, "expected cells behind it");
  given = untold(&config);
  given.expansion = 64;
  refuse(&given, "expansion puzzle_emb_len", TRM_E_INPUT, "has shape");
  given = untold(&config);
  given.vocab_size = 6;
  refuse(&given, "vocab_size puzzle_emb_len", TRM_E_INPUT, "tensors of vocab_size 5, but its configuration says 6");
  refuse(&given, "mlp_t", TRM_E_INPUT, "mlp_t true, but its configuration says false");
  refuse(&given, "width", TRM_E_USAGE, "no key");
  given.pos_encodings = TRM_POS_LEARNED;
  refuse(&given, "pos_encodings", TRM_E_INPUT, "no learned positions");
  given.size = 1;
  refuse(&given, known, TRM_E_USAGE, "trm_model_config_default");
  given = untold(&config);
  trm_adoption how = trm_adoption_default();
  how.config = &given;
  how.known = known;
  CHECK_OK(trm_model_adopt(&m, check_path(folder, "bare.safetensors"), &how, NULL, &err), err);
  trm_model_conversion what = trm_model_conversion_default();
  CHECK_OK(trm_model_convert(m, check_path(folder, "bare.safetensors"), &what, &err), err);
  trm_model_close(&m);
  refuse(&given, known, TRM_E_USAGE, "is a trm model");
}

/* With nothing known: what the number of tokens of a published task tells, and what other signs tell. */
static void test_what_is_supposed(void **state) {
  (void)state;
  trm_error err = {0};
  trm_model *m = NULL;
  trm_adoption_report report;
  trm_model_config config = fixture_config(0, TRM_POS_ROPE, 1);
  config.vocab_size = 12;
  config.seq_len = 900;
  config.hidden_size = 128;
  config.num_heads = 2;
  config.expansion = 7; /* an inner width of 768, where the usual 4 gives 512 */
  config.puzzle_emb_ndim = 128;
  write_bare(&config, "_orig_mod.model.", NULL);
  CHECK_OK(trm_model_adopt(&m, check_path(folder, "bare.safetensors"), NULL, &report, &err), err);
  const trm_model_config *c = trm_model_get_config(m);
  assert_int_equal(c->seq_len, 900);
  assert_int_equal(c->L_cycles, 4);
  assert_int_equal(c->num_heads, 2);
  assert_true(c->expansion == 9);
  assert_int_equal(c->puzzle_emb_len, 16);
  assert_int_equal(c->pos_encodings, TRM_POS_ROPE);
  assert_non_null(strstr(report.supposed, "seq_len 900"));
  assert_non_null(strstr(report.defaults, "H_cycles 3"));
  trm_model_close(&m);
  config = fixture_config(1, TRM_POS_NONE, 1);
  config.vocab_size = 11;
  config.seq_len = 81;
  config.puzzle_emb_len = 3; /* not the usual 16: it follows from the 81 cells */
  write_bare(&config, "module.", NULL);
  CHECK_OK(trm_model_adopt(&m, check_path(folder, "bare.safetensors"), NULL, &report, &err), err);
  assert_int_equal(trm_model_get_config(m)->puzzle_emb_len, 3);
  assert_int_equal(trm_model_get_config(m)->seq_len, 81);
  trm_model_close(&m);
}

static trm_status adopt_once(void *path, trm_error *err) {
  trm_model *m = NULL;
  trm_status status = trm_model_adopt(&m, path, NULL, NULL, err);
  trm_model_close(&m);
  return status;
}

static trm_status export_once(void *path, trm_error *err) {
  char out[200];
  trm_model *m = NULL;
  trm_status status = trm_model_adopt(&m, path, NULL, NULL, err);
  snprintf(out, sizeof out, "%s.pt", (const char *)path);
  if (!status) status = trm_model_export(m, out, NULL, err);
  trm_model_close(&m);
  return status;
}

static void test_each_allocation(void **state) {
  (void)state;
  char path[128];
  trm_error err;
  trm_model *m = NULL;
  snprintf(path, sizeof path, "%s/bare.safetensors", folder);
  check_each_allocation(adopt_once, path);
  check_each_allocation(export_once, path);
  strcat(path, ".pt");
  CHECK_OK(trm_model_adopt(&m, path, NULL, NULL, &err), err);
  trm_model_close(&m);
  check_each_allocation(adopt_once, path);
}

/* A disk that fails at any call leaves no half of a checkpoint. */
static void test_full_disk(void **state) {
  (void)state;
  char path[128], out[160];
  trm_error err;
  trm_model *m = NULL;
  snprintf(path, sizeof path, "%s/bare.safetensors", folder);
  snprintf(out, sizeof out, "%s/full.pt", folder);
  CHECK_OK(trm_model_adopt(&m, path, NULL, NULL, &err), err);
  for (long n = 1; n < 1000; n++) {
    check_disk_fail_at(n, ENOSPC);
    trm_status status = trm_model_export(m, out, NULL, &err);
    check_disk_fail_at(0, 0);
    if (!status) break;
    assert_int_equal(status, TRM_E_IO);
    trm_model *whole = NULL; /* there when the folder's sync alone failed */
    if (access(out, F_OK) == 0) CHECK_OK(trm_model_adopt(&whole, out, NULL, NULL, &err), err);
    trm_model_close(&whole);
    (void)remove(out);
  }
  assert_int_equal(access(out, F_OK), 0);
  trm_model_close(&m);
}

static int make_folder(void **state) {
  (void)state;
  check_temp_dir(folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  check_remove(folder);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_kind), cmocka_unit_test(test_what_does_not_fit),
                                     cmocka_unit_test(test_what_is_supposed), cmocka_unit_test(test_each_allocation),
                                     cmocka_unit_test(test_full_disk)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
