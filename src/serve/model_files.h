/* Which model files a server tells its engines to load: one that is named, or all of some folders. */
#ifndef TRM_SERVE_MODEL_FILES_H
#define TRM_SERVE_MODEL_FILES_H

#include "serve/config.h"
#include "serve/work.h"

/* Fills models->model. folders: more of them behind colons, which go after config's; NULL: none. Of two files of one
 * name the first folder's is taken. A name has letters, digits, '.', '_' and '-'. TRM_E_INPUT: there is none, or there
 * are more than TRM__WORK_MODELS. The run that is followed goes first, as soon as its file exists. */
trm_status trm__model_files(trm__work_config *models, const trm__serve_config *config, const char *folders,
                            trm_error *err);

/* The run that is followed: the name that its model is served by, and its file. 0: none is, or its name cannot be one.
 */
int trm__model_follow(const trm__serve_config *config, char name[TRM__WORK_NAME], char path[TRM__WORK_PATH]);

#endif
