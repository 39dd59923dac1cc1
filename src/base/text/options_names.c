/* Which option a name means: its own name, a synonym, or by mistake the nearest. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/options.h"
#include "base/text/options_internal.h"

int trm__option_same_name(const char *a, const char *b, size_t length) {
  for (size_t i = 0; i < length; i++)
    if ((a[i] == '-' ? '_' : a[i]) != (b[i] == '-' ? '_' : b[i])) return 0;
  return 1;
}

trm__option_name trm__option_synonym(const trm_option *option, int index) {
  const char *p = option->synonyms;
  while (p && index-- > 0) {
    p = strchr(p, '|');
    if (p) p++;
  }
  if (!p || !*p) return (trm__option_name){0};
  int inverse = *p == '!';
  return (trm__option_name){option, p + inverse, strcspn(p + inverse, "|"), inverse};
}

trm__option_name trm__option_lookup(const trm_option *table, size_t count, const char *name, size_t length) {
  for (size_t i = 0; i < count; i++)
    if (strlen(table[i].name) == length && trm__option_same_name(name, table[i].name, length))
      return (trm__option_name){&table[i], table[i].name, length, 0};
  for (size_t i = 0; i < count; i++) {
    trm__option_name synonym;
    for (int k = 0; (synonym = trm__option_synonym(&table[i], k)).option; k++)
      if (synonym.length == length && trm__option_same_name(name, synonym.text, length)) return synonym;
  }
  return (trm__option_name){0};
}

const trm_option *trm__option_find(const trm_option *table, size_t count, const char *name) {
  return trm__option_lookup(table, count, name, strlen(name)).option;
}

void trm__option_word(const char *name, size_t length, char *word, size_t size) {
  snprintf(word, size, "--%.*s", (int)length, name);
  for (char *p = word; *p; p++)
    if (*p == '_') *p = '-';
}

void trm__option_offer(const trm_option *table, size_t count, trm__nearest *nearest) {
  for (size_t i = 0; i < count; i++) trm__nearest_offer(nearest, table[i].name, strlen(table[i].name));
  for (size_t i = 0; i < count; i++) {
    trm__option_name synonym;
    for (int k = 0; (synonym = trm__option_synonym(&table[i], k)).option; k++)
      trm__nearest_offer(nearest, synonym.text, synonym.length);
  }
}

trm_status trm__option_unknown(const trm_option *table, size_t count, const char *name, trm_status code,
                               const char *where, trm_error *err) {
  trm__nearest nearest = trm__nearest_to(name);
  trm__option_offer(table, count, &nearest);
  if (!nearest.name[0]) return trm__fail(err, code, where, "unknown option \"%.80s\"", name);
  return trm__fail(err, code, where, "unknown option \"%.80s\"; did you mean \"%s\"?", name, nearest.name);
}
