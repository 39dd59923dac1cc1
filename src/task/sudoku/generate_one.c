/* One puzzle as wanted: random ones until one fits. When guesses are wanted that random puzzles rarely take, islands
 * breed hard ones instead. All is drawn from one stream, so the same stream and wishes give the same puzzle. */
#include "task/sudoku/generate.h"

#include "base/status.h"

enum {
  PROBE = 40,      /* random puzzles of which one should have been as hard as wanted */
  FAMILY_TRIES = 8 /* an island's family counts as so many puzzles */
};

typedef struct search_one {
  const trm_wanted *wanted;
  int64_t tried;
  int stopped;
} search_one;

/* Counts, and says whether to go on. */
static int one_count(search_one *s, int64_t puzzles) {
  s->tried += puzzles;
  if (s->wanted->progress && s->wanted->progress(s->wanted->context, s->tried)) s->stopped = 1;
  return !s->stopped && s->tried < s->wanted->tries;
}

static int one_watch_family(void *search) {
  return !one_count(search, FAMILY_TRIES);
}

/* Fewer clues leave two digits to be exchanged, or are known to be too few: 17 of 9x9 (McGuire et al., 2012). */
static int one_fewest_clues(const trm__sudoku_geometry *g) {
  return g->size == 9 ? 17 : g->size == 4 ? 4 : g->size == 6 ? 8 : g->size - 1;
}

static trm_status one_check(const trm__sudoku_geometry *g, const trm_wanted *w, trm_error *err) {
  if (w->min_clues < 0 || w->max_clues < 0 || w->min_clues > g->cells || (w->max_clues && w->max_clues < w->min_clues))
    return trm__fail(err, TRM_E_USAGE, "clues", "no puzzle of %d cells has %lld to %lld clues", g->cells,
                     (long long)w->min_clues, (long long)w->max_clues);
  if (w->max_clues && w->max_clues < one_fewest_clues(g))
    return trm__fail(err, TRM_E_USAGE, "clues",
                     "found at most %lld, but a %dx%d Sudoku with one solution has %d or more", (long long)w->max_clues,
                     g->size, g->size, one_fewest_clues(g));
  if (w->min_guesses < 0 || w->max_guesses < -1 || (w->max_guesses >= 0 && w->max_guesses < w->min_guesses))
    return trm__fail(err, TRM_E_USAGE, "guesses", "no puzzle takes %lld to %lld guesses", (long long)w->min_guesses,
                     (long long)w->max_guesses);
  if (w->min_path || w->min_side || w->max_side)
    return trm__fail(err, TRM_E_USAGE, "min_path", "paths and sides are of mazes, expected clues or guesses");
  if (w->tries < 1) return trm__fail(err, TRM_E_USAGE, "tries", "found %lld, expected 1 or more", (long long)w->tries);
  return TRM_OK;
}

trm_status trm__generate_one(const trm__sudoku_geometry *g, trm__rng *rng, const trm_wanted *wanted,
                             trm__puzzle *puzzle, trm_error *err) {
  search_one s = {.wanted = wanted};
  trm__generate_config config = {.size = g->size,
                                 .count = 1,
                                 .min_clues = wanted->min_clues,
                                 .max_clues = wanted->max_clues,
                                 .min_guesses = wanted->min_guesses,
                                 .max_guesses = wanted->max_guesses,
                                 .minimal = wanted->max_clues == 0,
                                 .seed = trm__rng_u64(rng),
                                 .watch = one_watch_family,
                                 .watch_context = &s};
  trm_status status = one_check(g, wanted, err);
  if (status) return status;
  for (uint64_t index = 0;; index++) {
    int breed = wanted->min_guesses > 0 && index >= PROBE;
    int found = breed ? trm__generate_island(&config, index, puzzle, 1) : trm__generate_attempt(&config, index, puzzle);
    if (found < 0) return trm__fail_memory(err, "generator", 0);
    if (found) return TRM_OK;
    if (s.stopped || !one_count(&s, 1)) break;
  }
  if (s.stopped) return trm__fail(err, TRM_E_STOPPED, "generator", "stopped after %lld puzzles", (long long)s.tried);
  return trm__fail(err, TRM_E_INPUT, "generator",
                   "none of %lld puzzles was as wanted; ask for a wider range of clues or guesses", (long long)s.tried);
}
