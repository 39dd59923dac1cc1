#include "serve/mcp/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"

enum { PIECE = 65536 };

struct trm__mcp_lines {
  struct event *readable;
  trm__mcp_lines_handlers on;
  size_t limit, used, room;
  char *text; /* [room]: the line that has begun */
  int skips;  /* 1: until its end, since it is too long */
  int closed; /* in a handler: freed behind it */
  int busy;
};

static void lines_free(trm__mcp_lines *lines) {
  if (lines->readable) event_free(lines->readable);
  trm__free(lines->text);
  trm__free(lines);
}

static int lines_grow(trm__mcp_lines *lines, size_t more) {
  size_t room = lines->room;
  while (room < lines->used + more + 1) room = room ? 2 * room : 4096;
  if (room == lines->room) return 1;
  char *text = trm__calloc(room, 1);
  if (!text) return 0;
  if (lines->used) memcpy(text, lines->text, lines->used);
  trm__free(lines->text);
  lines->text = text;
  lines->room = room;
  return 1;
}

static void lines_complete(trm__mcp_lines *lines) {
  if (lines->skips) lines->on.too_long(lines->on.context);
  else {
    if (lines->used && lines->text[lines->used - 1] == '\r') lines->used--;
    if (lines->used) {
      lines->text[lines->used] = 0;
      lines->on.line(lines->on.context, lines->text, lines->used);
    }
  }
  lines->used = 0;
  lines->skips = 0;
}

static void lines_take(trm__mcp_lines *lines, const char *data, size_t size) {
  while (size && !lines->closed) {
    const char *end = memchr(data, '\n', size);
    size_t part = end ? (size_t)(end - data) : size;
    if (lines->used + part > lines->limit || !lines_grow(lines, part)) lines->skips = 1;
    if (!lines->skips && part) memcpy(lines->text + lines->used, data, part), lines->used += part;
    if (!end) return;
    if (lines->text || lines->skips) lines_complete(lines);
    data += part + 1;
    size -= part + 1;
  }
}

static void lines_on_readable(evutil_socket_t fd, short what, void *context) {
  static char piece[PIECE];
  trm__mcp_lines *lines = context;
  (void)what;
  ssize_t got = read(fd, piece, sizeof piece);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  lines->busy = 1;
  if (got > 0) lines_take(lines, piece, (size_t)got);
  else {
    (void)event_del(lines->readable);
    if (lines->used || lines->skips) lines_complete(lines); /* a last line without its end */
    if (!lines->closed) lines->on.ended(lines->on.context);
  }
  lines->busy = 0;
  if (lines->closed) lines_free(lines);
}

trm_status trm__mcp_lines_open(trm__mcp_lines **out, struct event_base *base, size_t limit,
                               const trm__mcp_lines_handlers *handlers, trm_error *err) {
  trm__mcp_lines *lines = trm__calloc(1, sizeof *lines);
  if (!lines) return trm__fail_memory(err, "standard input", sizeof *lines);
  lines->on = *handlers;
  lines->limit = limit;
  lines->readable = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, lines_on_readable, lines);
  if (!lines->readable || event_add(lines->readable, NULL) != 0) {
    lines_free(lines);
    return trm__fail(err, TRM_E_IO, "standard input", "cannot be watched");
  }
  *out = lines;
  return TRM_OK;
}

void trm__mcp_lines_close(trm__mcp_lines **linesp) {
  trm__mcp_lines *lines = *linesp;
  *linesp = NULL;
  if (!lines) return;
  lines->closed = 1;
  if (!lines->busy) lines_free(lines);
}

static int lines_write(const char *text, size_t size) {
  while (size) {
    ssize_t written = write(STDOUT_FILENO, text, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return 0;
    text += written;
    size -= (size_t)written;
  }
  return 1;
}

int trm__mcp_lines_put_text(const char *text, size_t size) {
  return lines_write(text, size) && lines_write("\n", 1);
}

int trm__mcp_lines_put(const json_t *message) {
  char *text = trm__json_text(message, JSON_COMPACT);
  size_t size = text ? strlen(text) : 0;
  if (text) text[size] = '\n'; /* in place of the NUL */
  int done = text && lines_write(text, size + 1);
  free(text);
  return done;
}
