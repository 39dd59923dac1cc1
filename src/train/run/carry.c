/* The slots' file. With one rank on a host it is written from and read into the trainer's own arrays; other ranks and
 * devices need copies in the host's memory, which are kept only while the file is written or read. */
#include "train/run/carry.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "model/file/safetensors.h"

/* Whether y and z can be written and read in place, because activations are trm__real in the host's memory. */
static int carry_is_plain(const trm__trainer *t) {
  const trm__backend *be = t->backend;
  return be->on_host && be->act_bytes(be, &t->params.dims) == sizeof(trm__real);
}

static size_t carry_row(const trm__trainer *t) {
  return (size_t)t->params.dims.L * (size_t)t->params.dims.D;
}

/* The starts of all latents but the first, which is the model's. */
static trm__real *carry_starts(const trm__trainer *t, size_t *n) {
  *n = (size_t)(t->carry.latents - 1) * (size_t)t->params.dims.D;
  return t->start + 2 * (size_t)t->params.dims.D;
}

/* -- this rank's slots, seen from the host ------------------------------------------------------------------------- */

static void carry_return_slots(trm__trainer *trainer, const trm__slots *slots, int changed) {
  const trm__slots *s = &trainer->carry.slots;
  size_t n = (size_t)s->count * sizeof(int32_t), rows = n * (size_t)s->seq_len;
  trm__trainer_return(trainer, s->inputs, rows, slots->inputs, changed);
  trm__trainer_return(trainer, s->labels, rows, slots->labels, changed);
  trm__trainer_return(trainer, s->ids, n, slots->ids, changed);
  trm__trainer_return(trainer, s->steps, n, slots->steps, changed);
  trm__trainer_return(trainer, s->halted, (size_t)s->count, slots->halted, changed);
}

static trm_status carry_borrow_slots(trm__trainer *trainer, trm__slots *out, trm_error *err) {
  const trm__slots *s = &trainer->carry.slots;
  trm__slots c = {.count = s->count, .seq_len = s->seq_len};
  size_t n = (size_t)s->count * sizeof(int32_t), rows = n * (size_t)s->seq_len;
  c.inputs = trm__trainer_borrow(trainer, s->inputs, rows, err);
  if (c.inputs) c.labels = trm__trainer_borrow(trainer, s->labels, rows, err);
  if (c.labels) c.ids = trm__trainer_borrow(trainer, s->ids, n, err);
  if (c.ids) c.steps = trm__trainer_borrow(trainer, s->steps, n, err);
  if (c.steps) c.halted = trm__trainer_borrow(trainer, s->halted, (size_t)s->count, err);
  if (!c.halted) {
    carry_return_slots(trainer, &c, 0);
    return TRM_E_MEMORY;
  }
  *out = c;
  return TRM_OK;
}

/* -- the image ----------------------------------------------------------------------------------------------------- */

static void *image_alloc(trm__carry_image *image, size_t count, size_t size, trm_error *err) {
  void *p = trm__calloc(count, size);
  if (p) image->copy[image->copies++] = p;
  else trm__fail_memory(err, "copy of the carry", count * size);
  return p;
}

/* x, the states of so many latents, as trm__real on the host: x itself where that is possible. NULL without memory. */
static const trm__real *image_read(trm__carry_image *image, const trm__act *x, int latents, trm_error *err) {
  trm__trainer *t = image->trainer;
  size_t n = (size_t)latents * (size_t)t->carry.slots.count * carry_row(t);
  if (carry_is_plain(t)) return (const trm__real *)(const void *)x;
  trm__real *copy = image_alloc(image, n, sizeof *copy, err);
  if (copy) t->backend->act_read(t->backend, &t->params.dims, copy, x, n);
  return copy;
}

/* own: this rank's part of `sets` arrays, one behind the other. *out: on rank 0 the same of all ranks. */
static trm_status image_collect(trm__carry_image *image, const void *own, int sets, size_t row_bytes, const void **out,
                                trm_error *err) {
  trm__trainer *t = image->trainer;
  size_t part = (size_t)t->carry.slots.count * row_bytes, whole = t->share.items * row_bytes;
  unsigned char *all = NULL;
  *out = own;
  if (t->comm->size == 1) return TRM_OK;
  if (t->comm->rank == 0 && !(all = image_alloc(image, (size_t)sets, whole, err))) return TRM_E_MEMORY;
  trm_status status = TRM_OK;
  for (size_t k = 0; k < (size_t)sets && !status; k++)
    status = trm__comm_collect(t->comm, (const unsigned char *)own + k * part, all ? all + k * whole : NULL, &t->share,
                               row_bytes, err);
  if (!status && all) *out = all;
  return status;
}

static trm_status image_collect_slots(trm__carry_image *image, trm_error *err) {
  const trm__slots *from = &image->borrowed;
  const void *inputs = NULL, *labels = NULL, *ids = NULL, *steps = NULL, *halted = NULL;
  size_t tokens = (size_t)from->seq_len * sizeof(int32_t);
  trm_status status = image_collect(image, from->inputs, 1, tokens, &inputs, err);
  if (!status) status = image_collect(image, from->labels, 1, tokens, &labels, err);
  if (!status) status = image_collect(image, from->ids, 1, sizeof(int32_t), &ids, err);
  if (!status) status = image_collect(image, from->steps, 1, sizeof(int32_t), &steps, err);
  if (!status) status = image_collect(image, from->halted, 1, sizeof(uint8_t), &halted, err);
  image->slots = (trm__slots){.count = (int)image->trainer->share.items,
                              .seq_len = from->seq_len,
                              .inputs = (int32_t *)(uintptr_t)inputs,
                              .labels = (int32_t *)(uintptr_t)labels,
                              .ids = (int32_t *)(uintptr_t)ids,
                              .steps = (int32_t *)(uintptr_t)steps,
                              .halted = (uint8_t *)(uintptr_t)halted};
  return status;
}

/* The lattice recursion has one rank on a host, and sets in place of states. */
static trm_status image_open_lattice(trm__carry_image *image, trm_error *err) {
  trm_status status = carry_borrow_slots(image->trainer, &image->borrowed, err);
  return status ? status : image_collect_slots(image, err);
}

trm_status trm__carry_image_open(trm__carry_image *image, trm__trainer *trainer, trm_error *err) {
  trm__trainer *t = trainer;
  const trm__train_slots *c = &t->carry;
  const void *whole;
  size_t starts, row = carry_row(t) * sizeof(trm__real);
  *image = (trm__carry_image){.trainer = t};
  if (c->sets) return image_open_lattice(image, err);
  const trm__real *device = carry_starts(t, &starts), *y = image_read(image, c->y, 1, err);
  const trm__real *z = y ? image_read(image, c->z, c->latents, err) : NULL;
  if (!z) return TRM_E_MEMORY;
  if (starts && !(image->starts = trm__trainer_borrow(t, device, starts * sizeof *device, err))) return TRM_E_MEMORY;
  trm_status status = carry_borrow_slots(t, &image->borrowed, err);
  if (!status) status = image_collect(image, y, 1, row, &whole, err);
  if (status) return status;
  image->y = whole;
  status = image_collect(image, z, c->latents, row, &whole, err);
  if (status) return status;
  image->z = whole;
  return image_collect_slots(image, err);
}

void trm__carry_image_close(trm__carry_image *image) {
  trm__trainer *t = image->trainer;
  size_t starts;
  trm__real *device = carry_starts(t, &starts);
  trm__trainer_return(t, device, starts * sizeof *device, image->starts, 0);
  carry_return_slots(t, &image->borrowed, 0);
  for (int i = 0; i < image->copies; i++) trm__free(image->copy[i]);
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

static trm__st_source source_reals(const char *name, const trm__real *data, int64_t a, int64_t b, int64_t c) {
  trm__st_source source = {.name = name, .dtype = TRM__ST_F32, .rank = b ? 3 : 1, .data = data, .data_is_real = 1};
  source.shape[0] = a, source.shape[1] = b, source.shape[2] = c;
  return source;
}

static trm__st_source source_bytes(const char *name, trm__st_dtype dtype, const void *data, int64_t a, int64_t b) {
  trm__st_source source = {.name = name, .dtype = dtype, .rank = b ? 2 : 1, .data = data};
  source.shape[0] = a, source.shape[1] = b;
  return source;
}

trm_status trm__carry_write(const trm__carry_image *image, const char *path, uint32_t *crc, trm_error *err) {
  const trm__trainer *t = image->trainer;
  const trm__slots *slots = &image->slots;
  size_t starts;
  carry_starts(t, &starts);
  int64_t n = slots->count, s = slots->seq_len, l = t->params.dims.L, d = t->params.dims.D;
  trm__st_source source[] = {source_reals("y", image->y, n, l, d),
                             source_reals("z", image->z, t->carry.latents * n, l, d),
                             source_bytes("inputs", TRM__ST_I32, slots->inputs, n, s),
                             source_bytes("labels", TRM__ST_I32, slots->labels, n, s),
                             source_bytes("ids", TRM__ST_I32, slots->ids, n, 0),
                             source_bytes("steps", TRM__ST_I32, slots->steps, n, 0),
                             source_bytes("halted", TRM__ST_U8, slots->halted, n, 0),
                             source_reals("starts", image->starts, (int64_t)starts, 0, 0)};
  if (t->carry.sets) {
    source[1] = source_bytes("sets", TRM__ST_I32, t->carry.sets, n, s);
    return trm__st_write(path, NULL, source + 1, sizeof source / sizeof *source - 2, crc, err);
  }
  return trm__st_write(path, NULL, source, sizeof source / sizeof *source - !starts, crc, err);
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

/* An open file, and whose slots are read from it. */
typedef struct carry_file {
  trm__safetensors st;
  const char *path;
  trm__trainer *trainer;
} carry_file;

/* This rank's rows of set k among `sets`, as a tensor of their own. */
static trm_status carry_find(const carry_file *f, const char *name, trm__st_dtype dtype, int sets, int k, size_t row,
                             trm__st_tensor *out, trm_error *err) {
  const trm__trainer *t = f->trainer;
  const trm__st_tensor *all = NULL;
  size_t batch = t->share.items, size = trm__st_dtype_size(dtype);
  trm_status status = trm__st_find_sized(&f->st, name, dtype, (size_t)sets * batch * row, f->path, &all, err);
  if (status) return status;
  *out = *all;
  out->elements = (size_t)t->carry.slots.count * row;
  out->bytes = out->elements * size;
  out->data = all->data + ((size_t)k * batch + (size_t)t->first) * row * size;
  return TRM_OK;
}

static trm_status carry_read(const carry_file *f, const char *name, trm__st_dtype dtype, size_t row, void *to,
                             trm_error *err) {
  trm__st_tensor rows;
  trm_status status = carry_find(f, name, dtype, 1, 0, row, &rows, err);
  if (!status) memcpy(to, rows.data, rows.bytes);
  return status;
}

/* The states of so many latents. */
static trm_status carry_read_states(const carry_file *f, const char *name, int latents, trm__act *to, trm_error *err) {
  trm__trainer *t = f->trainer;
  trm__backend *be = t->backend;
  size_t n = (size_t)t->carry.slots.count * carry_row(t);
  trm__real *copy = carry_is_plain(t) ? NULL : trm__calloc(n, sizeof *copy);
  if (!carry_is_plain(t) && !copy) return trm__fail_memory(err, f->path, n * sizeof *copy);
  trm_status status = TRM_OK;
  for (int k = 0; k < latents && !status; k++) {
    trm__st_tensor rows;
    trm__act *place = to + (size_t)k * (size_t)t->carry.slots.count * t->carry.slot_bytes;
    status = carry_find(f, name, TRM__ST_F32, latents, k, carry_row(t), &rows, err);
    if (status) break;
    trm__st_read_real(&rows, copy ? copy : (trm__real *)(void *)place);
    if (copy) be->act_write(be, &t->params.dims, place, copy, n);
  }
  trm__free(copy);
  return status;
}

/* Tokens index rows and identifiers index the puzzle table, so they are checked like any input. */
static trm_status carry_check_slots(const trm__trainer *t, const trm__slots *c, const char *path, trm_error *err) {
  int64_t oldest = t->carry.sets ? TRM__POOL_AGE + 1 : t->model.halt_max_steps;
  for (int i = 0; i < c->count; i++) {
    int bad = c->halted[i] > 1 || c->steps[i] < 0 || c->steps[i] > oldest || c->ids[i] < 0 ||
              c->ids[i] >= (t->model.num_puzzle_identifiers > 0 ? t->model.num_puzzle_identifiers : INT32_MAX);
    for (int j = 0; j < c->seq_len; j++) {
      size_t at = (size_t)i * (size_t)c->seq_len + (size_t)j;
      bad |= t->carry.sets && t->carry.sets[at] >> t->params.dims.values != 0;
      bad |= c->inputs[at] < 0 || c->inputs[at] >= t->params.dims.V || c->labels[at] >= t->params.dims.V;
    }
    if (bad) return trm__fail(err, TRM_E_INPUT, path, "slot %d holds values out of range", t->first + i);
  }
  return TRM_OK;
}

static trm_status carry_read_slots(const carry_file *f, trm_error *err) {
  trm__slots c;
  trm_status status = carry_borrow_slots(f->trainer, &c, err);
  if (status) return status;
  size_t s = (size_t)c.seq_len;
  status = carry_read(f, "inputs", TRM__ST_I32, s, c.inputs, err);
  if (!status) status = carry_read(f, "labels", TRM__ST_I32, s, c.labels, err);
  if (!status) status = carry_read(f, "ids", TRM__ST_I32, 1, c.ids, err);
  if (!status) status = carry_read(f, "steps", TRM__ST_I32, 1, c.steps, err);
  if (!status) status = carry_read(f, "halted", TRM__ST_U8, 1, c.halted, err);
  if (!status) status = carry_check_slots(f->trainer, &c, f->path, err);
  carry_return_slots(f->trainer, &c, !status);
  return status;
}

static trm_status carry_read_starts(const carry_file *f, trm_error *err) {
  trm__trainer *t = f->trainer;
  size_t n;
  trm__real *device = carry_starts(t, &n);
  const trm__st_tensor *tensor = NULL;
  if (!n) return TRM_OK;
  trm_status status = trm__st_find_sized(&f->st, "starts", TRM__ST_F32, n, f->path, &tensor, err);
  if (status) return status;
  trm__real *host = trm__trainer_borrow(t, device, n * sizeof *host, err);
  if (!host) return TRM_E_MEMORY;
  trm__st_read_real(tensor, host);
  trm__trainer_return(t, device, n * sizeof *host, host, 1);
  return TRM_OK;
}

trm_status trm__carry_load(trm__trainer *trainer, const char *path, trm_error *err) {
  const trm__train_slots *c = &trainer->carry;
  carry_file f = {.path = path, .trainer = trainer};
  trm_status status = trm__st_open(&f.st, path, err);
  if (status) return status;
  if (c->sets) {
    status = carry_read(&f, "sets", TRM__ST_I32, (size_t)c->slots.seq_len, c->sets, err);
  } else {
    status = carry_read_states(&f, "y", 1, c->y, err);
    if (!status) status = carry_read_states(&f, "z", c->latents, c->z, err);
  }
  if (!status) status = carry_read_starts(&f, err);
  if (!status) status = carry_read_slots(&f, err);
  trm__st_close(&f.st);
  return status;
}
