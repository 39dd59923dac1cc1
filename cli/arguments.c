/* Arguments of a subcommand: options from its tables, and the rest. An unknown option names the nearest known one. */
#include <stdlib.h>
#include <string.h>

#include "base/text/nearest.h"
#include "cli/cli.h"

void cli_defaults(const cli_command *command) {
  cli_table tables[CLI_TABLES];
  size_t count = command->tables(tables);
  for (size_t i = 0; i < count; i++) trm_options_default(tables[i].items, tables[i].count, tables[i].config);
}

static int arguments_refuse(const cli_command *command, const cli_arguments *a, const char *word) {
  char typed[80], known[80];
  (void)snprintf(typed, sizeof typed, "%.*s", (int)strcspn(word, "="), word);
  trm__nearest nearest = trm__nearest_to(typed + (typed[0] == '-') + (typed[0] == '-' && typed[1] == '-'));
  trm__nearest_offer(&nearest, "help", 4);
  for (size_t t = 0; t < a->tables; t++) trm__option_offer(a->table[t].items, a->table[t].count, &nearest);
  trm__option_word(nearest.name, strlen(nearest.name), known, sizeof known);
  if (nearest.name[0]) return cli_usage(command, "%s: unknown option; did you mean %s?", typed, known);
  return cli_usage(command, "%s: unknown option; 'trm %s --help' lists them", typed, command->name);
}

static int arguments_option(const cli_command *command, int argc, char **argv, int *index, cli_arguments *a) {
  trm_error error = {0};
  const int at = *index;
  for (size_t t = 0; t < a->tables; t++) {
    const cli_table *table = &a->table[t];
    const trm_option *option;
    if (trm__options_parse(table->items, table->count, table->config, argc, argv, index, &option, &error))
      return cli_error(command, &error);
    if (!option) continue;
    const char *equals = strchr(argv[at], '=');
    a->given[a->givens++] = (cli_given){option, table, *index > at + 1 ? argv[at + 1] : equals ? equals + 1 : NULL};
    return CLI_CONTINUE;
  }
  return arguments_refuse(command, a, argv[*index]);
}

/* "-o FILE" is short for "--out FILE", "-m FILE" for "--model FILE", "-v" for "--verbose", and "--explain", which may
 * have a value, for "--explain=changes". */
static void arguments_expand(int argc, char **argv) {
  static char out[] = "--out", model[] = "--model", verbose[] = "--verbose", explain[] = "--explain=changes";
  for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (!strcmp(argv[i], "-o")) argv[i] = out;
    if (!strcmp(argv[i], "-m")) argv[i] = model;
    if (!strcmp(argv[i], "-v")) argv[i] = verbose;
    if (!strcmp(argv[i], "--explain")) argv[i] = explain;
  }
}

int cli_parse(const cli_command *command, int argc, char **argv, cli_arguments *a) {
  memset(a, 0, sizeof *a);
  a->tables = command->tables(a->table);
  a->positional = cli_alloc((size_t)argc + 1, sizeof *a->positional);
  a->given = cli_alloc((size_t)argc + 1, sizeof *a->given);
  arguments_expand(argc, argv);
  for (int i = 0; i < argc;) {
    const char *word = argv[i];
    if (!strcmp(word, "--")) {
      for (i++; i < argc; i++) a->positional[a->positionals++] = argv[i];
    } else if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "--help=all")) {
      cli_print_help(command, !strcmp(word, "--help=all"), stdout);
      return CLI_OK;
    } else if (word[0] == '-' && word[1] == '-') {
      int code = arguments_option(command, argc, argv, &i, a);
      if (code != CLI_CONTINUE) return code;
    } else if (word[0] == '-' && word[1] && !strchr("0123456789.-|+_*", word[1])) {
      return arguments_refuse(command, a, word);
    } else {
      a->positional[a->positionals++] = word;
      i++;
    }
  }
  return CLI_CONTINUE;
}

int cli_is_given(const cli_arguments *a, const char *name) {
  for (size_t i = 0; i < a->givens; i++)
    if (!strcmp(a->given[i].option->name, name)) return 1;
  return 0;
}

size_t cli_texts(const cli_arguments *a, const char *name, const char **texts) {
  size_t count = 0;
  for (size_t i = 0; i < a->givens; i++)
    if (a->given[i].text && !strcmp(a->given[i].option->name, name)) texts[count++] = a->given[i].text;
  return count;
}

void cli_arguments_free(cli_arguments *a) {
  free(a->positional);
  free(a->given);
  memset(a, 0, sizeof *a);
}

int cli_expect(const cli_command *command, const cli_arguments *a, size_t least, size_t most, const char *names) {
  if (a->positionals > most)
    return cli_usage(command, "%s: one argument too many; usage: trm %s %s", a->positional[most], command->name,
                     command->synopsis);
  if (a->positionals < least)
    return cli_usage(command, "expected %s; usage: trm %s %s", names, command->name, command->synopsis);
  return CLI_CONTINUE;
}
