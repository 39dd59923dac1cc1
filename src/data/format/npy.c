/* Reading and writing .npy files. The header is Python source, but only the one dict of three keys that NumPy writes is
 * accepted; the shape's product and the file's size must agree exactly, so no element can lie outside the file. */
#include "data/format/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

#define HEADER_LIMIT 65536

static const struct {
  const char *name; /* as we write it */
  size_t item;
} npy_types[] = {
    [TRM__NPY_U8] = {"|u1", 1},   [TRM__NPY_I8] = {"|i1", 1},  [TRM__NPY_U16] = {"<u2", 2}, [TRM__NPY_I16] = {"<i2", 2},
    [TRM__NPY_U32] = {"<u4", 4},  [TRM__NPY_I32] = {"<i4", 4}, [TRM__NPY_I64] = {"<i8", 8}, [TRM__NPY_U64] = {"<u8", 8},
    [TRM__NPY_BOOL] = {"|b1", 1}, [TRM__NPY_F32] = {"<f4", 4}, [TRM__NPY_F64] = {"<f8", 8}};
enum { npy_type_count = sizeof npy_types / sizeof *npy_types };

size_t trm__npy_item(trm__npy_type type) {
  return npy_types[type].item;
}

int trm__npy_is_whole(trm__npy_type type) {
  return type != TRM__NPY_F32 && type != TRM__NPY_F64;
}

/* -- the header's Python -- */

typedef struct scanner {
  const char *text;
  size_t size, at;
  const char *where;
  trm_error *err;
} scanner;

static trm_status npy_fail(const scanner *s, const char *expected) {
  char found[32];
  if (s->at >= s->size) snprintf(found, sizeof found, "the header's end");
  else snprintf(found, sizeof found, "byte 0x%02x", (unsigned char)s->text[s->at]);
  return trm__fail(s->err, TRM_E_INPUT, s->where, "npy header, byte %zu: found %s, expected %s", s->at, found,
                   expected);
}

static void npy_skip_space(scanner *s) {
  while (s->at < s->size && memchr(" \t\r\n", s->text[s->at], 4)) s->at++;
}

static int npy_take(scanner *s, char c) {
  npy_skip_space(s);
  if (s->at >= s->size || s->text[s->at] != c) return 0;
  s->at++;
  return 1;
}

static trm_status npy_take_string(scanner *s, char *out, size_t size) {
  char quote = '\'';
  if (!npy_take(s, '\'')) {
    if (!npy_take(s, '"')) return npy_fail(s, "a quoted string (structured and object types are not read)");
    quote = '"';
  }
  size_t length = 0;
  while (s->at < s->size && s->text[s->at] != quote) {
    unsigned char c = (unsigned char)s->text[s->at];
    if (c < 0x20 || c > 0x7e || c == '\\' || length + 1 >= size) return npy_fail(s, "a short plain string");
    out[length++] = s->text[s->at++];
  }
  if (s->at >= s->size) return npy_fail(s, "a closing quote");
  s->at++;
  out[length] = '\0';
  return TRM_OK;
}

/* "<i4": byte order, kind, bytes. '|' says that there is no order, so only single bytes may have it. */
static trm_status npy_take_type(scanner *s, trm__npy *npy) {
  char name[16] = "";
  trm_status status = npy_take_string(s, name, sizeof name);
  if (status) return status;
  for (int i = 0; i < npy_type_count && strchr("<>=|", name[0]); i++) {
    if (!name[0] || strcmp(name + 1, npy_types[i].name + 1) != 0 || (name[0] == '|' && npy_types[i].item > 1)) continue;
    npy->type = (trm__npy_type)i;
    npy->big_endian = name[0] == '>';
    return TRM_OK;
  }
  return trm__fail(s->err, TRM_E_INPUT, s->where,
                   "element type '%s', expected numbers: u1 i1 u2 i2 u4 i4 u8 i8 b1 f4 or f8, behind < or >", name);
}

static trm_status npy_take_order(scanner *s, trm__npy *npy) {
  static const char *const words[] = {"False", "True"};
  npy_skip_space(s);
  for (int i = 0; i < 2; i++) {
    size_t length = strlen(words[i]);
    if (s->size - s->at < length || memcmp(s->text + s->at, words[i], length) != 0) continue;
    s->at += length;
    npy->fortran = i;
    return TRM_OK;
  }
  return npy_fail(s, "True or False");
}

static trm_status npy_take_number(scanner *s, int64_t *out) {
  npy_skip_space(s);
  if (s->at >= s->size || s->text[s->at] < '0' || s->text[s->at] > '9') return npy_fail(s, "a number from 0 up");
  int64_t value = 0;
  for (; s->at < s->size && s->text[s->at] >= '0' && s->text[s->at] <= '9'; s->at++) {
    int digit = s->text[s->at] - '0';
    if (value > (INT64_MAX - digit) / 10) return npy_fail(s, "a size below 2^63");
    value = value * 10 + digit;
  }
  if (s->at < s->size && s->text[s->at] == 'L') s->at++; /* Python 2 wrote its long integers so */
  *out = value;
  return TRM_OK;
}

/* (), (3,), (3, 4) and the like. */
static trm_status npy_take_shape(scanner *s, trm__npy *npy) {
  if (!npy_take(s, '(')) return npy_fail(s, "'(' of the shape");
  npy->rank = 0;
  while (!npy_take(s, ')')) {
    if (npy->rank == TRM__NPY_RANK)
      return trm__fail(s->err, TRM_E_INPUT, s->where, "more than %d dimensions, expected at most that", TRM__NPY_RANK);
    trm_status status = npy_take_number(s, &npy->shape[npy->rank++]);
    if (status) return status;
    if (!npy_take(s, ',') && (s->at >= s->size || s->text[s->at] != ')')) return npy_fail(s, "',' or ')' in the shape");
  }
  return TRM_OK;
}

static trm_status npy_take_dict(scanner *s, trm__npy *npy) {
  static const char *const keys[] = {"descr", "fortran_order", "shape"};
  unsigned seen = 0;
  if (!npy_take(s, '{')) return npy_fail(s, "'{'");
  while (!npy_take(s, '}')) {
    char key[16];
    trm_status status = npy_take_string(s, key, sizeof key);
    if (status) return status;
    int which = 0;
    while (which < 3 && strcmp(key, keys[which]) != 0) which++;
    if (which == 3 || (seen & (1u << which)))
      return trm__fail(s->err, TRM_E_INPUT, s->where,
                       "npy header: found key '%s'%s, expected descr, fortran_order and shape once each", key,
                       which == 3 ? "" : " a second time");
    seen |= 1u << which;
    if (!npy_take(s, ':')) return npy_fail(s, "':'");
    status = which == 0 ? npy_take_type(s, npy) : which == 1 ? npy_take_order(s, npy) : npy_take_shape(s, npy);
    if (status) return status;
    if (!npy_take(s, ',') && (s->at >= s->size || s->text[s->at] != '}')) return npy_fail(s, "',' or '}'");
  }
  npy_skip_space(s);
  if (s->at != s->size) return npy_fail(s, "nothing after the dict");
  for (int i = 0; i < 3; i++)
    if (!(seen & (1u << i)))
      return trm__fail(s->err, TRM_E_INPUT, s->where, "npy header: no '%s', expected descr, fortran_order and shape",
                       keys[i]);
  return TRM_OK;
}

/* -- the file -- */

static trm_status npy_check_size(trm__npy *npy, size_t left, const char *where, trm_error *err) {
  size_t count = 1, bytes = 0;
  int fits = 1;
  for (int i = 0; i < npy->rank; i++) fits = fits && trm__mul_size(count, (size_t)npy->shape[i], &count);
  fits = fits && trm__mul_size(count, npy_types[npy->type].item, &bytes) && bytes <= TRM__NPY_LIMIT;
  if (!fits)
    return trm__fail(err, TRM_E_INPUT, where, "the shape claims more than 8 GiB, the file has %zu bytes", left);
  if (bytes != left)
    return trm__fail(err, TRM_E_INPUT, where, "the shape needs %zu bytes of elements, the file has %zu", bytes, left);
  npy->count = count;
  return TRM_OK;
}

trm_status trm__npy_parse(trm__npy *npy, const void *bytes, size_t size, const char *where, trm_error *err) {
  const unsigned char *p = bytes;
  trm__npy result = {0};
  if (size < 10 || memcmp(p, "\x93NUMPY", 6) != 0)
    return trm__fail(err, TRM_E_INPUT, where, "%zu bytes that do not begin with \\x93NUMPY, expected a .npy file",
                     size);
  if (p[6] < 1 || p[6] > 3 || p[7] != 0)
    return trm__fail(err, TRM_E_INPUT, where, "npy version %d.%d, expected 1.0, 2.0 or 3.0", p[6], p[7]);
  size_t prefix = p[6] == 1 ? 10 : 12;
  if (size < prefix) return trm__fail(err, TRM_E_INPUT, where, "the file ends inside the npy header");
  size_t header = p[8] | (size_t)p[9] << 8;
  if (prefix == 12) header |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
  if (header > HEADER_LIMIT || header > size - prefix)
    return trm__fail(err, TRM_E_INPUT, where, "npy header claims %zu bytes, expected at most %zu", header,
                     size - prefix < HEADER_LIMIT ? size - prefix : (size_t)HEADER_LIMIT);
  scanner s = {.text = (const char *)p + prefix, .size = header, .where = where, .err = err};
  trm_status status = npy_take_dict(&s, &result);
  if (!status) status = npy_check_size(&result, size - prefix - header, where, err);
  if (status) return status;
  result.data = p + prefix + header;
  *npy = result;
  return TRM_OK;
}

trm_status trm__npy_open(trm__npy *npy, const char *path, trm_error *err) {
  trm__map map = {0};
  trm_status status = trm__map_open(&map, path, err);
  if (status) return status;
  status = trm__npy_parse(npy, map.data, map.size, path, err);
  if (!status) npy->map = map;
  else trm__map_close(&map);
  return status;
}

void trm__npy_close(trm__npy *npy) {
  if (npy->map.data) trm__map_close(&npy->map);
  memset(npy, 0, sizeof *npy);
}

/* Where element i of C order lies among the elements of the file. */
static size_t npy_place(const trm__npy *npy, size_t i) {
  if (!npy->fortran || npy->rank < 2) return i;
  size_t index[TRM__NPY_RANK], place = 0;
  for (int d = npy->rank - 1; d >= 0; d--) {
    index[d] = i % (size_t)npy->shape[d];
    i /= (size_t)npy->shape[d];
  }
  for (int d = npy->rank - 1; d >= 0; d--) place = place * (size_t)npy->shape[d] + index[d];
  return place;
}

/* The bits of element i, whatever the machine's byte order is. */
static uint64_t npy_bits(const trm__npy *npy, size_t i) {
  size_t item = npy_types[npy->type].item;
  const unsigned char *p = npy->data + npy_place(npy, i) * item;
  uint64_t value = 0;
  for (size_t k = 0; k < item; k++) value |= (uint64_t)p[npy->big_endian ? item - 1 - k : k] << (8 * k);
  return value;
}

int64_t trm__npy_int(const trm__npy *npy, size_t i) {
  uint64_t value = npy_bits(npy, i);
  switch (npy->type) {
  case TRM__NPY_I8:
    return (int8_t)value;
  case TRM__NPY_I16:
    return (int16_t)value;
  case TRM__NPY_I32:
    return (int32_t)value;
  case TRM__NPY_U64:
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
  case TRM__NPY_BOOL:
    return value != 0;
  default:
    return (int64_t)value;
  }
}

double trm__npy_real(const trm__npy *npy, size_t i) {
  if (trm__npy_is_whole(npy->type)) return (double)trm__npy_int(npy, i);
  uint64_t bits = npy_bits(npy, i);
  uint32_t half = (uint32_t)bits;
  float narrow;
  double value;
  memcpy(&narrow, &half, sizeof narrow);
  memcpy(&value, &bits, sizeof value);
  return npy->type == TRM__NPY_F32 ? (double)narrow : value;
}

static trm_status npy_write_header(trm__writer *w, trm__npy_type type, int rank, const int64_t *shape, trm_error *err) {
  char text[256], dims[128];
  size_t used = 0;
  dims[0] = '\0';
  for (int i = 0; i < rank; i++)
    used += (size_t)snprintf(dims + used, sizeof dims - used, "%" PRId64 "%s", shape[i],
                             rank == 1      ? ","
                             : i + 1 < rank ? ", "
                                            : "");
  int length = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                        npy_types[type].name, dims);
  /* Padded with spaces so that the elements begin at a multiple of 64 bytes. */
  size_t header = ((size_t)length + 1 + 10 + 63) / 64 * 64 - 10;
  unsigned char block[10 + sizeof text + 64];
  memcpy(block, "\x93NUMPY\x01", 8);
  block[8] = (unsigned char)(header & 255);
  block[9] = (unsigned char)(header >> 8);
  memset(block + 10, ' ', header);
  memcpy(block + 10, text, (size_t)length);
  block[10 + header - 1] = '\n';
  return trm__writer_write(w, block, 10 + header, err);
}

trm_status trm__npy_begin(trm__writer **w, const char *path, trm__npy_type type, int rank, const int64_t *shape,
                          trm_error *err) {
  trm_status status = trm__writer_open(w, path, err);
  if (!status) status = npy_write_header(*w, type, rank, shape, err);
  if (status) trm__writer_abort(w);
  return status;
}

trm_status trm__npy_write(const char *path, trm__npy_type type, int rank, const int64_t *shape, const void *data,
                          trm_error *err) {
  size_t bytes = npy_types[type].item;
  for (int i = 0; i < rank; i++)
    if (!trm__mul_size(bytes, (size_t)shape[i], &bytes))
      return trm__fail(err, TRM_E_INTERNAL, path, "the array's size overflows");
  trm__writer *w = NULL;
  trm_status status = trm__npy_begin(&w, path, type, rank, shape, err);
  if (!status) status = trm__writer_write(w, data, bytes, err);
  if (!status) return trm__writer_commit(&w, err);
  trm__writer_abort(&w);
  return status;
}
