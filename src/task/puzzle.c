/* The calls about one puzzle. Each checks what all kinds have in common and asks the task's row of the table for the
 * rest. */
#include "task/puzzle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/status.h"
#include "task/judge.h"
#include "task/kind.h"
#include "task/task.h"

static size_t puzzle_cells(const trm_task *task) {
  return (size_t)task->width * (size_t)task->height;
}

void trm__puzzle_text(trm__text *t, const trm_task *task, const char *text, size_t length) {
  *t = (trm__text){.text = text, .length = length, .blank = trm__kind_of(task)->blank};
  trm__task_symbols(task, 0, 0, t->map);
  trm__task_symbols(task, 1, 0, t->numbers);
  trm__task_expected(task, 0, t->expected, sizeof t->expected);
}

trm_status trm_task_parse(const trm_task *task, const char *text, size_t length, int32_t *tokens, size_t capacity,
                          trm_error *err) {
  trm__text t;
  if (capacity < puzzle_cells(task))
    return trm__fail(err, TRM_E_USAGE, "tokens", "there is room for %zu, but a puzzle of %d x %d has %zu", capacity,
                     task->width, task->height, puzzle_cells(task));
  if (task->alphabet[0] == '\0')
    return trm__fail(err, TRM_E_INPUT, "puzzle", "the tokens of this task have no symbols, so text cannot be read");
  trm__puzzle_text(&t, task, text, length);
  return trm__kind_of(task)->parse(task, &t, tokens, err);
}

trm_status trm_task_render(const trm_task *task, const int32_t *tokens, char *text, size_t capacity, trm_error *err) {
  size_t cells = puzzle_cells(task);
  if (capacity < cells + 1)
    return trm__fail(err, TRM_E_USAGE, "text", "there are %zu bytes, but a puzzle of %d x %d needs %zu", capacity,
                     task->width, task->height, cells + 1);
  trm__kind_of(task)->render(task, tokens, text);
  return TRM_OK;
}

trm_task_drawing trm_task_draw(const trm_task *task, const int32_t *question, const int32_t *tokens,
                               trm_task_cell *cells) {
  const trm__kind *kind = trm__kind_of(task);
  trm_task_drawing drawing = {.width = task->width, .height = task->height, .cell_width = 1};
  for (size_t i = 0; i < puzzle_cells(task); i++)
    cells[i] = (trm_task_cell){.text = {trm__text_symbol(task, tokens[i])}};
  if (kind->draw) kind->draw(task, question, tokens, &drawing, cells);
  for (size_t i = 0; i < puzzle_cells(task); i++) {
    drawing.clues += cells[i].clue;
    drawing.wrong += cells[i].wrong;
  }
  return drawing;
}

/* -- rules --------------------------------------------------------------------------------------------------------- */

trm_task_verdict trm_task_judge(const trm_task *task, const int32_t *question, const int32_t *answer) {
  const trm__kind *kind = trm__kind_of(task);
  if (task->asked) {
    int said = trm__judge_ask(task, question, answer, NULL, 0);
    return (trm_task_verdict){said < 0 ? -1 : 1, said}; /* clues are its business too */
  }
  return kind->judge ? kind->judge(task, question, answer) : (trm_task_verdict){-1, -1};
}

int trm_task_faults(const trm_task *task, const int32_t *question, const int32_t *answer) {
  const trm__kind *kind = trm__kind_of(task);
  if (kind->faults && !task->asked) return kind->faults(task, question, answer);
  trm_task_verdict verdict = trm_task_judge(task, question, answer);
  return verdict.keeps_rules < 0 ? -1 : !(verdict.keeps_rules && verdict.keeps_clues);
}

/* Of a kind that cannot say it better. */
static void puzzle_fault(const trm_task *task, const int32_t *question, const int32_t *answer, char *text,
                         size_t size) {
  trm_task_cell *cells = trm__calloc(puzzle_cells(task), sizeof *cells);
  int wrong = cells ? trm_task_draw(task, question, answer, cells).wrong : 0;
  trm__free(cells);
  if (wrong) (void)snprintf(text, size, "%d cell%s", wrong, wrong == 1 ? " breaks a rule" : "s break rules");
  else (void)snprintf(text, size, "the answer breaks a rule");
}

const char *trm_task_fault(const trm_task *task, const int32_t *question, const int32_t *answer, char *text,
                           size_t size) {
  const trm__kind *kind = trm__kind_of(task);
  if (!size) return text;
  if (task->asked) {
    if (!trm__judge_ask(task, question, answer, text, size) && !text[0])
      (void)snprintf(text, size, "the judge gives no reason");
    return text;
  }
  trm_task_verdict verdict = trm_task_judge(task, question, answer);
  text[0] = '\0';
  if (verdict.keeps_rules < 0 || (verdict.keeps_rules && verdict.keeps_clues)) return text;
  (kind->fault ? kind->fault : puzzle_fault)(task, question, answer, text, size);
  return text;
}

const char *trm_task_remark(const trm_task *task, const int32_t *question, const int32_t *answer, char *text,
                            size_t size) {
  const trm__kind *kind = trm__kind_of(task);
  trm_task_verdict verdict = trm_task_judge(task, question, answer);
  if (!size) return text;
  text[0] = '\0';
  if (kind->remark && verdict.keeps_rules == 1 && verdict.keeps_clues == 1)
    kind->remark(task, question, answer, text, size);
  else if (task->asked && verdict.keeps_rules == 1) (void)snprintf(text, size, "the judge says so");
  return text;
}

const char *const *trm__task_metrics(const trm_task *task) {
  static const char *const none[] = {NULL}, *const judged[] = {"judged", NULL};
  const trm__kind *kind = trm__kind_of(task);
  if (task->asked) return judged;
  return kind->metrics ? kind->metrics : none;
}

void trm__task_grade(const trm_task *task, const int32_t *question, const int32_t *answer, uint8_t *has) {
  const trm__kind *kind = trm__kind_of(task);
  if (task->asked) has[0] = trm__judge_ask(task, question, answer, NULL, 0) == 1;
  else if (kind->metrics) kind->grade(task, question, answer, has);
}

trm_status trm_task_check_question(const trm_task *task, const int32_t *question, trm_error *err) {
  const trm__kind *kind = trm__kind_of(task);
  int count = task->width * task->height;
  for (int i = 0; i < count; i++)
    if (question[i] < 0 || question[i] >= task->vocab_size) {
      char where[64];
      snprintf(where, sizeof where, "row %d, column %d", i / task->width + 1, i % task->width + 1);
      return trm__fail(err, TRM_E_INPUT, where, "token %d is outside the vocabulary, expected 0 to %d",
                       (int)question[i], task->vocab_size - 1);
    }
  return kind->check ? kind->check(task, question, err) : TRM_OK;
}

trm_task_solutions trm__task_count_solutions(const trm_task *task, const int32_t *question, int most, int64_t bound) {
  const trm__kind *kind = trm__kind_of(task);
  trm_task_solutions found = {.count = TRM_SOLUTIONS_UNKNOWN, .effort = (double)NAN};
  if (kind->unique) found = kind->unique(task, question, most, bound);
  found.single = kind->single;
  return found;
}

trm_task_solutions trm_task_unique(const trm_task *task, const int32_t *question, int64_t bound) {
  return trm__task_count_solutions(task, question, 2, bound);
}

trm_task_finding trm_task_inspect(const trm_task *task, const int32_t *question, int64_t bound, uint8_t *marks) {
  const trm__kind *kind = trm__kind_of(task);
  trm_task_finding finding = {.solutions = TRM_SOLUTIONS_UNKNOWN};
  trm_error error = {0};
  memset(marks, 0, puzzle_cells(task));
  if (kind->inspect) {
    kind->inspect(task, question, bound, &finding, marks);
    return finding;
  }
  if (trm_task_check_question(task, question, &error)) {
    finding.solutions = 0;
    (void)snprintf(finding.what, sizeof finding.what, "%.60s: %.190s", error.where, error.message);
    return finding;
  }
  trm_task_solutions found = trm_task_unique(task, question, bound);
  finding.solutions = found.count;
  if (found.count == 0) (void)snprintf(finding.what, sizeof finding.what, "no solution");
  if (found.count == 2 && found.single) (void)snprintf(finding.what, sizeof finding.what, "more than one solution");
  return finding;
}

/* -- puzzles in larger grids --------------------------------------------------------------------------------------- */

int trm_task_has_frame(const trm_task *task) {
  return trm__kind_of(task)->frame > 0;
}

int trm_task_fits(const trm_task *task, const trm_task *larger) {
  int same = task->width == larger->width && task->height == larger->height;
  return task->kind == larger->kind && task->vocab_size == larger->vocab_size &&
         strcmp(task->alphabet, larger->alphabet) == 0 &&
         (same || (trm_task_has_frame(task) && task->width <= larger->width && task->height <= larger->height));
}

void trm_task_frame(const trm_task *task, const trm_task *larger, const int32_t *tokens, int32_t *framed) {
  for (int r = 0; r < larger->height; r++)
    for (int c = 0; c < larger->width; c++)
      framed[r * larger->width + c] =
          r < task->height && c < task->width ? tokens[r * task->width + c] : trm__kind_of(task)->frame;
}

void trm_task_unframe(const trm_task *task, const trm_task *larger, const int32_t *framed, int32_t *tokens) {
  for (int r = 0; r < task->height; r++)
    memcpy(tokens + r * task->width, framed + r * larger->width, sizeof *tokens * (size_t)task->width);
}

void trm_task_unframe_real(const trm_task *task, const trm_task *larger, const float *framed, float *cells) {
  for (int r = 0; r < task->height; r++)
    memcpy(cells + r * task->width, framed + r * larger->width, sizeof *cells * (size_t)task->width);
}

/* -- making puzzles ------------------------------------------------------------------------------------------------ */

trm_wanted trm_wanted_default(void) {
  return (trm_wanted){.size = sizeof(trm_wanted), .max_guesses = -1, .tries = 200000};
}

trm_status trm_generate(const trm_task *task, uint64_t seed, uint64_t number, const trm_wanted *wanted,
                        int32_t *question, int32_t *answer, trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_wanted, context);
  const trm__kind *kind = trm__kind_of(task);
  trm_wanted whole = trm_wanted_default();
  trm_status status = trm__task_check(task, "task", err);
  if (!status && wanted) status = trm__config_read(&whole, wanted, &form, err);
  if (status) return status;
  if (!kind->search && (wanted || !kind->generate))
    return trm__fail(err, TRM_E_UNSUPPORTED, kind->name,
                     "found a kind whose puzzles trm cannot make%s, expected one with a generator, such as sudoku or "
                     "maze",
                     wanted ? " to wishes" : "");
  trm__rng rng = trm__rng_make(seed, TRM__RNG_PUZZLE, number);
  return wanted || !kind->generate ? kind->search(task, &rng, &whole, question, answer, err)
                                   : kind->generate(task, &rng, question, answer, err);
}

/* -- hints --------------------------------------------------------------------------------------------------------- */

int32_t trm__task_blank(const trm_task *task) {
  return trm__kind_of(task)->blank;
}

trm_hint_result trm_task_hint(const trm_task *task, const int32_t *question) {
  const trm__kind *kind = trm__kind_of(task);
  trm_hint_result hint = {.by = TRM_HINT_NONE, .cell = -1, .probability = (double)NAN};
  size_t empty = 0;
  for (size_t i = 0; i < puzzle_cells(task); i++) empty += question[i] <= kind->blank;
  if (kind->blank && !empty) hint.by = TRM_HINT_FULL;
  else if (kind->hint) kind->hint(task, question, &hint);
  if (hint.by == TRM_HINT_FULL) (void)snprintf(hint.reason, sizeof hint.reason, "no cell is empty");
  if (hint.by == TRM_HINT_NONE)
    (void)snprintf(hint.reason, sizeof hint.reason, "%s", kind->hint ? "logic ends here" : "no logic is known for it");
  return hint;
}
