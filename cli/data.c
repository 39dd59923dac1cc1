/* Datasets that the user names: see data.h. */
#include "cli/data.h"

#include <string.h>

const char *cli_data_path(const char *word) {
  return strcmp(word, "-") != 0 ? word : "/dev/stdin";
}

void cli_data_say(const cli_command *self, const char *path, const char *notes) {
  for (const char *end; (end = strchr(notes, '\n')); notes = end + 1)
    cli_warn(self, "%s: %.*s", path, (int)(end - notes), notes);
}
