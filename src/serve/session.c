#include "serve/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <trm/trm.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "serve/answer.h"
#include "serve/routes.h"
#include "store/uuid.h"

#define SESSION_BYTES (256u << 20) /* of all states */
#define SESSION_HISTORY 64         /* steps kept, those without a state among them */
#define SESSION_STEPS 64           /* that one request may take */

typedef struct session_entry {
  json_t *shown; /* as clients see it */
  void *state;   /* trm__free; NULL: forgotten */
  size_t size;
} session_entry;

typedef struct session session;
struct session {
  trm__session_table *table;
  session *next;
  char id[TRM__UUID_TEXT], owner[TRM__CLIENT];
  trm__ask_item item; /* options; its puzzle is not kept */
  trm__ask_puzzle puzzle;
  int32_t *opened; /* [by.cells] tokens that it was opened with */
  session_entry entry[SESSION_HISTORY];
  int64_t steps; /* taken and not taken back; step k is at (k - 1) % SESSION_HISTORY */
  int64_t kept;  /* of the last steps */
  double used;   /* when, on trm_clock() */
  /* a request of steps at work */
  trm__call *call; /* NULL: its client is gone */
  uint64_t work;   /* the pool's item; 0: none */
  int64_t wanted;  /* steps still to be taken */
  int dropped;     /* 1: deleted while at work */
};

struct trm__session_table {
  trm__gateway *gateway;
  session *first;
  int count;
  size_t bytes;
  trm__uuids uuids;
};

static session_entry *session_at(session *s, int64_t step) {
  return &s->entry[(step - 1) % SESSION_HISTORY];
}

static void entry_clear(trm__session_table *table, session_entry *entry) {
  table->bytes -= entry->size;
  trm__free(entry->state);
  json_decref(entry->shown);
  *entry = (session_entry){0};
}

static void session_free(session *s) {
  session **at = &s->table->first;
  while (*at != s) at = &(*at)->next;
  *at = s->next;
  s->table->count--;
  for (int i = 0; i < SESSION_HISTORY; i++) entry_clear(s->table, &s->entry[i]);
  trm__ask_puzzle_clear(&s->puzzle);
  trm__free(s->opened);
  trm__free(s);
}

/* The session of the call's path, which this client may see and which is free; otherwise the call has ended. */
static session *session_find(trm__call *call) {
  trm__session_table *table = call->gateway->sessions;
  const char *id = trm__call_id(call);
  session *s = table->first;
  while (s && (strcmp(s->id, id) != 0 || s->dropped)) s = s->next;
  if (!s || strcmp(s->owner, call->client) != 0) {
    trm__call_problem(call, TRM__PROBLEM_NOT_FOUND, NULL, "there is no such session; unused ones end after a while");
    return NULL;
  }
  s->used = trm_clock();
  return s;
}

static session *session_find_free(trm__call *call) {
  session *s = session_find(call);
  if (!s || !s->work) return s;
  trm__call_problem(call, TRM__PROBLEM_CONFLICT, NULL, "a step of this session is at work");
  return NULL;
}

/* -- what is shown ------------------------------------------------------------------------------------------------- */

static json_t *session_json(session *s) {
  json_t *history = json_array();
  for (int64_t k = s->steps - s->kept + 1; history && k <= s->steps; k++)
    (void)json_array_append(history, session_at(s, k)->shown);
  json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:f, s:o}", "id", s->id, "model", s->puzzle.by.name,
                        "model_version", s->puzzle.by.id, "task", trm_task_name(&s->puzzle.task), "question",
                        trm__answer_cells(&s->puzzle.task, s->puzzle.own), "steps", (json_int_t)s->steps, "expires_s",
                        s->table->gateway->config.session_s, "history", history);
  if (o && s->kept) {
    json_t *last = session_at(s, s->steps)->shown;
    (void)json_object_update_missing(o, last);
  }
  return o;
}

/* -- new, list, delete --------------------------------------------------------------------------------------------- */

static session *session_make(trm__call *call, const trm__ask_item *item, const trm__ask_puzzle *puzzle) {
  trm__session_table *table = call->gateway->sessions;
  session *s = trm__calloc(1, sizeof *s);
  int32_t *opened = trm__calloc((size_t)puzzle->by.cells, sizeof *opened);
  if (!s || !opened || trm__uuid_next(&table->uuids, (int64_t)(trm__wall_clock() * 1000), s->id, NULL)) {
    trm__free(opened);
    trm__free(s);
    return NULL;
  }
  memcpy(opened, puzzle->tokens, (size_t)puzzle->by.cells * sizeof *opened);
  s->table = table;
  s->item = *item;
  s->item.puzzle = NULL;
  s->puzzle = *puzzle;
  s->opened = opened;
  s->used = trm_clock();
  snprintf(s->owner, sizeof s->owner, "%s", call->client);
  s->next = table->first;
  table->first = s;
  table->count++;
  return s;
}

void trm__route_sessions_new(trm__call *call) {
  static const char *const names[] = {"puzzle", NULL};
  trm__gateway *g = call->gateway;
  trm__ask_item item;
  trm__ask_puzzle puzzle;
  trm__ask_fault fault = {0};
  const char *detail = NULL;
  int count;
  trm__problem_kind refusal = trm__gateway_refusal(g, &detail);
  if (!refusal && g->sessions->count >= g->config.sessions_limit) {
    refusal = TRM__PROBLEM_BUSY;
    detail = "as many sessions are kept as there may be (sessions_limit)";
  }
  if (refusal) {
    trm__call_problem(call, refusal, NULL, detail);
    return;
  }
  const trm__work_model *models = trm__serve_pool_models(g->pool, &count);
  trm_status status = trm__ask_read_one(&item, call->body, names, &g->config, &fault);
  if (!status && !item.puzzle) {
    snprintf(fault.pointer, sizeof fault.pointer, "/puzzle");
    snprintf(fault.detail, sizeof fault.detail, "is missing");
    status = TRM_E_INPUT;
  }
  if (!status) status = trm__ask_puzzle_read(&puzzle, &item, models, count, &fault);
  if (status) {
    trm__call_status(call, status, &fault);
    return;
  }
  session *s = session_make(call, &item, &puzzle);
  if (!s) {
    trm__ask_puzzle_clear(&puzzle);
    trm__call_problem(call, TRM__PROBLEM_INTERNAL, NULL, "out of memory");
    return;
  }
  char location[80];
  snprintf(location, sizeof location, "/v1/sessions/%s", s->id);
  trm__call_answer_at(call, 201, location, session_json(s));
}

void trm__route_sessions(trm__call *call) {
  json_t *list = json_array();
  for (session *s = call->gateway->sessions->first; s && list; s = s->next)
    if (!s->dropped && strcmp(s->owner, call->client) == 0)
      (void)json_array_append_new(
          list, json_pack("{s:s, s:s, s:I}", "id", s->id, "model", s->puzzle.by.name, "steps", (json_int_t)s->steps));
  trm__call_answer(call, 200, json_pack("{s:o}", "sessions", list));
}

void trm__route_session(trm__call *call) {
  session *s = session_find(call);
  if (s) trm__call_answer(call, 200, session_json(s));
}

void trm__route_session_delete(trm__call *call) {
  session *s = session_find(call);
  if (!s) return;
  if (s->work) s->dropped = 1, trm__serve_pool_cancel(call->gateway->pool, s->work);
  else session_free(s);
  trm__call_text(call, 204, NULL, NULL, 0);
}

/* -- steps --------------------------------------------------------------------------------------------------------- */

/* Forgets states from the oldest step on while there are too many bytes, but never the last one. */
static void session_trim(session *s) {
  for (int64_t k = s->steps - s->kept + 1; k < s->steps && s->table->bytes > SESSION_BYTES; k++) {
    session_entry *entry = session_at(s, k);
    s->table->bytes -= entry->size;
    trm__free(entry->state);
    entry->state = NULL;
    entry->size = 0;
  }
}

static trm_status session_record(session *s, const trm__work_done *done, json_t *shown) {
  void *state = trm__calloc(done->state_size, 1);
  if (!state || !shown) {
    trm__free(state);
    json_decref(shown);
    return TRM_E_MEMORY;
  }
  memcpy(state, done->state, done->state_size);
  session_entry *entry = session_at(s, ++s->steps);
  entry_clear(s->table, entry);
  *entry = (session_entry){shown, state, done->state_size};
  s->table->bytes += done->state_size;
  if (s->kept < SESSION_HISTORY) s->kept++;
  session_trim(s);
  return TRM_OK;
}

static void session_on_done(void *context, uint64_t id, const trm__serve_pool_end *end);

static trm_status session_submit(session *s, trm_error *err) {
  trm__gateway *g = s->table->gateway;
  static const trm__serve_pool_handlers handlers = {NULL, session_on_done};
  const session_entry *last = s->steps ? session_at(s, s->steps) : NULL;
  trm__work work = trm__ask_work(&s->item, &s->puzzle, &g->config, trm_clock());
  work.solver.search = 0;
  work.solver.votes = work.solver.rollouts = 1;
  work.solver.max_steps = s->steps + 1;
  work.solver.halt = work.solver.rules_halt = 0;
  work.wants_state = 1;
  if (last) work.state = last->state, work.state_size = last->size;
  return trm__serve_pool_submit(g->pool, &work, s->owner, &handlers, s, &s->work, err);
}

static void session_on_gone(trm__call *call, void *own) {
  (void)call;
  ((session *)own)->call = NULL;
}

static void session_answer(session *s, trm__problem_kind problem, const char *detail) {
  trm__call *call = s->call;
  s->call = NULL;
  if (!call) return;
  call->gone = NULL;
  if (problem) trm__call_problem(call, problem, NULL, detail);
  else trm__call_answer(call, 200, session_json(s));
}

static void session_on_done(void *context, uint64_t id, const trm__serve_pool_end *end) {
  session *s = context;
  trm_error err = {0};
  (void)id;
  s->work = 0;
  if (s->dropped) {
    session_answer(s, TRM__PROBLEM_NOT_FOUND, "the session was deleted");
    session_free(s);
    return;
  }
  if (end->done.status || !end->done.state || !end->done.answer) {
    session_answer(s, end->poison ? TRM__PROBLEM_POISON : TRM__PROBLEM_INTERNAL,
                   *end->done.error.message ? end->done.error.message : "the step was not taken in time");
    return;
  }
  trm_status status = session_record(s, &end->done, trm__answer_json(&s->item, &s->puzzle, end));
  if (!status && --s->wanted > 0 && s->call) status = session_submit(s, &err);
  else if (!status) session_answer(s, TRM__PROBLEM_NONE, NULL);
  if (status) session_answer(s, TRM__PROBLEM_INTERNAL, *err.message ? err.message : "out of memory");
}

/* A number of the body; otherwise the call has ended, 0. */
static int body_number(trm__call *call, const char *key, int64_t usual, int64_t most, int64_t *out) {
  char pointer[32], detail[96];
  const json_t *value = json_object_get(call->body, key);
  *out = value ? json_integer_value(value) : usual;
  if ((value ? json_is_integer(value) : usual >= 0) && *out >= 0 && *out <= most) return 1;
  snprintf(pointer, sizeof pointer, "/%s", key);
  snprintf(detail, sizeof detail, "expected a number from 0 to %lld", (long long)most);
  trm__call_problem(call, TRM__PROBLEM_INVALID, pointer, detail);
  return 0;
}

void trm__route_session_step(trm__call *call) {
  trm_error err = {0};
  const char *detail = NULL;
  int64_t steps;
  session *s = session_find_free(call);
  if (!s || !body_number(call, "steps", 1, SESSION_STEPS, &steps)) return;
  trm__problem_kind refusal = trm__gateway_refusal(call->gateway, &detail);
  if (refusal || steps == 0) {
    trm__call_problem(call, refusal ? refusal : TRM__PROBLEM_INVALID, refusal ? NULL : "/steps",
                      refusal ? detail : "expected at least 1");
    return;
  }
  if (s->steps && !session_at(s, s->steps)->state) {
    trm__call_problem(call, TRM__PROBLEM_CONFLICT, NULL, "the state of this step is kept no more; begin a new session");
    return;
  }
  s->wanted = steps;
  trm_status status = session_submit(s, &err);
  if (status) {
    trm__ask_fault fault = {.pointer = ""};
    snprintf(fault.detail, sizeof fault.detail, "%s", err.message);
    trm__call_status(call, status, &fault);
    return;
  }
  s->call = call;
  call->own = s;
  call->gone = session_on_gone;
}

/* -- corrections --------------------------------------------------------------------------------------------------- */

/* The cell of the body, in the puzzle's own grid; -1: the call has ended. */
static int64_t body_cell(trm__call *call, const session *s) {
  int64_t cell;
  int64_t cells = (int64_t)s->puzzle.task.width * s->puzzle.task.height;
  return body_number(call, "cell", -1, cells - 1, &cell) ? cell : -1;
}

static void session_put(session *s, int64_t cell, int32_t token) {
  s->puzzle.own[cell] = token;
  trm_task_frame(&s->puzzle.task, &s->puzzle.by.task, s->puzzle.own, s->puzzle.tokens);
}

/* {"cell": 12, "value": "7"} or {"cell": 12, "token": 8} */
void trm__route_session_pin(trm__call *call) {
  session *s = session_find_free(call);
  int64_t cell = s ? body_cell(call, s) : -1, token;
  if (cell < 0) return;
  const char *value = json_string_value(json_object_get(call->body, "value"));
  if (value) {
    const char *found = *value && !value[1] ? strchr(s->puzzle.task.alphabet, *value) : NULL;
    if (!found || !*found) {
      trm__call_problem(call, TRM__PROBLEM_INVALID, "/value", "is no symbol of this puzzle");
      return;
    }
    token = found - s->puzzle.task.alphabet + 1;
  } else if (!body_number(call, "token", -1, s->puzzle.task.vocab_size - 1, &token)) return;
  session_put(s, cell, (int32_t)token);
  trm__call_answer(call, 200, session_json(s));
}

void trm__route_session_clear(trm__call *call) {
  session *s = session_find_free(call);
  int64_t cell = s ? body_cell(call, s) : -1;
  if (cell < 0) return;
  int64_t row = cell / s->puzzle.task.width, column = cell % s->puzzle.task.width;
  session_put(s, cell, s->opened[row * s->puzzle.by.task.width + column]);
  trm__call_answer(call, 200, session_json(s));
}

void trm__route_session_back(trm__call *call) {
  int64_t steps;
  session *s = session_find_free(call);
  if (!s || !body_number(call, "steps", 1, SESSION_HISTORY, &steps)) return;
  int64_t to = s->steps - steps;
  if (steps > s->kept || (to > 0 && (to <= s->steps - s->kept || !session_at(s, to)->state))) {
    trm__call_problem(call, TRM__PROBLEM_CONFLICT, "/steps", "so many steps are not kept");
    return;
  }
  for (int64_t k = s->steps; k > to; k--) entry_clear(s->table, session_at(s, k));
  s->steps = to;
  s->kept -= steps;
  trm__call_answer(call, 200, session_json(s));
}

/* -- all of them --------------------------------------------------------------------------------------------------- */

trm_status trm__sessions_open(trm__session_table **out, trm__gateway *gateway, trm_error *err) {
  trm__session_table *table = trm__calloc(1, sizeof *table);
  if (!table) return trm__fail_memory(err, "sessions", sizeof *table);
  table->gateway = gateway;
  *out = table;
  return TRM_OK;
}

void trm__sessions_expire(trm__session_table *table, double now) {
  for (session *s = table->first, *next; s; s = next) {
    next = s->next;
    if (!s->work && now - s->used > table->gateway->config.session_s) session_free(s);
  }
}

int trm__sessions_count(const trm__session_table *table) {
  return table->count;
}

void trm__sessions_close(trm__session_table **tablep) {
  trm__session_table *table = *tablep;
  *tablep = NULL;
  while (table && table->first) session_free(table->first);
  trm__free(table);
}
