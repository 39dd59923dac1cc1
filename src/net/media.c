/* An Accept member that is not well formed wants nothing, as if it were not there: clients send many. */
#include "net/media.h"

#include <string.h>

#include "net/grammar.h"

static size_t media_token(const char *text, const char *end) {
  size_t n = 0;
  while (text + n < end && trm__is_token((unsigned char)text[n])) n++;
  return n;
}

static const char *media_skip_space(const char *text, const char *end) {
  while (text < end && (*text == ' ' || *text == '\t')) text++;
  return text;
}

/* type "/" subtype at text; NULL, or where it ends. */
static const char *media_essence(const char *text, const char *end) {
  size_t type = media_token(text, end);
  if (!type || text + type == end || text[type] != '/') return NULL;
  size_t subtype = media_token(text + type + 1, end);
  return subtype ? text + type + 1 + subtype : NULL;
}

typedef struct media_pair {
  const char *name, *value; /* value still has its quotes */
  size_t name_length, value_length;
} media_pair;

static const char *media_quoted_end(const char *text, const char *end) {
  for (text++; text < end && *text != '"'; text++)
    if (*text == '\\' && text + 1 < end) text++;
  return text < end ? text + 1 : NULL;
}

/* The parameter behind the next ';'. Returns where it ends; NULL at the end and when it is not well formed. */
static const char *media_pair_next(const char *text, const char *end, media_pair *pair) {
  text = media_skip_space(text, end);
  if (text == end || *text != ';') return NULL;
  pair->name = media_skip_space(text + 1, end);
  pair->name_length = media_token(pair->name, end);
  text = pair->name + pair->name_length;
  if (!pair->name_length || text == end || *text != '=') return NULL;
  pair->value = ++text;
  text = text < end && *text == '"' ? media_quoted_end(text, end) : text + media_token(text, end);
  pair->value_length = text ? (size_t)(text - pair->value) : 0;
  return pair->value_length ? text : NULL;
}

int trm__media_type(const char *value, char type[TRM__MEDIA_TYPE]) {
  const char *end = value ? value + strlen(value) : NULL, *at = value ? media_essence(value, end) : NULL;
  size_t length = at ? (size_t)(at - value) : 0;
  if (!at || length >= TRM__MEDIA_TYPE) return 0;
  at = media_skip_space(at, end);
  if (at < end && *at != ';') return 0;
  for (size_t i = 0; i < length; i++) type[i] = trm__ascii_lower(value[i]);
  type[length] = '\0';
  return 1;
}

int trm__media_parameter(const char *value, const char *name, char *out, size_t size) {
  const char *end = value + strlen(value), *at = media_essence(value, end);
  media_pair pair;
  while (at && (at = media_pair_next(at, end, &pair))) {
    if (!trm__ascii_is(pair.name, pair.name_length, name)) continue;
    size_t quoted = pair.value[0] == '"', n = 0;
    for (size_t i = quoted; i < pair.value_length - quoted; i++) {
      if (quoted && pair.value[i] == '\\') i++;
      if (n + 1 >= size) return 0;
      out[n++] = pair.value[i];
    }
    out[n] = '\0';
    return 1;
  }
  return 0;
}

/* "0.5" in thousandths; 0 for what is no quality value. */
static int media_quality(const char *text, size_t length) {
  int quality = 0, unit = 1000;
  if (length > 5 || (length > 1 && text[1] != '.')) return 0;
  for (size_t i = 0; i < length; i++) {
    if (i == 1) continue;
    if (text[i] < '0' || text[i] > '9') return 0;
    quality += (text[i] - '0') * unit;
    unit /= 10;
  }
  return quality <= 1000 ? quality : 0;
}

/* How exactly a member's range names the type: 3 itself, 2 its "type/" and a star, 1 two stars, 0 not at all. */
static int media_range_fits(const char *range, size_t length, const char *type) {
  if (trm__ascii_is(range, length, type)) return 3;
  if (trm__ascii_is(range, length, "*/*")) return 1;
  const char *slash = strchr(type, '/');
  size_t head = slash ? (size_t)(slash - type) + 1 : 0;
  if (!head || length != head + 1 || range[head] != '*') return 0;
  for (size_t i = 0; i < head; i++)
    if (trm__ascii_lower(range[i]) != type[i]) return 0;
  return 2;
}

/* What one member says of type: exactness * 10000 + quality; 0 when it says nothing. */
static int media_member(const char *member, size_t length, const char *type) {
  const char *end = member + length, *at = media_essence(member, end);
  int fits = at ? media_range_fits(member, (size_t)(at - member), type) : 0, quality = 1000;
  media_pair pair;
  if (!fits) return 0;
  while ((at = media_pair_next(at, end, &pair)))
    if (trm__ascii_is(pair.name, pair.name_length, "q")) quality = media_quality(pair.value, pair.value_length);
  return fits * 10000 + quality;
}

/* The quality of type: what the most exact member says. */
static int media_wanted(const trm__request *request, const char *type) {
  int best = 0, fields = 0;
  for (size_t i = 0; i < request->field_count; i++) {
    const char *list = request->fields[i].value, *member;
    size_t length;
    if (strcmp(request->fields[i].name, "accept") != 0) continue;
    fields++;
    while ((member = trm__list_next(&list, &length))) {
      int says = media_member(member, length, type);
      if (says > best) best = says;
    }
  }
  return fields ? best % 10000 : 1000;
}

int trm__accept_choose(const trm__request *request, const char *const *offers) {
  int best = -1, most = 0;
  for (int i = 0; offers[i]; i++) {
    int wanted = media_wanted(request, offers[i]);
    if (wanted <= most) continue;
    most = wanted;
    best = i;
  }
  return best;
}
