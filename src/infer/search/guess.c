/* Drawing guesses: see guess.h. */
#include "infer/search/guess.h"

#include <string.h>

#include "task/kind.h"
#include "task/puzzle.h"

enum { DRAWS = 20 }; /* at levels that check guesses, until they are given up */

static uint32_t guess_count_open(const trm__proposal *p, const int32_t *question, int32_t blank) {
  uint32_t open = 0;
  for (size_t i = 0; i < p->cells; i++) open += question[i] == blank;
  return open;
}

/* The n-th open cell. */
static size_t guess_cell(const int32_t *question, int32_t blank, uint32_t n) {
  size_t i = 0;
  while (question[i] != blank || n-- > 0) i++;
  return i;
}

/* What a level allows of a question with guesses; it may fill cells. */
static int guess_is_allowed(const trm__proposal *p, int32_t *question) {
  if (p->plan->level >= TRM_LEVEL_E) return trm__kind_of(p->task)->deduce(p->task, question);
  return p->plan->level < TRM_LEVEL_D || !trm_task_check_question(p->task, question, NULL);
}

/* The puzzle's question with all guesses. 0: one of them is not allowed. */
static int guess_all(const trm__proposal *p, trm__rng *rng, int32_t blank, int32_t *question) {
  const int32_t *guide = p->guide + (size_t)trm__rng_below(rng, (uint32_t)p->guides) * p->cells;
  memcpy(question, p->question, p->cells * sizeof *question);
  if (!guess_is_allowed(p, question)) return 0;
  if (p->plan->level >= TRM_LEVEL_D) (void)trm_task_draw(p->task, p->question, guide, p->marks);
  for (int k = 0; k < p->plan->guesses; k++) {
    uint32_t open = guess_count_open(p, question, blank);
    if (!open) break;
    size_t cell = guess_cell(question, blank, trm__rng_below(rng, open));
    question[cell] = guide[cell];
    if (p->plan->level >= TRM_LEVEL_D && p->marks[cell].wrong) return 0;
    if (question[cell] < blank || !guess_is_allowed(p, question)) return 0;
  }
  return 1;
}

void trm__guess(const trm__proposal *p, trm__rng *rng, int32_t *question) {
  int32_t blank = trm__task_blank(p->task);
  int draws = blank && p->guides && p->plan->guesses ? DRAWS : 0;
  while (draws > 0 && !guess_all(p, rng, blank, question)) draws--;
  if (!draws) memcpy(question, p->question, p->cells * sizeof *question);
}
