/* Model files: opening checks the metadata, the configuration and then every tensor of the parameter table against the
 * file, so that whoever holds a trm_model can use it without asking again. */
#include "model/file/model_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trm/trm.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/numbers.h"
#include "base/text/options.h"
#include "model/file/checksum.h"
#include "model/file/foreign.h"
#include "model/file/int8.h"
#include "model/hopeless.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define FORMAT "2"
#define VERSION TEXT(TRM_VERSION_MAJOR) "." TEXT(TRM_VERSION_MINOR) "." TEXT(TRM_VERSION_PATCH)

/* -- opening ----------------------------------------------------------------------------------------------------- */

static trm_status model_require_key(const trm_model *m, const char *key, const char **text, trm_error *err) {
  *text = trm_model_get_metadata(m, key);
  if (*text) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, m->path,
                   "is not a trm model: its metadata has no \"%s\"; trm writes it into every model (of the original's "
                   "tensors trm import makes one)",
                   key);
}

static trm_status model_check_version(const trm_model *m, trm_error *err) {
  const char *text;
  trm_status status = model_require_key(m, "trm.version", &text, err);
  if (status) return status;
  char *end;
  long major = strtol(text, &end, 10);
  if (end == text || *end != '.' || major < 0)
    return trm__fail(err, TRM_E_INPUT, m->path, "trm.version is \"%.40s\", expected a version such as %s", text,
                     VERSION);
  if (major > TRM_VERSION_MAJOR)
    return trm__fail(err, TRM_E_INPUT, m->path, "was written by trm %.40s; this is %s, which cannot read it", text,
                     VERSION);
  return TRM_OK;
}

/* A file of format 2 must have its checksum; one of format 1 may. It binds unless another tool changed the type of the
 * numbers that it was made of (model/file/foreign.h). */
static trm_status model_check_sum(trm_model *m, trm_error *err) {
  const char *format = trm_model_get_metadata(m, "trm.format"), *recorded = trm_model_get_metadata(m, "trm.sha256");
  char sum[TRM__SHA256_HEX];
  if (format && strcmp(format, FORMAT) != 0 && strcmp(format, "1") != 0)
    return trm__fail(err, TRM_E_INPUT, m->path,
                     "trm.format is \"%.40s\", expected 1 or " FORMAT ": a newer trm wrote it", format);
  if (!recorded && format && strcmp(format, FORMAT) == 0)
    return trm__fail(err, TRM_E_INPUT, m->path, "damaged: its checksum (trm.sha256) is missing; get it again");
  if (!recorded) return TRM_OK;
  trm_status status = trm__model_checksum_of(sum, &m->st, m->path, err);
  if (status) return status;
  if (strcmp(sum, recorded) == 0 || trm__foreign_numbers(&m->st, &m->params)) {
    memcpy(m->sum, sum, sizeof sum);
    return TRM_OK;
  }
  if (trm__foreign_form(&m->st, &m->params))
    return trm__fail(
        err, TRM_E_INPUT, m->path,
        "damaged, or changed by another tool: its checksum is %s, recorded is %.64s; get it again, or have "
        "that tool leave out trm.format and trm.sha256",
        sum, recorded);
  return trm__fail(err, TRM_E_INPUT, m->path, "damaged: its checksum is %s, recorded is %.64s; get it again", sum,
                   recorded);
}

/* The configuration's keys of format 1 (model_file.h). */
static const char *const required[] = {"seq_len",
                                       "vocab_size",
                                       "num_puzzle_identifiers",
                                       "puzzle_emb_ndim",
                                       "puzzle_emb_len",
                                       "hidden_size",
                                       "num_heads",
                                       "L_layers",
                                       "H_cycles",
                                       "L_cycles",
                                       "expansion",
                                       "mlp_t",
                                       "pos_encodings",
                                       "rms_norm_eps",
                                       "rope_theta",
                                       "halt_max_steps",
                                       "halt_exploration_prob",
                                       "forward_dtype"};

static trm_status model_read_config(trm_model *m, trm_error *err) {
  const char *text;
  json_t *object = NULL;
  trm_status status = model_require_key(m, "trm.config", &text, err);
  if (status) return status;
  size_t count;
  const trm_option *table = trm_model_options(&count);
  char where[600];
  snprintf(where, sizeof where, "%.500s: trm.config", m->path);
  m->config = trm_model_config_default();
  status = trm__json_parse(&object, text, strlen(text), where, err);
  if (!status) status = trm__options_from_json(table, count, &m->config, object, 0, where, err);
  for (size_t i = 0; i < sizeof required / sizeof *required && !status; i++)
    if (!json_object_get(object, required[i]))
      status = trm__fail(err, TRM_E_INPUT, where, "has no \"%s\"", required[i]);
  json_decref(object);
  if (status) return status;
  trm_error reason;
  status = trm__params_open(&m->params, &m->config, &reason);
  if (status) return trm__fail(err, status, where, "%.200s %.700s", reason.where, reason.message);
  return TRM_OK;
}

static trm_status model_check_variant(const trm_model *m, trm_error *err) {
  const char *text;
  trm_status status = model_require_key(m, "trm.variant", &text, err);
  if (status || strcmp(text, "raw") == 0 || strcmp(text, "ema") == 0) return status;
  return trm__fail(err, TRM_E_INPUT, m->path, "trm.variant is \"%.40s\", expected \"raw\" or \"ema\"", text);
}

static const char *const losses[] = {[TRM_LOSS_STABLEMAX] = "stablemax", [TRM_LOSS_SOFTMAX] = "softmax"};

static trm_status model_read_loss(trm_model *m, trm_error *err) {
  const char *text = trm_model_get_metadata(m, "trm.loss");
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
    if (text && strcmp(text, losses[i]) != 0) continue;
    m->loss = (trm_loss_type)i; /* without the key the first */
    return TRM_OK;
  }
  return trm__fail(err, TRM_E_INPUT, m->path, "trm.loss is \"%.40s\", expected \"stablemax\" or \"softmax\"", text);
}

static trm_status model_read_values(trm_model *m, trm_error *err) {
  const char *threshold = trm_model_get_metadata(m, TRM__MODEL_HALT_THRESHOLD);
  const char *steps = trm_model_get_metadata(m, TRM__MODEL_MAX_STEPS);
  m->halt_threshold = (double)NAN;
  if (threshold && (trm__real_read(threshold, &m->halt_threshold) || !(fabs(m->halt_threshold) <= TRM__HALTING_MOST)))
    return trm__fail(err, TRM_E_INPUT, m->path,
                     TRM__MODEL_HALT_THRESHOLD " is \"%.40s\", expected a number from -%g to %g", threshold,
                     TRM__HALTING_MOST, TRM__HALTING_MOST);
  if (steps && (trm__int_read(steps, &m->max_steps) || m->max_steps < 1 || m->max_steps > TRM__MODEL_MOST_STEPS))
    return trm__fail(err, TRM_E_INPUT, m->path,
                     TRM__MODEL_MAX_STEPS " is \"%.40s\", expected a whole number from 1 to %d", steps,
                     TRM__MODEL_MOST_STEPS);
  char where[512];
  const char *hopeless = trm_model_get_metadata(m, TRM__MODEL_HOPELESS);
  (void)snprintf(where, sizeof where, "%.480s, " TRM__MODEL_HOPELESS, m->path);
  return hopeless ? trm__hopeless_read(&m->hopeless, hopeless, where, err) : TRM_OK;
}

/* Of types that are not of half or all of a float's bits. */
static trm_status model_check_converted(const trm_model *m, const trm__st_tensor *t, trm_error *err) {
  for (size_t i = 0; i < t->elements; i++)
    if (!isfinite((float)trm__st_element(t, i)))
      return trm__fail(err, TRM_E_INPUT, m->path, "tensor \"%s\" is not finite as a float at element %zu", t->name, i);
  return TRM_OK;
}

static trm_status model_check_finite(const trm_model *m, const trm__st_tensor *t, trm_error *err) {
  if (trm__foreign_dtype(t->dtype)) return model_check_converted(m, t, err);
  int narrow = t->dtype == TRM__ST_BF16;
  for (size_t i = 0; i < t->elements; i++) {
    uint16_t half;
    uint32_t bits;
    memcpy(&half, t->data + i * (narrow ? 2 : 4) + (narrow ? 0 : 2), sizeof half);
    bits = half; /* the upper half of a float holds the whole exponent */
    if ((bits & 0x7f80u) == 0x7f80u)
      return trm__fail(err, TRM_E_INPUT, m->path, "tensor \"%s\" is not finite at element %zu", t->name, i);
  }
  return TRM_OK;
}

static trm_status model_check_tensor(const trm_model *m, const trm__param *p, trm_error *err) {
  const trm__st_tensor *t = trm__st_find(&m->st, p->name);
  if (!t) return trm__fail(err, TRM_E_INPUT, m->path, "has no tensor \"%s\", which its configuration needs", p->name);
  if (t->dtype != TRM__ST_F32 && t->dtype != TRM__ST_BF16 && t->dtype != TRM__ST_I8 && !trm__foreign_dtype(t->dtype))
    return trm__fail(err, TRM_E_INPUT, m->path, "tensor \"%s\" has dtype %s, expected F32, BF16, F16, F64 or I8",
                     p->name, trm__st_dtype_name(t->dtype));
  int fits = t->rank == p->rank && t->shape[0] == p->rows && (p->rank == 1 || t->shape[1] == p->cols);
  if (fits) return t->dtype == TRM__ST_I8 ? trm__int8_check(&m->st, p, t, m->path, err) : model_check_finite(m, t, err);
  char wanted[64], found[200] = "";
  snprintf(wanted, sizeof wanted, p->rank == 1 ? "%d" : "%d, %d", p->rows, p->cols);
  for (int i = 0; i < t->rank; i++) {
    size_t at = strlen(found);
    snprintf(found + at, sizeof found - at, i ? ", %lld" : "%lld", (long long)t->shape[i]);
  }
  return trm__fail(err, TRM_E_INPUT, m->path, "tensor \"%s\" has shape [%s], but the configuration needs [%s]", p->name,
                   found, wanted);
}

static trm_status model_check_tensors(trm_model *m, trm_error *err) {
  size_t expected = (size_t)m->params.count;
  for (int i = 0; i < m->params.count; i++) {
    trm_status status = model_check_tensor(m, &m->params.item[i], err);
    if (status) return status;
    if (trm__st_find(&m->st, m->params.item[i].name)->dtype == TRM__ST_I8) expected++, m->quantized = 1;
  }
  if (m->st.count == expected) return TRM_OK;
  for (size_t i = 0; i < m->st.count; i++)
    if (!trm__params_find(&m->params, m->st.tensor[i].name) && !trm__int8_is_scale(&m->st, m->st.tensor[i].name))
      return trm__fail(err, TRM_E_INPUT, m->path, "tensor \"%.100s\" is not part of its configuration",
                       m->st.tensor[i].name);
  return trm__fail(err, TRM_E_INTERNAL, m->path, "tensor names are not unique");
}

/* The checksum comes before what the configuration and the numbers say, so that damage is called damage. */
static trm_status model_check(trm_model *m, trm_error *err) {
  trm_error of_config = {0};
  trm_status status = model_check_version(m, err);
  if (status) return status;
  trm_status config = model_read_config(m, &of_config);
  status = model_check_sum(m, err);
  if (!status && config) status = trm__fail(err, config, of_config.where, "%s", of_config.message);
  if (!status) status = model_check_variant(m, err);
  if (!status) status = model_read_loss(m, err);
  if (!status) status = model_read_values(m, err);
  if (!status) status = model_check_tensors(m, err);
  return status;
}

static trm_status model_new(trm_model **out, const char *where, trm_error *err) {
  trm_model *m = trm__calloc(1, sizeof *m);
  if (!m) return trm__fail_memory(err, where, sizeof *m);
  m->path = trm__strdup(where);
  if (!m->path) {
    trm__free(m);
    return trm__fail_memory(err, where, strlen(where) + 1);
  }
  *out = m;
  return TRM_OK;
}

trm_status trm__model_open_loaded(trm_model **out, const char *path, trm__model_load load, const void *context,
                                  trm_error *err) {
  trm_model *m = NULL;
  trm_status status = model_new(&m, path, err);
  if (!status) status = load(m, context, err);
  if (!status) status = model_check(m, err);
  if (status) trm_model_close(&m);
  else *out = m;
  return status;
}

static trm_status model_load_file(trm_model *m, const void *context, trm_error *err) {
  (void)context;
  trm_status status = trm__st_open(&m->st, m->path, err);
  return status ? status : trm__foreign_tensors(&m->st, m->path, err);
}

trm_status trm_model_open(trm_model **out, const char *path, trm_error *err) {
  return trm__model_open_loaded(out, path, model_load_file, NULL, err);
}

typedef struct model_bytes {
  const void *data;
  size_t size;
} model_bytes;

static trm_status model_load_bytes(trm_model *m, const void *context, trm_error *err) {
  const model_bytes *bytes = context;
  trm_status status = trm__st_parse(&m->st, bytes->data, bytes->size, m->path, err);
  return status ? status : trm__foreign_tensors(&m->st, m->path, err);
}

trm_status trm__model_parse(trm_model **out, const void *data, size_t size, const char *where, trm_error *err) {
  model_bytes bytes = {data, size};
  return trm__model_open_loaded(out, where, model_load_bytes, &bytes, err);
}

void trm_model_close(trm_model **model) {
  trm_model *m = model ? *model : NULL;
  if (!m) return;
  trm__params_close(&m->params);
  trm__st_close(&m->st);
  trm__st_close(&m->averaged);
  trm__free(m->path);
  trm__free(m);
  *model = NULL;
}

const trm_model_config *trm_model_get_config(const trm_model *model) {
  return &model->config;
}

const char *trm_model_get_metadata(const trm_model *model, const char *key) {
  return json_string_value(json_object_get(model->st.metadata, key));
}

const char *trm_model_get_checksum(const trm_model *model) {
  return model->sum[0] ? model->sum : NULL;
}

const char *trm_model_get_path(const trm_model *model) {
  return model->path ? model->path : "";
}

const char *trm_model_get_loss(const trm_model *model) {
  return losses[model->loss];
}

double trm_model_get_halt_threshold(const trm_model *model) {
  return model->halt_threshold;
}

trm_hopeless trm_model_get_hopeless(const trm_model *model) {
  return model->hopeless;
}

int64_t trm_model_get_max_steps(const trm_model *model) {
  return model->max_steps;
}

const char *trm_model_metadata_key(const trm_model *model, size_t index) {
  json_t *metadata = model->st.metadata;
  void *at = json_object_iter(metadata);
  while (at && index-- > 0) at = json_object_iter_next(metadata, at);
  return at ? json_object_iter_key(at) : NULL;
}

size_t trm_model_tensors(const trm_model *model) {
  return model->st.count;
}

trm_tensor_info trm_model_tensor(const trm_model *model, size_t index) {
  const trm__st_tensor *t = &model->st.tensor[index];
  trm_tensor_info info = {t->name, trm__st_dtype_name(t->dtype), t->rank, {0, 0, 0, 0}, t->bytes};
  for (int i = 0; i < t->rank && i < 4; i++) info.shape[i] = t->shape[i];
  return info;
}

void trm__model_read(const trm_model *model, trm__weight_set *set) {
  for (int i = 0; i < model->params.count; i++) {
    const trm__param *p = &model->params.item[i];
    const trm__st_tensor *t = trm__st_find(&model->st, p->name);
    trm__real *to = trm__weight_set_tensor(set, &model->params, i);
    if (t->dtype == TRM__ST_I8) trm__int8_read(&model->st, p, t, to);
    else trm__st_read_real(t, to);
  }
}

/* -- saving ------------------------------------------------------------------------------------------------------ */

static int metadata_set(json_t *metadata, const char *key, const char *text) {
  return json_object_set_new(metadata, key, json_string(text));
}

char *trm__model_config_text(const trm_model_config *config) {
  size_t count;
  const trm_option *table = trm_model_options(&count);
  json_t *object = trm__options_to_json(table, count, config);
  if (config->recursion == TRM_RECURSION_TRM)
    (void)json_object_del(object, "recursion"); /* so its files stay as they were */
  char *text = object ? trm__json_text(object, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
  json_decref(object);
  return text;
}

/* The metadata object; NULL without memory (or when a text is not UTF-8). */
static json_t *metadata_compose(const trm__model_write *what) {
  json_t *metadata = json_object();
  char *text = trm__model_config_text(what->config);
  int failed = !metadata || !text;
  if (!failed) failed = metadata_set(metadata, "trm.config", text);
  if (!failed) failed = metadata_set(metadata, "trm.version", VERSION);
  if (!failed) failed = metadata_set(metadata, "trm.variant", what->variant);
  if (!failed) failed = metadata_set(metadata, "trm.loss", losses[what->loss]);
  if (!failed && what->task) failed = metadata_set(metadata, "trm.task", what->task);
  if (!failed && what->provenance) failed = json_object_update_missing(metadata, (json_t *)(uintptr_t)what->provenance);
  free(text);
  if (!failed) return metadata;
  json_decref(metadata);
  return NULL;
}

trm_status trm__model_write_file(const char *path, json_t *metadata, const trm__st_source *tensors, size_t count,
                                 uint32_t *crc, trm_error *err) {
  char sum[TRM__SHA256_HEX];
  if (metadata_set(metadata, "trm.format", FORMAT)) return trm__fail_memory(err, path, 4096);
  trm_status status = trm__model_checksum(sum, metadata, tensors, count, path, err);
  if (!status && metadata_set(metadata, "trm.sha256", sum)) status = trm__fail_memory(err, path, 4096);
  return status ? status : trm__st_write(path, metadata, tensors, count, crc, err);
}

trm_status trm__model_save(const char *path, const trm__model_write *what, uint32_t *crc, trm_error *err) {
  const trm__params *params = what->params;
  size_t count = (size_t)params->count;
  trm_status status;
  trm__st_source *source = trm__calloc(count, sizeof *source);
  json_t *metadata = metadata_compose(what);
  if (!source || !metadata) {
    status = trm__fail_memory(err, path, count * sizeof *source);
    goto done;
  }
  for (int i = 0; i < params->count; i++) {
    const trm__param *p = &params->item[i];
    source[i] = (trm__st_source){.name = p->name,
                                 .dtype = what->dtype,
                                 .rank = p->rank,
                                 .shape = {p->rows, p->cols},
                                 .data = trm__weight_set_tensor(what->weights, params, i),
                                 .data_is_real = 1};
  }
  status = trm__model_write_file(path, metadata, source, count, crc, err);
done:
  json_decref(metadata);
  trm__free(source);
  return status;
}
