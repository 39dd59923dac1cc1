/* JSON and arrays in one piece of data: see work_data.h. */
#include "serve/work_data.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"

#define WORD 4 /* arrays begin at a multiple */

static size_t data_round(size_t size) {
  return (size + WORD - 1) / WORD * WORD;
}

trm_status trm__work_data_pack(json_t *json, const trm__work_array *array, size_t arrays, const char *what,
                               trm__work_bytes *out, trm_error *err) {
  char *text = json ? trm__json_text(json, JSON_COMPACT) : NULL;
  size_t length = text ? strlen(text) : 0, size = WORD + data_round(length);
  json_decref(json);
  for (size_t i = 0; i < arrays; i++) size += array[i].data ? array[i].size : 0;
  if (text && size > TRM__FRAME_MOST) {
    free(text);
    return trm__fail(err, TRM_E_INPUT, what, "%zu bytes, a frame holds %u", size, TRM__FRAME_MOST);
  }
  unsigned char *data = text ? trm__calloc(size, 1) : NULL;
  if (!data) {
    free(text);
    return trm__fail_memory(err, what, size);
  }
  uint32_t padded = (uint32_t)data_round(length);
  memcpy(data, &padded, WORD);
  memset(data + WORD, ' ', padded);
  memcpy(data + WORD, text, length);
  free(text);
  unsigned char *at = data + WORD + padded;
  for (size_t i = 0; i < arrays; i++) {
    if (!array[i].data || !array[i].size) continue;
    memcpy(at, array[i].data, array[i].size);
    at += array[i].size;
  }
  *out = (trm__work_bytes){data, (uint32_t)size};
  return TRM_OK;
}

trm_status trm__work_data_read(json_t **json, trm__work_rest *rest, const void *data, uint32_t size, const char *what,
                               trm_error *err) {
  uint32_t padded;
  if (size < WORD || (uintptr_t)data % WORD)
    return trm__fail(err, TRM_E_INPUT, what, "%u bytes, expected the length of the JSON first", size);
  memcpy(&padded, data, WORD);
  if (padded % WORD || padded > size - WORD)
    return trm__fail(err, TRM_E_INPUT, what, "JSON of %u bytes in %u bytes", padded, size);
  trm_status status = trm__json_parse(json, (const char *)data + WORD, padded, what, err);
  if (status) return status;
  *rest = (trm__work_rest){(const unsigned char *)data + WORD + padded, size - WORD - padded};
  return TRM_OK;
}

const void *trm__work_rest_take(trm__work_rest *rest, size_t count, int *bad) {
  const void *at = rest->data;
  if (count > rest->size / WORD) {
    *bad = 1;
    return NULL;
  }
  rest->data += count * WORD;
  rest->size -= count * WORD;
  return at;
}

trm_status trm__work_json_pack(json_t *json, const char *what, trm__work_bytes *out, trm_error *err) {
  char *text = json ? trm__json_text(json, JSON_COMPACT) : NULL;
  size_t length = text ? strlen(text) : 0;
  char *data = text ? trm__calloc(length, 1) : NULL;
  json_decref(json);
  if (data) memcpy(data, text, length);
  free(text);
  if (!data) return trm__fail_memory(err, what, length);
  if (length > TRM__FRAME_MOST) {
    trm__free(data);
    return trm__fail(err, TRM_E_INPUT, what, "%zu bytes, a frame holds %u", length, TRM__FRAME_MOST);
  }
  *out = (trm__work_bytes){data, (uint32_t)length};
  return TRM_OK;
}

trm_status trm__work_json_read(json_t **json, const void *data, uint32_t size, const char *what, trm_error *err) {
  if (!size) return trm__fail(err, TRM_E_INPUT, what, "nothing, expected JSON");
  return trm__json_parse(json, data, size, what, err);
}
