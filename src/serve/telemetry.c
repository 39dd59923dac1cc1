#include "serve/telemetry.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"

static const char *const result_words[TRM__RESULTS] = {"solved", "unsolved", "cancelled", "refused", "failed"};

static trm__histogram telemetry_histogram(const double *bounds, size_t count) {
  trm__histogram h = {.buckets = count};
  memcpy(h.bounds, bounds, count * sizeof *bounds);
  return h;
}

/* -- StatsD -------------------------------------------------------------------------------------------------------- */

static trm_status statsd_open(int *out, const char *address, trm_error *err) {
  char host[256];
  const char *colon = strrchr(address, ':');
  if (!colon || colon == address || (size_t)(colon - address) >= sizeof host)
    return trm__fail(err, TRM_E_USAGE, "statsd", "found \"%s\", expected HOST:PORT", address);
  snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;
  int failed = getaddrinfo(host, colon + 1, &hints, &found);
  if (failed) return trm__fail(err, TRM_E_USAGE, "statsd", "\"%s\": %s", address, gai_strerror(failed));
  int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  failed = fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0;
  freeaddrinfo(found);
  if (failed) {
    trm_status status = trm__fail_errno(err, "statsd", "\"%s\" cannot be reached", address);
    if (fd >= 0) close(fd);
    return status;
  }
  *out = fd;
  return TRM_OK;
}

/* One datagram; what is not taken at once is lost, as with StatsD it may be. */
static void statsd_send(const trm__telemetry *t, const char *text, int length) {
  if (t->statsd >= 0 && length > 0) (void)!send(t->statsd, text, (size_t)length, MSG_NOSIGNAL);
}

/* -- counting ------------------------------------------------------------------------------------------------------ */

trm_status trm__telemetry_open(trm__telemetry *t, const char *statsd, trm_error *err) {
  static const double seconds[] = {.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};
  static const double steps[] = {1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 1024};
  memset(t, 0, sizeof *t);
  t->inference = t->queued = telemetry_histogram(seconds, sizeof seconds / sizeof *seconds);
  t->steps = telemetry_histogram(steps, sizeof steps / sizeof *steps);
  t->requests = trm__histogram_seconds();
  t->statsd = -1;
  return *statsd ? statsd_open(&t->statsd, statsd, err) : TRM_OK;
}

void trm__telemetry_close(trm__telemetry *t) {
  if (t->statsd >= 0) close(t->statsd);
  t->statsd = -1;
}

void trm__telemetry_puzzle(trm__telemetry *t, const trm__serve_pool_end *end, trm__telemetry_result result) {
  char text[256];
  int worked = !end->done.status && end->done.solution.steps > 0;
  t->results[result]++;
  trm__histogram_observe(&t->queued, end->queued);
  if (worked) {
    trm__histogram_observe(&t->inference, end->worked);
    trm__histogram_observe(&t->steps, (double)end->done.solution.steps);
    t->early_halts += end->done.solution.halted != TRM_HALT_NONE;
  }
  statsd_send(t, text,
              snprintf(text, sizeof text,
                       "trm.inference.total:1|c|#result:%s\ntrm.inference.duration:%.3f|ms\ntrm.supervision_steps:%d|h",
                       result_words[result], end->worked * 1e3, worked ? end->done.solution.steps : 0));
}

void trm__telemetry_request(trm__telemetry *t, const trm__access *access) {
  t->statuses[access->status >= 100 && access->status < 600 ? access->status / 100 : 0]++;
  trm__histogram_observe(&t->requests, access->seconds);
}

/* -- text ---------------------------------------------------------------------------------------------------------- */

static void telemetry_one(trm__metrics *m, trm__metric_kind kind, const char *name, const char *help, double value) {
  trm__metrics_family(m, kind, name, help);
  trm__metrics_sample(m, NULL, 0, value);
}

static void telemetry_histogram_put(trm__metrics *m, const char *name, const char *help, const trm__histogram *h) {
  trm__metrics_family(m, TRM__METRIC_HISTOGRAM, name, help);
  trm__metrics_histogram(m, NULL, 0, h);
}

static void telemetry_puzzles(trm__metrics *m, const trm__telemetry *t) {
  uint64_t observed = 0;
  trm__metrics_family(m, TRM__METRIC_COUNTER, "trm_inference_total", "Puzzles by what became of them.");
  for (int r = 0; r < TRM__RESULTS; r++) {
    trm__label label = {"result", result_words[r]};
    trm__metrics_sample(m, &label, 1, (double)t->results[r]);
  }
  for (size_t i = 0; i <= t->steps.buckets; i++) observed += t->steps.counts[i];
  telemetry_histogram_put(m, "trm_inference_duration_seconds", "From the first engine on, waiting there included.",
                          &t->inference);
  telemetry_histogram_put(m, "trm_queue_duration_seconds", "Until an engine got the puzzle.", &t->queued);
  telemetry_histogram_put(m, "trm_supervision_steps", "Supervision steps of a puzzle, of all its chains.", &t->steps);
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_supervision_steps_average", "Their mean.",
                observed ? t->steps.sum / (double)observed : 0);
  telemetry_one(m, TRM__METRIC_COUNTER, "trm_early_halt_total", "Puzzles that ended before their step limit.",
                (double)t->early_halts);
}

static void telemetry_pool(trm__metrics *m, const trm__telemetry_now *now) {
  const trm__serve_pool_stats *p = &now->pool;
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_queue_depth", "Puzzles that wait.", (double)p->waiting);
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_slots", "Puzzles that the engines hold at once.", (double)p->window);
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_slots_used", "Puzzles that they hold.", (double)p->working);
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_engines_up", "Engines that are ready.", (double)p->up);
  telemetry_one(m, TRM__METRIC_COUNTER, "trm_engines_lost_total", "Engines that ended.", (double)p->lost);
  telemetry_one(m, TRM__METRIC_COUNTER, "trm_puzzles_again_total", "Puzzles given to another engine.",
                (double)p->again);
  telemetry_one(m, TRM__METRIC_COUNTER, "trm_puzzles_poison_total", "Puzzles that ended two engines.",
                (double)p->poison);
  telemetry_one(m, TRM__METRIC_COUNTER, "trm_busy_total", "Puzzles refused because too many waited.", (double)p->busy);
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_ready", "1: a puzzle would be taken now.", now->ready);
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_draining", "1: the server is ending.", now->draining);
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_sessions", "Sessions that are kept.", now->sessions);
}

static void telemetry_sandbox(trm__metrics *m, int parts) {
  static const char *const names[] = {"landlock", "seccomp"};
  trm__metrics_family(m, TRM__METRIC_GAUGE, "trm_sandbox", "1: engines are in this part of the sandbox.");
  for (int i = 0; i < 2; i++) {
    trm__label label = {"part", names[i]};
    trm__metrics_sample(m, &label, 1, parts >> i & 1);
  }
}

static void telemetry_reloads(trm__metrics *m, const trm__telemetry_now *now) {
  const struct {
    const char *result;
    uint64_t count;
  } rows[] = {{"switched", now->switched}, {"unchanged", now->unchanged}, {"refused", now->refused}};
  trm__metrics_family(m, TRM__METRIC_COUNTER, "trm_reloads_total", "Orders for versions of models.");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    trm__label label = {"result", rows[i].result};
    trm__metrics_sample(m, &label, 1, (double)rows[i].count);
  }
  telemetry_one(m, TRM__METRIC_COUNTER, "trm_reload_seconds_total", "From order to switch, of those that switched.",
                now->switch_seconds);
}

static void telemetry_journal(trm__metrics *m, const trm__journal_stats *j) {
  trm__metrics_family(m, TRM__METRIC_GAUGE, "trm_jobs", "Jobs in the journal by state.");
  for (int s = TRM__JOB_SUBMITTED; s < TRM__JOB_STATES; s++) {
    trm__label label = {"state", trm__job_state_name((trm__job_state)s)};
    trm__metrics_sample(m, &label, 1, (double)j->jobs[s]);
  }
  telemetry_one(m, TRM__METRIC_COUNTER, "trm_journal_commits_total", "Commits of the journal.", (double)j->groups);
  telemetry_one(m, TRM__METRIC_COUNTER, "trm_journal_commit_seconds_total", "What they took.", j->commit_seconds);
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_journal_waiting", "Operations that wait for it.", (double)j->waiting);
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_journal_broken", "1: the journal does nothing any more.", j->broken);
}

static void telemetry_http(trm__metrics *m, const trm__telemetry *t, const trm__server_stats *s) {
  static const char *const words[6] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  trm__metrics_family(m, TRM__METRIC_COUNTER, "trm_http_requests_total", "Requests by the class of their answer.");
  for (int i = 0; i < 6; i++) {
    trm__label label = {"status", words[i]};
    trm__metrics_sample(m, &label, 1, (double)t->statuses[i]);
  }
  telemetry_histogram_put(m, "http_server_request_duration_seconds", "From a request's head to the end of its answer.",
                          &t->requests);
  telemetry_one(m, TRM__METRIC_GAUGE, "trm_http_connections", "Connections now.", (double)s->connections);
  telemetry_one(m, TRM__METRIC_COUNTER, "trm_http_turned_away_total", "Connections over the limit.",
                (double)s->turned_away);
}

trm_status trm__telemetry_text(const trm__telemetry *t, const trm__telemetry_now *now, char **text, size_t *size,
                               trm_error *err) {
  const char *whole = NULL;
  trm__metrics *m = NULL;
  trm_status status = trm__metrics_open(&m, err);
  if (status) return status;
  telemetry_puzzles(m, t);
  telemetry_pool(m, now);
  telemetry_sandbox(m, now->pool.sandbox);
  telemetry_reloads(m, now);
  telemetry_journal(m, &now->journal);
  telemetry_http(m, t, &now->server);
  status = trm__metrics_text(m, &whole, size, err);
  if (!status) {
    *text = trm__calloc(*size + 1, 1);
    if (*text) memcpy(*text, whole, *size);
    else status = trm__fail_memory(err, "metrics", *size);
  }
  trm__metrics_close(&m);
  return status;
}
