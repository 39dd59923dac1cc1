/* What ranks of trm train are started with: the command line of who starts them, without what is his alone; and when
 * they are started again, the run, which knows the rest by its config.json. */
#include <stdlib.h>
#include <string.h>

#include "cli/ranks.h"

/* Options of who starts ranks; those with a value first. */
static const char *const launcher_options[] = {"--ranks", "--hosts", "--elastic"};

/* Whether an argument, "--name" or "--name=value", is one of these: 2 when its value is the next argument. */
static int launcher_option(const char *argument) {
  for (size_t i = 0; i < sizeof launcher_options / sizeof *launcher_options; i++) {
    size_t length = strlen(launcher_options[i]);
    if (strncmp(argument, launcher_options[i], length) != 0) continue;
    if (argument[length] == '=') return 1;
    if (!argument[length]) return strcmp(argument, "--elastic") != 0 ? 2 : 1;
  }
  return 0;
}

static char *copy_of(const char *text) {
  char *copy = cli_alloc(strlen(text) + 1, 1);
  return strcpy(copy, text);
}

static char **first_arguments(int argc, char **argv, const char *named) {
  char **out = cli_alloc((size_t)argc + 4, sizeof *out);
  size_t n = 0;
  out[n++] = copy_of("train");
  if (named) out[n++] = copy_of("--run"), out[n++] = copy_of(named);
  for (int i = 0; i < argc; i++) {
    int own = launcher_option(argv[i]);
    if (own == 2) i++;
    else if (!own) out[n++] = copy_of(argv[i]);
  }
  return out;
}

static char **again_arguments(const cli_arguments *a, const void *own, const char *run) {
  char **out = cli_alloc(a->givens + 4, sizeof *out);
  size_t n = 0;
  out[n++] = copy_of("train");
  out[n++] = copy_of("--resume");
  out[n++] = copy_of(run);
  for (size_t i = 0; i < a->givens; i++) {
    const cli_given *g = &a->given[i];
    char name[64];
    if (!g->option || g->table->config != own || !strcmp(g->option->name, "preset") ||
        !strcmp(g->option->name, "resume"))
      continue;
    (void)snprintf(name, sizeof name, "--%s", g->option->name);
    for (char *c = name; *c; c++) *c = *c == '_' ? '-' : *c;
    if (launcher_option(name)) continue;
    char *word = cli_alloc(strlen(name) + (g->text ? strlen(g->text) : 0) + 2, 1);
    (void)sprintf(word, "%s%s%s", name, g->text ? "=" : "", g->text ? g->text : "");
    out[n++] = word;
  }
  return out;
}

void cli_job_arguments(cli_job *job, int argc, char **argv, const char *named, const cli_arguments *a,
                       const void *own) {
  job->first = first_arguments(argc, argv, named);
  job->again = again_arguments(a, own, job->run);
}

static void free_all(char **words) {
  for (size_t i = 0; words && words[i]; i++) free(words[i]);
  free(words);
}

void cli_job_free(cli_job *job) {
  free_all(job->first);
  free_all(job->again);
}
