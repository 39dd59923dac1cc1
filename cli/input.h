/* Text that arrives: lines of a descriptor, which are asked for without waiting while there is something better to do.
 * Only what is not yet dropped is kept, so memory is that of the longest line or paragraph. */
#ifndef TRM_CLI_INPUT_H
#define TRM_CLI_INPUT_H

#include <stddef.h>

typedef struct cli_input {
  int fd; /* -1: all of it is in data */
  char *data;
  size_t room, begin, end; /* data[begin..end): not yet dropped */
  size_t searched;         /* up to here from begin there is no end of the line asked for last */
  size_t searched_from;
  int ended;
  int error; /* errno of a failed read, which also ends it */
} cli_input;

typedef enum {
  CLI_INPUT_LINE, /* there is a line */
  CLI_INPUT_NONE, /* not yet (with wait: a signal came) */
  CLI_INPUT_END   /* no more */
} cli_input_answer;

/* fd is the input's own; with fd < 0, text [length] is all there is. */
void cli_input_open(cli_input *in, int fd, const char *text, size_t length);
void cli_input_close(cli_input *in);

/* The line that begins `at` bytes behind the beginning: *length bytes with its end, which only the last line of all may
 * lack. A line longer than `most` ends there. The text is at cli_input_text() until the next call. */
cli_input_answer cli_input_line(cli_input *in, size_t at, size_t most, int wait, size_t *length);
const char *cli_input_text(const cli_input *in);
/* Reads to the end: LINE when all of it is there, to be had from cli_input_text(), *length bytes. */
cli_input_answer cli_input_all(cli_input *in, int wait, size_t *length);
/* All of the text is another one, which is copied. */
void cli_input_replace(cli_input *in, const char *text, size_t length);
/* Forgets so many bytes. */
void cli_input_drop(cli_input *in, size_t bytes);

#endif
