/* trm-mpi.so: messages between the ranks of a run, by MPI (dist/mpi.h). It is compiled against the MPI of this machine
 * and opened by trm when it is started as a rank, so that nothing else needs MPI. Only non-blocking messages between
 * two ranks are used: whoever waits asks again and again (test), and can give up, yield the processor or tell what it
 * waits for. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/mpi.h"

static struct {
  MPI_Comm world; /* of our own */
  int size;
  MPI_Request *request; /* [2 * size]: to each rank, then from each */
  char why[MPI_MAX_ERROR_STRING + 32];
} module = {.world = MPI_COMM_NULL};

static int module_failed(int code, const char *what) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  if (code == MPI_SUCCESS) return 0;
  MPI_Error_string(code, text, &length);
  snprintf(module.why, sizeof module.why, "%s: %s", what, text);
  return 1;
}

static int module_refuse(const char *why) {
  snprintf(module.why, sizeof module.why, "%s", why);
  return 1;
}

static int module_open(int *rank, int *size) {
  int begun = 0, ended = 0, level = 0;
  MPI_Initialized(&begun);
  MPI_Finalized(&ended);
  if (ended) return module_refuse("MPI has ended in this process");
  if (!begun && module_failed(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread")) return 1;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (module_failed(MPI_Comm_dup(MPI_COMM_WORLD, &module.world), "MPI_Comm_dup")) return 1;
  MPI_Comm_set_errhandler(module.world, MPI_ERRORS_RETURN);
  MPI_Comm_rank(module.world, rank);
  MPI_Comm_size(module.world, &module.size);
  module.request = malloc(2 * (size_t)module.size * sizeof(MPI_Request));
  if (!module.request) return module_refuse("no memory");
  for (int i = 0; i < 2 * module.size; i++) module.request[i] = MPI_REQUEST_NULL;
  *size = module.size;
  return 0;
}

static int module_send(const void *data, size_t bytes, int to) {
  return module_failed(MPI_Isend(data, (int)bytes, MPI_BYTE, to, 0, module.world, &module.request[to]), "MPI_Isend");
}

static int module_receive(void *data, size_t bytes, int from) {
  return module_failed(
      MPI_Irecv(data, (int)bytes, MPI_BYTE, from, 0, module.world, &module.request[module.size + from]), "MPI_Irecv");
}

static int module_test(int *done, int *rank) {
  int count = 2 * module.size;
  if (module_failed(MPI_Testall(count, module.request, done, MPI_STATUSES_IGNORE), "MPI_Testall")) return 1;
  for (int i = count - 1; !*done && i >= 0; i--) { /* what has not come before what has not gone */
    int ended = 0;
    if (module_failed(MPI_Request_get_status(module.request[i], &ended, MPI_STATUS_IGNORE), "MPI_Request_get_status"))
      return 1;
    if (ended) continue;
    *rank = i % module.size;
    return 0;
  }
  return 0;
}

static void module_close(void) {
  free(module.request);
  module.request = NULL;
  if (module.world != MPI_COMM_NULL) MPI_Comm_free(&module.world);
  MPI_Finalize();
}

static const char *module_why(void) {
  return module.why;
}

extern const trm__mpi trm_mpi_module;
const trm__mpi trm_mpi_module = {TRM__MPI_VERSION, module_open,  module_send, module_receive,
                                 module_test,      module_close, module_why};
