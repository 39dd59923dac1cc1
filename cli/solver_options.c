/* Options of a solver: see solver_options.h. */
#include "cli/solver_options.h"

#include <string.h>

cli_table cli_solver_table(trm_option **items, const cli_other *others, size_t others_count,
                           trm_solver_config *config) {
  size_t count;
  const trm_option *table = trm_solver_options(&count);
  if (!*items) *items = cli_alloc(count, sizeof **items);
  memcpy(*items, table, count * sizeof **items);
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < others_count; k++) {
      if (strcmp((*items)[i].name, others[k].name) != 0) continue;
      (*items)[i].default_text = others[k].default_text;
      if (others[k].help) (*items)[i].help = others[k].help;
    }
  return (cli_table){*items, count, config};
}

void cli_solver_say_idle(const cli_command *command, const cli_arguments *arguments, const trm_solver_config *config,
                         const trm_task *task) {
  char title[96];
  if (config->rules_halt && !trm_task_rules(task) && cli_is_given(arguments, "rules_halt"))
    cli_warn(command, "--rules-halt: has no effect, as no rules are known of %s",
             trm_task_title(task, title, sizeof title));
}

void cli_solver_say_level(const cli_command *command, const cli_arguments *arguments, const trm_solver_config *config,
                          const trm_solver *solver) {
  int several = config->votes > 1 || config->rollouts > 1 || trm_solver_voter(solver, 1) != NULL;
  int head = trm_solver_get_level(solver) == TRM_LEVEL_B && (!several || config->vote_by == TRM_VOTE_FIRST);
  if (head && !config->halt && cli_is_given(arguments, "halt"))
    cli_warn(command, "--no-halt: has no effect, as the halting head decides at level B");
}

int cli_solver_check(const cli_command *command, const cli_arguments *arguments, const trm_solver_config *config) {
  static const char *const of_candidates[] = {"merge", "latent_spread"}, *const words[] = {"merge", "latent-spread"};
  for (int i = 0; i < 2 && config->parallel_latents == 1; i++)
    if (cli_is_given(arguments, of_candidates[i]))
      return cli_usage(command, "--%s: has no effect without --parallel-latents of 2 or more", words[i]);
  return CLI_CONTINUE;
}
