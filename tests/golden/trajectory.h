/* The original's training loop for some updates: refill of halted slots, a step with gradients, sign-SGD on the puzzle
 * rows, Adam-atan2 on the rest, the moving average. Losses are held to the float64 run of the original within ten times
 * the deviation of its own float32 run. A run whose two precisions halt differently in the original is chaotic: from
 * the update where they part, what depends on the halting is not compared. */
#ifndef GOLDEN_TRAJECTORY_H
#define GOLDEN_TRAJECTORY_H

#include "golden/optimizers.h"

#define TRAJ "trajectory"

/* Updates that are run at most. */
#ifndef MOST_UPDATES
#define MOST_UPDATES 1000
#endif

typedef struct trajectory {
  golden_set *g;
  subject *s;
  bench b;
  int B, steps, halt_max;
  int run; /* updates that were run */
  size_t S;
  optimizer_state o;
  trm__real *puzzle, *drows, *scratch;        /* device */
  int32_t *inputs, *labels, *ids;             /* all updates, [steps][B]... */
  int32_t *now_inputs, *now_labels, *now_ids; /* in the slots */
  uint8_t *halted;
  int32_t *taken; /* supervision steps of each slot */
  trm__example_stats *stats;
  struct { /* copies of the above on the device */
    int32_t *inputs, *labels, *ids;
    uint8_t *halted;
    trm__example_stats *stats;
  } on;
  /* results, [steps] or [steps][B] */
  double *loss, *q, *halted_after, *steps_after, *ids_used, *lr, *lr_emb, *metric[7];
} trajectory;

enum { COUNT, ACCURACY, EXACT, Q_ACCURACY, STEPS, LM, HALT };
static const char *const metric_names[7] = {"count", "accuracy", "exact_accuracy", "q_halt_accuracy",
                                            "steps", "lm_loss",  "q_halt_loss"};

static double plan_number(golden_set *g, const char *name, double otherwise) {
  json_t *value = json_object_get(json_object_get(g->meta, "trajectory"), name);
  return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* Linear warm-up, then half a cosine (docs/spec.md, Schedule); t from 1. */
static double schedule(golden_set *g, int t) {
  double warmup = plan_number(g, "warmup", 0), total = plan_number(g, "total_steps", 1);
  double r = plan_number(g, "lr_min_ratio", 1);
  if (t < warmup) return t / warmup;
  double part = (t - warmup) / fmax(1, total - warmup);
  return r + (1 - r) * 0.5 * (1 + cos(3.14159265358979323846 * fmin(part, 1)));
}

/* Halted slots take this update's candidates. */
static void take_candidates(trajectory *t, int k) {
  size_t S = t->S, at = (size_t)k * (size_t)t->B;
  update_device(t->on.halted, t->halted, (size_t)t->B);
  trm__network_refill(t->b.net, t->B, t->on.halted, t->b.start, t->b.y, t->b.z);
  for (size_t i = 0; i < (size_t)t->B; i++) {
    if (!t->halted[i]) continue;
    memcpy(t->now_inputs + i * S, t->inputs + (at + i) * S, S * sizeof(int32_t));
    memcpy(t->now_labels + i * S, t->labels + (at + i) * S, S * sizeof(int32_t));
    t->now_ids[i] = t->ids[at + i];
    t->taken[i] = 0;
  }
  trm__backend *be = t->b.m->backend;
  update_device(t->on.inputs, t->now_inputs, (size_t)t->B * S * sizeof(int32_t));
  update_device(t->on.labels, t->now_labels, (size_t)t->B * S * sizeof(int32_t));
  update_device(t->on.ids, t->now_ids, (size_t)t->B * sizeof(int32_t));
  if (t->puzzle)
    be->gather_rows(be, t->b.rows, t->puzzle, (int)(t->s->params.puzzle / t->b.ndim), (int)t->b.ndim, t->on.ids, t->B);
}

static void update_weights(trajectory *t, int k) {
  trm__backend *be = t->b.m->backend;
  size_t n = t->s->params.trained;
  trm__dense c = dense_options(t->g, TRM__DENSE_ADAM_ATAN2, n);
  double factor = schedule(t->g, k + 1), puzzle_rate = option(t->g, "puzzle_emb_lr", 1e-2);
  const trm__update_state state = {
      .t = k + 1, .factor = factor, .grad_scale = 1, .ema_decay = option(t->g, "ema_rate", 0.999)};
  c.p = t->o.p, c.m = t->o.m, c.v = t->o.v, c.g = t->o.g, c.ema = t->o.shadow;
  update_device(t->o.state, &state, sizeof state);
  t->lr[k] = c.lr * factor;
  t->lr_emb[k] = puzzle_rate * factor;
  if (t->puzzle)
    be->sign_sgd_rows(be, t->o.state, t->puzzle, (int)(t->s->params.puzzle / t->b.ndim), (int)t->b.ndim, t->drows,
                      t->on.ids, t->B, puzzle_rate, option(t->g, "puzzle_emb_weight_decay", 0.1), t->scratch);
  be->dense(be, t->o.state, &c, 1);
}

/* What the original's loss head reports: sums over the slots that just halted (losses: over all). */
static void record_slot(trajectory *t, int k, int i) {
  const trm__example_stats *s = &t->stats[i];
  size_t at = (size_t)k * (size_t)t->B + (size_t)i;
  t->taken[i]++;
  t->halted[i] = t->taken[i] >= t->halt_max || s->q_halt > 0;
  t->q[at] = s->q_halt;
  t->halted_after[at] = t->halted[i];
  t->steps_after[at] = t->taken[i];
  t->ids_used[at] = t->now_ids[i];
  t->metric[LM][k] += s->lm_loss;
  t->metric[HALT][k] += s->halt_loss;
  t->loss[k] += s->lm_loss + 0.5 * s->halt_loss;
  if (!t->halted[i] || s->labelled == 0) return;
  t->metric[COUNT][k] += 1;
  t->metric[ACCURACY][k] += (double)s->right / s->labelled;
  t->metric[EXACT][k] += s->exact;
  t->metric[Q_ACCURACY][k] += (s->q_halt >= 0) == (s->exact != 0);
  t->metric[STEPS][k] += t->taken[i];
}

static void run_update(trajectory *t, int k) {
  bench *b = &t->b;
  trm__loss loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 1.0 / t->B, 0};
  take_candidates(t, k);
  b->m->backend->zero(b->m->backend, t->o.g, t->s->params.trained * sizeof(trm__real));
  trm__network_prepare(b->net, t->o.p);
  trm__network_train_step(b->net, t->B, t->on.inputs, b->rows, t->on.labels, NULL, &loss, b->y, b->z, t->o.g, t->drows,
                          t->on.stats, NULL, NULL);
  from_device(t->stats, t->on.stats, (size_t)t->B * sizeof *t->stats);
  for (int i = 0; i < t->B; i++) record_slot(t, k, i);
  update_weights(t, k);
}

/* -- comparing --------------------------------------------------------------------------------------------------- */

static double loss_record(golden_set *g, int k) {
  json_t *list = json_object_get(g->meta, "trajectory_loss_rel_dev_f32_vs_f64");
  json_t *value = json_array_get(list, (size_t)k);
  return json_is_number(value) ? json_number_value(value) : 0;
}

/* For what the loss follows from: the state and q deviate by more than the loss, which averages over many tokens. */
static double state_bound(double worst_loss) {
  return fmax(100 * worst_loss, 2e-5);
}

/* The first update after which the original's float32 and float64 runs halt differently; all of them when they agree.
 */
static int agreeing_updates(golden_set *g, int steps, int B) {
  size_t n = (size_t)steps * (size_t)B;
  double *a = values(g, TRAJ, "traj.halted_after", n), *b = values(g, TRAJ, "traj_f64.halted_after", n);
  int agree = steps;
  for (int k = steps - 1; k >= 0 && a && b; k--)
    if (memcmp(a + (size_t)k * (size_t)B, b + (size_t)k * (size_t)B, (size_t)B * sizeof *a) != 0) agree = k;
  free(a);
  free(b);
  return agree;
}

static const char parted[] = "the original's own float32 and float64 runs halt differently in this trajectory, so its "
                             "later updates are chance";

/* Rows [0, rows) of a tensor of `steps` rows, each within its bound. */
static void compare_rows(trajectory *t, const char *name, const double *ours, size_t width, int rows,
                         const double *bounds) {
  golden_set *g = t->g;
  double *theirs = values(g, TRAJ, name, (size_t)t->steps * width);
  if (!theirs) return;
  char what[KEY];
  for (int k = 0; k < rows; k++) {
    snprintf(what, sizeof what, TRAJ ":%s[%d]", name, k);
    judge(g, what, distance(ours + (size_t)k * width, theirs + (size_t)k * width, width), bounds[k]);
  }
  if (rows > 0) set_mark(g, TRAJ, name, COMPARED, NULL);
  else skip(g, TRAJ, name, parted);
  free(theirs);
}

static void compare_updates(trajectory *t, int agree) {
  golden_set *g = t->g;
  double *bound = doubles((size_t)t->steps), *exact = doubles((size_t)t->steps), *wide = doubles((size_t)t->steps);
  double worst = 0;
  for (int k = 0; k < t->steps; k++) {
    /* A trajectory's deviation does not shrink: what is lost in one update is carried into the next. */
    worst = fmax(worst, loss_record(g, k));
    bound[k] = fmax(10 * loss_record(g, k), 1e-6);
    wide[k] = state_bound(worst);
  }
  /* Losses go on as far as the slots hold the same examples. */
  int same = agree < t->steps ? agree + 1 : t->steps;
  size_t B = (size_t)t->B;
  char name[64];
  compare_rows(t, "traj_f64.loss", t->loss, 1, same, bound);
  compare_rows(t, "traj.loss", t->loss, 1, same, bound);
  compare_rows(t, "traj.q_halt_logits", t->q, B, same, wide);
  compare_rows(t, "traj.halted_after", t->halted_after, B, agree, exact);
  compare_rows(t, "traj_f64.halted_after", t->halted_after, B, agree, exact);
  compare_rows(t, "traj.steps_after", t->steps_after, B, same, exact);
  compare_rows(t, "traj.puzzle_identifiers_used", t->ids_used, B, same, exact);
  for (int k = 0; k < t->steps; k++) bound[k] = 1e-12;
  compare_rows(t, "traj.lr", t->lr, 1, t->run, bound);
  compare_rows(t, "traj.lr_emb", t->lr_emb, 1, t->run, bound);
  for (int i = 0; i < 7; i++) {
    snprintf(name, sizeof name, "traj.metric.%s", metric_names[i]);
    for (int k = 0; k < t->steps; k++) bound[k] = 1e-6;
    compare_rows(t, name, t->metric[i], 1, i < LM ? agree : same, i < LM ? bound : wide);
  }
  free(bound);
  free(exact);
  free(wide);
}

/* Sums and norms of the trained tensors at the end. Sums cancel, so a sum is held to a share of sqrt(n) |p|, which is
 * what it would be without cancellation. */
static void compare_final(trajectory *t) {
  golden_set *g = t->g;
  char name[KEY];
  for (int i = 0; i < t->s->params.count; i++) {
    const trm__param *p = &t->s->params.item[i];
    if (p->kind != TRM__PARAM_MATRIX && p->kind != TRM__PARAM_OTHER) continue;
    size_t n = (size_t)p->rows * (size_t)p->cols;
    double *at = device_values(t->o.p + p->offset, n), *shadow = device_values(t->o.shadow + p->offset, n);
    double sum = 0, squares = 0, shadow_squares = 0;
    for (size_t k = 0; k < n; k++) {
      sum += at[k];
      squares += at[k] * at[k];
      shadow_squares += shadow[k] * shadow[k];
    }
    free(at);
    free(shadow);
    double norm = sqrt(squares), shadow_norm = sqrt(shadow_squares);
    snprintf(name, sizeof name, "traj.final.l2.%s", p->name);
    compare(g, TRAJ, name, &norm, 1, OPTIMIZER_BOUND);
    snprintf(name, sizeof name, "traj.final.ema_l2.%s", p->name);
    compare(g, TRAJ, name, &shadow_norm, 1, OPTIMIZER_BOUND);
    snprintf(name, sizeof name, "traj.final.sum.%s", p->name);
    double *theirs = values(g, TRAJ, name, 1);
    if (theirs) {
      set_mark(g, TRAJ, name, COMPARED, NULL);
      judge(g, name, fabs(*theirs - sum) / (norm * sqrt((double)n)), OPTIMIZER_BOUND);
    }
    free(theirs);
  }
  if (t->puzzle) {
    double *v = device_values(t->puzzle, t->s->params.puzzle);
    compare(g, TRAJ, "traj.final.puzzle_emb.weights", v, t->s->params.puzzle, OPTIMIZER_BOUND);
    free(v);
  }
  double *y = act_values(&t->b, t->b.y, t->b.act), worst = 0;
  for (int k = 0; k < t->steps; k++) worst = fmax(worst, loss_record(g, k));
  compare(g, TRAJ, "traj.final.z_H", y, t->b.act, state_bound(worst));
  free(y);
}

static int trajectory_open(trajectory *t, golden_set *g, subject *s, machine *m) {
  const trm__st_tensor *data = find(g, TRAJ, "data.inputs");
  memset(t, 0, sizeof *t);
  t->S = (size_t)s->params.dims.S;
  if (!data || data->rank != 3 || (size_t)data->shape[2] != t->S || data->shape[1] != g->batch) return 0;
  t->g = g;
  t->s = s;
  t->B = g->batch;
  t->steps = (int)data->shape[0];
  t->halt_max = (int)plan_number(g, "halt_max_steps", 16);
  size_t B = (size_t)t->B, all = (size_t)t->steps * B, steps = (size_t)t->steps;
  t->inputs = input_ints(g, TRAJ, "data.inputs", all * t->S);
  t->labels = input_ints(g, TRAJ, "data.labels", all * t->S);
  t->ids = input_ints(g, TRAJ, "data.puzzle_identifiers", all);
  if (!t->labels || !t->ids) return 0;
  bench_open(&t->b, g, s, m, 0, 1);
  t->o = state_open(s);
  t->now_inputs = must(calloc(B * t->S, sizeof(int32_t)));
  t->now_labels = must(calloc(B * t->S, sizeof(int32_t)));
  t->now_ids = must(calloc(B, sizeof(int32_t)));
  t->taken = must(calloc(B, sizeof(int32_t)));
  t->halted = must(calloc(B, 1));
  memset(t->halted, 1, B);
  t->stats = must(calloc(B, sizeof *t->stats));
  t->on.inputs = device_bytes(B * t->S * sizeof(int32_t));
  t->on.labels = device_bytes(B * t->S * sizeof(int32_t));
  t->on.ids = device_bytes(B * sizeof(int32_t));
  t->on.halted = device_bytes(B);
  t->on.stats = device_bytes(B * sizeof *t->stats);
  if (s->params.puzzle) {
    t->puzzle = to_device(s->weights.puzzle, s->params.puzzle * sizeof(trm__real));
    t->drows = device_bytes(B * t->b.ndim * sizeof(trm__real));
    t->scratch = device_bytes(t->b.ndim * sizeof(trm__real));
  }
  double **per_slot[] = {&t->q, &t->halted_after, &t->steps_after, &t->ids_used};
  for (int i = 0; i < 4; i++) *per_slot[i] = doubles(all);
  double **per_update[] = {&t->loss, &t->lr, &t->lr_emb};
  for (int i = 0; i < 3; i++) *per_update[i] = doubles(steps);
  for (int i = 0; i < 7; i++) t->metric[i] = doubles(steps);
  return 1;
}

static void trajectory_close(trajectory *t) {
  if (t->b.net) {
    bench_close(&t->b);
    state_close(&t->o);
  }
  void *device[] = {t->puzzle, t->drows, t->scratch, t->on.inputs, t->on.labels, t->on.ids, t->on.halted, t->on.stats};
  for (size_t i = 0; i < sizeof device / sizeof *device; i++) drop_device(device[i]);
  void *all[] = {t->inputs, t->labels, t->ids, t->now_inputs,   t->now_labels,  t->now_ids,  t->halted, t->taken,
                 t->stats,  t->loss,   t->q,   t->halted_after, t->steps_after, t->ids_used, t->lr,     t->lr_emb};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
  for (int i = 0; i < 7; i++) free(t->metric[i]);
}

static void compare_trajectory(golden_set *g, subject *s, machine *m) {
  trajectory t;
  golden_file *f = find_file(g, TRAJ);
  if (!f) return;
  if (trajectory_open(&t, g, s, m)) {
    int agree = agreeing_updates(g, t.steps, t.B);
    t.run = t.steps < MOST_UPDATES ? t.steps : MOST_UPDATES;
    for (int k = 0; k < t.run; k++) run_update(&t, k);
    if (t.run <= agree) agree = t.run < t.steps ? t.run - 1 : t.run;
    compare_updates(&t, agree);
    if (agree == t.steps) compare_final(&t);
    for (size_t i = 0; i < f->st.count && agree < t.steps; i++)
      if (strncmp(f->st.tensor[i].name, "traj.final.", 11) == 0)
        skip(g, TRAJ, f->st.tensor[i].name, t.run < t.steps ? "the later updates were not run" : parted);
  } else {
    for (size_t i = 0; i < f->st.count; i++)
      skip(g, TRAJ, f->st.tensor[i].name, "the batches that it was trained on are not stored");
  }
  trajectory_close(&t);
}

#endif
