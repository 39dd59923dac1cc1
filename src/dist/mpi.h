/* What trm-mpi.so offers libtrm. The library is not compiled against MPI, whose types differ from one implementation to
 * the next: src/mpi/module.c is, and is opened when ranks are (comm_mpi.c). It only moves bytes between two ranks;
 * nothing is added up by MPI. */
#ifndef TRM_DIST_MPI_H
#define TRM_DIST_MPI_H

#include <stddef.h>

#define TRM__MPI_VERSION 1
#define TRM__MPI_SYMBOL "trm_mpi_module" /* a trm__mpi */
#define TRM__MPI_MOST ((size_t)1 << 30)  /* bytes of a message */

/* One message to and one from each other rank may be on their way at a time. Functions that can fail return 0, or not 0
 * with the reason in why(). All are called by one thread. */
typedef struct trm__mpi {
  int version;
  int (*open)(int *rank, int *size); /* joins the others; once in a process */
  int (*send)(const void *data, size_t bytes, int to);
  int (*receive)(void *data, size_t bytes, int from);
  /* *done: 1 when all that was begun has ended; otherwise *rank is one that has not sent or taken its message. */
  int (*test)(int *done, int *rank);
  void (*close)(void);
  const char *(*why)(void);
} trm__mpi;

#endif
