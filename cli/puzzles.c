/* Reading puzzles: see puzzles.h. Every error names the file, the line and, where it can be told, the column. */
#include "cli/puzzles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST ((size_t)16 << 20)       /* bytes of one puzzle's text */
#define LONG_ROW ((size_t)36)            /* cells of a line that is no row but a puzzle, while no task is known */
#define LONGEST_RECORD ((size_t)1 << 20) /* of a CSV record, which is as much as its reader takes for a field */
#define PIECE ((size_t)64 << 10)         /* of a longer line that is looked at first */

/* -- what the arguments name --------------------------------------------------------------------------------------- */

/* A word that looks like a path: a slash, or an ending of a few small letters. */
static int puzzles_is_path(const char *word) {
  const char *dot = strrchr(word, '.');
  if (strchr(word, '/')) return 1;
  if (!dot || dot == word || strlen(dot) < 3 || strlen(dot) > 6) return 0;
  return strspn(dot + 1, "abcdefghijklmnopqrstuvwxyz") == strlen(dot + 1);
}

static int puzzles_check_word(const cli_command *command, const char *word) {
  struct stat info;
  if (!strcmp(word, "-") || stat(word, &info) != 0) return CLI_CONTINUE;
  if (cli_path_look(word) == CLI_PATH_MODEL)
    return cli_bad_input(command, "%s: a model, expected a puzzle or a file of puzzles; name it with --model %s", word,
                         word);
  if (S_ISDIR(info.st_mode)) return cli_bad_input(command, "%s: is a directory, expected a file of puzzles", word);
  if (access(word, R_OK) != 0) return cli_bad_input(command, "%s: cannot open: %s", word, strerror(errno));
  return CLI_CONTINUE;
}

int cli_puzzles_open(const cli_command *command, const char *const *words, size_t count, cli_puzzles *puzzles) {
  static const char *const standard_input[] = {"-"};
  *puzzles = (cli_puzzles){.command = command, .words = count ? words : standard_input, .texts = count ? count : 1};
  if (!count && isatty(STDIN_FILENO))
    return cli_usage(command, "expected a puzzle, a file of puzzles, or - for standard input");
  for (size_t i = 0; i < count; i++) {
    int code = puzzles_check_word(command, words[i]);
    if (code != CLI_CONTINUE) return code;
  }
  return CLI_CONTINUE;
}

int cli_puzzles_check(const cli_puzzles *puzzles, const trm_task *task) {
  struct stat info;
  for (size_t i = 0; i < puzzles->texts; i++) {
    const char *word = puzzles->words[i];
    if (!strcmp(word, "-") || !puzzles_is_path(word) || stat(word, &info) == 0 || trm__texts_reads(word, task))
      continue;
    return cli_bad_input(puzzles->command, "%s: cannot open: %s", word, strerror(errno));
  }
  return CLI_CONTINUE;
}

static void puzzles_close_text(cli_puzzles *puzzles) {
  if (puzzles->open) cli_input_close(&puzzles->input);
  puzzles->open = 0;
}

void cli_puzzles_close(cli_puzzles *puzzles) {
  puzzles_close_text(puzzles);
}

void cli_puzzle_free(cli_puzzle *puzzle) {
  free(puzzle->where);
  free(puzzle->error);
  free(puzzle->right);
  *puzzle = (cli_puzzle){0};
}

/* Begins to read the text at hand. 0 when it cannot be opened; errno says why. A pipe without a writer does not hold
 * this up: it is waited for as for any input. */
static int puzzles_open_text(cli_puzzles *p) {
  const char *word = p->words[p->text];
  struct stat info;
  int fd = -1, standard = !strcmp(word, "-"), exists = standard || stat(word, &info) == 0;
  if (p->open) return 1;
  p->where = standard ? "standard input" : word;
  p->is_file = exists;
  if (standard) fd = STDIN_FILENO;
  else if (p->is_file && (fd = open(word, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0) return 0;
  if (!p->is_file) {
    (void)snprintf(p->argument, sizeof p->argument, "argument %zu", p->text + 1);
    p->where = p->argument;
  }
  cli_input_open(&p->input, fd, word, strlen(word));
  p->is_table = p->looked = p->unpacked = 0;
  p->line = 1;
  p->found = 0;
  p->skipping = 0;
  p->given = 0;
  p->reader = (trm__texts){0};
  p->open = 1;
  return 1;
}

/* -- one puzzle ---------------------------------------------------------------------------------------------------- */

static cli_puzzles_answer puzzles_bad(cli_puzzles *p, cli_puzzle *puzzle, const char *where, const char *error) {
  puzzle->where = cli_copy_text(where, strlen(where));
  puzzle->error = cli_copy_text(error, strlen(error));
  p->found++;
  return CLI_PUZZLES_ONE;
}

static cli_puzzles_answer puzzles_bad_line(cli_puzzles *p, cli_puzzle *puzzle, const char *error) {
  char where[700];
  (void)snprintf(where, sizeof where, "%s:%llu", p->where, (unsigned long long)p->line);
  return puzzles_bad(p, puzzle, p->is_file ? where : p->where, error);
}

/* Where in its file the library's "line 2, column 5" of one puzzle lies. */
static void puzzles_place(const cli_puzzles *p, uint64_t first_line, const trm_error *error, char where[700]) {
  unsigned long line, column;
  if (sscanf(error->where, "line %lu, column %lu", &line, &column) == 2) {
    if (p->is_file)
      (void)snprintf(where, 700, "%s:%llu:%lu", p->where, (unsigned long long)first_line + line - 1, column);
    else (void)snprintf(where, 700, "%s, line %lu, column %lu", p->where, line, column);
  } else if (p->is_file) {
    (void)snprintf(where, 700, "%s:%llu", p->where, (unsigned long long)first_line);
  } else {
    (void)snprintf(where, 700, "%s", p->where);
  }
}

/* The puzzle whose tokens are there, unless it contradicts itself. */
static cli_puzzles_answer puzzles_good(cli_puzzles *p, const trm_task *task, const int32_t *tokens, const char *where,
                                       cli_puzzle *puzzle) {
  char place[900];
  trm_error error = {0};
  if (trm_task_check_question(task, tokens, &error)) {
    (void)snprintf(place, sizeof place, "%s, %s", where, error.where);
    return puzzles_bad(p, puzzle, place, error.message);
  }
  puzzle->where = cli_copy_text(where, strlen(where));
  p->found++;
  return CLI_PUZZLES_ONE;
}

static cli_puzzles_answer puzzles_parse(cli_puzzles *p, const trm_task *task, const char *text, size_t length,
                                        int32_t *tokens, cli_puzzle *puzzle) {
  char where[700];
  trm_error error = {0};
  int parsed = !trm_task_parse(task, text, length, tokens, (size_t)task->width * (size_t)task->height, &error);
  puzzles_place(p, p->line, &error, where);
  return parsed ? puzzles_good(p, task, tokens, where, puzzle) : puzzles_bad(p, puzzle, where, error.message);
}

/* -- lines --------------------------------------------------------------------------------------------------------- */

static size_t count_bytes(const char *text, size_t length, char byte) {
  size_t count = 0;
  for (const char *end = text + length; (text = memchr(text, byte, (size_t)(end - text))); text++) count++;
  return count;
}

static void puzzles_drop(cli_puzzles *p, size_t bytes, uint64_t lines) {
  cli_input_drop(&p->input, bytes);
  p->line += lines;
}

/* The line that begins `at` bytes on; *length with its end. A longer one than LONGEST ends there. */
static cli_input_answer puzzles_line(cli_puzzles *p, size_t at, int wait, size_t *length) {
  return cli_input_line(&p->input, at, at < LONGEST ? LONGEST - at : 1, wait, length);
}

/* 1 when the text that ends behind these bytes is only the beginning of a line, as it is too long. */
static int puzzles_is_cut(const cli_puzzles *p, size_t bytes) {
  return bytes >= LONGEST && cli_input_text(&p->input)[bytes - 1] != '\n';
}

static cli_puzzles_answer puzzles_too_long(cli_puzzles *p, size_t bytes, cli_puzzle *puzzle) {
  char error[80];
  (void)snprintf(error, sizeof error, "over %zu MiB without an end, expected puzzles as text", LONGEST >> 20);
  cli_puzzles_answer answer = puzzles_bad_line(p, puzzle, error);
  p->skipping = puzzles_is_cut(p, bytes);
  puzzles_drop(p, bytes, count_bytes(cli_input_text(&p->input), bytes, '\n'));
  return answer;
}

/* LINE when the rest of a line that is too long has been dropped. */
static cli_input_answer puzzles_skip(cli_puzzles *p, int wait) {
  size_t length;
  while (p->skipping) {
    cli_input_answer answer = puzzles_line(p, 0, wait, &length);
    if (answer != CLI_INPUT_LINE) return answer;
    p->skipping = cli_input_text(&p->input)[length - 1] != '\n';
    puzzles_drop(p, length, !p->skipping);
  }
  return CLI_INPUT_LINE;
}

static cli_puzzles_answer puzzles_without(cli_input_answer answer) {
  return answer == CLI_INPUT_END ? CLI_PUZZLES_END : CLI_PUZZLES_NONE;
}

/* -- text ---------------------------------------------------------------------------------------------------------- */

/* The puzzle that was found, and what it took away from the input. */
static cli_puzzles_answer text_take(cli_puzzles *p, const trm_task *task, const trm__texts_puzzle *found,
                                    int32_t *tokens, cli_puzzle *puzzle) {
  (void)puzzles_parse(p, task, cli_input_text(&p->input), found->size, tokens, puzzle);
  puzzles_drop(p, found->used, found->lines);
  p->given = 0;
  return CLI_PUZZLES_ONE;
}

static cli_puzzles_answer text_too_long(cli_puzzles *p, size_t whole, cli_puzzle *puzzle) {
  size_t bytes = p->given + whole;
  p->given = 0;
  p->reader = (trm__texts){0};
  return puzzles_too_long(p, bytes, puzzle);
}

/* What ends the puzzle at hand when no line is there: the end of the text, or with nothing more at the moment that it
 * has all its rows. */
static cli_puzzles_answer text_end(cli_puzzles *p, const trm_task *task, int ended, int32_t *tokens,
                                   cli_puzzle *puzzle) {
  trm__texts_puzzle found;
  if (trm__texts_end(&p->reader, !ended, &found)) return text_take(p, task, &found, tokens, puzzle);
  return ended ? CLI_PUZZLES_END : CLI_PUZZLES_NONE;
}

static cli_puzzles_answer puzzles_next_text(cli_puzzles *p, const trm_task *task, int wait, int32_t *tokens,
                                            cli_puzzle *puzzle) {
  if (!p->reader.task.width) trm__texts_open(&p->reader, task);
  for (;;) {
    size_t whole;
    trm__texts_puzzle found;
    cli_input_answer line = puzzles_line(p, p->given, 0, &whole);
    if (line != CLI_INPUT_LINE) {
      cli_puzzles_answer answer = text_end(p, task, line == CLI_INPUT_END, tokens, puzzle);
      if (answer != CLI_PUZZLES_NONE || !wait) return answer;
      line = puzzles_line(p, p->given, 1, &whole);
      if (line == CLI_INPUT_NONE) return CLI_PUZZLES_NONE;
      if (line == CLI_INPUT_END) continue;
    }
    if (p->given + whole >= LONGEST) return text_too_long(p, whole, puzzle);
    switch (trm__texts_line(&p->reader, cli_input_text(&p->input) + p->given, whole, &found)) {
    case TRM__TEXTS_MORE:
      p->given += whole;
      break;
    case TRM__TEXTS_DROP:
      puzzles_drop(p, whole, 1);
      break;
    default:
      return text_take(p, task, &found, tokens, puzzle);
    }
  }
}

/* -- records of CSV and JSON --------------------------------------------------------------------------------------- */

/* A text that is gzip or UTF-16 is read to its end and unpacked. LINE when the text is one that can be read. */
static cli_input_answer puzzles_unpack(cli_puzzles *p, int wait) {
  size_t length, size;
  char *text;
  trm_error error = {0};
  cli_input_answer found = puzzles_line(p, 0, wait, &length);
  if (found != CLI_INPUT_LINE || p->unpacked || !trm__bytes_packed(cli_input_text(&p->input), length)) return found;
  found = cli_input_all(&p->input, wait, &length);
  if (found != CLI_INPUT_LINE) return found;
  p->unpacked = 1;
  if (trm__bytes_unpack(&text, &size, cli_input_text(&p->input), length, p->where, &error)) {
    cli_warn(p->command, "%s: %s", error.where, error.message);
    cli_input_replace(&p->input, "", 0);
    return CLI_INPUT_END;
  }
  cli_input_replace(&p->input, text, size);
  trm__bytes_free(text);
  return size ? CLI_INPUT_LINE : CLI_INPUT_END;
}

static int line_is_empty(const char *line, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (!memchr(" \t\r\n", line[i], 4)) return 0;
  return 1;
}

/* A line that says nothing of what the others are: empty, or with # and letters that no maze has. */
static int line_is_comment(const char *line, size_t length) {
  if (line_is_empty(line, length)) return 1;
  for (size_t i = 1; line[0] == '#' && i < length; i++)
    if (line[i] != 'o' && line[i] >= 'a' && line[i] <= 'z') return 1;
  return 0;
}

/* LINE when it is known whether a file or standard input is a table, which its first lines say. cells: of a question;
 * 0: not known. */
static cli_input_answer puzzles_find_table(cli_puzzles *p, size_t cells, int wait) {
  size_t at = 0, whole = 0;
  const char *path = strcmp(p->words[p->text], "-") != 0 ? p->where : NULL;
  cli_input_answer found = puzzles_unpack(p, wait);
  p->looked = found == CLI_INPUT_LINE;
  if (found != CLI_INPUT_LINE || (path && !p->is_file)) return found;
  do {
    at += whole;
    found = puzzles_line(p, at, wait, &whole);
  } while (found == CLI_INPUT_LINE && at + whole < LONGEST_RECORD &&
           line_is_comment(cli_input_text(&p->input) + at, whole));
  p->looked = found != CLI_INPUT_NONE;
  if (found == CLI_INPUT_NONE) return found;
  const char *text = cli_input_text(&p->input);
  size_t size = at + (found == CLI_INPUT_LINE ? whole : 0), mark = trm__bytes_mark(text, size);
  if (!trm__records_open(&p->records, path, text + mark, size - mark, cells)) return CLI_INPUT_LINE;
  p->is_table = 1;
  cli_input_drop(&p->input, mark);
  return CLI_INPUT_LINE;
}

/* Lines, or pieces of long ones, from `begin` on until a record is whole: *size bytes, which is one line for most. A
 * long record is looked at only each time that it has doubled. */
static cli_input_answer records_gather(cli_puzzles *p, size_t begin, int wait, size_t *size) {
  size_t length, looked = 0, most = p->records.json ? LONGEST : LONGEST_RECORD;
  *size = 0;
  for (;;) {
    size_t piece = p->records.json && LONGEST - *size > PIECE ? PIECE : LONGEST - *size;
    cli_input_answer found = cli_input_line(&p->input, begin + *size, piece, wait, &length);
    if (found == CLI_INPUT_END && *size) return CLI_INPUT_LINE;
    if (found != CLI_INPUT_LINE) return found;
    *size += length;
    if (*size >= most) return CLI_INPUT_LINE;
    if (*size > PIECE && *size < 2 * looked) continue;
    looked = *size;
    if (trm__record_whole(&p->records, cli_input_text(&p->input) + begin, *size)) return CLI_INPUT_LINE;
  }
}

/* Where a record ends cannot be told when its quotes make no sense: then only its first line is lost. */
static void records_drop(cli_puzzles *p, size_t used, size_t size) {
  const char *text = cli_input_text(&p->input), *end = memchr(text, '\n', size);
  if (!used) used = end ? (size_t)(end - text) + 1 : size;
  puzzles_drop(p, used, count_bytes(text, used, '\n'));
}

/* A record is bad at its own line, also when a quote makes its reader stumble further down. */
static cli_puzzles_answer records_bad(cli_puzzles *p, const char *where, const trm_error *error, cli_puzzle *puzzle) {
  char message[sizeof error->where + sizeof error->message];
  size_t length = strlen(where);
  if (!strcmp(error->where, p->where)) return puzzles_bad(p, puzzle, where, error->message);
  if (!strncmp(error->where, where, length) && (error->where[length] == ':' || !error->where[length]))
    return puzzles_bad(p, puzzle, error->where, error->message);
  (void)snprintf(message, sizeof message, "%s: %s", error->where, error->message);
  return puzzles_bad(p, puzzle, where, message);
}

/* The answer in the record of `size` bytes that the input begins with, or NULL. */
static int32_t *records_answer(cli_puzzles *p, const trm__records *before, size_t size, const trm_task *task) {
  int32_t *right = cli_alloc((size_t)task->width * (size_t)task->height, sizeof *right);
  if (!trm__record_answer(before, cli_input_text(&p->input), size, p->line, task, right, NULL)) return right;
  free(right);
  return NULL;
}

static cli_puzzles_answer puzzles_next_record(cli_puzzles *p, const trm_task *task, int wait, int32_t *tokens,
                                              cli_puzzle *puzzle) {
  for (;;) {
    size_t size, used, cells;
    char where[700];
    trm_error error = {0};
    cli_input_answer found = records_gather(p, 0, wait, &size);
    if (found != CLI_INPUT_LINE) return puzzles_without(found);
    if (puzzles_is_cut(p, size)) return puzzles_too_long(p, size, puzzle);
    (void)snprintf(where, sizeof where, "%s:%llu", p->where, (unsigned long long)p->line);
    const trm__records before = p->records;
    trm_status status =
        trm__record_read(&p->records, cli_input_text(&p->input), size, p->line, task, tokens, &cells, &used, &error);
    if (!status && cells) puzzle->right = records_answer(p, &before, used, task);
    records_drop(p, used, size);
    if (!status && !cells) continue; /* the header, or a blank line */
    if (!status) return puzzles_good(p, task, tokens, where, puzzle);
    /* Without its first record nobody knows what the others mean. */
    if (!p->records.json && !p->records.columns.known) p->input.ended = 1, p->input.begin = p->input.end;
    return records_bad(p, where, &error, puzzle);
  }
}

/* -- all texts ----------------------------------------------------------------------------------------------------- */

static cli_puzzles_answer puzzles_next_of_text(cli_puzzles *p, const trm_task *task, int wait, int32_t *tokens,
                                               cli_puzzle *puzzle) {
  cli_input_answer found = puzzles_skip(p, wait);
  if (found == CLI_INPUT_LINE && !p->looked)
    found = puzzles_find_table(p, (size_t)task->width * (size_t)task->height, wait);
  if (found != CLI_INPUT_LINE) return puzzles_without(found);
  if (p->is_table) return puzzles_next_record(p, task, wait, tokens, puzzle);
  return puzzles_next_text(p, task, wait, tokens, puzzle);
}

/* At the end of a text: 1 when there is something to say of it as a whole. */
static int puzzles_end_text(cli_puzzles *p, const trm_task *task, cli_puzzle *puzzle) {
  char error[200] = "";
  if (p->input.error) (void)snprintf(error, sizeof error, "cannot read: %s", strerror(p->input.error));
  else if (!p->found)
    (void)snprintf(error, sizeof error, "no puzzle in it%s, expected %d x %d cells",
                   p->reader.words ? " but words" : "", task->width, task->height);
  if (error[0]) (void)puzzles_bad(p, puzzle, p->where, error);
  puzzles_close_text(p);
  p->text++;
  return error[0] != 0;
}

cli_puzzles_answer cli_puzzles_next(cli_puzzles *p, const trm_task *task, int wait, int32_t *tokens,
                                    cli_puzzle *puzzle) {
  *puzzle = (cli_puzzle){0};
  while (p->text < p->texts) {
    if (!puzzles_open_text(p)) {
      char error[200];
      (void)snprintf(error, sizeof error, "cannot open: %s", strerror(errno));
      p->text++;
      return puzzles_bad(p, puzzle, p->where, error);
    }
    cli_puzzles_answer answer = puzzles_next_of_text(p, task, wait, tokens, puzzle);
    if (answer != CLI_PUZZLES_END) return answer;
    if (puzzles_end_text(p, task, puzzle)) return CLI_PUZZLES_ONE;
  }
  return CLI_PUZZLES_END;
}

/* -- the size of the first ----------------------------------------------------------------------------------------- */

static size_t cells_of_record(cli_puzzles *p) {
  trm__records records = p->records;
  size_t at = 0, length, used, cells = 0;
  for (uint64_t line = 1; !cells && records_gather(p, at, 1, &length) == CLI_INPUT_LINE; line++) {
    const char *text = cli_input_text(&p->input) + at;
    if (trm__record_read(&records, text, length, line, NULL, NULL, &cells, &used, NULL) || !used) break;
    at += used;
  }
  return cells;
}

/* Bytes of the text's first puzzle, more or less: lines up to an empty one or a long one behind cells. */
static size_t cells_gather(cli_puzzles *p) {
  size_t at = 0, rows = 0, first = 0, whole;
  for (;;) {
    cli_input_answer found = puzzles_line(p, at, 0, &whole);
    /* As many rows as columns, or a puzzle on one line: that is all of it. */
    if (found == CLI_INPUT_NONE && rows &&
        (rows >= first || trm__texts_guess(cli_input_text(&p->input), at, NULL, NULL) == first))
      break;
    if (found == CLI_INPUT_NONE) found = puzzles_line(p, at, 1, &whole);
    if (found != CLI_INPUT_LINE) break;
    const char *line = cli_input_text(&p->input) + at;
    size_t cells = trm__texts_guess_line(line, whole);
    if (rows && line_is_empty(line, whole)) break;
    at += whole;
    rows += cells > 0;
    if (!first) first = cells;
    if (cells >= LONG_ROW || at >= LONGEST) break;
  }
  return at;
}

void cli_puzzles_kind(cli_puzzles *p, trm_puzzle_kind *kind, char problem[CLI_PROBLEM]) {
  char where[700];
  trm_error error = {0};
  problem[0] = 0;
  *kind = (trm_puzzle_kind){0};
  if (!puzzles_open_text(p)) return;
  if (puzzles_find_table(p, 0, 1) == CLI_INPUT_LINE && p->is_table) {
    kind->cells = cells_of_record(p);
    return;
  }
  p->looked = 0; /* again when the number of cells is known */
  size_t length = cells_gather(p);
  *kind = trm_text_kind(cli_input_text(&p->input), length, &error);
  puzzles_place(p, p->line, &error, where);
  if (error.message[0]) (void)snprintf(problem, CLI_PROBLEM, "%s: %s", where, error.message);
}
