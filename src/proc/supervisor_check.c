/* The invariants of proc/supervisor.h, by their numbers there. Tests ask after every event, the root process of a build
 * with tests after every turn of its loop. */
#include <string.h>

#include "proc/supervisor.h"

static const char *check_child(const trm__supervisor *s, const trm__child *c) {
  int alive = trm__child_is_alive(c), ending = s->phase >= TRM__PHASE_ENDING;
  if (ending && c->wanted) return "3: a child is wanted although all are to end";
  if (ending && alive && !c->stop) return "3: a child is not to be stopped although all are to end";
  if (c->stop && !alive) return "4: who is not alive is to be stopped";
  if (c->state == TRM__CHILD_STOPPING && !c->stop) return "4: a child was told to end and need not";
  if (c->gone && (c->rule.restart != TRM__TEMPORARY || c->wanted || c->starts != 1))
    return "6: a child that is gone is permanent, wanted, or was started twice";
  if (c->starts && c->rule.restart == TRM__TEMPORARY && !c->gone)
    return "6: a temporary child was started and is not gone";
  if (c->wanted && c->retired) return "6: a retired child is wanted";
  if (c->state == TRM__CHILD_UP && c->rule.heartbeat_ms &&
      (c->deadline <= s->now || c->deadline > s->now + c->rule.heartbeat_ms))
    return "10: the next beat is expected in the past, or too late";
  if (c->state == TRM__CHILD_FREE && (c->wanted || c->stop || c->retired || c->gone || c->was_up || c->starts))
    return "11: a free place has something set";
  return NULL;
}

static const char *check_stop_order(const trm__supervisor *s) {
  int later = 0; /* a later child is to be stopped */
  if (s->config.strategy == TRM__ONE_FOR_ONE && s->phase != TRM__PHASE_ENDING) return NULL;
  for (int p = s->places - 1; p >= 0; p--) {
    if (later && s->child[p].state == TRM__CHILD_STOPPING && !s->child[p].retired)
      return "7: a child was told to end before a later one had ended";
    later |= s->child[p].stop;
  }
  return NULL;
}

static const char *check_start_order(const trm__supervisor *s) {
  int waiting = 0; /* an earlier child is wanted or starting */
  if (s->config.strategy == TRM__ONE_FOR_ONE || s->phase != TRM__PHASE_RUNNING) return NULL;
  for (int p = 0; p < s->places; p++) {
    const trm__child *c = &s->child[p];
    if (waiting && trm__child_is_alive(c) && !c->stop) return "8: a child runs before an earlier one is ready";
    waiting |= c->wanted || c->state == TRM__CHILD_STARTING;
  }
  return NULL;
}

static const char *check_first_start(const trm__supervisor *s) {
  int waiting = 0, alive = 0;
  if (s->config.strategy != TRM__ONE_FOR_ONE || s->phase != TRM__PHASE_RUNNING) return NULL;
  for (int p = 0; p < s->configured; p++) {
    const trm__child *c = &s->child[p];
    if (c->was_up) continue;
    if (trm__child_is_alive(c) && (waiting || alive++)) return "9: a child was started before an earlier one was ready";
    waiting |= c->wanted;
  }
  return NULL;
}

static int check_notes(const trm__supervisor *s) {
  int recent = 0;
  for (int k = 0; k < s->notes; k++) recent += s->now - s->note[k] <= s->config.period_ms;
  return recent;
}

const char *trm__supervisor_check(const trm__supervisor *s) {
  int alive = 0;
  for (int p = 0; p < TRM__PLACES; p++) {
    if (p >= s->places && s->child[p].state) return "11: a child stands behind the last place";
    alive += trm__child_is_alive(&s->child[p]);
    const char *problem = check_child(s, &s->child[p]);
    if (problem) return problem;
  }
  if (alive != s->alive) return "1: the children that are alive are counted wrongly";
  if (s->phase == TRM__PHASE_ENDING && !alive) return "2: all have ended, and the supervisor has not";
  if (s->phase == TRM__PHASE_ENDED && alive) return "2: the supervisor has ended before its children";
  if (s->phase == TRM__PHASE_IDLE && alive) return "2: a child is alive before the start";
  if (s->phase == TRM__PHASE_RUNNING && check_notes(s) > s->config.restarts)
    return "5: too many restarts, and it goes on";
  if (s->phase < TRM__PHASE_ENDING && s->gave_up >= 0) return "12: it has given up, and goes on";
  const char *problem = check_stop_order(s);
  if (!problem) problem = check_start_order(s);
  return problem ? problem : check_first_start(s);
}
