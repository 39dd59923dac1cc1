/* Numbers of safetensors in and out: conversion from every element type when reading, and the streaming writer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "model/file/safetensors.h"

/* -- reading ----------------------------------------------------------------------------------------------------- */

static double half_to_double(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double sign = bits >> 15 ? -1 : 1;
  if (exponent == 31) return fraction ? (double)NAN : sign * (double)INFINITY;
  return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

static float bf16_to_float(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

#define LOAD(type, expression)                                                                                         \
  {                                                                                                                    \
    type x;                                                                                                            \
    memcpy(&x, at, sizeof x);                                                                                          \
    return expression;                                                                                                 \
  }

static double element_read(trm__st_dtype dtype, const unsigned char *at) {
  switch (dtype) {
  case TRM__ST_BOOL:
  case TRM__ST_U8:
    return *at;
  case TRM__ST_I8:
    LOAD(int8_t, x)
  case TRM__ST_I16:
    LOAD(int16_t, x)
  case TRM__ST_U16:
    LOAD(uint16_t, x)
  case TRM__ST_F16:
    LOAD(uint16_t, half_to_double(x))
  case TRM__ST_BF16:
    LOAD(uint16_t, (double)bf16_to_float(x))
  case TRM__ST_I32:
    LOAD(int32_t, x)
  case TRM__ST_U32:
    LOAD(uint32_t, x)
  case TRM__ST_F32:
    LOAD(float, (double)x)
  case TRM__ST_F64:
    LOAD(double, x)
  case TRM__ST_I64:
    LOAD(int64_t, (double)x)
  case TRM__ST_U64:
    LOAD(uint64_t, (double)x)
  }
  return 0;
}

double trm__st_element(const trm__st_tensor *tensor, size_t i) {
  return element_read(tensor->dtype, tensor->data + i * trm__st_dtype_size(tensor->dtype));
}

void trm__st_read_double(const trm__st_tensor *tensor, double *out) {
  size_t size = trm__st_dtype_size(tensor->dtype);
  for (size_t i = 0; i < tensor->elements; i++) out[i] = element_read(tensor->dtype, tensor->data + i * size);
}

void trm__st_read_real(const trm__st_tensor *tensor, trm__real *out) {
  size_t size = trm__st_dtype_size(tensor->dtype);
  if (tensor->dtype == TRM__ST_F32 && sizeof(trm__real) == sizeof(float)) {
    if (tensor->bytes) memcpy(out, tensor->data, tensor->bytes); /* keeps the bits of NaNs too */
    return;
  }
  for (size_t i = 0; i < tensor->elements; i++)
    out[i] = (trm__real)element_read(tensor->dtype, tensor->data + i * size);
}

/* -- writing ----------------------------------------------------------------------------------------------------- */

trm__st_source trm__st_source_of(const trm__st_tensor *t) {
  trm__st_source source = {.name = t->name, .dtype = t->dtype, .rank = t->rank, .data = t->data};
  memcpy(source.shape, t->shape, sizeof source.shape);
  return source;
}

static uint16_t float_to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u); /* a NaN stays one */
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static size_t source_elements(const trm__st_source *t) {
  size_t elements = 1;
  for (int i = 0; i < t->rank; i++) elements *= (size_t)t->shape[i];
  return elements;
}

static json_t *source_describe(const trm__st_source *t, size_t begin, size_t end) {
  json_t *shape = json_array();
  for (int i = 0; i < t->rank && shape; i++)
    if (json_array_append_new(shape, json_integer(t->shape[i]))) {
      json_decref(shape);
      shape = NULL;
    }
  return json_pack("{s:s, s:o, s:[I, I]}", "dtype", trm__st_dtype_name(t->dtype), "shape", shape, "data_offsets",
                   (json_int_t)begin, (json_int_t)end);
}

/* The header's text, padded with spaces to a multiple of 8; NULL without memory. Free with trm__free. */
static char *header_compose(const json_t *metadata, const trm__st_source *tensors, size_t count, size_t *length) {
  char *text = NULL, *padded = NULL;
  size_t at = 0;
  json_t *header = json_object();
  if (!header) return NULL;
  if (metadata && json_object_set(header, "__metadata__", (json_t *)(uintptr_t)metadata)) goto done;
  for (size_t i = 0; i < count; i++) {
    size_t end = at + trm__st_source_bytes(&tensors[i]);
    if (json_object_set_new(header, tensors[i].name, source_describe(&tensors[i], at, end))) goto done;
    at = end;
  }
  text = trm__json_text(header, JSON_COMPACT);
  if (!text) goto done;
  size_t written = strlen(text);
  *length = (written + 7) / 8 * 8;
  padded = trm__calloc(*length + 1, 1);
  if (!padded) goto done;
  memset(padded, ' ', *length);
  memcpy(padded, text, written);
done:
  json_decref(header);
  free(text);
  return padded;
}

/* Numbers from..from+n of the source as floats. */
static void source_widen(const trm__st_source *t, size_t from, size_t n, float *wide) {
  const trm__real *real = t->data;
  for (size_t i = 0; i < n; i++)
    wide[i] = (float)(t->converted ? trm__st_element(t->converted, from + i) : real[from + i]);
}

static trm_status source_convert(const trm__st_source *t, trm__st_take take, void *context, trm_error *err) {
  enum { CHUNK = 1024 };
  float wide[CHUNK];
  uint16_t narrow[CHUNK];
  size_t count = source_elements(t);
  trm_status status = TRM_OK;
  for (size_t from = 0; from < count && !status; from += CHUNK) {
    size_t n = count - from < CHUNK ? count - from : CHUNK;
    source_widen(t, from, n, wide);
    if (t->dtype == TRM__ST_BF16)
      for (size_t i = 0; i < n; i++) narrow[i] = float_to_bf16(wide[i]);
    status = t->dtype == TRM__ST_BF16 ? take(context, narrow, n * sizeof *narrow, err)
                                      : take(context, wide, n * sizeof *wide, err);
  }
  return status;
}

size_t trm__st_source_bytes(const trm__st_source *t) {
  return source_elements(t) * trm__st_dtype_size(t->dtype);
}

trm_status trm__st_source_read(const trm__st_source *t, trm__st_take take, void *context, trm_error *err) {
  size_t bytes = trm__st_source_bytes(t);
  int as_they_are =
      !t->converted && (!t->data_is_real || (t->dtype == TRM__ST_F32 && sizeof(trm__real) == sizeof(float)));
  if (as_they_are) return bytes ? take(context, t->data, bytes, err) : TRM_OK;
  if (t->dtype == TRM__ST_F32 || t->dtype == TRM__ST_BF16) return source_convert(t, take, context, err);
  return trm__fail(err, TRM_E_INTERNAL, t->name, "numbers can be written as F32 or BF16, not as %s",
                   trm__st_dtype_name(t->dtype));
}

static trm_status take_to_file(void *writer, const void *data, size_t size, trm_error *err) {
  return trm__writer_write(writer, data, size, err);
}

trm_status trm__st_write(const char *path, const json_t *metadata, const trm__st_source *tensors, size_t count,
                         uint32_t *crc, trm_error *err) {
  trm__writer *w = NULL;
  size_t length = 0;
  char *header = header_compose(metadata, tensors, count, &length);
  if (!header) return trm__fail_memory(err, path, length);
  uint64_t prefix = length;
  trm_status status = trm__writer_open(&w, path, err);
  if (!status) status = trm__writer_write(w, &prefix, sizeof prefix, err);
  if (!status) status = trm__writer_write(w, header, length, err);
  for (size_t i = 0; i < count && !status; i++) status = trm__st_source_read(&tensors[i], take_to_file, w, err);
  if (!status && crc) *crc = trm__writer_crc(w);
  if (!status) status = trm__writer_commit(&w, err);
  else trm__writer_abort(&w);
  trm__free(header);
  return status;
}
