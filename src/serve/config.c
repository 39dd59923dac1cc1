#include "serve/config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/options.h"
#include "base/text/room.h"

#define AT(field) offsetof(trm__serve_config, field), sizeof(((trm__serve_config *)0)->field)
#define NUMBER(field) offsetof(trm__serve_config, field), 0
#define DAY "86400"

static const trm_option serve_table[] = {
    {"listen", TRM_OPT_STRING, AT(listen), "127.0.0.1:8080", 0, 0, NULL, "ADDRESSES", "Addresses",
     "HOST:PORT, [IPV6]:PORT or unix:PATH, several behind commas; port 0: any that is free", NULL},
    {"open", TRM_OPT_BOOL, NUMBER(open), "false", 0, 0, NULL, NULL, NULL,
     "let everybody who reaches an address use it, without a token", NULL},
    {"token_file", TRM_OPT_STRING, AT(token_file), NULL, 0, 0, NULL, "FILE", NULL,
     "who may use the server: a line a token, NAME SHA256 SCOPES", NULL},
    {"hosts", TRM_OPT_STRING, AT(hosts), NULL, 0, 0, NULL, "NAME,NAME", NULL,
     "names that it is called by, beside addresses and localhost; pages of these may ask it too", NULL},
    {"model_path", TRM_OPT_STRING, AT(model_path), NULL, 0, 0, NULL, "FILE", "Models",
     "serve this model alone; default: all of the models folders", "model"},
    {"models", TRM_OPT_STRING, AT(models), NULL, 0, 0, NULL, "DIR", NULL,
     "a folder of models that goes before the installed ones", NULL},
    {"device", TRM_OPT_STRING, AT(device), "cpu", 0, 0, NULL, "NAME", NULL, "what computes: cpu, cuda or cuda:N", NULL},
    {"threads", TRM_OPT_INT, NUMBER(threads), "0", 0, 4096, NULL, "N", NULL,
     "computing threads of an engine; 0: all cores, shared out among the engines", NULL},
    {"pool_size", TRM_OPT_INT, NUMBER(pool_size), "0", 0, 64, NULL, "N", NULL,
     "engine processes; 0: one, which uses all cores", NULL},
    {"sandbox", TRM_OPT_ENUM, NUMBER(sandbox), "auto", 0, 0, "off|auto|require", NULL, NULL,
     "engines under seccomp and Landlock: not, as far as the kernel has them, or not without both", NULL},
    {"watch_s", TRM_OPT_REAL, NUMBER(watch_s), "0", 0, 86400, NULL, "S", NULL,
     "look so often for changed and new files in the models folders and load them; 0: at SIGHUP alone", NULL},
    {"follow", TRM_OPT_STRING, AT(follow), NULL, 0, 0, NULL, "[NAME=]RUN", NULL,
     "serve the best model of this run directory, and each new best; NAME: in place of the model of that name", NULL},
    {"check", TRM_OPT_STRING, AT(check), NULL, 0, 0, NULL, "DATA", NULL,
     "puzzles with answers, a dataset or a file of CSV or JSON, that a new version of a model for such is tried on",
     NULL},
    {"check_least", TRM_OPT_REAL, NUMBER(check_least), "0.5", 0, 1, NULL, "F", NULL,
     "the part of them that it must solve, in one trajectory, to be served", NULL},
    {"data_dir", TRM_OPT_STRING, AT(data_dir), NULL, 0, 0, NULL, "DIR", "Files",
     "where the journal is; default: $STATE_DIRECTORY, else $XDG_STATE_HOME/trm", NULL},
    {"log", TRM_OPT_ENUM, NUMBER(log), "auto", 0, 0, "auto|text|json", NULL, NULL,
     "form of the log on standard error; auto: text on a terminal, else JSON lines", NULL},
    {"log_level", TRM_OPT_ENUM, NUMBER(log_level), "info", 0, 0, "error|warning|info|debug", NULL, NULL,
     "the least that is logged", NULL},
    {"statsd", TRM_OPT_STRING, AT(statsd), NULL, 0, 0, NULL, "HOST:PORT", NULL,
     "where StatsD lines go, over UDP; default: nowhere", NULL},
    {"queue_limit", TRM_OPT_INT, NUMBER(queue_limit), "256", 1, 1000000, NULL, "N", "Limits",
     "puzzles that wait or are at work; more are answered with 429", NULL},
    {"client_limit", TRM_OPT_INT, NUMBER(client_limit), "128", 1, 1000000, NULL, "N", NULL, "the same, of one client",
     NULL},
    {"items_limit", TRM_OPT_INT, NUMBER(items_limit), "1024", 1, 100000, NULL, "N", NULL, "puzzles of one request",
     NULL},
    {"body_bytes", TRM_OPT_INT, NUMBER(body_bytes), "1048576", 1024, 1 << 30, NULL, "N", NULL, "a request's body",
     NULL},
    {"connections", TRM_OPT_INT, NUMBER(connections), "1024", 1, 100000, NULL, "N", NULL,
     "connections at once; the next is answered with 503", NULL},
    {"address_limit", TRM_OPT_INT, NUMBER(address_limit), "0", 0, 100000, NULL, "N", NULL,
     "of these of one address, where clients do not come through a proxy; 0: no bound", NULL},
    {"jobs_limit", TRM_OPT_INT, NUMBER(jobs_limit), "10000", 1, 10000000, NULL, "N", NULL,
     "jobs in the journal that are not done", NULL},
    {"steps_limit", TRM_OPT_INT, NUMBER(steps_limit), "1024", 1, 100000, NULL, "N", NULL,
     "supervision steps that a request may ask for", NULL},
    {"search_limit", TRM_OPT_INT, NUMBER(search_limit), "20000", 1, 100000000, NULL, "N", NULL,
     "network steps of a search that a request may ask for", NULL},
    {"sessions_limit", TRM_OPT_INT, NUMBER(sessions_limit), "256", 0, 100000, NULL, "N", NULL,
     "sessions that are kept; 0: there are none", NULL},
    {"session_s", TRM_OPT_REAL, NUMBER(session_s), "3600", 1, 1e9, NULL, "S", NULL,
     "how long a session lives that nobody uses", NULL},
    {"keep_s", TRM_OPT_REAL, NUMBER(keep_s), DAY, 1, 1e9, NULL, "S", NULL,
     "how long a job's result and its Idempotency-Key are kept", NULL},
    {"solve_s", TRM_OPT_REAL, NUMBER(solve_s), "60", 0.001, 1e6, NULL, "S", NULL,
     "a puzzle's time where the request does not say timeout_s", NULL},
    {"solve_most_s", TRM_OPT_REAL, NUMBER(solve_most_s), "600", 0.001, 1e6, NULL, "S", NULL,
     "the most that timeout_s may say", NULL},
    {"header_s", TRM_OPT_REAL, NUMBER(header_s), "10", 0.1, 3600, NULL, "S", "Connections",
     "for the head of a request to come", NULL},
    {"body_s", TRM_OPT_REAL, NUMBER(body_s), "30", 0.1, 3600, NULL, "S", NULL, "for its body to come", NULL},
    {"idle_s", TRM_OPT_REAL, NUMBER(idle_s), "60", 0.1, 3600, NULL, "S", NULL, "between two requests", NULL},
    {"write_s", TRM_OPT_REAL, NUMBER(write_s), "30", 0.1, 3600, NULL, "S", NULL,
     "for a client that does not read its answer", NULL},
    {"drain_delay_s", TRM_OPT_REAL, NUMBER(drain_delay_s), "0", 0, 3600, NULL, "S", "Ending",
     "after SIGTERM: how long new work is still taken, with /readyz at 503", NULL},
    {"drain_s", TRM_OPT_REAL, NUMBER(drain_s), "30", 0, 3600, NULL, "S", NULL,
     "then: how long work may go on; what is journaled goes on at the next start", NULL},
    {"strategy", TRM_OPT_ENUM, NUMBER(strategy), "one_for_one", 0, 0, "one_for_one|rest_for_one|one_for_all", NULL,
     "Supervision", "what is started again with an engine that ended", NULL},
    {"restarts", TRM_OPT_INT, NUMBER(restarts), "5", 0, 64, NULL, "N", NULL,
     "restarts in a period; with one more the server gives up", NULL},
    {"period_s", TRM_OPT_REAL, NUMBER(period_s), "10", 0.1, 1e6, NULL, "S", NULL, "that period", NULL},
    {"heartbeat_s", TRM_OPT_REAL, NUMBER(heartbeat_s), "30", 0.1, 3600, NULL, "S", NULL,
     "an engine's longest silence; then it is replaced", NULL},
};

const trm_option *trm__serve_options(size_t *count) {
  *count = sizeof serve_table / sizeof *serve_table;
  return serve_table;
}

trm__serve_config trm__serve_config_default(void) {
  trm__serve_config config = {0};
  trm_options_default(serve_table, sizeof serve_table / sizeof *serve_table, &config);
  return config;
}

void trm__serve_variable(const char *key, char *name, size_t size) {
  int length = snprintf(name, size, "TRM_%s", key);
  for (int i = 0; i < length && (size_t)i < size; i++)
    if (name[i] >= 'a' && name[i] <= 'z') name[i] = (char)(name[i] - 'a' + 'A');
}

/* -- the file ------------------------------------------------------------------------------------------------------ */

/* The usual place of a file below a folder that a variable names, or below a folder of HOME. "" when neither is set. */
static void config_place(char *path, size_t size, trm__serve_environment environment, const char *variable,
                         const char *below_home, const char *name) {
  const char *folder = environment(variable), *home = environment("HOME");
  *path = 0;
  if (folder && *folder == '/') snprintf(path, size, "%s/%s", folder, name);
  else if (home && *home == '/') snprintf(path, size, "%s/%s/%s", home, below_home, name);
}

static trm_status config_file(trm__serve_config *config, const char *path, trm_error *err) {
  size_t count;
  json_t *object = NULL;
  const trm_option *table = trm__serve_options(&count);
  trm_status status = trm__json_load(&object, path, 1 << 20, err);
  if (!status && !json_is_object(object))
    status = trm__fail(err, TRM_E_INPUT, path, "the configuration is %s, expected an object of options",
                       trm__json_type_name(object));
  if (!status) status = trm__options_from_json(table, count, config, object, 0, path, err);
  json_decref(object);
  return status;
}

static trm_status config_variables(trm__serve_config *config, trm__serve_environment environment, trm_error *err) {
  size_t count;
  const trm_option *table = trm__serve_options(&count);
  for (size_t i = 0; i < count; i++) {
    char name[64];
    trm__serve_variable(table[i].name, name, sizeof name);
    const char *text = environment(name);
    if (!text || !*text) continue;
    trm_error why = {0};
    trm_status status = trm_options_set(table, count, config, table[i].name, text, &why);
    if (status) return trm__fail(err, status, name, "%s", why.message);
  }
  return TRM_OK;
}

trm_status trm__serve_config_read(trm__serve_config *config, const char *file, trm__serve_environment environment,
                                  trm_error *err) {
  char place[TRM__SERVE_PATH + 64];
  if (!*file) {
    config_place(place, sizeof place, environment, "XDG_CONFIG_HOME", ".config", "trm/trm.json");
    if (*place && trm__path_exists(place)) file = place;
    else if (trm__path_exists("/etc/trm/trm.json")) file = "/etc/trm/trm.json";
  }
  trm_status status = *file ? config_file(config, file, err) : TRM_OK;
  return status ? status : config_variables(config, environment, err);
}

/* -- what values together must be ---------------------------------------------------------------------------------- */

static int address_is_private(const char *text, size_t length) {
  static const char *const places[] = {"127.", "localhost:", "[::1]:", "unix:"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    if (length < strlen(places[i]) || memcmp(text, places[i], strlen(places[i])) != 0) continue;
    return i > 0 || text[strspn(text, "0123456789.")] == ':'; /* 127.example.org may be anywhere */
  }
  return 0;
}

int trm__serve_is_private(const char *listen) {
  for (;;) {
    size_t length = strcspn(listen, ",");
    if (!address_is_private(listen, length)) return 0;
    if (!listen[length]) return 1;
    listen += length + 1;
  }
}

trm_status trm__serve_config_check(trm__serve_config *config, trm__serve_environment environment, trm_error *err) {
  if (!*config->listen) return trm__fail(err, TRM_E_USAGE, "listen", "is empty, expected HOST:PORT or unix:PATH");
  if (!config->open && !*config->token_file && !trm__serve_is_private(config->listen))
    return trm__fail(err, TRM_E_USAGE, "listen",
                     "others reach %s: name who may use it with --token-file FILE, or say --open to let everybody",
                     config->listen);
  if (config->solve_s > config->solve_most_s)
    return trm__fail(err, TRM_E_USAGE, "solve_s", "is over solve_most_s (%g s)", config->solve_most_s);
  if (*config->model_path && !trm__path_exists(config->model_path))
    return trm__fail(err, TRM_E_INPUT, config->model_path, "does not exist, expected a model file");
  if (*config->data_dir) return TRM_OK;
  const char *state = environment("STATE_DIRECTORY");
  if (state && *state == '/')
    snprintf(config->data_dir, sizeof config->data_dir, "%.*s", (int)strcspn(state, ":"), state);
  else config_place(config->data_dir, sizeof config->data_dir, environment, "XDG_STATE_HOME", ".local/state", "trm");
  if (!*config->data_dir)
    return trm__fail(err, TRM_E_USAGE, "data_dir",
                     "neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME says where the "
                     "journal goes: name a folder with --data-dir");
  return TRM_OK;
}
