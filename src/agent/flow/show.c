/* A workflow as text and as a picture: a line, or a box, for each step, in layers by what they depend on; with a record
 * in the colours of their states. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/flow/flow.h"
#include "base/mem.h"

enum { BOX_WIDTH = 170, BOX_HEIGHT = 42, GAP_X = 60, GAP_Y = 16, MARGIN = 20, LETTERS = 20 };

static const struct {
  const char *name, *fill;
} show_states[] = {
    [TRM__FLOW_WAITING] = {"waiting", "#f2f2f2"}, [TRM__FLOW_RUNNING] = {"running", "#cfe2ff"},
    [TRM__FLOW_DONE] = {"done", "#c9ecd1"},       [TRM__FLOW_FAILED] = {"failed", "#f6c6c6"},
    [TRM__FLOW_SKIPPED] = {"skipped", "#ffffff"}, [TRM__FLOW_UNDONE] = {"undone", "#fde3b5"},
};

/* -- states of a record -------------------------------------------------------------------------------------------- */

typedef struct show_record {
  const trm__flow *flow;
  trm__flow_state *states;
} show_record;

static trm_status show_entry(void *context, const trm__steps_entry *entry, trm_error *err) {
  static const trm__flow_state states[] = {
      [TRM__STEPS_BEGUN] = TRM__FLOW_RUNNING, [TRM__STEPS_DONE] = TRM__FLOW_DONE,
      [TRM__STEPS_FAILED] = TRM__FLOW_FAILED, [TRM__STEPS_SKIPPED] = TRM__FLOW_SKIPPED,
      [TRM__STEPS_UNDONE] = TRM__FLOW_UNDONE,
  };
  show_record *c = context;
  (void)err;
  if (!*entry->step || entry->event == TRM__STEPS_ENDED) return TRM_OK;
  for (size_t i = 0; i < c->flow->count; i++)
    if (!strcmp(c->flow->steps[i].name, entry->step)) c->states[i] = states[entry->event];
  return TRM_OK;
}

trm_status trm__flow_states(const trm__flow *flow, trm__steps *record, const char *run, trm__flow_state *states,
                            trm_error *err) {
  show_record c = {flow, states};
  for (size_t i = 0; i < flow->count; i++) states[i] = TRM__FLOW_WAITING;
  return trm__steps_each(record, run, show_entry, &c, err);
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

typedef struct show_sink {
  FILE *file;
  char *text;
  size_t size;
} show_sink;

static int sink_open(show_sink *s) {
  s->file = open_memstream(&s->text, &s->size);
  return s->file != NULL;
}

static char *sink_close(show_sink *s) {
  int failed = ferror(s->file);
  failed |= fclose(s->file);
  char *copy = failed ? NULL : trm__strdup(s->text);
  free(s->text);
  return copy;
}

static size_t show_layers(const trm__flow *flow) {
  size_t layers = 0;
  for (size_t i = 0; i < flow->count; i++)
    if (flow->steps[i].layer + 1 > layers) layers = flow->steps[i].layer + 1;
  return layers;
}

char *trm__flow_text(const trm__flow *flow, const trm__flow_state *states) {
  show_sink s;
  size_t layers = show_layers(flow);
  if (!sink_open(&s)) return NULL;
  for (size_t layer = 0; layer < layers; layer++)
    for (size_t i = 0; i < flow->count; i++) {
      const trm__flow_step *step = &flow->steps[i];
      if (step->layer != layer) continue;
      (void)fprintf(s.file, "%zu  %-20s %-16s", layer + 1, step->name, step->action);
      if (states) (void)fprintf(s.file, " %-8s", show_states[states[i]].name);
      for (size_t k = 0; k < step->need_count; k++)
        (void)fprintf(s.file, "%s%s", k ? ", " : " after ", flow->steps[step->needs[k]].name);
      (void)fprintf(s.file, "%s\n", json_object_get(step->about, "if") ? " if ..." : "");
    }
  return sink_close(&s);
}

/* Names are letters, digits, - and _ (the schema says so), so nothing needs escaping. */
static void picture_box(FILE *file, const trm__flow_step *step, size_t x, size_t y, const trm__flow_state *state) {
  (void)fprintf(
      file,
      "<g><title>%s: %s%s%s</title><rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" rx=\"6\" fill=\"%s\" "
      "stroke=\"#555\"/><text x=\"%zu\" y=\"%zu\" font-weight=\"bold\">%.*s%s</text><text x=\"%zu\" y=\"%zu\" "
      "fill=\"#444\">%.*s%s%s</text></g>\n",
      step->name, step->action, state ? ", " : "", state ? show_states[*state].name : "", x, y, BOX_WIDTH, BOX_HEIGHT,
      state ? show_states[*state].fill : "#f2f2f2", x + 8, y + 17, LETTERS, step->name,
      strlen(step->name) > LETTERS ? "..." : "", x + 8, y + 34, LETTERS, step->action, state ? " - " : "",
      state ? show_states[*state].name : "");
}

static void picture_draw(FILE *file, const trm__flow *flow, const trm__flow_state *states, const size_t *x,
                     const size_t *y) {
  for (size_t i = 0; i < flow->count; i++)
    for (size_t k = 0; k < flow->steps[i].need_count; k++) {
      size_t from = flow->steps[i].needs[k];
      (void)fprintf(file, "<path d=\"M%zu %zu C%zu %zu %zu %zu %zu %zu\" fill=\"none\" stroke=\"#888\"/>\n",
                    x[from] + BOX_WIDTH, y[from] + BOX_HEIGHT / 2, x[from] + BOX_WIDTH + GAP_X / 2,
                    y[from] + BOX_HEIGHT / 2, x[i] - GAP_X / 2, y[i] + BOX_HEIGHT / 2, x[i], y[i] + BOX_HEIGHT / 2);
    }
  for (size_t i = 0; i < flow->count; i++) picture_box(file, &flow->steps[i], x[i], y[i], states ? &states[i] : NULL);
}

char *trm__flow_svg(const trm__flow *flow, const trm__flow_state *states) {
  show_sink s;
  size_t layers = show_layers(flow), rows = 0, *x = trm__calloc(3 * flow->count + 1, sizeof *x);
  if (!x || !sink_open(&s)) {
    trm__free(x);
    return NULL;
  }
  size_t *y = x + flow->count, *used = y + flow->count; /* [layers] rows of each, at most as many as there are steps */
  for (size_t i = 0; i < flow->count; i++) {
    size_t layer = flow->steps[i].layer, row = used[layer]++;
    x[i] = MARGIN + layer * (BOX_WIDTH + GAP_X);
    y[i] = MARGIN + row * (BOX_HEIGHT + GAP_Y);
    if (row + 1 > rows) rows = row + 1;
  }
  (void)fprintf(s.file,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" font-family=\"sans-serif\" "
                "font-size=\"12\">\n<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                2 * MARGIN + layers * (BOX_WIDTH + GAP_X) - GAP_X, 2 * MARGIN + rows * (BOX_HEIGHT + GAP_Y) - GAP_Y,
                flow->name);
  picture_draw(s.file, flow, states, x, y);
  (void)fprintf(s.file, "</svg>\n");
  trm__free(x);
  return sink_close(&s);
}
