/* --help of one command, generated from its declaration and option tables. */
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

static void help_print_lines(FILE *file, const char *text, const char *indent) {
  while (*text) {
    size_t length = strcspn(text, "\n");
    fprintf(file, "%s%.*s\n", indent, (int)length, text);
    text += length;
    if (*text) text++;
  }
}

void cli_print_help(const cli_command *command, FILE *file) {
  int columns = cli_columns(file);
  if (columns > 100) columns = 100;
  fprintf(file, "usage: trm %s %s\n\n", command->name, command->synopsis);
  cli_print_wrapped(file, command->description, (size_t)columns);
  cli_table tables[CLI_TABLES];
  size_t count = command->tables(tables);
  for (size_t i = 0; i < count; i++) {
    if (!tables[i].count) continue;
    char *text = trm__options_help(tables[i].items, tables[i].count, columns);
    fprintf(file, "\n%s", text ? text : "");
    trm__options_free(text);
  }
  fputs("\nExamples:\n", file);
  help_print_lines(file, command->examples, "  ");
}
