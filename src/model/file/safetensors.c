/* Reading safetensors. The header comes from outside, so nothing in it is trusted: every number is compared with the
 * file's size before it is used, and the tensors together must cover the data exactly once. */
#include "model/file/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors data is little-endian and is used in place"
#endif

#define MAX_HEADER 100000000u /* bytes; the format's own limit */

static const struct {
  const char *name;
  size_t size;
} st_dtypes[] = {
    [TRM__ST_BOOL] = {"BOOL", 1}, [TRM__ST_U8] = {"U8", 1},   [TRM__ST_I8] = {"I8", 1},     [TRM__ST_I16] = {"I16", 2},
    [TRM__ST_U16] = {"U16", 2},   [TRM__ST_F16] = {"F16", 2}, [TRM__ST_BF16] = {"BF16", 2}, [TRM__ST_I32] = {"I32", 4},
    [TRM__ST_U32] = {"U32", 4},   [TRM__ST_F32] = {"F32", 4}, [TRM__ST_F64] = {"F64", 8},   [TRM__ST_I64] = {"I64", 8},
    [TRM__ST_U64] = {"U64", 8},
};
#define DTYPES (sizeof st_dtypes / sizeof *st_dtypes)

const char *trm__st_dtype_name(trm__st_dtype dtype) {
  return st_dtypes[dtype].name;
}
size_t trm__st_dtype_size(trm__st_dtype dtype) {
  return st_dtypes[dtype].size;
}

/* What is being read, for the messages. */
typedef struct source {
  const unsigned char *data; /* after the header */
  size_t size;
  const char *where;
  trm_error *err;
} source;

static trm_status tensor_fail(const source *s, const char *tensor, const char *what) {
  return trm__fail(s->err, TRM_E_INPUT, s->where, "tensor \"%.100s\": %s", tensor, what);
}

static trm_status tensor_read_dtype(const source *s, const char *name, const json_t *entry, trm__st_dtype *dtype) {
  const char *text = json_string_value(json_object_get(entry, "dtype"));
  if (!text) return tensor_fail(s, name, "has no dtype, expected a string such as \"F32\"");
  for (size_t i = 0; i < DTYPES; i++)
    if (strcmp(text, st_dtypes[i].name) == 0) {
      *dtype = (trm__st_dtype)i;
      return TRM_OK;
    }
  return trm__fail(s->err, TRM_E_INPUT, s->where,
                   "tensor \"%.100s\": dtype \"%.20s\" is unknown, expected F32, BF16, F16 or F64", name, text);
}

static trm_status tensor_read_shape(const source *s, const char *name, const json_t *entry, trm__st_tensor *t) {
  const json_t *shape = json_object_get(entry, "shape");
  if (!json_is_array(shape)) return tensor_fail(s, name, "has no shape, expected an array of sizes");
  if (json_array_size(shape) > sizeof t->shape / sizeof *t->shape)
    return tensor_fail(s, name, "has more than 8 dimensions");
  t->rank = (int)json_array_size(shape);
  t->elements = 1;
  for (int i = 0; i < t->rank; i++) {
    const json_t *size = json_array_get(shape, (size_t)i);
    if (!json_is_integer(size) || json_integer_value(size) < 0)
      return tensor_fail(s, name, "has a shape that is not made of whole numbers from 0");
    t->shape[i] = json_integer_value(size);
    if (!trm__mul_size(t->elements, (size_t)t->shape[i], &t->elements))
      return tensor_fail(s, name, "has a shape whose product overflows");
  }
  if (!trm__mul_size(t->elements, st_dtypes[t->dtype].size, &t->bytes))
    return tensor_fail(s, name, "has a shape whose size in bytes overflows");
  return TRM_OK;
}

static trm_status tensor_read_offsets(const source *s, const char *name, const json_t *entry, trm__st_tensor *t) {
  const json_t *offsets = json_object_get(entry, "data_offsets");
  const json_t *first = json_array_get(offsets, 0), *second = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(second))
    return tensor_fail(s, name, "has no data_offsets, expected [begin, end]");
  json_int_t begin = json_integer_value(first), end = json_integer_value(second);
  if (begin < 0 || end < begin || (uint64_t)end > s->size)
    return trm__fail(s->err, TRM_E_INPUT, s->where,
                     "tensor \"%.100s\": data_offsets [%lld, %lld] do not lie in the file's %zu bytes of data", name,
                     (long long)begin, (long long)end, s->size);
  if ((size_t)(end - begin) != t->bytes)
    return trm__fail(s->err, TRM_E_INPUT, s->where,
                     "tensor \"%.100s\": data_offsets span %lld bytes, but its shape and dtype need %zu", name,
                     (long long)(end - begin), t->bytes);
  t->data = s->data + begin;
  return TRM_OK;
}

static trm_status header_read_metadata(const source *s, const json_t *header, json_t **out) {
  json_t *metadata = json_object_get(header, "__metadata__");
  if (!metadata) {
    *out = json_object();
    return *out ? TRM_OK : trm__fail_memory(s->err, s->where, sizeof(json_t *));
  }
  if (!json_is_object(metadata))
    return trm__fail(s->err, TRM_E_INPUT, s->where, "__metadata__ is not an object of strings");
  const char *key;
  json_t *value;
  json_object_foreach(metadata, key, value) {
    if (!json_is_string(value))
      return trm__fail(s->err, TRM_E_INPUT, s->where, "__metadata__ key \"%.100s\" is not a string", key);
  }
  *out = json_incref(metadata);
  return TRM_OK;
}

static int tensors_by_place(const void *a, const void *b) {
  const trm__st_tensor *x = a, *y = b;
  if (x->data != y->data) return x->data < y->data ? -1 : 1;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
  return strcmp(x->name, y->name);
}

/* Sorted by place, each tensor must begin where the one before ended, and the last must end with the file. */
static trm_status tensors_check_cover(const source *s, const trm__safetensors *st) {
  size_t at = 0;
  for (size_t i = 0; i < st->count; i++) {
    size_t begin = (size_t)(st->tensor[i].data - s->data);
    if (begin != at)
      return trm__fail(s->err, TRM_E_INPUT, s->where, "tensor \"%.100s\" begins at byte %zu of the data, which %s",
                       st->tensor[i].name, begin,
                       begin < at ? "overlaps the tensor before it" : "leaves a gap after the tensor before it");
    at = begin + st->tensor[i].bytes;
  }
  if (at != s->size)
    return trm__fail(s->err, TRM_E_INPUT, s->where, "the tensors cover %zu bytes, but the file has %zu bytes of data",
                     at, s->size);
  return TRM_OK;
}

static trm_status tensors_read(const source *s, const json_t *header, trm__safetensors *st) {
  size_t count = 0, letters = 0;
  const char *key;
  json_t *entry;
  json_object_foreach((json_t *)(uintptr_t)header, key, entry) {
    if (strcmp(key, "__metadata__") == 0) continue;
    count++;
    letters += strlen(key) + 1;
  }
  st->tensor = trm__calloc(count, sizeof *st->tensor);
  st->names = trm__calloc(letters, 1);
  if (!st->tensor || !st->names) return trm__fail_memory(s->err, s->where, count * sizeof *st->tensor + letters);
  char *name = st->names;
  json_object_foreach((json_t *)(uintptr_t)header, key, entry) {
    if (strcmp(key, "__metadata__") == 0) continue;
    trm__st_tensor *t = &st->tensor[st->count];
    if (!json_is_object(entry)) return tensor_fail(s, key, "is not described by an object");
    trm_status status = tensor_read_dtype(s, key, entry, &t->dtype);
    if (!status) status = tensor_read_shape(s, key, entry, t);
    if (!status) status = tensor_read_offsets(s, key, entry, t);
    if (status) return status;
    size_t length = strlen(key) + 1;
    t->name = memcpy(name, key, length);
    name += length;
    st->count++;
  }
  if (st->count) qsort(st->tensor, st->count, sizeof *st->tensor, tensors_by_place);
  return tensors_check_cover(s, st);
}

static trm_status header_check(const unsigned char *data, size_t size, const char *where, uint64_t *header,
                               trm_error *err) {
  if (size >= 4 && (!memcmp(data, "PK\3\4", 4) || !memcmp(data, "\x80\x02\x8a\x0a", 4)))
    return trm__fail(err, TRM_E_INPUT, where,
                     "is a checkpoint of PyTorch, expected a model file; trm import makes one of it");
  if (size < 8)
    return trm__fail(err, TRM_E_INPUT, where,
                     "has %zu bytes, too few for a safetensors file (8 for the header's length)", size);
  memcpy(header, data, 8);
  if (*header > MAX_HEADER)
    return trm__fail(err, TRM_E_INPUT, where, "is not a safetensors file: its header claims %llu bytes, the most is %u",
                     (unsigned long long)*header, MAX_HEADER);
  if (*header > size - 8)
    return trm__fail(err, TRM_E_INPUT, where, "is truncated: its header claims %llu bytes, %zu follow",
                     (unsigned long long)*header, size - 8);
  if (*header == 0 || data[8] != '{')
    return trm__fail(err, TRM_E_INPUT, where, "is not a safetensors file: its header does not begin with '{'");
  return TRM_OK;
}

/* White space between tokens; behind the last one it pads. */
static int header_is_spaced(const char *text, size_t length) {
  int in_string = 0;
  while (length && strchr(" \t\r\n", text[length - 1])) length--;
  for (size_t i = 0; i < length; i++) {
    if (in_string && text[i] == '\\') i++;
    else if (text[i] == '"') in_string = !in_string;
    else if (!in_string && strchr(" \t\r\n", text[i])) return 1;
  }
  return 0;
}

trm_status trm__st_parse(trm__safetensors *st, const void *data, size_t size, const char *where, trm_error *err) {
  trm__safetensors parsed;
  memset(&parsed, 0, sizeof parsed);
  json_t *header = NULL;
  uint64_t length = 0;
  trm_status status = header_check(data, size, where, &length, err);
  if (status) return status;
  const char *text = (const char *)data + 8;
  source s = {(const unsigned char *)data + 8 + length, size - 8 - (size_t)length, where, err};
  status = trm__json_parse(&header, text, (size_t)length, where, err);
  if (!status && !json_is_object(header))
    status = trm__fail(err, TRM_E_INPUT, where, "the header is not a JSON object");
  if (!status) status = header_read_metadata(&s, header, &parsed.metadata);
  if (!status) status = tensors_read(&s, header, &parsed);
  parsed.spaced = !status && header_is_spaced(text, (size_t)length);
  json_decref(header);
  if (status) trm__st_close(&parsed);
  else *st = parsed;
  return status;
}

trm_status trm__st_open(trm__safetensors *st, const char *path, trm_error *err) {
  trm__map map;
  trm_status status = trm__map_open(&map, path, err);
  if (status) return status;
  status = trm__st_parse(st, map.data, map.size, path, err);
  if (status) trm__map_close(&map);
  else st->map = map;
  return status;
}

void trm__st_close(trm__safetensors *st) {
  json_decref(st->metadata);
  trm__free(st->tensor);
  trm__free(st->names);
  trm__free(st->numbers);
  if (st->map.data) trm__map_close(&st->map);
  memset(st, 0, sizeof *st);
}

const trm__st_tensor *trm__st_find(const trm__safetensors *st, const char *name) {
  for (size_t i = 0; i < st->count; i++)
    if (strcmp(st->tensor[i].name, name) == 0) return &st->tensor[i];
  return NULL;
}

trm_status trm__st_find_sized(const trm__safetensors *st, const char *name, trm__st_dtype dtype, size_t elements,
                              const char *path, const trm__st_tensor **out, trm_error *err) {
  const trm__st_tensor *tensor = trm__st_find(st, name);
  if (!tensor) return trm__fail(err, TRM_E_INPUT, path, "has no tensor %s", name);
  if (tensor->dtype != dtype || tensor->elements != elements)
    return trm__fail(err, TRM_E_INPUT, path, "tensor %s is %s of %zu numbers, expected %s of %zu", name,
                     trm__st_dtype_name(tensor->dtype), tensor->elements, trm__st_dtype_name(dtype), elements);
  *out = tensor;
  return TRM_OK;
}
