/* The network in a checkpoint: its prefix, its tensors, and the relatives of TRM that are told from it by what they
 * have and TRM has not. */
#include "model/torch/network.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

#define EMBEDDING "embed_tokens.embedding_weight"
#define INNER "inner."
enum { PREFIXES = 8 };

typedef struct prefix {
  const char *text; /* [length] */
  size_t length;
  int bare; /* no "inner." behind it */
} prefix;

typedef struct prefixes {
  prefix item[PREFIXES];
  size_t count;
} prefixes;

static int ends_with(const char *text, size_t length, const char *end) {
  size_t n = strlen(end);
  return length >= n && !memcmp(text + length - n, end, n);
}

/* Of a name that ends in marker: what is in front of it. */
static void prefixes_note(prefixes *all, const char *name, const char *marker) {
  size_t length = strlen(name), inner = sizeof INNER - 1;
  if (!ends_with(name, length, marker)) return;
  length -= strlen(marker);
  if (length && name[length - 1] != '.') return;
  prefix p = {name, length, 1};
  if (ends_with(name, length, INNER) && (length == inner || name[length - inner - 1] == '.')) {
    p.length -= inner;
    p.bare = 0;
  }
  for (size_t i = 0; i < all->count; i++)
    if (all->item[i].length == p.length && all->item[i].bare == p.bare && !memcmp(all->item[i].text, name, p.length))
      return;
  if (all->count < PREFIXES) all->item[all->count++] = p;
}

static trm_status network_choose(const trm__safetensors *st, const char *wanted, prefix *out, const char *where,
                                 trm_error *err) {
  prefixes all = {.count = 0};
  char list[400] = "";
  for (size_t i = 0; i < st->count; i++) prefixes_note(&all, st->tensor[i].name, EMBEDDING);
  for (size_t i = 0; i < all.count; i++) {
    size_t used = strlen(list);
    *out = all.item[i];
    if (wanted && strlen(wanted) == out->length && !memcmp(wanted, out->text, out->length)) return TRM_OK;
    (void)snprintf(list + used, sizeof list - used, "%s\"%.*s\"", used ? ", " : "", (int)out->length, out->text);
  }
  if (!all.count)
    return trm__fail(err, TRM_E_INPUT, where,
                     "is no model: it has no tensors \"" INNER EMBEDDING "\" [tokens][width] and "
                     "\"" INNER
                     "L_level.layers.0.mlp.down_proj.weight\", perhaps behind \"_orig_mod.model.\", among its %zu",
                     st->count);
  if (wanted)
    return trm__fail(err, TRM_E_USAGE, where, "has no network behind the prefix \"%.100s\"; there are: %s", wanted,
                     list);
  if (all.count > 1)
    return trm__fail(err, TRM_E_USAGE, where, "has %zu networks, behind the prefixes %s; choose one with --prefix",
                     all.count, list);
  return TRM_OK;
}

/* Buffers that are computed from the configuration, or hold a batch; some versions save them. */
static int network_may_skip(const char *name) {
  static const char *const ends[] = {".cos_cached", ".sin_cached", ".inv_freq", ".local_weights", ".local_ids"};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (ends_with(name, strlen(name), ends[i])) return 1;
  return 0;
}

/* The names in a block of their own, since some lack "inner.". */
static trm_status network_take(trm__safetensors *st, const prefix *p, const char *where, trm_error *err) {
  size_t room = 1, kept = 0, in_front = p->length + (p->bare ? 0 : sizeof INNER - 1);
  for (size_t i = 0; i < st->count; i++) room += strlen(st->tensor[i].name) + sizeof INNER;
  char *names = trm__calloc(room, 1), *at = names;
  if (!names) return trm__fail_memory(err, where, room);
  for (size_t i = 0; i < st->count; i++) {
    trm__st_tensor t = st->tensor[i];
    int inside = strlen(t.name) > in_front && !memcmp(t.name, p->text, p->length) &&
                 (p->bare || !memcmp(t.name + p->length, INNER, sizeof INNER - 1));
    if (!inside || !t.elements || network_may_skip(t.name)) continue;
    int length = snprintf(at, room - (size_t)(at - names), INNER "%s", t.name + in_front);
    t.name = at;
    at += length + 1;
    st->tensor[kept++] = t;
  }
  st->count = kept;
  trm__free(st->names);
  st->names = names;
  return TRM_OK;
}

static int network_has(const trm__safetensors *st, const char *begin) {
  for (size_t i = 0; i < st->count; i++)
    if (!strncmp(st->tensor[i].name, begin, strlen(begin))) return 1;
  return 0;
}

/* The relatives whose tensors have the same names as far as they go. */
static trm_status network_refuse(const trm__safetensors *st, int partial, const char *where, trm_error *err) {
  int two = network_has(st, INNER "H_level."), one = network_has(st, INNER "L_level.");
  if (two && one)
    return trm__fail(
        err, TRM_E_INPUT, where,
        "is a checkpoint of HRM, the Hierarchical Reasoning Model: it has two networks, H_level and L_level, where "
        "TRM has one; trm does not compute it");
  if (two)
    return trm__fail(
        err, TRM_E_INPUT, where,
        "is a checkpoint of the transformer that TRM was compared with: its one network, H_level, does not recur "
        "on a latent; trm does not compute it");
  if (network_has(st, INNER "L1_init"))
    return trm__fail(
        err, TRM_E_INPUT, where,
        "is a checkpoint of TRM with several latents (trm_hier6: L1_init, L2_init, ...); trm computes one latent");
  if (partial || !one || network_has(st, INNER "H_init")) return TRM_OK;
  if (network_has(st, INNER "L_init"))
    return trm__fail(
        err, TRM_E_INPUT, where,
        "is a checkpoint of TRM with a single state (trm_singlez: L_init without H_init); trm computes two");
  return trm__fail(
      err, TRM_E_INPUT, where,
      "has the averaged parameters alone (EMA), without H_init, L_init and the puzzle rows, which are not averaged; "
      "give the run's checkpoint, and this file as --ema");
}

trm_status trm__torch_network(trm__safetensors *st, const char *prefix_wanted, int partial, const char *where,
                              trm_error *err) {
  prefix p = {0};
  trm_status status = network_choose(st, prefix_wanted, &p, where, err);
  if (!status) status = network_take(st, &p, where, err);
  return status ? status : network_refuse(st, partial, where, err);
}

trm_status trm__torch_overlay(trm__safetensors *st, const trm__safetensors *with, const char *where, trm_error *err) {
  for (size_t i = 0; i < with->count; i++) {
    trm__st_tensor *t = NULL;
    for (size_t k = 0; k < st->count && !t; k++)
      if (!strcmp(st->tensor[k].name, with->tensor[i].name)) t = &st->tensor[k];
    if (!t)
      return trm__fail(err, TRM_E_INPUT, where,
                       "has a tensor \"%.100s\", which the checkpoint has not: it is of another run",
                       with->tensor[i].name);
    if (t->rank != with->tensor[i].rank || memcmp(t->shape, with->tensor[i].shape, sizeof t->shape) != 0)
      return trm__fail(err, TRM_E_INPUT, where,
                       "has \"%.100s\" in another shape than the checkpoint: it is of another run", t->name);
    const char *name = t->name;
    *t = with->tensor[i];
    t->name = name;
  }
  return TRM_OK;
}
