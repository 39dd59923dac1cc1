/* The public headers described by themselves: see trm/abi.h. tools/check_abi writes abi_table.h, one macro a row. It is
 * read twice: for the rows' words, and for their numbers, which the compiler takes from the headers. There _Generic has
 * no default, so a row whose type is not exactly the header's does not compile. Words and numbers are apart, and the
 * words one text, because a pointer for each would be three times their size. */
#include <trm/abi.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <trm/arc.h>
#include <trm/data.h>
#include <trm/model.h>
#include <trm/options.h>
#include <trm/ranks.h>
#include <trm/session.h>
#include <trm/solve.h>
#include <trm/task.h>
#include <trm/telemetry.h>
#include <trm/train.h>
#include <trm/trm.h>

#include "base/text/numbers.h"
#include "base/text/room.h"

/* Of each row a letter for what it is, and three words, each with a NUL behind it: of, name, type. ...: a type, which
 * may have commas. */
#define ABI_STRUCT(name) "s\0" #name "\0\0"
#define ABI_UNION(name) "u\0" #name "\0\0"
#define ABI_FIELD(of, name, ...) "f" #of "\0" #name "\0" #__VA_ARGS__ "\0"
#define ABI_TYPE(name) "t\0" #name "\0\0"
#define ABI_VALUE(of, name) "v" #of "\0" #name "\0\0"
#define ABI_CALLBACK(name, ...) "b\0" #name "\0" #__VA_ARGS__ "\0"
#define ABI_CALL(name, ...) "c\0" #name "\0" #__VA_ARGS__ "\0"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings" /* of compilers that have but the standard's 4,095 characters */
static const char abi_words[] =
#include "base/abi_table.h"
    ;
#pragma GCC diagnostic pop

#undef ABI_STRUCT
#undef ABI_UNION
#undef ABI_FIELD
#undef ABI_TYPE
#undef ABI_VALUE
#undef ABI_CALLBACK
#undef ABI_CALL

/* Of each row value and size; the value of a type is 1 when it has negative numbers. */
#define ABI_STRUCT(name) {0, sizeof(name)},
#define ABI_UNION(name) {0, sizeof(name)},
#define ABI_FIELD(of, name, ...)                                                                                       \
  {(int32_t)offsetof(of, name), sizeof(((of *)0)->name) + _Generic(&((of *)0)->name, __VA_ARGS__ : 0)},
#define ABI_TYPE(name) {(name)-1 < (name)1, sizeof(name)},
#define ABI_VALUE(of, name) {name, 0},
#define ABI_CALLBACK(name, ...) {0, sizeof(name) + _Generic((name)0, __VA_ARGS__ : 0)},
#define ABI_CALL(name, ...) {0, _Generic(&name, __VA_ARGS__ : 0)},

static const struct abi_numbers {
  int32_t value;
  uint32_t size;
} abi_numbers[] = {
#include "base/abi_table.h"
};

static void abi_put_number(trm__room *t, int64_t value) {
  char text[32];
  (void)trm__print(text, sizeof text, ", %lld", (long long)value);
  trm__room_put(t, text);
}

static const char *abi_kind(char letter) {
  switch (letter) {
  case 's':
    return "struct";
  case 'u':
    return "union";
  case 'f':
    return "field";
  case 't':
    return "type";
  case 'v':
    return "value";
  case 'b':
    return "callback";
  default:
    return "call";
  }
}

/* One row; returns where the next one's words begin. Names and types have no characters that JSON escapes. */
static const char *abi_put_row(trm__room *t, const char *words, const struct abi_numbers *numbers) {
  const int is_type = *words == 't';
  trm__room_put(t, "[\"");
  trm__room_put(t, abi_kind(*words++));
  for (int i = 0; i < 3; i++, words += strlen(words) + 1) {
    trm__room_put(t, "\", \"");
    trm__room_put(t, i < 2 || !is_type ? words : numbers->value ? "signed" : "unsigned");
  }
  trm__room_put(t, "\"");
  abi_put_number(t, is_type ? 0 : numbers->value);
  abi_put_number(t, numbers->size);
  trm__room_put(t, "]");
  return words;
}

int trm_abi_json(char *text, size_t size) {
  trm__room t = {text, size, 0};
  trm__room_put(&t, "{\"version\": \"");
  trm__room_put(&t, trm_version());
  trm__room_put(&t, "\", \"pointer\"");
  trm__room_put(&t, sizeof(void *) == 8 ? ": 8" : ": 4");
  trm__room_put(&t, ", \"rows\": [\n");
  const char *words = abi_words;
  for (size_t i = 0; i < sizeof abi_numbers / sizeof *abi_numbers; i++) {
    if (i) trm__room_put(&t, ",\n");
    words = abi_put_row(&t, words, &abi_numbers[i]);
  }
  trm__room_put(&t, "\n]}\n");
  if (size) text[t.used < size ? t.used : size - 1] = 0;
  return (int)t.used;
}
