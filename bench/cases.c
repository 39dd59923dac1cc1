/* Cases of whole networks (cases.h). */
#include "cases.h"

#include <string.h>
#include <trm/train.h>

const forward_type forward_types[] = {
    {TYPE_FLOAT32, TRM_FLOAT32, "float32", 1},
    {TYPE_BFLOAT16, TRM_BFLOAT16, "bfloat16", 1},
    {TYPE_INT8, TRM_INT8, NULL, 0},
};
const int forward_type_count = sizeof forward_types / sizeof *forward_types;

int case_has_type(const bench *b, const forward_type *type) {
  if (b->device) return type->type == TYPE_BFLOAT16;
  return type->type != TYPE_INT8 || b->kernels->product[TRM_INT8];
}

const network_case *network_cases_of(const bench *b, int *count) {
  static const network_case cpu[] = {{1, 0, 1}, {8, 0, 1}, {32, 0, 0}, {8, 1, 1}};
  static const network_case card[] = {{1, 0, 0}, {8, 0, 0}, {32, 0, 0}, {768, 0, 0}, {768, 1, 0}};
  static const network_case tiny[] = {{1, 0, 0}, {12, 0, 0}, {12, 1, 0}};
  if (b->device && b->mode == MODE_TINY) return *count = sizeof tiny / sizeof *tiny, tiny;
  *count = b->device ? sizeof card / sizeof *card : sizeof cpu / sizeof *cpu;
  return b->device ? card : cpu;
}

const network_preset network_presets[] = {{"sudoku-mlp", 1, 2}, {"sudoku-att", 1, 2}, {"maze", 1, 1}, {"arc", 0, 0}};
const int network_preset_count = sizeof network_presets / sizeof *network_presets;

trm_status case_config(const bench *b, const char *preset, const forward_type *type, trm_model_config *config,
                       trm_error *err) {
  trm_train_config train;
  trm_status status = trm_preset_apply(preset, config, &train, err);
  config->forward_dtype = (int)type->dtype;
  if (status || b->mode != MODE_TINY) return status;
  config->seq_len = config->seq_len > 100 ? 36 : 16;
  config->hidden_size = config->puzzle_emb_ndim = 32;
  config->num_heads = 2;
  config->puzzle_emb_len = 1;
  config->H_cycles = config->L_cycles = 1;
  config->expansion = 1;
  return TRM_OK;
}

double case_operations(const trm_model_config *config, int batch, int training) {
  trm_model_cost cost = trm_model_config_cost(config);
  return batch * (training ? cost.training_step : cost.step);
}

static int calls_of(const trm_model_config *config) {
  return (int)(config->H_cycles * (config->L_cycles + 1));
}

void case_fit(const bench *b, const network_case *c, trm_model_config *config, int *batch, int *calls, int *of) {
  double most = b->run_seconds * 0.7 * b->ceiling_rate;
  *of = calls_of(config);
  if (c->training) {
    most *= 8;
    if (case_operations(config, *batch, 1) > most) config->L_cycles = 1;
    while (*batch > 1 && case_operations(config, *batch, 1) > most) *batch /= 2;
    if (case_operations(config, *batch, 1) > most) config->H_cycles = 1;
  } else {
    if (case_operations(config, *batch, 0) > most) config->H_cycles = 1;
    if (case_operations(config, *batch, 0) > most) config->L_cycles = 1;
  }
  *calls = calls_of(config);
}
