/* What the commands share: the agent that they open, inputs, messages. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/commands.h"
#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"

#define INPUT_MOST ((size_t)1 << 24)

static void command_log(void *context, const char *level, const char *message, const json_t *fields) {
  (void)context;
  char *more = fields ? trm__json_text(fields, JSON_COMPACT) : NULL;
  (void)fprintf(stderr, "%s: %s%s%s\n", level, message, more ? " " : "", more ? more : "");
  free(more);
}

trm_status trm__command_agent(const trm__agent_line *line, trm__agent **agent, trm_error *err) {
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  const trm__agent_config config = {.folders = line->folders,
                                    .definitions = line->options.definitions,
                                    .allow = line->options.allow,
                                    .roots = line->options.roots,
                                    .device = line->options.device,
                                    .self = line->self,
                                    .threads = (int)line->options.threads,
                                    .seed = (uint64_t)now.tv_nsec ^ (uint64_t)getpid(),
                                    .log = command_log};
  return trm__agent_open(agent, &config, err);
}

static trm_status command_stdin(char **text, size_t *size, trm_error *err) {
  size_t room = 1 << 16;
  *size = 0;
  *text = trm__calloc(room, 1);
  while (*text) {
    ssize_t n = read(0, *text + *size, room - *size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return trm__fail_errno(err, "standard input", "cannot be read");
    *size += (size_t)n;
    if (n == 0) return TRM_OK;
    if (*size > INPUT_MOST) return trm__fail(err, TRM_E_INPUT, "standard input", "is larger than 16 MiB");
    if (*size < room) continue;
    char *grown = trm__realloc(*text, room *= 2, 1);
    if (!grown) trm__free(*text);
    *text = grown;
  }
  return trm__fail_memory(err, "standard input", room);
}

trm_status trm__command_input(const char *word, json_t **input, trm_error *err) {
  if (!word) {
    *input = json_object();
    return *input ? TRM_OK : trm__fail_memory(err, "input", 0);
  }
  if (*word == '@') return trm__json_load(input, word + 1, INPUT_MOST, err);
  if (strcmp(word, "-") != 0) return trm__json_parse(input, word, strlen(word), "input", err);
  char *text = NULL;
  size_t size;
  trm_status status = command_stdin(&text, &size, err);
  if (!status) status = trm__json_parse(input, text, size, "standard input", err);
  trm__free(text);
  return status;
}

int trm__command_error(const trm__agent_line *line, const trm_error *err) {
  (void)fprintf(stderr, "trm %s: %s%s%s\n", line->command, err->where, *err->where ? ": " : "", err->message);
  switch (err->code) { /* as all commands of trm */
  case TRM_E_USAGE:
    return TRM__AGENT_USAGE;
  case TRM_E_INPUT:
  case TRM_E_IO:
  case TRM_E_BUSY:
    return TRM__AGENT_INPUT;
  case TRM_E_STOPPED:
    return TRM__AGENT_FAILED;
  default:
    return TRM__AGENT_FAULT;
  }
}

int trm__command_fault(const trm__agent_line *line, const trm__fault *fault) {
  (void)fprintf(stderr, "trm %s: %s: %s\n", line->command, trm__fault_name(fault->type), fault->message);
  switch (fault->type) {
  case TRM__FAULT_CONFIGURATION:
    return TRM__AGENT_USAGE;
  case TRM__FAULT_VALIDATION:
    return TRM__AGENT_INPUT;
  case TRM__FAULT_INTERNAL:
    return TRM__AGENT_FAULT;
  default:
    return TRM__AGENT_FAILED;
  }
}

int trm__command_print(json_t *value, size_t flags) {
  char *text = trm__json_text(value, flags | JSON_ENCODE_ANY);
  int failed = !text || printf("%s\n", text) < 0;
  free(text);
  json_decref(value);
  return failed ? TRM__AGENT_FAULT : TRM__AGENT_OK;
}
