/* The processes behind the rows of a tree: started, and sent signals. */
#include <signal.h>
#include <unistd.h>

#include "base/status.h"
#include "proc/channel.h"
#include "proc/line.h"
#include "proc/spawn.h"
#include "proc/tree.h"

static void process_close(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

void trm__process_drop(trm__row *row) {
  process_close(&row->line);
  process_close(&row->link);
  row->pid = 0;
}

void trm__process_start(trm__root *root, int group, int place) {
  trm__row *row = &root->group[group].row[place];
  const trm__node *node = &root->config.node[row->node];
  int line[2] = {-1, -1}, channel[2] = {-1, -1};
  trm_error err = {0};
  pid_t pid = -1;
  trm_status status = trm__line_pair(line, &err);
  if (!status && node->linked) status = trm__channel_pair(channel, &err);
  if (!status) {
    trm__spawn spawn = {node->argv, line[1], channel[1], node->given, node->given_count};
    pid = trm__spawn_child(&spawn);
    if (pid < 0) trm__fail_errno(&err, NULL, "no new process");
  }
  process_close(&line[1]);
  process_close(&channel[1]);
  if (pid > 0) {
    row->starts++;
    row->pid = pid;
    row->line = line[0];
    row->link = channel[0];
    trm__log_write(&root->config.log, TRM_LOG_INFO, "%s is started: process %ld, start %u", node->name, (long)pid,
                   row->starts);
    return;
  }
  trm__log_write(&root->config.log, TRM_LOG_ERROR, "%s cannot be started: %s", node->name, err.message);
  process_close(&line[0]);
  process_close(&channel[0]);
  trm__supervisor_exited(&root->group[group].supervisor, place, TRM__END_FAILED, root->now);
}

/* A kill is for all of its process group. It is not reaped yet, so the number cannot be anybody else's. */
void trm__process_signal(const trm__row *row, int number) {
  if (row->pid <= 0) return;
  if (number == SIGKILL) kill(-row->pid, number);
  kill(row->pid, number);
}
