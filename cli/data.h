/* What the commands of "trm data" and others that read datasets share. */
#ifndef TRM_CLI_DATA_H
#define TRM_CLI_DATA_H

#include <trm/data.h>

#include "cli/cli.h"

/* The path that a word names: "-" is standard input. */
const char *cli_data_path(const char *word);
/* What the reader of the data has to say (trm_dataset_info.notes), as warnings. */
void cli_data_say(const cli_command *self, const char *path, const char *notes);

#endif
