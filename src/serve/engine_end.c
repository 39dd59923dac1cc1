/* What the thread that has an item does with it: its steps and its end become frames. See engine.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "serve/engine_state.h"

/* -- ends ---------------------------------------------------------------------------------------------------------- */

static void item_send_end(trm__engine_item *item, uint16_t type, const trm__work_bytes *bytes) {
  const trm__engine_letter letter = {.type = type, .request = item->request, .bytes = *bytes, .item = item};
  trm__engine_outbox_put(&item->engine->outbox, &letter, 0);
}

void trm__engine_item_end(trm__engine_item *item, trm__work_done *done) {
  trm__work_bytes bytes = {0};
  trm_error err = {.code = TRM_OK};
  if (atomic_load(&item->back) && done->solution.cancelled) {
    item_send_end(item, TRM__WORK_BACK, &bytes);
    return;
  }
  done->kind = item->work.kind;
  done->cells = (size_t)(item->engine->model[item->model].task.width * item->engine->model[item->model].task.height);
  done->solutions = item->solutions.count;
  done->seconds = item->began > 0 ? trm__clock() - item->began : 0;
  if (trm__work_done_pack(done, &bytes, &err)) { /* too large, or no memory: at least that is told */
    trm__work_done failed = {.status = err.code, .error = err, .kind = done->kind, .cells = done->cells};
    if (trm__work_done_pack(&failed, &bytes, NULL)) abort();
  }
  item_send_end(item, TRM__WORK_DONE, &bytes);
}

void trm__engine_item_refuse(trm__engine_item *item, const trm_error *err) {
  trm__work_done done = {.status = err->code, .error = *err};
  trm__engine_item_end(item, &done);
}

/* -- the solver's thread ------------------------------------------------------------------------------------------- */

void trm__engine_item_begin(trm__engine_item *item) {
  if (atomic_exchange(&item->begun, 1)) return;
  item->began = trm__clock();
}

static int item_keep(trm__engine_item *item, int which, const trm_step *step, size_t cells) {
  trm__engine_answer *kept = &item->kept[which];
  if (!kept->answer) kept->answer = trm__calloc(cells, sizeof *kept->answer);
  if (!kept->confidence) kept->confidence = trm__calloc(cells, sizeof *kept->confidence);
  if (!kept->answer || !kept->confidence) return 0; /* then no confidence is told */
  memcpy(kept->answer, step->answer, cells * sizeof *kept->answer);
  memcpy(kept->confidence, step->confidence, cells * sizeof *kept->confidence);
  kept->q = step->q;
  kept->known = 1;
  return 1;
}

static void item_tell_step(trm__engine_item *item, const trm_step *step, size_t cells) {
  const trm__work_step told = {.step = step->step,
                               .chain = step->chain,
                               .halted = step->halted,
                               .checked = step->checked,
                               .correct = step->correct,
                               .q = step->q,
                               .cells = cells,
                               .answer = step->answer,
                               .confidence = step->confidence};
  trm__engine_letter letter = {.type = TRM__WORK_STEP, .request = item->request};
  if (trm__work_step_pack(&told, &letter.bytes, NULL)) return; /* a step that is not told; its answer will be */
  trm__engine_outbox_put(&item->engine->outbox, &letter, 1);
}

int trm__engine_item_watch(void *context, const trm_step *step) {
  trm__engine_item *item = context;
  size_t cells = item->work.cells;
  trm__engine_item_begin(item);
  if (item->work.explain) item_tell_step(item, step, cells);
  atomic_store(&item->unit->moved, trm__clock());
  (void)item_keep(item, TRM__ANSWER_LAST, step, cells);
  const trm__engine_answer *surest = &item->kept[TRM__ANSWER_SUREST];
  if (step->checked && step->correct) (void)item_keep(item, TRM__ANSWER_RIGHT, step, cells);
  else if (step->halted && (!surest->known || step->q > surest->q))
    (void)item_keep(item, TRM__ANSWER_SUREST, step, cells);
  if (item->work.wants_state && step->halted && step->chain == 1 && step->place) {
    trm_state_close(&item->after);
    (void)trm_state_take(step->place, &item->after, NULL);
  }
  return atomic_load(&item->cancelled) ? TRM_STEP_CANCEL : TRM_STEP_ON;
}

/* The confidence of the kept answer that is this one; NULL: none is. */
static const float *item_confidence(const trm__engine_item *item, const int32_t *answer) {
  for (int i = TRM__ANSWERS - 1; i >= 0; i--)
    if (item->kept[i].known && memcmp(item->kept[i].answer, answer, item->work.cells * sizeof *answer) == 0)
      return item->kept[i].confidence;
  return NULL;
}

static void item_set_values(const trm__engine_item *item, trm_solver_values *values) {
  const trm_solver_config *c = &item->work.solver;
  *values = item->engine->model[item->model].values;
  if (c->max_steps) values->max_steps = (trm_counted_value){c->max_steps, TRM_VALUE_OPTION};
  if (c->H_cycles) values->H_cycles = (trm_counted_value){c->H_cycles, TRM_VALUE_OPTION};
  if (c->L_cycles) values->L_cycles = (trm_counted_value){c->L_cycles, TRM_VALUE_OPTION};
  if (!isnan(c->halt_threshold)) values->halt_threshold = (trm_real_value){c->halt_threshold, TRM_VALUE_OPTION};
}

/* One that was cancelled before the plain trajectory's last step has its state from where it left. */
static void item_take_state(trm__engine_item *item, const trm_leave *leave) {
  if (!item->work.wants_state || item->after || !leave->place) return;
  (void)trm_state_take(leave->place, &item->after, NULL);
}

void trm__engine_item_leave(void *context, const trm_leave *leave) {
  trm__engine_unit *unit = context;
  trm__engine_item *item = leave->tag;
  trm__work_done done = {.solution = *leave->solution};
  atomic_store(&unit->moved, trm__clock());
  if (leave->error) {
    trm__engine_item_refuse(item, leave->error);
    return;
  }
  const trm_solver_config *c = &item->work.solver;
  done.search = c->search > 0 ? c->search : c->search ? trm_solver_get_search(unit->solver) : 0;
  done.level = done.search || c->votes * c->rollouts > 1 ? trm_solver_get_level(unit->solver) : TRM_LEVEL_A;
  item_set_values(item, &done.values);
  if (leave->answer && leave->solution->steps) {
    done.answer = leave->answer;
    done.confidence = item_confidence(item, leave->answer);
  }
  item_take_state(item, leave);
  if (item->after) done.state = trm_state_bytes(item->after, &done.state_size);
  trm__engine_item_end(item, &done);
}
