/* trm action, trm check: what is typed is looked at here, and the work is done by trm-agent (src/agent), a program of
 * its own, which needs PCRE2. */
#include "agent/options.h"
#include "cli/cli.h"

static trm__agent_options opt;

static cli_table agent_table(trm__agent_table which) {
  cli_table table = {.config = &opt};
  table.items = trm__agent_options_of(which, &table.count);
  return table;
}

static size_t agent_list_tables(cli_table t[CLI_TABLES]) {
  t[0] = agent_table(TRM__AGENT_CATALOG);
  t[1] = agent_table(TRM__AGENT_LIST);
  return 2;
}

static size_t agent_call_tables(cli_table t[CLI_TABLES]) {
  t[0] = agent_table(TRM__AGENT_CALL);
  t[1] = agent_table(TRM__AGENT_MAY);
  t[2] = agent_table(TRM__AGENT_CATALOG);
  return 3;
}

static size_t agent_flow_tables(cli_table t[CLI_TABLES]) {
  t[0] = agent_table(TRM__AGENT_RUN);
  t[1] = agent_table(TRM__AGENT_MAY);
  t[2] = agent_table(TRM__AGENT_CATALOG);
  return 3;
}

static size_t agent_show_tables(cli_table t[CLI_TABLES]) {
  t[0] = agent_table(TRM__AGENT_SHOW);
  return 1;
}

static size_t agent_no_tables(cli_table t[CLI_TABLES]) {
  (void)t;
  return 0;
}

/* The arguments again, behind the command's own words. */
static int agent_become(const cli_command *self, int argc, char **argv) {
  char name[32], **all = cli_alloc((size_t)argc + 2, sizeof *all);
  int used = 0;
  (void)snprintf(name, sizeof name, "%s", self->name);
  for (char *word = name; word && *word; used++) {
    all[used] = word;
    while (*word && *word != ' ') word++;
    if (*word) *word++ = 0;
  }
  for (int i = 0; i < argc; i++) all[used + i] = argv[i];
  return cli_become(self, "trm-agent", used + argc, all, "PCRE2, libevent and SQLite are installed");
}

static int agent_run(const cli_command *self, int argc, char **argv, size_t least, size_t most, const char *names) {
  cli_arguments a;
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, least, most, names);
  cli_arguments_free(&a);
  return code == CLI_CONTINUE ? agent_become(self, argc, argv) : code;
}

static int agent_list_run(const cli_command *self, int argc, char **argv) {
  return agent_run(self, argc, argv, 0, 0, "");
}

static int agent_call_run(const cli_command *self, int argc, char **argv) {
  return agent_run(self, argc, argv, 1, 2, "an action, and its input");
}

static int agent_flow_run(const cli_command *self, int argc, char **argv) {
  return agent_run(self, argc, argv, 1, 2, "a workflow's file, and its input");
}

static int agent_show_run(const cli_command *self, int argc, char **argv) {
  return agent_run(self, argc, argv, 1, 1, "a workflow's file");
}

static int agent_check_run(const cli_command *self, int argc, char **argv) {
  return agent_run(self, argc, argv, 1, 10000, "definition files");
}

const cli_command cli_action_list = {
    .name = "action list",
    .synopsis = "[options]",
    .summary = "the actions that can be called",
    .description = "Prints each action with its category and what it does: those that are built in, and those of "
                   "--definitions. Other formats are for models that call tools.",
    .examples = "trm action list\ntrm action list --format openai\n",
    .tables = agent_list_tables,
    .run = agent_list_run,
};

const cli_command cli_action_call = {
    .name = "action call",
    .synopsis = "NAME [INPUT] [options]",
    .summary = "call an action",
    .description =
        "INPUT is JSON, @FILE for a file, or - for standard input; without it an empty object. The output is printed "
        "as "
        "JSON. An input that the action's schema refuses is told with its place, and nothing is done.\n\n"
        "An error has a type: validation (exit code 3), configuration (2), execution and timeout (1), internal (4). "
        "Another attempt is made only where --retries allows it and the error says that it may help. What an action "
        "can "
        "undo is undone once after its last failed attempt, also when it is interrupted.\n\n"
        "No program runs unless --allow names it, and no file is touched outside --roots.",
    .examples = "trm action call generate '{\"size\": 6}'\n"
                "trm action call solve '{\"puzzle\": \"53..7....6..195...\"}'\n",
    .exits = "1\tthe action failed, or its time was over\n",
    .tables = agent_call_tables,
    .run = agent_call_run,
};

const cli_command cli_workflow_run = {
    .name = "workflow run",
    .synopsis = "FILE [INPUT] [options]",
    .summary = "run a workflow",
    .description = "Calls the actions of FILE's steps, each when all that it depends on has ended, and prints the "
                   "output as JSON. INPUT "
                   "is JSON, @FILE for a file, or - for standard input; without it an empty object.\n\n"
                   "With --journal every result is on disk before a step that depends on it begins. The same command "
                   "again goes on "
                   "after a crash, runs no recorded step again, keeps the deadline, and gives the recorded outcome of "
                   "a run that has "
                   "ended.\n\n"
                   "The first failure, a signal and the deadline begin no further step; what was done is undone then, "
                   "the last first.",
    .examples = "trm workflow run puzzles.json '{\"size\": 6}'\n"
                "trm workflow run puzzles.json --journal state --run monday\n",
    .exits = "1\ta step failed, or the run was interrupted; what can be undone was\n",
    .tables = agent_flow_tables,
    .run = agent_flow_run,
};

const cli_command cli_workflow_show = {
    .name = "workflow show",
    .synopsis = "FILE [options]",
    .summary = "show a workflow as text or as a picture",
    .description =
        "Prints a line for each step: its layer, name, action and what it comes after; with --journal its state "
        "too. --svg prints a picture in which states are colours.",
    .examples = "trm workflow show puzzles.json\ntrm workflow show puzzles.json --svg > puzzles.svg\n",
    .tables = agent_show_tables,
    .run = agent_show_run,
};

const cli_command cli_check = {
    .name = "check",
    .synopsis = "FILE...",
    .summary = "check definition files of agents",
    .description =
        "Checks definitions, such as those of actions, against the schema of their kind, and prints kind and name of "
        "each "
        "that is right. What is wrong is told with file, line and the nearest name that is known. The schemas "
        "are in share/trm/schemas where trm is installed.",
    .examples = "trm check actions/*.json\n",
    .tables = agent_no_tables,
    .run = agent_check_run,
};
