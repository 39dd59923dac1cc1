/* The life of the pool's entries: see pool.h. */
#include "train/lattice/pool.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "model/sets.h"
#include "task/symmetry.h"

/* A fresh entry: as it is, or with right hints, or with hints of which some are wrong. */
#define AS_IT_IS 0.2
#define WITH_RIGHT 0.75 /* together with the first */

#define DROP (-2.1972245773362196) /* log(0.1 / 0.9) */
#define TEMPERATURE 1.5

enum { BLANK = 1, NO_LABEL = -100 };

size_t trm__states_bytes(const trm__dims *d, int batch) {
  size_t S = (size_t)d->S, logits = 2 * S * (size_t)d->values + 1;
  return (size_t)batch * (S * (sizeof(int32_t) + sizeof(uint8_t)) + 1 + logits * sizeof(trm__real) + sizeof(double) +
                          sizeof(trm__pool_counts));
}

trm_status trm__states_open(trm__states *states, const trm__dims *d, const trm_task *task, trm__slots *slots,
                            int32_t *sets, trm_error *err) {
  trm__states s = {.dims = *d, .task = *task, .batch = slots->count, .slots = slots, .sets = sets};
  size_t n = (size_t)slots->count, cells = n * (size_t)d->S;
  s.solution = trm__calloc(cells, sizeof *s.solution);
  s.open = trm__calloc(cells, sizeof *s.open);
  s.conflicted = trm__calloc(n, sizeof *s.conflicted);
  s.logits = trm__calloc(cells * 2 * (size_t)d->values, sizeof *s.logits);
  s.conflict = trm__calloc(n, sizeof *s.conflict);
  s.digit_loss = trm__calloc(n, sizeof *s.digit_loss);
  s.part = trm__calloc(n, sizeof *s.part);
  if (!s.solution || !s.open || !s.conflicted || !s.logits || !s.conflict || !s.digit_loss || !s.part) {
    trm__states_close(&s);
    return trm__fail_memory(err, "pool", trm__states_bytes(d, slots->count));
  }
  *states = s;
  return TRM_OK;
}

void trm__states_close(trm__states *states) {
  void *owned[] = {states->solution, states->open,       states->conflicted, states->logits,
                   states->conflict, states->digit_loss, states->part};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) trm__free(owned[i]);
  *states = (trm__states){0};
}

/* One entry's arrays. */
typedef struct entry {
  int S, C;
  int32_t *question, *labels, *sets, *solution;
  uint8_t *open;
} entry;

static entry entry_at(const trm__states *s, int slot) {
  size_t at = (size_t)slot * (size_t)s->dims.S;
  return (entry){.S = s->dims.S,
                 .C = s->dims.values,
                 .question = s->slots->inputs + at,
                 .labels = s->slots->labels + at,
                 .sets = s->sets + at,
                 .solution = s->solution + at,
                 .open = s->open + at};
}

static trm__rng entry_rng(const trm__states *s, int64_t t, int slot, int after) {
  uint64_t index = (uint64_t)t * (uint64_t)s->batch + (uint64_t)slot;
  return trm__rng_make(s->seed, TRM__RNG_POOL, 2 * index + (uint64_t)after);
}

/* -- fresh entries ------------------------------------------------------------------------------------------------- */

/* Fills `count` blanks, drawn among cells [blanks], the first `wrong` of them with wrong digits. */
static void entry_fill(const entry *e, trm__rng *rng, int32_t *cell, int blanks, int count, int wrong) {
  for (int i = 0; i < count; i++) {
    int k = i + (int)trm__rng_below(rng, (uint32_t)(blanks - i));
    int32_t drawn = cell[k];
    cell[k] = cell[i];
    int32_t value = e->labels[drawn] - TRM__SETS_TOKEN;
    if (i < wrong) value = (value + 1 + (int32_t)trm__rng_below(rng, (uint32_t)(e->C - 1))) % e->C;
    e->question[drawn] = value + TRM__SETS_TOKEN;
  }
  for (int i = 0; i < e->S && wrong; i++) e->labels[i] = NO_LABEL;
}

static double entry_uniform(trm__rng *rng, double low, double high) {
  return low + (high - low) * trm__rng_unit(rng);
}

static int entry_at_least_one(double count) {
  return count < 1 ? 1 : (int)count;
}

static void entry_give_hints(const entry *e, trm__rng *rng) {
  int32_t cell[TRM__SETS_CELLS];
  int blanks = 0, count = 0, wrong = 0;
  for (int i = 0; i < e->S; i++)
    if (e->question[i] == BLANK && e->labels[i] >= TRM__SETS_TOKEN) cell[blanks++] = i;
  double kind = trm__rng_unit(rng);
  if (kind < AS_IT_IS || !blanks) return;
  if (kind < WITH_RIGHT) {
    count = (int)(trm__rng_unit(rng) * blanks);
  } else {
    count = entry_at_least_one(entry_uniform(rng, 0.1, 1) * blanks);
    wrong = entry_at_least_one(entry_uniform(rng, 0.01, 0.3) * count);
  }
  entry_fill(e, rng, cell, blanks, count, wrong);
}

/* -- before the step ------------------------------------------------------------------------------------------------
 */

static void entry_show(const entry *e, const trm__symmetry *frame) {
  int32_t image[TRM__SETS_CELLS];
  size_t bytes = (size_t)e->S * sizeof *image;
  trm__symmetry_apply(frame, e->question, image);
  memcpy(e->question, image, bytes);
  trm__symmetry_apply(frame, e->labels, image);
  memcpy(e->labels, image, bytes);
  trm__symmetry_apply_sets(frame, TRM__SETS_TOKEN, e->sets, image);
  memcpy(e->sets, image, bytes);
}

typedef struct states_job {
  trm__states *s;
  int64_t t;
  const uint8_t *fresh;
  trm__example_stats *stats;
} states_job;

static void states_begin_task(void *context, int slot, int worker) {
  (void)worker;
  const states_job *job = context;
  trm__states *s = job->s;
  trm__symmetry frame;
  entry e = entry_at(s, slot);
  trm__rng rng = entry_rng(s, job->t, slot, 0);
  if (job->fresh[slot]) {
    entry_give_hints(&e, &rng);
    trm__sets_begin(&(trm__sets_of){e.S, e.C, e.question}, e.sets);
  }
  trm__symmetry_draw(&s->task, &rng, &frame);
  entry_show(&e, &frame);
  int conflicted = 0;
  for (int i = 0; i < e.S; i++) {
    e.solution[i] = trm__sets_of_token(e.labels[i]);
    conflicted |= !(e.sets[i] & e.solution[i]);
  }
  s->conflicted[slot] = (uint8_t)conflicted;
  for (int i = 0; i < e.S; i++) e.open[i] = !conflicted && e.question[i] < TRM__SETS_TOKEN;
}

void trm__states_begin(trm__states *s, trm__pool *pool, int64_t t, const uint8_t *fresh) {
  states_job job = {.s = s, .t = t, .fresh = fresh};
  trm__pool_run(pool, s->batch, states_begin_task, &job);
  s->asked = 0;
  for (size_t i = 0; i < (size_t)s->batch * (size_t)s->dims.S; i++) s->asked += s->open[i];
}

trm__lattice_batch trm__states_batch(const trm__states *s, int first, int b, trm__example_stats *stats) {
  size_t at = (size_t)first * (size_t)s->dims.S;
  double batch = s->batch, values = (double)s->dims.S * s->dims.values;
  return (trm__lattice_batch){.b = b,
                              .sets = s->sets + at,
                              .solution = s->solution + at,
                              .open = s->open + at,
                              .loss = {.keep_true = 4,
                                       .keep_false = 0.5,
                                       .keep_scale = 1 / values,
                                       .digit_scale = s->asked ? s->digit_weight * batch / (double)s->asked : 0,
                                       .conflict_scale = 1,
                                       .conflict_weight = s->conflict_weight,
                                       .grad_scale = 1 / batch},
                              .stats = stats,
                              .digit_loss = s->digit_loss + first,
                              .logits = s->logits + at * 2 * (size_t)s->dims.values,
                              .conflict = s->conflict + first};
}

/* -- after it -------------------------------------------------------------------------------------------------------
 */

static int set_bits(int32_t set) {
  int bits = 0;
  for (; set; set &= set - 1) bits++;
  return bits;
}

/* Values leave the sets; c counts those of sound states. */
static void entry_drop(const entry *e, const trm__real *logits, int conflicted, trm__pool_counts *c) {
  int32_t dropped[TRM__SETS_CELLS];
  int count = trm__sets_drop(&(trm__sets_of){e->S, e->C, e->question}, logits, DROP, e->sets, dropped);
  if (conflicted) return;
  c->dropped = count;
  for (int i = 0; i < e->S; i++) c->unsound += set_bits(dropped[i] & e->solution[i]);
}

static void entry_score(const entry *e, int solved, trm__example_stats *stats) {
  stats->labelled = e->S;
  stats->right = 0;
  for (int i = 0; i < e->S; i++) stats->right += e->sets[i] && e->sets[i] == e->solution[i];
  stats->exact = solved && stats->right == e->S;
}

static void states_end_task(void *context, int slot, int worker) {
  (void)worker;
  const states_job *job = context;
  trm__states *s = job->s;
  entry e = entry_at(s, slot);
  trm__sets_of of = {e.S, e.C, e.question};
  trm__pool_counts *c = &s->part[slot];
  const trm__real *logits = s->logits + (size_t)slot * (size_t)e.S * 2 * (size_t)e.C;
  int conflicted = s->conflicted[slot], flagged = s->conflict[slot] > 0, truly = 0;
  *c = (trm__pool_counts){.conflicted = conflicted, .flagged = flagged, .flagged_right = flagged && conflicted};
  entry_drop(&e, logits, conflicted, c);
  trm__sets_count count = trm__sets_look(&of, e.sets);
  int detected = count.empty || flagged, solved = !detected && !count.open;
  for (int i = 0; i < e.S; i++) truly |= !(e.sets[i] & e.solution[i]);
  entry_score(&e, solved, &job->stats[slot]);
  trm__rng rng = entry_rng(s, job->t, slot, 1);
  if (!detected && !solved) trm__sets_guess(&of, logits, TEMPERATURE, &rng, e.sets);
  int age = ++s->slots->steps[slot];
  c->solved = solved;
  c->solved_right = job->stats[slot].exact;
  c->refuted = detected && truly;
  c->aged = !solved && !c->refuted && age > TRM__POOL_AGE;
  s->slots->halted[slot] = c->solved || c->refuted || c->aged;
}

static void counts_add(trm__pool_counts *to, const trm__pool_counts *from) {
  to->conflicted += from->conflicted;
  to->flagged += from->flagged;
  to->flagged_right += from->flagged_right;
  to->dropped += from->dropped;
  to->unsound += from->unsound;
  to->solved += from->solved;
  to->solved_right += from->solved_right;
  to->refuted += from->refuted;
  to->aged += from->aged;
}

void trm__states_end(trm__states *s, trm__pool *pool, int64_t t, trm__example_stats *stats) {
  states_job job = {.s = s, .t = t, .stats = stats};
  trm__pool_run(pool, s->batch, states_end_task, &job);
  s->counts = (trm__pool_counts){0};
  for (int i = 0; i < s->batch; i++) {
    counts_add(&s->counts, &s->part[i]);
    s->counts.digit_loss += s->digit_loss[i] / s->batch;
    s->counts.keep_loss += (stats[i].lm_loss - s->digit_loss[i]) / s->batch;
  }
}
