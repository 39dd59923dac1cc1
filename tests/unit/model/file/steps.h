/* What a model file computes, for tests that compare one with its copies. */
#ifndef TRM_TESTS_UNIT_MODEL_FILE_STEPS_H
#define TRM_TESTS_UNIT_MODEL_FILE_STEPS_H

#include "support/model_fixture.h"

#include "model/file/model_file.h"

/* Logits and q of two supervision steps of a model from a file. dtype: the forward type; negative: the model's own. */
static trm__real *model_steps(const trm_model *model, int dtype, const char *isa, size_t *count) {
  fixture f;
  trm_error err;
  memset(&f, 0, sizeof f);
  f.config = *trm_model_get_config(model);
  if (dtype >= 0) f.config.forward_dtype = dtype;
  f.b = 3;
  fixture_machine(&f, isa, 1);
  CHECK_OK(trm__params_open(&f.params, &f.config, &err), err);
  CHECK_OK(trm__weight_set_open(&f.set, &f.params, &err), err);
  trm__model_read(model, &f.set);
  fixture_data(&f, 6);
  fixture_network(&f, 0, 0);
  fixture_rewind(&f);
  size_t logits = (size_t)f.b * f.logit, all = logits + 2 * (size_t)f.b;
  trm__real *out = fixture_reals(all, 1, 1, 0);
  for (int step = 0; step < 2; step++) trm__network_step(f.net, f.b, f.tokens, f.rows, f.y, f.z, out, out + logits);
  fixture_close(&f);
  *count = all;
  return out;
}

#endif
