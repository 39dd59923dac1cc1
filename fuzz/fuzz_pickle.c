/* Pickles: whatever the bytes say, reading ends with a reason or with values whose texts and items lie where they may.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "model/torch/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

static void check_value(const trm__pickle *p, const trm__pickle_value *v, const uint8_t *data, size_t size) {
  const trm__pickle_tensor *t = v->as.tensor;
  switch (v->kind) {
  case TRM__PICKLE_TEXT:
    require((const uint8_t *)v->as.text >= data && (const uint8_t *)v->as.text + v->count <= data + size);
    break;
  case TRM__PICKLE_DICT:
    require(v->count % 2 == 0);
    /* fall through */
  case TRM__PICKLE_TUPLE:
  case TRM__PICKLE_LIST:
    for (uint32_t i = 0; i < v->count; i++) require(v->as.item[i] < p->count);
    break;
  case TRM__PICKLE_STORAGE:
    require(v->as.storage.key < p->count && v->as.storage.elements >= 0);
    require(p->value[v->as.storage.key].kind == TRM__PICKLE_TEXT);
    break;
  case TRM__PICKLE_TENSOR:
    require(t->storage < p->count && p->value[t->storage].kind == TRM__PICKLE_STORAGE);
    require(t->rank <= TRM__PICKLE_RANK && t->offset >= 0);
    break;
  default:
    break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t used = trm__mem_used();
  trm__pickle pickle;
  trm_error err;
  if (trm__pickle_parse(&pickle, data, size, "fuzz", &err)) require(err.message[0] != 0);
  else {
    require(pickle.used <= size && pickle.root < pickle.count);
    for (size_t i = 0; i < pickle.count; i++) check_value(&pickle, &pickle.value[i], data, size);
    trm__pickle_close(&pickle);
  }
  require(trm__mem_used() == used);
  return 0;
}
