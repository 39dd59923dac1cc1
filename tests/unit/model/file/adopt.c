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
  c.seq_len = 0;
  c.puzzle_emb_len = config->puzzle_emb_len;
  c.num_heads = config->num_heads;
  c.H_cycles = config->H_cycles;
  c.L_cycles = config->L_cycles;
  if (config->pos_encodings == TRM_POS_NONE && !config->mlp_t) c.pos_encodings = TRM_POS_NONE;
  return c;
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
        if (!mixer && positions != TRM_POS_LEARNED) {
          CHECK_FAILS(trm_model_adopt(&m, path, &given, &err), TRM_E_USAGE, err, "no tensor of");
          assert_string_equal(err.where, "seq_len");
          given.seq_len = config.seq_len;
        }
        CHECK_OK(trm_model_adopt(&m, path, &given, &err), err);
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

static void refuse(const trm_model_config *given, trm_status status, const char *message) {
  trm_error err = {0};
  trm_model *m = NULL;
  size_t used = trm__mem_used();
  CHECK_FAILS(trm_model_adopt(&m, check_path(folder, "bare.safetensors"), given, &err), status, err, message);
  assert_null(m);
  assert_int_equal(trm__mem_used(), used);
}

static void test_what_does_not_fit(void **state) {
  (void)state;
  trm_error err = {0};
  trm_model *m = NULL;
  trm_model_config config = fixture_config(1, TRM_POS_NONE, 1), given = untold(&config);
  write_bare(&config, "", "embed_tokens");
  refuse(&given, TRM_E_INPUT, "is no model");
  write_bare(&config, "", "mlp.down_proj");
  refuse(&given, TRM_E_INPUT, "is no model");
  write_bare(&config, "", "lm_head");
  refuse(&given, TRM_E_INPUT, "has no tensor \"inner.lm_head.weight\"");
  write_bare(&config, "", NULL);
  given.seq_len = 8;
  refuse(&given, TRM_E_INPUT, "9 positions, of which 2 are the prefix");
  given.seq_len = 0;
  given.puzzle_emb_len = 9;
  refuse(&given, TRM_E_INPUT, "expected cells behind it");
  given = untold(&config);
  given.expansion = 64;
  refuse(&given, TRM_E_INPUT, "has shape");
  given.size = 1;
  refuse(&given, TRM_E_USAGE, "trm_model_config_default");
  given = untold(&config);
  CHECK_OK(trm_model_adopt(&m, check_path(folder, "bare.safetensors"), &given, &err), err);
  trm_model_conversion what = trm_model_conversion_default();
  CHECK_OK(trm_model_convert(m, check_path(folder, "bare.safetensors"), &what, &err), err);
  trm_model_close(&m);
  refuse(&given, TRM_E_USAGE, "is a trm model");
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
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_kind), cmocka_unit_test(test_what_does_not_fit)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
