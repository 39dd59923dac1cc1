/* The other side of a plugin's call: a process that loads the shared object, calls it once and ends. So whatever the
 * plugin does to memory, threads or signals ends with it.
 *
 * A plugin has   int trm_plugin_call(const char *action, const char *input, char **output);
 * input is the action's input as JSON; *output (malloc) becomes its output. It returns 0; 1 when it failed, with a
 * sentence in *output; 2 when another attempt may help. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/runner/external.h"
#include "base/mem.h"
#include "proc/role.h"

#define TEMPORARY 75

typedef int (*plugin_fn)(const char *action, const char *input, char **output);

static char *plugin_input(void) {
  size_t size = 0, room = 1 << 16;
  char *text = trm__calloc(room, 1);
  while (text) {
    ssize_t n = read(0, text + size, room - size - 1);
    if (n <= 0) break;
    size += (size_t)n;
    if (size + 1 < room) continue;
    char *grown = trm__realloc(text, room *= 2, 1);
    if (!grown) trm__free(text);
    text = grown;
  }
  if (text) text[size] = 0;
  return text;
}

/* What a plugin prints must not be taken for its output: descriptor 1 becomes 2 while it runs. */
static int plugin_answer(int out, int code, const char *text) {
  json_t *failure = code ? json_pack("{s:{s:s, s:b}}", "error", "message", text ? text : "failed without a message",
                                     "retryable", code == 2)
                         : NULL;
  char *written = failure ? json_dumps(failure, JSON_COMPACT) : NULL;
  const char *answer = code ? written : text;
  size_t size = answer ? strlen(answer) : 0;
  while (size) {
    ssize_t n = write(out, answer, size);
    if (n <= 0) return TRM__EXIT_FAULT;
    answer += n;
    size -= (size_t)n;
  }
  return code == 0 ? TRM__EXIT_OK : code == 2 ? TEMPORARY : TRM__EXIT_STOPPED;
}

int trm__plugin_main(const char *file, const char *action) {
  plugin_fn call = NULL;
  char *output = NULL, *input = plugin_input();
  int out = dup(1);
  if (!input || out < 0 || dup2(2, 1) < 0) return TRM__EXIT_FAULT;
  void *object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  void *symbol = object ? dlsym(object, "trm_plugin_call") : NULL;
  if (!symbol) {
    (void)fprintf(stderr, "%s\n", object ? "has no function trm_plugin_call" : dlerror());
    return TRM__EXIT_USAGE;
  }
  memcpy(&call, &symbol, sizeof call);
  int code = call(action, input, &output);
  return plugin_answer(out, code, output);
}
