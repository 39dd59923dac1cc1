#include "agent/options.h"

#define FIELD(name) .offset = offsetof(trm__agent_options, name)
#define TEXT(name) .type = TRM_OPT_STRING, FIELD(name), .size = sizeof((trm__agent_options *)0)->name

static const trm_option options_catalog[] = {
    {.name = "definitions",
     TEXT(definitions),
     .metavar = "PATH",
     .group = "Actions",
     .help = "a definition file, or a folder of them, beside the built-in actions"},
};
static const trm_option options_list[] = {
    {.name = "format",
     .type = TRM_OPT_ENUM,
     FIELD(format),
     .default_text = "text",
     .choices = "text|json|mcp|openai|http",
     .help = "text; json: whole declarations; mcp, openai, http: as tools of models and routes"},
};
static const trm_option options_call[] = {
    {.name = "json", .type = TRM_OPT_BOOL, FIELD(json), .group = "Call", .help = "print output or error as one object"},
    {.name = "timeout_s",
     .type = TRM_OPT_REAL,
     FIELD(timeout_s),
     .default_text = "own",
     .min = 0,
     .max = 86400,
     .help = "seconds an attempt; 0: no limit"},
    {.name = "retries",
     .type = TRM_OPT_INT,
     FIELD(retries),
     .default_text = "-1",
     .min = -1,
     .max = 100,
     .help = "further attempts after errors that allow them; -1: the action's own"},
};
static const trm_option options_may[] = {
    {.name = "allow",
     TEXT(allow),
     .metavar = "FILES",
     .group = "What actions may do",
     .help = "programs and plugins that may be run, behind commas; default: none"},
    {.name = "roots",
     TEXT(roots),
     .metavar = "FOLDERS",
     .help = "folders that the action file may touch, behind commas; default: none"},
    {.name = "device", TEXT(device), .metavar = "NAME", .help = "what computes: cpu, cuda or cuda:N; default: cpu"},
    {.name = "threads",
     .type = TRM_OPT_INT,
     FIELD(threads),
     .default_text = "0",
     .min = 0,
     .max = 1024,
     .help = "computing threads; 0: all cores"},
};
static const trm_option options_run[] = {
    {.name = "json", .type = TRM_OPT_BOOL, FIELD(json), .group = "Run", .help = "print the result as one object"},
    {.name = "journal",
     TEXT(journal),
     .metavar = "FOLDER",
     .help = "record each step there, and go on from what is recorded"},
    {.name = "run", TEXT(run), .metavar = "NAME", .help = "of the run in the journal; default: the workflow's name"},
    {.name = "parallel",
     .type = TRM_OPT_INT,
     FIELD(parallel),
     .default_text = "0",
     .min = 0,
     .max = 256,
     .help = "steps at the same time; 0: as the workflow says, else as many as cores"},
    {.name = "timeout_s",
     .type = TRM_OPT_REAL,
     FIELD(timeout_s),
     .default_text = "own",
     .min = 0,
     .max = 86400,
     .help = "seconds for the whole run; 0: no limit"},
};
static const trm_option options_show[] = {
    {.name = "svg", .type = TRM_OPT_BOOL, FIELD(svg), .group = "Show", .help = "print an SVG picture"},
    {.name = "journal", TEXT(journal), .metavar = "FOLDER", .help = "show the states that are recorded there"},
    {.name = "run", TEXT(run), .metavar = "NAME", .help = "of the run in the journal; default: the workflow's name"},
};

const trm_option *trm__agent_options_of(trm__agent_table table, size_t *count) {
#define ROW(list)                                                                                                      \
  { list, sizeof list / sizeof *list }
  static const struct {
    const trm_option *list;
    size_t count;
  } tables[TRM__AGENT_TABLES] = {ROW(options_catalog), ROW(options_list), ROW(options_call),
                                 ROW(options_may),     ROW(options_run),  ROW(options_show)};
  *count = tables[table].count;
  return tables[table].list;
}
