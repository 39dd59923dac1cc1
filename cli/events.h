/* --events FILE, of commands that run the engine: its telemetry events (include/trm/telemetry.h), one JSON object a
 * line in the order in which they happen. They tell of puzzles by number alone, never what a puzzle holds. */
#ifndef TRM_CLI_EVENTS_H
#define TRM_CLI_EVENTS_H

#include <trm/telemetry.h>

#include "base/os/file.h"
#include "cli/cli.h"

#define CLI_EVENTS 1024 /* bytes of the file's path */

#define CLI_EVENTS_OPTION                                                                                              \
  {                                                                                                                    \
    .name = "events", .type = TRM_OPT_STRING, FIELD(events), .size = sizeof opt.events, .metavar = "FILE",             \
    .help = "write what the engine does to FILE, as JSON Lines with the time of each event"                            \
  }
#define CLI_EVENTS_FORCE_OPTION                                                                                        \
  { .name = "force", .type = TRM_OPT_BOOL, FIELD(force), .help = "replace the FILE of --events where it exists" }

/* The paragraph about it in a command's description. */
#define CLI_EVENTS_NOTE                                                                                                \
  "\n\n--events writes a line when a puzzle enters the engine, takes a step, halts early, leaves, and has its answer " \
  "handed over: a JSON object with ts (RFC 3339, UTC), event, measurements and metadata (EVENTS in the man page). A "  \
  "puzzle is named by its number in the input, from 0 on; nothing of what is in it is told. The file is there when "   \
  "the command ends, after a signal too, whole or not at all; a pipe or device, such as /dev/fd/3, gets each line at " \
  "once. Standard output has the results and is refused."

/* A puzzle's number in the input, from that in the call. */
typedef int64_t (*cli_events_number)(void *context, int64_t puzzle);

/* Zeroed: there is no file. */
typedef struct cli_events {
  const cli_command *command;
  trm__writer *writer;    /* NULL: no file */
  int direct;             /* no regular file */
  int lines;              /* 1: there are any */
  int failed;             /* exit code of the write that failed, after which none is tried; 0: none */
  trm_event_value *value; /* of the event at work, with room for every event's */
  cli_events_number number;
  void *context;
} cli_events;

/* Whether the file may be written; told before the work. path "": no file. CLI_CONTINUE or an exit code. */
int cli_events_check(const cli_command *command, const char *path, int force);
/* From now on events are written. number NULL: they are the same. CLI_CONTINUE or an exit code. */
int cli_events_open(cli_events *events, const cli_command *command, const char *path, cli_events_number number,
                    void *context);
/* The file gets its name, unless the command failed before there was anything to tell. Returns code, or that of the
 * write that failed where code is better. */
int cli_events_close(cli_events *events, int code);

#endif
