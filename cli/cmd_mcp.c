/* trm mcp: tools for hosts of language models, on standard input and output. What is wrong with the options is told
 * here; then trm-server takes this process's place. */
#include <stdlib.h>
#include <string.h>

#include "cli/http.h"
#include "cli/server_program.h"

static struct {
  char server[512], token_file[TRM__SERVE_PATH], config[TRM__SERVE_PATH];
  int alone;
} opt;

static const trm_option mcp_options[] = {
    {.name = "server",
     .type = TRM_OPT_STRING,
     FIELD(server),
     .size = sizeof opt.server,
     .metavar = "URL",
     .group = "Where the work is done",
     .help = "at this server, http://HOST:PORT or unix:PATH; default: the one that runs with this configuration, else "
             "here"},
    {.name = "token_file",
     .type = TRM_OPT_STRING,
     FIELD(token_file),
     .size = sizeof opt.token_file,
     .metavar = "FILE",
     .help = "of a server: a file that holds the token to show it; default: TRM_TOKEN, else none"},
    {.name = "alone", .type = TRM_OPT_BOOL, FIELD(alone), .help = "here, whatever server runs"},
    {.name = "config",
     .type = TRM_OPT_STRING,
     FIELD(config),
     .size = sizeof opt.config,
     .metavar = "FILE",
     .help = "read this file of trm serve; default: $XDG_CONFIG_HOME/trm/trm.json, else /etc/trm/trm.json"},
};

/* Options of the server that mean something without one. */
static const char *const mcp_served[] = {"model_path", "models",       "device", "threads",  "data_dir",
                                         "solve_s",    "solve_most_s", "log",    "log_level"};
enum { SERVED = sizeof mcp_served / sizeof *mcp_served };

static size_t mcp_tables(cli_table t[CLI_TABLES]) {
  static trm_option served[SERVED];
  size_t count;
  const trm_option *table = trm__serve_options(&count);
  for (size_t i = 0; i < SERVED; i++) served[i] = *trm__option_find(table, count, mcp_served[i]);
  t[0] = (cli_table){mcp_options, sizeof mcp_options / sizeof *mcp_options, &opt};
  t[1] = (cli_table){served, SERVED, &cli_served};
  return 2;
}

/* A new word of three parts. */
static char *mcp_word(const char *a, const char *b, const char *c) {
  size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
  char *word = cli_alloc(size, 1);
  (void)snprintf(word, size, "%s%s%s", a, b, c);
  return word;
}

/* What was given of them, as words; their number is returned. */
static int mcp_words(const cli_arguments *a, char **words) {
  size_t table_size;
  int count = 0;
  const trm_option *table = trm__serve_options(&table_size);
  for (size_t i = 0; i < a->givens; i++) {
    char value[TRM__SERVE_PATH + 16];
    const char *name = a->given[i].option->name;
    if (a->given[i].table->config != &cli_served) continue;
    (void)trm_options_get(table, table_size, &cli_served, name, value, sizeof value);
    char *begin = mcp_word("--", name, "=");
    words[count++] = mcp_word(begin, value, "");
    free(begin);
  }
  if (!opt.config[0]) return count;
  words[count++] = mcp_word("--config", "", "");
  words[count++] = mcp_word(opt.config, "", "");
  return count;
}

static trm_status mcp_check(trm_error *err) {
  char token[CLI_HTTP_TOKEN];
  cli_http_address address;
  const char *given = cli_environment("TRM_TOKEN");
  trm_status status = opt.server[0] ? cli_http_address_read(&address, opt.server, err) : TRM_OK;
  if (!status && !opt.token_file[0] && given) status = cli_http_token_check(given, "TRM_TOKEN", err);
  if (status || !opt.token_file[0]) return status;
  status = cli_http_token_load(token, opt.token_file, err);
  if (!status) (void)setenv("TRM_TOKEN", token, 1); /* not a word, which others would see */
  return status;
}

static int mcp_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  trm_error err = {0};
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 0, 0, "");
  if (code == CLI_CONTINUE && opt.alone && opt.server[0])
    code = cli_usage(self, "--alone and --server exclude each other");
  if (code == CLI_CONTINUE && mcp_check(&err)) code = cli_error(self, &err);
  if (code != CLI_CONTINUE) {
    cli_arguments_free(&a);
    return code;
  }
  char **words = cli_alloc(a.givens + 2, sizeof *words);
  int count = mcp_words(&a, words);
  const char *const before[] = {"--role", "mcp", opt.server, opt.alone ? "1" : "0", NULL};
  if (cli_serve_configure(&a, opt.config, &err)) code = cli_error(self, &err);
  else code = cli_serve_exec(self, before, count, words);
  while (count > 0) free(words[--count]);
  free(words);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_mcp = {
    .name = "mcp",
    .synopsis = "[options]",
    .summary = "tools for language models, over standard input and output",
    .description =
        "Speaks the Model Context Protocol, a message a line, to the host that has started it: tools that solve, "
        "explain, "
        "check and make puzzles. Hosts are told \"trm mcp\" as the command of a local server.\n\n"
        "When trm serve runs with the same configuration (its socket is in data_dir), or --server names one, calls go "
        "through it. Otherwise an engine is started here and ends with this; any number of these live side by side.\n\n"
        "It ends at the end of its input, and at SIGTERM.",
    .examples = "trm mcp\nclaude mcp add trm -- trm mcp\ntrm mcp --server http://127.0.0.1:8080\n",
    .usual = "server token_file alone config model_path models threads",
    .tables = mcp_tables,
    .run = mcp_run,
};
