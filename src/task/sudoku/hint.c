/* What to tell a person about a Sudoku: the next cell that logic decides, in words, and what is wrong with a puzzle
 * that has no or several solutions. Cells are called r4c7, units as Sudoku people count them. */
#include "task/sudoku/hint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "task/sudoku/logic.h"
#include "task/sudoku/rules.h"

static const char *hint_unit(const trm__sudoku_geometry *g, int unit, char text[16]) {
  static const char *const names[] = {"row", "column", "box"};
  (void)snprintf(text, 16, "%s %d", names[unit / g->size % 3], unit % g->size % TRM__SUDOKU_MAX + 1);
  return text;
}

/* Adds to a text; what does not fit is cut off. */
__attribute__((format(printf, 3, 4))) static void hint_add(char *text, size_t size, const char *format, ...) {
  size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text + used, size - used, format, arguments);
  va_end(arguments);
}

/* Adds "3 and 7". */
static void hint_add_digits(char *text, size_t size, const trm_task *task, unsigned digits) {
  int many = 0;
  for (int d = 0; d < task->width; d++) {
    if (!(digits >> d & 1)) continue;
    hint_add(text, size, "%s%c",
             !many++            ? ""
             : digits >> d >> 1 ? ", "
                                : " and ",
             task->alphabet[TRM__SUDOKU_BLANK + d]);
  }
}

/* Adds the cells of a unit at these positions: "r1c4 and r2c5". */
static void hint_add_cells(char *text, size_t size, const trm__sudoku_geometry *g, int unit, unsigned places) {
  int many = 0;
  for (int p = 0; p < g->size; p++) {
    int cell = trm__logic_cell(g, unit, p);
    if (!(places >> p & 1)) continue;
    hint_add(text, size, "%sr%dc%d",
             !many++            ? ""
             : places >> p >> 1 ? ", "
                                : " and ",
             g->row[cell] + 1, g->column[cell] + 1);
  }
}

/* One step that takes candidates, as a line. */
static void hint_add_step(char *text, size_t size, const trm_task *task, const trm__sudoku_geometry *g,
                          const trm__logic_step *s) {
  char unit[16], other[16];
  hint_add(text, size, "%s%s: in %s, ", *text ? "\n" : "", trm__technique_name(s->technique),
           hint_unit(g, s->unit, unit));
  if (s->technique == TRM__LOCKED) {
    hint_add_digits(text, size, task, s->digits);
    hint_add(text, size, " can only stand in %s (", hint_unit(g, s->other, other));
    hint_add_cells(text, size, g, s->unit, s->places);
    hint_add(text, size, "), so nowhere else in %s", other);
  } else if (s->technique == TRM__NAKED_PAIR || s->technique == TRM__NAKED_TRIPLE) {
    hint_add_cells(text, size, g, s->unit, s->places);
    hint_add(text, size, " can only hold ");
    hint_add_digits(text, size, task, s->digits);
    hint_add(text, size, ", so no other cell of %s does", unit);
  } else {
    hint_add_digits(text, size, task, s->digits);
    hint_add(text, size, " only fit into ");
    hint_add_cells(text, size, g, s->unit, s->places);
    hint_add(text, size, ", so these hold nothing else");
  }
}

static void hint_say(const trm_task *task, const trm__sudoku_geometry *g, const trm__logic_chain *chain,
                     trm_hint_result *hint) {
  const trm__logic_step *single = &chain->single;
  char unit[16], digit = task->alphabet[hint->token - 1];
  (void)snprintf(hint->technique, sizeof hint->technique, "%s", trm__technique_name(chain->hardest));
  (void)snprintf(hint->reason, sizeof hint->reason, "r%dc%d is %c: ", g->row[hint->cell] + 1, g->column[hint->cell] + 1,
                 digit);
  if (single->technique == TRM__NAKED_SINGLE)
    hint_add(hint->reason, sizeof hint->reason, "its row, column and box leave no other digit");
  else
    hint_add(hint->reason, sizeof hint->reason, "the only place for %c in %s", digit, hint_unit(g, single->unit, unit));
  const char *article = chain->hardest == TRM__LOCKED ? "" : "a ";
  if (chain->count > 1)
    hint_add(hint->reason, sizeof hint->reason, ", after %d steps with %s%s", chain->count, article, hint->technique);
  else if (chain->count) hint_add(hint->reason, sizeof hint->reason, ", after %s%s", article, hint->technique);
  for (int i = 0; i < chain->count; i++) hint_add_step(hint->before, sizeof hint->before, task, g, &chain->step[i]);
}

void trm__sudoku_hint(const trm_task *task, const int32_t *question, trm_hint_result *hint) {
  const trm__sudoku_geometry *g = trm__sudoku_geometry_of(task->width);
  uint8_t cells[TRM__SUDOKU_CELLS];
  trm__logic logic;
  trm__logic_chain chain;
  trm__sudoku_cells(question, (size_t)g->cells, cells);
  trm__logic_begin(&logic, g, cells);
  trm__logic_next(&logic, &chain);
  if (chain.single.technique == TRM__NO_TECHNIQUE) return;
  hint->by = TRM_HINT_RULES;
  hint->cell = chain.single.cell;
  hint->token = TRM__SUDOKU_BLANK + 1;
  for (unsigned digit = chain.single.digits; digit > 1; digit >>= 1) hint->token++;
  hint_say(task, g, &chain, hint);
}

/* -- what is wrong ------------------------------------------------------------------------------------------------- */

/* Marks the clues that contradict each other, and says so of the first. */
static int inspect_clues(const trm_task *task, const int32_t *question, trm_task_finding *finding, uint8_t *marks) {
  trm_task_cell drawn[TRM__SUDOKU_CELLS];
  trm_error error = {0};
  if (!trm__sudoku_check(task, question, &error)) return 0;
  memset(drawn, 0, sizeof drawn);
  trm__sudoku_mark(task, NULL, question, drawn);
  for (int i = 0; i < task->width * task->height; i++) marks[i] = drawn[i].wrong;
  finding->solutions = 0;
  (void)snprintf(finding->what, sizeof finding->what, "%.200s", error.message);
  return 1;
}

/* The cell or unit that shows that there is no solution, at once or behind what logic decides. */
static void inspect_none(const trm_task *task, const trm__sudoku_geometry *g, const uint8_t *cells,
                         trm_task_finding *finding, uint8_t *marks) {
  int cell, unit, digit, steps = 0;
  trm__logic logic;
  trm__logic_step step;
  char text[16];
  trm__logic_begin(&logic, g, cells);
  while (!trm__logic_fault(&logic, &cell, &unit, &digit)) {
    steps++;
    if (trm__logic_single(&logic, &step)) {
      for (digit = 1; step.digits >> digit; digit++) continue;
      trm__logic_place(&logic, step.cell, digit);
    } else if (!trm__logic_reduce(&logic, &step)) {
      (void)snprintf(finding->what, sizeof finding->what, "no solution: each way to fill it ends in a contradiction");
      return;
    }
  }
  (void)snprintf(finding->what, sizeof finding->what, "no solution: %s", steps ? "what follows from it leaves " : "");
  if (cell >= 0) {
    hint_add(finding->what, sizeof finding->what, "no digit for r%dc%d", g->row[cell] + 1, g->column[cell] + 1);
    marks[cell] = 1;
    return;
  }
  hint_add(finding->what, sizeof finding->what, "no place for %c in %s", task->alphabet[TRM__SUDOKU_BLANK + digit - 1],
           hint_unit(g, unit, text));
  for (int p = 0; p < g->size; p++) marks[trm__logic_cell(g, unit, p)] = !cells[trm__logic_cell(g, unit, p)];
}

/* Marks the cells in which two solutions differ, and names the two digits of the first. */
static void inspect_several(const trm_task *task, const trm__sudoku_geometry *g, const uint16_t *tally,
                            trm_task_finding *finding, uint8_t *marks) {
  int differ = 0, first = 0;
  unsigned digits = 0;
  for (int i = g->cells - 1; i >= 0; i--) {
    unsigned seen = 0;
    for (int d = 0; d < g->size; d++) seen |= (tally[i * g->size + d] ? 1u : 0) << d;
    marks[i] = (seen & (seen - 1)) != 0;
    if (!marks[i]) continue;
    differ++, first = i, digits = seen;
  }
  (void)snprintf(finding->what, sizeof finding->what, "more than one solution: two differ in %d cells; r%dc%d can be ",
                 differ, g->row[first] + 1, g->column[first] + 1);
  hint_add_digits(finding->what, sizeof finding->what, task, digits);
  char *and = strstr(finding->what, " and ");
  if (and) memmove(and+1, "or ", 3), memmove(and+4, and+5, strlen(and+5) + 1);
}

void trm__sudoku_inspect(const trm_task *task, const int32_t *question, int64_t bound, trm_task_finding *finding,
                         uint8_t *marks) {
  const trm__sudoku_geometry *g = trm__sudoku_geometry_of(task->width);
  uint16_t candidates[TRM__SUDOKU_CELLS], tally[TRM__SUDOKU_CELLS * TRM__SUDOKU_MAX];
  uint8_t cells[TRM__SUDOKU_CELLS];
  if (inspect_clues(task, question, finding, marks)) return;
  memset(tally, 0, sizeof tally);
  trm__sudoku_cells(question, (size_t)g->cells, cells);
  trm__sudoku_candidates(g, cells, candidates);
  trm__sudoku_limits limits = {.solutions = 2, .guesses = bound, .tally = tally};
  trm__sudoku_outcome found = trm__sudoku_search(g, candidates, &limits, NULL);
  finding->solutions = found.complete || found.solutions == 2 ? found.solutions : TRM_SOLUTIONS_UNDECIDED;
  if (finding->solutions == 0) inspect_none(task, g, cells, finding, marks);
  else if (finding->solutions == 2) inspect_several(task, g, tally, finding, marks);
}
