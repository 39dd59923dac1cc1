/* Messages, exit codes, progress, numbers for people, and JSON. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

/* The progress line now on the screen, so that a message does not land behind it. */
static cli_progress *output_progress;

/* A message is one line whatever a file name or a hostile file put into it. */
static void output_line(const char *prefix, const char *name, const char *text) {
  char line[2048];
  (void)snprintf(line, sizeof line, "%s%s%s%s", prefix, name, *prefix ? ": " : "", text);
  if (output_progress) cli_progress_clear(output_progress);
  fprintf(stderr, "%s\n", cli_plain(line));
}

int cli_exit_code(trm_status status) {
  switch (status) {
  case TRM_OK:
    return CLI_OK;
  case TRM_E_STOPPED:
    return CLI_UNSOLVED;
  case TRM_E_USAGE:
    return CLI_USAGE;
  case TRM_E_INPUT:
  case TRM_E_IO: /* a path that the user gave: absent, unreadable, read-only, or on a full disk */
  case TRM_E_BUSY:
    return CLI_INPUT;
  case TRM_E_MEMORY:
  case TRM_E_UNSUPPORTED:
  case TRM_E_DIVERGED:
  case TRM_E_INTERNAL:
    return CLI_FAULT;
  }
  return CLI_FAULT;
}

int cli_error(const cli_command *command, const trm_error *error) {
  char where[600], text[1700];
  cli_table tables[CLI_TABLES];
  size_t count = command->tables(tables);
  (void)snprintf(where, sizeof where, "%s", error->where);
  for (size_t i = 0; i < count; i++) { /* "micro_batch" as it is typed: "--micro-batch" */
    if (!where[0] || !trm__option_find(tables[i].items, tables[i].count, where)) continue;
    (void)snprintf(where, sizeof where, "--%s", error->where);
    for (char *p = where; *p; p++)
      if (*p == '_') *p = '-';
    break;
  }
  (void)snprintf(text, sizeof text, "%s%s%s", where, where[0] ? ": " : "", error->message);
  output_line("trm ", command->name, text);
  return cli_exit_code(error->code);
}

static void output_format(const cli_command *command, const char *kind, const char *format, va_list arguments) {
  char text[1900];
  int used = snprintf(text, sizeof text, "%s", kind);
  (void)vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
  output_line(command ? "trm " : "", command ? command->name : "", text);
}

int cli_usage(const cli_command *command, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  output_format(command, "", format, arguments);
  va_end(arguments);
  return CLI_USAGE;
}

int cli_bad_input(const cli_command *command, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  output_format(command, "", format, arguments);
  va_end(arguments);
  return CLI_INPUT;
}

void cli_warn(const cli_command *command, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  output_format(command, "warning: ", format, arguments);
  va_end(arguments);
}

void cli_note(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  output_format(NULL, "", format, arguments);
  va_end(arguments);
}

int cli_stdout_broken(void) {
  return ferror(stdout);
}

int cli_finish(int code) {
  int lost = ferror(stdout), reason = 0;
  if (fflush(stdout) != 0) {
    lost = 1;
    reason = errno;
  }
  if (!lost) return code;
  if (!reason && write(STDOUT_FILENO, "\n", 1) < 0) reason = errno; /* an earlier write failed: ask again why */
  if (reason == EPIPE) return CLI_FAULT;                            /* the reader has what it wanted */
  if (reason) cli_note("trm: standard output: cannot write: %s", strerror(reason));
  else cli_note("trm: standard output: cannot write");
  return CLI_FAULT;
}

/* -- terminals ----------------------------------------------------------------------------------------------------- */

int cli_is_terminal(FILE *file) {
  const char *term = cli_environment("TERM");
  return isatty(fileno(file)) && term && strcmp(term, "dumb") != 0;
}

static int output_color;

void cli_set_color(int when) {
  output_color = when;
}

int cli_color(FILE *file) {
  if (output_color != CLI_COLOR_AUTO) return output_color == CLI_COLOR_ALWAYS;
  return cli_is_terminal(file) && !cli_environment("NO_COLOR");
}

int cli_columns(FILE *file) {
  struct winsize size;
  if (!isatty(fileno(file)) || ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

int cli_utf8(void) {
  const char *locale = cli_environment("LC_ALL");
  if (!locale) locale = cli_environment("LC_CTYPE");
  if (!locale) locale = cli_environment("LANG");
  return locale && (strstr(locale, "UTF-8") || strstr(locale, "utf8") || strstr(locale, "utf-8"));
}

int cli_rows(FILE *file) {
  struct winsize size;
  if (!isatty(fileno(file)) || ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_row < 5) return 24;
  return size.ws_row;
}

static double output_seconds(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

cli_progress cli_progress_open(int quiet) {
  int live = cli_is_terminal(stderr);
  return (cli_progress){.live = live, .quiet = quiet, .last = live ? 0 : output_seconds(), .every = live ? 0.1 : 5};
}

int cli_progress_due(const cli_progress *p) {
  return !p->quiet && output_seconds() - p->last >= p->every;
}

/* When the window has become narrower, the terminal has broken the line into several: all of them go. */
static void progress_erase(const cli_progress *p) {
  int above = p->shown > 0 ? (p->shown - 1) / cli_columns(stderr) : 0;
  if (above) fprintf(stderr, "\033[%dA", above);
  fputs(above ? "\r\033[J" : "\r\033[K", stderr);
}

void cli_progress_show(cli_progress *p, const char *line) {
  if (p->quiet) return;
  p->last = output_seconds();
  if (p->live) {
    int room = cli_columns(stderr) - 1, length = (int)strlen(line);
    progress_erase(p);
    fprintf(stderr, "%.*s", room, line);
    (void)fflush(stderr);
    p->shown = length < room ? length : room;
    output_progress = p;
  } else {
    fprintf(stderr, "%s\n", line);
  }
}

void cli_progress_clear(cli_progress *p) {
  if (p->live && p->shown) progress_erase(p);
  p->shown = 0;
  output_progress = NULL;
}

void cli_progress_bar(cli_progress *p, double fraction, const char *text) {
  char line[300];
  int room = cli_columns(stderr) - (int)strlen(text) - 4, width = room > 24 ? 24 : room;
  if (!p->live || width < 6) {
    cli_progress_show(p, text);
    return;
  }
  int filled = (int)(fraction * width), used = snprintf(line, sizeof line, "[");
  for (int i = 0; i < width; i++) line[used++] = i < filled ? '=' : i == filled ? '>' : ' ';
  (void)snprintf(line + used, sizeof line - (size_t)used, "] %s", text);
  cli_progress_show(p, line);
}

int cli_progress_fraction(void *progress, double fraction, const char *what) {
  cli_progress *p = progress;
  char line[100];
  if (cli_interrupted()) return 1;
  if (!cli_progress_due(p)) return 0;
  (void)snprintf(line, sizeof line, "%3.0f %%  %.60s", 100 * fraction, what ? what : "");
  cli_progress_bar(p, fraction, line);
  return 0;
}

/* -- numbers ------------------------------------------------------------------------------------------------------- */

const char *cli_duration(double seconds, char text[32]) {
  if (!(seconds >= 0 && seconds < 1e9)) return strcpy(text, "-");
  long s = lround(seconds), days = s / 86400;
  if (days) (void)snprintf(text, 32, "%ldd %02ld:%02ld", days, s / 3600 % 24, s / 60 % 60);
  else if (s >= 3600) (void)snprintf(text, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  else (void)snprintf(text, 32, "%ld:%02ld", s / 60, s % 60);
  return text;
}

const char *cli_thousands(int64_t number, char text[32]) {
  char digits[24];
  int n = snprintf(digits, sizeof digits, "%lld", (long long)number), at = 0;
  for (int i = 0; i < n; i++) {
    if (i && digits[i - 1] != '-' && (n - i) % 3 == 0) text[at++] = ',';
    text[at++] = digits[i];
  }
  text[at] = 0;
  return text;
}

const char *cli_percent(double fraction, char text[32]) {
  if (!isfinite(fraction)) return strcpy(text, "-");
  (void)snprintf(text, 32, "%.1f %%", 100 * fraction);
  return text;
}

const char *cli_bytes(double bytes, char text[32]) {
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
  int unit = 0;
  while (bytes >= 1000 && unit < 4) {
    bytes /= 1000;
    unit++;
  }
  (void)snprintf(text, 32, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
  return text;
}

char *cli_plain(char *text) {
  for (unsigned char *p = (unsigned char *)text; *p; p++)
    if (iscntrl(*p)) *p = '?';
  return text;
}

/* -- JSON ---------------------------------------------------------------------------------------------------------- */

json_t *cli_real(double number) {
  return isfinite(number) ? json_real(number) : json_null();
}

json_t *cli_path(const char *path) {
  json_t *value = json_string(path);
  if (value || !path) return value;
  char *plain = cli_alloc(strlen(path) + 1, 1);
  for (size_t i = 0; path[i]; i++) plain[i] = (unsigned char)path[i] < 0x80 ? path[i] : '?';
  value = json_string(plain);
  free(plain);
  return value;
}

void cli_json_print(json_t *value, int one_line) {
  if (!value) {
    cli_note("trm: out of memory");
    exit(CLI_FAULT);
  }
  (void)json_dumpf(value, stdout, (one_line ? JSON_COMPACT : JSON_INDENT(2)) | JSON_REAL_PRECISION(9));
  fputc('\n', stdout);
  json_decref(value);
}

/* -- memory -------------------------------------------------------------------------------------------------------- */

static void *output_memory(void *p) {
  if (p) return p;
  cli_note("trm: out of memory");
  exit(CLI_FAULT);
}

void *cli_alloc(size_t count, size_t size) {
  return output_memory(calloc(count ? count : 1, size ? size : 1));
}

void *cli_grow(void *p, size_t count, size_t size) {
  return output_memory(size && count > SIZE_MAX / size ? NULL : realloc(p, count * size + 1));
}

char *cli_copy_text(const char *text, size_t length) {
  char *copy = cli_alloc(length + 1, 1);
  memcpy(copy, text, length);
  return copy;
}
