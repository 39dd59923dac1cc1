/* What the training tests share: a small data set of 4x4 Sudoku, a small model whose slots halt at different steps, and
 * a run of it. */
#ifndef TRM_TESTS_UNIT_TRAIN_SUPPORT_H
#define TRM_TESTS_UNIT_TRAIN_SUPPORT_H

#include "support/check.h"

#include <trm/train.h>

#include "base/rng.h"
#include "model/file/model_file.h"
#include "train/update.h"

static inline trm_runtime *tiny_runtime(int threads) {
  trm_error err = {0};
  trm_runtime *runtime = NULL;
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = threads;
  CHECK_OK(trm_runtime_open(&runtime, &config, &err), err);
  return runtime;
}

/* A data set of 20 training and 6 test puzzles in dir/data. */
static inline void tiny_data(const char *dir) {
  trm_error err = {0};
  trm_make_config config = trm_make_config_default();
  snprintf(config.out, sizeof config.out, "%s/data", dir);
  config.side = 4;
  config.train = 20;
  config.test = 6;
  config.threads = 1;
  CHECK_OK(trm_data_make(&config, NULL, NULL, &err), err);
}

/* Two layers of mixer over 17 positions, with a puzzle prefix. */
static inline trm_model_config tiny_model(void) {
  trm_model_config config = trm_model_config_default();
  config.hidden_size = 32;
  config.num_heads = 4;
  config.L_layers = 1;
  config.H_cycles = 2;
  config.L_cycles = 1;
  config.mlp_t = 1;
  config.pos_encodings = TRM_POS_NONE;
  config.puzzle_emb_ndim = 20;
  config.puzzle_emb_len = 1;
  config.halt_max_steps = 4;
  config.halt_exploration_prob = 0.3;
  config.forward_dtype = TRM_FLOAT32;
  config.seq_len = 16;
  config.vocab_size = 6;
  config.num_puzzle_identifiers = 1;
  return config;
}

static inline trm_train_config tiny_train(const char *dir, const char *run) {
  trm_train_config config = trm_train_config_default();
  snprintf(config.data, sizeof config.data, "%s/data", dir);
  snprintf(config.run, sizeof config.run, "%s/%s", dir, run);
  config.seed = 7;
  config.batch = 6;
  config.micro_batch = 4;
  config.steps = 12;
  config.augment = 1;
  config.lr = 1e-3;
  config.lr_min_ratio = 0.1;
  config.lr_warmup_steps = 3;
  config.weight_decay = 0.1;
  config.puzzle_emb_lr = 1e-3;
  config.puzzle_emb_weight_decay = 0.1;
  config.ema_decay = 0.9;
  config.save_every = 4;
  return config;
}

/* A model file whose halting head mostly says yes, so that exploration makes slots halt at different steps. rows: of
 * the puzzle table, row i filled with i + 1. */
static inline void tiny_start(const char *path, int rows) {
  trm_error err = {0};
  trm_model_config config = tiny_model();
  config.num_puzzle_identifiers = rows;
  trm__params params;
  trm__weight_set set;
  CHECK_OK(trm__params_open(&params, &config, &err), err);
  CHECK_OK(trm__weight_set_open(&set, &params, &err), err);
  trm__weight_set_init(&set, &params, 3);
  trm__weights_view view = trm__params_view(&params, set.flat);
  trm__rng rng = trm__rng_make(5, TRM__RNG_TEST, 0);
  for (int i = 0; i < 2 * (int)config.hidden_size; i++) view.q_weight[i] = (trm__real)(0.3 * trm__rng_normal(&rng));
  view.q_bias[0] = view.q_bias[1] = 4;
  for (int i = 0; i < rows * (int)config.puzzle_emb_ndim; i++)
    set.puzzle[i] = (trm__real)(i / (int)config.puzzle_emb_ndim + 1);
  trm__model_write what = {
      .config = &config, .params = &params, .weights = &set, .variant = "raw", .dtype = TRM__ST_F32};
  CHECK_OK(trm__model_save(path, &what, NULL, &err), err);
  trm__weight_set_close(&set);
  trm__params_close(&params);
}

#endif
