/* The checksum of a model. Pieces carry their lengths and lists their counts, so that no two models give the same
 * bytes. */
#include "model/file/checksum.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

/* -- pieces -------------------------------------------------------------------------------------------------------- */

static void sum_number(trm__sha256 *sha, uint64_t number) {
  unsigned char bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(number >> 8 * i);
  trm__sha256_add(sha, bytes, sizeof bytes);
}

static void sum_piece(trm__sha256 *sha, const char *text, size_t size) {
  sum_number(sha, size);
  trm__sha256_add(sha, text, size);
}

static trm_status take_bytes(void *sha, const void *data, size_t size, trm_error *err) {
  (void)err;
  trm__sha256_add(sha, data, size);
  return TRM_OK;
}

static trm_status sum_tensor(trm__sha256 *sha, const trm__st_source *t, trm_error *err) {
  const char *dtype = trm__st_dtype_name(t->dtype);
  sum_piece(sha, t->name, strlen(t->name));
  sum_piece(sha, dtype, strlen(dtype));
  sum_number(sha, 8 * (uint64_t)t->rank);
  for (int i = 0; i < t->rank; i++) sum_number(sha, (uint64_t)t->shape[i]);
  sum_number(sha, trm__st_source_bytes(t));
  return trm__st_source_read(t, take_bytes, sha, err);
}

/* -- lists in their order ------------------------------------------------------------------------------------------ */

static int key_is_covered(const char *key) {
  static const char *const telling[] = {"trm.sha256", "trm.card", "trm.version",
                                        "trm.step",   "trm.seed", "trm.quantized_from"};
  for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
    if (!strcmp(key, telling[i])) return 0;
  return !strncmp(key, "trm.", 4);
}

static int compare_keys(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_names(const void *a, const void *b) {
  return strcmp((*(const trm__st_source *const *)a)->name, (*(const trm__st_source *const *)b)->name);
}

static trm_status sum_metadata(trm__sha256 *sha, const json_t *metadata, const char *where, trm_error *err) {
  json_t *object = (json_t *)(uintptr_t)metadata; /* jansson's iterators are not const; nothing is changed */
  size_t room = json_object_size(object), count = 0;
  const char *key, **keys = trm__calloc(room + 1, sizeof *keys);
  json_t *value;
  if (!keys) return trm__fail_memory(err, where, room * sizeof *keys);
  json_object_foreach(object, key, value) {
    if (key_is_covered(key)) keys[count++] = key;
  }
  qsort(keys, count, sizeof *keys, compare_keys);
  sum_number(sha, count);
  for (size_t i = 0; i < count; i++) {
    value = json_object_get(object, keys[i]);
    sum_piece(sha, keys[i], strlen(keys[i]));
    sum_piece(sha, json_string_value(value), json_string_length(value));
  }
  trm__free(keys);
  return TRM_OK;
}

static trm_status sum_tensors(trm__sha256 *sha, const trm__st_source *tensors, size_t count, const char *where,
                              trm_error *err) {
  const trm__st_source **sorted = trm__calloc(count + 1, sizeof *sorted);
  if (!sorted) return trm__fail_memory(err, where, count * sizeof *sorted);
  for (size_t i = 0; i < count; i++) sorted[i] = &tensors[i];
  qsort(sorted, count, sizeof *sorted, compare_names);
  trm_status status = TRM_OK;
  sum_number(sha, count);
  for (size_t i = 0; i < count && !status; i++) status = sum_tensor(sha, sorted[i], err);
  trm__free(sorted);
  return status;
}

trm_status trm__model_checksum(char hex[TRM__SHA256_HEX], const json_t *metadata, const trm__st_source *tensors,
                               size_t count, const char *where, trm_error *err) {
  static const char title[] = "trm model";
  trm__sha256 sha;
  trm__sha256_begin(&sha);
  sum_piece(&sha, title, sizeof title - 1);
  trm_status status = sum_metadata(&sha, metadata, where, err);
  if (!status) status = sum_tensors(&sha, tensors, count, where, err);
  if (!status) trm__sha256_end(&sha, hex);
  return status;
}

trm_status trm__model_checksum_of(char hex[TRM__SHA256_HEX], const trm__safetensors *st, const char *where,
                                  trm_error *err) {
  trm__st_source *source = trm__calloc(st->count + 1, sizeof *source);
  if (!source) return trm__fail_memory(err, where, st->count * sizeof *source);
  for (size_t i = 0; i < st->count; i++) source[i] = trm__st_source_of(&st->tensor[i]);
  trm_status status = trm__model_checksum(hex, st->metadata, source, st->count, where, err);
  trm__free(source);
  return status;
}
