/* The steps of a puzzle: see explain.h. */
#include "cli/ui/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ui/grid.h"

void cli_trace_add(cli_trace *t, size_t S, const trm_step *step) {
  if (t->count == t->room) {
    t->room = 2 * t->room + 16;
    t->step = cli_grow(t->step, t->room, sizeof *t->step);
  }
  cli_trace_step *s = &t->step[t->count++];
  *s = (cli_trace_step){
      .step = step->step, .chain = step->chain, .q = step->q, .least = INFINITY, .change = step->change};
  s->answer = cli_alloc(S, sizeof *s->answer);
  s->confidence = cli_alloc(S, sizeof *s->confidence);
  memcpy(s->answer, step->answer, S * sizeof *s->answer);
  memcpy(s->confidence, step->confidence, S * sizeof *s->confidence);
  for (size_t i = 0; i < S; i++)
    if (!(s->confidence[i] >= s->least)) s->least = s->confidence[i];
}

static void trace_free(cli_trace_step *step) {
  free(step->answer);
  free(step->confidence);
}

/* Chains side by side are told of in turn, and each in its order. */
void cli_trace_keep(cli_trace *t, int chain) {
  size_t kept = 0;
  for (size_t i = 0; i < t->count; i++) {
    if (t->step[i].chain <= 1 || t->step[i].chain == chain) t->step[kept++] = t->step[i];
    else trace_free(&t->step[i]);
  }
  t->count = kept;
}

void cli_trace_clear(cli_trace *t) {
  for (size_t i = 0; i < t->count; i++) trace_free(&t->step[i]);
  t->count = 0;
}

/* -- beside each other --------------------------------------------------------------------------------------------- */

/* A step, and those after it that leave its answer as it is. */
typedef struct frame {
  const int32_t *answer, *before;
  int first, last; /* steps of a chain; 0: the question */
  int chain;
  float q; /* of the last */
} frame;

/* The question comes first, so that step 1 marks what was filled in. frames: room for one more than there are steps. */
static int explain_fold(const trm_task *task, const int32_t *question, const cli_trace *t, int all, frame *frames) {
  int count = 1;
  frames[0] = (frame){.answer = question, .before = question};
  for (size_t i = 0; i < t->count; i++) {
    const cli_trace_step *step = &t->step[i];
    frame *last = &frames[count - 1];
    int begins = i == 0 || step->chain != step[-1].chain;
    if (begins || all || cli_changed(task, last->answer, step->answer))
      frames[count++] = (frame){.answer = step->answer,
                                .before = begins ? question : last->answer,
                                .first = step->step,
                                .chain = step->chain};
    last = &frames[count - 1];
    last->last = step->step;
    last->q = step->q;
  }
  return count;
}

static char *explain_caption(const trm_task *task, const frame *f) {
  char text[100] = "question", steps[60], chain[24] = "", a[32];
  int changed = cli_changed(task, f->before, f->answer);
  if (f->chain > 1) (void)snprintf(chain, sizeof chain, "chain %d, ", f->chain);
  if (f->last > f->first) (void)snprintf(steps, sizeof steps, "%ssteps %d-%d", chain, f->first, f->last);
  else (void)snprintf(steps, sizeof steps, "%sstep %d", chain, f->first);
  if (f->first)
    (void)snprintf(text, sizeof text, "%s: %s\n%d changed%s", steps, cli_percent(1 / (1 + exp(-(double)f->q)), a),
                   changed, f->last > f->first ? ", then none" : "");
  return cli_copy_text(text, strlen(text));
}

static void explain_print_legend(int color) {
  printf("\n%s: changed in this step; %%: confidence\n", color ? "\033[1;32mgreen\033[0m" : "*");
}

void cli_explain_print(const trm_task *task, const int32_t *question, const cli_trace *trace, int all) {
  frame *frames = cli_alloc(trace->count + 1, sizeof *frames);
  int count = explain_fold(task, question, trace, all, frames), color = cli_color(stdout), fits = 1;
  cli_grid *grids = cli_alloc((size_t)count, sizeof *grids);
  char **captions = cli_alloc((size_t)count, sizeof *captions);
  for (int i = 0; i < count && fits; i++) {
    cli_grid_style style = {.question = question, .previous = frames[i].before, .color = color};
    fits = cli_grid_open(&grids[i], task, frames[i].answer, &style);
    captions[i] = explain_caption(task, &frames[i]);
  }
  if (fits) {
    cli_grids_print(stdout, grids, captions, count, cli_columns(stdout));
    explain_print_legend(color);
  } else {
    puts("the steps' grids are too large to be shown; --json has them");
  }
  for (int i = 0; i < count; i++) {
    cli_grid_close(&grids[i]);
    free(captions[i]);
  }
  free(frames);
  free(grids);
  free(captions);
}

void cli_explain_summary(const trm_task *task, const int32_t *question, const cli_trace *trace) {
  const int32_t *before = question;
  int room = cli_columns(stdout) - 8, used = printf("cells changed by each step:");
  for (size_t i = 0; i < trace->count && used < room; i++) {
    used += printf(" %d", cli_changed(task, before, trace->step[i].answer));
    if (used >= room && i + 1 < trace->count) fputs(" ...", stdout);
    before = trace->step[i].answer;
  }
  fputc('\n', stdout);
}
