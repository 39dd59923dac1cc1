/* What the files of the reload share: see reload.h. From below: reload_disk.c has the thread that reads and writes
 * files, reload_engines.c the engines that the root has started, reload_try.c judges a new version, reload_look.c looks
 * for changed files, reload.c carries orders out. */
#ifndef TRM_SERVE_RELOAD_STATE_H
#define TRM_SERVE_RELOAD_STATE_H

#include <pthread.h>
#include <trm/data.h>

#include "serve/reload.h"

#define TRM__RELOAD_ENGINES 256 /* that are remembered */
#define TRM__RELOAD_WISHES 32   /* that wait */

typedef enum trm__reload_phase {
  TRM__RELOAD_IDLE,
  TRM__RELOAD_LOOKING, /* what files there are; no order is at work, as in TIDYING */
  TRM__RELOAD_TIDYING,
  TRM__RELOAD_FINDING, /* the file of the order's name */
  TRM__RELOAD_TAKING,
  TRM__RELOAD_STARTING,
  TRM__RELOAD_TRYING,
  TRM__RELOAD_WRITING,
  TRM__RELOAD_UNDOING /* no engine of the new version is left: versions.json is written as it was */
} trm__reload_phase;

/* -- the thread ---------------------------------------------------------------------------------------------------- */

typedef enum trm__disk_kind { TRM__DISK_LIST, TRM__DISK_TAKE, TRM__DISK_WRITE, TRM__DISK_TIDY } trm__disk_kind;

/* Puzzles with their answers: [count][cells] each, labels negative where an answer may be anything. */
typedef struct trm__check_set {
  int64_t count, cells;
  int32_t *question, *answer;
  double least;
} trm__check_set;

typedef struct trm__disk_job {
  trm__disk_kind kind;
  char source[TRM__WORK_PATH]; /* TAKE */
  trm__versions versions;      /* WRITE, TIDY */
  trm_status status;           /* the end */
  trm_error error;
  trm__work_config files;             /* LIST: what there is */
  trm__stamp stamp[TRM__WORK_MODELS]; /* of these */
  trm__taken taken;                   /* TAKE */
  trm__check_set check;               /* TAKE: of the configuration, where it is for such puzzles */
} trm__disk_job;

typedef struct trm__disk {
  pthread_t thread;
  int started, wake; /* wake: an eventfd, written when a job is done */
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int busy, done, ended;           /* guarded by the mutex; the job is the thread's while busy and not done */
  const trm__serve_config *config; /* as what follows, never changed */
  const char *folders, *folder;    /* where models come from; where versions are */
  trm__disk_job job;
} trm__disk;

trm_status trm__disk_open(trm__disk *disk, const trm__serve_config *config, const char *folders, const char *folder,
                          trm_error *err);
void trm__disk_close(trm__disk *disk);
/* Begins the job, of which kind and what it needs are set; nothing else may be at work. */
void trm__disk_begin(trm__disk *disk);
int trm__disk_take_end(trm__disk *disk); /* 1: the job is done, and its results stand in it */
void trm__check_set_clear(trm__check_set *set);

/* -- engines ------------------------------------------------------------------------------------------------------- */

typedef struct trm__reload_engine {
  uint32_t serial;     /* 0: no engine */
  uint32_t generation; /* 0: it is not wanted any more, and the root has been told so */
  uint64_t id;         /* of its last link */
} trm__reload_engine;

/* -- judging ------------------------------------------------------------------------------------------------------- */

typedef struct trm__try trm__try;
typedef void (*trm__try_end)(void *context, trm_status status, const trm_error *err, int64_t right, int64_t count);

/* Begins to judge the model `id` of the pool's next generation: `engines` known puzzles at once, then the set, which
 * is taken. end is called once from the loop, unless it is closed before. */
trm_status trm__try_open(trm__try **out, trm__gateway *gateway, const char *id, int engines, trm__check_set *set,
                         trm__try_end end, void *context, trm_error *err);
void trm__try_close(trm__try **judge); /* accepts NULL inside */
/* The puzzles of a request as a set for this model. TRM_E_INPUT with the fault. */
trm_status trm__check_set_read(trm__check_set *set, const json_t *list, double least, const trm__work_model *model,
                               const trm__serve_config *config, trm__ask_fault *fault);

/* -- looking ------------------------------------------------------------------------------------------------------- */

typedef struct trm__reload_seen {
  char name[TRM__WORK_NAME];
  trm__stamp stamp;   /* when it was last looked at */
  trm__stamp refused; /* of what was not taken */
  char why[400];      /* that was not taken; "" */
} trm__reload_seen;

/* An order, and who waits for its end. */
typedef struct trm__reload_wish {
  trm__reload_order order; /* whose check is the wish's own reference */
  trm__call *call;         /* NULL: nobody asked, or he is gone */
} trm__reload_wish;

struct trm__reload {
  trm__gateway *gateway;
  char *folders;
  struct event *on_disk;
  trm__disk disk;
  trm__versions versions; /* in force */
  trm__work_config files; /* who is served, and where their files are */
  trm__reload_phase phase;
  trm__reload_wish waiting[TRM__RELOAD_WISHES];
  int waits;
  /* the wish at work */
  trm__reload_wish wish;
  trm__check_set set; /* that its version is tried on */
  trm__versions then; /* what is in force after it */
  trm__work_config then_files;
  char id[TRM__VERSION_ID]; /* the version that it is about; "": none */
  int unchanged;            /* 1: it is as it was wished already */
  uint32_t generation;
  double began, until; /* until: its engines must be ready */
  trm__try *judge;
  trm_error why; /* UNDOING */
  int64_t right, judged;
  /* engines */
  int awaited, refused; /* that the root was asked for and that have not come; 1: it has no place */
  trm__reload_engine engine[TRM__RELOAD_ENGINES];
  /* looking */
  trm__reload_seen seen[TRM__VERSION_ENTRIES];
  int look, telling; /* 1: as soon as nothing is at work; the root waits for the end of a look */
  int patient;       /* of the look at work: files must be the same twice */
  double look_next;
  int untidy; /* 1: there may be copies that nobody needs */
  trm__reload_stats stats;
};

/* -- reload.c ------------------------------------------------------------------------------------------------------ */
void trm__reload_begin(trm__reload *r, const trm__reload_wish *wish); /* nothing is at work */

/* -- reload_engines.c ---------------------------------------------------------------------------------------------- */
int trm__reload_can_start(const trm__reload *r); /* all engines of now have come */
int trm__reload_start(trm__reload *r);           /* the engines of the next generation; 0: the root does not hear */
void trm__reload_retire(trm__reload *r);         /* those that nobody needs */
int trm__reload_pool_size(const trm__reload *r);

/* -- reload_look.c ------------------------------------------------------------------------------------------------- */
void trm__reload_next(trm__reload *r);                                     /* nothing is at work: what is next */
void trm__reload_looked(trm__reload *r);                                   /* the disk has listed the files */
trm_status trm__reload_wait(trm__reload *r, const trm__reload_wish *wish); /* TRM_E_BUSY: too many wait */
trm__reload_seen *trm__reload_seen_of(trm__reload *r, const char *name);

#endif
