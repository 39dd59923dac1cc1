/* The public headers described by themselves: see trm/abi.h. tools/check_abi writes abi_table.h, one macro a row; what
 * the macros say of sizes, offsets and types the compiler takes from the headers. _Generic has no default here, so a
 * row whose type is not exactly the header's does not compile. */
#include <trm/abi.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <trm/data.h>
#include <trm/model.h>
#include <trm/options.h>
#include <trm/session.h>
#include <trm/solve.h>
#include <trm/task.h>
#include <trm/telemetry.h>
#include <trm/train.h>
#include <trm/trm.h>

#include "base/text/numbers.h"

typedef struct abi_row {
  const char *what, *of, *name, *type;
  int64_t value;
  size_t size;
} abi_row;

#define ABI_STRUCT(name)                                                                                               \
  { "struct", "", #name, "", 0, sizeof(name) }
#define ABI_UNION(name)                                                                                                \
  { "union", "", #name, "", 0, sizeof(name) }
/* ...: the type of a pointer to the field, as above of a pointer to the function; it may have commas. */
#define ABI_FIELD(of, name, ...)                                                                                       \
  {                                                                                                                    \
    "field", #of, #name,                                                                                               \
        _Generic(&((of *)0)->name, __VA_ARGS__                                                                         \
                 : #__VA_ARGS__),                                                                                      \
        (int64_t)offsetof(of, name), sizeof(((of *)0)->name)                                                           \
  }
#define ABI_TYPE(name)                                                                                                 \
  { "type", "", #name, (name)-1 < (name)1 ? "signed" : "unsigned", 0, sizeof(name) }
#define ABI_VALUE(of, name)                                                                                            \
  { "value", #of, #name, "", name, 0 }
#define ABI_CALLBACK(name, ...)                                                                                        \
  { "callback", "", #name, _Generic((name)0, __VA_ARGS__ : #__VA_ARGS__), 0, sizeof(name) }
#define ABI_CALL(name, ...)                                                                                            \
  { "call", "", #name, _Generic(&name, __VA_ARGS__ : #__VA_ARGS__), 0, 0 }

static const abi_row abi_rows[] = {
#include "base/abi_table.h"
};

/* Text that grows as far as there is room, and counts on. */
typedef struct abi_text {
  char *text;
  size_t size, used;
} abi_text;

static void abi_put(abi_text *t, const char *text) {
  size_t length = strlen(text), room = t->used < t->size ? t->size - t->used - 1 : 0;
  if (room) memcpy(t->text + t->used, text, length < room ? length : room);
  t->used += length;
}

static void abi_put_number(abi_text *t, int64_t value) {
  char text[32];
  (void)trm__print(text, sizeof text, ", %lld", (long long)value);
  abi_put(t, text);
}

/* Names and types have no characters that JSON escapes. */
static void abi_put_words(abi_text *t, const abi_row *row) {
  const char *const words[] = {row->what, row->of, row->name, row->type};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    abi_put(t, i ? ", \"" : "\"");
    abi_put(t, words[i]);
    abi_put(t, "\"");
  }
}

int trm_abi_json(char *text, size_t size) {
  abi_text t = {text, size, 0};
  abi_put(&t, "{\"version\": \"");
  abi_put(&t, trm_version());
  abi_put(&t, "\", \"pointer\"");
  abi_put(&t, sizeof(void *) == 8 ? ": 8" : ": 4");
  abi_put(&t, ", \"rows\": [\n");
  for (size_t i = 0; i < sizeof abi_rows / sizeof *abi_rows; i++) {
    abi_put(&t, i ? ",\n[" : "[");
    abi_put_words(&t, &abi_rows[i]);
    abi_put_number(&t, abi_rows[i].value);
    abi_put_number(&t, (int64_t)abi_rows[i].size);
    abi_put(&t, "]");
  }
  abi_put(&t, "\n]}\n");
  if (size) text[t.used < size ? t.used : size - 1] = 0;
  return (int)t.used;
}
