/* versions.json, and the folder of versions: see versions.h. */
#include "serve/versions.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"

#define SUFFIX ".safetensors"
#define FILE_MOST ((size_t)1 << 20) /* bytes of versions.json */
#define SECOND_NS INT64_C(1000000000)

/* -- stamps -------------------------------------------------------------------------------------------------------- */

int trm__stamp_get(trm__stamp *stamp, const char *path) {
  struct stat st;
  memset(stamp, 0, sizeof *stamp);
  if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return 0;
  *stamp = (trm__stamp){(int64_t)st.st_size, (int64_t)st.st_ctim.tv_sec * SECOND_NS + st.st_ctim.tv_nsec,
                        (int64_t)st.st_mtim.tv_sec * SECOND_NS + st.st_mtim.tv_nsec, (int64_t)st.st_ino};
  return 1;
}

int trm__stamp_is_same(const trm__stamp *a, const trm__stamp *b) {
  return a->size == b->size && a->changed_ns == b->changed_ns && a->written_ns == b->written_ns && a->inode == b->inode;
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

/* "" and the digits of an id alone: they become names of files. */
static int version_is_id(const char *text) {
  size_t length = strlen(text);
  return !length || (length == TRM__VERSION_ID - 1 && strspn(text, "0123456789abcdef") == length);
}

static trm_status version_text(const json_t *object, const char *key, char *to, size_t size, const char *where,
                               trm_error *err) {
  const char *text;
  trm_status status = trm__json_string(object, key, &text, where, err);
  if (status) return status;
  if (strlen(text) >= size) return trm__fail(err, TRM_E_INPUT, where, "\"%s\" is longer than it can be", key);
  memcpy(to, text, strlen(text) + 1);
  return TRM_OK;
}

static trm_status version_stamp(const json_t *object, trm__stamp *stamp, const char *where, trm_error *err) {
  const json_t *list = json_object_get(object, "stamp");
  int64_t *const fields[] = {&stamp->size, &stamp->changed_ns, &stamp->written_ns, &stamp->inode};
  for (size_t i = 0; i < 4; i++) {
    const json_t *number = json_array_get(list, i);
    if (!json_is_integer(number)) return trm__fail(err, TRM_E_INPUT, where, "\"stamp\": expected four numbers");
    *fields[i] = json_integer_value(number);
  }
  return TRM_OK;
}

static trm_status version_read_one(trm__version_entry *e, const json_t *object, const char *where, trm_error *err) {
  memset(e, 0, sizeof *e);
  trm_status status = version_text(object, "name", e->name, sizeof e->name, where, err);
  if (!status) status = version_text(object, "source", e->source, sizeof e->source, where, err);
  if (!status) status = version_stamp(object, &e->stamp, where, err);
  if (!status) status = version_text(object, "active", e->active, sizeof e->active, where, err);
  if (!status) status = version_text(object, "previous", e->previous, sizeof e->previous, where, err);
  if (!status) status = version_text(object, "beside", e->beside, sizeof e->beside, where, err);
  if (!status) status = trm__json_int(object, "loaded_ms", 0, INT64_MAX, &e->loaded_ms, where, err);
  if (status) return status;
  e->unloaded = json_is_true(json_object_get(object, "unloaded"));
  if (!*e->name || strchr(e->name, '/') || !version_is_id(e->active) || !version_is_id(e->previous) ||
      !version_is_id(e->beside))
    return trm__fail(err, TRM_E_INPUT, where, "a name or an id is none");
  return TRM_OK;
}

trm_status trm__versions_parse(trm__versions *v, const char *text, size_t size, const char *where, trm_error *err) {
  json_t *whole = NULL;
  v->count = 0;
  trm_status status = trm__json_parse(&whole, text, size, where, err);
  if (status) return status;
  const json_t *list = json_object_get(whole, "models");
  if (json_integer_value(json_object_get(whole, "trm")) != 1 || !json_is_array(list) ||
      json_array_size(list) > TRM__VERSION_ENTRIES)
    status = trm__fail(err, TRM_E_INPUT, where, "expected {\"trm\": 1, \"models\": [...]} with at most %d models",
                       TRM__VERSION_ENTRIES);
  for (size_t i = 0; !status && i < json_array_size(list); i++) {
    status = version_read_one(&v->entry[i], json_array_get(list, i), where, err);
    if (!status && trm__versions_find(v, v->entry[i].name))
      status = trm__fail(err, TRM_E_INPUT, where, "\"%s\" stands there twice", v->entry[i].name);
    if (!status) v->count++;
  }
  json_decref(whole);
  if (status) v->count = 0;
  return status;
}

trm_status trm__versions_read(trm__versions *v, const char *data_dir, trm_error *err) {
  char path[sizeof v->folder + 32], *text = NULL;
  size_t size = 0;
  memset(v, 0, sizeof *v);
  snprintf(v->folder, sizeof v->folder, "%s/models", data_dir);
  snprintf(path, sizeof path, "%s/versions.json", v->folder);
  if (!trm__path_exists(path)) return TRM_OK;
  trm_status status = trm__file_read(path, FILE_MOST, &text, &size, err);
  if (!status) status = trm__versions_parse(v, text, size, path, err);
  trm__free(text);
  return status;
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

static json_t *version_json(const trm__version_entry *e) {
  return json_pack("{s:s, s:s, s:[I, I, I, I], s:s, s:s, s:s, s:I, s:b}", "name", e->name, "source", e->source, "stamp",
                   (json_int_t)e->stamp.size, (json_int_t)e->stamp.changed_ns, (json_int_t)e->stamp.written_ns,
                   (json_int_t)e->stamp.inode, "active", e->active, "previous", e->previous, "beside", e->beside,
                   "loaded_ms", (json_int_t)e->loaded_ms, "unloaded", e->unloaded);
}

trm_status trm__versions_write(const trm__versions *v, trm_error *err) {
  char path[sizeof v->folder + 32];
  json_t *list = json_array();
  snprintf(path, sizeof path, "%s/versions.json", v->folder);
  for (int i = 0; i < v->count && list; i++)
    if (json_array_append_new(list, version_json(&v->entry[i])) != 0) {
      json_decref(list);
      list = NULL;
    }
  json_t *whole = list ? json_pack("{s:i, s:o}", "trm", 1, "models", list) : NULL;
  if (!whole) return trm__fail_memory(err, path, sizeof *v);
  trm_status status = trm__json_save(whole, path, err);
  json_decref(whole);
  return status;
}

/* -- entries ------------------------------------------------------------------------------------------------------- */

trm__version_entry *trm__versions_find(trm__versions *v, const char *name) {
  for (int i = 0; i < v->count; i++)
    if (strcmp(v->entry[i].name, name) == 0) return &v->entry[i];
  return NULL;
}

trm__version_entry *trm__versions_make(trm__versions *v, const char *name) {
  trm__version_entry *e = trm__versions_find(v, name);
  if (e || v->count == TRM__VERSION_ENTRIES) return e;
  e = &v->entry[v->count++];
  memset(e, 0, sizeof *e);
  snprintf(e->name, sizeof e->name, "%s", name);
  return e;
}

void trm__versions_path(const trm__versions *v, const char *id, char path[TRM__WORK_PATH]) {
  snprintf(path, TRM__WORK_PATH, "%s/%s" SUFFIX, v->folder, id);
}

static int version_is_needed(const trm__versions *v, const char *file) {
  for (int i = 0; i < v->count; i++) {
    const char *const ids[] = {v->entry[i].active, v->entry[i].previous, v->entry[i].beside};
    for (size_t k = 0; k < sizeof ids / sizeof *ids; k++)
      if (*ids[k] && strncmp(file, ids[k], TRM__VERSION_ID - 1) == 0) return 1;
  }
  return 0;
}

void trm__versions_tidy(const trm__versions *v) {
  char **names = NULL, path[sizeof v->folder + 300];
  size_t count = 0;
  if (!trm__path_is_dir(v->folder) || trm__dir_list(v->folder, &names, &count, NULL)) return;
  for (size_t i = 0; i < count; i++) {
    size_t length = strlen(names[i]);
    if (length <= sizeof SUFFIX || strcmp(names[i] + length - sizeof SUFFIX + 1, SUFFIX) != 0) continue;
    if (version_is_needed(v, names[i])) continue;
    snprintf(path, sizeof path, "%s/%s", v->folder, names[i]);
    (void)unlink(path);
  }
  trm__dir_list_free(names, count);
  trm__temporaries_remove(v->folder, NULL);
}

/* -- what engines are told ----------------------------------------------------------------------------------------- */

static trm_status models_add(trm__work_config *models, const char *name, const char *path, const char *id, int beside,
                             trm_error *err) {
  if (models->models == TRM__WORK_MODELS)
    return trm__fail(err, TRM_E_INPUT, name, "is one model more than the %d that a server can have; unload another",
                     TRM__WORK_MODELS);
  trm__work_model_file *file = &models->model[models->models++];
  memset(file, 0, sizeof *file);
  snprintf(file->name, sizeof file->name, "%s", name);
  snprintf(file->path, sizeof file->path, "%s", path);
  snprintf(file->id, sizeof file->id, "%s", id);
  file->beside = beside;
  return TRM_OK;
}

trm_status trm__versions_models(const trm__versions *v, const trm__work_config *files, trm__work_config *models,
                                trm_error *err) {
  char path[TRM__WORK_PATH];
  trm_status status = TRM_OK;
  models->models = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < files->models && !status; i++) {
      const trm__version_entry *e = trm__versions_find((trm__versions *)(uintptr_t)v, files->model[i].name);
      const char *id = e ? pass ? e->beside : e->active : "";
      if ((e && e->unloaded) || (pass && !*id)) continue;
      trm__versions_path(v, id, path);
      status = models_add(models, files->model[i].name, *id ? path : files->model[i].path, id, pass, err);
    }
  if (!status && !models->models)
    status = trm__fail(err, TRM_E_INPUT, "models", "none would be left; load another one before");
  return status;
}
