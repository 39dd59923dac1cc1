/* trm-server: one program, three roles. Without --role it is the root, which starts itself again for the others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trm/trm.h>

#include "proc/role.h"
#include "serve/engine.h"

/* trm-server --role engine [--device NAME] [--channel FD]. With a channel it is on its own, without a root process: for
 * tests, and for programs that want an engine and no server. */
static int main_engine(int argc, char **argv) {
  trm__serve_engine_options options = {
      .channel = TRM__ROLE_CHANNEL, .build_id = trm_version(), .device = NULL, .supervised = 1};
  trm_error err = {.code = TRM_OK};
  for (int i = 0; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--device") == 0) options.device = argv[i + 1];
    if (strcmp(argv[i], "--channel") == 0) options.channel = atoi(argv[i + 1]), options.supervised = 0;
  }
  if (options.supervised && trm__role_open(&err)) {
    (void)fprintf(stderr, "trm-server: --role engine: %s; it is started by the server, or with --channel FD\n",
                  err.message);
    return TRM__EXIT_USAGE;
  }
  return trm__serve_engine_run(&options);
}

int main(int argc, char **argv) {
  if (argc >= 3 && strcmp(argv[1], "--role") == 0 && strcmp(argv[2], "engine") == 0)
    return main_engine(argc - 3, argv + 3);
  (void)fprintf(stderr, "trm-server: expected --role engine; trm serve starts it\n");
  return TRM__EXIT_USAGE;
}
