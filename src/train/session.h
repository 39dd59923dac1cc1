/* A run in progress: what it is made of. Data, memory plan, trainer and loader are opened here, in that order; the loop
 * (loop.c) does the updates. */
#ifndef TRM_TRAIN_SESSION_H
#define TRM_TRAIN_SESSION_H

#include "train/plan.h"
#include "train/record/metrics.h"
#include "train/run/checkpoint.h"

#define TRM__SPEED_WINDOW 32 /* updates over which examples/s is measured */

typedef struct trm__session {
  trm_runtime *runtime;
  trm__comm *comm; /* borrowed */
  trm__log log;    /* rank 0's is the runtime's, the others' is silent */
  trm__run run;    /* rank 0 holds and writes it, the others read it */
  trm__run_config config;
  int resumed;               /* 1: config is that of a run that has begun */
  int moved;                 /* 1: its data was found at another place, which is in config */
  trm__run_config recorded;  /* as config.json had it, when the run is resumed */
  trm_dataset *data, *valid; /* valid NULL: no validation */
  trm__trainer trainer;
  int trainer_open;
  trm__loader *loader;
  trm__history history;
  trm__recorder recorder;
  int recorder_open;
  char checkpoint[TRM__RUN_PATH]; /* the newest whole one; "" before */
  int64_t saved;                  /* its update */
  trm__bytes predicted;
  double began, before;           /* clock at the start of this call; seconds of the run before it */
  double mark[TRM__SPEED_WINDOW]; /* clock after update t at t % TRM__SPEED_WINDOW */
  int64_t first;                  /* update before the first of this call */
  double collected;               /* clock when the queue was collected last */
  double each;                    /* seconds an update took before that */
} trm__session;

/* Opens data, trainer and loader from s->runtime, s->comm and s->config, which receives what follows from the data: the
 * task, the model's sizes, updates in all, the micro-batch. The data of a resumed run must be what s->recorded says.
 * trm__session_close after a failure too. */
trm_status trm__session_open(trm__session *s, trm_error *err);
void trm__session_close(trm__session *s);
/* Lets go of trainer and loader, when all that is left to do is with files. */
void trm__session_end_updates(trm__session *s);

/* Says in the log what is about to happen: called when everything that may refuse the run has been checked. */
void trm__session_announce(const trm__session *s);

/* CRC-32 of a data set's arrays. */
uint32_t trm__session_data_crc(const trm_dataset *data);
/* Checksums of the data, into s->config. */
void trm__session_note_data(trm__session *s);

#endif
