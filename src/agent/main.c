/* trm-agent: what trm action, trm check and trm workflow start. The first words are the command; --folders, which trm
 * gives last, says where models are. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/commands.h"
#include "agent/runner/external.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/text/options.h"

static atomic_int main_cancelled;

static void main_on_signal(int number) {
  if (atomic_exchange(&main_cancelled, 1)) _exit(128 + number); /* the second one */
}

static const struct {
  const char *group, *name; /* "action" "call" */
  const char *words;        /* the arguments that it takes, for messages */
  size_t least, most;
  int (*run)(const trm__agent_line *line);
} main_commands[] = {
    {"action", "list", "no argument", 0, 0, trm__command_list},
    {"action", "call", "NAME [INPUT]", 1, 2, trm__command_call},
    {"workflow", "run", "FILE [INPUT]", 1, 2, trm__command_flow_run},
    {"workflow", "show", "FILE", 1, 1, trm__command_flow_show},
    {"check", NULL, "FILE...", 1, 10000, trm__command_check},
};
#define COMMANDS (sizeof main_commands / sizeof *main_commands)

/* Options of all tables, and words. trm has looked at the same words before. */
static trm_status main_parse(trm__agent_line *line, int argc, char **argv, trm_error *err) {
  size_t count;
  for (int t = 0; t < TRM__AGENT_TABLES; t++) {
    const trm_option *table = trm__agent_options_of((trm__agent_table)t, &count);
    trm_options_default(table, count, &line->options);
  }
  int only_words = 0;
  for (int i = 0; i < argc;) {
    const trm_option *option = NULL;
    if (!strcmp(argv[i], "--folders") && i + 1 < argc) {
      line->folders = argv[i + 1];
      i += 2;
      only_words = 0;
      continue;
    }
    if (!only_words && !strcmp(argv[i], "--")) {
      only_words = 1;
      i++;
      continue;
    }
    for (int t = 0; t < TRM__AGENT_TABLES && !option && !only_words; t++) {
      const trm_option *table = trm__agent_options_of((trm__agent_table)t, &count);
      trm_status status = trm__options_parse(table, count, &line->options, argc, argv, &i, &option, err);
      if (status) return status;
    }
    if (option) continue;
    if (!only_words && !strncmp(argv[i], "--", 2)) return trm__fail(err, TRM_E_USAGE, argv[i], "unknown option");
    line->words[line->count++] = argv[i++];
  }
  return TRM_OK;
}

static int main_command(trm__agent_line *line, int argc, char **argv) {
  trm_error err = {.code = TRM_OK};
  static char name[64];
  for (size_t i = 0; i < COMMANDS; i++) {
    int used = main_commands[i].name ? 2 : 1;
    if (argc < used || strcmp(argv[0], main_commands[i].group) != 0) continue;
    if (main_commands[i].name && strcmp(argv[1], main_commands[i].name) != 0) continue;
    snprintf(name, sizeof name, "%s%s%s", argv[0], used > 1 ? " " : "", used > 1 ? argv[1] : "");
    line->command = name;
    trm_status status = main_parse(line, argc - used, argv + used, &err);
    if (!status && (line->count < main_commands[i].least || line->count > main_commands[i].most))
      status = trm__fail(&err, TRM_E_USAGE, "", "expected %s", main_commands[i].words);
    return status ? trm__command_error(line, &err) : main_commands[i].run(line);
  }
  (void)fprintf(stderr, "trm-agent: expected action, workflow or check; it is started by trm\n");
  return TRM__AGENT_USAGE;
}

int main(int argc, char **argv) {
  static char self[4096];
  struct sigaction act = {.sa_handler = main_on_signal};
  if (argc == 4 && !strcmp(argv[1], "--plugin")) return trm__plugin_main(argv[2], argv[3]);
  sigaction(SIGINT, &act, NULL);
  sigaction(SIGTERM, &act, NULL);
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN);
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  trm__agent_line line = {.folders = "", .self = length > 0 ? self : argv[0], .cancelled = &main_cancelled};
  line.words = trm__calloc((size_t)argc + 1, sizeof *line.words);
  if (!line.words) return TRM__AGENT_FAULT;
  int code = main_command(&line, argc - 1, argv + 1);
  trm__free(line.words);
  if (fflush(stdout) || ferror(stdout)) {
    (void)fprintf(stderr, "trm %s: standard output cannot be written\n", line.command ? line.command : "");
    return TRM__AGENT_FAULT;
  }
  return code;
}
