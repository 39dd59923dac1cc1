#include "serve/socket.h"

#include <stdio.h>
#include <sys/un.h>

int trm__serve_socket(const trm__serve_config *config, char *path, size_t size) {
  int length = snprintf(path, size, "%s/trm.sock", config->data_dir);
  return length > 0 && (size_t)length < size && (size_t)length < sizeof(((struct sockaddr_un *)0)->sun_path);
}
