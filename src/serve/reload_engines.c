/* Which engine, as the root has started it, belongs to which generation of models: see reload.h. A child of the root is
 * known by its serial number, through all its starts. */
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "serve/reload_state.h"
#include "serve/tree.h"

static uint32_t engine_serial(uint64_t id) {
  return (uint32_t)(id >> 32);
}

static trm__reload_engine *engine_find(trm__reload *r, uint32_t serial) {
  for (int i = 0; i < TRM__RELOAD_ENGINES; i++)
    if (r->engine[i].serial == serial) return &r->engine[i];
  return NULL;
}

/* A free place, else that of the one that has not been wanted for longest: serial numbers grow. */
static trm__reload_engine *engine_find_place(trm__reload *r) {
  trm__reload_engine *place = engine_find(r, 0);
  for (int i = 0; i < TRM__RELOAD_ENGINES && !(place && !place->serial); i++)
    if (!r->engine[i].generation && (!place || r->engine[i].serial < place->serial)) place = &r->engine[i];
  return place;
}

int trm__reload_pool_size(const trm__reload *r) {
  return r->gateway->config.pool_size ? (int)r->gateway->config.pool_size : 1;
}

int trm__reload_can_start(const trm__reload *r) {
  int known = 0;
  for (int i = 0; i < TRM__RELOAD_ENGINES; i++)
    known += r->engine[i].generation == trm__serve_pool_generation(r->gateway->pool);
  return known >= trm__reload_pool_size(r) && !r->awaited;
}

int trm__reload_start(trm__reload *r) {
  int wanted = trm__reload_pool_size(r);
  r->refused = 0;
  while (r->awaited < wanted && trm__role_add(trm__tree_engine_node(r->awaited))) r->awaited++;
  return r->awaited == wanted;
}

/* 1: the root was told; it is asked again otherwise. */
static int engine_let_go(trm__reload_engine *e) {
  if (!trm__role_retire(e->id)) return 0;
  e->generation = 0;
  return 1;
}

void trm__reload_retire(trm__reload *r) {
  for (int i = 0; i < TRM__RELOAD_ENGINES; i++) {
    trm__reload_engine *e = &r->engine[i];
    if (!e->serial || !e->generation || trm__serve_pool_has(r->gateway->pool, e->id)) continue;
    if (!trm__serve_pool_needs(r->gateway->pool, e->generation)) (void)engine_let_go(e);
  }
}

void trm__reload_link(trm__reload *r, const trm__role_message *message) {
  trm_error err = {0};
  if (message->refused) {
    r->refused = 1;
    if (r->awaited > 0) r->awaited--;
    return;
  }
  if (message->channel < 0) return;
  trm__reload_engine *e = engine_find(r, engine_serial(message->id));
  if (!e && (e = engine_find_place(r))) {
    uint32_t now = trm__serve_pool_generation(r->gateway->pool);
    *e = (trm__reload_engine){engine_serial(message->id), r->awaited > 0 ? r->generation : now, 0};
    if (r->awaited > 0) r->awaited--;
  }
  if (!e || !e->generation) { /* the root had started it again before it heard that it is not wanted */
    (void)trm__role_retire(message->id);
    close(message->channel);
    return;
  }
  e->id = message->id;
  trm_status status = trm__serve_pool_attach_to(r->gateway->pool, message->id, e->generation, message->channel, &err);
  if (status == TRM_E_STOPPED) (void)engine_let_go(e);
  else if (status)
    trm__records_write(&r->gateway->records, TRM_LOG_ERROR, NULL, "an engine cannot be attached: %s", err.message);
}
