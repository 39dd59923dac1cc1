/* --help of one command, generated from its declaration and option tables: a screen of 24 lines with what is used most,
 * and --help=all. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

void cli_print_wrapped(FILE *file, const char *text, size_t columns) {
  size_t at = 0;
  while (*text) {
    if (!strncmp(text, "\n\n", 2)) {
      fputs("\n\n", file);
      text += 2;
      at = 0;
      continue;
    }
    size_t length = strcspn(text, " \n");
    if (at && at + 1 + length > columns) {
      fputc('\n', file);
      at = 0;
    } else if (at) {
      fputc(' ', file);
      at++;
    }
    fprintf(file, "%.*s", (int)length, text);
    at += length;
    text += length;
    if (*text == ' ' || (*text == '\n' && text[1] != '\n')) text++;
  }
  fputc('\n', file);
}

static void help_print_examples(FILE *file, const char *text, int most) {
  fputs("\nExamples:\n", file);
  for (int i = 0; *text && i < most; i++) {
    size_t length = strcspn(text, "\n");
    fprintf(file, "  %.*s\n", (int)length, text);
    text += length;
    if (*text) text++;
  }
}

/* -- one screen ---------------------------------------------------------------------------------------------------- */

static int help_is_usual(const cli_command *command, const char *name) {
  size_t length = strlen(name), n;
  if (!command->usual) return 1;
  for (const char *p = command->usual; *p; p += n + (p[n] == ' ')) {
    n = strcspn(p, " ");
    if (n == length && !strncmp(p, name, n)) return 1;
  }
  return 0;
}

/* The usual options, each with its help up to the first semicolon. Returns how many options there are in all. */
static size_t help_print_usual(const cli_command *command, FILE *file, int columns) {
  cli_table tables[CLI_TABLES];
  size_t count = command->tables(tables), all = 0, shown = 0;
  for (size_t t = 0; t < count; t++) all += tables[t].count;
  trm_option *option = cli_alloc(all + 1, sizeof *option);
  for (size_t t = 0; t < count; t++)
    for (size_t i = 0; i < tables[t].count; i++) {
      if (!help_is_usual(command, tables[t].items[i].name)) continue;
      trm_option *o = &option[shown++];
      *o = tables[t].items[i];
      o->group = shown > 1 ? NULL : "Options";
      o->help = o->help ? cli_copy_text(o->help, strcspn(o->help, ";")) : NULL;
    }
  char *text = trm__options_help(option, shown, columns);
  fprintf(file, "%s", text ? text : "");
  trm__options_free(text);
  for (size_t i = 0; i < shown; i++) free((char *)(uintptr_t)option[i].help);
  free(option);
  return all;
}

static void help_print_screen(const cli_command *command, FILE *file, int columns) {
  char first = command->summary[0];
  fprintf(file, "%c%s.\n\n", first >= 'a' && first <= 'z' ? first - 'a' + 'A' : first, command->summary + 1);
  size_t all = help_print_usual(command, file, columns);
  help_print_examples(file, command->examples, 3);
  fprintf(file, "\nAll %zu options, and more: trm %s --help=all, or man trm", all, command->name);
  for (const char *p = command->name; *p; p++) fprintf(file, p == command->name ? "-%c" : "%c", *p == ' ' ? '-' : *p);
  fputs("\n", file);
}

/* -- all of it ----------------------------------------------------------------------------------------------------- */

static void help_print_all(const cli_command *command, FILE *file, int columns) {
  cli_print_wrapped(file, command->description, (size_t)columns);
  cli_table tables[CLI_TABLES];
  size_t count = command->tables(tables);
  for (size_t i = 0; i < count; i++) {
    if (!tables[i].count) continue;
    char *text = trm__options_help(tables[i].items, tables[i].count, columns);
    fprintf(file, "\n%s", text ? text : "");
    trm__options_free(text);
  }
  help_print_examples(file, command->examples, INT_MAX);
}

void cli_print_help(const cli_command *command, int all, FILE *file) {
  int columns = cli_columns(file);
  if (columns > 100) columns = 100;
  fprintf(file, "usage: trm %s %s\n\n", command->name, command->synopsis);
  (all ? help_print_all : help_print_screen)(command, file, columns);
}
