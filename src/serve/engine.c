/* The engine's main thread: channel, signals, the outbox, and the sign of life. See engine.h. */
#include "serve/engine.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "proc/role.h"
#include "serve/engine_state.h"

#define TURN_MS 200    /* the longest pause between two signs of life */
#define ORPHAN_S 3.0   /* an engine without a channel waits so long for its end */
#define FAREWELL_S 2.0 /* and one that has nothing to do any more for the gateway to close the channel */
enum { FD_CHANNEL, FD_SIGNALS, FD_WAKE, FDS };

/* -- life ---------------------------------------------------------------------------------------------------------- */

static int engine_is_blocked(trm__serve_engine *e) {
  return e->channel && trm__channel_queued(e->channel) > 0;
}

/* 0: something is at work and has not moved for too long. Who waits for a slow reader is not stuck. */
static int engine_moves(trm__serve_engine *e) {
  double now = trm__clock(), limit = e->config.stall_s;
  if (!e->configured || engine_is_blocked(e)) return 1;
  for (const trm__engine_unit *unit = e->units; unit; unit = unit->next)
    if (unit->items && now - atomic_load(&unit->moved) > limit) return 0;
  if (e->hints.items && now - atomic_load(&e->hints.moved) > limit) return 0;
  return !e->puzzles.items || now - atomic_load(&e->puzzles.moved) <= limit;
}

/* -- frames -------------------------------------------------------------------------------------------------------- */

static trm_status engine_configure(trm__serve_engine *e, const trm__frame *frame, trm_error *err) {
  if (e->configured) return trm__fail(err, TRM_E_INPUT, "gateway", "it sent a second configuration");
  trm_status status = trm__work_config_read(&e->config, frame->data, frame->size, err);
  if (status) return status;
  e->configured = 1;
  if (e->device) (void)snprintf(e->config.device, sizeof e->config.device, "%s", e->device);
  return trm__engine_load(e, err);
}

static trm_status engine_take(trm__serve_engine *e, const trm__frame *frame, trm_error *err) {
  if (e->draining) {
    const trm__engine_letter back = {.type = TRM__WORK_BACK, .request = frame->request};
    trm__engine_outbox_put(&e->outbox, &back, 0);
    return TRM_OK;
  }
  return trm__engine_item_take(e, frame->request, frame->data, frame->size, err);
}

static trm_status engine_on_frame(trm__serve_engine *e, const trm__frame *frame, trm_error *err) {
  if (frame->type == TRM__WORK_CONFIG) return engine_configure(e, frame, err);
  if (frame->type == TRM__WORK_ITEM && e->configured) return engine_take(e, frame, err);
  if (frame->type == TRM__WORK_CANCEL && e->configured) {
    trm__engine_item *item = trm__engine_item_find(e, frame->request);
    if (item) trm__engine_item_cancel(item); /* its end may be on the way */
    return TRM_OK;
  }
  return trm__fail(err, TRM_E_INPUT, "gateway", "a frame of type %d, which it must not send", frame->type);
}

static void engine_cancel_all(trm__serve_engine *e) {
  for (trm__engine_item *item = e->items; item; item = item->next) trm__engine_item_cancel(item);
}

/* Nobody is there to whom anything could be said. */
static void engine_lose_channel(trm__serve_engine *e) {
  trm__channel_close(&e->channel);
  e->ended = trm__clock();
  trm__engine_outbox_shut(&e->outbox);
  engine_cancel_all(e);
}

static void engine_read(trm__serve_engine *e) {
  trm__frame frame;
  int got = 1;
  while (e->channel && got) {
    trm_status status = trm__channel_read(e->channel, &frame, &got, NULL);
    if (!status && got && (frame.flags & TRM__FRAME_FD)) close(frame.fd);
    if (!status && got) status = engine_on_frame(e, &frame, NULL);
    if (status) engine_lose_channel(e);
  }
}

/* Sends what the channel takes, in the order in which it was said. */
static void engine_send(trm__serve_engine *e) {
  trm__engine_letter *letter;
  while ((letter = trm__engine_outbox_first(&e->outbox))) {
    const trm__frame frame = {.type = letter->type,
                              .request = letter->request,
                              .data = letter->bytes.data,
                              .size = letter->bytes.size,
                              .fd = -1};
    trm_status status = e->channel ? trm__channel_send(e->channel, &frame, NULL) : TRM_OK;
    if (status == TRM_E_BUSY) break;
    if (letter->item) trm__engine_item_free(letter->item);
    trm__engine_outbox_drop(&e->outbox);
    if (status) engine_lose_channel(e);
  }
  if (e->channel && trm__channel_flush(e->channel, NULL)) engine_lose_channel(e);
}

/* -- signals ------------------------------------------------------------------------------------------------------- */

/* The first SIGTERM: what has not begun is handed back, and nothing more is wanted. The second: nothing is finished. */
static void engine_stop(trm__serve_engine *e) {
  const trm__engine_letter no_more = {.type = TRM__WORK_BACK, .request = 0};
  int again = e->draining++;
  for (trm__engine_item *item = e->items; item; item = item->next) {
    if (!again && atomic_load(&item->begun)) continue;
    atomic_store(&item->back, 1);
    trm__engine_item_cancel(item);
  }
  if (!again && e->configured) trm__engine_outbox_put(&e->outbox, &no_more, 0);
}

static void engine_on_signal(trm__serve_engine *e, int signals) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) engine_stop(e);
}

/* -- the loop ------------------------------------------------------------------------------------------------------ */

/* The exit status, or negative: it goes on. */
static int engine_is_over(trm__serve_engine *e, double *idle_since) {
  double now = trm__clock();
  if (e->draining > 1 && !e->channel) return TRM__EXIT_OK;
  if (e->draining) {
    int busy = e->living || trm__engine_outbox_first(&e->outbox) || engine_is_blocked(e);
    if (busy) *idle_since = now;
    if (!busy && (!e->channel || !e->configured || now - *idle_since > FAREWELL_S)) return TRM__EXIT_OK;
    return -1;
  }
  if (e->channel) return -1;
  if (!e->supervised) return TRM__EXIT_OK;
  return now - e->ended > ORPHAN_S ? TRM__EXIT_FAULT : -1;
}

static int engine_loop(trm__serve_engine *e, int signals) {
  int code = -1;
  double idle_since = trm__clock();
  while (code < 0) {
    struct pollfd fds[FDS] = {
        [FD_CHANNEL] = {e->channel ? trm__channel_socket(e->channel) : -1,
                        (short)(e->channel ? trm__channel_wants(e->channel) : 0), 0},
        [FD_SIGNALS] = {signals, POLLIN, 0},
        [FD_WAKE] = {e->outbox.wake, POLLIN, 0},
    };
    uint64_t wakes;
    (void)poll(fds, FDS, TURN_MS);
    if (fds[FD_WAKE].revents) (void)!read(e->outbox.wake, &wakes, sizeof wakes);
    if (fds[FD_SIGNALS].revents) engine_on_signal(e, signals);
    if (fds[FD_CHANNEL].revents & (POLLIN | POLLHUP | POLLERR)) engine_read(e);
    engine_send(e);
    trm__engine_items_place(e); /* an item that has ended may have left a solver free */
    if (e->supervised && engine_moves(e)) trm__role_beat();
    code = engine_is_over(e, &idle_since);
  }
  return code;
}

static void engine_close(trm__serve_engine *e) {
  trm__engine_outbox_shut(&e->outbox);
  engine_cancel_all(e);
  trm__engine_helper_close(&e->hints);
  trm__engine_helper_close(&e->puzzles);
  trm__engine_units_close(e);
  trm__engine_unload(e);
  while (e->items) trm__engine_item_free(e->items);
  trm__engine_outbox_close(&e->outbox);
  trm__channel_close(&e->channel);
}

static int engine_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int trm__serve_engine_run(const trm__serve_engine_options *options) {
  const trm__channel_config config = trm__channel_config_default("gateway", options->build_id);
  int signals = engine_signals();
  trm__serve_engine *e = trm__calloc(1, sizeof *e);
  int code = TRM__EXIT_FAULT;
  if (!e || signals < 0 || trm__channel_open(&e->channel, options->channel, &config, NULL)) {
    trm__free(e);
    if (signals >= 0) close(signals);
    return code;
  }
  e->supervised = options->supervised;
  e->device = options->device;
  if (!trm__engine_outbox_open(&e->outbox, NULL)) {
    if (e->supervised) trm__role_ready();
    code = engine_loop(e, signals);
    engine_close(e);
  }
  trm__channel_close(&e->channel);
  trm__free(e);
  close(signals);
  return code;
}
