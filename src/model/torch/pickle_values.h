/* What the instructions of a pickle do with the stack machine's state; pickle.c decodes them. Each fails with
 * TRM_E_INPUT that says the byte of the pickle, or TRM_E_MEMORY. */
#ifndef TRM_MODEL_TORCH_PICKLE_VALUES_H
#define TRM_MODEL_TORCH_PICKLE_VALUES_H

#include "base/status.h"
#include "model/torch/pickle.h"

typedef struct trm__unpickler {
  const unsigned char *data; /* [size] */
  size_t size, at;
  size_t begun; /* where the instruction at work begins */
  const char *where;
  trm_error *err;
  trm__pickle pickle;
  uint32_t *stack; /* [depth] numbers of values */
  size_t depth, stack_room;
  size_t *marks; /* [mark_count] depths of the stack */
  size_t mark_count, mark_room;
  size_t floor;   /* the last of them, or 0: what lies under it cannot be popped */
  uint32_t *memo; /* [memos] values, UINT32_MAX where there is none */
  size_t memos, memo_room;
  int stopped;
} trm__unpickler;

trm_status trm__unpickle_fail(trm__unpickler *u, const char *format, ...) TRM__PRINTF(2, 3);

trm_status trm__unpickle_new(trm__unpickler *u, trm__pickle_value value, uint32_t *out);
trm_status trm__unpickle_push(trm__unpickler *u, uint32_t value);
trm_status trm__unpickle_push_new(trm__unpickler *u, trm__pickle_value value);
trm_status trm__unpickle_pop(trm__unpickler *u, uint32_t *value);
trm_status trm__unpickle_mark(trm__unpickler *u);
/* Where the values above the last mark begin, which goes; and the uppermost count. */
trm_status trm__unpickle_to_mark(trm__unpickler *u, size_t *from);
trm_status trm__unpickle_above(trm__unpickler *u, int count, size_t *from);
/* Moves what lies on the stack from `from` on to the end of a container. */
trm_status trm__unpickle_extend(trm__unpickler *u, uint32_t into, size_t from);
trm_status trm__unpickle_put(trm__unpickler *u, uint64_t index);
trm_status trm__unpickle_get(trm__unpickler *u, uint64_t index);

/* Pushes the class or function of that name, or refuses it. */
trm_status trm__unpickle_class(trm__unpickler *u, const char *module, size_t of_module, const char *name,
                               size_t of_name);
/* Pushes what calling it with these arguments gives. */
trm_status trm__unpickle_call(trm__unpickler *u, uint32_t callee, uint32_t arguments);
/* Pushes the storage of a persistent id. */
trm_status trm__unpickle_storage(trm__unpickler *u, uint32_t id);

#endif
