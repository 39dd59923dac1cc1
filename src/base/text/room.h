/* Text put together in room that may be too small: it is cut there, and its whole length is counted on, as snprintf
 * does. */
#ifndef TRM_BASE_TEXT_ROOM_H
#define TRM_BASE_TEXT_ROOM_H

#include <stddef.h>

typedef struct trm__room {
  char *text;        /* [size]; the caller ends it with a NUL */
  size_t size, used; /* bytes there; bytes of the whole text */
} trm__room;

void trm__room_put(trm__room *room, const char *text);

#endif
