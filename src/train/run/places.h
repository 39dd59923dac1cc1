/* Where the files that a run reads are: its data, its validation data and the model that it began with. config.json has
 * their absolute paths, so that a run goes on from any working directory, and where they lie as seen from the run
 * directory, so that it goes on after all of them have moved together. */
#ifndef TRM_TRAIN_RUN_PLACES_H
#define TRM_TRAIN_RUN_PLACES_H

#include <jansson.h>
#include <trm/train.h>

/* The paths from the run directory; "": there is no such file, or an older trm did not keep it. */
typedef struct trm__places {
  char data[1024], valid[1024], init_from[1024];
} trm__places;

/* {"data": ..., "valid": ..., "init_from": ...} of those that the configuration names; owned. */
trm_status trm__places_json(json_t **out, const char *run, const trm_train_config *config, trm_error *err);
/* places from that object, NULL in older files: none. TRM_E_INPUT naming where. */
trm_status trm__places_read(trm__places *places, const json_t *object, const char *where, trm_error *err);
/* The absolute path of what lies there now, into out [1024]; "" when nothing does. */
const char *trm__places_find(const char *run, const char *place, char *out);

#endif
