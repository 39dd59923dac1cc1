/* A few recorded steps, the least recently used of which makes room for a new one. */
#include "model/recordings.h"

#include <string.h>

trm__recorded_step *trm__recorded_find(trm__recorded *recorded, const trm__recorded_key *key) {
  for (int i = 0; i < TRM__RECORDED_STEPS; i++) {
    trm__recorded_step *step = &recorded->step[i];
    if (!step->used || memcmp(&step->key, key, sizeof *key) != 0) continue;
    step->used = ++recorded->clock;
    return step;
  }
  return NULL;
}

void trm__recorded_add(trm__recorded *recorded, trm__backend *be, const trm__recorded_key *key) {
  trm__recorded_step *place = &recorded->step[0];
  for (int i = 1; i < TRM__RECORDED_STEPS; i++)
    if (recorded->step[i].used < place->used) place = &recorded->step[i];
  if (place->recording) be->recording_close(be, &place->recording);
  place->key = *key;
  place->used = ++recorded->clock;
}

void trm__recorded_close(trm__recorded *recorded, trm__backend *be) {
  for (int i = 0; i < TRM__RECORDED_STEPS; i++)
    if (recorded->step[i].recording) be->recording_close(be, &recorded->step[i].recording);
  memset(recorded, 0, sizeof *recorded);
}
