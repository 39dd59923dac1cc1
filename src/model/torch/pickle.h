/* A restricted reader of Python's pickles: what torch.save writes of a state dict, and nothing else. A pickle is a
 * program for a stack machine, and in Python its instructions may call any function. Here they put together values of
 * the kinds below; a class or function that is not in the table of pickle.c is refused by name, as is every instruction
 * that torch.save does not use. Nothing is ever called.
 *
 * Bytes: an instruction is one byte and its argument; the protocols 2 to 5 are read. A tensor is a call of
 * torch._utils._rebuild_tensor_v2 with (storage, offset, shape, strides, ...), a storage a persistent id, the tuple
 * ("storage", class, key, location, elements). OrderedDict's attributes (of a state dict the versions of its modules)
 * are passed over.
 *
 * Work and memory are bounded by the pickle's bytes: an instruction makes at most one value, containers refer to values
 * by number, and no size that is written in the pickle is believed before it is compared with what is there. */
#ifndef TRM_MODEL_TORCH_PICKLE_H
#define TRM_MODEL_TORCH_PICKLE_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#include "model/file/safetensors.h"

#define TRM__PICKLE_MOST 1000000 /* values */
#define TRM__PICKLE_RANK 8       /* dimensions of a tensor, as trm__st_tensor has room for */

typedef enum trm__pickle_kind {
  TRM__PICKLE_NONE,
  TRM__PICKLE_BOOL,
  TRM__PICKLE_INT,
  TRM__PICKLE_REAL,
  TRM__PICKLE_TEXT,
  TRM__PICKLE_TUPLE,
  TRM__PICKLE_LIST,
  TRM__PICKLE_DICT,
  TRM__PICKLE_CLASS,   /* or function, one that is known */
  TRM__PICKLE_STORAGE, /* numbers of a tensor, somewhere else in the file */
  TRM__PICKLE_TENSOR
} trm__pickle_kind;

typedef struct trm__pickle_tensor {
  uint32_t storage; /* a value */
  int rank;
  int64_t offset, shape[TRM__PICKLE_RANK], stride[TRM__PICKLE_RANK]; /* in elements, 0 or more */
} trm__pickle_tensor;

typedef struct trm__pickle_value {
  uint8_t kind;
  uint8_t dtype;  /* STORAGE: trm__st_dtype; CLASS: its number in the table */
  uint32_t count; /* TEXT: bytes; TUPLE, LIST: items; DICT: keys and values together, a value behind its key */
  union {
    int64_t integer; /* BOOL, INT */
    double real;
    const char *text; /* into the pickle, without a NUL behind it */
    uint32_t *item;   /* [count] numbers of values, owned */
    struct {
      uint32_t key; /* TEXT: what names it in the file */
      int64_t elements;
    } storage;
    trm__pickle_tensor *tensor; /* owned */
  } as;
} trm__pickle_value;

typedef struct trm__pickle {
  trm__pickle_value *value;
  size_t count, room;
  uint32_t root; /* what the pickle is of */
  size_t used;   /* bytes, up to and with its end */
} trm__pickle;

/* data [size] must outlive pickle; more may follow the end. where names the file in errors. TRM_E_INPUT says the byte.
 */
trm_status trm__pickle_parse(trm__pickle *pickle, const void *data, size_t size, const char *where, trm_error *err);
void trm__pickle_close(trm__pickle *pickle);

/* A value of a dict by its key; NULL: there is none, or value is no dict. */
const trm__pickle_value *trm__pickle_get(const trm__pickle *pickle, const trm__pickle_value *value, const char *key);

#endif
