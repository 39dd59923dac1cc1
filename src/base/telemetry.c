/* The handlers that are attached, in a list under one lock, which is not held while a handler runs. What always holds
 * under the lock:
 *  1. handlers are in the order of attaching, and their numbers ascend;
 *  2. calls of a handler counts its calls that have begun and are not over, in all threads;
 *  3. a detached handler is in the list only while calls > 0: whoever ends the last one takes it out and frees it.
 *     So an emitter that has counted its call may walk on from that handler afterwards;
 *  4. trm__telemetry_wanted is the union of what handlers want that are not detached. */
#include "base/telemetry.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/text/nearest.h"

_Static_assert(TRM__EVENTS <= 32, "trm__telemetry_wanted has a bit for every event");

typedef struct telemetry_handler {
  struct telemetry_handler *next;
  trm_telemetry_fn fn;
  void *context;
  unsigned events; /* bit i: it wants the event i */
  int detached, calls;
  uint64_t number;
} telemetry_handler;

atomic_uint trm__telemetry_wanted;

static pthread_mutex_t telemetry_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t telemetry_freed = PTHREAD_COND_INITIALIZER; /* a detached handler's last call is over */
static telemetry_handler *telemetry_first;
static uint64_t telemetry_next = 1; /* number of the next that is attached */

static _Thread_local int telemetry_depth; /* handlers that this thread is in */

static void telemetry_want(void) {
  unsigned wanted = 0;
  for (const telemetry_handler *h = telemetry_first; h; h = h->next)
    if (!h->detached) wanted |= h->events;
  atomic_store_explicit(&trm__telemetry_wanted, wanted, memory_order_relaxed);
}

static void telemetry_remove(telemetry_handler *handler) {
  telemetry_handler **at = &telemetry_first;
  while (*at != handler) at = &(*at)->next;
  *at = handler->next;
  trm__free(handler);
}

/* Calls one handler without the lock; returns the one behind it. */
static telemetry_handler *telemetry_call(telemetry_handler *handler, const trm_event *event) {
  handler->calls++;
  telemetry_depth++;
  pthread_mutex_unlock(&telemetry_lock);
  handler->fn(handler->context, event);
  pthread_mutex_lock(&telemetry_lock);
  telemetry_depth--;
  telemetry_handler *next = handler->next;
  if (!--handler->calls && handler->detached) {
    telemetry_remove(handler);
    pthread_cond_broadcast(&telemetry_freed);
  }
  return next;
}

void trm__telemetry_emit(trm__event_id id, double clock, const trm_event_value *value) {
  size_t count;
  const trm_event event = {
      .type = &trm_telemetry_events(&count)[id], .time = trm__wall_clock(), .clock = clock, .value = value};
  pthread_mutex_lock(&telemetry_lock);
  const uint64_t end = telemetry_next; /* whoever a handler attaches does not hear this event */
  for (telemetry_handler *h = telemetry_first; h && h->number < end;)
    h = !h->detached && h->events >> id & 1u ? telemetry_call(h, &event) : h->next;
  pthread_mutex_unlock(&telemetry_lock);
}

/* -- attaching and detaching --------------------------------------------------------------------------------------- */

static trm_status telemetry_refuse(const char *prefix, trm_error *err) {
  size_t count;
  const trm_event_type *types = trm_telemetry_events(&count);
  trm__nearest nearest = trm__nearest_to(prefix);
  for (size_t i = 0; i < count; i++) {
    const char *name = types[i].name;
    for (size_t length = strcspn(name, "."); name[length]; length += 1 + strcspn(name + length + 1, "."))
      trm__nearest_offer(&nearest, name, length);
    trm__nearest_offer(&nearest, name, strlen(name));
  }
  if (nearest.name[0])
    return trm__fail(err, TRM_E_USAGE, prefix, "no event's name begins so; did you mean \"%s\"?", nearest.name);
  return trm__fail(err, TRM_E_USAGE, prefix, "no event's name begins so; trm_telemetry_events() has all of them");
}

trm_status trm_telemetry_attach(const char *prefix, trm_telemetry_fn fn, void *context, trm_error *err) {
  if (!prefix || !fn)
    return trm__fail(err, TRM_E_USAGE, "trm_telemetry_attach", "%s is NULL", prefix ? "the function" : "the prefix");
  size_t count;
  const trm_event_type *types = trm_telemetry_events(&count);
  unsigned events = 0;
  for (size_t i = 0; i < count; i++) events |= (unsigned)trm__event_matches(prefix, types[i].name) << i;
  if (!events) return telemetry_refuse(prefix, err);
  telemetry_handler *handler = trm__calloc(1, sizeof *handler), **end = &telemetry_first;
  if (!handler) return trm__fail_memory(err, "trm_telemetry_attach", sizeof *handler);
  *handler = (telemetry_handler){.fn = fn, .context = context, .events = events};
  pthread_mutex_lock(&telemetry_lock);
  handler->number = telemetry_next++;
  while (*end) end = &(*end)->next;
  *end = handler;
  telemetry_want();
  pthread_mutex_unlock(&telemetry_lock);
  return TRM_OK;
}

/* Takes the pair's handlers below number `end` that are in no call out of the list, and marks the others. Returns how
 * many these are. */
static int telemetry_detach(trm_telemetry_fn fn, const void *context, uint64_t end) {
  int busy = 0;
  for (telemetry_handler *h = telemetry_first, *next; h && h->number < end; h = next) {
    next = h->next;
    if (h->fn != fn || h->context != context) continue;
    h->detached = 1;
    if (h->calls) busy++;
    else telemetry_remove(h);
  }
  telemetry_want();
  return busy;
}

void trm_telemetry_detach(trm_telemetry_fn fn, void *context) {
  pthread_mutex_lock(&telemetry_lock);
  const uint64_t end = telemetry_next; /* who attaches the pair again while this waits keeps it */
  while (telemetry_detach(fn, context, end) && !telemetry_depth) pthread_cond_wait(&telemetry_freed, &telemetry_lock);
  pthread_mutex_unlock(&telemetry_lock);
}
