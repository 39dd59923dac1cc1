/* Supervision steps without gradients: carry, logits, halting, losses and the outputs of single calls, in each
 * precision. Sets that store whole carries start each step from the stored one; sets that store only rows of it run on.
 */
#ifndef GOLDEN_STEPS_H
#define GOLDEN_STEPS_H

#include "golden/machine.h"

/* Outputs of the calls of one step, [calls][B * L * D]. */
typedef struct call_record {
  const bench *b;
  int most, count;
  double **out;
} call_record;

static void record_call(void *context, int call, const trm__act *h, int batch) {
  call_record *r = context;
  (void)batch;
  if (call >= r->most) return;
  r->out[call] = act_values(r->b, h, r->b->act);
  r->count = call + 1;
}

static call_record record_open(bench *b, int most) {
  call_record r = {b, most, 0, must(calloc((size_t)most, sizeof(double *)))};
  return r;
}

static void record_close(call_record *r) {
  for (int i = 0; i < r->most; i++) free(r->out[i]);
  free(r->out);
}

/* Numbers of fewer than this many elements deviate by chance, so their own record says little in bf16. */
enum { FEW = 16 };

static const char over[] = "the original's own bfloat16 deviates by over 0.1 here; its calls are compared one by one";
static const char no_rows[] = "which rows of the carry it holds is not stored";
static const char bf16_argmax[] = "the argmax of bfloat16 logits is decided by rounding; the logits are compared";

/* What the float64 run stores in float32 is worth 1e-7; so is what follows from the rotary angles, which the original
 * keeps in float32, and from q_halt, which it rounds to float32. */
static double bound_f64(golden_set *g, const char *name) {
  const trm__st_tensor *t = find(g, "steps_f64", name);
  const char *what = strchr(name, '.');
  int narrow = !t || t->dtype != TRM__ST_F64 || (what && strcmp(what, ".loss") == 0);
  int rotary = g->config.pos_encodings == TRM_POS_ROPE && !g->config.mlp_t;
  return narrow || rotary ? 3e-7 : 1e-9;
}

/* One quantity of step k against every file that has it and that this precision answers to. */
static void compare_step(golden_set *g, int bf16, const char *name, const double *ours, size_t n) {
  if (bf16) {
    double record = recorded(g, name, "bf16");
    if (n < FEW) {
      char logits[64];
      snprintf(logits, sizeof logits, "%.*s.logits", (int)strcspn(name, "."), name);
      record = fmax(record, recorded(g, logits, "bf16"));
    }
    if (!(record <= 0.1)) {
      skip(g, "steps_bf16", name, over);
      return;
    }
    /* The stored tensor has its own deviation, so it may lie that much further away. */
    compare(g, "steps_f64", name, ours, n, bound_bf16(record));
    compare(g, "steps_bf16", name, ours, n, bound_bf16(record) + record);
    return;
  }
  double bound = bound_f32(recorded(g, name, "f32"));
  compare(g, "steps_f64", name, ours, n, IS_DOUBLE && !g->runs_on ? bound_f64(g, name) : bound);
  compare(g, "steps_f32", name, ours, n, bound);
}

static void compare_integers(golden_set *g, const char *stem, const char *name, const int32_t *ours, size_t n) {
  double *as_doubles = doubles(n);
  for (size_t i = 0; i < n; i++) as_doubles[i] = ours[i];
  compare(g, stem, name, as_doubles, n, 0);
  free(as_doubles);
}

/* Indices that the files of all precisions share; NULL when none has them. */
static int32_t *shared_ints(golden_set *g, const char *name, size_t *count) {
  static const char *const stems[] = {"steps_f32", "steps_f64", "steps_bf16"};
  int32_t *v = NULL;
  *count = 0;
  for (int i = 0; i < 3 && !v; i++) {
    v = input_ints(g, stems[i], name, 0);
    if (v) *count = find(g, stems[i], name)->elements;
  }
  return v;
}

static const char *step_name(char *to, int k, const char *what) {
  snprintf(to, KEY, "step%d.%s", k, what);
  return to;
}

/* A carry: whole, or the rows that carry_rows lists, and the norm of each row. */
static void compare_carry(golden_set *g, const bench *b, int bf16, int k, const char *what, const trm__act *state) {
  char name[KEY], norms[KEY + 8];
  size_t positions = (size_t)b->B * b->L;
  double *all = act_values(b, state, b->act), *norm = doubles(positions), *some = NULL;
  const char *stem = bf16 ? "steps_bf16" : IS_DOUBLE ? "steps_f64" : "steps_f32";
  step_name(name, k, what);
  const trm__st_tensor *t = find(g, "steps_f64", name);
  if (!t) t = find(g, stem, name);
  size_t count, B = (size_t)b->B;
  int32_t *rows = shared_ints(g, "carry_rows", &count);
  if (t && t->elements != b->act && !rows) {
    skip(g, "steps_f32", name, no_rows);
    skip(g, "steps_f64", name, no_rows);
    skip(g, "steps_bf16", name, no_rows);
  } else if (t && t->elements != b->act) {
    some = doubles(B * count * b->D);
    for (size_t i = 0; i < B * count; i++) {
      size_t position = i / count * b->L + (size_t)rows[i % count];
      memcpy(some + i * b->D, all + position * b->D, b->D * sizeof *all);
    }
    compare_step(g, bf16, name, some, B * count * b->D);
  } else {
    compare_step(g, bf16, name, all, b->act);
  }
  for (size_t i = 0; i < b->act; i++) norm[i / b->D] += all[i] * all[i];
  for (size_t i = 0; i < positions; i++) norm[i] = sqrt(norm[i]);
  snprintf(norms, sizeof norms, "%s.row_l2", name);
  compare_step(g, bf16, norms, norm, positions);
  free(rows);
  free(all);
  free(norm);
  free(some);
}

/* Largest logit of each position, the first one of equals. */
static void compare_answers(golden_set *g, const bench *b, int bf16, int k, const double *logits) {
  char name[KEY];
  size_t positions = (size_t)b->B * b->S;
  int32_t *best = must(calloc(positions, sizeof *best));
  for (size_t i = 0; i < positions; i++)
    for (size_t v = 1; v < b->V; v++)
      if (logits[i * b->V + v] > logits[i * b->V + (size_t)best[i]]) best[i] = (int32_t)v;
  step_name(name, k, "preds");
  if (bf16) {
    skip(g, "steps_bf16", name, bf16_argmax);
  } else {
    compare_integers(g, "steps_f32", name, best, positions);
    compare_integers(g, "steps_f64", name, best, positions);
  }
  free(best);
}

/* Each token's loss: the loss of a batch in which it is the example's only labelled token. */
static void compare_token_losses(golden_set *g, bench *b, int bf16, int k, const trm__loss *loss) {
  char name[KEY];
  size_t B = (size_t)b->B;
  trm__example_stats *stats = must(calloc(B, sizeof *stats)), *scored = device_bytes(B * sizeof *stats);
  int32_t *labels = must(calloc(B * b->S, sizeof *labels)), *all = must(calloc(B * b->S, sizeof *labels));
  int32_t *labelled = device_bytes(B * b->S * sizeof *labels);
  from_device(all, b->labels, B * b->S * sizeof *all);
  double *ours = doubles(B * b->S);
  step_name(name, k, "token_loss");
  for (size_t s = 0; s < b->S && find(g, "steps_f32", name); s++) {
    for (size_t i = 0; i < B * b->S; i++) labels[i] = i % b->S == s ? all[i] : -100;
    update_device(labelled, labels, B * b->S * sizeof *labels);
    trm__network_loss(b->net, b->B, b->logits, b->q, labelled, loss, scored);
    from_device(stats, scored, B * sizeof *stats);
    for (size_t i = 0; i < B; i++) ours[i * b->S + s] = stats[i].lm_loss;
  }
  compare_step(g, bf16, name, ours, B * b->S);
  drop_device(scored);
  drop_device(labelled);
  free(all);
  free(stats);
  free(labels);
  free(ours);
}

static void compare_losses(golden_set *g, bench *b, int bf16, int k) {
  char name[KEY];
  trm__loss loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 1, 0};
  trm__example_stats *stats = must(calloc((size_t)b->B, sizeof *stats));
  double lm = 0, halt = 0, both;
  if (b->labels) {
    trm__example_stats *scored = device_bytes((size_t)b->B * sizeof *stats);
    trm__network_loss(b->net, b->B, b->logits, b->q, b->labels, &loss, scored);
    from_device(stats, scored, (size_t)b->B * sizeof *stats);
    drop_device(scored);
    for (int i = 0; i < b->B; i++) lm += stats[i].lm_loss, halt += stats[i].halt_loss;
    both = lm + 0.5 * halt;
    compare_step(g, bf16, step_name(name, k, "lm_loss"), &lm, 1);
    compare_step(g, bf16, step_name(name, k, "q_halt_loss"), &halt, 1);
    compare_step(g, bf16, step_name(name, k, "loss"), &both, 1);
    compare_token_losses(g, b, bf16, k, &loss);
  }
  free(stats);
}

static void compare_heads(golden_set *g, bench *b, int bf16, int k) {
  char name[KEY];
  size_t n = (size_t)b->B * b->S * b->V;
  double *logits = device_values(b->logits, n), *q = device_values(b->q, 2 * (size_t)b->B),
         *halt = doubles((size_t)b->B), *go_on = doubles((size_t)b->B);
  for (int i = 0; i < b->B; i++) halt[i] = q[2 * i], go_on[i] = q[2 * i + 1];
  compare_step(g, bf16, step_name(name, k, "logits"), logits, n);
  compare_step(g, bf16, step_name(name, k, "q_halt_logits"), halt, (size_t)b->B);
  compare_step(g, bf16, step_name(name, k, "q_continue_logits"), go_on, (size_t)b->B);
  compare_answers(g, b, bf16, k, logits);
  free(logits);
  free(q);
  free(halt);
  free(go_on);
}

/* Rows of single calls of step 1 (step1.L_level_calls_*.rows), as far as the record reaches. */
static void compare_call_rows(golden_set *g, int bf16, const call_record *r) {
  static const char name[] = "step1.L_level_calls_0_1_Lcycles.rows";
  const bench *b = r->b;
  const char *own = bf16 ? "steps_bf16" : IS_DOUBLE ? "steps_f64" : "steps_f32";
  size_t count, lines;
  int32_t *calls = shared_ints(g, "step1.L_level_call_rel_index", &count);
  int32_t *rows = shared_ints(g, "step1.L_level_rows", &lines);
  const trm__st_tensor *t = find(g, "steps_f64", name);
  double *theirs = t && rows && t->elements == count * lines * b->D ? values(g, "steps_f64", name, 0) : NULL;
  for (size_t c = 0; c < count && theirs; c++) {
    if (calls[c] < 0 || calls[c] >= r->count) continue;
    double *ours = doubles(lines * b->D), record = growth(g, bf16 ? "bf16" : "f32", calls[c]);
    for (size_t i = 0; i < lines; i++)
      memcpy(ours + i * b->D, r->out[calls[c]] + (size_t)rows[i] * b->D, b->D * sizeof *ours);
    if (isnan(record)) record = stored_distance(g, own, "steps_f64", name);
    if (!bf16 || record <= 0.1) {
      double bound = bf16 ? bound_bf16(record) : IS_DOUBLE ? 3e-7 : bound_f32(record);
      char what[KEY];
      snprintf(what, sizeof what, "%s:%s[%d]", own, name, (int)calls[c]);
      judge(g, what, distance(ours, theirs + c * lines * b->D, lines * b->D), bound);
      set_mark(g, own, name, COMPARED, NULL);
      set_mark(g, "steps_f64", name, COMPARED, NULL);
    }
    free(ours);
  }
  free(theirs);
  free(calls);
  free(rows);
}

/* Every call of a bfloat16 step against the same call in float32, which has been compared with the float64 tensors, as
 * long as the original's own deviation stays at 0.1 or below. */
static void compare_growth(golden_set *g, const call_record *exact, const call_record *rounded) {
  for (int c = 0; c < exact->count && c < rounded->count; c++) {
    double record = growth(g, "bf16", c);
    if (!(record <= 0.1)) continue;
    char what[KEY];
    snprintf(what, sizeof what, "call %d of step 1", c);
    judge(g, what, distance(rounded->out[c], exact->out[c], exact->b->act), bound_bf16(record));
  }
}

static void compare_embedding_rows(golden_set *g, bench *b, int bf16) {
  static const char name[] = "step1.input_embeddings.rows";
  trm__backend *be = b->m->backend;
  trm__weights *w = NULL;
  trm__dims dims = b->dims;
  trm__weights_view view = trm__params_view(&b->s->params, b->flat);
  size_t count;
  int32_t *rows = shared_ints(g, "step1.L_level_rows", &count);
  if (!b->inputs) return;
  dims.bf16 = bf16;
  if (be->weights_open(be, &w, &dims, 0, b->B, NULL)) exit(1);
  be->weights_prepare(be, w, &view);
  trm__act *e = device_bytes(b->act * be->act_bytes(be, &dims));
  be->embed_forward(be, w, b->B, b->inputs, b->rows, e);
  double *all = act_values(b, e, b->act);
  if (rows) {
    double *some = doubles(count * b->D);
    for (size_t i = 0; i < count; i++) memcpy(some + i * b->D, all + (size_t)rows[i] * b->D, b->D * sizeof *some);
    compare_step(g, bf16, name, some, count * b->D);
    free(some);
  }
  if (!bf16) compare(g, "trace_step1_f32", "input_embeddings", all, b->act, 2e-6);
  free(all);
  free(rows);
  drop_device(e);
  be->weights_close(be, &w);
}

static void compare_sample0(golden_set *g, const call_record *r) {
  static const char name[] = "L_level_outputs_sample0";
  const bench *b = r->b;
  size_t one = b->L * b->D, n = one * (size_t)r->count;
  double *ours = doubles(n);
  for (int c = 0; c < r->count; c++) memcpy(ours + (size_t)c * one, r->out[c], one * sizeof *ours);
  /* The last calls of the step have the deviation of its carry. */
  double record = fmax(recorded(g, "step1.carry_out.z_H", "f32"), recorded(g, "step1.carry_out.z_L", "f32"));
  compare(g, "trace_step1_f32", name, ours, n, bound_f32(record));
  free(ours);
}

static int has_step(golden_set *g, int k) {
  char prefix[32];
  snprintf(prefix, sizeof prefix, "step%d.", k);
  for (int i = 0; i < g->files; i++) {
    if (strncmp(g->file[i].stem, "steps_", 6) != 0) continue;
    for (size_t t = 0; t < g->file[i].st.count; t++)
      if (strncmp(g->file[i].st.tensor[t].name, prefix, strlen(prefix)) == 0) return 1;
  }
  return 0;
}

static int last_step(golden_set *g) {
  int last = 0;
  for (int k = 1; k <= 99; k++)
    if (has_step(g, k)) last = k;
  return last;
}

static void compare_after_step(golden_set *g, bench *b, int bf16, int k, const call_record *calls) {
  if (k == 1) {
    compare_call_rows(g, bf16, calls);
    if (!bf16) compare_sample0(g, calls);
  }
  compare_carry(g, b, bf16, k, "carry_out.z_H", b->y);
  compare_carry(g, b, bf16, k, "carry_out.z_L", b->z);
  compare_heads(g, b, bf16, k);
  compare_losses(g, b, bf16, k);
}

/* All steps in one precision; calls receives those of step 1. Where the carry of the step before is not stored whole,
 * the step runs on from trm's own: sets of full size are made so (and say so by storing rows of it), the small ones are
 * not, and then the deviations recorded for free running apply. */
static void run_steps(golden_set *g, bench *b, int bf16, call_record *calls) {
  int last = last_step(g), rows_only = find(g, "steps_f32", "carry_rows") || find(g, "steps_f64", "carry_rows");
  compare_embedding_rows(g, b, bf16);
  for (int k = 1; k <= last && !(g->quiet && g->failures); k++) {
    g->runs_on = !load_carry(b, g, k) && !rows_only;
    if (k == 1) trm__network_observe(b->net, record_call, calls);
    trm__network_step(b->net, b->B, b->inputs, b->rows, b->y, b->z, b->logits, b->q);
    trm__network_observe(b->net, NULL, NULL);
    compare_after_step(g, b, bf16, k, calls);
  }
  g->runs_on = 0;
}

static int calls_of(const golden_set *g) {
  return (int)(g->config.H_cycles * (g->config.L_cycles + 1));
}

static void compare_precisions(golden_set *g, subject *s, machine *m, int with_bf16) {
  bench exact, rounded;
  char variant[sizeof g->variant];
  snprintf(variant, sizeof variant, "%s", g->variant);
  bench_open(&exact, g, s, m, 0, 0);
  call_record calls = record_open(&exact, calls_of(g));
  snprintf(g->variant, sizeof g->variant, "%.40s, %s", variant, IS_DOUBLE ? "float64" : "float32");
  if (exact.inputs) run_steps(g, &exact, 0, &calls);
  if (with_bf16 && exact.inputs && find_file(g, "steps_bf16")) {
    snprintf(g->variant, sizeof g->variant, "%.40s, bfloat16", variant);
    bench_open(&rounded, g, s, m, 1, 0);
    call_record coarse = record_open(&rounded, calls_of(g));
    run_steps(g, &rounded, 1, &coarse);
    compare_growth(g, &calls, &coarse);
    record_close(&coarse);
    bench_close(&rounded);
  }
  record_close(&calls);
  bench_close(&exact);
  snprintf(g->variant, sizeof g->variant, "%s", variant);
}

/* The first two calls alone, for runs in which the whole of a large set would take too long. */
static void compare_first_calls(golden_set *g, subject *s, machine *m) {
  bench b;
  bench_open(&b, g, s, m, 0, 0);
  if (b.inputs) {
    int latent = g->config.L_cycles < 2 ? (int)g->config.L_cycles : 2;
    call_record calls = record_open(&b, latent);
    trm__network_set_cycles(b.net, latent, 1);
    compare_embedding_rows(g, &b, 0);
    load_carry(&b, g, 1);
    trm__network_observe(b.net, record_call, &calls);
    trm__network_step(b.net, b.B, b.inputs, b.rows, b.y, b.z, b.logits, b.q);
    compare_call_rows(g, 0, &calls);
    record_close(&calls);
  }
  bench_close(&b);
}

#endif
