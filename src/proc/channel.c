/* A channel is a reader and a writer of frames on one socket, HELLO in both directions, and the memory of a failure. */
#include "proc/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"

#define NAME 64

struct trm__channel {
  trm__frame_reader reader;
  trm__frame_writer writer;
  int socket, met;
  char name[NAME], build_id[NAME + 1];
  trm_error read_error, write_error; /* code TRM_OK: it works */
};

trm__channel_config trm__channel_config_default(const char *name, const char *build_id) {
  return (trm__channel_config){
      .name = name, .build_id = build_id, .frame_most = TRM__FRAME_MOST, .queue_most = 2 * (size_t)TRM__FRAME_MOST};
}

static trm_status channel_check(const trm__channel_config *config, trm_error *err) {
  size_t length = config->build_id ? strlen(config->build_id) : 0;
  if (!length || length > NAME)
    return trm__fail(err, TRM_E_USAGE, "build_id", "has %zu bytes, expected 1 to %d", length, NAME);
  if (config->frame_most < length || config->frame_most > TRM__FRAME_MOST)
    return trm__fail(err, TRM_E_USAGE, "frame_most", "is %u bytes, expected %zu to %u", config->frame_most, length,
                     TRM__FRAME_MOST);
  return TRM_OK;
}

static trm_status channel_set_flags(int socket, trm_error *err) {
  int status = fcntl(socket, F_GETFL), descriptor = fcntl(socket, F_GETFD);
  if (status < 0 || descriptor < 0 || fcntl(socket, F_SETFL, status | O_NONBLOCK) < 0 ||
      fcntl(socket, F_SETFD, descriptor | FD_CLOEXEC) < 0)
    return trm__fail_errno(err, NULL, "descriptor %d cannot be a channel", socket);
  return TRM_OK;
}

trm_status trm__channel_open(trm__channel **out, int socket, const trm__channel_config *config, trm_error *err) {
  trm__channel *c = NULL;
  trm_status status = channel_check(config, err);
  if (!status) status = channel_set_flags(socket, err);
  if (!status && !(c = trm__calloc(1, sizeof *c))) status = trm__fail_memory(err, config->name, sizeof *c);
  if (status) {
    if (socket >= 0) close(socket);
    return status;
  }
  c->socket = socket;
  strncpy(c->name, config->name ? config->name : "", NAME - 1);
  strcpy(c->build_id, config->build_id);
  trm__frame_reader_init(&c->reader, socket, config->frame_most);
  trm__frame_writer_init(&c->writer, socket, config->queue_most);
  trm__frame hello = {.type = TRM__FRAME_HELLO, .data = c->build_id, .size = (uint32_t)strlen(c->build_id)};
  status = trm__frame_queue(&c->writer, &hello, c->name, err);
  if (status) {
    trm__channel_close(&c);
    return status;
  }
  trm__channel_flush(c, NULL); /* who is gone already is noticed in reading */
  *out = c;
  return TRM_OK;
}

void trm__channel_close(trm__channel **channel) {
  trm__channel *c = *channel;
  if (!c) return;
  *channel = NULL;
  trm__frame_reader_free(&c->reader);
  trm__frame_writer_free(&c->writer);
  close(c->socket);
  trm__free(c);
}

/* Keeps a failure for good, or tells the one that is kept. */
static trm_status channel_tell(const trm_error *kept, trm_error *err) {
  if (kept->code && err) *err = *kept;
  return kept->code;
}

trm_status trm__channel_flush(trm__channel *channel, trm_error *err) {
  if (!channel->write_error.code) {
    trm_error *kept = &channel->write_error;
    if (trm__frame_flush(&channel->writer, channel->name, kept)) trm__frame_writer_free(&channel->writer);
  }
  return channel_tell(&channel->write_error, err);
}

trm_status trm__channel_send(trm__channel *channel, const trm__frame *frame, trm_error *err) {
  if (channel->write_error.code) return channel_tell(&channel->write_error, err);
  if (frame->type < TRM__FRAME_FREE)
    return trm__fail(err, TRM_E_USAGE, "type", "is %u, expected %d or more", frame->type, TRM__FRAME_FREE);
  if (frame->size > channel->reader.most)
    return trm__fail(err, TRM_E_USAGE, "size", "is %u bytes, expected at most %u", frame->size, channel->reader.most);
  trm_status status = trm__frame_queue(&channel->writer, frame, channel->name, err);
  return status ? status : trm__channel_flush(channel, err);
}

static trm_status channel_meet(trm__channel *c, const trm__frame *frame, trm_error *err) {
  if (frame->flags & TRM__FRAME_FD) close(frame->fd);
  if (frame->type != TRM__FRAME_HELLO || frame->flags)
    return trm__fail(err, TRM_E_INPUT, c->name, "its first frame has type %u, expected HELLO", frame->type);
  size_t length = strlen(c->build_id);
  if (frame->size != length || memcmp(frame->data, c->build_id, length) != 0)
    return trm__fail(err, TRM_E_UNSUPPORTED, c->name, "it is of build %.*s, this process of %s: restart the server",
                     frame->size < NAME ? (int)frame->size : NAME, frame->size ? (const char *)frame->data : "",
                     c->build_id);
  c->met = 1;
  return TRM_OK;
}

static trm_status channel_read_one(trm__channel *c, trm__frame *frame, int *got, trm_error *err) {
  trm_status status = trm__frame_read(&c->reader, frame, got, c->name, err);
  if (status || !*got) return status;
  if (!c->met) {
    status = channel_meet(c, frame, err);
    *got = 0;
    return status ? status : channel_read_one(c, frame, got, err);
  }
  if (frame->type >= TRM__FRAME_FREE) return TRM_OK;
  if (frame->flags & TRM__FRAME_FD) close(frame->fd);
  *got = 0;
  return trm__fail(err, TRM_E_INPUT, c->name, "a frame has type %u, expected %d or more", frame->type, TRM__FRAME_FREE);
}

trm_status trm__channel_read(trm__channel *channel, trm__frame *frame, int *got, trm_error *err) {
  *got = 0;
  if (channel->read_error.code) return channel_tell(&channel->read_error, err);
  trm_error failure = {0};
  trm_status status = channel_read_one(channel, frame, got, &failure);
  if (status && err) *err = failure;
  if (status && status != TRM_E_MEMORY) channel->read_error = failure;
  return status;
}

int trm__channel_met(const trm__channel *channel) {
  return channel->met;
}

size_t trm__channel_queued(const trm__channel *channel) {
  return channel->writer.queued;
}

int trm__channel_socket(const trm__channel *channel) {
  return channel->socket;
}

int trm__channel_wants(const trm__channel *channel) {
  return (channel->read_error.code ? 0 : POLLIN) | (channel->writer.first ? POLLOUT : 0);
}

trm_status trm__channel_pair(int sockets[2], trm_error *err) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
    return trm__fail_errno(err, NULL, "no pair of sockets for a channel");
  return TRM_OK;
}
