/* The server's configuration: one table of options, read from a file, then from the environment, then from the command
 * line, each over the one before. The option --pool-size is the key "pool_size" and the variable TRM_POOL_SIZE.
 *
 * The file is JSON, one object; an unknown key is refused with the nearest known one. It is that of --config, else the
 * first of $XDG_CONFIG_HOME/trm/trm.json (~/.config where that is not set) and /etc/trm/trm.json that exists, else
 * none. Every error names the place that the value came from: file and key, variable, or option. */
#ifndef TRM_SERVE_CONFIG_H
#define TRM_SERVE_CONFIG_H

#include <jansson.h>
#include <stdint.h>
#include <trm/options.h>

#define TRM__SERVE_PATH 512

enum { TRM__SERVE_LOG_AUTO, TRM__SERVE_LOG_TEXT, TRM__SERVE_LOG_JSON };

/* Times in seconds, sizes in bytes. */
typedef struct trm__serve_config {
  char listen[256];                 /* addresses behind commas: HOST:PORT, [IPV6]:PORT, unix:PATH */
  int open;                         /* 1: an address that others reach needs no token */
  char token_file[TRM__SERVE_PATH]; /* "": none */
  char hosts[256];                  /* names of this server behind commas, beside its addresses (net/hosts.h) */
  char model_path[TRM__SERVE_PATH]; /* a model file to serve; "": those of the models folders */
  char models[TRM__SERVE_PATH];     /* a folder of models before the installed ones; "": none */
  char device[64];
  int64_t threads;              /* computing threads of an engine; 0: all cores, shared out */
  int64_t pool_size;            /* engines; 0: one a device */
  int sandbox;                  /* TRM__SANDBOX_... */
  double watch_s;               /* between two looks at the models folders; 0: none */
  char follow[TRM__SERVE_PATH]; /* a run directory, or NAME=DIR, whose best model is served; "": none */
  char check[TRM__SERVE_PATH];  /* puzzles that a new version is judged by; "": none */
  double check_least;           /* of these it must solve, 0 to 1 */
  char data_dir[TRM__SERVE_PATH];
  int log;          /* TRM__SERVE_LOG_... */
  int log_level;    /* trm_log_level's order: error|warning|info|debug */
  char statsd[256]; /* HOST:PORT; "": none */
  /* limits */
  int64_t queue_limit;                      /* puzzles that wait or are at work */
  int64_t client_limit;                     /* of one client */
  int64_t items_limit;                      /* puzzles of one request */
  int64_t body_bytes;                       /* of a request */
  int64_t connections;                      /* at once */
  int64_t address_limit;                    /* of these of one address; 0: no bound */
  int64_t jobs_limit;                       /* that wait or run in the journal */
  int64_t steps_limit;                      /* supervision steps that a request may ask for */
  int64_t search_limit;                     /* network steps of a search that a request may ask for */
  int64_t sessions_limit;                   /* sessions kept */
  double session_s;                         /* an unused session's life */
  double keep_s;                            /* how long the result of a job is kept */
  double solve_s;                           /* a request's time without timeout_s */
  double solve_most_s;                      /* that a request may ask for */
  double header_s, body_s, idle_s, write_s; /* of a connection */
  /* ending */
  double drain_delay_s; /* from readyz 503 until new work is refused */
  double drain_s;       /* that running work may take after it */
  /* supervision */
  int strategy;     /* trm__strategy's order: one_for_one|rest_for_one|one_for_all */
  int64_t restarts; /* in a period, then the server gives up */
  double period_s;
  double heartbeat_s; /* an engine's longest silence */
} trm__serve_config;

const trm_option *trm__serve_options(size_t *count);
trm__serve_config trm__serve_config_default(void);

/* file: that of --config, "": the usual places. environment: getenv, or a test's own. Options are put over the result
 * by the caller, who then calls _check. */
typedef const char *(*trm__serve_environment)(const char *name);
trm_status trm__serve_config_read(trm__serve_config *config, const char *file, trm__serve_environment environment,
                                  trm_error *err);

/* What single values cannot say: addresses, folders filled in, an address for others without a token file. */
trm_status trm__serve_config_check(trm__serve_config *config, trm__serve_environment environment, trm_error *err);

/* "TRM_POOL_SIZE" for "pool_size". */
void trm__serve_variable(const char *key, char *name, size_t size);

/* 1: everything that listens is on the loopback or a Unix socket. */
int trm__serve_is_private(const char *listen);

#endif
