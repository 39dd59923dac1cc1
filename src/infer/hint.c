/* Hints: what the rules say, and where they say nothing the network. The network's most certain cell is only named when
 * the exact solver does not find it wrong; who said so is always told. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <trm/solve.h>

#include "base/mem.h"
#include "base/status.h"
#include "infer/engine.h"
#include "task/puzzle.h"
#include "task/task.h"
#include "task/text.h"

enum {
  HINT_STEPS = 8,     /* supervision steps that the network may take */
  HINT_BOUND = 20000, /* work of the exact solver, as trm_task_unique counts it */
  HINT_WRONG = 64     /* cells that may be found wrong before the network is no help */
};

/* One call of the engine: one puzzle, of which the last step counts. */
typedef struct hint_call {
  const trm_task *task, *grid; /* of the puzzle, and of the model, which may be larger */
  const int32_t *question;
  size_t S;
  int given;
  int32_t *answer;   /* [S] */
  float *confidence; /* [S] */
  trm_error error;   /* of a puzzle that does not fit the model */
} hint_call;

static trm_source_answer hint_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  hint_call *call = context;
  (void)number, (void)wait;
  if (call->given++) return TRM_SOURCE_END;
  trm_task_frame(call->task, call->grid, call->question, puzzle->tokens);
  puzzle->max_steps = HINT_STEPS;
  puzzle->search = TRM_SEARCH_OFF;
  return TRM_SOURCE_PUZZLE;
}

static int hint_on_step(void *context, const trm_step *step) {
  hint_call *call = context;
  trm_task_unframe(call->task, call->grid, step->answer, call->answer);
  trm_task_unframe_real(call->task, call->grid, step->confidence, call->confidence);
  return TRM_STEP_ON;
}

static void hint_on_leave(void *context, const trm_leave *leave) {
  hint_call *call = context;
  if (leave->error) call->error = *leave->error;
}

/* The most certain cell among those that are empty or, where a kind has no empty cells, are changed by the answer; -1
 * when there is none. */
static int hint_surest(const trm_task *task, const hint_call *call) {
  int32_t blank = trm__task_blank(task);
  int best = -1;
  for (size_t i = 0; i < call->S; i++) {
    if (call->answer[i] == call->question[i] || call->answer[i] <= blank) continue;
    if (blank && call->question[i] > blank) continue;
    if (call->confidence[i] >= 0 && (best < 0 || call->confidence[i] > call->confidence[best])) best = (int)i;
  }
  return best;
}

/* Whether the only solution has this token there: 1, 0, or -1 when that was not found out. solutions: of the question.
 */
static int hint_confirm(const trm_task *task, int32_t *question, int solutions, int cell, int32_t token) {
  int32_t before = question[cell];
  question[cell] = token;
  trm_task_solutions found = trm_task_unique(task, question, HINT_BOUND);
  question[cell] = before;
  if (!found.single) return -1;
  if (found.count == 0) return 0;
  return found.count == 1 && solutions == 1 ? 1 : -1;
}

/* Goes from the surest cell to less sure ones while the exact solver finds them wrong. question [S] is room to work in.
 */
static void hint_choose(const trm_task *task, hint_call *call, int32_t *question, int solutions,
                        trm_hint_result *hint) {
  int cell, confirmed = 0;
  while ((cell = hint_surest(task, call)) >= 0 && hint->refuted < HINT_WRONG) {
    confirmed = hint_confirm(task, question, solutions, cell, call->answer[cell]);
    if (confirmed) break;
    call->confidence[cell] = -1;
    hint->refuted++;
  }
  if (cell < 0 || !confirmed) {
    (void)snprintf(hint->reason, sizeof hint->reason,
                   hint->refuted ? "logic ends here, and the network's %d surest cells are wrong"
                                 : "logic ends here, and the network fills no cell",
                   hint->refuted);
    return;
  }
  hint->by = confirmed > 0 ? TRM_HINT_CHECKED : TRM_HINT_NETWORK;
  hint->cell = cell;
  hint->token = call->answer[cell];
  hint->probability = (double)call->confidence[cell];
  (void)snprintf(hint->reason, sizeof hint->reason, "r%dc%d is %s%c: the network gives it %.1f %%, %s",
                 cell / task->width + 1, cell % task->width + 1, confirmed > 0 ? "" : "probably ",
                 trm__text_symbol(task, hint->token), 100 * hint->probability,
                 confirmed > 0 ? "and the only solution has it there" : "which nobody checked");
}

static trm_status hint_ask_network(trm_solver *solver, const trm_task *task, const int32_t *question, int solutions,
                                   trm_hint_result *hint, trm_error *err) {
  size_t S = (size_t)task->width * (size_t)task->height;
  trm_source source = trm_source_default();
  int same = (size_t)solver->model.seq_len == S && solver->model.vocab_size == task->vocab_size;
  if (!same && !trm_task_fits(task, &solver->task))
    return trm__fail(err, TRM_E_INPUT, solver->path,
                     "the model is for %lld cells of %lld tokens, expected %zu cells of %d tokens",
                     (long long)solver->model.seq_len, (long long)solver->model.vocab_size, S, task->vocab_size);
  int32_t *tokens = trm__calloc(2 * S, sizeof *tokens);
  float *confidence = trm__calloc(S, sizeof *confidence);
  hint_call call = {.task = task,
                    .grid = same ? task : &solver->task,
                    .question = question,
                    .S = S,
                    .answer = tokens,
                    .confidence = confidence};
  trm_status status = TRM_OK;
  if (!tokens || !confidence) {
    status = trm__fail_memory(err, "hint", S * (2 * sizeof *tokens + sizeof *confidence));
    goto done;
  }
  source.puzzles = 1;
  source.context = &call;
  source.next = hint_next;
  source.leave = hint_on_leave;
  status = trm_solve_source(solver, &source, hint_on_step, &call, err);
  if (!status && call.error.code) {
    status = call.error.code;
    if (err) *err = call.error;
  }
  if (status) goto done;
  memcpy(tokens + S, question, S * sizeof *tokens);
  hint_choose(task, &call, tokens + S, solutions, hint);
done:
  trm__free(tokens);
  trm__free(confidence);
  return status;
}

/* TRM_E_INPUT for a question that contradicts itself, or has no or several solutions where one is wanted. */
static trm_status hint_inspect(const trm_task *task, const int32_t *question, trm_task_finding *finding,
                               trm_error *err) {
  size_t cells = (size_t)task->width * (size_t)task->height, first = 0;
  char where[64] = "puzzle";
  uint8_t *marks = trm__calloc(cells, 1);
  if (!marks) return trm__fail_memory(err, "hint", cells);
  *finding = trm_task_inspect(task, question, HINT_BOUND, marks);
  while (first < cells && !marks[first]) first++;
  if (first < cells)
    (void)snprintf(where, sizeof where, "row %d, column %d", (int)first / task->width + 1,
                   (int)first % task->width + 1);
  trm__free(marks);
  return finding->what[0] ? trm__fail(err, TRM_E_INPUT, where, "%s", finding->what) : TRM_OK;
}

trm_status trm_hint(trm_solver *solver, const trm_task *task, const int32_t *question, trm_hint_result *hint,
                    trm_error *err) {
  trm_task_finding finding = {0};
  trm_status status = trm__task_check(task, "task", err);
  for (int i = 0; !status && i < task->width * task->height; i++)
    if (question[i] < 0 || question[i] >= task->vocab_size)
      status = trm__fail(err, TRM_E_INPUT, "question", "token %d in cell %d, expected 0 to %d", (int)question[i], i,
                         task->vocab_size - 1);
  if (!status) status = hint_inspect(task, question, &finding, err);
  if (status) return status;
  trm_hint_result found = trm_task_hint(task, question);
  if (found.by == TRM_HINT_NONE && solver)
    status = hint_ask_network(solver, task, question, finding.solutions, &found, err);
  if (!status) *hint = found;
  return status;
}
