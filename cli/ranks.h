/* Ranks: this process as one of an MPI job, and jobs that a command starts itself. */
#ifndef TRM_CLI_RANKS_H
#define TRM_CLI_RANKS_H

#include <trm/ranks.h>

#include "cli/cli.h"

#define CLI_LOST 5 /* exit code of a rank that lost another */

/* Bytes of a path. */
#define CLI_RANKS_PATH 1024

typedef struct cli_ranks_options {
  int64_t ranks; /* 0: this process alone, or as the rank that it was started as */
  char hosts[CLI_RANKS_PATH];
  int elastic, any_ranks;
  double rank_timeout;
} cli_ranks_options;

/* So many of all ranks are on this machine; 1 when alone. */
int cli_ranks_here(void);

/* Joins the others when this process is a rank, otherwise *out stays NULL. run: whose checkpoint is named while another
 * rank is waited for in vain; NULL: none. It must stay while ranks are open. CLI_CONTINUE or an exit code. */
int cli_ranks_join(const cli_command *command, trm_ranks **out, const cli_ranks_options *options, const char *run);
/* Whether this rank is the one that writes to the terminal. */
int cli_ranks_speaks(const trm_ranks *ranks);
/* A failure that all ranks know of: rank 0 tells it, and the others only when they cannot reach it. The exit code. */
int cli_ranks_error(const cli_command *command, trm_ranks *ranks, const trm_error *error);

/* The newest checkpoint of a run into path: its number, 0 when there is none. */
int64_t cli_newest_checkpoint(const char *run, char *path, size_t size);

/* A job to start (launch.c). */
typedef struct cli_job {
  const cli_ranks_options *options;
  const char *run; /* its run directory */
  char **first;    /* arguments of the program, ending with NULL: of the first start */
  char **again;    /* and of a start after a rank was lost, when the run has begun */
} cli_job;
/* Runs it to its end, once or again and again. An exit code. */
int cli_launch(const cli_command *command, const cli_job *job);

/* The arguments of trm train's ranks (launch_arguments.c): those of this process, argv [argc] after the command's name,
 * but for the options that are about starting ranks; with --run when named is not NULL. own: the struct of this
 * command's own options, which a start after a loss is given again. */
void cli_job_arguments(cli_job *job, int argc, char **argv, const char *named, const cli_arguments *a, const void *own);
void cli_job_free(cli_job *job);

#endif
