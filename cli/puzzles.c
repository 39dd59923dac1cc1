/* Reading puzzles: see puzzles.h. Every error names the file, the line and the column. */
#include "cli/puzzles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST ((size_t)256 << 20) /* bytes of one file of puzzles */

/* -- texts --------------------------------------------------------------------------------------------------------- */

static int puzzles_read_stream(const cli_command *command, FILE *file, cli_text *text) {
  size_t room = 0, got;
  do {
    if (text->size + 65536 > room) text->data = cli_grow(text->data, room = 2 * room + 65536, 1);
    got = fread(text->data + text->size, 1, room - text->size, file);
    text->size += got;
    if (text->size > LARGEST)
      return cli_bad_input(command, "%s: over %zu MiB, expected puzzles as text", text->where, LARGEST >> 20);
  } while (got > 0);
  if (ferror(file)) return cli_bad_input(command, "%s: cannot read: %s", text->where, strerror(errno));
  text->data[text->size] = 0;
  return CLI_CONTINUE;
}

static int puzzles_read_file(const cli_command *command, const char *path, cli_text *text) {
  FILE *file = fopen(path, "rb");
  if (!file) return cli_bad_input(command, "%s: cannot open: %s", path, strerror(errno));
  text->where = cli_copy_text(path, strlen(path));
  text->is_file = 1;
  int code = puzzles_read_stream(command, file, text);
  (void)fclose(file);
  return code;
}

/* A word that looks like a path: a slash, or an ending of a few small letters. */
static int puzzles_is_path(const char *word) {
  const char *dot = strrchr(word, '.');
  if (strchr(word, '/')) return 1;
  if (!dot || dot == word || strlen(dot) < 3 || strlen(dot) > 6) return 0;
  return strspn(dot + 1, "abcdefghijklmnopqrstuvwxyz") == strlen(dot + 1);
}

static int puzzles_read_word(const cli_command *command, const char *word, size_t number, cli_text *text) {
  struct stat info;
  if (!strcmp(word, "-")) {
    text->where = cli_copy_text("standard input", 14);
    text->is_file = 1;
    return puzzles_read_stream(command, stdin, text);
  }
  if (stat(word, &info) == 0) {
    if (S_ISDIR(info.st_mode)) return cli_bad_input(command, "%s: is a directory, expected a file of puzzles", word);
    return puzzles_read_file(command, word, text);
  }
  if (puzzles_is_path(word)) return cli_bad_input(command, "%s: cannot open: %s", word, strerror(errno));
  char where[40];
  (void)snprintf(where, sizeof where, "argument %zu", number);
  text->where = cli_copy_text(where, strlen(where));
  text->data = cli_copy_text(word, strlen(word));
  text->size = strlen(word);
  return CLI_CONTINUE;
}

int cli_puzzles_read(const cli_command *command, const char *const *words, size_t count, cli_puzzles *puzzles) {
  static const char *const standard_input[] = {"-"};
  memset(puzzles, 0, sizeof *puzzles);
  if (!count && isatty(STDIN_FILENO))
    return cli_usage(command, "expected a puzzle, a file of puzzles, or - for standard input");
  if (!count) words = standard_input;
  puzzles->texts = count ? count : 1;
  puzzles->text = cli_alloc(puzzles->texts, sizeof *puzzles->text);
  for (size_t i = 0; i < puzzles->texts; i++) {
    int code = puzzles_read_word(command, words[i], i + 1, &puzzles->text[i]);
    if (code != CLI_CONTINUE) return code;
  }
  return CLI_CONTINUE;
}

void cli_puzzles_close(cli_puzzles *puzzles) {
  for (size_t i = 0; i < puzzles->texts; i++) {
    free(puzzles->text[i].where);
    free(puzzles->text[i].data);
  }
  for (size_t i = 0; i < puzzles->count; i++) free(puzzles->where[i]);
  free(puzzles->text);
  free(puzzles->where);
  free(puzzles->tokens);
  memset(puzzles, 0, sizeof *puzzles);
}

/* -- lines --------------------------------------------------------------------------------------------------------- */

/* The line at *at without its end; *at moves behind it. */
static const char *puzzles_next_line(const cli_text *text, size_t *at, size_t *length) {
  const char *line = text->data + *at, *end = memchr(line, '\n', text->size - *at);
  *length = end ? (size_t)(end - line) : text->size - *at;
  *at += *length + (end != NULL);
  if (*length && line[*length - 1] == '\r') --*length;
  return line;
}

static int puzzles_is_empty(const char *line, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (line[i] != ' ' && line[i] != '\t') return 0;
  return 1;
}

size_t cli_puzzles_cells(const cli_puzzles *puzzles) {
  size_t best = 0, total = 0, at = 0, length;
  if (!puzzles->texts) return 0;
  const cli_text *text = &puzzles->text[0];
  while (at < text->size) {
    const char *line = puzzles_next_line(text, &at, &length);
    size_t cells = 0;
    if (puzzles_is_empty(line, length) && total) break;
    for (size_t i = 0; i < length; i++) cells += !memchr(" \t|-+=,", line[i], 7);
    if (!best) best = cells; /* a whole puzzle on the first line */
    total += cells;
  }
  return best >= 16 ? best : total;
}

/* -- parsing ------------------------------------------------------------------------------------------------------- */

/* Where in its file the library's "line 2, column 5" of one puzzle lies. */
static void puzzles_place(char *where, size_t size, const cli_text *text, size_t first_line, const trm_error *error) {
  unsigned long line, column;
  if (sscanf(error->where, "line %lu, column %lu", &line, &column) == 2) {
    if (text->is_file) (void)snprintf(where, size, "%s:%zu:%lu", text->where, first_line + line - 1, column);
    else (void)snprintf(where, size, "%s, line %lu, column %lu", text->where, line, column);
  } else if (text->is_file) {
    (void)snprintf(where, size, "%s:%zu", text->where, first_line);
  } else {
    (void)snprintf(where, size, "%s", text->where);
  }
}

static int puzzles_add(const cli_command *command, const trm_task *task, cli_puzzles *puzzles, const cli_text *text,
                       const char *data, size_t length, size_t line) {
  size_t S = (size_t)task->width * (size_t)task->height, n = puzzles->count;
  trm_error error = {0};
  if ((n & (n - 1)) == 0) { /* room doubles */
    size_t room = n ? 2 * n : 1;
    puzzles->tokens = cli_grow(puzzles->tokens, room, S * sizeof *puzzles->tokens);
    puzzles->where = cli_grow(puzzles->where, room, sizeof *puzzles->where);
  }
  char where[700];
  int32_t *tokens = puzzles->tokens + n * S;
  int parsed = !trm_task_parse(task, data, length, tokens, S, &error);
  puzzles_place(where, sizeof where, text, line, &error);
  if (!parsed) return cli_bad_input(command, "%s: %s", where, error.message);
  if (trm_task_check_question(task, tokens, &error))
    return cli_bad_input(command, "%s, %s: %s", where, error.where, error.message);
  puzzles->where[n] = cli_copy_text(where, strlen(where));
  puzzles->count++;
  return CLI_CONTINUE;
}

/* 1 when one line alone is a puzzle. */
static int puzzles_is_line(const trm_task *task, const char *line, size_t length) {
  size_t S = (size_t)task->width * (size_t)task->height;
  int32_t *tokens = cli_alloc(S, sizeof *tokens);
  int whole = !trm_task_parse(task, line, length, tokens, S, NULL);
  free(tokens);
  return whole;
}

static int puzzles_parse_lines(const cli_command *command, const trm_task *task, cli_puzzles *puzzles,
                               const cli_text *text) {
  size_t length, number = 1;
  for (size_t at = 0; at < text->size; number++) {
    const char *line = puzzles_next_line(text, &at, &length);
    if (!length || (task->kind == TRM_TASK_SUDOKU && puzzles_is_empty(line, length))) continue;
    int code = puzzles_add(command, task, puzzles, text, line, length, number);
    if (code != CLI_CONTINUE) return code;
  }
  return CLI_CONTINUE;
}

static int puzzles_parse_grids(const cli_command *command, const trm_task *task, cli_puzzles *puzzles,
                               const cli_text *text) {
  size_t length, number = 1;
  for (size_t at = 0; at < text->size;) {
    size_t begin = at, first = number, size = 0;
    while (at < text->size) {
      const char *line = puzzles_next_line(text, &at, &length);
      number++;
      if (!length) break;
      size = (size_t)(line - text->data) + length - begin;
    }
    if (!size) continue;
    int code = puzzles_add(command, task, puzzles, text, text->data + begin, size, first);
    if (code != CLI_CONTINUE) return code;
  }
  return CLI_CONTINUE;
}

static int puzzles_parse_text(const cli_command *command, const trm_task *task, cli_puzzles *puzzles,
                              const cli_text *text) {
  size_t at = 0, length = 0, before = puzzles->count;
  const char *line = "";
  while (at < text->size && !length) line = puzzles_next_line(text, &at, &length);
  int many = task->height == 1 || puzzles_is_line(task, line, length);
  /* A first line much too long for a row was meant as a whole puzzle: say what is wrong with it as such. */
  if (length > 3 * (size_t)task->width + 8) many = 1;
  int code =
      many ? puzzles_parse_lines(command, task, puzzles, text) : puzzles_parse_grids(command, task, puzzles, text);
  if (code != CLI_CONTINUE) return code;
  if (puzzles->count == before)
    return cli_bad_input(command, "%s: no puzzle in it, expected %d x %d cells", text->where, task->width,
                         task->height);
  return CLI_CONTINUE;
}

static int puzzles_has_ending(const char *path, const char *ending) {
  size_t length = strlen(path), n = strlen(ending);
  return length > n && !strcmp(path + length - n, ending);
}

/* The questions of a .csv or .jsonl file. */
static int puzzles_parse_table(const cli_command *command, const trm_task *task, cli_puzzles *puzzles,
                               const cli_text *text) {
  trm_dataset *dataset = NULL;
  trm_error error = {0};
  size_t S = (size_t)task->width * (size_t)task->height;
  if (trm_dataset_open(&dataset, text->where, "test", task, &error)) return cli_error(command, &error);
  size_t n = (size_t)trm_dataset_describe(dataset).examples;
  size_t room = 1;
  while (room < puzzles->count + n) room *= 2;
  puzzles->tokens = cli_grow(puzzles->tokens, room, S * sizeof *puzzles->tokens);
  puzzles->where = cli_grow(puzzles->where, room, sizeof *puzzles->where);
  int code = CLI_CONTINUE;
  for (size_t i = 0; i < n && code == CLI_CONTINUE; i++) {
    char where[700];
    int32_t *tokens = puzzles->tokens + puzzles->count * S;
    trm_dataset_example(dataset, (int64_t)i, tokens, NULL, NULL, NULL);
    (void)snprintf(where, sizeof where, "%s, puzzle %zu", text->where, i + 1);
    if (trm_task_check_question(task, tokens, &error))
      code = cli_bad_input(command, "%s, %s: %s", where, error.where, error.message);
    else puzzles->where[puzzles->count++] = cli_copy_text(where, strlen(where));
  }
  trm_dataset_close(&dataset);
  return code;
}

int cli_puzzles_parse(const cli_command *command, const trm_task *task, cli_puzzles *puzzles) {
  for (size_t i = 0; i < puzzles->texts; i++) {
    const cli_text *text = &puzzles->text[i];
    int table = text->is_file && (puzzles_has_ending(text->where, ".csv") || puzzles_has_ending(text->where, ".jsonl"));
    int code =
        table ? puzzles_parse_table(command, task, puzzles, text) : puzzles_parse_text(command, task, puzzles, text);
    if (code != CLI_CONTINUE) return code;
  }
  return CLI_CONTINUE;
}
