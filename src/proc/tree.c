/* A tree of supervisors: the orders of one are carried out on processes, or on the supervisor below; what became of
 * that one is told above. */
#include "proc/tree.h"

#include <signal.h>

static trm__child *tree_child(trm__root *root, int group, int place) {
  return &root->group[group].supervisor.child[place];
}

trm__row *trm__tree_hub(trm__root *root) {
  for (int g = 0; g < root->groups && root->config.hub >= 0; g++)
    for (int p = 0; p < root->group[g].supervisor.configured; p++) {
      trm__row *row = &root->group[g].row[p];
      if (row->node == root->config.hub && row->line >= 0) return row;
    }
  return NULL;
}

static void tree_order_group(trm__root *root, int group, trm__order_kind kind) {
  trm__supervisor *s = &root->group[group].supervisor;
  if (kind == TRM__ORDER_START) trm__supervisor_start(s, root->now);
  else if (kind == TRM__ORDER_TERM) trm__supervisor_stop(s, root->now);
  else trm__supervisor_kill(s, root->now);
}

static void tree_carry_out(trm__root *root, int group, const trm__order *order) {
  static const char *const what[] = {"is started", "is told to end", "is killed"};
  trm__row *row = &root->group[group].row[order->place];
  const char *name = root->config.node[row->node].name;
  if (order->kind != TRM__ORDER_START)
    trm__log_write(&root->config.log, order->kind == TRM__ORDER_KILL ? TRM_LOG_WARN : TRM_LOG_INFO, "%s %s: %s", name,
                   what[order->kind], order->why);
  if (row->group >= 0) tree_order_group(root, row->group, order->kind);
  else if (order->kind == TRM__ORDER_START) trm__process_start(root, group, order->place);
  else trm__process_signal(row, order->kind == TRM__ORDER_TERM ? SIGTERM : SIGKILL);
}

/* Rows of added children whose places are free again. */
static void tree_forget(trm__group *g) {
  for (int p = g->supervisor.configured; p < TRM__PLACES; p++)
    if (!g->supervisor.child[p].state) g->row[p].node = -1;
}

void trm__tree_log_given_up(const trm__root *root, int group) {
  const trm__group *g = &root->group[group];
  int hopeless = g->supervisor.gave_up_end == TRM__END_HOPELESS;
  trm__log_write(&root->config.log, TRM_LOG_ERROR, "%s: given up, because %s %s", root->config.node[g->node].name,
                 root->config.node[g->row[g->supervisor.gave_up].node].name,
                 hopeless ? "cannot run as it was started" : "failed too often");
}

/* What became of a group is told to the one above; 1: something was. */
static int tree_tell_above(trm__root *root, int group) {
  trm__group *g = &root->group[group];
  if (g->above < 0) return 0;
  trm__supervisor *above = &root->group[g->above].supervisor;
  const trm__child *child = tree_child(root, g->above, g->place);
  if (g->supervisor.phase == TRM__PHASE_ENDED && trm__child_is_alive(child)) {
    trm__end end = g->supervisor.gave_up < 0 ? TRM__END_NORMAL : g->supervisor.gave_up_end; /* NORMAL: it was stopped */
    if (g->supervisor.gave_up >= 0) trm__tree_log_given_up(root, group);
    trm__supervisor_exited(above, g->place, end, root->now);
    return 1;
  }
  if (child->state != TRM__CHILD_STARTING || !trm__supervisor_is_up(&g->supervisor)) return 0;
  trm__supervisor_ready(above, g->place, root->now);
  return 1;
}

void trm__tree_settle(trm__root *root) {
  for (int more = 1; more;) {
    more = 0;
    for (int g = 0; g < root->groups; g++) {
      trm__order order;
      while (trm__supervisor_next(&root->group[g].supervisor, root->now, &order)) {
        tree_carry_out(root, g, &order);
        more = 1;
      }
    }
    for (int g = root->groups - 1; g >= 0; g--) {
      if (tree_tell_above(root, g)) more = 1;
      tree_forget(&root->group[g]);
    }
  }
}

int64_t trm__tree_due(const trm__root *root) {
  int64_t due = TRM__NEVER;
  for (int g = 0; g < root->groups; g++) {
    int64_t time = trm__supervisor_due(&root->group[g].supervisor);
    if (time < due) due = time;
  }
  return due;
}

int trm__tree_is_idle(const trm__root *root) {
  for (int g = 0; g < root->groups; g++)
    for (int p = 0; p < TRM__PLACES; p++)
      if (root->group[g].row[p].pid > 0 || root->group[g].supervisor.child[p].wanted) return 0;
  return 1;
}

int trm__tree_add(trm__root *root, int node) {
  if (node < 0 || node >= root->config.nodes || !root->config.node[node].linked) return 0;
  for (int g = 0; g < root->groups; g++) {
    trm__group *group = &root->group[g];
    if (group->node != root->config.node[node].group) continue;
    int place;
    if (group->supervisor.phase != TRM__PHASE_RUNNING) return 0;
    if (trm__supervisor_add(&group->supervisor, &root->config.node[node].rule, &place, NULL)) return 0;
    group->row[place] = (trm__row){.node = node, .group = -1, .serial = ++root->serials, .line = -1, .link = -1};
    return 1;
  }
  return 0;
}

void trm__tree_retire(trm__root *root, uint32_t serial) {
  for (int g = 0; g < root->groups; g++)
    for (int p = 0; p < TRM__PLACES; p++) {
      const trm__row *row = &root->group[g].row[p];
      if (row->node < 0 || row->serial != serial || !root->config.node[row->node].linked) continue;
      trm__supervisor_retire(&root->group[g].supervisor, p, root->now);
    }
}
