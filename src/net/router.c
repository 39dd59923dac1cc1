/* The table is small, and every request is followed by a puzzle that takes a thousand times as long as looking at each
 * line of it: no tree. */
#include "net/router.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "net/uri.h"

/* A pattern's segment: `text` alone, or {name} and then `text`. */
typedef struct router_segment {
  const char *name, *text; /* name NULL: none; neither is terminated */
  size_t name_length, text_length;
} router_segment;

typedef struct router_line {
  size_t count;
  router_segment segments[TRM__ROUTE_SEGMENTS];
  unsigned rank; /* higher: more exact */
} router_line;

struct trm__router {
  const trm__route *routes;
  size_t count;
  router_line *lines; /* [count] */
};

static int router_segment_read(router_segment *segment, const char *text, size_t length) {
  *segment = (router_segment){.text = text, .text_length = length};
  if (length && text[0] == '{') {
    const char *end = memchr(text, '}', length);
    if (!end || end == text + 1) return 0;
    segment->name = text + 1;
    segment->name_length = (size_t)(end - text) - 1;
    segment->text = end + 1;
    segment->text_length = length - segment->name_length - 2;
  }
  return !memchr(segment->text, '{', segment->text_length) && !memchr(segment->text, '}', segment->text_length);
}

static int router_line_read(router_line *line, const char *pattern) {
  *line = (router_line){0};
  if (*pattern != '/') return 0;
  while (*pattern == '/') {
    size_t length = strcspn(pattern + 1, "/");
    if (line->count == TRM__ROUTE_SEGMENTS) return 0;
    router_segment *segment = &line->segments[line->count++];
    if (!router_segment_read(segment, pattern + 1, length)) return 0;
    pattern += 1 + length;
  }
  for (size_t i = 0; i < TRM__ROUTE_SEGMENTS; i++) {
    const router_segment *segment = &line->segments[i];
    line->rank = line->rank * 3 + (!segment->name ? 2 : segment->text_length ? 1 : 0);
  }
  return 1;
}

/* Whether two patterns take the same paths: names may differ. */
static int router_same(const router_line *a, const router_line *b) {
  if (a->count != b->count || a->rank != b->rank) return 0;
  for (size_t i = 0; i < a->count; i++) {
    const router_segment *x = &a->segments[i], *y = &b->segments[i];
    if (x->text_length != y->text_length || memcmp(x->text, y->text, x->text_length) != 0) return 0;
  }
  return 1;
}

static trm_status router_fill(trm__router *router, trm_error *err) {
  for (size_t i = 0; i < router->count; i++) {
    const trm__route *route = &router->routes[i];
    if (!router_line_read(&router->lines[i], route->pattern))
      return trm__fail(err, TRM_E_USAGE, route->pattern, "not a pattern of a path: write \"/text/{name}/{name}text\"");
    for (size_t k = 0; k < i; k++)
      if (router->routes[k].method == route->method && router_same(&router->lines[k], &router->lines[i]))
        return trm__fail(err, TRM_E_USAGE, route->pattern, "%s has a second route for the same paths, %s",
                         trm__method_name(route->method), router->routes[k].pattern);
  }
  return TRM_OK;
}

trm_status trm__router_open(trm__router **out, const trm__route *routes, size_t count, trm_error *err) {
  trm__router *router = trm__calloc(1, sizeof *router);
  if (!router) return trm__fail_memory(err, "routes", sizeof *router);
  *router = (trm__router){.routes = routes, .count = count, .lines = trm__calloc(count, sizeof *router->lines)};
  trm_status status = router->lines ? router_fill(router, err) : trm__fail_memory(err, "routes", count);
  if (status) trm__router_close(&router);
  else *out = router;
  return status;
}

void trm__router_close(trm__router **router) {
  if (!*router) return;
  trm__free((*router)->lines);
  trm__free(*router);
  *router = NULL;
}

/* What names no thing but a place beside it. */
static int router_is_dots(const char *segment) {
  return !strcmp(segment, ".") || !strcmp(segment, "..");
}

/* Cuts and decodes; TRM__ROUTE_FOUND when it is well formed. */
static trm__route_found router_cut(const char *path, trm__match *match) {
  char *out = match->text;
  match->count = 0;
  if (*path != '/' || strlen(path) >= sizeof match->text) return TRM__ROUTE_NO_PATH;
  while (*path == '/') {
    size_t length = strcspn(path + 1, "/");
    if (match->count == TRM__ROUTE_SEGMENTS) return TRM__ROUTE_NO_PATH;
    if (!trm__uri_decode(path + 1, length, 0, out, (size_t)(match->text + sizeof match->text - out)))
      return TRM__ROUTE_BAD;
    if (router_is_dots(out)) return TRM__ROUTE_BAD;
    match->segments[match->count++] = out;
    out += strlen(out) + 1;
    path += 1 + length;
  }
  return TRM__ROUTE_FOUND;
}

static int router_fits(const router_line *line, const trm__match *match) {
  if (line->count != match->count) return 0;
  for (size_t i = 0; i < line->count; i++) {
    const router_segment *want = &line->segments[i];
    size_t length = strlen(match->segments[i]);
    if (want->name ? length <= want->text_length : length != want->text_length) return 0;
    if (memcmp(match->segments[i] + length - want->text_length, want->text, want->text_length) != 0) return 0;
  }
  return 1;
}

/* What the names stand for ends where the text behind them begins; 0 when one is dots alone then. */
static int router_strip(const router_line *line, trm__match *match) {
  int good = 1;
  for (size_t i = 0; i < line->count; i++) {
    char *segment = match->text + (match->segments[i] - match->text);
    if (!line->segments[i].name) continue;
    segment[strlen(segment) - line->segments[i].text_length] = '\0';
    good &= !router_is_dots(segment);
  }
  return good;
}

trm__route_found trm__router_find(const trm__router *router, trm__method method, const char *path, trm__match *match) {
  const router_line *line = NULL;
  unsigned best = 0;
  match->route = NULL;
  match->allow = 0;
  trm__route_found found = router_cut(path, match);
  if (found) return found;
  for (size_t i = 0; i < router->count; i++) {
    const trm__route *route = &router->routes[i];
    if (!router_fits(&router->lines[i], match)) continue;
    match->allow |= 1u << route->method | (route->method == TRM__GET ? 1u << TRM__HEAD : 0) | 1u << TRM__OPTIONS;
    if (route->method != method && !(method == TRM__HEAD && route->method == TRM__GET)) continue;
    unsigned rank = 1 + 2 * router->lines[i].rank + (route->method == method);
    if (rank <= best) continue;
    best = rank;
    match->route = route;
    line = &router->lines[i];
  }
  if (line && !router_strip(line, match)) {
    match->route = NULL;
    return TRM__ROUTE_BAD;
  }
  return match->route ? TRM__ROUTE_FOUND : match->allow ? TRM__ROUTE_NO_METHOD : TRM__ROUTE_NO_PATH;
}

/* The names are read from the pattern again: handlers ask for one or two. */
const char *trm__match_get(const trm__match *match, const char *name) {
  router_line line;
  if (!match->route || !router_line_read(&line, match->route->pattern)) return "";
  for (size_t i = 0; i < line.count; i++) {
    const router_segment *segment = &line.segments[i];
    if (!segment->name || strlen(name) != segment->name_length ||
        memcmp(name, segment->name, segment->name_length) != 0)
      continue;
    return match->segments[i];
  }
  return "";
}

void trm__allow_text(unsigned allow, char out[TRM__ALLOW]) {
  out[0] = '\0';
  for (int i = 0; i < TRM__METHODS; i++) {
    if (!(allow & 1u << i)) continue;
    if (out[0]) strcat(out, ", ");
    strcat(out, trm__method_name((trm__method)i));
  }
}
