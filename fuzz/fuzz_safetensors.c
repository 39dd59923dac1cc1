/* safetensors and model files from memory: whatever the bytes say, parsing ends with a reason or with tensors whose
 * every byte can be read, and a model that opens can be loaded. */
#include <stdlib.h>

#include "base/mem.h"
#include "model/file/model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

static void read_tensors(const uint8_t *data, size_t size) {
  trm__safetensors st;
  trm_error err;
  if (trm__st_parse(&st, data, size, "fuzz", &err)) {
    require(err.message[0] != 0);
    return;
  }
  size_t covered = 0;
  for (size_t i = 0; i < st.count; i++) {
    const trm__st_tensor *t = &st.tensor[i];
    require(t->bytes == 0 || (t->data >= data && t->bytes <= (size_t)(data + size - t->data)));
    require(trm__st_find(&st, t->name) == t);
    covered += t->bytes;
    double *numbers = trm__calloc(t->elements, sizeof *numbers);
    if (numbers) trm__st_read_double(t, numbers);
    trm__free(numbers);
  }
  require(covered <= size);
  trm__st_close(&st);
}

static void read_model(const uint8_t *data, size_t size) {
  trm_model *model = NULL;
  trm__weight_set set;
  trm_error err;
  if (trm__model_parse(&model, data, size, "fuzz", &err)) {
    require(!model && err.message[0] != 0);
    return;
  }
  if (!trm__weight_set_open(&set, &model->params, &err)) {
    trm__model_read(model, &set);
    trm__weight_set_close(&set);
  }
  trm_model_close(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t used = trm__mem_used();
  read_tensors(data, size);
  read_model(data, size);
  require(trm__mem_used() == used);
  return 0;
}
