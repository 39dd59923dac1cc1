/* Solving by a server: see remote.h. Each line is a connection with the puzzle that it waits for. Invariants, which
 * hold whenever the lines are looked at:
 *
 *   1. A line is idle, or has one puzzle of the source that has not left.
 *   2. Of a line with a puzzle either an answer is awaited, or it waits for its time to ask again (due > 0).
 *   3. A puzzle leaves once: with its answer, or cancelled when the work ends before.
 *
 * Asking twice is harmless, as solving leaves nothing behind at the server: so a request whose connection was closed
 * unused, or that was put off (429, 503), is sent again. */
#include "cli/remote.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/http.h"
#include "cli/remote_answer.h"

#define LINES 16        /* puzzles at work at once: what an engine on a CPU takes */
#define TRIES 8         /* times that a puzzle is put off before that is an error */
#define PATIENCE_S 30.0 /* waited at most before asking again */
#define GLANCE_MS 20    /* until the source is asked again whether it has a puzzle */

typedef struct remote_line {
  cli_http http;
  int busy; /* 1: it has a puzzle */
  int64_t number;
  void *tag;
  char *body;
  int put_off; /* times */
  double due;  /* > 0: then it is asked for again */
} remote_line;

struct cli_remote {
  const cli_command *command;
  cli_http_address address;
  char token[CLI_HTTP_TOKEN];
  const trm_solver_config *config;
  json_t *models; /* a list, in the order in which they are tried */
  json_t *model;  /* of these, borrowed */
  trm_task task;  /* the model's */
  json_t *asked;  /* what all requests have in common */
  remote_line line[LINES];
};

/* What a call of cli_remote_solve is about. */
typedef struct remote_work {
  cli_remote *remote;
  const trm_source *source;
  trm_step_fn step;
  void *context;
  int *level;
  int explain, ended;
  size_t busy;
  int32_t *tokens, *answer; /* [cells] */
  float *confidence;        /* [cells] */
} remote_work;

static trm_status remote_fail(const cli_remote *r, trm_error *err, trm_status code, const char *message) {
  *err = (trm_error){.code = code};
  (void)snprintf(err->where, sizeof err->where, "%s", r->address.url);
  (void)snprintf(err->message, sizeof err->message, "%s", message);
  return code;
}

/* What an answer that is not 200 means. */
static trm_status remote_refused(const cli_remote *r, const cli_http_answer *answer, int tries, trm_error *err) {
  char problem[700], text[1000];
  cli_remote_problem(answer->body, answer->size, problem);
  if (answer->status == 401 || answer->status == 403)
    (void)snprintf(text, sizeof text, "%d %s; give a token that may solve with --token-file FILE or TRM_TOKEN",
                   answer->status, problem);
  else if (tries > 1) (void)snprintf(text, sizeof text, "%d %s, %d times", answer->status, problem, tries);
  else if (answer->status == 404)
    (void)snprintf(text, sizeof text, "404 %s; is that a server of trm (trm serve)?", problem);
  else (void)snprintf(text, sizeof text, "%d %s", answer->status, problem);
  /* puzzles are checked here, so what the server does not like is an option */
  trm_status code = answer->status == 400                            ? TRM_E_USAGE
                    : answer->status >= 500 && answer->status != 503 ? TRM_E_INTERNAL
                                                                     : TRM_E_INPUT;
  return remote_fail(r, err, code, text);
}

/* -- opening ------------------------------------------------------------------------------------------------------- */

static int remote_check_options(const cli_command *self, const cli_arguments *a) {
  static const char *const local[] = {"device", "threads", "events", "force", "batch", "dtype", "noise_control"};
  char word[80];
  for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
    if (!cli_is_given(a, local[i])) continue;
    trm__option_word(local[i], strlen(local[i]), word, sizeof word);
    return cli_usage(self, "%s: has no meaning beside --server, whose engines are the server's own", word);
  }
  return CLI_CONTINUE;
}

static trm_status remote_get_token(cli_remote *r, const char *file, trm_error *err) {
  const char *value = cli_environment("TRM_TOKEN");
  if (*file) return cli_http_token_load(r->token, file, err);
  if (!value) return TRM_OK;
  trm_status status = cli_http_token_check(value, "TRM_TOKEN", err);
  if (!status) (void)snprintf(r->token, sizeof r->token, "%s", value);
  return status;
}

/* The options that were given, as a request has them; what a server's default is another's, always. */
static json_t *remote_options(const cli_arguments *a, const trm_solver_config *config) {
  static const char *const always[] = {"halt", "rules_halt", "search"};
  size_t count;
  const trm_option *table = trm_solver_options(&count);
  json_t *all = trm__options_to_json(table, count, config), *some = json_object();
  for (size_t i = 0; i < a->givens; i++)
    if (a->given[i].table->config == config)
      (void)json_object_set(some, a->given[i].option->name, json_object_get(all, a->given[i].option->name));
  for (size_t i = 0; i < sizeof always / sizeof *always; i++)
    (void)json_object_set(some, always[i], json_object_get(all, always[i]));
  json_decref(all);
  return some;
}

static trm_status remote_get_models(cli_remote *r, trm_error *err) {
  cli_http_answer answer;
  cli_http *http = &r->line[0].http;
  trm_status status = cli_http_ask(http, "GET", "/v1/models", &answer, err);
  if (status) return status;
  if (answer.status != 200) return remote_refused(r, &answer, 1, err);
  json_t *object = json_loadb(answer.body, answer.size, JSON_REJECT_DUPLICATES, NULL);
  r->models = json_incref(json_object_get(object, "models"));
  json_decref(object);
  if (json_is_array(r->models)) return TRM_OK;
  return remote_fail(r, err, TRM_E_INPUT, "what answers there is no server of trm, as it has no list of models");
}

int cli_remote_open(const cli_command *self, cli_remote **out, const char *url, const char *token_file,
                    const cli_arguments *arguments, const trm_solver_config *config) {
  trm_error err = {0};
  int code = remote_check_options(self, arguments);
  if (code != CLI_CONTINUE) return code;
  cli_remote *r = cli_alloc(1, sizeof *r);
  *out = r;
  *r = (cli_remote){.command = self, .config = config, .asked = remote_options(arguments, config)};
  for (size_t i = 0; i < LINES; i++) r->line[i].http = (cli_http){.fd = -1, .address = &r->address, .token = r->token};
  trm_status status = cli_http_address_read(&r->address, url, &err);
  if (!status) status = remote_get_token(r, token_file, &err);
  cli_catch_signals();
  if (!status) status = remote_get_models(r, &err);
  return status ? cli_error(self, &err) : CLI_CONTINUE;
}

void cli_remote_close(cli_remote **remote) {
  cli_remote *r = *remote;
  *remote = NULL;
  if (!r) return;
  for (size_t i = 0; i < LINES; i++) {
    cli_http_close(&r->line[i].http);
    free(r->line[i].body);
  }
  json_decref(r->models);
  json_decref(r->asked);
  memset(r->token, 0, sizeof r->token);
  free(r);
}

/* -- the model ----------------------------------------------------------------------------------------------------- */

static const char *remote_text(const json_t *model, const char *key) {
  const char *text = json_string_value(json_object_get(model, key));
  return text ? text : "";
}

/* The first that is meant: of that name or version, or with NULL for such puzzles. */
static int remote_find(cli_remote *r, const char *name, const trm_puzzle_kind *kind) {
  size_t i;
  json_t *model;
  trm_task task;
  json_array_foreach(r->models, i, model) {
    if (name && strcmp(remote_text(model, "name"), name) != 0 && strcmp(remote_text(model, "version"), name) != 0)
      continue;
    if (!cli_remote_task(model, &task) || (!name && !trm_puzzle_kind_fits(kind, &task))) continue;
    r->model = model;
    r->task = task;
    return 1;
  }
  return 0;
}

static int remote_refuse_model(const cli_remote *r, const char *name, const trm_puzzle_kind *kind) {
  char wanted[80], list[600] = "";
  size_t i, used = 0;
  json_t *model;
  trm_task task;
  json_array_foreach(r->models, i, model) if (cli_remote_task(model, &task) && used + 100 < sizeof list) used +=
      (size_t)snprintf(list + used, sizeof list - used, "%s%.80s", used ? ", " : "", remote_text(model, "name"));
  if (kind->task.width) (void)trm_task_title(&kind->task, wanted, sizeof wanted);
  else (void)snprintf(wanted, sizeof wanted, "puzzles of %zu cells", kind->cells);
  if (name)
    return cli_usage(r->command, "--model: %s has no model \"%.100s\"; there are: %s", r->address.url, name,
                     used ? list : "none");
  return cli_usage(r->command, "no model of %s solves %s; there are: %s; name one with --model NAME", r->address.url,
                   wanted, used ? list : "none");
}

static int remote_choose_for(cli_remote *r, cli_puzzles *puzzles, trm_puzzle_kind *kind) {
  char problem[CLI_PROBLEM];
  int code = cli_puzzles_check(puzzles, NULL);
  if (code != CLI_CONTINUE) return code;
  cli_puzzles_kind(puzzles, kind, problem);
  if (kind->cells && remote_find(r, NULL, kind)) return CLI_CONTINUE;
  if (problem[0]) return cli_bad_input(r->command, "%s", problem);
  if (!kind->cells && !kind->task.width) { /* as trm solve has it: 9x9 Sudoku */
    const trm_puzzle_kind usual = {.cells = 81};
    return remote_find(r, NULL, &usual) ? CLI_CONTINUE : remote_refuse_model(r, NULL, &usual);
  }
  return remote_find(r, NULL, kind) ? CLI_CONTINUE : remote_refuse_model(r, NULL, kind);
}

int cli_remote_choose(cli_remote *r, cli_solving *s, char name[1100], cli_puzzles *puzzles, int64_t identifier) {
  trm_puzzle_kind kind = {0};
  int named = name[0] != 0, code = CLI_CONTINUE;
  if (!named) code = remote_choose_for(r, puzzles, &kind);
  else if (!remote_find(r, name, NULL)) code = remote_refuse_model(r, name, &kind);
  if (code != CLI_CONTINUE) return code;
  json_int_t rows = json_integer_value(json_object_get(r->model, "identifiers"));
  if (identifier && identifier >= rows)
    return cli_usage(r->command, "--identifier: found %lld, %s knows 0 to %lld", (long long)identifier,
                     remote_text(r->model, "name"), (long long)(rows > 0 ? rows - 1 : 0));
  if (named && (code = cli_puzzles_check(puzzles, &r->task)) != CLI_CONTINUE) return code;
  code = cli_framed_open(&s->framed, r->command, puzzles, named ? NULL : &kind, &r->task);
  if (code != CLI_CONTINUE) return code;
  s->task = s->framed.task;
  s->S = s->framed.S;
  s->recursion = remote_text(r->model, "recursion");
  if (!named) s->installed = cli_path(remote_text(r->model, "name"));
  if (!named && cli_is_terminal(stderr)) cli_note("model %s of %s", remote_text(r->model, "name"), r->address.url);
  (void)json_object_set(r->asked, "model", json_object_get(r->model, "name"));
  if (identifier) (void)json_object_set_new(r->asked, "identifier", json_integer(identifier));
  return CLI_CONTINUE;
}

trm_solver_values cli_remote_values(const cli_remote *r) {
  return cli_remote_model_values(r->model, r->config);
}

/* -- one puzzle ---------------------------------------------------------------------------------------------------- */

static char *remote_body(const remote_work *w, const int32_t *tokens, int64_t number) {
  const trm_task *task = &w->remote->task;
  json_t *list = json_array(), *o = json_copy(w->remote->asked);
  for (int i = 0; i < task->width * task->height; i++) (void)json_array_append_new(list, json_integer(tokens[i]));
  (void)json_object_set_new(o, "puzzle", json_pack("{s:o}", "tokens", list));
  (void)json_object_set_new(o, "number", json_integer(number));
  if (w->explain) (void)json_object_set_new(o, "explain", json_true());
  char *body = json_dumps(o, JSON_COMPACT);
  json_decref(o);
  return body;
}

static trm_status line_ask(remote_line *line, trm_error *err) {
  line->due = 0;
  return cli_http_send(&line->http, "POST", "/v1/solve", line->body, err);
}

static trm_status line_begin(remote_work *w, remote_line *line, const trm_puzzle *puzzle, int64_t number,
                             trm_error *err) {
  free(line->body);
  line->busy = 1;
  line->number = number;
  line->tag = puzzle->tag;
  line->put_off = 0;
  line->body = remote_body(w, puzzle->tokens, number);
  w->busy++;
  if (!line->body) return remote_fail(w->remote, err, TRM_E_MEMORY, "not enough memory for a request");
  return line_ask(line, err);
}

static void line_leave(remote_work *w, remote_line *line, const int32_t *answer, const trm_solution *solution) {
  const trm_leave leave = {.puzzle = line->number, .tag = line->tag, .answer = answer, .solution = solution};
  line->busy = 0;
  w->busy--;
  w->source->leave(w->source->context, &leave);
}

/* The steps are told as an engine would have; more than one answers TRM_STEP_STOP only once. */
static int line_tell_steps(remote_work *w, const remote_line *line, const json_t *trace) {
  size_t i;
  json_t *object;
  trm_step step;
  if (!json_is_array(trace)) return 0;
  json_array_foreach(trace, i, object) {
    if (!cli_remote_step(object, &w->remote->task, w->answer, w->confidence, &step)) return 0;
    step.puzzle = line->number;
    if (w->step && w->step(w->context, &step) != TRM_STEP_ON) break;
  }
  return 1;
}

static trm_status line_solved(remote_work *w, remote_line *line, const cli_http_answer *answer, trm_error *err) {
  trm_solution solution;
  int has_answer = 0;
  json_t *o = json_loadb(answer->body, answer->size, JSON_REJECT_DUPLICATES, NULL);
  int sound = o && (!w->explain || line_tell_steps(w, line, json_object_get(o, "trace")));
  sound = sound && cli_remote_solution(o, &w->remote->task, w->answer, &has_answer, &solution, w->level);
  json_decref(o);
  if (!sound)
    return remote_fail(w->remote, err, TRM_E_INPUT,
                       "its answer is not one of trm's; is the server of another version? (GET /v1/openapi.json)");
  line_leave(w, line, has_answer ? w->answer : NULL, &solution);
  return TRM_OK;
}

/* Asks again later, as the server says when. */
static trm_status line_put_off(remote_work *w, remote_line *line, const cli_http_answer *answer, trm_error *err) {
  if (++line->put_off == TRIES) return remote_refused(w->remote, answer, TRIES, err);
  line->due = trm_clock() + fmin(answer->retry_after < 0 ? 1 : fmax(answer->retry_after, 0.05), PATIENCE_S);
  return TRM_OK;
}

static trm_status line_look(remote_work *w, remote_line *line, trm_error *err) {
  cli_http_answer answer;
  if (line->due > 0) return trm_clock() < line->due ? TRM_OK : line_ask(line, err);
  switch (cli_http_receive(&line->http, &answer, err)) {
  case CLI_HTTP_WAITING:
    return TRM_OK;
  case CLI_HTTP_STALE:
    return line_ask(line, err);
  case CLI_HTTP_FAILED:
    return err->code;
  case CLI_HTTP_ANSWER:
    break;
  }
  if (answer.status == 200) return line_solved(w, line, &answer, err);
  if (answer.status == 429 || answer.status == 503) return line_put_off(w, line, &answer, err);
  return remote_refused(w->remote, &answer, 1, err);
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

/* Gives idle lines what the source has. *more: 1 when the source may have another soon. */
static trm_status work_fill(remote_work *w, int *more, int64_t *given, trm_error *err) {
  *more = 0;
  for (size_t i = 0; i < LINES && !w->ended; i++) {
    remote_line *line = &w->remote->line[i];
    if (line->busy) continue;
    trm_puzzle puzzle = trm_puzzle_default();
    puzzle.tokens = w->tokens;
    trm_source_answer answer = w->source->next(w->source->context, *given, w->busy == 0, &puzzle);
    w->ended = answer == TRM_SOURCE_END || (answer == TRM_SOURCE_NONE && w->busy == 0);
    *more = answer == TRM_SOURCE_NONE;
    if (answer != TRM_SOURCE_PUZZLE) break;
    trm_status status = line_begin(w, line, &puzzle, (*given)++, err);
    if (status) return status;
  }
  return TRM_OK;
}

/* Sleeps until something has come, a time has, or a signal. */
static void work_wait(const remote_work *w, int more) {
  struct pollfd watched[LINES + 1] = {{.fd = cli_signal_descriptor(), .events = POLLIN}};
  double until = trm_clock() + (more ? GLANCE_MS / 1e3 : 1.0);
  for (size_t i = 0; i < LINES; i++) {
    const remote_line *line = &w->remote->line[i];
    watched[i + 1] = (struct pollfd){.fd = line->busy && !(line->due > 0) ? line->http.fd : -1, .events = POLLIN};
    if (line->busy && line->due > 0) until = fmin(until, line->due);
  }
  double left = until - trm_clock();
  if (left > 0) (void)poll(watched, LINES + 1, (int)ceil(1e3 * left));
}

static trm_status work_run(remote_work *w, trm_error *err) {
  int more = 0;
  int64_t given = 0;
  trm_status status = TRM_OK;
  while (!status && !cli_interrupted()) {
    status = work_fill(w, &more, &given, err);
    if (status || w->busy == 0) break;
    work_wait(w, more);
    for (size_t i = 0; i < LINES && !status; i++)
      if (w->remote->line[i].busy) status = line_look(w, &w->remote->line[i], err);
  }
  return status ? status : cli_interrupted() ? TRM_E_STOPPED : TRM_OK;
}

trm_status cli_remote_solve(cli_remote *r, const trm_source *source, int explain, trm_step_fn step, void *context,
                            int *level, trm_error *err) {
  const trm_solution none = {.cancelled = 1};
  size_t cells = (size_t)r->task.width * (size_t)r->task.height;
  remote_work w = {.remote = r,
                   .source = source,
                   .step = step,
                   .context = context,
                   .level = level,
                   .explain = explain,
                   .tokens = cli_alloc(cells, sizeof *w.tokens),
                   .answer = cli_alloc(cells, sizeof *w.answer),
                   .confidence = cli_alloc(cells, sizeof *w.confidence)};
  trm_status status = work_run(&w, err);
  for (size_t i = 0; i < LINES; i++) { /* who hangs up wants no answer */
    if (r->line[i].busy) line_leave(&w, &r->line[i], NULL, &none);
    cli_http_close(&r->line[i].http);
  }
  free(w.tokens);
  free(w.answer);
  free(w.confidence);
  return status;
}
