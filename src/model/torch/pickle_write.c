/* Composing pickles: instructions in a buffer that was made large enough. */
#include "model/torch/pickle_write.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

enum { A_TENSOR = 400, BESIDE = 100 }; /* bytes at most without the name; of what stands around the tensors */

typedef struct composition {
  unsigned char *bytes;
  size_t size;
} composition;

static void put(composition *c, const char *code) {
  memcpy(c->bytes + c->size, code, strlen(code));
  c->size += strlen(code);
}

static void put_number(composition *c, int length, uint64_t number) {
  for (int i = 0; i < length; i++) c->bytes[c->size++] = (unsigned char)(number >> 8 * i);
}

static void put_text(composition *c, const char *text) {
  put(c, "X");
  put_number(c, 4, strlen(text));
  put(c, text);
}

/* BININT, or LONG1 of eight bytes. */
static void put_int(composition *c, uint64_t number) {
  if (number < 1u << 31) {
    put(c, "J");
    put_number(c, 4, number);
    return;
  }
  put(c, "\x8a\x08");
  put_number(c, 8, number);
}

static void put_shape(composition *c, const trm__st_source *t) {
  put(c, "(");
  for (int i = 0; i < t->rank; i++) put_int(c, (uint64_t)t->shape[i]);
  put(c, "t(");
  for (int i = 0; i < t->rank; i++) {
    uint64_t stride = 1;
    for (int k = i + 1; k < t->rank; k++) stride *= (uint64_t)t->shape[k];
    put_int(c, stride);
  }
  put(c, "t");
}

/* _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()) */
static void put_tensor(composition *c, const trm__st_source *t, size_t number) {
  char key[24];
  uint64_t elements = 1;
  for (int i = 0; i < t->rank; i++) elements *= (uint64_t)t->shape[i];
  (void)snprintf(key, sizeof key, "%zu", number);
  put(c, "ctorch._utils\n_rebuild_tensor_v2\n((");
  put_text(c, "storage");
  put(c, t->dtype == TRM__ST_BF16 ? "ctorch\nBFloat16Storage\n" : "ctorch\nFloatStorage\n");
  put_text(c, key);
  put_text(c, "cpu");
  put_int(c, elements);
  put(c, "tQ");
  put_int(c, 0);
  put_shape(c, t);
  put(c, "\x89"
         "ccollections\nOrderedDict\n)RtR");
}

trm_status trm__pickle_compose(unsigned char **out, size_t *size, const char *prefix, const trm__st_source *tensors,
                               size_t count, trm_error *err) {
  size_t room = BESIDE;
  for (size_t i = 0; i < count; i++) room += A_TENSOR + strlen(prefix) + strlen(tensors[i].name);
  composition c = {trm__calloc(room, 1), 0};
  if (!c.bytes) return trm__fail_memory(err, "pickle", room);
  put(&c, "\x80\x02"
          "ccollections\nOrderedDict\n)R(");
  for (size_t i = 0; i < count; i++) {
    put(&c, "X");
    put_number(&c, 4, strlen(prefix) + strlen(tensors[i].name));
    put(&c, prefix);
    put(&c, tensors[i].name);
    put_tensor(&c, &tensors[i], i);
  }
  put(&c, "u.");
  *out = c.bytes;
  *size = c.size;
  return TRM_OK;
}
