/* Votes of ARC's images, for people and programs (arc.h). Beside a score stands what it would be without votes and
 * without identifiers, since these carry much of it. */
#include "cli/arc.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cli/ui/grid.h"

int cli_arc_is_voted(const char *path, const char *split, const trm_dataset *dataset) {
  char file[1200];
  trm_dataset_info info = trm_dataset_describe(dataset);
  int length = snprintf(file, sizeof file, "%s/test_puzzles.json", path);
  return trm_arc_side(&info.task) && !strcmp(split, "test") && length < (int)sizeof file && access(file, F_OK) == 0;
}

int cli_arc_refuse(const cli_command *self, const char *path) {
  return cli_usage(
      self,
      "--submission: the images of %s do not vote, which takes the test split of an ARC dataset, one model, "
      "no search, and no --limit, --predictions or --worst",
      path);
}

/* -- drawing ------------------------------------------------------------------------------------------------------- */

/* Of ARC's ten colours: black, blue, red, green, yellow, grey, magenta, orange, light blue, maroon; in xterm's 256. */
static const uint8_t arc_colors[10] = {16, 27, 196, 34, 226, 244, 201, 208, 117, 88};

static void arc_grid(cli_grid *grid, const trm_arc_view *view, int color) {
  static const uint8_t nothing[1] = {0};
  trm_arc_view empty = {1, 1, nothing};
  const trm_arc_view *v = view->height ? view : &empty;
  *grid = (cli_grid){.lines = v->height, .width = 2 * v->width};
  for (int r = 0; r < v->height; r++) {
    char *line = cli_alloc((size_t)v->width * 24 + 1, 1), *p = line;
    for (int c = 0; c < v->width; c++) {
      int cell = v->cells[r * v->width + c];
      if (v == &empty) p += snprintf(p, 24, "? ");
      else if (color) p += snprintf(p, 24, "\033[48;5;%dm  \033[0m", arc_colors[cell]);
      else p += snprintf(p, 24, "%d ", cell);
    }
    grid->line[r] = line;
  }
}

static void arc_print_row(const trm_arc_view *views, char captions[][64], int count) {
  cli_grid grids[4];
  char *names[4];
  int color = cli_color(stdout), lines = 0;
  for (int i = 0; i < count; i++) {
    arc_grid(&grids[i], &views[i], color), names[i] = captions[i];
    if (grids[i].lines > lines) lines = grids[i].lines;
  }
  for (int i = 0; i < count; i++) /* those side by side are equally high */
    while (grids[i].lines < lines) {
      char *line = cli_alloc((size_t)grids[i].width + 1, 1);
      memset(line, ' ', (size_t)grids[i].width);
      grids[i].line[grids[i].lines++] = line;
    }
  cli_grids_print(stdout, grids, names, count, cli_columns(stdout));
  for (int i = 0; i < count; i++) cli_grid_close(&grids[i]);
}

static void arc_caption(char caption[64], const trm_arc_view *view, const char *what) {
  (void)snprintf(caption, 64, "%s\n%dx%d", what, view->height, view->width);
}

static void arc_draw_test(const trm_arc_votes *votes, size_t task, int pair, int test) {
  trm_arc_view views[4], input, output;
  char captions[4][64];
  int count = 1;
  trm_arc_pair_at(votes, task, pair, &input, &output);
  views[0] = input;
  arc_caption(captions[0], &input, "input");
  for (size_t k = 0; k < 2; k++) {
    trm_arc_answer answer = trm_arc_answer_at(votes, task, test, k);
    if (!answer.votes) continue;
    int right = output.height == answer.grid.height && output.width == answer.grid.width &&
                !memcmp(output.cells, answer.grid.cells, (size_t)output.height * (size_t)output.width);
    views[count] = answer.grid;
    (void)snprintf(captions[count], sizeof captions[count], "attempt %zu%s\n%lld votes, %.0f %%", k + 1,
                   !output.height ? ""
                   : right        ? " (right)"
                                  : " (wrong)",
                   (long long)answer.votes, 100 * answer.q);
    count++;
  }
  if (output.height) arc_caption(captions[count], &output, "solution"), views[count++] = output;
  arc_print_row(views, captions, count);
}

void cli_arc_draw(const trm_arc_votes *votes, size_t task) {
  trm_arc_task its = trm_arc_task_at(votes, task);
  for (int i = 0; i < its.demonstrations; i++) {
    trm_arc_view pair[2];
    char captions[2][64], what[32];
    trm_arc_pair_at(votes, task, i, &pair[0], &pair[1]);
    (void)snprintf(what, sizeof what, "demonstration %d", i + 1);
    arc_caption(captions[0], &pair[0], what);
    arc_caption(captions[1], &pair[1], "becomes");
    arc_print_row(pair, captions, 2);
    putchar('\n');
  }
  for (int i = 0; i < its.tests; i++) {
    printf("task %s, test %d of %d\n", its.id, i + 1, its.tests);
    arc_draw_test(votes, task, its.demonstrations + i, i);
    putchar('\n');
  }
}

/* -- the score ----------------------------------------------------------------------------------------------------- */

static double arc_share(int64_t part, int64_t whole) {
  return whole ? (double)part / (double)whole : (double)NAN;
}

static void arc_print_alone(double share, const char *what) {
  char a[32];
  printf("  %-8s %s\n", cli_percent(share, a), what);
}

static void arc_print(const trm_arc_score *s, const cli_arc_run *run) {
  char a[32], b[32], c[32];
  printf("model     %s\n", run->model);
  printf("data      %s: %s tasks, %s tests, ", run->data, cli_thousands(s->tasks, a), cli_thousands(s->tests, b));
  printf("%s images of tests\n\n", cli_thousands(s->predictions, c));
  if (!s->scored_tasks) {
    printf("not scored: no task's tests all have a solution\n");
    return;
  }
  for (int k = 0; k < TRM_ARC_PASSES; k++) {
    char name[32];
    (void)snprintf(name, sizeof name, "pass@%lld", (long long)s->attempts[k]);
    printf("%-9s %s", name, cli_percent(s->pass[k], a));
    if (s->attempts[k] == 2)
      printf("   %s of %s tests, 95 %% interval %.1f to %.1f %%", cli_thousands(s->right_tests, b),
             cli_thousands(s->scored_tests, c), 100 * s->low, 100 * s->high);
    printf("\n");
  }
  printf("\none attempt without votes:\n");
  arc_print_alone(s->one, "the answer to the task as it is");
  arc_print_alone(s->image, "the answer to one of its images, on average");
  if (isfinite(s->blank)) arc_print_alone(s->blank, "the answer to the task as it is, without its identifier");
  printf("\ncells     %s of the tests as they are", cli_percent(arc_share(s->right_cells, s->cells), a));
  printf("; copying the input %s\n", cli_percent(arc_share(s->copied_cells, s->cells), b));
  printf("\n%s images/s, %.1f s\n", cli_thousands((int64_t)((double)s->predictions / fmax(s->seconds, 1e-9)), a),
         s->seconds);
}

static void arc_print_json(const trm_arc_score *s, const cli_arc_run *run) {
  json_t *pass = json_object();
  for (int k = 0; k < TRM_ARC_PASSES; k++) {
    char name[32];
    (void)snprintf(name, sizeof name, "%lld", (long long)s->attempts[k]);
    json_object_set_new(pass, name, cli_real(s->pass[k]));
  }
  cli_json_print(
      json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:[o,o], s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o}",
                "model", cli_path(run->model), "data", cli_path(run->data), "tasks", (json_int_t)s->tasks, "tests",
                (json_int_t)s->tests, "scored_tasks", (json_int_t)s->scored_tasks, "scored_tests",
                (json_int_t)s->scored_tests, "predictions", (json_int_t)s->predictions, "pass", pass, "right_tests",
                (json_int_t)s->right_tests, "interval", cli_real(s->low), cli_real(s->high), "one_attempt",
                cli_real(s->one), "one_image", cli_real(s->image), "without_identifier", cli_real(s->blank), "cells",
                (json_int_t)s->cells, "right_cells", (json_int_t)s->right_cells, "copied_cells",
                (json_int_t)s->copied_cells, "seconds", cli_real(s->seconds), "submission",
                run->submission[0] ? cli_path(run->submission) : json_null()),
      0);
}

int cli_arc_measure(const cli_command *self, const cli_arc_run *run, trm_solver *solver, const trm_dataset *dataset) {
  trm_error error = {0};
  trm_arc_votes *votes = NULL;
  cli_progress progress = cli_progress_open(run->quiet);
  cli_catch_signals();
  trm_status status = trm_arc_vote(&votes, solver, dataset, run->data, cli_progress_fraction, &progress, &error);
  cli_progress_clear(&progress);
  if (!status && run->submission[0]) status = trm_arc_submit(votes, run->submission, &error);
  if (!status) {
    trm_arc_score score = trm_arc_votes_score(votes);
    for (size_t t = 0; run->draw && t < trm_arc_tasks(votes); t++) cli_arc_draw(votes, t);
    (run->json ? arc_print_json : arc_print)(&score, run);
    if (run->submission[0] && !run->json) printf("submission in %s\n", run->submission);
  }
  trm_arc_votes_close(&votes);
  if (!strcmp(error.where, "dataset")) (void)snprintf(error.where, sizeof error.where, "%s", run->data);
  return status ? cli_error(self, &error) : CLI_OK;
}
