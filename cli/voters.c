/* Models that vote: see voters.h. */
#include "cli/voters.h"

#include <stdlib.h>
#include <string.h>

#include "cli/puzzles.h"

void cli_voters_begin(cli_voters *v, const cli_arguments *a, const char *before) {
  v->path = cli_alloc(a->givens + 1, sizeof *v->path);
  v->model = cli_alloc(a->givens + 1, sizeof *v->model);
  v->count = 0;
  if (before) v->path[v->count++] = before;
  v->count += cli_texts(a, "model", v->path + v->count);
}

static int voters_open_one(const cli_command *command, cli_voters *v, size_t i, int64_t identifier) {
  char path[1100];
  trm_model *model = NULL;
  (void)snprintf(path, sizeof path, "%s", v->path[i]);
  int code = cli_model_open(command, path, NULL, &model);
  v->model[i] = model;
  if (code == CLI_CONTINUE) code = cli_model_check_identifier(command, path, identifier, model);
  return code;
}

int cli_voters_open(const cli_command *command, cli_voters *v, const trm_model *first, const char *path,
                    int64_t identifier) {
  int code = CLI_CONTINUE;
  if (!v->count) v->path[v->count++] = path;
  v->model[0] = first;
  for (size_t i = 1; i < v->count && code == CLI_CONTINUE; i++) code = voters_open_one(command, v, i, identifier);
  return code;
}

void cli_voters_close(cli_voters *v) {
  for (size_t i = 1; i < v->count; i++) {
    trm_model *model = (trm_model *)(uintptr_t)v->model[i]; /* its own */
    trm_model_close(&model);
  }
  free(v->path);
  free(v->model);
  *v = (cli_voters){0};
}

const char *cli_voters_winner(const cli_voters *v, const trm_solution *solution) {
  return v->count > 1 ? v->path[solution->voter] : NULL;
}

json_t *cli_voters_json(const cli_voters *v) {
  json_t *paths = json_array();
  for (size_t i = 0; i < v->count; i++) json_array_append_new(paths, cli_path(v->path[i]));
  return paths;
}

int cli_voters_refuse(const cli_command *command, const cli_arguments *a) {
  size_t times = 0;
  for (size_t i = 0; i < a->givens; i++) times += !strcmp(a->given[i].option->name, "model");
  if (times < 2) return CLI_CONTINUE;
  return cli_usage(command, "--model: given %zu times, expected one; models vote in trm solve and trm eval", times);
}

int cli_model_check_identifier(const cli_command *command, const char *path, int64_t identifier,
                               const trm_model *model) {
  const trm_model_config *m = trm_model_get_config(model);
  if (!identifier) return CLI_CONTINUE;
  if (!m->puzzle_emb_ndim)
    return cli_usage(command, "--identifier: %s has no puzzle embedding, expected no identifier or 0", path);
  if (identifier < m->num_puzzle_identifiers) return CLI_CONTINUE;
  return cli_usage(command, "--identifier: found %lld, %s knows 0 to %lld", (long long)identifier, path,
                   (long long)m->num_puzzle_identifiers - 1);
}
