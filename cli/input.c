/* Lines from a descriptor: see input.h. poll says whether reading would wait; a signal wakes it through a descriptor of
 * its own. */
#include "cli/input.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define PIECE ((size_t)64 << 10) /* bytes read at once */

void cli_input_open(cli_input *in, int fd, const char *text, size_t length) {
  *in = (cli_input){.fd = fd, .ended = fd < 0};
  if (fd >= 0) return;
  in->data = cli_copy_text(text, length);
  in->room = in->end = length;
}

void cli_input_close(cli_input *in) {
  if (in->fd > STDIN_FILENO) (void)close(in->fd);
  free(in->data);
  *in = (cli_input){.fd = -1, .ended = 1};
}

const char *cli_input_text(const cli_input *in) {
  return in->data + in->begin;
}

void cli_input_drop(cli_input *in, size_t bytes) {
  in->begin += bytes;
  in->searched = in->searched_from = 0;
}

static void input_make_room(cli_input *in) {
  if (in->begin > 0 && in->room - in->end < PIECE) {
    memmove(in->data, in->data + in->begin, in->end - in->begin);
    in->end -= in->begin;
    in->begin = 0;
  }
  if (in->room - in->end >= PIECE) return;
  in->room = 2 * in->room + PIECE;
  in->data = cli_grow(in->data, in->room, 1);
}

/* 1 when a read would return at once. */
static int input_is_ready(const cli_input *in, int wait) {
  struct pollfd on[2] = {{.fd = in->fd, .events = POLLIN}, {.fd = cli_signal_descriptor(), .events = POLLIN}};
  int found = poll(on, 2, wait ? -1 : 0);
  return found > 0 && on[0].revents != 0 && !cli_interrupted();
}

/* 1 when more was read, or the end was found. */
static int input_read(cli_input *in, int wait) {
  for (;;) {
    if (cli_interrupted()) return 0;
    if (!input_is_ready(in, wait)) {
      if (!wait) return 0;
      continue; /* poll was interrupted by a signal that ends nothing */
    }
    input_make_room(in);
    ssize_t got = read(in->fd, in->data + in->end, in->room - in->end);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) in->error = errno;
    in->ended = got <= 0;
    if (got > 0) in->end += (size_t)got;
    return 1;
  }
}

cli_input_answer cli_input_line(cli_input *in, size_t at, size_t most, int wait, size_t *length) {
  if (in->searched_from != at || in->searched < at) in->searched = in->searched_from = at;
  for (;;) {
    size_t have = in->end - in->begin;
    const char *text = in->data + in->begin;
    const char *newline = have > in->searched ? memchr(text + in->searched, '\n', have - in->searched) : NULL;
    *length = newline ? (size_t)(newline - text) + 1 - at : have - at;
    if (*length > most) *length = most;
    if (newline || *length == most) return CLI_INPUT_LINE;
    in->searched = have;
    if (in->ended) return *length ? CLI_INPUT_LINE : CLI_INPUT_END;
    if (!input_read(in, wait)) return CLI_INPUT_NONE;
  }
}

cli_input_answer cli_input_all(cli_input *in, int wait, size_t *length) {
  while (!in->ended)
    if (!input_read(in, wait)) return CLI_INPUT_NONE;
  *length = in->end - in->begin;
  return *length ? CLI_INPUT_LINE : CLI_INPUT_END;
}

void cli_input_replace(cli_input *in, const char *text, size_t length) {
  int fd = in->fd;
  free(in->data);
  *in = (cli_input){.fd = fd, .ended = 1, .data = cli_copy_text(text, length), .room = length, .end = length};
}
