/* POST /v1/solve: waiting for the answer, or for a stream of steps. With `async` or an Idempotency-Key it is a job
 * (serve/live.h), which is on disk before anything is answered. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "serve/live.h"
#include "serve/routes.h"

typedef struct solving {
  trm__call *call; /* NULL: the client is gone */
  trm__gateway *gateway;
  trm__run *run;
  int64_t events; /* of a stream, so far */
} solving;

static void solving_free(solving *s) {
  trm__run_close(&s->run);
  s->gateway->waiting--;
  trm__gateway_idle(s->gateway);
  trm__free(s);
}

static void solving_on_gone(trm__call *call, void *own) {
  (void)call;
  solving_free(own); /* nobody wants the answer */
}

static void solving_on_step(void *context, size_t item, json_t *event) {
  solving *s = context;
  (void)item;
  trm__call_event(s->call, ++s->events, "step", event);
}

static void solving_on_item(void *context, size_t item, json_t *answer) {
  solving *s = context;
  json_t *event = json_pack("{s:I, s:O}", "item", (json_int_t)item, "answer", answer);
  if (event) trm__call_event(s->call, ++s->events, "item", event);
  json_decref(event);
}

static void solving_on_done(void *context, const trm__run_end *end) {
  solving *s = context;
  trm__call *call = s->call;
  if (end->answer) trm__call_answer(call, 200, json_incref(end->answer));
  else trm__call_problem(call, end->problem, end->problem == TRM__PROBLEM_INVALID ? "/puzzle" : NULL, end->detail);
  solving_free(s);
}

static void solving_on_stream_done(void *context, const trm__run_end *end) {
  solving *s = context;
  json_t *data = end->answer ? json_incref(end->answer) : trm__problem_json(end->problem, NULL, end->detail);
  if (data) trm__call_event(s->call, ++s->events, end->answer ? "done" : "problem", data);
  json_decref(data);
  trm__call_end(s->call);
  solving_free(s);
}

static void solve_now(trm__call *call, int stream) {
  trm__ask_fault fault = {0};
  solving *s = trm__calloc(1, sizeof *s);
  if (!s) {
    trm__call_problem(call, TRM__PROBLEM_INTERNAL, NULL, "out of memory");
    return;
  }
  *s = (solving){.call = call, .gateway = call->gateway};
  trm__run_watch watch = {.done = stream ? solving_on_stream_done : solving_on_done, .context = s};
  if (stream) watch.step = solving_on_step, watch.item = solving_on_item;
  trm__run_place place = trm__gateway_place(call->gateway);
  json_t *body = call->body;
  call->body = NULL;
  trm_status status = trm__run_open(&s->run, &place, body, call->client, 0, &watch, &fault);
  if (status) {
    trm__free(s);
    trm__call_status(call, status, &fault);
    return;
  }
  call->gateway->waiting++;
  call->own = s;
  call->gone = solving_on_gone;
  if (stream) trm__call_stream(call);
}

void trm__route_solve(trm__call *call) {
  static const char *const offers[] = {"application/json", "text/event-stream", NULL};
  const char *detail = NULL;
  int offer = trm__call_form(call, offers);
  size_t keys = 0;
  const char *key = trm__call_field(call, "idempotency-key", &keys);
  trm__problem_kind refusal = trm__gateway_refusal(call->gateway, &detail);
  if (refusal) trm__call_problem(call, refusal, NULL, detail);
  else if (offer < 0)
    trm__call_problem(call, TRM__PROBLEM_NOT_ACCEPTABLE, NULL, "there is application/json and text/event-stream");
  else if (keys > 1 || (key && (!*key || strlen(key) > 255)))
    trm__call_problem(call, TRM__PROBLEM_INVALID, NULL, "Idempotency-Key: expected one field of 1 to 255 bytes");
  else if (key || json_is_true(json_object_get(call->body, "async"))) trm__live_submit(call, key);
  else solve_now(call, offer == 1);
}
