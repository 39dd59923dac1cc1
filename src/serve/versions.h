/* The versions of the models that a server has, on disk: DATA_DIR/models has
 *
 *     ID.safetensors     a version, whole and checked: the copy of a model file under its id (the first 12 digits of
 * its checksum). Never changed; removed when no name needs it any more versions.json      {"trm": 1, "models":
 * [{"name", "source", "stamp": [4], "active", "previous", "beside", "loaded_ms", "unloaded"}, ...]}, replaced as a
 * whole
 *
 * Why copies. Engines map their model file, and open it again when they are restarted. A file in a folder of models may
 * be overwritten in place, be half copied, or go, at any time; a copy that was checked does none of that. So a restart
 * gets the version that was active, and a step back does not need the old file. A source is known by its stamp; whether
 * it is to be read again is told by that alone.
 * A version is active when versions.json says so: who switches writes it first. Threads: one at a time for one struct;
 * trm__version_take may run beside everything else. */
#ifndef TRM_SERVE_VERSIONS_H
#define TRM_SERVE_VERSIONS_H

#include "base/log.h"
#include "serve/config.h"
#include "serve/work.h"

#define TRM__VERSION_ID 13
#define TRM__VERSION_ENTRIES 32 /* names that are remembered; of these TRM__WORK_MODELS are served */

/* Which file it is, and when it was changed; all 0: none. */
typedef struct trm__stamp {
  int64_t size, changed_ns, written_ns, inode;
} trm__stamp;
int trm__stamp_get(trm__stamp *stamp, const char *path); /* 0, and zeros: there is no such file */
int trm__stamp_is_same(const trm__stamp *a, const trm__stamp *b);

typedef struct trm__version_entry {
  char name[TRM__WORK_NAME];
  char source[TRM__WORK_PATH]; /* the file that its last version came from */
  trm__stamp stamp;            /* of that, when it was read */
  char active[TRM__VERSION_ID], previous[TRM__VERSION_ID];
  char beside[TRM__VERSION_ID]; /* loaded too, for who names it; "": none */
  int64_t loaded_ms;            /* since 1970; when it became active */
  int unloaded;                 /* 1: it is not served until somebody loads it */
} trm__version_entry;

typedef struct trm__versions {
  char folder[TRM__SERVE_PATH + 16];
  int count;
  trm__version_entry entry[TRM__VERSION_ENTRIES];
} trm__versions;

/* What stands in DATA_DIR; nothing where there is nothing. TRM_E_INPUT: versions.json is not what it should be. */
trm_status trm__versions_read(trm__versions *v, const char *data_dir, trm_error *err);
/* The same from the text of versions.json; v->folder stays. */
trm_status trm__versions_parse(trm__versions *v, const char *text, size_t size, const char *where, trm_error *err);
trm_status trm__versions_write(const trm__versions *v, trm_error *err); /* synced and renamed */

trm__version_entry *trm__versions_find(trm__versions *v, const char *name); /* NULL: none */
trm__version_entry *trm__versions_make(trm__versions *v, const char *name); /* finds or adds; NULL: no room */
void trm__versions_path(const trm__versions *v, const char *id, char path[TRM__WORK_PATH]);
void trm__versions_tidy(const trm__versions *v); /* removes the copies that no entry names; never fails */

/* What the engines are told: of each name its active version, then the one beside. models: device and threads stay.
 * files: who is served, and where a name without a version has its file. TRM_E_INPUT: more than there may be. */
trm_status trm__versions_models(const trm__versions *v, const trm__work_config *files, trm__work_config *models,
                                trm_error *err);

/* A version that was taken. */
typedef struct trm__taken {
  char id[TRM__VERSION_ID];
  trm_task task;
  int64_t cells;
  trm__stamp stamp; /* of the source */
} trm__taken;

/* Copies the source into the folder, checks the copy wholly, and gives it its name. TRM_E_BUSY: the source changed
 * meanwhile; TRM_E_INPUT: it is no whole model, or has no checksum; TRM_E_IO. Nothing but a whole copy is left. */
trm_status trm__version_take(const char *folder, const char *source, trm__taken *taken, trm_error *err);

/* At the start of a server: the versions to begin with. files: what the folders have. A name goes on with the version
 * that was active; where that is not whole, or there was none, its file is taken. A file that cannot be taken stays
 * what it is, for the engine to say what is wrong with it. *changed: 1 where a source has changed since it was read. */
trm_status trm__versions_begin(trm__versions *v, const char *data_dir, const trm__work_config *files,
                               trm__work_config *models, int *changed, const trm__log *log, trm_error *err);

#endif
