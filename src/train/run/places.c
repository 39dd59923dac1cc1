/* Where the files that a run reads are (train/run/places.h). */
#include "train/run/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

trm_status trm__places_json(json_t **out, const char *run, const trm_train_config *config, trm_error *err) {
  const struct {
    const char *key, *path;
  } item[] = {{"data", config->data}, {"valid", config->valid}, {"init_from", config->init_from}};
  json_t *object = json_object();
  trm_status status = object ? TRM_OK : trm__fail_memory(err, run, sizeof *item);
  for (size_t i = 0; i < sizeof item / sizeof *item && !status; i++) {
    char *place = NULL;
    if (item[i].path[0]) status = trm__path_relative(&place, run, item[i].path, err);
    if (place && strlen(place) < sizeof config->data && json_object_set_new(object, item[i].key, json_string(place)))
      status = trm__fail_memory(err, run, strlen(place));
    trm__free(place);
  }
  if (status) json_decref(object);
  else *out = object;
  return status;
}

trm_status trm__places_read(trm__places *places, const json_t *object, const char *where, trm_error *err) {
  const struct {
    const char *key;
    char *to;
  } item[] = {{"data", places->data}, {"valid", places->valid}, {"init_from", places->init_from}};
  memset(places, 0, sizeof *places);
  for (size_t i = 0; i < sizeof item / sizeof *item; i++) {
    const json_t *value = json_object_get(object, item[i].key);
    const char *text = json_string_value(value);
    if (!value) continue;
    if (!text || strlen(text) >= sizeof places->data)
      return trm__fail(err, TRM_E_INPUT, where, "\"from_run\": \"%s\" is no path of at most %zu bytes", item[i].key,
                       sizeof places->data - 1);
    memcpy(item[i].to, text, strlen(text) + 1);
  }
  return TRM_OK;
}

const char *trm__places_find(const char *run, const char *place, char *out) {
  char path[2060];
  (void)snprintf(path, sizeof path, "%.1023s/%.1023s", run, place);
  char *whole = place[0] ? realpath(path, NULL) : NULL;
  out[0] = 0;
  if (whole && strlen(whole) < 1024) memcpy(out, whole, strlen(whole) + 1);
  free(whole);
  return out;
}
