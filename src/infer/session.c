/* A session is a list of states, the last TRM_SESSION_HISTORY of them, and the question of the next step. A step is a
 * call of the engine with a source of one puzzle, which starts from the last state and is taken out again; so a session
 * needs no loop of its own. A puzzle that is smaller than the model's grid is framed where it comes in (opening, pins)
 * and taken out of its frame where it is looked at; in between, and in its states, it is one of the model's grid.
 *
 * On disk, little-endian:
 *   offset  bytes
 *        0     24  a seal (base/sealed.h) of "TRMSESSN", format 1; 2: of a smaller puzzle
 *       24      4  u32, S
 *       28      4  i32, puzzle identifier
 *       32      8  u64, steps taken
 *       40      8  u64, states that follow: of the last steps
 *       48     64  checksum of the model
 *      112      8  of format 2 alone: u32 and u32, width and height of the puzzle
 *           4 * S  i32, the question that the session was opened with
 *           4 * S  i32, the question of the next step
 *           then of each state, oldest first: u64, its bytes, and the state (infer/state.h) */
#include <trm/session.h>

#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/sealed.h"
#include "base/status.h"
#include "infer/request.h"
#include "infer/state.h"
#include "infer/values.h"
#include "task/task.h"

enum { FORMAT = 1, FORMAT_SMALLER = 2, DIGITS = 64, MOST_SIZE = 1 << 30 };

static const char session_magic[8] = {'T', 'R', 'M', 'S', 'E', 'S', 'S', 'N'};

typedef struct session_header {
  trm__seal seal;
  uint32_t S;
  int32_t identifier;
  uint64_t steps, states;
  char model[DIGITS];
} session_header;
_Static_assert(sizeof(session_header) == 112, "the layout above");

typedef struct session_shape {
  uint32_t width, height;
} session_shape;

struct trm_session {
  trm_solver *solver;
  trm_task task, grid; /* of the puzzle; of the model */
  size_t S;            /* cells of the grid */
  int32_t identifier;
  int64_t steps, kept;                   /* kept <= steps, and states of steps - kept + 1 to steps are kept */
  trm_state *state[TRM_SESSION_HISTORY]; /* of step k at (k - 1) % TRM_SESSION_HISTORY */
  int32_t *opened, *question;            /* [S] */
  /* What is looked at of a smaller puzzle, without its frame; NULL: it is of the model's grid. */
  int32_t *seen[3]; /* question of the next step; question and answer of an entry */
  float *seen_confidence;
};

/* The model's task; where its file names none that can be, its cells in a row or a square. */
static trm_task session_grid(const trm_solver *solver) {
  const trm_model_config *m = &solver->model;
  return solver->task.width ? solver->task : trm__task_generic(m->seq_len, 0, m->vocab_size, "");
}

static int session_is_smaller(const trm_session *s) {
  return s->task.width != s->grid.width || s->task.height != s->grid.height;
}

/* tokens without their frame, in one of the session's rooms for that. */
static const int32_t *session_see(const trm_session *s, int room, const int32_t *tokens) {
  if (!s->seen[room]) return tokens;
  trm_task_unframe(&s->task, &s->grid, tokens, s->seen[room]);
  return s->seen[room];
}

/* Where a cell of the puzzle lies in the model's grid; -1: it has no such cell. */
static int64_t session_place(const trm_session *s, int64_t cell) {
  int64_t width = s->task.width;
  return cell < 0 || cell >= width * s->task.height ? -1 : cell / width * s->grid.width + cell % width;
}

static trm_state **session_slot(trm_session *s, int64_t step) {
  return &s->state[(step - 1) % TRM_SESSION_HISTORY];
}

const trm_state *trm_session_state(const trm_session *s) {
  return s->kept > 0 ? s->state[(s->steps - 1) % TRM_SESSION_HISTORY] : NULL;
}

/* -- opening and closing ------------------------------------------------------------------------------------------- */

/* tokens [S], framed already. */
static trm_status session_open(trm_session **out, trm_solver *solver, const trm_task *task, const int32_t *tokens,
                               int32_t identifier, trm_error *err) {
  if (!solver->network) return trm__fail(err, TRM_E_UNSUPPORTED, solver->path, TRM__NO_STEPS);
  trm_status status = trm__request_check_tokens(solver, 0, tokens, identifier, err);
  if (status) return status;
  size_t S = (size_t)solver->model.seq_len;
  trm_session *s = trm__calloc(1, sizeof *s);
  int32_t *questions = trm__calloc(2 * S, sizeof *questions);
  if (s)
    *s = (trm_session){.solver = solver,
                       .task = *task,
                       .grid = session_grid(solver),
                       .S = S,
                       .identifier = identifier,
                       .opened = questions};
  int whole = s && questions;
  for (int i = 0; whole && session_is_smaller(s) && i < 3; i++)
    whole = (s->seen[i] = trm__calloc(S, sizeof *s->seen[i])) != NULL;
  if (whole && session_is_smaller(s)) whole = (s->seen_confidence = trm__calloc(S, sizeof(float))) != NULL;
  if (!whole) {
    if (!s) trm__free(questions);
    trm_session_close(&s);
    return trm__fail_memory(err, "session", sizeof *s + 6 * S * sizeof *questions);
  }
  s->question = questions + S;
  memcpy(s->opened, tokens, S * sizeof *tokens);
  memcpy(s->question, tokens, S * sizeof *tokens);
  *out = s;
  return TRM_OK;
}

trm_status trm_session_open(trm_session **out, trm_solver *solver, const int32_t *tokens, int32_t identifier,
                            trm_error *err) {
  const trm_task grid = session_grid(solver);
  return session_open(out, solver, &grid, tokens, identifier, err);
}

trm_status trm_session_open_task(trm_session **out, trm_solver *solver, const trm_task *task, const int32_t *tokens,
                                 int32_t identifier, trm_error *err) {
  char title[64], most[64];
  const trm_task whole = session_grid(solver), *grid = &whole;
  trm_status status = trm__task_check(task, "task", err);
  if (status) return status;
  if (!trm_task_fits(task, grid))
    return trm__fail(err, TRM_E_INPUT, "puzzle", "is of %s, the model solves %s%s",
                     trm_task_title(task, title, sizeof title), trm_task_title(grid, most, sizeof most),
                     trm_task_has_frame(grid) ? " and smaller" : "");
  int32_t *framed = trm__calloc((size_t)solver->model.seq_len, sizeof *framed);
  if (!framed) return trm__fail_memory(err, "session", (size_t)solver->model.seq_len * sizeof *framed);
  trm_task_frame(task, grid, tokens, framed);
  status = session_open(out, solver, task, framed, identifier, err);
  trm__free(framed);
  return status;
}

void trm_session_close(trm_session **session) {
  trm_session *s = session ? *session : NULL;
  if (!s) return;
  for (int i = 0; i < TRM_SESSION_HISTORY; i++) trm_state_close(&s->state[i]);
  for (int i = 0; i < 3; i++) trm__free(s->seen[i]);
  trm__free(s->seen_confidence);
  trm__free(s->opened);
  trm__free(s);
  *session = NULL;
}

/* -- steps --------------------------------------------------------------------------------------------------------- */

/* One call of the engine. */
typedef struct session_call {
  trm_session *session;
  int64_t steps;
  int given;
  trm_status status; /* of taking states out, or of the puzzle */
  trm_error error;   /* what went wrong then */
} session_call;

static trm_source_answer session_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  session_call *call = context;
  const trm_session *s = call->session;
  (void)number, (void)wait;
  if (call->given) return TRM_SOURCE_END;
  call->given = 1;
  memcpy(puzzle->tokens, s->question, s->S * sizeof *puzzle->tokens);
  puzzle->identifier = s->identifier;
  puzzle->max_steps = s->steps + call->steps;
  puzzle->state = trm_session_state(s);
  puzzle->search = TRM_SEARCH_OFF;
  if (!puzzle->state) puzzle->noise_name = 0;
  return TRM_SOURCE_PUZZLE;
}

/* The step's state becomes the session's last. */
static int session_on_step(void *context, const trm_step *step) {
  session_call *call = context;
  trm_session *s = call->session;
  trm_state *state = NULL;
  call->status = trm_state_take(step->place, &state, &call->error);
  if (call->status) return TRM_STEP_STOP;
  s->steps++;
  if (s->kept < TRM_SESSION_HISTORY) s->kept++;
  trm_state **slot = session_slot(s, s->steps);
  trm_state_close(slot);
  *slot = state;
  return TRM_STEP_ON;
}

/* The answers were taken with the states, at each step. */
static void session_leave(void *context, const trm_leave *leave) {
  session_call *call = context;
  if (call->status) return;
  if (leave->error) {
    call->status = leave->error->code;
    call->error = *leave->error;
  } else if (leave->solution->cancelled) {
    call->status = trm__fail(&call->error, TRM_E_STOPPED, NULL, "stopped by a cancel mark");
  }
}

trm_status trm_session_step(trm_session *s, int64_t steps, int64_t *taken, trm_error *err) {
  int64_t before = s->steps;
  if (steps < 1 || steps > TRM__VALUES_STEPS - before)
    return trm__fail(err, TRM_E_USAGE, "steps", "%lld after %lld, expected 1 or more and at most %d in all",
                     (long long)steps, (long long)before, TRM__VALUES_STEPS);
  session_call call = {.session = s, .steps = steps};
  trm_source source = trm_source_default();
  source.puzzles = 1;
  source.context = &call;
  source.next = session_next;
  source.leave = session_leave;
  trm_status status = trm_solve_source(s->solver, &source, session_on_step, &call, err);
  if (taken) *taken = s->steps - before;
  if (!call.status) return status;
  if (err) *err = call.error;
  return call.status;
}

trm_status trm_session_pin(trm_session *s, int64_t cell, int32_t token, trm_error *err) {
  int64_t V = s->solver->model.vocab_size, place = session_place(s, cell);
  if (place < 0)
    return trm__fail(err, TRM_E_USAGE, "cell", "%lld, expected 0 to %d", (long long)cell,
                     s->task.width * s->task.height - 1);
  if (token < 0 || token >= V)
    return trm__fail(err, TRM_E_USAGE, "token", "%d, expected 0 to %lld", (int)token, (long long)V - 1);
  s->question[place] = token;
  return TRM_OK;
}

trm_status trm_session_clear(trm_session *s, int64_t cell, trm_error *err) {
  int64_t place = session_place(s, cell);
  return trm_session_pin(s, cell, place >= 0 ? s->opened[place] : 0, err);
}

trm_status trm_session_back(trm_session *s, int64_t steps, trm_error *err) {
  int64_t most = s->kept == s->steps ? s->kept : s->kept - 1; /* one state must remain, unless it is the beginning */
  if (steps < 1 || steps > most)
    return trm__fail(err, TRM_E_USAGE, "steps", "%lld back, expected 1 to %lld of the %lld taken", (long long)steps,
                     (long long)most, (long long)s->steps);
  for (; steps > 0; steps--, s->steps--, s->kept--) trm_state_close(session_slot(s, s->steps));
  return TRM_OK;
}

trm_session_info trm_session_describe(const trm_session *s) {
  return (trm_session_info){s->steps, s->kept, session_see(s, 0, s->question), s->identifier, &s->task};
}

trm_status trm_session_at(const trm_session *s, int64_t step, trm_session_entry *entry, trm_error *err) {
  if (step > s->steps || step <= s->steps - s->kept)
    return trm__fail(err, TRM_E_USAGE, "step", "%lld, kept are %lld to %lld", (long long)step,
                     (long long)(s->steps - s->kept + 1), (long long)s->steps);
  trm_state_info info = trm_state_describe(s->state[(step - 1) % TRM_SESSION_HISTORY]);
  *entry = (trm_session_entry){step, session_see(s, 1, info.question), session_see(s, 2, info.answer), info.confidence,
                               info.q};
  if (!s->seen_confidence) return TRM_OK;
  trm_task_unframe_real(&s->task, &s->grid, info.confidence, s->seen_confidence);
  entry->confidence = s->seen_confidence;
  return TRM_OK;
}

/* -- files --------------------------------------------------------------------------------------------------------- */

static size_t session_size(const trm_session *s) {
  size_t size = sizeof(session_header) + 2 * s->S * sizeof(int32_t), bytes = 0;
  if (session_is_smaller(s)) size += sizeof(session_shape);
  for (int64_t step = s->steps - s->kept + 1; step <= s->steps; step++) {
    trm_state_bytes(s->state[(step - 1) % TRM_SESSION_HISTORY], &bytes);
    size += sizeof(uint64_t) + bytes;
  }
  return size;
}

static void session_fill(const trm_session *s, unsigned char *bytes, size_t size) {
  session_header h = {
      .S = (uint32_t)s->S, .identifier = s->identifier, .steps = (uint64_t)s->steps, .states = (uint64_t)s->kept};
  memcpy(h.model, s->solver->checksum, DIGITS);
  unsigned char *at = bytes + sizeof h;
  if (session_is_smaller(s)) {
    const session_shape shape = {(uint32_t)s->task.width, (uint32_t)s->task.height};
    memcpy(at, &shape, sizeof shape);
    at += sizeof shape;
  }
  memcpy(at, s->opened, 2 * s->S * sizeof *s->opened); /* the question is behind it */
  at += 2 * s->S * sizeof *s->opened;
  for (int64_t step = s->steps - s->kept + 1; step <= s->steps; step++) {
    size_t length = 0;
    const void *state = trm_state_bytes(s->state[(step - 1) % TRM_SESSION_HISTORY], &length);
    uint64_t prefix = length;
    memcpy(at, &prefix, sizeof prefix);
    memcpy(at + sizeof prefix, state, length);
    at += sizeof prefix + length;
  }
  memcpy(bytes, &h, sizeof h);
  trm__seal_put(bytes, size, session_magic, session_is_smaller(s) ? FORMAT_SMALLER : FORMAT);
}

trm_status trm_session_save(const trm_session *s, const char *path, trm_error *err) {
  size_t size = session_size(s);
  unsigned char *bytes = trm__calloc(size, 1);
  if (!bytes) return trm__fail_memory(err, path, size);
  session_fill(s, bytes, size);
  trm_status status = trm__file_write(path, bytes, size, err);
  trm__free(bytes);
  return status;
}

/* What is wrong with the header of a whole file of `size` bytes, or NULL. */
static const char *session_fault(const session_header *h, size_t size) {
  if (h->S < 1 || (size - sizeof *h) / (2 * sizeof(int32_t)) < h->S) return "more cells than it has bytes for";
  if (h->states > TRM_SESSION_HISTORY || h->states > h->steps || h->steps > TRM__VALUES_STEPS ||
      (h->steps > 0 && h->states == 0))
    return "a number of steps that no session has";
  return NULL;
}

/* The states, from at to end; each must be of the solver's model and the step that its place says. */
static trm_status session_read_states(trm_session *s, int64_t steps, int64_t states, const unsigned char *at,
                                      const unsigned char *end, trm_error *err) {
  for (int64_t step = steps - states + 1; step <= steps; step++) {
    uint64_t length = 0;
    trm_state *state = NULL;
    if ((size_t)(end - at) >= sizeof length) memcpy(&length, at, sizeof length);
    if (length == 0 || length > (uint64_t)(end - at) - sizeof length)
      return trm__fail(err, TRM_E_INPUT, "session", "no room for the state of step %lld", (long long)step);
    trm_status status = trm_state_from_bytes(&state, at + sizeof length, (size_t)length, err);
    if (!status) status = trm_state_check(state, s->solver, err);
    trm_state_info info = state ? trm_state_describe(state) : (trm_state_info){0};
    if (!status && (info.steps != step || info.identifier != s->identifier))
      status = trm__fail(err, TRM_E_INPUT, "session", "step %lld of puzzle %d where step %lld of %d belongs",
                         (long long)info.steps, (int)info.identifier, (long long)step, (int)s->identifier);
    if (status) {
      trm_state_close(&state);
      return status;
    }
    *session_slot(s, step) = state;
    s->steps = step;
    s->kept++;
    at += sizeof length + length;
  }
  if (at != end) return trm__fail(err, TRM_E_INPUT, "session", "%zu bytes behind the last state", (size_t)(end - at));
  return TRM_OK;
}

/* The task of the file's puzzle, whose questions begin at *at, which is moved behind the shape. The file is whole. */
static const char *session_read_task(const session_header *h, const trm_task *grid, const unsigned char **at,
                                     trm_task *task) {
  session_shape shape;
  *task = *grid;
  if (h->seal.format != FORMAT_SMALLER) return NULL;
  memcpy(&shape, *at, sizeof shape);
  *at += sizeof shape;
  if (shape.width < 1 || shape.width > (uint32_t)grid->width || shape.height < 1 ||
      shape.height > (uint32_t)grid->height)
    return "a puzzle of a size that the model does not solve";
  task->width = (int)shape.width;
  task->height = (int)shape.height;
  return trm_task_fits(task, grid) ? NULL : "a puzzle of a size that the model does not solve";
}

static trm_status session_read(trm_session **out, trm_solver *solver, const unsigned char *bytes, size_t size,
                               const char *path, trm_error *err) {
  session_header h;
  trm_session *s = NULL;
  trm_task task;
  if (size < sizeof h) return trm__fail(err, TRM_E_INPUT, path, "%zu bytes, a session of trm has more", size);
  memcpy(&h, bytes, sizeof h);
  int smaller = h.seal.format == FORMAT_SMALLER && size >= sizeof h + sizeof(session_shape);
  const char *fault =
      trm__seal_fault(bytes, size, session_magic, smaller ? FORMAT_SMALLER : FORMAT, "not a session of trm");
  if (!fault) fault = session_fault(&h, size - (smaller ? sizeof(session_shape) : 0));
  if (fault) return trm__fail(err, TRM_E_INPUT, path, "%s", fault);
  if (memcmp(h.model, solver->checksum, DIGITS) != 0 || h.S != (uint64_t)solver->model.seq_len)
    return trm__fail(err, TRM_E_INPUT, path,
                     "a session of %u cells with model %.12s, but the solver has %lld and %.12s", h.S, h.model,
                     (long long)solver->model.seq_len, solver->checksum);
  const trm_task grid = session_grid(solver);
  const unsigned char *at = bytes + sizeof h;
  fault = session_read_task(&h, &grid, &at, &task);
  if (fault) return trm__fail(err, TRM_E_INPUT, path, "%s", fault);
  const int32_t *opened = (const int32_t *)(const void *)at, *question = opened + h.S;
  trm_error why = {0};
  trm_status status = session_open(&s, solver, &task, opened, h.identifier, &why);
  if (!status) status = trm__request_check_tokens(solver, 0, question, h.identifier, &why);
  if (!status) {
    memcpy(s->question, question, s->S * sizeof *question);
    status = session_read_states(s, (int64_t)h.steps, (int64_t)h.states, (const unsigned char *)(question + h.S),
                                 bytes + size, &why);
  }
  if (status) {
    trm_session_close(&s);
    return trm__fail(err, status, path, "%s", why.message); /* it may name a part of the file alone */
  }
  *out = s;
  return TRM_OK;
}

trm_status trm_session_load(trm_session **out, trm_solver *solver, const char *path, trm_error *err) {
  char *bytes = NULL;
  size_t size = 0;
  trm_status status = trm__file_read(path, MOST_SIZE, &bytes, &size, err);
  if (!status) status = session_read(out, solver, (const unsigned char *)bytes, size, path, err);
  trm__free(bytes);
  return status;
}
