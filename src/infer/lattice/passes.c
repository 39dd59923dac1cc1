/* Passes: see passes.h, which says what one does. */
#include "infer/lattice/passes.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "infer/request.h"
#include "task/hash.h"
#include "task/kind.h"
#include "task/symmetry.h"

#define DROP (-2.1972245773362196)  /* log(0.1 / 0.9): a value under a probability of 0.1 leaves */
#define CONFLICT 0.4054651081081644 /* log(0.6 / 0.4) */
#define TEMPERATURE 1.5             /* of digits that are drawn */

struct trm__passes {
  trm__lattice *net;
  int S, C, rows;
  int32_t *sets;            /* [rows][S], in their frames */
  trm__symmetry *frame;     /* [rows] */
  trm__real *logits;        /* [rows][S][2 C] */
  trm__real *conflict;      /* [rows] */
  trm__real *image, *whole; /* [S][2 C]: a row's logits out of its frame; those of all of a chain's frames */
  int32_t *grid;            /* [S] */
  trm__rng *rng;            /* [rows]: of the chains of this pass */
};

static size_t passes_row_bytes(const trm__dims *d) {
  size_t S = (size_t)d->S;
  return S * sizeof(int32_t) + sizeof(trm__symmetry) + (2 * S * (size_t)d->values + 1) * sizeof(trm__real) +
         sizeof(trm__rng);
}

size_t trm__passes_bytes(const trm__dims *d, int rows) {
  return sizeof(trm__passes) + (size_t)rows * passes_row_bytes(d) +
         (size_t)d->S * (4 * (size_t)d->values * sizeof(trm__real) + sizeof(int32_t));
}

trm_status trm__passes_open(trm__passes **out, trm__lattice *net, const trm__dims *d, int rows, trm_error *err) {
  trm__passes *p = trm__calloc(1, sizeof *p);
  if (!p) return trm__fail_memory(err, "passes", sizeof *p);
  size_t n = (size_t)rows, S = (size_t)d->S, logits = 2 * S * (size_t)d->values;
  *p = (trm__passes){.net = net, .S = d->S, .C = d->values, .rows = rows};
  p->sets = trm__calloc(n * S, sizeof *p->sets);
  p->frame = trm__calloc(n, sizeof *p->frame);
  p->logits = trm__calloc(n * logits, sizeof *p->logits);
  p->conflict = trm__calloc(n, sizeof *p->conflict);
  p->image = trm__calloc(logits, sizeof *p->image);
  p->whole = trm__calloc(logits, sizeof *p->whole);
  p->grid = trm__calloc(S, sizeof *p->grid);
  p->rng = trm__calloc(n, sizeof *p->rng);
  if (!p->sets || !p->frame || !p->logits || !p->conflict || !p->image || !p->whole || !p->grid || !p->rng) {
    trm__passes_close(&p);
    return trm__fail_memory(err, "passes", trm__passes_bytes(d, rows));
  }
  *out = p;
  return TRM_OK;
}

void trm__passes_close(trm__passes **passes) {
  trm__passes *p = *passes;
  *passes = NULL;
  if (!p) return;
  void *owned[] = {p->sets, p->frame, p->logits, p->conflict, p->image, p->whole, p->grid, p->rng};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) trm__free(owned[i]);
  trm__free(p);
}

static trm__sets_of passes_of(const trm__passes *p, const trm__deduction *chain) {
  return (trm__sets_of){p->S, p->C, chain->question};
}

void trm__passes_begin(const trm__passes *p, trm__deduction *chain) {
  trm__sets_of of = passes_of(p, chain);
  trm__sets_begin(&of, chain->sets);
  chain->passes = 0;
  chain->frames = 1;
  chain->restarts = chain->sampled = chain->finished = chain->right = 0;
  chain->wrong = 0;
}

int trm__passes_frames(const trm__deduction *chain, int64_t left) {
  int wanted = chain->restarts >= TRM__PASSES_PATIENCE ? TRM__PASSES_FRAMES : 1;
  return wanted > left ? (int)left : wanted;
}

/* -- the network's part ------------------------------------------------------------------------------------------- */

/* Draws the frames of chain i, whose rows begin at `row`, and shows its sets in them. */
static void passes_frame(trm__passes *p, const trm__passes_rule *rule, const trm__deduction *chain, int i, int row) {
  p->rng[i] =
      trm__rng_make(rule->seed, TRM__RNG_SEARCH, chain->name << TRM__NOISE_STEP_BITS | (uint64_t)(chain->passes + 1));
  for (int k = row; k < row + chain->frames; k++) {
    trm__symmetry_draw(rule->task, &p->rng[i], &p->frame[k]);
    trm__symmetry_apply_sets(&p->frame[k], TRM__SETS_TOKEN, chain->sets, p->sets + (size_t)k * (size_t)p->S);
  }
}

/* The noise control's logits. */
static void passes_noise(trm__passes *p, trm__deduction *const *chain, int count) {
  size_t n = 2 * (size_t)p->S * (size_t)p->C;
  for (int i = 0, row = 0; i < count; i++)
    for (int k = 0; k < chain[i]->frames; k++, row++) {
      for (size_t j = 0; j < n; j++) p->logits[(size_t)row * n + j] = (trm__real)trm__rng_normal(&p->rng[i]);
      p->conflict[row] = (trm__real)trm__rng_normal(&p->rng[i]);
    }
}

/* A row's logits as those of the chain's own cells and values, into image. */
static void passes_unframe(trm__passes *p, int row) {
  const trm__symmetry *s = &p->frame[row];
  size_t width = 2 * (size_t)p->C;
  for (int i = 0; i < p->S; i++) {
    const trm__real *from = p->logits + ((size_t)row * (size_t)p->S + (size_t)i) * width;
    trm__real *to = p->image + (size_t)s->from[i] * width;
    for (int v = 0; v < p->C; v++) {
      int named = s->name[TRM__SETS_TOKEN + v] - TRM__SETS_TOKEN;
      to[v] = from[named];
      to[p->C + v] = from[p->C + named];
    }
  }
}

/* The best live digits by these logits, into grid. */
static void passes_digits(const trm__passes *p, const trm__deduction *chain, const trm__real *logits, int32_t *grid) {
  for (int i = 0; i < p->S; i++) {
    const trm__real *digits = logits + (size_t)i * 2 * (size_t)p->C + p->C;
    int given = chain->question[i] >= TRM__SETS_TOKEN;
    grid[i] = given ? chain->question[i] : TRM__SETS_TOKEN + trm__sets_best(p->C, chain->sets[i], digits);
  }
}

static int passes_is_right(const trm__passes_rule *rule, const trm__deduction *chain, const int32_t *grid) {
  trm_task_verdict v = trm_task_judge(rule->task, chain->question, grid);
  return v.keeps_rules == 1 && v.keeps_clues == 1;
}

/* Step 2: whether one of the chain's frames has a right answer, which is in grid then. */
static int passes_check_frames(trm__passes *p, const trm__passes_rule *rule, const trm__deduction *chain, int row) {
  for (int k = row; k < row + chain->frames; k++) {
    passes_unframe(p, k);
    passes_digits(p, chain, p->image, p->grid);
    if (passes_is_right(rule, chain, p->grid)) return 1;
  }
  return 0;
}

/* The logits of a chain's frames as one: a value is kept if any keeps it, digits and conflict are means. */
static double passes_unite(trm__passes *p, const trm__deduction *chain, int row) {
  size_t n = 2 * (size_t)p->S * (size_t)p->C, C = (size_t)p->C;
  trm__real part = (trm__real)(1.0 / chain->frames);
  double conflict = 0;
  for (int k = 0; k < chain->frames; k++) {
    passes_unframe(p, row + k);
    conflict += (double)p->conflict[row + k] / chain->frames;
    for (size_t j = 0; j < n; j++) {
      if (j / C % 2) p->whole[j] = (k ? p->whole[j] : 0) + part * p->image[j];
      else if (!k || p->image[j] > p->whole[j]) p->whole[j] = p->image[j];
    }
  }
  return conflict;
}

/* -- the chain's part --------------------------------------------------------------------------------------------- */

static void passes_put_confidence(const trm__passes *p, trm__deduction *chain) {
  for (int i = 0; i < p->S; i++) {
    const trm__real *digits = p->whole + (size_t)i * 2 * (size_t)p->C + p->C;
    int value = chain->answer[i] - TRM__SETS_TOKEN;
    double sum = 0;
    for (int v = 0; v < p->C; v++) sum += exp((double)digits[v] - (double)digits[value]);
    chain->confidence[i] = chain->question[i] >= TRM__SETS_TOKEN ? 1 : (float)(1 / sum);
  }
}

/* Levels D and E: two equal single cells in a unit. At E rules fill cells, too. */
static int passes_clash(const trm__passes *p, const trm__passes_rule *rule, trm__deduction *chain) {
  if (chain->level < TRM_LEVEL_D) return 0;
  for (int i = 0; i < p->S; i++) {
    p->grid[i] = TRM__SETS_TOKEN - 1; /* blank */
    for (int v = 0; v < p->C && trm__sets_is_single(chain->sets[i]); v++)
      if (chain->sets[i] >> v & 1) p->grid[i] = TRM__SETS_TOKEN + v;
  }
  if (chain->level < TRM_LEVEL_E) return trm_task_check_question(rule->task, p->grid, NULL) != TRM_OK;
  if (!trm__kind_of(rule->task)->deduce(rule->task, p->grid)) return 1;
  for (int i = 0; i < p->S; i++) {
    int32_t filled = trm__sets_of_token(p->grid[i]);
    if (filled && !(chain->sets[i] & filled)) return 1; /* the value that is left was dropped */
    if (filled) chain->sets[i] = filled;
  }
  return 0;
}

static void passes_restart(const trm__passes *p, trm__deduction *chain) {
  trm__sets_of of = passes_of(p, chain);
  trm__sets_begin(&of, chain->sets);
  chain->restarts++;
  chain->sampled = 0;
}

/* The same wrong answer as the last one: the next attempt draws its digits. */
static void passes_remember(const trm__passes *p, trm__deduction *chain, int *again) {
  uint64_t hash = TRM__HASH_START;
  for (int i = 0; i < p->S; i++) hash = trm__hash_token(hash, chain->answer[i]);
  hash = trm__hash_finish(hash);
  *again = chain->wrong == hash;
  chain->wrong = hash;
}

/* Steps 3 to 5, from the logits in whole. */
static void passes_deduce(trm__passes *p, const trm__passes_rule *rule, trm__deduction *chain, double conflict,
                          trm__rng *rng) {
  trm__sets_of of = passes_of(p, chain);
  int judged = chain->level >= TRM_LEVEL_C, again = 0;
  trm__sets_drop(&of, p->whole, DROP, chain->sets, NULL);
  passes_digits(p, chain, p->whole, chain->answer);
  passes_put_confidence(p, chain);
  trm__sets_count count = trm__sets_look(&of, chain->sets);
  int bad = count.empty || conflict > CONFLICT || passes_clash(p, rule, chain);
  if (!bad && chain->level >= TRM_LEVEL_E) count = trm__sets_look(&of, chain->sets);
  if (!bad && !count.open) {
    passes_digits(p, chain, p->whole, chain->answer);
    chain->right = judged && passes_is_right(rule, chain, chain->answer);
    chain->finished = chain->right || !judged;
    if (!chain->finished) passes_remember(p, chain, &again);
  }
  chain->q = (float)(chain->finished ? 1 + fmax(0, -conflict) : -1 - fmax(0, conflict));
  if (chain->finished) return;
  if (bad || !count.open) {
    passes_restart(p, chain);
    chain->sampled = again;
  } else {
    trm__sets_guess(&of, p->whole, chain->sampled ? TEMPERATURE : 0, rng, chain->sets);
  }
}

/* A chain whose digits were right after a loop. */
static void passes_put_right(trm__passes *p, trm__deduction *chain, int row) {
  (void)passes_unite(p, chain, row);
  memcpy(chain->answer, p->grid, (size_t)p->S * sizeof *p->grid);
  passes_put_confidence(p, chain);
  chain->right = chain->finished = 1;
  chain->q = (float)(1 + fmax(0, -(double)p->conflict[row]));
}

void trm__passes_run(trm__passes *p, const trm__passes_rule *rule, trm__deduction *const *chain, int count) {
  int rows = 0, left = count;
  for (int i = 0; i < count; rows += chain[i++]->frames) {
    chain[i]->finished = chain[i]->right = 0;
    passes_frame(p, rule, chain[i], i, rows);
  }
  if (!rule->control) trm__lattice_begin(p->net, rows, p->sets);
  for (int loop = 1; loop <= rule->loops && left; loop++) {
    int checked = loop >= TRM__PASSES_CHECKED;
    if (!rule->control) trm__lattice_loop(p->net, rows, p->logits, p->conflict);
    else if (checked || loop == rule->loops) passes_noise(p, chain, count);
    for (int i = 0, row = 0; i < count && checked; row += chain[i++]->frames) {
      if (chain[i]->right || chain[i]->level < TRM_LEVEL_C || !passes_check_frames(p, rule, chain[i], row)) continue;
      passes_put_right(p, chain[i], row);
      left--;
    }
  }
  for (int i = 0, row = 0; i < count; row += chain[i++]->frames) {
    chain[i]->passes += chain[i]->frames;
    if (!chain[i]->right) passes_deduce(p, rule, chain[i], passes_unite(p, chain[i], row), &p->rng[i]);
  }
}
