/* Frames: what processes of one server say to each other over a socket pair. This file owns their form; proc/channel.h
 * is the one way to send and read them, the two halves below are its parts.
 *
 *     offset  size  little-endian
 *          0     4  length of the data, 0..TRM__FRAME_MOST
 *          4     2  type, not 0; below TRM__FRAME_FREE: of src/proc
 *          6     2  flags; TRM__FRAME_FD: one descriptor travels with the header (SCM_RIGHTS); the others are the
 * type's 8     8  request: which question this is about; the type says whether it means something 16        the data:
 * JSON for control, raw little-endian int32 or float32 for arrays
 *
 * The first frame in each direction is HELLO, whose data is the build id of the program that sends it. Two builds do
 * not talk to each other, so there is no other version number, and a type may change its meaning from build to build.
 */
#ifndef TRM_PROC_FRAME_H
#define TRM_PROC_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#define TRM__FRAME_HEADER 16
#define TRM__FRAME_MOST (16u << 20) /* bytes of data */
#define TRM__FRAME_FD 0x8000u

enum trm__frame_type {
  TRM__FRAME_HELLO = 1,
  /* between the root process and its children, never with data (proc/line.h) */
  TRM__FRAME_READY = 2,
  TRM__FRAME_BEAT,
  TRM__FRAME_ADD,
  TRM__FRAME_RETIRE,
  TRM__FRAME_LINK,
  TRM__FRAME_REFUSED,
  TRM__FRAME_RELOADED,
  TRM__FRAME_FREE = 16 /* from here on: of who uses channels */
};

typedef struct trm__frame {
  uint16_t type, flags;
  uint64_t request;
  const void *data;
  uint32_t size; /* of the data */
  int fd;        /* looked at only where the flags have TRM__FRAME_FD */
} trm__frame;

void trm__frame_pack(const trm__frame *frame, unsigned char header[TRM__FRAME_HEADER]);
trm__frame trm__frame_unpack(const unsigned char header[TRM__FRAME_HEADER]); /* data NULL, fd -1 */

/* sendmsg and recvmsg on a non-blocking socket, again when interrupted, with a descriptor (negative: none). Descriptors
 * are received close-on-exec; all but the first are closed, and make *surplus 1. Errors as of the calls, in errno. */
ptrdiff_t trm__frame_put(int socket, const void *bytes, size_t size, int fd);
ptrdiff_t trm__frame_get(int socket, void *bytes, size_t size, int *fd, int *surplus);

/* The reading half. A frame comes as it comes: in one piece, byte by byte, or never wholly. Memory grows with what has
 * come, not with what the header promises. Only whole headers and whole data are asked of the system, so that a
 * descriptor always belongs to the header that is being read. */
typedef struct trm__frame_reader {
  int socket;
  uint32_t most; /* bytes of data that a frame may have */
  unsigned char header[TRM__FRAME_HEADER];
  uint32_t have;       /* bytes of the header and the data so far */
  unsigned char *data; /* [room] */
  uint32_t room;
  int fd, surplus; /* came with this header; negative: none */
} trm__frame_reader;

void trm__frame_reader_init(trm__frame_reader *r, int socket, uint32_t most);
void trm__frame_reader_free(trm__frame_reader *r); /* the socket stays open */
/* *got 1: a frame, whose data is valid until the next call, and whose descriptor is the caller's to close. *got 0: no
 * whole frame is there yet. TRM_E_STOPPED: the other side has closed between two frames; TRM_E_IO: within one, or the
 * socket failed; TRM_E_INPUT: what came is no frame; TRM_E_MEMORY. After TRM_E_MEMORY it may be called again, after the
 * others no frame can be told from the next any more. */
trm_status trm__frame_read(trm__frame_reader *r, trm__frame *frame, int *got, const char *where, trm_error *err);

/* The writing half: a queue in front of the socket, bounded in bytes. */
typedef struct trm__frame_queued trm__frame_queued;
typedef struct trm__frame_writer {
  int socket;
  size_t most, queued; /* bytes, headers included */
  trm__frame_queued *first, *last;
} trm__frame_writer;

void trm__frame_writer_init(trm__frame_writer *w, int socket, size_t most);
void trm__frame_writer_free(trm__frame_writer *w); /* what is queued is lost */
/* Copies the frame, and its descriptor, behind the others; nothing is sent. TRM_E_BUSY: it does not fit, and it would
 * in an empty queue or in one with less; an empty queue takes any frame. TRM_E_MEMORY, TRM_E_IO: no descriptor is left.
 */
trm_status trm__frame_queue(trm__frame_writer *w, const trm__frame *frame, const char *where, trm_error *err);
/* Sends until the queue is empty or the socket is full. TRM_E_IO: it failed; the other side may be gone. */
trm_status trm__frame_flush(trm__frame_writer *w, const char *where, trm_error *err);

#endif
