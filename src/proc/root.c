/* The root's loop: wait, hear the lines, reap, and only then let time pass in the supervisors, so that nobody is killed
 * for a silence of this process itself. */
#include "proc/root.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "proc/spawn.h"
#include "proc/tree.h"

#define LATE 250      /* milliseconds that the loop may come too late by before all is taken to have stood still */
#define LINK_AGAIN 50 /* milliseconds until a full line of the hub is tried again */

/* -- opening -- */

static trm_status root_check_node(const trm__root_config *config, int n, trm_error *err) {
  const trm__node *node = &config->node[n];
  const char *name = node->name ? node->name : "a node";
  if (!node->name) return trm__fail(err, TRM_E_USAGE, name, "number %d has no name", n);
  if (n == 0 && (node->argv || node->group >= 0))
    return trm__fail(err, TRM_E_USAGE, name, "the first node must be a group that stands in none (-1)");
  if (n > 0 && (node->group < 0 || node->group >= n || config->node[node->group].argv))
    return trm__fail(err, TRM_E_USAGE, name, "stands in node %d, expected the number of an earlier group", node->group);
  if (node->argv && !node->argv[0]) return trm__fail(err, TRM_E_USAGE, name, "names no program");
  if (node->linked && !node->argv) return trm__fail(err, TRM_E_USAGE, name, "is a group, and only roles are linked");
  if (node->given_count < 0 || node->given_count > TRM__MOST_GIVEN)
    return trm__fail(err, TRM_E_USAGE, name, "gets %d descriptors, at most %d can be", node->given_count,
                     TRM__MOST_GIVEN);
  return TRM_OK;
}

static trm_status root_check(const trm__root_config *config, trm_error *err) {
  int groups = 0;
  if (config->nodes < 1 || config->nodes > TRM__MOST_NODES)
    return trm__fail(err, TRM_E_USAGE, "nodes", "there are %d, expected 1 to %d", config->nodes, TRM__MOST_NODES);
  for (int n = 0; n < config->nodes; n++) {
    trm_status status = root_check_node(config, n, err);
    if (status) return status;
    groups += !config->node[n].argv;
  }
  if (groups > TRM__MOST_GROUPS)
    return trm__fail(err, TRM_E_USAGE, "nodes", "%d of them are groups, at most %d may be", groups, TRM__MOST_GROUPS);
  if (config->hub >= config->nodes ||
      (config->hub >= 0 && (!config->node[config->hub].argv || config->node[config->hub].linked)))
    return trm__fail(err, TRM_E_USAGE, "hub", "is node %d, expected a role that is not linked itself", config->hub);
  return TRM_OK;
}

static int root_group_of(const trm__root *root, int node) {
  for (int g = 0; g < root->groups; g++)
    if (root->group[g].node == node) return g;
  return -1;
}

static trm_status root_add_group(trm__root *root, int n, trm_error *err) {
  trm__group *g = &root->group[root->groups++];
  g->node = n;
  g->above = -1;
  for (int p = 0; p < TRM__PLACES; p++) g->row[p] = (trm__row){.node = -1, .group = -1, .line = -1, .link = -1};
  return trm__supervisor_init(&g->supervisor, &root->config.node[n].supervisor, err);
}

/* Node n at its place in the group where it stands; a group's number is *own. */
static trm_status root_place_node(trm__root *root, int n, int own, trm_error *err) {
  static const trm__child_rule of_group = {TRM__PERMANENT, TRM__NEVER, TRM__NEVER, 0};
  const trm__node *node = &root->config.node[n];
  int above = root_group_of(root, node->group), place;
  trm__group *g = &root->group[above];
  trm_status status = trm__supervisor_add(&g->supervisor, node->argv ? &node->rule : &of_group, &place, err);
  if (status) return status;
  g->row[place] = (trm__row){.node = n, .group = own, .serial = ++root->serials, .line = -1, .link = -1};
  if (own >= 0) root->group[own].above = above, root->group[own].place = place;
  return TRM_OK;
}

static trm_status root_build(trm__root *root, trm_error *err) {
  for (int n = 0; n < root->config.nodes; n++) {
    trm_error problem = {0};
    int own = root->config.node[n].argv ? -1 : root->groups;
    trm_status status = own < 0 ? TRM_OK : root_add_group(root, n, &problem);
    if (!status && n > 0) status = root_place_node(root, n, own, &problem);
    if (status) return trm__fail(err, status, root->config.node[n].name, "%s: %s", problem.where, problem.message);
  }
  return TRM_OK;
}

static trm_status root_take_signals(trm__root *root, trm_error *err) {
  static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD};
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaddset(&set, numbers[i]);
  /* Ignored by whoever started us, SIGCHLD would make the system reap children by itself. */
  signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_BLOCK, &set, NULL);
  root->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  return root->signals < 0 ? trm__fail_errno(err, NULL, "no descriptor for signals") : TRM_OK;
}

trm_status trm__root_open(trm__root **out, const trm__root_config *config, trm_error *err) {
  trm_status status = root_check(config, err);
  if (status) return status;
  trm__root *root = trm__calloc(1, sizeof *root);
  if (!root) return trm__fail_memory(err, NULL, sizeof *root);
  root->config = *config;
  root->signals = root->notify.socket = -1;
  size_t groups = 0;
  for (int n = 0; n < config->nodes; n++) groups += !config->node[n].argv;
  root->group = trm__calloc(groups, sizeof *root->group);
  root->poll = trm__calloc(1 + groups * TRM__PLACES, sizeof *root->poll);
  if (!root->group || !root->poll) status = trm__fail_memory(err, NULL, groups * sizeof *root->group);
  if (!status) status = root_build(root, err);
  if (!status) status = trm__notify_open(&root->notify, config->notify_socket, err);
  if (!status) status = root_take_signals(root, err);
  if (status) {
    trm__root_close(&root);
    return status;
  }
  *out = root;
  return TRM_OK;
}

void trm__root_close(trm__root **root) {
  trm__root *r = *root;
  if (!r) return;
  *root = NULL;
  for (int g = 0; g < r->groups; g++)
    for (int p = 0; p < TRM__PLACES; p++) trm__process_drop(&r->group[g].row[p]);
  trm__notify_close(&r->notify);
  if (r->signals >= 0) close(r->signals);
  trm__free(r->group);
  trm__free(r->poll);
  trm__free(r);
}

/* -- the loop -- */

static int64_t root_clock(void) {
  struct timespec t = {0};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void root_stop(trm__root *root, int number) {
  trm__supervisor *top = &root->group[0].supervisor;
  root->stops++;
  trm__log_write(&root->config.log, TRM_LOG_INFO, "signal %d: %s", number,
                 root->stops == 1 ? "all children are told to end; a second one kills them"
                                  : "all children are killed");
  if (root->stops == 1) {
    trm__notify_send(&root->notify, "STOPPING=1\nSTATUS=stopping");
    trm__supervisor_stop(top, root->now);
  } else {
    trm__supervisor_kill(top, root->now);
  }
}

/* systemd compares the time with that of its own order. */
static void root_reload(trm__root *root, const trm__row *hub) {
  struct timespec t = {0};
  if (root->stops) return;
  clock_gettime(CLOCK_MONOTONIC, &t);
  trm__notify_send(&root->notify, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
                   (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
  root->reloading = 1;
  root->told_ready = 0;
  trm__process_signal(hub, SIGHUP);
}

static void root_read_signals(trm__root *root) {
  struct signalfd_siginfo info;
  while (read(root->signals, &info, sizeof info) == (ssize_t)sizeof info) {
    int number = (int)info.ssi_signo;
    const trm__row *hub = trm__tree_hub(root);
    if (number == SIGHUP && hub) root_reload(root, hub);
    else if (number != SIGCHLD && number != SIGHUP) root_stop(root, number);
  }
}

static void root_tell(trm__root *root) {
  const trm__supervisor *top = &root->group[0].supervisor;
  if (!root->told_ready && !root->reloading && !root->stops && trm__supervisor_is_up(top)) {
    root->told_ready = 1;
    trm__notify_send(&root->notify, "READY=1\nSTATUS=all children are ready");
  }
  if (root->config.watchdog_ms && root->now >= root->next_watchdog) {
    root->next_watchdog = root->now + root->config.watchdog_ms;
    trm__notify_send(&root->notify, "WATCHDOG=1");
  }
}

static int root_timeout(trm__root *root) {
  int64_t due = trm__tree_due(root);
  if (root->config.watchdog_ms && root->next_watchdog < due) due = root->next_watchdog;
  if (root->links_wait && root->now + LINK_AGAIN < due) due = root->now + LINK_AGAIN;
  if (due == TRM__NEVER) return -1;
  int64_t wait = due - root->now;
  return wait < 0 ? 0 : wait < INT_MAX ? (int)wait : INT_MAX;
}

static void root_wake_all(trm__root *root, int64_t late) {
  trm__log_write(&root->config.log, TRM_LOG_WARN,
                 "nothing ran for %lld ms: all times to be ready and of heartbeats begin again", (long long)late);
  for (int g = 0; g < root->groups; g++) trm__supervisor_woke(&root->group[g].supervisor, root->now);
}

/* Waits, and hears what is there. Lines come before ends and before time. */
static void root_wait(trm__root *root) {
  int timeout = root_timeout(root);
  nfds_t count = 0;
  root->poll[count++] = (struct pollfd){.fd = root->signals, .events = POLLIN};
  for (int g = 0; g < root->groups; g++)
    for (int p = 0; p < TRM__PLACES; p++) {
      const trm__row *row = &root->group[g].row[p];
      if (row->node >= 0 && row->line >= 0) root->poll[count++] = (struct pollfd){.fd = row->line, .events = POLLIN};
    }
  int64_t before = root->now;
  poll(root->poll, count, timeout);
  root->now = root_clock();
  int64_t late = timeout < 0 ? 0 : root->now - before - timeout;
  if (late > LATE) root_wake_all(root, late);
  nfds_t next = 1;
  for (int g = 0; g < root->groups; g++)
    for (int p = 0; p < TRM__PLACES; p++) {
      const trm__row *row = &root->group[g].row[p];
      if (next == count || row->node < 0 || row->line < 0 || row->line != root->poll[next].fd) continue;
      if (root->poll[next++].revents) trm__hear_line(root, g, p);
    }
  root_read_signals(root);
  trm__hear_ends(root);
}

#ifdef TRM_CHECKED
static void root_check_tree(const trm__root *root) {
  for (int g = 0; g < root->groups; g++) {
    const char *broken = trm__supervisor_check(&root->group[g].supervisor);
    if (!broken) continue;
    trm__log_write(&root->config.log, TRM_LOG_ERROR, "%s: %s", root->config.node[root->group[g].node].name, broken);
    abort();
  }
}
#endif

static int root_exit(const trm__root *root) {
  const trm__supervisor *top = &root->group[0].supervisor;
  if (top->gave_up < 0) return root->stops > 1 ? TRM__EXIT_STOPPED : TRM__EXIT_OK;
  trm__tree_log_given_up(root, 0);
  return top->gave_up_end == TRM__END_HOPELESS ? root->hopeless_exit : TRM__EXIT_FAULT;
}

int trm__root_run(trm__root *root) {
  trm__supervisor *top = &root->group[0].supervisor;
  root->now = root_clock();
  trm__notify_send(&root->notify, "STATUS=starting");
  trm__supervisor_start(top, root->now);
  for (;;) {
    trm__tree_settle(root);
    root->links_wait = !trm__tell_links(root);
#ifdef TRM_CHECKED
    root_check_tree(root);
#endif
    root_tell(root);
    if (top->phase == TRM__PHASE_ENDED || trm__tree_is_idle(root)) break;
    root_wait(root);
  }
  trm__notify_send(&root->notify, "STATUS=ended");
  return root_exit(root);
}
