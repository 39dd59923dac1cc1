#include "serve/model_files.h"

#include <stdio.h>
#include <string.h>

#include "base/os/file.h"
#include "base/status.h"

#define SUFFIX ".safetensors"

/* The file's name without its ending; 0 when it is no name of a model. */
static int file_name(const char *file, char name[TRM__WORK_NAME]) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
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

trm_status trm__model_files(trm__work_config *models, const trm__serve_config *config, const char *folders,
                            trm_error *err) {
  memset(models, 0, sizeof *models);
  snprintf(models->device, sizeof models->device, "%.15s", config->device);
  models->threads = (int)config->threads;
  if (*config->model_path) {
    const char *slash = strrchr(config->model_path, '/');
    char name[TRM__WORK_NAME];
    if (!file_name(slash ? slash + 1 : config->model_path, name)) snprintf(name, sizeof name, "model");
    return files_add(models, name, config->model_path, err);
  }
  trm_status status = files_of_folders(models, config->models, err);
  if (!status) status = files_of_folders(models, folders, err);
  if (!status && !models->models)
    status =
        trm__fail(err, TRM_E_INPUT, *config->models ? config->models : "models",
                  "no model file (NAME" SUFFIX ") in any folder of models: name one with --model-path or --models");
  return status;
}
