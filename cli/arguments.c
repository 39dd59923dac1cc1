/* Arguments of a subcommand: options from its tables, and the rest. An unknown option names the nearest known one. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

void cli_defaults(const cli_command *command) {
  cli_table tables[CLI_TABLES];
  size_t count = command->tables(tables);
  for (size_t i = 0; i < count; i++) trm_options_default(tables[i].items, tables[i].count, tables[i].config);
}

/* Edit distance with neighbours swapped; names over 63 letters are far from everything. */
static size_t distance(const char *a, const char *b) {
  size_t row[3][64], n = strlen(a), m = strlen(b);
  if (n > 63 || m > 63) return 64;
  for (size_t i = 0; i <= n; i++) {
    size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= m; j++) {
      if (i == 0) {
        now[j] = j;
        continue;
      }
      size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
      if (last[j] + 1 < best) best = last[j] + 1;
      if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
        best = before[j - 2] + 1;
      now[j] = best;
    }
  }
  return row[n % 3][m];
}

const char *cli_nearest(const char *const *names, const char *name) {
  const char *nearest = NULL;
  size_t best = strlen(name) / 3 + 2;
  for (; *names; names++) {
    size_t d = distance(name, *names);
    if (d >= best) continue;
    best = d;
    nearest = *names;
  }
  return nearest;
}

/* "micro_batch" -> "micro-batch" */
static void option_text(const char *name, char *text, size_t size) {
  (void)snprintf(text, size, "%s", name);
  for (char *p = text; *p; p++)
    if (*p == '_') *p = '-';
}

static int unknown_option(const cli_command *command, const cli_arguments *a, const char *word) {
  char typed[80], text[80], nearest[80] = "help";
  (void)snprintf(typed, sizeof typed, "%.*s", (int)strcspn(word, "="), word);
  option_text(typed + (typed[0] == '-' && typed[1] == '-' ? 2 : 1), text, sizeof text);
  size_t best = distance(text, nearest), far = strlen(text) / 3 + 2;
  for (size_t t = 0; t < a->tables; t++) {
    for (size_t i = 0; i < a->table[t].count; i++) {
      char known[80];
      option_text(a->table[t].items[i].name, known, sizeof known);
      size_t d = distance(text, known);
      if (d >= best) continue;
      best = d;
      (void)snprintf(nearest, sizeof nearest, "%s", known);
    }
  }
  if (best < far) return cli_usage(command, "%s: unknown option; did you mean --%s?", typed, nearest);
  return cli_usage(command, "%s: unknown option; 'trm %s --help' lists them", typed, command->name);
}

/* Which option of the table argv[i] named: "--batch=8", "--no-halt". */
static const trm_option *named(const cli_table *table, const char *word) {
  char name[80];
  (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
  const trm_option *option = trm__option_find(table->items, table->count, name);
  return option || strncmp(name, "no-", 3) ? option : trm__option_find(table->items, table->count, name + 3);
}

static int parse_option(const cli_command *command, int argc, char **argv, int *index, cli_arguments *a) {
  trm_error error = {0};
  int start = *index;
  for (size_t t = 0; t < a->tables; t++) {
    int known = 0;
    const cli_table *table = &a->table[t];
    if (trm__options_parse(table->items, table->count, table->config, argc, argv, index, &known, &error))
      return cli_error(command, &error);
    if (!known) continue;
    a->given[a->givens++] = (cli_given){named(table, argv[start]), table};
    return CLI_CONTINUE;
  }
  return unknown_option(command, a, argv[start]);
}

/* "-o FILE" is short for "--out FILE". */
static void expand_short(int argc, char **argv) {
  static char out[] = "--out", model[] = "--model";
  for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (!strcmp(argv[i], "-o")) argv[i] = out;
    if (!strcmp(argv[i], "-m")) argv[i] = model;
  }
}

int cli_parse(const cli_command *command, int argc, char **argv, cli_arguments *a) {
  memset(a, 0, sizeof *a);
  a->tables = command->tables(a->table);
  a->positional = cli_alloc((size_t)argc + 1, sizeof *a->positional);
  a->given = cli_alloc((size_t)argc + 1, sizeof *a->given);
  expand_short(argc, argv);
  for (int i = 0; i < argc;) {
    const char *word = argv[i];
    if (!strcmp(word, "--")) {
      for (i++; i < argc; i++) a->positional[a->positionals++] = argv[i];
    } else if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
      cli_print_help(command, stdout);
      return CLI_OK;
    } else if (word[0] == '-' && word[1] == '-') {
      int code = parse_option(command, argc, argv, &i, a);
      if (code != CLI_CONTINUE) return code;
    } else if (word[0] == '-' && word[1] && !strchr("0123456789.-|+_*", word[1])) {
      return unknown_option(command, a, word);
    } else {
      a->positional[a->positionals++] = word;
      i++;
    }
  }
  return CLI_CONTINUE;
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
