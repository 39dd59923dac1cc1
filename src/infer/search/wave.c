/* The state machine of a puzzle's waves: see wave.h, which has the list of what always holds. */
#include "infer/search/wave.h"

static void wave_begin(trm__wave *w, int count, int64_t limit) {
  w->count = count;
  w->winner = -1;
  for (int i = 0; i < count; i++) w->chain[i] = (trm__chain){.state = TRM__CHAIN_WAITS, .limit = limit};
}

void trm__wave_first(trm__wave *w, int64_t budget, int count, int64_t limit) {
  w->budget = budget;
  w->spent = w->begun = 0;
  wave_begin(w, count, limit);
}

void trm__wave_grant(trm__wave *w, int i, int64_t limit) {
  w->chain[i].limit = limit;
}

int trm__wave_next(trm__wave *w, int count, int64_t limit) {
  int64_t spent = trm__wave_total(w), left = w->budget - spent;
  if (left < 1) return 0;
  w->spent = spent;
  w->begun += w->count;
  if (limit > left) limit = left;
  if (count > left / limit) count = (int)(left / limit);
  wave_begin(w, count, limit);
  return 1;
}

/* Of two chains that have found, or could at this step, the one that counts. */
static int wave_is_before(int64_t found, int i, int64_t other, int k) {
  return found < other || (found == other && i < k);
}

int trm__wave_wants(const trm__wave *w, int i) {
  return w->winner < 0 || wave_is_before(w->chain[i].steps + 1, i, w->chain[w->winner].found, w->winner);
}

int trm__wave_waiting(const trm__wave *w, int first, int end) {
  for (int i = first; i < end && i < w->count; i++)
    if (w->chain[i].state == TRM__CHAIN_WAITS && trm__wave_wants(w, i)) return i;
  return -1;
}

void trm__wave_enter(trm__wave *w, int i) {
  w->chain[i].state = TRM__CHAIN_WORKS;
}

void trm__wave_step(trm__wave *w, int i, int64_t steps, int right) {
  trm__chain *chain = &w->chain[i];
  chain->steps = steps;
  if (right) {
    chain->found = steps;
    if (w->winner < 0 || wave_is_before(steps, i, w->chain[w->winner].found, w->winner)) w->winner = i;
  }
  if (right || steps >= chain->limit) chain->state = TRM__CHAIN_ENDED;
}

void trm__wave_end(trm__wave *w, int i) {
  w->chain[i].state = TRM__CHAIN_ENDED;
}

int trm__wave_is_over(const trm__wave *w) {
  for (int i = 0; i < w->count; i++)
    if (w->chain[i].state == TRM__CHAIN_WORKS) return 0;
  return trm__wave_waiting(w, 0, w->count) < 0;
}

void trm__wave_drop(trm__wave *w, int i) {
  w->chain[i].state = TRM__CHAIN_DROPPED;
}

/* Of a dropped chain, and of one that waited in vain: those of the winner, or all that it had. */
int64_t trm__wave_steps(const trm__wave *w, int i) {
  const trm__chain *chain = &w->chain[i];
  int64_t end = w->winner < 0 ? chain->limit : w->chain[w->winner].found;
  if (end > chain->limit) end = chain->limit;
  int whole = chain->state == TRM__CHAIN_ENDED || chain->state == TRM__CHAIN_WORKS || w->winner < 0;
  return whole && chain->steps < end ? chain->steps : end;
}

int64_t trm__wave_total(const trm__wave *w) {
  int64_t total = w->spent;
  for (int i = 0; i < w->count; i++) total += trm__wave_steps(w, i);
  return total;
}

static const char *wave_check_chain(const trm__wave *w, int i) {
  const trm__chain *c = &w->chain[i];
  if (c->state == TRM__CHAIN_WORKS && c->steps >= c->limit) return "4: a chain at work without a step left";
  if (c->steps > c->limit) return "4: a chain over its limit";
  if (c->found && (c->state != TRM__CHAIN_ENDED || c->found != c->steps)) return "5: a right answer before the end";
  if (c->state == TRM__CHAIN_DROPPED && trm__wave_wants(w, i)) return "5: a wanted chain was dropped";
  if (c->found && (w->winner < 0 || wave_is_before(c->found, i, w->chain[w->winner].found, w->winner)))
    return "6: the winner is not the first";
  return 0;
}

const char *trm__wave_check(const trm__wave *w) {
  int64_t most = w->spent;
  if (w->count < 1) return "2: a wave without a chain";
  for (int i = 0; i < w->count; i++) {
    const char *broken = wave_check_chain(w, i);
    if (broken) return broken;
    most += w->chain[i].limit;
  }
  if (most > w->budget) return "1: more steps than the budget has";
  if (w->winner >= w->count || (w->winner >= 0 && !w->chain[w->winner].found)) return "6: a winner without an answer";
  return 0;
}
