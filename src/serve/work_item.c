/* Frames about one item on its way in, and its steps: see work.h. */
#include <pthread.h>
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"
#include "base/text/options.h"
#include "serve/fields.h"
#include "serve/work_data.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define OPTIONS_MOST 64
#define NUMBER_MOST (UINT64_C(1) << 46) /* names of noise are less */

/* -- options ------------------------------------------------------------------------------------------------------- */

/* What may be asked of a server that others use too: a step, between two of which nothing can be cancelled, takes at
 * most some hundred times as long as usual, and a solver at most some times the memory. */
static const struct {
  const char *name;
  double most;
} item_bounds[] = {{"H_cycles", 64}, {"L_cycles", 64}, {"parallel_latents", 8}, {"chains", 64}};

static trm_option item_options[OPTIONS_MOST], item_asked[OPTIONS_MOST]; /* all; as requests may have them */
static size_t item_options_count;
static pthread_once_t item_options_once = PTHREAD_ONCE_INIT;

/* The engine's own, and what no puzzle is solved by. */
static int option_is_left_out(const char *name) {
  static const char *const names[] = {"batch", "dtype", "noise_control"};
  for (size_t i = 0; i < COUNT(names); i++)
    if (strcmp(name, names[i]) == 0) return 1;
  return 0;
}

static void options_make(void) {
  size_t count;
  const trm_option *all = trm_solver_options(&count);
  for (size_t i = 0; i < count && item_options_count < OPTIONS_MOST; i++) {
    if (option_is_left_out(all[i].name)) continue;
    trm_option option = all[i];
    if (strcmp(option.name, "rules_halt") == 0) option.default_text = "true";
    if (strcmp(option.name, "search") == 0) option.default_text = "-1";
    item_options[item_options_count] = option;
    for (size_t k = 0; k < COUNT(item_bounds); k++)
      if (strcmp(option.name, item_bounds[k].name) == 0) option.max = item_bounds[k].most;
    item_asked[item_options_count++] = option;
  }
}

static const trm_option *item_table(size_t *count) {
  (void)pthread_once(&item_options_once, options_make);
  *count = item_options_count;
  return item_options;
}

const trm_option *trm__work_options(size_t *count) {
  (void)item_table(count);
  return item_asked;
}

trm__work trm__work_default(void) {
  trm__work work = {.solver = trm_solver_config_default(), .wanted = trm_wanted_default()};
  work.solver.rules_halt = 1;
  work.solver.search = TRM_SEARCH_USUAL;
  return work;
}

/* -- ITEM ---------------------------------------------------------------------------------------------------------- */

typedef struct item_sizes {
  int64_t cells, state;
} item_sizes;

static const trm__field item_fields[] = {
    TRM__FIELD(INT, trm__work, kind),        TRM__FIELD(TEXT, trm__work, model),
    TRM__FIELD(DOUBLE, trm__work, deadline), TRM__FIELD(INT, trm__work, priority),
    TRM__FIELD(INT64, trm__work, number),    TRM__FIELD(INT, trm__work, identifier),
    TRM__FIELD(INT, trm__work, explain),     TRM__FIELD(INT, trm__work, wants_state),
};
static const trm__field wanted_fields[] = {
    TRM__FIELD(INT64, trm_wanted, min_clues),   TRM__FIELD(INT64, trm_wanted, max_clues),
    TRM__FIELD(INT64, trm_wanted, min_guesses), TRM__FIELD(INT64, trm_wanted, max_guesses),
    TRM__FIELD(INT64, trm_wanted, tries),       TRM__FIELD(INT64, trm_wanted, min_path),
    TRM__FIELD(INT64, trm_wanted, min_side),    TRM__FIELD(INT64, trm_wanted, max_side),
};
static const trm__field size_fields[] = {
    TRM__FIELD(INT64, item_sizes, cells),
    TRM__FIELD(INT64, item_sizes, state),
};

static trm_status item_check(const trm__work *w, const item_sizes *sizes, trm_error *err) {
  const char *bad = NULL;
  if (w->kind < TRM__WORK_SOLVE || w->kind > TRM__WORK_GENERATE) bad = "kind";
  else if (!(w->deadline >= 0)) bad = "deadline";
  else if (w->priority < -TRM__WORK_PRIORITY || w->priority > TRM__WORK_PRIORITY) bad = "priority";
  else if (w->number >= NUMBER_MOST) bad = "number";
  else if (w->identifier < 0) bad = "identifier";
  else if (sizes->cells < 0 || sizes->cells > TRM__WORK_CELLS) bad = "cells";
  else if (sizes->state < 0 || sizes->state > TRM__WORK_STATE) bad = "state";
  else if ((w->kind == TRM__WORK_GENERATE) != (sizes->cells == 0)) bad = "cells";
  else if (sizes->state && w->kind != TRM__WORK_SOLVE) bad = "state";
  return bad ? trm__fail(err, TRM_E_INPUT, bad, "out of its range in an item of work") : TRM_OK;
}

trm_status trm__work_item_pack(const trm__work *w, trm__work_bytes *out, trm_error *err) {
  size_t count;
  const trm_option *options = item_table(&count);
  const item_sizes sizes = {(int64_t)w->cells, w->state ? (int64_t)w->state_size : 0};
  trm_status status = item_check(w, &sizes, err);
  if (status) return status;
  trm_solver_config read = w->solver;
  json_t *solver = trm__options_to_json(options, count, &w->solver);
  if (solver && (status = trm__options_from_json(options, count, &read, solver, 0, "options", err))) {
    json_decref(solver); /* the engine would not take it */
    return status;
  }
  json_t *json = json_object();
  int failed = json_object_set_new(json, "it", trm__fields_to_json(item_fields, COUNT(item_fields), w));
  failed |= json_object_set_new(json, "solver", solver);
  failed |= json_object_set_new(json, "wanted", trm__fields_to_json(wanted_fields, COUNT(wanted_fields), &w->wanted));
  failed |= json_object_set_new(json, "sizes", trm__fields_to_json(size_fields, COUNT(size_fields), &sizes));
  if (failed) json_decref(json), json = NULL;
  const trm__work_array arrays[] = {{w->tokens, w->cells * sizeof *w->tokens}, {w->state, w->state_size}};
  return trm__work_data_pack(json, arrays, COUNT(arrays), "ITEM", out, err);
}

static trm_status item_read_json(trm__work *w, item_sizes *sizes, const json_t *json, trm_error *err) {
  size_t count;
  const trm_option *options = item_table(&count);
  if (json_object_size(json) != 4) return trm__fail(err, TRM_E_INPUT, "ITEM", "expected an object of four parts");
  trm_status status =
      trm__fields_from_json(item_fields, COUNT(item_fields), w, json_object_get(json, "it"), "ITEM", err);
  if (!status)
    status = trm__options_from_json(options, count, &w->solver, json_object_get(json, "solver"), 0, "ITEM", err);
  if (!status)
    status = trm__fields_from_json(wanted_fields, COUNT(wanted_fields), &w->wanted, json_object_get(json, "wanted"),
                                   "ITEM", err);
  if (!status)
    status = trm__fields_from_json(size_fields, COUNT(size_fields), sizes, json_object_get(json, "sizes"), "ITEM", err);
  return status ? status : item_check(w, sizes, err);
}

trm_status trm__work_item_read(trm__work *work, const void *data, uint32_t size, trm_error *err) {
  json_t *json = NULL;
  trm__work_rest rest;
  item_sizes sizes = {0};
  trm__work w = trm__work_default();
  trm_status status = trm__work_data_read(&json, &rest, data, size, "ITEM", err);
  if (status) return status;
  status = item_read_json(&w, &sizes, json, err);
  json_decref(json);
  if (status) return status;
  int bad = 0;
  w.cells = (size_t)sizes.cells;
  w.tokens = trm__work_rest_take(&rest, w.cells, &bad);
  if (!w.cells) w.tokens = NULL;
  w.state = sizes.state ? rest.data : NULL;
  w.state_size = (size_t)sizes.state;
  if (bad || rest.size != w.state_size)
    return trm__fail(err, TRM_E_INPUT, "ITEM", "%zu bytes behind the JSON, it says %zu cells and a state of %zu bytes",
                     rest.size, w.cells, w.state_size);
  *work = w;
  return TRM_OK;
}

/* -- STEP ---------------------------------------------------------------------------------------------------------- */

static const trm__field step_fields[] = {
    TRM__FIELD(INT, trm__work_step, step),    TRM__FIELD(INT, trm__work_step, chain),
    TRM__FIELD(INT, trm__work_step, halted),  TRM__FIELD(INT, trm__work_step, checked),
    TRM__FIELD(INT, trm__work_step, correct), TRM__FIELD(FLOAT, trm__work_step, q),
};

trm_status trm__work_step_pack(const trm__work_step *s, trm__work_bytes *out, trm_error *err) {
  json_t *json = trm__fields_to_json(step_fields, COUNT(step_fields), s);
  const trm__work_array arrays[] = {{s->answer, s->cells * sizeof *s->answer},
                                    {s->confidence, s->cells * sizeof *s->confidence}};
  return trm__work_data_pack(json, arrays, COUNT(arrays), "STEP", out, err);
}

/* The number of cells is known from what is there. */
trm_status trm__work_step_read(trm__work_step *step, const void *data, uint32_t size, trm_error *err) {
  json_t *json = NULL;
  trm__work_rest rest;
  trm__work_step s = {0};
  trm_status status = trm__work_data_read(&json, &rest, data, size, "STEP", err);
  if (status) return status;
  status = trm__fields_from_json(step_fields, COUNT(step_fields), &s, json, "STEP", err);
  json_decref(json);
  if (status) return status;
  int bad = 0;
  s.cells = rest.size / (sizeof *s.answer + sizeof *s.confidence);
  s.answer = trm__work_rest_take(&rest, s.cells, &bad);
  s.confidence = trm__work_rest_take(&rest, s.cells, &bad);
  if (bad || rest.size || !s.cells || s.cells > TRM__WORK_CELLS)
    return trm__fail(err, TRM_E_INPUT, "STEP", "%zu cells and %zu bytes more behind the JSON", s.cells, rest.size);
  *step = s;
  return TRM_OK;
}
