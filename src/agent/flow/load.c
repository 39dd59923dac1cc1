/* Reading a workflow: who depends on whom, and that it can be run at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/define/define.h"
#include "agent/flow/expr.h"
#include "agent/flow/flow.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/nearest.h"

#define NOT_FOUND ((size_t)-1)

typedef struct graph {
  trm__flow *flow;
  const char *path;
  const trm__agent *agent;
  json_t *numbers;      /* of steps by name */
  trm__flow_step *step; /* at hand */
  trm_error *err;
} graph;

static trm_status graph_memory(const graph *l) {
  return trm__fail_memory(l->err, l->path, 0);
}

static trm_status graph_fail(const graph *l, const char *key, const char *message) {
  char pointer[200];
  snprintf(pointer, sizeof pointer, "/steps/%s%s%s", l->step->name, *key ? "/" : "", key);
  return trm__define_fail(l->path, pointer, l->err, "step %s: %s", l->step->name, message);
}

static size_t graph_number(const graph *l, const char *name, size_t length) {
  const json_t *number = json_object_getn(l->numbers, name, length);
  return number ? (size_t)json_integer_value(number) : NOT_FOUND;
}

static trm_status graph_unknown(const graph *l, const char *key, const char *name) {
  char message[300];
  trm__nearest nearest = trm__nearest_to(name);
  for (size_t i = 0; i < l->flow->count; i++)
    trm__nearest_offer(&nearest, l->flow->steps[i].name, strlen(l->flow->steps[i].name));
  snprintf(message, sizeof message, "depends on %.64s, which is no step%s%s%s", name,
           nearest.name[0] ? "; did you mean " : "", nearest.name, nearest.name[0] ? "?" : "");
  return graph_fail(l, key, message);
}

/* -- dependencies -------------------------------------------------------------------------------------------------- */

static trm_status graph_need(graph *l, size_t number) {
  trm__flow_step *step = l->step;
  for (size_t i = 0; i < step->need_count; i++)
    if (step->needs[i] == number) return TRM_OK;
  size_t *grown = trm__realloc(step->needs, step->need_count + 1, sizeof *grown);
  if (!grown) return graph_memory(l);
  step->needs = grown;
  step->needs[step->need_count++] = number;
  return TRM_OK;
}

/* A reference of the step's input or condition: /input..., or /steps/NAME/... */
static trm_status graph_pointer(void *context, const char *pointer, trm_error *err) {
  graph *l = context;
  char name[128], message[300];
  (void)err;
  if (!strcmp(pointer, "/input") || !strncmp(pointer, "/input/", 7)) return TRM_OK;
  if (strncmp(pointer, "/steps/", 7) != 0) {
    snprintf(message, sizeof message, "refers to %.100s, expected /input/... or /steps/NAME/result/...", pointer);
    return graph_fail(l, "", message);
  }
  snprintf(name, sizeof name, "%.*s", (int)strcspn(pointer + 7, "/"), pointer + 7);
  size_t number = graph_number(l, name, strlen(name));
  return number == NOT_FOUND ? graph_unknown(l, "", name) : graph_need(l, number);
}

static trm_status graph_step(graph *l) {
  const json_t *about = l->step->about, *after = json_object_get(about, "after"), *condition;
  trm_error own = {.code = TRM_OK};
  trm__fault fault = {0};
  trm_status status = TRM_OK;
  if (l->agent && !trm__agent_find(l->agent, l->step->action)) {
    (void)trm__agent_unknown(l->agent, l->step->action, &fault);
    return graph_fail(l, "action", fault.message);
  }
  for (size_t i = 0; i < json_array_size(after) && !status; i++) {
    const char *name = json_string_value(json_array_get(after, i));
    size_t number = graph_number(l, name, strlen(name));
    status = number == NOT_FOUND ? graph_unknown(l, "after", name) : graph_need(l, number);
  }
  if (!status) status = trm__expr_pointers(json_object_get(about, "input"), graph_pointer, l, l->err);
  if (status || !(condition = json_object_get(about, "if"))) return status;
  if (trm__expr_check(condition, &own)) return graph_fail(l, "if", own.message);
  return trm__expr_pointers(condition, graph_pointer, l, l->err);
}

static trm_status graph_needed_by(graph *l) {
  for (size_t i = 0; i < l->flow->count; i++)
    for (size_t k = 0; k < l->flow->steps[i].need_count; k++) {
      trm__flow_step *before = &l->flow->steps[l->flow->steps[i].needs[k]];
      size_t *grown = trm__realloc(before->needed_by, before->needed_count + 1, sizeof *grown);
      if (!grown) return graph_memory(l);
      before->needed_by = grown;
      before->needed_by[before->needed_count++] = i;
    }
  return TRM_OK;
}

/* -- cycles -------------------------------------------------------------------------------------------------------- */

/* Every step that is left needs one that is left: walking back from any of them must come to a step a second time. */
static trm_status graph_cycle(graph *l, const size_t *left) {
  trm__flow *f = l->flow;
  size_t *way = trm__calloc(f->count + 1, sizeof *way), *seen = trm__calloc(f->count, sizeof *seen), at = 0, length = 0;
  char text[600] = "";
  if (!way || !seen) {
    trm__free(way);
    trm__free(seen);
    return graph_memory(l);
  }
  while (!left[at]) at++;
  while (!seen[at]) {
    seen[at] = 1;
    way[length++] = at;
    size_t next = 0;
    while (!left[f->steps[at].needs[next]]) next++;
    at = f->steps[at].needs[next];
  }
  size_t used = (size_t)snprintf(text, sizeof text, "%s", f->steps[at].name);
  do { /* way goes from a step to what it needs; read backwards it is the order of running */
    length--;
    if (used < sizeof text)
      used += (size_t)snprintf(text + used, sizeof text - used, " -> %s", f->steps[way[length]].name);
  } while (way[length] != at);
  l->step = &f->steps[at];
  trm__free(way);
  trm__free(seen);
  char message[700];
  snprintf(message, sizeof message, "depends on itself: %s", text);
  return graph_fail(l, "", message);
}

/* Kahn's: takes away steps that need nothing any more; layers come with it. */
static trm_status graph_order(graph *l) {
  trm__flow *f = l->flow;
  size_t *left = trm__calloc(2 * f->count, sizeof *left), *queue = left ? left + f->count : NULL, first = 0, last = 0;
  if (!left) return graph_memory(l);
  for (size_t i = 0; i < f->count; i++) {
    left[i] = f->steps[i].need_count;
    if (!left[i]) queue[last++] = i;
  }
  while (first < last) {
    const trm__flow_step *step = &f->steps[queue[first++]];
    for (size_t k = 0; k < step->needed_count; k++) {
      trm__flow_step *after = &f->steps[step->needed_by[k]];
      if (after->layer < step->layer + 1) after->layer = step->layer + 1;
      if (--left[step->needed_by[k]] == 0) queue[last++] = step->needed_by[k];
    }
  }
  trm_status status = last == f->count ? TRM_OK : graph_cycle(l, left);
  trm__free(left);
  return status;
}

/* -- a whole definition -------------------------------------------------------------------------------------------- */

static trm_status graph_steps(graph *l) {
  trm__flow *f = l->flow;
  json_t *steps = json_object_get(f->about, "steps");
  trm_status status = TRM_OK;
  f->steps = trm__calloc(json_object_size(steps), sizeof *f->steps);
  if (!f->steps || !l->numbers) return graph_memory(l);
  for (void *at = json_object_iter(steps); at; at = json_object_iter_next(steps, at)) {
    const json_t *about = json_object_iter_value(at);
    f->steps[f->count] = (trm__flow_step){.name = json_object_iter_key(at),
                                          .action = json_string_value(json_object_get(about, "action")),
                                          .about = about};
    if (json_object_set_new(l->numbers, json_object_iter_key(at), json_integer((json_int_t)f->count)))
      return graph_memory(l);
    f->count++;
  }
  for (size_t i = 0; i < f->count && !status; i++) {
    l->step = &f->steps[i];
    status = graph_step(l);
  }
  if (!status) status = graph_needed_by(l);
  return status ? status : graph_order(l);
}

/* The output may refer to any step; its pointers are looked at as those of a step that nothing needs. */
static trm_status graph_output(graph *l) {
  trm__flow_step output = {.name = "output"};
  l->step = &output;
  trm_status status = trm__expr_pointers(json_object_get(l->flow->about, "output"), graph_pointer, l, l->err);
  trm__free(output.needs);
  return status;
}

static trm_status graph_hash(graph *l) {
  trm__sha256 sha;
  char *text = trm__json_text(l->flow->about, JSON_COMPACT | JSON_SORT_KEYS);
  if (!text) return graph_memory(l);
  trm__sha256_begin(&sha);
  trm__sha256_add(&sha, text, strlen(text));
  trm__sha256_end(&sha, l->flow->hash);
  free(text);
  return TRM_OK;
}

trm_status trm__flow_load(trm__flow **out, const char *path, const trm__agent *agent, trm_error *err) {
  trm_error own = {.code = TRM_OK};
  trm__flow *flow = trm__calloc(1, sizeof *flow);
  if (!flow) return trm__fail_memory(err, path, sizeof *flow);
  graph l = {.flow = flow, .path = path, .agent = agent, .numbers = json_object(), .err = err};
  trm_status status = trm__define_load(&flow->about, path, err);
  const char *kind = json_string_value(json_object_get(flow->about, "kind"));
  if (!status && strcmp(kind, "workflow") != 0)
    status = trm__define_fail(path, "/kind", err, "\"kind\": found \"%s\", expected \"workflow\"", kind);
  if (!status) flow->name = json_string_value(json_object_get(flow->about, "name"));
  if (!status) status = graph_steps(&l);
  if (!status) status = graph_output(&l);
  if (!status) status = graph_hash(&l);
  json_t *schema = json_object_get(flow->about, "input");
  trm__schema_config config = trm__schema_config_default();
  config.strict = 1;
  if (!status && trm__schema_open(&flow->input, schema ? schema : json_true(), &config, "input", &own))
    status = trm__define_fail(path, "/input", err, "\"input\": %s", own.message);
  json_decref(l.numbers);
  if (status) trm__flow_close(&flow);
  else *out = flow;
  return status;
}

void trm__flow_close(trm__flow **flow) {
  trm__flow *f = *flow;
  if (!f) return;
  for (size_t i = 0; i < f->count; i++) {
    trm__free(f->steps[i].needs);
    trm__free(f->steps[i].needed_by);
  }
  trm__free(f->steps);
  trm__schema_close(&f->input);
  json_decref(f->about);
  trm__free(f);
  *flow = NULL;
}
