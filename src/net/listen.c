/* Addresses are numbers: a name would be looked up, and what it means is not for a server to guess. */
#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/numbers.h"

#define BACKLOG 128
#define UNIX_PREFIX "unix:"

/* What a socket is bound to, as an address is written. */
static void listen_show(int fd, char out[TRM__ADDRESS]) {
  struct sockaddr_storage name = {0};
  socklen_t size = sizeof name;
  char host[INET6_ADDRSTRLEN] = "?";
  trm__print(out, TRM__ADDRESS, "?");
  if (getsockname(fd, (struct sockaddr *)&name, &size)) return;
  if (name.ss_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, &name, sizeof in);
    inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
    trm__print(out, TRM__ADDRESS, "%s:%d", host, ntohs(in.sin_port));
  } else if (name.ss_family == AF_INET6) {
    struct sockaddr_in6 in;
    memcpy(&in, &name, sizeof in);
    inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof host);
    trm__print(out, TRM__ADDRESS, "[%s]:%d", host, ntohs(in.sin6_port));
  } else if (name.ss_family == AF_UNIX) {
    struct sockaddr_un un;
    memcpy(&un, &name, sizeof un);
    trm__print(out, TRM__ADDRESS, UNIX_PREFIX "%s", un.sun_path);
  }
}

/* bind and listen; the socket is closed on failure. */
static trm_status listen_bind(int *fd, const char *address, const struct sockaddr *name, socklen_t size,
                              const char *path, int mode, trm_error *err) {
  int one = 1;
  *fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (*fd < 0) return trm__fail_errno(err, address, "no socket");
  if (!path) (void)setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  int failed = bind(*fd, name, size);
  if (!failed && path) failed = chmod(path, (mode_t)mode);
  if (!failed) failed = listen(*fd, BACKLOG);
  if (!failed) return TRM_OK;
  int why = errno;
  close(*fd);
  errno = why;
  if (why == EADDRINUSE)
    return trm__fail(err, TRM_E_BUSY, address, "somebody listens there already; choose another address or stop it");
  return trm__fail_errno(err, address, "cannot listen there");
}

/* The address of a host (length bytes, without brackets) in digits. */
static int listen_host(struct sockaddr_storage *name, socklen_t *size, int family, const char *host, size_t length,
                       uint16_t port) {
  char digits[INET6_ADDRSTRLEN] = "";
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (length >= sizeof digits) return 0;
  memcpy(digits, host, length);
  *size = family == AF_INET ? sizeof in : sizeof in6;
  if (inet_pton(family, digits, family == AF_INET ? (void *)&in.sin_addr : (void *)&in6.sin6_addr) != 1) return 0;
  memcpy(name, family == AF_INET ? (void *)&in : (void *)&in6, *size);
  return 1;
}

static int listen_parse(struct sockaddr_storage *name, socklen_t *size, const char *address) {
  const char *colon = strrchr(address, ':');
  int64_t port;
  if (!colon || colon[1 + strspn(colon + 1, "0123456789")] || trm__int_read(colon + 1, &port) || port > 65535) return 0;
  size_t length = (size_t)(colon - address);
  if (length == 9 && !memcmp(address, "localhost", 9))
    return listen_host(name, size, AF_INET, "127.0.0.1", 9, (uint16_t)port);
  if (length > 2 && address[0] == '[' && colon[-1] == ']')
    return listen_host(name, size, AF_INET6, address + 1, length - 2, (uint16_t)port);
  return listen_host(name, size, AF_INET, address, length, (uint16_t)port);
}

static trm_status listen_tcp(trm__listen *out, const char *address, trm_error *err) {
  struct sockaddr_storage name = {0};
  socklen_t size;
  if (!listen_parse(&name, &size, address))
    return trm__fail(err, TRM_E_USAGE, address,
                     "not an address: write 127.0.0.1:8080, [::1]:8080, localhost:8080 or unix:/path");
  return listen_bind(&out->fd, address, (struct sockaddr *)&name, size, NULL, 0, err);
}

/* A file that nobody listens at goes; TRM_E_BUSY when somebody does, TRM_E_INPUT when it is no socket. */
static trm_status listen_make_way(const struct sockaddr_un *name, const char *address, trm_error *err) {
  struct stat info;
  if (lstat(name->sun_path, &info)) return TRM_OK;
  if (!S_ISSOCK(info.st_mode))
    return trm__fail(err, TRM_E_INPUT, address, "there is a file that is no socket; remove it or choose another path");
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return trm__fail_errno(err, address, "no socket");
  int refused = connect(fd, (const struct sockaddr *)name, sizeof *name) && errno == ECONNREFUSED;
  close(fd);
  if (!refused) return trm__fail(err, TRM_E_BUSY, address, "somebody listens there already; stop it first");
  return unlink(name->sun_path) ? trm__fail_errno(err, address, "cannot remove the left socket") : TRM_OK;
}

static trm_status listen_unix(trm__listen *out, const char *address, int mode, trm_error *err) {
  const char *path = address + sizeof UNIX_PREFIX - 1;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  struct stat info;
  if (!*path || strlen(path) >= sizeof name.sun_path)
    return trm__fail(err, TRM_E_USAGE, address, "a socket's path has 1 to %zu bytes", sizeof name.sun_path - 1);
  strcpy(name.sun_path, path);
  trm_status status = listen_make_way(&name, address, err);
  if (status) return status;
  out->path = trm__strdup(path);
  if (!out->path) return trm__fail_memory(err, address, strlen(path));
  status = listen_bind(&out->fd, address, (const struct sockaddr *)&name, sizeof name, path, mode, err);
  if (status) trm__free(out->path);
  else if (!stat(path, &info)) {
    out->inode = info.st_ino;
    out->made = info.st_ctim;
  }
  return status;
}

trm_status trm__listen_open(trm__listen *out, const char *address, int unix_mode, trm_error *err) {
  trm__listen made = {.fd = -1};
  trm_status status = !strncmp(address, UNIX_PREFIX, sizeof UNIX_PREFIX - 1)
                          ? listen_unix(&made, address, unix_mode, err)
                          : listen_tcp(&made, address, err);
  if (status) return status;
  listen_show(made.fd, made.address);
  *out = made;
  return TRM_OK;
}

trm_status trm__listen_take(trm__listen *out, int fd, trm_error *err) {
  int listens = 0, type = 0;
  socklen_t size = sizeof listens, type_size = sizeof type;
  char where[32];
  trm__print(where, sizeof where, "descriptor %d", fd);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) ||
      getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size))
    return trm__fail_errno(err, where, "not a socket");
  if (!listens || type != SOCK_STREAM)
    return trm__fail(err, TRM_E_INPUT, where,
                     "not a stream socket that listens; in a .socket unit write ListenStream=");
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
    return trm__fail_errno(err, where, "cannot be set up");
  *out = (trm__listen){.fd = fd};
  listen_show(fd, out->address);
  return TRM_OK;
}

void trm__listen_close(trm__listen *socket) {
  struct stat info;
  if (socket->fd >= 0) close(socket->fd);
  if (socket->path && !lstat(socket->path, &info) && info.st_ino == socket->inode &&
      info.st_ctim.tv_sec == socket->made.tv_sec && info.st_ctim.tv_nsec == socket->made.tv_nsec)
    (void)unlink(socket->path);
  trm__free(socket->path);
  *socket = (trm__listen){.fd = -1};
}

int trm__listen_is_local(const char *address) {
  return !strncmp(address, UNIX_PREFIX, sizeof UNIX_PREFIX - 1) || !strncmp(address, "127.", 4) ||
         !strncmp(address, "[::1]:", 6) || !strncmp(address, "localhost:", 10);
}

trm_status trm__listen_inherited(int *count, const char *listen_pid, const char *listen_fds, trm_error *err) {
  int64_t pid, fds;
  *count = 0;
  if (!listen_pid || !listen_fds) return TRM_OK;
  if (trm__int_read(listen_pid, &pid)) return trm__fail(err, TRM_E_INPUT, "LISTEN_PID", "not a process id");
  if (pid != getpid()) return TRM_OK;
  if (trm__int_read(listen_fds, &fds) || fds < 0 || fds > 64)
    return trm__fail(err, TRM_E_INPUT, "LISTEN_FDS", "not a number of descriptors from 0 to 64");
  *count = (int)fds;
  return TRM_OK;
}
