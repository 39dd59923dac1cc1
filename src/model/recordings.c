/* A few recorded steps, the least recently used of which makes room for a new one. */
#include "model/recordings.h"

#include <string.h>

trm__recordings_step *trm__recordings_find(trm__recordings *recordings, const trm__recordings_key *key) {
  for (int i = 0; i < TRM__RECORDINGS; i++) {
    trm__recordings_step *step = &recordings->step[i];
    if (!step->used || memcmp(&step->key, key, sizeof *key) != 0) continue;
    step->used = ++recordings->clock;
    return step;
  }
  return NULL;
}

void trm__recordings_add(trm__recordings *recordings, trm__backend *be, const trm__recordings_key *key) {
  trm__recordings_step *place = &recordings->step[0];
  for (int i = 1; i < TRM__RECORDINGS; i++)
    if (recordings->step[i].used < place->used) place = &recordings->step[i];
  if (place->recording) be->recording_close(be, &place->recording);
  place->key = *key;
  place->used = ++recordings->clock;
}

void trm__recordings_close(trm__recordings *recordings, trm__backend *be) {
  for (int i = 0; i < TRM__RECORDINGS; i++)
    if (recordings->step[i].recording) be->recording_close(be, &recordings->step[i].recording);
  memset(recordings, 0, sizeof *recordings);
}
