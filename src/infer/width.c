/* How many puzzles a round computes: see width.h. */
#include "infer/width.h"

/* Ends the search for a width. */
static void width_settle(trm__engine *e) {
  trm_solver *s = e->solver;
  e->largest = 0;
  e->width = trm__batch_choose(&s->costs, s->slots);
  s->stats.origin = s->costs.count ? TRM_BATCH_MEASURED : TRM_BATCH_USUAL;
}

void trm__width_begin(trm__engine *e) {
  trm_solver *s = e->solver;
  s->stats = (trm_solve_stats){.origin = TRM_BATCH_GIVEN};
  e->width = s->slots;
  if (s->config.batch) return;
  s->stats.origin = TRM_BATCH_MEASURED;
  int64_t puzzles = e->job->source.puzzles;
  e->largest = trm__batch_largest(puzzles < 0 ? INT64_MAX : puzzles, s->slots);
  e->width = trm__batch_next(&s->costs, e->largest);
  if (!e->width) width_settle(e);
}

void trm__width_measure(trm__engine *e, double seconds) {
  trm_solver *s = e->solver;
  seconds /= e->work;
  trm_solve_stats *stats = &s->stats;
  if (!e->largest) {
    if (e->round < e->width) return;
    stats->full++;
    stats->measured += (seconds - stats->measured) / (double)stats->full;
    return;
  }
  if (!s->backend->on_host && e->round == e->width && e->warm != e->width) {
    e->warm = e->width; /* a device loads kernels at their first use, which this round may have been */
    return;
  }
  if (e->round < e->width && e->job->source.puzzles < 0 && !e->ended) return; /* more will come: the search goes on */
  if (e->round == e->width) trm__batch_record(&s->costs, e->round, seconds);
  int next = e->round == e->width ? trm__batch_next(&s->costs, e->largest) : 0;
  if (next) e->width = next;
  else width_settle(e);
}

_Static_assert(TRM_SOLVE_COSTS >= TRM__BATCH_COSTS, "the statistics have room for all measured costs");

void trm__width_conclude(trm__engine *e) {
  trm_solver *s = e->solver;
  trm_solve_stats *stats = &s->stats;
  stats->batch = e->width;
  if (!s->config.batch) stats->predicted = trm__batch_predict(&s->costs, e->width);
  for (stats->costs = 0; stats->costs < s->costs.count; stats->costs++) {
    stats->cost[stats->costs].batch = s->costs.at[stats->costs].batch;
    stats->cost[stats->costs].seconds = s->costs.at[stats->costs].seconds;
  }
}
