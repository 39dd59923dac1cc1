/* Text in bounded room: see room.h. */
#include "base/text/room.h"

#include <string.h>

void trm__room_put(trm__room *room, const char *text) {
  size_t length = strlen(text), left = room->used < room->size ? room->size - room->used - 1 : 0;
  if (left) memcpy(room->text + room->used, text, length < left ? length : left);
  room->used += length;
}
