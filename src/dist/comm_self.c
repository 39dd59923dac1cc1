/* The communicator of a run with one rank: comm.c calls none of its operations, so it has none but its end. */
#include "base/mem.h"
#include "base/status.h"
#include "dist/comm.h"

static void self_close(trm__comm *comm) {
  trm__free(comm);
}

trm_status trm__comm_self(trm__comm **out, trm_error *err) {
  static const trm__comm_ops ops = {.close = self_close};
  trm__comm *comm = trm__calloc(1, sizeof *comm);
  if (!comm) return trm__fail_memory(err, "communicator", sizeof *comm);
  trm_status status = trm__comm_set_up(comm, &ops, 0, 1, err);
  if (status) trm__comm_close(&comm);
  else *out = comm;
  return status;
}
