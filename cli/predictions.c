/* Predictions for people and programs: see predictions.h. */
#include "cli/predictions.h"

#include <stdlib.h>
#include <string.h>

#include "cli/ui/grid.h"

int cli_predictions_check(const cli_command *command, const char *path, int force) {
  trm_error error = {0};
  if (!path[0]) return CLI_CONTINUE;
  int code = cli_may_write_beside(command, "--predictions", path, force);
  return code == CLI_CONTINUE && trm_predictions_check_path(path, &error) ? cli_error(command, &error) : code;
}

/* The indices of the worst, which the caller frees; how many in *count. */
static int64_t *worst_find(trm_predictions *p, int64_t most, int64_t *count) {
  int64_t all = trm_predictions_count(p);
  int64_t *list = cli_alloc((size_t)(most < all ? most : all) + 1, sizeof *list);
  trm_error error = {0};
  *count = 0;
  if (trm_predictions_worst(p, most, list, count, &error)) cli_note("%s: %s", error.where, error.message);
  return list;
}

/* Where the boards are too large: a line each. */
static void worst_print_lines(const trm_task *task, const trm_prediction *r, const int32_t *right) {
  const int32_t *const tokens[] = {r->question, right, r->answer};
  static const char *const words[] = {"question", "right", "given"};
  size_t S = (size_t)task->width * (size_t)task->height;
  char *text = cli_alloc(S + 1, 1);
  for (int i = 0; i < 3; i++)
    if (!trm_task_render(task, tokens[i], text, S + 1, NULL)) printf("%-9s %s\n", words[i], text);
  free(text);
}

static void worst_print_boards(const trm_task *task, const trm_prediction *r) {
  char question[] = "question\n", answer[] = "right answer\n", given[] = "given answer\n";
  char *captions[3] = {question, answer, given};
  size_t S = (size_t)task->width * (size_t)task->height;
  int32_t *right = cli_alloc(S, sizeof *right);
  for (size_t i = 0; i < S; i++) right[i] = r->labels[i] < 0 ? 0 : r->labels[i]; /* not scored: padding */
  const cli_grid_style plain = {.color = cli_color(stdout)}, as_right = {.question = r->question, .color = plain.color},
                       marked = {.question = r->question, .right = r->labels, .wrong = 1, .color = plain.color};
  cli_grid grid[3];
  int n = cli_grid_open(&grid[0], task, r->question, &plain);
  if (n && cli_grid_open(&grid[1], task, right, &as_right)) n = 2;
  if (n == 2 && cli_grid_open(&grid[2], task, r->answer, &marked)) n = 3;
  if (n == 3) cli_grids_print(stdout, grid, captions, 3, cli_columns(stdout));
  else worst_print_lines(task, r, right);
  for (int i = 0; i < n; i++) cli_grid_close(&grid[i]);
  free(right);
}

/* What the rules say of it is another question than whether it is the dataset's answer. */
static void worst_print_head(const trm_task *task, const trm_prediction *r) {
  char number[32], sure[32], fault[160];
  const trm_task_verdict *v = &r->verdict;
  printf("\nexample %s: %lld of %lld cells differ, q %.2f (%s sure), %d step%s", cli_thousands(r->example + 1, number),
         (long long)r->wrong, (long long)r->cells, (double)r->solution.q,
         cli_percent((double)r->solution.confidence, sure), r->solution.steps, r->solution.steps == 1 ? "" : "s");
  if (v->keeps_rules < 0) printf("; no rules known\n");
  else if (v->keeps_rules && v->keeps_clues) printf("; by the rules right, but not the data's answer\n");
  else printf("; by the rules wrong: %s\n", trm_task_fault(task, r->question, r->answer, fault, sizeof fault));
}

void cli_worst_print(trm_predictions *p, const trm_task *task, int64_t most) {
  int64_t count;
  char a[32];
  int64_t *list = worst_find(p, most, &count);
  if (!count) printf("\nno answer differs from the data's\n");
  else
    printf("\nthe worst %s, the surest first; %s: differs from the right answer\n", cli_thousands(count, a),
           cli_color(stdout) ? "\033[1;31mred\033[0m" : "!");
  for (int64_t i = 0; i < count; i++) {
    trm_prediction r = trm_predictions_at(p, list[i]);
    worst_print_head(task, &r);
    worst_print_boards(task, &r);
  }
  free(list);
}

static json_t *worst_object(trm_predictions *p, int64_t index) {
  size_t length = trm_predictions_json(p, index, NULL, 0);
  char *text = cli_alloc(length + 1, 1);
  (void)trm_predictions_json(p, index, text, length + 1);
  json_t *object = json_loads(text, 0, NULL);
  free(text);
  return object;
}

json_t *cli_worst_json(trm_predictions *p, int64_t most) {
  int64_t count;
  int64_t *list = worst_find(p, most, &count);
  json_t *array = json_array();
  for (int64_t i = 0; i < count; i++) (void)json_array_append_new(array, worst_object(p, list[i]));
  free(list);
  return array;
}
