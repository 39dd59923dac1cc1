/* What the threads of an engine have to say, until the main thread sends it: see engine.h. It is bounded by letting
 * those wait who tell steps: a reader that is slow slows its own solver down. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "serve/engine_state.h"

#define OUTBOX_MOST ((size_t)8 << 20) /* bytes from which on steps wait */

trm_status trm__engine_outbox_open(trm__engine_outbox *o, trm_error *err) {
  o->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (o->wake < 0) return trm__fail_errno(err, "engine", "eventfd");
  pthread_mutex_init(&o->mutex, NULL);
  pthread_cond_init(&o->room, NULL);
  return TRM_OK;
}

void trm__engine_outbox_shut(trm__engine_outbox *o) {
  pthread_mutex_lock(&o->mutex);
  o->closed = 1;
  pthread_cond_broadcast(&o->room);
  pthread_mutex_unlock(&o->mutex);
}

void trm__engine_outbox_close(trm__engine_outbox *o) {
  while (trm__engine_outbox_first(o)) trm__engine_outbox_drop(o);
  pthread_cond_destroy(&o->room);
  pthread_mutex_destroy(&o->mutex);
  close(o->wake);
}

void trm__engine_outbox_put(trm__engine_outbox *o, const trm__engine_letter *letter, int wait) {
  const uint64_t one = 1;
  trm__engine_letter *own = trm__calloc(1, sizeof *own);
  if (!own) abort();
  *own = *letter;
  own->next = NULL;
  pthread_mutex_lock(&o->mutex);
  while (wait && o->bytes > OUTBOX_MOST && !o->closed) pthread_cond_wait(&o->room, &o->mutex);
  if (o->last) o->last->next = own;
  else o->first = own;
  o->last = own;
  o->bytes += own->bytes.size;
  pthread_mutex_unlock(&o->mutex);
  (void)!write(o->wake, &one, sizeof one);
}

trm__engine_letter *trm__engine_outbox_first(trm__engine_outbox *o) {
  pthread_mutex_lock(&o->mutex);
  trm__engine_letter *first = o->first;
  pthread_mutex_unlock(&o->mutex);
  return first;
}

void trm__engine_outbox_drop(trm__engine_outbox *o) {
  pthread_mutex_lock(&o->mutex);
  trm__engine_letter *letter = o->first;
  o->first = letter->next;
  if (!o->first) o->last = NULL;
  o->bytes -= letter->bytes.size;
  pthread_cond_broadcast(&o->room);
  pthread_mutex_unlock(&o->mutex);
  trm__free(letter->bytes.data);
  trm__free(letter);
}
