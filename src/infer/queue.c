/* A queue of puzzles that any thread fills and one thread solves. What waits is a heap, the puzzle that is next on top;
 * what is at work is a list. One mutex guards both. The engine asks for puzzles and reports them on the solving thread,
 * and user code is never called with the mutex held, so that a callback may push, cancel and end.
 *
 * A puzzle's way, at every unlocked moment:
 *  1. it is in the heap (it waits), in the list (it is at work, or the engine is about to refuse it), or it has left;
 *  2. tickets of the heap and the list are different, and below `tickets`;
 *  3. waiting <= capacity;
 *  4. a parent in the heap is before both of its children;
 *  5. the list is empty unless a call of trm_queue_solve is at work. */
#include <pthread.h>
#include <string.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/status.h"
#include "infer/engine.h"
#include "infer/request.h"

typedef struct queue_entry {
  trm_puzzle puzzle; /* tokens: behind this struct */
  trm_queue *queue;
  int64_t ticket;
  int cancelled;                       /* guarded by the mutex */
  struct queue_entry *next, *previous; /* of the list */
  int32_t tokens[];
} queue_entry;

struct trm_queue {
  const trm_solver *solver; /* for its sizes */
  size_t S;
  trm_queue_leave_fn leave;
  void *context;
  pthread_mutex_t mutex;
  pthread_cond_t changed; /* a puzzle came, or the end */
  int64_t capacity, waiting, tickets;
  int ended, solving;
  queue_entry **heap;   /* [capacity] */
  queue_entry *at_work; /* a list */
};

/* -- the heap ------------------------------------------------------------------------------------------------------ */

static int queue_is_before(const queue_entry *a, const queue_entry *b) {
  if (a->puzzle.priority != b->puzzle.priority) return a->puzzle.priority > b->puzzle.priority;
  return a->ticket < b->ticket;
}

static void queue_swap(trm_queue *q, int64_t i, int64_t k) {
  queue_entry *entry = q->heap[i];
  q->heap[i] = q->heap[k];
  q->heap[k] = entry;
}

static void queue_add(trm_queue *q, queue_entry *entry) {
  int64_t i = q->waiting++;
  q->heap[i] = entry;
  for (int64_t parent; i > 0 && queue_is_before(q->heap[i], q->heap[parent = (i - 1) / 2]); i = parent)
    queue_swap(q, i, parent);
}

static queue_entry *queue_take(trm_queue *q) {
  queue_entry *first = q->heap[0];
  q->heap[0] = q->heap[--q->waiting];
  for (int64_t i = 0, child; (child = 2 * i + 1) < q->waiting; i = child) {
    if (child + 1 < q->waiting && queue_is_before(q->heap[child + 1], q->heap[child])) child++;
    if (!queue_is_before(q->heap[child], q->heap[i])) break;
    queue_swap(q, i, child);
  }
  return first;
}

/* -- opening and closing ------------------------------------------------------------------------------------------- */

trm_status trm_queue_open(trm_queue **out, const trm_solver *solver, int64_t capacity, trm_queue_leave_fn leave,
                          void *context, trm_error *err) {
  if (capacity < 1) return trm__fail(err, TRM_E_USAGE, "capacity", "%lld, expected 1 or more", (long long)capacity);
  if (!leave) return trm__fail(err, TRM_E_USAGE, "trm_queue_open", "a queue needs a function to give answers to");
  trm_queue *q = trm__calloc(1, sizeof *q);
  queue_entry **heap = trm__calloc((size_t)capacity, sizeof *heap);
  if (!q || !heap) {
    trm__free(q);
    trm__free(heap);
    return trm__fail_memory(err, "queue", (size_t)capacity * sizeof *heap);
  }
  q->solver = solver;
  q->S = (size_t)solver->model.seq_len;
  q->leave = leave;
  q->context = context;
  q->capacity = capacity;
  q->heap = heap;
  pthread_mutex_init(&q->mutex, NULL);
  pthread_cond_init(&q->changed, NULL);
  *out = q;
  return TRM_OK;
}

void trm_queue_close(trm_queue **queue) {
  trm_queue *q = queue ? *queue : NULL;
  const trm_solution cancelled = {.cancelled = 1};
  if (!q) return;
  while (q->waiting > 0) {
    queue_entry *entry = queue_take(q);
    q->leave(q->context, &(trm_leave){.puzzle = entry->ticket, .tag = entry->puzzle.tag, .solution = &cancelled});
    trm__free(entry);
  }
  pthread_cond_destroy(&q->changed);
  pthread_mutex_destroy(&q->mutex);
  trm__free(q->heap);
  trm__free(q);
  *queue = NULL;
}

/* -- any thread ---------------------------------------------------------------------------------------------------- */

static trm_status queue_copy(trm_queue *q, const trm_puzzle *puzzle, queue_entry **out, trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_puzzle, tag);
  trm_puzzle whole = trm_puzzle_default();
  trm_status status = trm__config_read(&whole, puzzle, &form, err);
  if (!status && !whole.tokens) status = trm__fail(err, TRM_E_USAGE, "trm_queue_push", "a puzzle without tokens");
  if (!status) status = trm__request_check(q->solver, 0, &whole, err);
  if (status) return status;
  size_t tokens = q->S * sizeof(int32_t);
  queue_entry *entry = trm__calloc(1, sizeof *entry + tokens);
  if (!entry) return trm__fail_memory(err, "queue", sizeof *entry + tokens);
  entry->puzzle = whole;
  entry->queue = q;
  memcpy(entry->tokens, whole.tokens, tokens);
  entry->puzzle.tokens = entry->tokens;
  *out = entry;
  return TRM_OK;
}

trm_status trm_queue_push(trm_queue *q, const trm_puzzle *puzzle, int64_t *ticket, trm_error *err) {
  queue_entry *entry = NULL;
  trm_status status = queue_copy(q, puzzle, &entry, err);
  if (status) return status;
  pthread_mutex_lock(&q->mutex);
  int ended = q->ended, full = q->waiting == q->capacity;
  if (!ended && !full) {
    entry->ticket = q->tickets++;
    if (ticket) *ticket = entry->ticket;
    queue_add(q, entry);
    pthread_cond_signal(&q->changed);
  }
  pthread_mutex_unlock(&q->mutex);
  if (!ended && !full) return TRM_OK;
  trm__free(entry);
  if (ended) return trm__fail(err, TRM_E_BUSY, "queue", "it was ended and takes no more puzzles");
  return trm__fail(err, TRM_E_BUSY, "queue", "%lld puzzles wait, it holds no more", (long long)q->capacity);
}

void trm_queue_cancel(trm_queue *q, int64_t ticket) {
  pthread_mutex_lock(&q->mutex);
  for (int64_t i = 0; i < q->waiting; i++)
    if (q->heap[i]->ticket == ticket) q->heap[i]->cancelled = 1;
  for (queue_entry *entry = q->at_work; entry; entry = entry->next)
    if (entry->ticket == ticket) entry->cancelled = 1;
  pthread_mutex_unlock(&q->mutex);
}

int64_t trm_queue_waiting(trm_queue *q) {
  pthread_mutex_lock(&q->mutex);
  int64_t waiting = q->waiting;
  pthread_mutex_unlock(&q->mutex);
  return waiting;
}

void trm_queue_end(trm_queue *q) {
  pthread_mutex_lock(&q->mutex);
  q->ended = 1;
  pthread_cond_broadcast(&q->changed);
  pthread_mutex_unlock(&q->mutex);
}

/* -- the solving thread: a source ---------------------------------------------------------------------------------- */

/* The puzzle's own watcher is told its ticket. */
static int queue_watch(void *context, const trm_step *step) {
  const queue_entry *entry = context;
  trm_step told = *step;
  told.puzzle = entry->ticket;
  return entry->puzzle.watch(entry->puzzle.watch_context, &told);
}

static trm_source_answer queue_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  trm_queue *q = context;
  queue_entry *entry = NULL;
  (void)number;
  pthread_mutex_lock(&q->mutex);
  while (wait && q->waiting == 0 && !q->ended) pthread_cond_wait(&q->changed, &q->mutex);
  if (q->waiting > 0) {
    entry = queue_take(q);
    entry->next = q->at_work;
    if (q->at_work) q->at_work->previous = entry;
    q->at_work = entry;
  }
  int ended = q->ended;
  pthread_mutex_unlock(&q->mutex);
  if (!entry) return ended ? TRM_SOURCE_END : TRM_SOURCE_NONE;
  *puzzle = entry->puzzle;
  puzzle->tag = entry;
  if (puzzle->noise_name == TRM_NOISE_UNNAMED && !puzzle->state) puzzle->noise_name = (uint64_t)entry->ticket;
  if (!puzzle->watch) return TRM_SOURCE_PUZZLE;
  puzzle->watch = queue_watch;
  puzzle->watch_context = entry;
  return TRM_SOURCE_PUZZLE;
}

static int queue_cancelled(void *context, int64_t number, void *tag) {
  trm_queue *q = context;
  const queue_entry *entry = tag;
  (void)number;
  pthread_mutex_lock(&q->mutex);
  int cancelled = entry->cancelled;
  pthread_mutex_unlock(&q->mutex);
  return cancelled;
}

static void queue_leave(void *context, const trm_leave *leave) {
  trm_queue *q = context;
  queue_entry *entry = leave->tag;
  trm_leave told = *leave;
  pthread_mutex_lock(&q->mutex);
  if (entry->previous) entry->previous->next = entry->next;
  else q->at_work = entry->next;
  if (entry->next) entry->next->previous = entry->previous;
  pthread_mutex_unlock(&q->mutex);
  told.puzzle = entry->ticket;
  told.tag = entry->puzzle.tag;
  q->leave(q->context, &told);
  trm__free(entry);
}

static int queue_set_solving(trm_queue *q, int solving) {
  pthread_mutex_lock(&q->mutex);
  int before = q->solving;
  q->solving = solving;
  pthread_mutex_unlock(&q->mutex);
  return before;
}

trm_status trm_queue_solve(trm_queue *q, trm_solver *solver, trm_error *err) {
  if (solver->model.seq_len != (int64_t)q->S)
    return trm__fail(err, TRM_E_USAGE, "trm_queue_solve", "a solver of %lld cells, the queue holds puzzles of %zu",
                     (long long)solver->model.seq_len, q->S);
  if (queue_set_solving(q, 1)) return trm__fail(err, TRM_E_BUSY, "queue", "another call solves its puzzles");
  trm_source source = trm_source_default();
  source.context = q;
  source.next = queue_next;
  source.cancelled = queue_cancelled;
  source.leave = queue_leave;
  trm_status status = trm_solve_source(solver, &source, NULL, NULL, err);
  queue_set_solving(q, 0);
  return status;
}
