/* trm serve: starts the server, which is a program of its own, trm-server, so that nothing else needs its libraries. It
 * is looked for beside this program, where a build folder has it, and in libexec/trm beside the installed bin. What is
 * wrong with the configuration is told here, before anything is started. */
#include <string.h>
#include <unistd.h>

#include "base/os/file.h"
#include "cli/http.h"
#include "cli/puzzles.h"
#include "serve/config.h"

static struct {
  char config[TRM__SERVE_PATH], backup[TRM__SERVE_PATH];
  int print_config, force;
} opt;
static trm__serve_config served;

static const trm_option serve_options[] = {
    {.name = "config",
     .type = TRM_OPT_STRING,
     FIELD(config),
     .size = sizeof opt.config,
     .metavar = "FILE",
     .group = "Configuration",
     .help = "read this file; default: $XDG_CONFIG_HOME/trm/trm.json, else /etc/trm/trm.json, where one exists"},
    {.name = "print_config",
     .type = TRM_OPT_BOOL,
     FIELD(print_config),
     .help = "print what is in force as JSON, and start nothing"},
    {.name = "backup",
     .type = TRM_OPT_STRING,
     FIELD(backup),
     .size = sizeof opt.backup,
     .metavar = "FILE",
     .help = "ask the server that runs with this configuration for a copy of its journal; start nothing"},
    {.name = "force", .type = TRM_OPT_BOOL, FIELD(force), .help = "replace that FILE"},
};

static size_t serve_tables(cli_table t[CLI_TABLES]) {
  size_t count;
  const trm_option *table = trm__serve_options(&count);
  t[0] = (cli_table){serve_options, sizeof serve_options / sizeof *serve_options, &opt};
  t[1] = (cli_table){table, count, &served};
  return 2;
}

/* Each option of the server is a variable too; the others are in the program's table. */
static const char *serve_environment(const char *name) {
  size_t count;
  char variable[64];
  const trm_option *table = trm__serve_options(&count);
  for (size_t i = 0; i < count; i++) {
    trm__serve_variable(table[i].name, variable, sizeof variable);
    if (!strcmp(variable, name)) return cli_environment_option(name);
  }
  return cli_environment(name);
}

/* File and environment below what the command line gave. */
static trm_status serve_configure(const cli_arguments *a, trm_error *err) {
  char text[TRM__SERVE_PATH + 16];
  size_t count;
  const trm_option *table = trm__serve_options(&count);
  trm__serve_config whole = trm__serve_config_default();
  trm_status status = trm__serve_config_read(&whole, opt.config, serve_environment, err);
  for (size_t i = 0; i < a->givens && !status; i++) {
    if (a->given[i].table->config != &served) continue;
    const char *name = a->given[i].option->name;
    (void)trm_options_get(table, count, &served, name, text, sizeof text);
    status = trm_options_set(table, count, &whole, name, text, err);
  }
  if (!status) status = trm__serve_config_check(&whole, serve_environment, err);
  if (!status) served = whole;
  return status;
}

static void serve_print_config(void) {
  size_t count;
  const trm_option *table = trm__serve_options(&count);
  cli_json_print(trm__options_to_json(table, count, &served), 0);
}

/* -- a copy of the journal ----------------------------------------------------------------------------------------- */

/* The first address that it listens at, as a client names it. */
static void serve_address(char *url, size_t size) {
  size_t length = strcspn(served.listen, ",");
  (void)snprintf(url, size, "%s%.*s", strncmp(served.listen, "unix:", 5) ? "http://" : "", (int)length, served.listen);
}

static int serve_ask_backup(const cli_command *self, char path[TRM__SERVE_PATH], trm_error *err) {
  char url[TRM__SERVE_PATH];
  cli_http_address address;
  cli_http_answer answer;
  const char *token = cli_environment("TRM_TOKEN");
  serve_address(url, sizeof url);
  if (cli_http_address_read(&address, url, err)) return cli_error(self, err);
  cli_http http = CLI_HTTP_CLOSED;
  http.address = &address;
  http.token = token ? token : "";
  int code = CLI_CONTINUE;
  if (cli_http_ask(&http, "POST", "/v1/backup", &answer, err)) code = cli_error(self, err);
  json_t *o = code == CLI_CONTINUE ? json_loadb(answer.body, answer.size, 0, NULL) : NULL;
  const char *file = json_string_value(json_object_get(o, "file"));
  const char *detail = json_string_value(json_object_get(o, "detail"));
  if (code == CLI_CONTINUE && (answer.status != 200 || !file))
    code = cli_bad_input(self, "%s: answered %d%s%s", url, answer.status, detail ? ": " : "", detail ? detail : "");
  else if (code == CLI_CONTINUE) (void)snprintf(path, TRM__SERVE_PATH, "%s", file);
  json_decref(o);
  cli_http_close(&http);
  return code;
}

/* The server makes the copy beside its journal, and here it gets its name. */
static int serve_backup(const cli_command *self) {
  char path[TRM__SERVE_PATH], *data = NULL;
  size_t size = 0;
  trm_error err = {0};
  int code = cli_may_write(self, opt.backup, opt.force);
  if (code == CLI_CONTINUE) code = serve_ask_backup(self, path, &err);
  if (code != CLI_CONTINUE) return code;
  if (trm__file_read(path, (size_t)1 << 40, &data, &size, &err) || trm__file_write(opt.backup, data, size, &err))
    code = cli_error(self, &err);
  trm__free(data);
  if (code != CLI_CONTINUE) return code;
  (void)unlink(path);
  cli_print_written(opt.backup);
  return CLI_OK;
}

static int serve_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  trm_error err = {0};
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 0, 0, "");
  if (code == CLI_CONTINUE && serve_configure(&a, &err)) code = cli_error(self, &err);
  cli_arguments_free(&a);
  if (code != CLI_CONTINUE) return code;
  if (opt.backup[0]) return serve_backup(self);
  if (!opt.print_config) return cli_become(self, "trm-server", argc, argv, "libevent and SQLite are installed");
  serve_print_config();
  return CLI_OK;
}

const cli_command cli_serve = {
    .name = "serve",
    .synopsis = "[options]",
    .summary = "serve models over HTTP, with jobs that survive",
    .description =
        "Starts a server on 127.0.0.1:8080 with all installed models: JSON over HTTP, steps as server-sent events, "
        "jobs that are on disk before they are accepted. Engines are processes of their own: one that fails is "
        "replaced, and what it was solving is given to another.\n\n"
        "Every option is also a key of the configuration file and a variable: --pool-size is pool_size and "
        "TRM_POOL_SIZE. Options go before variables, and these before the file.\n\n"
        "--backup FILE asks the server that runs for a copy of its journal, complete and of one moment, which takes "
        "the place of "
        "journal.db when the server is to go on from it.\n\n"
        "SIGTERM ends the server: /readyz answers 503 at once, running work is finished within --drain-s, jobs that "
        "are not done go on at the next start. A second SIGTERM ends it at once.",
    .examples = "trm serve\ntrm serve --listen 127.0.0.1:9000 --model-path model.safetensors\n"
                "trm serve --print-config\n"
                "trm solve --server http://127.0.0.1:8080 puzzles.txt\n",
    .usual = "config print_config backup listen token_file model_path pool_size threads data_dir",
    .tables = serve_tables,
    .run = serve_run,
};
