/* Events into a file: see events.h. A file that cannot be written to any more is told at once, and costs the command
 * its exit code, but not the answers. */
#include "cli/events.h"

#include <stdlib.h>
#include <string.h>

int cli_events_check(const cli_command *command, const char *path, int force) {
  return path[0] ? cli_may_write_beside(command, "--events", path, force) : CLI_CONTINUE;
}

static void events_note(cli_events *e, trm_status status, const trm_error *error) {
  if (status) e->failed = cli_error(e->command, error);
}

static void events_write(void *context, const trm_event *event) {
  cli_events *e = context;
  const trm_event named = {.type = event->type, .time = event->time, .clock = event->clock, .value = e->value};
  trm_error error = {0};
  char line[1024];
  if (e->failed) return;
  for (size_t i = 0; i < event->type->fields; i++) {
    e->value[i] = event->value[i];
    if (e->number && !strcmp(event->type->field[i].name, "puzzle"))
      e->value[i].integer = e->number(e->context, event->value[i].integer);
  }
  size_t length = (size_t)trm_event_json(&named, line, sizeof line - 1);
  line[length] = '\n';
  e->lines = 1;
  events_note(e, trm__writer_write(e->writer, line, length + 1, &error), &error);
  if (!e->failed && e->direct) events_note(e, trm__writer_flush(e->writer, &error), &error);
}

static trm_event_value *events_alloc_values(void) {
  size_t types, most = 0;
  const trm_event_type *type = trm_telemetry_events(&types);
  for (size_t i = 0; i < types; i++)
    if (type[i].fields > most) most = type[i].fields;
  return cli_alloc(most, sizeof(trm_event_value));
}

int cli_events_open(cli_events *e, const cli_command *command, const char *path, cli_events_number number,
                    void *context) {
  trm__path_kind kind;
  trm_error error = {0};
  *e = (cli_events){.command = command, .number = number, .context = context};
  if (!path[0]) return CLI_CONTINUE;
  if (trm__path_find(&kind, path, &error) || trm__writer_open(&e->writer, path, &error))
    return cli_error(command, &error);
  e->direct = kind == TRM__PATH_SPECIAL;
  e->value = events_alloc_values();
  return trm_telemetry_attach("", events_write, e, &error) ? cli_error(command, &error) : CLI_CONTINUE;
}

int cli_events_close(cli_events *e, int code) {
  trm_error error = {0};
  if (!e->writer) return code;
  trm_telemetry_detach(events_write, e);
  free(e->value);
  if (e->failed || (!e->lines && code > CLI_UNSOLVED)) trm__writer_abort(&e->writer);
  else events_note(e, trm__writer_commit(&e->writer, &error), &error);
  return e->failed > code ? e->failed : code;
}
