/* What the root hears of its children: messages on their lines, and their ends. And what it tells the hub: links. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/line.h"
#include "proc/tree.h"

#define TURN 64 /* messages of one child before others have their turn */

static const char *hear_name(const trm__root *root, const trm__row *row) {
  return root->config.node[row->node].name;
}

static void hear_close(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static trm__row *hear_find_pid(trm__root *root, pid_t pid, int *group, int *place) {
  for (*group = 0; *group < root->groups; ++*group)
    for (*place = 0; *place < TRM__PLACES; ++*place) {
      trm__row *row = &root->group[*group].row[*place];
      if (row->node >= 0 && row->pid == pid) return row;
    }
  return NULL;
}

/* -- lines -- */

static void hear_add(trm__root *root, const trm__row *hub, uint64_t node) {
  int known = node < (uint64_t)root->config.nodes;
  if (!root->stops && known && trm__tree_add(root, (int)node)) return;
  trm__line_send(hub->line, TRM__FRAME_REFUSED, node, -1);
}

/* 0: a message that this child's line does not have. */
static int hear_message(trm__root *root, int group, int place, const trm__frame *message) {
  trm__supervisor *s = &root->group[group].supervisor;
  trm__row *row = &root->group[group].row[place];
  if (message->flags & TRM__FRAME_FD) {
    close(message->fd);
    return 0;
  }
  switch (message->type) {
  case TRM__FRAME_READY:
    if (s->child[place].state == TRM__CHILD_STARTING)
      trm__log_write(&root->config.log, TRM_LOG_INFO, "%s is ready", hear_name(root, row));
    trm__supervisor_ready(s, place, root->now);
    return 1;
  case TRM__FRAME_BEAT:
    trm__supervisor_beat(s, place, root->now);
    return 1;
  case TRM__FRAME_ADD:
    if (row->node != root->config.hub) return 0;
    hear_add(root, row, message->request);
    return 1;
  case TRM__FRAME_RELOADED:
    if (row->node != root->config.hub) return 0;
    root->reloading = 0;
    return 1;
  case TRM__FRAME_RETIRE:
    if (row->node != root->config.hub) return 0;
    trm__tree_retire(root, (uint32_t)(message->request >> 32));
    return 1;
  default:
    return 0;
  }
}

void trm__hear_line(trm__root *root, int group, int place) {
  trm__row *row = &root->group[group].row[place];
  for (int turn = 0; turn < TURN; turn++) {
    trm__frame message;
    int got = trm__line_read(row->line, &message);
    if (!got) return;
    if (got > 0 && hear_message(root, group, place, &message)) continue;
    if (got > 0) {
      trm__log_write(&root->config.log, TRM_LOG_ERROR, "%s is killed: it said what its line does not have, type %u",
                     hear_name(root, row), message.type);
      trm__process_signal(row, SIGKILL);
    }
    hear_close(&row->line); /* its end is seen by reaping it */
    return;
  }
}

int trm__tell_links(trm__root *root) {
  const trm__row *hub = trm__tree_hub(root);
  for (int g = 0; g < root->groups && hub; g++)
    for (int p = 0; p < TRM__PLACES; p++) {
      trm__row *row = &root->group[g].row[p];
      if (row->node < 0 || row->link < 0) continue;
      uint64_t id = (uint64_t)row->serial << 32 | row->starts;
      if (!trm__line_send(hub->line, TRM__FRAME_LINK, id, row->link)) return 0;
      hear_close(&row->link);
    }
  return 1;
}

/* -- ends -- */

static trm__end hear_judge(trm__root *root, const trm__row *row, int status) {
  const char *name = root->config.node[row->node].name;
  if (WIFSIGNALED(status)) {
    trm__log_write(&root->config.log, TRM_LOG_WARN, "%s, process %ld, was ended by signal %d", name, (long)row->pid,
                   WTERMSIG(status));
    return TRM__END_FAILED;
  }
  int code = WEXITSTATUS(status);
  trm__log_write(&root->config.log, code ? TRM_LOG_WARN : TRM_LOG_INFO, "%s, process %ld, ended with status %d%s", name,
                 (long)row->pid, code,
                 code == TRM__EXIT_PROGRAM  ? ": its program could not be run"
                 : code == TRM__EXIT_ORPHAN ? ": it was not bound to this process"
                                            : "");
  if (code == TRM__EXIT_OK) return TRM__END_NORMAL;
  if (code != TRM__EXIT_USAGE && code != TRM__EXIT_INPUT) return TRM__END_FAILED;
  root->hopeless_exit = code;
  return TRM__END_HOPELESS;
}

/* Those who have ended, one by one. Who is seen here is still a zombie: so its process group, with all that it may have
 * left behind, is killed while the number is surely its own. */
void trm__hear_ends(trm__root *root) {
  for (;;) {
    siginfo_t info = {0};
    int group, place, status = 0;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == EINTR) continue;
    if (info.si_pid <= 0) return;
    trm__row *row = hear_find_pid(root, info.si_pid, &group, &place);
    if (row) {
      if (row->line >= 0) trm__hear_line(root, group, place); /* its last words */
      kill(-row->pid, SIGKILL);
    }
    while (waitpid(info.si_pid, &status, 0) < 0 && errno == EINTR) continue;
    if (!row) continue; /* somebody whom this process was given as the first of a container */
    if (row->node == root->config.hub) root->reloading = 0; /* a new one reads everything */
    trm__end end = hear_judge(root, row, status);
    trm__process_drop(row);
    trm__supervisor_exited(&root->group[group].supervisor, place, end, root->now);
  }
}
