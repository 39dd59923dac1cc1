/* The communicator over MPI. Each operation begins with a word from each rank to each: which operation of which size it
 * is in, that it abandons the run, or that it leaves. Only then are bytes moved, so whoever waits learns of another's
 * end by the word that it waits for. A rank that is killed sends no word: mpirun then ends the others, or they give up
 * after a time.
 *
 * Waiting never blocks inside MPI: it asks again and again, at first at once, then yielding the processor, then with
 * short sleeps, as ranks may share cores. */
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <trm/ranks.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/mem.h"
#include "base/os/file.h"
#include "base/sha256.h"
#include "base/status.h"
#include "dist/mpi.h"
#include "dist/ranks.h"

#define SPINS 64          /* tests before the processor is yielded */
#define YIELDS 2000       /* before sleeping */
#define NAP_NS 50000      /* nanoseconds of a sleep */
#define TELL_SECONDS 0.25 /* between calls of `waiting` */

/* What each rank says of itself when it joins. Its shape never changes: versions of the library tell each other by it
 * that they differ. */
typedef struct hello {
  char code[64]; /* "0.1.0 build 0123456789ab" */
  char host[64];
} hello;

typedef enum word_kind { WORD_ALL_TO_ALL = 1, WORD_ALL_GATHER, WORD_ABANDON, WORD_LEAVE } word_kind;
typedef struct word {
  uint64_t kind, bytes; /* that this rank sends to that one */
} word;

typedef struct mpi_comm {
  trm__comm comm; /* first */
  const trm__mpi *mpi;
  double timeout;
  trm_ranks_fn waiting;
  void *context;
  int lost;                    /* 1: messages can no longer be exchanged */
  hello *hello;                /* [size] */
  word *to, *from;             /* [size] */
  size_t *spread, *spread_end; /* [size + 1], [size]: one part for everybody, as parts */
} mpi_comm;

/* -- waiting ------------------------------------------------------------------------------------------------------ */

static trm_status mpi_fail(mpi_comm *c, trm_error *err) {
  c->lost = 1;
  return trm__fail(err, TRM_E_IO, "MPI", "rank %d on %s: %.600s", c->comm.rank, c->hello[c->comm.rank].host,
                   c->mpi->why());
}

static trm_status mpi_fail_silent(mpi_comm *c, int rank, double seconds, trm_error *err) {
  const char *host = rank >= 0 && rank < c->comm.size ? c->hello[rank].host : "";
  c->lost = 1;
  return trm__fail(
      err, TRM_E_IO, "MPI",
      "rank %d%s%s has not answered rank %d on %s for %.0f s (--rank-timeout): it is stopped, far too slow "
      "or cut off",
      rank, host[0] ? " on " : "", host, c->comm.rank, c->hello[c->comm.rank].host, seconds);
}

static void mpi_pause(long round) {
  static const struct timespec nap = {.tv_nsec = NAP_NS};
  if (round < SPINS) return;
  if (round < YIELDS) sched_yield();
  else nanosleep(&nap, NULL);
}

/* Until all messages that were begun have ended. */
static trm_status mpi_wait(mpi_comm *c, trm_error *err) {
  int done = 0, rank = -1;
  double began = 0, told = 0;
  for (long round = 0;; round++) {
    if (c->mpi->test(&done, &rank)) return mpi_fail(c, err);
    if (done) return TRM_OK;
    mpi_pause(round);
    if (round % SPINS) continue;
    double now = trm__clock();
    if (began <= 0) began = told = now;
    if (c->timeout > 0 && !c->comm.patient && now - began > c->timeout)
      return mpi_fail_silent(c, rank, now - began, err);
    if (now - told < TELL_SECONDS) continue;
    if (c->waiting) c->waiting(c->context, rank, now - began);
    told = now;
  }
}

/* The same number of bytes from everybody to everybody: to [size] and from [size]. */
static trm_status mpi_swap(mpi_comm *c, const void *to, void *from, size_t bytes, trm_error *err) {
  int rank = c->comm.rank, size = c->comm.size;
  memcpy((char *)from + (size_t)rank * bytes, (const char *)to + (size_t)rank * bytes, bytes);
  for (int i = 1; i < size; i++) { /* each begins with its neighbour */
    int other = (rank + i) % size;
    size_t at = (size_t)other * bytes;
    if (c->mpi->receive((char *)from + at, bytes, other) || c->mpi->send((const char *)to + at, bytes, other))
      return mpi_fail(c, err);
  }
  return mpi_wait(c, err);
}

/* -- what an operation begins with --------------------------------------------------------------------------------- */

static trm_status mpi_swap_words(mpi_comm *c, word_kind kind, trm_error *err) {
  for (int r = 0; r < c->comm.size; r++) c->to[r].kind = kind;
  return mpi_swap(c, c->to, c->from, sizeof *c->to, err);
}

/* The errors of all who abandon follow their words. *err: that of the first. */
static trm_status mpi_hear_reasons(mpi_comm *c, trm_error *err) {
  trm_status status = TRM_OK;
  for (int r = 0; r < c->comm.size && !c->lost; r++) {
    trm_error theirs = {0}, ignored;
    if (r == c->comm.rank || c->from[r].kind != WORD_ABANDON) continue;
    if (c->mpi->receive(&theirs, sizeof theirs, r)) mpi_fail(c, &ignored);
    else (void)mpi_wait(c, &ignored);
    theirs.where[sizeof theirs.where - 1] = theirs.message[sizeof theirs.message - 1] = 0;
    if (status || c->lost) continue;
    status = theirs.code > TRM_OK && theirs.code <= TRM_E_INTERNAL ? theirs.code : TRM_E_INTERNAL;
    (void)trm__fail(err, status, theirs.where, "rank %d: %.900s", r, theirs.message);
  }
  return status ? status : trm__fail(err, TRM_E_IO, "MPI", "a rank has ended without a reason");
}

static trm_status mpi_begin(mpi_comm *c, word_kind kind, const size_t *to_at, const size_t *from_at, trm_error *err) {
  int rank = c->comm.rank;
  for (int r = 0; r < c->comm.size; r++) c->to[r].bytes = to_at ? to_at[r + 1] - to_at[r] : 0;
  trm_status status = mpi_swap_words(c, kind, err);
  if (status) return status;
  for (int r = 0; r < c->comm.size; r++)
    if (c->from[r].kind == WORD_ABANDON) return mpi_hear_reasons(c, err);
  for (int r = 0; r < c->comm.size; r++)
    if (c->from[r].kind == WORD_LEAVE) return trm__fail(err, TRM_E_INTERNAL, "MPI", "rank %d has left", r);
  for (int r = 0; r < c->comm.size; r++)
    if (r != rank && (c->from[r].kind != (uint64_t)kind || c->from[r].bytes != from_at[r + 1] - from_at[r])) {
      c->lost = 1; /* the others may wait for bytes that do not come */
      return trm__fail(err, TRM_E_INTERNAL, "MPI", "ranks %d and %d call different operations", rank, r);
    }
  return TRM_OK;
}

/* -- operations --------------------------------------------------------------------------------------------------- */

/* Parts may be longer than a message. */
static trm_status mpi_move(mpi_comm *c, const char *from, const size_t *from_at, const size_t *from_end, char *to,
                           const size_t *to_at, trm_error *err) {
  int rank = c->comm.rank, size = c->comm.size;
  trm_status status = TRM_OK;
  for (size_t done = 0, more = 1; more && !status; done += TRM__MPI_MOST) {
    more = 0;
    for (int i = 1; i < size; i++) {
      int other = (rank + i) % size;
      size_t in = to_at[other + 1] - to_at[other], out = from_end[other] - from_at[other];
      size_t in_now = in > done ? in - done : 0, out_now = out > done ? out - done : 0;
      if (in_now > TRM__MPI_MOST) in_now = TRM__MPI_MOST, more = 1;
      if (out_now > TRM__MPI_MOST) out_now = TRM__MPI_MOST, more = 1;
      if (in_now && c->mpi->receive(to + to_at[other] + done, in_now, other)) return mpi_fail(c, err);
      if (out_now && c->mpi->send(from + from_at[other] + done, out_now, other)) return mpi_fail(c, err);
    }
    status = mpi_wait(c, err);
  }
  return status;
}

static trm_status mpi_all_to_all(trm__comm *comm, const void *from, const size_t *from_at, void *to,
                                 const size_t *to_at, trm_error *err) {
  mpi_comm *c = (mpi_comm *)comm;
  size_t own = from_at[comm->rank + 1] - from_at[comm->rank];
  trm_status status = mpi_begin(c, WORD_ALL_TO_ALL, from_at, to_at, err);
  if (status) return status;
  if (own) memcpy((char *)to + to_at[comm->rank], (const char *)from + from_at[comm->rank], own);
  return mpi_move(c, from, from_at, from_at + 1, to, to_at, err);
}

static trm_status mpi_all_gather(trm__comm *comm, void *data, const size_t *at, trm_error *err) {
  mpi_comm *c = (mpi_comm *)comm;
  int rank = comm->rank, size = comm->size;
  size_t own[2] = {at[rank], at[rank + 1]};
  for (int r = 0; r <= size; r++) c->spread[r] = (size_t)r * (own[1] - own[0]); /* the same bytes for each */
  trm_status status = mpi_begin(c, WORD_ALL_GATHER, c->spread, at, err);
  if (status) return status;
  for (int r = 0; r < size; r++) c->spread[r] = own[0], c->spread_end[r] = own[1];
  return mpi_move(c, data, c->spread, c->spread_end, data, at, err);
}

static void mpi_abandon(trm__comm *comm, const trm_error *why) {
  mpi_comm *c = (mpi_comm *)comm;
  trm_error ignored;
  if (c->lost) return;
  for (int r = 0; r < comm->size; r++) c->to[r].bytes = 0;
  if (mpi_swap_words(c, WORD_ABANDON, &ignored)) return;
  for (int r = 0; r < comm->size; r++)
    if (r != comm->rank && c->from[r].kind != WORD_LEAVE && c->mpi->send(why, sizeof *why, r)) c->lost = 1;
  (void)mpi_hear_reasons(c, &ignored); /* of those who abandon at the same time */
  if (!c->lost) (void)mpi_wait(c, &ignored);
}

static void mpi_free(mpi_comm *c) {
  trm__free(c->hello);
  trm__free(c->to);
  trm__free(c->from);
  trm__free(c->spread);
  trm__free(c->spread_end);
  trm__free(c);
}

/* A job that lost a rank is not ended with the others, who may be waited for in vain: mpirun ends it. */
static void mpi_close(trm__comm *comm) {
  mpi_comm *c = (mpi_comm *)comm;
  trm_error ignored;
  if (c->mpi && c->to && !comm->over && !c->lost) {
    for (int r = 0; r < comm->size; r++) c->to[r].bytes = 0;
    (void)mpi_swap_words(c, WORD_LEAVE, &ignored);
  }
  if (c->mpi && !c->lost) c->mpi->close();
  mpi_free(c);
}

/* -- opening ------------------------------------------------------------------------------------------------------ */

static trm_status mpi_load(const trm__mpi **out, const char *path, trm_error *err) {
  void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL); /* global: MPI opens parts of itself, which use its names */
  if (!library) return trm__fail(err, TRM_E_UNSUPPORTED, path, "cannot be opened: %.700s", dlerror());
  const trm__mpi *mpi = dlsym(library, TRM__MPI_SYMBOL);
  if (!mpi || mpi->version != TRM__MPI_VERSION)
    return trm__fail(err, TRM_E_UNSUPPORTED, path,
                     "is of another version of trm, or no module of it: install both anew");
  *out = mpi;
  return TRM_OK;
}

static const char mpi_code_anchor = 0; /* lies in the file that this code is in */

/* Version and the first digits of the SHA-256 of the file that this code was loaded from. */
static void mpi_code(char code[64]) {
  Dl_info where;
  trm__map map;
  trm__sha256 sha;
  char hex[TRM__SHA256_HEX] = "unknown";
  static const char self[] = "/proc/self/exe";
  int shared = dladdr(&mpi_code_anchor, &where) && where.dli_fname && strstr(where.dli_fname, "libtrm");
  if (!trm__map_open(&map, shared ? where.dli_fname : self, NULL)) {
    trm__sha256_begin(&sha);
    trm__sha256_add(&sha, map.data, map.size);
    trm__sha256_end(&sha, hex);
    trm__map_close(&map);
  }
  snprintf(code, 64, "%.30s build %.12s", trm_version(), hex);
}

static trm_status mpi_greet(mpi_comm *c, trm_error *err) {
  int size = c->comm.size, rank = c->comm.rank;
  hello *own = trm__calloc((size_t)size, sizeof *own);
  if (!own) return trm__fail_memory(err, "ranks", (size_t)size * sizeof *own);
  for (int r = 0; r < size; r++) own[r] = c->hello[rank];
  trm_status status = mpi_swap(c, own, c->hello, sizeof *own, err);
  trm__free(own);
  if (status) return status;
  for (int r = 0; r < size; r++) c->hello[r].code[sizeof own->code - 1] = c->hello[r].host[sizeof own->host - 1] = 0;
  for (int r = 1; r < size; r++)
    if (strcmp(c->hello[r].code, c->hello[0].code) != 0)
      return trm__fail(err, TRM_E_USAGE, "MPI",
                       "rank %d on %s runs trm %s, rank 0 on %s runs trm %s: install the same on all machines", r,
                       c->hello[r].host, c->hello[r].code, c->hello[0].host, c->hello[0].code);
  return TRM_OK;
}

static trm_status mpi_set_up(mpi_comm *c, int rank, int size, trm_error *err) {
  static const trm__comm_ops ops = {mpi_all_to_all, mpi_all_gather, mpi_abandon, mpi_close};
  size_t n = (size_t)size;
  trm_status status = trm__comm_set_up(&c->comm, &ops, rank, size, err);
  c->hello = trm__calloc(n, sizeof *c->hello);
  c->to = trm__calloc(n, sizeof *c->to);
  c->from = trm__calloc(n, sizeof *c->from);
  c->spread = trm__calloc(n + 1, sizeof *c->spread);
  c->spread_end = trm__calloc(n, sizeof *c->spread_end);
  if (status) return status;
  if (!c->hello || !c->to || !c->from || !c->spread || !c->spread_end)
    return trm__fail_memory(err, "ranks", n * (sizeof(hello) + 2 * sizeof(word) + 2 * sizeof(size_t)));
  mpi_code(c->hello[rank].code);
  if (gethostname(c->hello[rank].host, sizeof c->hello->host - 1)) snprintf(c->hello[rank].host, 2, "?");
  return TRM_OK;
}

static trm_status mpi_join(trm__comm **out, const trm_ranks_config *config, trm_error *err) {
  int rank = 0, size = 0;
  mpi_comm *c = trm__calloc(1, sizeof *c);
  if (!c) return trm__fail_memory(err, "ranks", sizeof *c);
  trm_status status = mpi_load(&c->mpi, config->module, err);
  if (!status && c->mpi->open(&rank, &size))
    status = trm__fail(err, TRM_E_UNSUPPORTED, "MPI", "cannot be begun: %.700s", c->mpi->why());
  if (status) {
    trm__free(c);
    return status;
  }
  status = mpi_set_up(c, rank, size, err);
  c->lost = status != TRM_OK; /* the others wait for a greeting */
  c->timeout = config->timeout;
  c->waiting = config->waiting;
  c->context = config->context;
  c->comm.any_number = config->any_number;
  if (!status) status = mpi_greet(c, err);
  if (!status) {
    *out = &c->comm;
    return TRM_OK;
  }
  trm__comm *comm = &c->comm;
  comm->over = 1;
  trm__comm_close(&comm);
  return status;
}

/* -- the public functions ------------------------------------------------------------------------------------------ */

trm_ranks_config trm_ranks_config_default(void) {
  return (trm_ranks_config){.size = sizeof(trm_ranks_config), .timeout = 300};
}

trm_status trm_ranks_open(trm_ranks **out, const trm_ranks_config *config, trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_ranks_config, context);
  trm_ranks_config c = trm_ranks_config_default();
  trm_status status = trm__config_read(&c, config, &form, err);
  if (status) return status;
  if (!c.module || !c.module[0]) return trm__fail(err, TRM_E_USAGE, "module", "the path of trm-mpi.so must be given");
  trm_ranks *ranks = trm__calloc(1, sizeof *ranks);
  if (!ranks) return trm__fail_memory(err, "ranks", sizeof *ranks);
  status = mpi_join(&ranks->comm, &c, err);
  if (status) trm__free(ranks);
  else *out = ranks;
  return status;
}

void trm_ranks_close(trm_ranks **ranks) {
  if (!ranks || !*ranks) return;
  trm__comm_close(&(*ranks)->comm);
  trm__free(*ranks);
  *ranks = NULL;
}

trm_ranks_info trm_ranks_describe(const trm_ranks *ranks) {
  const mpi_comm *c = (const mpi_comm *)ranks->comm;
  trm_ranks_info info = {
      .rank = c->comm.rank, .size = c->comm.size, .lost = c->lost, .seconds = c->comm.busy, .bytes = c->comm.moved};
  snprintf(info.host, sizeof info.host, "%s", c->hello[c->comm.rank].host);
  return info;
}

void trm_ranks_abandon(trm_ranks *ranks, const trm_error *why) {
  trm__comm_abandon(ranks->comm, why);
}
