/* trm_model_export: the weights as torch.save would write the original's state dict, which it loads with assign=True:
 * so y0 and z0 have the type that is computed in, all others are fp32, whatever types the model file has. */
#include <stdio.h>
#include <string.h>
#include <trm/model.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "model/file/model_file.h"
#include "model/torch/pickle_write.h"
#include "model/torch/zip_write.h"

#define FOLDER "archive"
enum { PREFIX = 200 };

/* Networks that the original's code cannot be. */
static trm_status export_check(const trm_model *m, const char *prefix, trm_error *err) {
  const trm_model_config *c = &m->config;
  const char *why = m->quantized                        ? "has int8 weights; export the model it was made from"
                    : c->forward_dtype == TRM_INT8      ? "computes in int8; export the model it was made from"
                    : c->recursion != TRM_RECURSION_TRM ? "has the lattice recursion, which the original does not know"
                    : c->activation != TRM_ACT_SILU ? "has the activation rms_gate, which the original does not know"
                    : c->damping != 0               ? "damps its latent, which the original does not know"
                                                    : NULL;
  if (why) return trm__fail(err, TRM_E_USAGE, m->path, "%s", why);
  for (const char *p = prefix; *p; p++)
    if (*p <= ' ' || *p > '~' || p - prefix >= PREFIX)
      return trm__fail(err, TRM_E_USAGE, "prefix", "has a sign that no name has, or over %d", PREFIX);
  return TRM_OK;
}

static void export_list(const trm_model *m, trm__st_source *source) {
  for (int i = 0; i < m->params.count; i++) {
    const trm__param *p = &m->params.item[i];
    const trm__st_tensor *t = trm__st_find(&m->st, p->name);
    int narrow = p->kind == TRM__PARAM_START && m->config.forward_dtype == TRM_BFLOAT16;
    source[i] = trm__st_source_of(t);
    source[i].dtype = narrow ? TRM__ST_BF16 : TRM__ST_F32;
    if (t->dtype == source[i].dtype) continue;
    source[i].data = NULL;
    source[i].converted = t;
  }
}

/* -- the archive --------------------------------------------------------------------------------------------------- */

static trm_status take_crc(void *crc, const void *data, size_t size, trm_error *err) {
  (void)err;
  *(uint32_t *)crc = trm__crc32(*(uint32_t *)crc, data, size);
  return TRM_OK;
}

static trm_status take_entry(void *zip, const void *data, size_t size, trm_error *err) {
  return trm__zip_write(zip, data, size, err);
}

static trm_status export_entry(trm__zip_writer *zip, const char *name, const void *data, size_t size, trm_error *err) {
  trm_status status = trm__zip_begin(zip, name, size, trm__crc32(0, data, size), err);
  return status ? status : trm__zip_write(zip, data, size, err);
}

/* Twice through the numbers: the header in front of them has their CRC. */
static trm_status export_storage(trm__zip_writer *zip, size_t number, const trm__st_source *source, trm_error *err) {
  char name[TRM__ZIP_NAME];
  uint32_t crc = 0;
  (void)snprintf(name, sizeof name, FOLDER "/data/%zu", number);
  trm_status status = trm__st_source_read(source, take_crc, &crc, err);
  if (!status) status = trm__zip_begin(zip, name, trm__st_source_bytes(source), crc, err);
  return status ? status : trm__st_source_read(source, take_entry, zip, err);
}

static trm_status export_archive(trm__zip_writer *zip, const char *prefix, const trm__st_source *source, size_t count,
                                 trm_error *err) {
  unsigned char *pickle = NULL;
  size_t size = 0;
  trm_status status = trm__pickle_compose(&pickle, &size, prefix, source, count, err);
  if (!status) status = export_entry(zip, FOLDER "/data.pkl", pickle, size, err);
  if (!status) status = export_entry(zip, FOLDER "/byteorder", "little", 6, err);
  for (size_t i = 0; i < count && !status; i++) status = export_storage(zip, i, &source[i], err);
  if (!status) status = export_entry(zip, FOLDER "/version", "3\n", 2, err);
  if (!status) status = trm__zip_end(zip, err);
  trm__free(pickle);
  return status;
}

trm_status trm_model_export(const trm_model *model, const char *path, const char *prefix, trm_error *err) {
  size_t count = (size_t)model->params.count;
  prefix = prefix ? prefix : "_orig_mod.model.";
  trm_status status = export_check(model, prefix, err);
  if (status) return status;
  trm__zip_writer zip = {.wide = 0xffffffff, .most = count + 3};
  trm__st_source *source = trm__calloc(count, sizeof *source);
  zip.entry = trm__calloc(zip.most, sizeof *zip.entry);
  if (!source || !zip.entry) status = trm__fail_memory(err, path, count * sizeof *source);
  if (!status) {
    export_list(model, source);
    status = trm__writer_open(&zip.file, path, err);
  }
  if (!status) {
    status = export_archive(&zip, prefix, source, count, err);
    if (!status) status = trm__writer_commit(&zip.file, err);
    else trm__writer_abort(&zip.file);
  }
  trm__free(zip.entry);
  trm__free(source);
  return status;
}
