/* Checkpoints: which form a file has, where the bytes of its storages lie, and the tensors of its pickle as a list. */
#include "model/torch/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "model/torch/pickle.h"
#include "model/torch/zip.h"

enum {
  PICKLE_LIMIT = 16 << 20, /* bytes of the pickle in an archive; a state dict's has a few thousand */
  DEPTH = 16,              /* of dicts within dicts */
  VISITS = 1 << 20,        /* values looked at; dicts may contain one another many times */
  NAME = 500
};

typedef struct checkpoint {
  const unsigned char *data;
  size_t size;
  const char *where;
  trm_error *err;
  trm__pickle pickle;
  trm__zip zip;
  const trm__zip_entry *root;       /* data.pkl; NULL: not an archive */
  size_t folder;                    /* bytes of its name in front of "data.pkl" */
  trm__pickle keys;                 /* of form 2: the storages' */
  const unsigned char **place;      /* [keys' count] elements behind their number */
  size_t visits, letters, gathered; /* bytes of names, of strided tensors */
  trm__safetensors *st;
} checkpoint;

const char *trm__checkpoint_form_text(trm__checkpoint_form form) {
  static const char *const text[] = {[TRM__CHECKPOINT_ZIP] = "torch.save (zip archive)",
                                     [TRM__CHECKPOINT_LEGACY] = "torch.save (legacy pickle)",
                                     [TRM__CHECKPOINT_SAFETENSORS] = "safetensors"};
  return text[form];
}

static trm_status checkpoint_fail(const checkpoint *c, const char *name, const char *what) {
  return trm__fail(c->err, TRM_E_INPUT, c->where, "tensor \"%.100s\" %s", name, what);
}

/* -- storages ------------------------------------------------------------------------------------------------------ */

static trm_status storage_in_archive(checkpoint *c, const trm__pickle_value *key, size_t bytes, const char *name,
                                     const unsigned char **out) {
  char tail[160];
  if (key->count > 100) return checkpoint_fail(c, name, "is of a storage whose name is too long");
  (void)snprintf(tail, sizeof tail, "data/%.*s", (int)key->count, key->as.text);
  trm__zip_entry *entry = trm__zip_find(&c->zip, c->root->name, c->folder, tail);
  if (!entry)
    return trm__fail(c->err, TRM_E_INPUT, c->where, "tensor \"%.100s\" is of the storage %s, which the archive has not",
                     name, tail);
  if (entry->size != bytes)
    return trm__fail(c->err, TRM_E_INPUT, c->where,
                     "tensor \"%.100s\": its storage %s has %zu bytes, but the pickle says %zu", name, tail,
                     entry->size, bytes);
  *out = entry->data;
  return trm__zip_check(entry, c->where, c->err);
}

static trm_status storage_in_legacy(checkpoint *c, const trm__pickle_value *key, int64_t elements, const char *name,
                                    const unsigned char **out) {
  const trm__pickle_value *list = &c->keys.value[c->keys.root];
  for (uint32_t i = 0; i < list->count; i++) {
    const trm__pickle_value *k = &c->keys.value[list->as.item[i]];
    if (k->count != key->count || memcmp(k->as.text, key->as.text, key->count) != 0) continue;
    if (trm__zip_number(c->place[i] - 8, 8) != (uint64_t)elements)
      return checkpoint_fail(c, name, "is of a storage with another number of elements than the pickle says");
    *out = c->place[i];
    return TRM_OK;
  }
  return checkpoint_fail(c, name, "is of a storage that the file has not");
}

/* -- tensors ------------------------------------------------------------------------------------------------------- */

static int tensor_is_in_order(const trm__pickle_tensor *t) {
  int64_t wanted = 1;
  for (int i = t->rank - 1; i >= 0; wanted *= t->shape[i--])
    if (t->shape[i] != 1 && t->stride[i] != wanted) return 0;
  return 1;
}

/* Elements of `size` bytes at their strides, put in the order of the shape. */
static void tensor_gather(unsigned char *to, const unsigned char *from, const trm__pickle_tensor *t, size_t elements,
                          size_t size) {
  int64_t at[TRM__PICKLE_RANK] = {0}, place = 0;
  for (size_t i = 0; i < elements; i++) {
    memcpy(to + i * size, from + (size_t)place * size, size);
    for (int d = t->rank - 1; d >= 0; d--) {
      place += t->stride[d];
      if (++at[d] < t->shape[d]) break;
      place -= t->stride[d] * t->shape[d];
      at[d] = 0;
    }
  }
}

/* Its data points to the first element in the file; gathered later, when all are known, where strides want it. */
static trm_status tensor_add(checkpoint *c, const trm__pickle_tensor *t, const char *name) {
  const trm__pickle_value *storage = &c->pickle.value[t->storage];
  trm__st_tensor *out = &c->st->tensor[c->st->count];
  const unsigned char *data = NULL;
  size_t size = trm__st_dtype_size((trm__st_dtype)storage->dtype), bytes;
  const trm__pickle_value *key = &c->pickle.value[storage->as.storage.key];
  if (c->st->count >= TRM__CHECKPOINT_MOST)
    return trm__fail(c->err, TRM_E_INPUT, c->where, "has more than %d tensors", TRM__CHECKPOINT_MOST);
  if (!trm__mul_size((size_t)storage->as.storage.elements, size, &bytes))
    return checkpoint_fail(c, name, "is of a storage larger than any memory");
  trm_status status = c->root ? storage_in_archive(c, key, bytes, name, &data)
                              : storage_in_legacy(c, key, storage->as.storage.elements, name, &data);
  if (status) return status;
  *out = (trm__st_tensor){.dtype = (trm__st_dtype)storage->dtype, .rank = t->rank, .elements = 1};
  for (int i = 0; i < t->rank; i++) out->shape[i] = t->shape[i], out->elements *= (size_t)t->shape[i];
  out->bytes = out->elements * size;
  out->data = data + (out->elements ? (size_t)t->offset * size : 0);
  out->name = trm__strdup(name);
  if (!out->name) return trm__fail_memory(c->err, c->where, strlen(name));
  c->st->count++;
  c->letters += strlen(name) + 1;
  if (out->elements && !tensor_is_in_order(t)) c->gathered += out->bytes; /* no overflow: each is a part of the file */
  return TRM_OK;
}

/* -- the pickle's values as a list --------------------------------------------------------------------------------- */

/* strides of the tensors found, for gathering: in the order of st->tensor. */
typedef struct walk {
  checkpoint *c;
  const trm__pickle_tensor **tensor; /* [TRM__CHECKPOINT_MOST] */
} walk;

static trm_status walk_value(walk *w, uint32_t id, char name[NAME], int depth);

/* What stands under the name with .key behind it. */
static trm_status walk_child(walk *w, uint32_t id, char name[NAME], const char *key, size_t length, int depth) {
  size_t used = strlen(name);
  if (memchr(key, 0, length))
    return trm__fail(w->c->err, TRM_E_INPUT, w->c->where, "has a name with a NUL byte under \"%.100s\"", name);
  if (used + length + 2 > NAME)
    return trm__fail(w->c->err, TRM_E_INPUT, w->c->where, "has a name of over %d bytes: \"%.100s...\"", NAME, name);
  (void)snprintf(name + used, NAME - used, "%s%.*s", used ? "." : "", (int)length, key);
  trm_status status = walk_value(w, id, name, depth + 1);
  name[used] = 0;
  return status;
}

static trm_status walk_container(walk *w, const trm__pickle_value *v, char name[NAME], int depth) {
  const trm__pickle *p = &w->c->pickle;
  trm_status status = TRM_OK;
  int dict = v->kind == TRM__PICKLE_DICT;
  for (uint32_t i = 0; i < v->count && !status; i += dict ? 2 : 1) {
    char number[32];
    const trm__pickle_value *key = dict ? &p->value[v->as.item[i]] : NULL;
    if (key && key->kind == TRM__PICKLE_TEXT) {
      status = walk_child(w, v->as.item[i + 1], name, key->as.text, key->count, depth);
      continue;
    }
    if (key && key->kind != TRM__PICKLE_INT) continue;
    int length = snprintf(number, sizeof number, "%lld", key ? (long long)key->as.integer : (long long)i);
    status = walk_child(w, v->as.item[dict ? i + 1 : i], name, number, (size_t)length, depth);
  }
  return status;
}

static trm_status walk_value(walk *w, uint32_t id, char name[NAME], int depth) {
  checkpoint *c = w->c;
  const trm__pickle_value *v = &c->pickle.value[id];
  if (++c->visits > VISITS)
    return trm__fail(c->err, TRM_E_INPUT, c->where, "has dicts that contain one another too often: over %d values",
                     VISITS);
  switch (v->kind) {
  case TRM__PICKLE_TENSOR:
    if (c->st->count < TRM__CHECKPOINT_MOST) w->tensor[c->st->count] = v->as.tensor;
    return tensor_add(c, v->as.tensor, name);
  case TRM__PICKLE_DICT:
  case TRM__PICKLE_LIST:
  case TRM__PICKLE_TUPLE:
    if (depth >= DEPTH)
      return trm__fail(c->err, TRM_E_INPUT, c->where, "has dicts within dicts deeper than %d: \"%.100s\"", DEPTH, name);
    return walk_container(w, v, name, depth);
  default: /* numbers of epochs and the like */
    return TRM_OK;
  }
}

static int names_compare(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static trm_status names_check_unique(const checkpoint *c) {
  const char **sorted = trm__calloc(c->st->count + 1, sizeof *sorted);
  trm_status status = TRM_OK;
  if (!sorted) return trm__fail_memory(c->err, c->where, c->st->count * sizeof *sorted);
  for (size_t i = 0; i < c->st->count; i++) sorted[i] = c->st->tensor[i].name;
  if (c->st->count) qsort(sorted, c->st->count, sizeof *sorted, names_compare);
  for (size_t i = 1; i < c->st->count && !status; i++)
    if (!strcmp(sorted[i - 1], sorted[i])) status = checkpoint_fail(c, sorted[i], "is there twice");
  trm__free(sorted);
  return status;
}

/* Names into one block, as trm__safetensors keeps them, and strided tensors into another. Nothing is changed on
 * failure. */
static trm_status checkpoint_settle(checkpoint *c, const walk *w) {
  if (c->gathered > c->size) /* each fits its storage, but all of them may be of one */
    return trm__fail(
        c->err, TRM_E_INPUT, c->where,
        "has tensors whose strides reorder %zu bytes, more than the file's %zu; save them with .contiguous()",
        c->gathered, c->size);
  char *names = trm__calloc(c->letters + 1, 1);
  unsigned char *numbers = trm__calloc(c->gathered + 1, 1);
  if (!names || !numbers) {
    trm__free(names);
    trm__free(numbers);
    return trm__fail_memory(c->err, c->where, c->letters + c->gathered);
  }
  c->st->names = names;
  c->st->numbers = numbers;
  for (size_t i = 0; i < c->st->count; i++) {
    trm__st_tensor *t = &c->st->tensor[i];
    size_t length = strlen(t->name) + 1;
    memcpy(names, t->name, length);
    trm__free((char *)(uintptr_t)t->name);
    t->name = names;
    names += length;
    if (!t->elements || tensor_is_in_order(w->tensor[i])) continue;
    tensor_gather(numbers, t->data, w->tensor[i], t->elements, trm__st_dtype_size(t->dtype));
    t->data = numbers;
    numbers += t->bytes;
  }
  return TRM_OK;
}

static trm_status checkpoint_list(checkpoint *c) {
  char name[NAME] = "";
  walk w = {c, trm__calloc(TRM__CHECKPOINT_MOST, sizeof *w.tensor)};
  c->st->tensor = trm__calloc(TRM__CHECKPOINT_MOST, sizeof *c->st->tensor);
  c->st->metadata = json_object();
  if (!w.tensor || !c->st->tensor || !c->st->metadata) {
    trm__free(w.tensor);
    return trm__fail_memory(c->err, c->where, TRM__CHECKPOINT_MOST * sizeof *c->st->tensor);
  }
  trm_status status = TRM_OK;
  int kind = c->pickle.value[c->pickle.root].kind;
  if (kind != TRM__PICKLE_DICT)
    status = trm__fail(c->err, TRM_E_INPUT, c->where,
                       "holds %s, expected a dict of tensors, as torch.save(model.state_dict(), "
                       "FILE) writes it",
                       kind == TRM__PICKLE_TENSOR ? "a single tensor" : "no dict");
  if (!status) status = walk_value(&w, c->pickle.root, name, 0);
  if (!status) status = names_check_unique(c);
  if (!status) status = checkpoint_settle(c, &w);
  for (size_t i = 0; i < c->st->count && status; i++) trm__free((char *)(uintptr_t)c->st->tensor[i].name);
  trm__free(w.tensor);
  return status;
}

/* -- the forms ----------------------------------------------------------------------------------------------------- */

static trm_status archive_find_root(checkpoint *c) {
  static const char pickle[] = "data.pkl";
  size_t length = sizeof pickle - 1;
  for (size_t i = 0; i < c->zip.count; i++) {
    const trm__zip_entry *e = &c->zip.entry[i];
    if (e->length < length + 2 || memcmp(e->name + e->length - length, pickle, length) != 0) continue;
    if (memchr(e->name, '/', e->length) != e->name + e->length - length - 1) continue;
    c->root = e;
    c->folder = e->length - length;
  }
  if (!c->root)
    return trm__fail(c->err, TRM_E_INPUT, c->where, "is a zip archive without FOLDER/data.pkl: not of torch.save");
  if (trm__zip_find(&c->zip, c->root->name, c->folder, "constants.pkl"))
    return trm__fail(c->err, TRM_E_INPUT, c->where,
                     "is a TorchScript archive, which holds a program; save the weights alone: torch.save("
                     "model.state_dict(), FILE)");
  const trm__zip_entry *order = trm__zip_find(&c->zip, c->root->name, c->folder, "byteorder");
  if (order && (order->size != 6 || memcmp(order->data, "little", 6) != 0))
    return trm__fail(c->err, TRM_E_INPUT, c->where, "was saved on a big-endian machine, whose numbers are not read");
  if (c->root->size > PICKLE_LIMIT)
    return trm__fail(c->err, TRM_E_INPUT, c->where, "has a pickle of %zu bytes, expected at most %d", c->root->size,
                     PICKLE_LIMIT);
  return trm__zip_check((trm__zip_entry *)(uintptr_t)c->root, c->where, c->err);
}

static trm_status archive_read(checkpoint *c) {
  trm_status status = trm__zip_parse(&c->zip, c->data, c->size, c->where, c->err);
  if (!status) status = archive_find_root(c);
  if (!status) status = trm__pickle_parse(&c->pickle, c->root->data, c->root->size, c->where, c->err);
  if (!status) status = checkpoint_list(c);
  return status;
}

/* The number that begins legacy files, as LONG1 has it. */
static const unsigned char legacy_magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
enum { LEGACY_HEAD = 32 };

static size_t legacy_magic_end(const unsigned char *data, size_t size) {
  if (size < LEGACY_HEAD || data[0] != 0x80) return 0;
  for (size_t i = 2; i + sizeof legacy_magic < LEGACY_HEAD; i++)
    if (!memcmp(data + i, legacy_magic, sizeof legacy_magic) && data[i + sizeof legacy_magic] == '.')
      return i + sizeof legacy_magic + 1;
  return 0;
}

/* One of the pickles in front; *at moves behind it. */
static trm_status legacy_next(checkpoint *c, size_t *at, trm__pickle *pickle) {
  size_t size = c->size - *at;
  trm_status status =
      trm__pickle_parse(pickle, c->data + *at, size < PICKLE_LIMIT ? size : PICKLE_LIMIT, c->where, c->err);
  if (!status) *at += pickle->used;
  return status;
}

static trm_status legacy_check_head(checkpoint *c, size_t *at) {
  trm__pickle version = {0}, system = {0};
  trm_status status = legacy_next(c, at, &version);
  if (!status &&
      (version.value[version.root].kind != TRM__PICKLE_INT || version.value[version.root].as.integer != 1001))
    status = trm__fail(c->err, TRM_E_INPUT, c->where, "is of another version of torch.save's legacy format than 1001");
  if (!status) status = legacy_next(c, at, &system);
  const trm__pickle_value *little =
      status ? NULL : trm__pickle_get(&system, &system.value[system.root], "little_endian");
  if (!status && (!little || little->kind != TRM__PICKLE_BOOL || !little->as.integer))
    status = trm__fail(c->err, TRM_E_INPUT, c->where, "was saved on a big-endian machine, whose numbers are not read");
  trm__pickle_close(&version);
  trm__pickle_close(&system);
  return status;
}

/* Bytes of an element of the storage with this key; 0: no tensor needs it. */
static size_t legacy_element_size(const checkpoint *c, const trm__pickle_value *key) {
  for (size_t i = 0; i < c->pickle.count; i++) {
    const trm__pickle_value *v = &c->pickle.value[i];
    if (v->kind != TRM__PICKLE_STORAGE) continue;
    const trm__pickle_value *k = &c->pickle.value[v->as.storage.key];
    if (k->count == key->count && !memcmp(k->as.text, key->as.text, key->count))
      return trm__st_dtype_size((trm__st_dtype)v->dtype);
  }
  return 0;
}

/* Where each storage lies. Of a file that two types share one, the sizes do not work out and it is refused. */
static trm_status legacy_place(checkpoint *c, size_t at) {
  const trm__pickle_value *list = &c->keys.value[c->keys.root];
  if (list->kind != TRM__PICKLE_LIST || list->count > TRM__CHECKPOINT_MOST)
    return trm__fail(c->err, TRM_E_INPUT, c->where, "has no list of storages behind its pickle");
  c->place = trm__calloc((size_t)list->count + 1, sizeof *c->place);
  if (!c->place) return trm__fail_memory(c->err, c->where, list->count * sizeof *c->place);
  for (uint32_t i = 0; i < list->count; i++) {
    const trm__pickle_value *key = &c->keys.value[list->as.item[i]];
    if (key->kind != TRM__PICKLE_TEXT)
      return trm__fail(c->err, TRM_E_INPUT, c->where, "has a storage whose key is no text");
    size_t size = legacy_element_size(c, key);
    if (!size) return trm__fail(c->err, TRM_E_INPUT, c->where, "has a storage that its pickle does not mention");
    if (c->size - at < 8) return trm__fail(c->err, TRM_E_INPUT, c->where, "is truncated: storage %u is missing", i + 1);
    uint64_t elements = trm__zip_number(c->data + at, 8);
    c->place[i] = c->data + (at += 8);
    if (elements > (c->size - at) / size)
      return trm__fail(c->err, TRM_E_INPUT, c->where,
                       "is truncated: storage %u would have %llu numbers of %zu bytes, %zu bytes follow", i + 1,
                       (unsigned long long)elements, size, c->size - at);
    at += (size_t)elements * size;
  }
  return TRM_OK;
}

static trm_status legacy_read(checkpoint *c) {
  size_t at = legacy_magic_end(c->data, c->size);
  trm_status status = legacy_check_head(c, &at);
  if (!status) status = legacy_next(c, &at, &c->pickle);
  if (!status) status = legacy_next(c, &at, &c->keys);
  if (!status) status = legacy_place(c, at);
  if (!status) status = checkpoint_list(c);
  return status;
}

/* -- files that are something else --------------------------------------------------------------------------------- */

static trm_status checkpoint_refuse(const checkpoint *c) {
  static const struct {
    size_t at;
    const char *begins, *what;
  } kinds[] = {
      {0, "version https://git-lfs",
       "is the pointer that Git LFS keeps in place of a file; get the file: git lfs pull"},
      {0, "<!DOCTYPE", "is a page of the web, not the file that it was downloaded as"},
      {0, "<html", "is a page of the web, not the file that it was downloaded as"},
      {0, "\x89HDF\r\n", "is a file of HDF5 (Keras); expected a checkpoint of PyTorch or safetensors"},
      {0, "\x1f\x8b", "is packed with gzip; unpack it first: gunzip"},
      {0, "\x28\xb5\x2f\xfd", "is packed with zstd; unpack it first: unzstd"},
      {0, "\x93NUMPY", "is an array of NumPy; expected a checkpoint of PyTorch or safetensors"},
      {257, "ustar", "is a tar archive (torch.save before 2017 wrote such); save it again with a newer PyTorch"},
      {0, "GGUF", "is a file of GGUF; expected a checkpoint of PyTorch or safetensors"}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    size_t length = strlen(kinds[i].begins);
    if (c->size >= kinds[i].at + length && !memcmp(c->data + kinds[i].at, kinds[i].begins, length))
      return trm__fail(c->err, TRM_E_INPUT, c->where, "%s", kinds[i].what);
  }
  if (c->size && c->data[0] == 0x80)
    return trm__fail(c->err, TRM_E_INPUT, c->where, "is a pickle that torch.save did not write; nothing of it was run");
  return trm__fail(c->err, TRM_E_INPUT, c->where,
                   "is neither a checkpoint of PyTorch (zip archive or legacy pickle) nor safetensors");
}

static trm__checkpoint_form checkpoint_form(const unsigned char *data, size_t size, int *known) {
  *known = 1;
  if (size >= 4 && !memcmp(data, "PK\3\4", 4)) return TRM__CHECKPOINT_ZIP;
  if (legacy_magic_end(data, size)) return TRM__CHECKPOINT_LEGACY;
  *known = size >= 9 && data[8] == '{';
  return TRM__CHECKPOINT_SAFETENSORS;
}

trm_status trm__checkpoint_parse(trm__safetensors *st, trm__checkpoint_form *form, const void *data, size_t size,
                                 const char *where, trm_error *err) {
  trm__safetensors parsed = {0};
  checkpoint c = {.data = data, .size = size, .where = where, .err = err, .st = &parsed};
  int known = 0;
  *form = checkpoint_form(data, size, &known);
  if (!known) return checkpoint_refuse(&c);
  if (*form == TRM__CHECKPOINT_SAFETENSORS) return trm__st_parse(st, data, size, where, err);
  trm_status status = *form == TRM__CHECKPOINT_ZIP ? archive_read(&c) : legacy_read(&c);
  trm__pickle_close(&c.pickle);
  trm__pickle_close(&c.keys);
  trm__zip_close(&c.zip);
  trm__free(c.place);
  if (status) trm__st_close(&parsed);
  else *st = parsed;
  return status;
}

trm_status trm__checkpoint_open(trm__safetensors *st, trm__checkpoint_form *form, const char *path, trm_error *err) {
  trm__map map;
  trm_status status = trm__map_open(&map, path, err);
  if (status) return status;
  status = trm__checkpoint_parse(st, form, map.data, map.size, path, err);
  if (status) trm__map_close(&map);
  else st->map = map;
  return status;
}
