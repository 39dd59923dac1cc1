#include "serve/model_files.h"

#include <stdio.h>
#include <string.h>

#include "base/os/file.h"
#include "base/status.h"

#define SUFFIX ".safetensors"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

/* The file's name without its ending; 0 when it is no name of a model. */
static int file_name(const char *file, char name[TRM__WORK_NAME]) {
  size_t length = strlen(file), ending = strlen(SUFFIX);
  if (length <= ending || length - ending > 64 || strcmp(file + length - ending, SUFFIX) != 0) return 0;
  snprintf(name, TRM__WORK_NAME, "%.*s", (int)(length - ending), file);
  return *name != '.' && strspn(name, letters) == length - ending;
}

static trm_status files_add(trm__work_config *models, const char *name, const char *path, trm_error *err) {
  for (int i = 0; i < models->models; i++)
    if (strcmp(models->model[i].name, name) == 0) return TRM_OK;
  if (models->models == TRM__WORK_MODELS)
    return trm__fail(err, TRM_E_INPUT, path, "is one model more than the %d that a server can have", TRM__WORK_MODELS);
  trm__work_model_file *file = &models->model[models->models++];
  snprintf(file->name, sizeof file->name, "%s", name);
  snprintf(file->path, sizeof file->path, "%s", path);
  return TRM_OK;
}

static trm_status files_of_folder(trm__work_config *models, const char *folder, trm_error *err) {
  char **names = NULL, name[TRM__WORK_NAME], path[TRM__WORK_PATH];
  size_t count = 0;
  trm_status status = TRM_OK;
  if (!trm__path_is_dir(folder)) return TRM_OK;
  status = trm__dir_list(folder, &names, &count, err);
  for (size_t i = 0; i < count && !status; i++) {
    int length = snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    if (file_name(names[i], name) && length < (int)sizeof path) status = files_add(models, name, path, err);
  }
  trm__dir_list_free(names, count);
  return status;
}

static trm_status files_of_folders(trm__work_config *models, const char *folders, trm_error *err) {
  char folder[TRM__WORK_PATH];
  trm_status status = TRM_OK;
  while (folders && *folders && !status) {
    size_t length = strcspn(folders, ":");
    snprintf(folder, sizeof folder, "%.*s", (int)length, folders);
    if (length && length < sizeof folder) status = files_of_folder(models, folder, err);
    folders += length + (folders[length] == ':');
  }
  return status;
}

/* "NAME=DIR", or "DIR", whose last part is the name. */
int trm__model_follow(const trm__serve_config *config, char name[TRM__WORK_NAME], char path[TRM__WORK_PATH]) {
  const char *run = config->follow, *begin = run;
  size_t length = strcspn(run, "=");
  if (!*run) return 0;
  if (run[length] && !memchr(run, '/', length)) run += length + 1;
  else {
    size_t end = strlen(run);
    while (end > 1 && run[end - 1] == '/') end--;
    for (begin = run + end; begin > run && begin[-1] != '/'; begin--) continue;
    length = (size_t)(run + end - begin);
  }
  snprintf(path, TRM__WORK_PATH, "%s/best" SUFFIX, run);
  if (!length || length > 64 || *begin == '.' || strspn(begin, letters) < length) return 0;
  snprintf(name, TRM__WORK_NAME, "%.*s", (int)length, begin);
  return 1;
}

static trm_status files_follow(trm__work_config *models, const trm__serve_config *config, trm_error *err) {
  char name[TRM__WORK_NAME], path[TRM__WORK_PATH];
  if (!*config->follow) return TRM_OK;
  if (!trm__model_follow(config, name, path))
    return trm__fail(err, TRM_E_USAGE, "follow", "\"%s\" has no name for a model; say --follow NAME=RUN",
                     config->follow);
  return trm__path_exists(path) ? files_add(models, name, path, err) : TRM_OK;
}

trm_status trm__model_files(trm__work_config *models, const trm__serve_config *config, const char *folders,
                            trm_error *err) {
  memset(models, 0, sizeof *models);
  snprintf(models->device, sizeof models->device, "%.15s", config->device);
  models->threads = (int)config->threads;
  models->sandbox = config->sandbox;
  trm_status status = files_follow(models, config, err);
  if (status) return status;
  if (*config->model_path) {
    const char *slash = strrchr(config->model_path, '/');
    char name[TRM__WORK_NAME];
    if (!file_name(slash ? slash + 1 : config->model_path, name)) snprintf(name, sizeof name, "model");
    return files_add(models, name, config->model_path, err);
  }
  status = files_of_folders(models, config->models, err);
  if (!status) status = files_of_folders(models, folders, err);
  if (!status && !models->models)
    status =
        trm__fail(err, TRM_E_INPUT, *config->models ? config->models : "models",
                  "no model file (NAME" SUFFIX ") in any folder of models: name one with --model-path or --models");
  return status;
}
