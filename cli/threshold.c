/* The halting threshold of a model chosen, shown and on request written: see threshold.h. */
#include "cli/threshold.h"

#include <math.h>
#include <string.h>

#include "cli/ui/values.h"

static void threshold_print_point(const char *name, int64_t exact, double steps, const trm_halting_choice *c) {
  char a[32], b[32];
  printf("%-10s %9s %9s %7.2f\n", name, cli_thousands(exact, a), cli_percent((double)exact / (double)c->puzzles, b),
         steps);
}

static void threshold_print(const cli_threshold *how, const trm_halting_choice *c, const trm_solver_values *before) {
  char a[32], name[32], line[CLI_VALUES];
  printf("model      %s\ndata       %s: %s puzzles\nso far     %s\n\n", how->path, how->data,
         cli_thousands(c->puzzles, a), cli_values_text(before, line));
  printf("%-10s %9s %9s %7s\n", "threshold", "exact", "accuracy", "steps");
  for (int i = 0; i < c->points; i++) {
    (void)snprintf(name, sizeof name, "%g", c->point[i].threshold);
    threshold_print_point(name, c->point[i].exact, c->point[i].mean_steps, c);
  }
  threshold_print_point("all steps", c->exact, (double)c->max_steps, c);
  if (c->hopeless.count)
    printf(
        "\nsolved     after %.2f steps, or all %lld; after %.2f when the hopeless stop, at the cost of %lld puzzle%s\n",
        c->solved_steps, (long long)c->max_steps, c->hopeless_steps, (long long)c->hopeless_lost,
        c->hopeless_lost == 1 ? "" : "s");
  if (isfinite(c->threshold)) printf("\nthreshold  %g, %s\n", c->threshold, how->write ? "written" : "not written");
  else printf("\nthreshold  none: no puzzle is right after all steps\n");
}

static void threshold_print_json(const cli_threshold *how, const trm_halting_choice *c,
                                 const trm_solver_values *before) {
  json_t *curve = json_array();
  double n = (double)c->puzzles;
  for (int i = 0; i < c->points; i++)
    json_array_append_new(curve, json_pack("{s:o, s:I, s:o, s:o}", "threshold", cli_real(c->point[i].threshold),
                                           "exact", (json_int_t)c->point[i].exact, "exact_accuracy",
                                           cli_real((double)c->point[i].exact / n), "mean_steps",
                                           cli_real(c->point[i].mean_steps)));
  cli_json_print(json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:I, s:o, s:o, s:b}", "hopeless",
                           cli_hopeless_json(&c->hopeless), "hopeless_lost", (json_int_t)c->hopeless_lost,
                           "solved_steps", cli_real(c->solved_steps), "hopeless_steps", cli_real(c->hopeless_steps),
                           "model", cli_path(how->path), "data", cli_path(how->data), "halt_threshold",
                           cli_real(c->threshold), "puzzles", (json_int_t)c->puzzles, "exact", (json_int_t)c->exact,
                           "exact_accuracy", cli_real((double)c->exact / n), "max_steps", (json_int_t)c->max_steps,
                           "curve", curve, "before", cli_values_json(before), "written",
                           how->write && isfinite(c->threshold)),
                 0);
}

/* The file is written anew and renamed, so that the model, which is mapped, stays as it is. A step limit that was asked
 * for is one that the threshold was chosen with, and is kept with it. */
static int threshold_write(const cli_command *command, const cli_threshold *how, const trm_model *model,
                           const trm_halting_choice *choice, const trm_solver_values *values) {
  trm_model_conversion what = trm_model_conversion_default();
  trm_error error = {0};
  what.halt_threshold = choice->threshold;
  what.hopeless = &choice->hopeless;
  if (values->max_steps.origin == TRM_VALUE_OPTION) what.max_steps = values->max_steps.value;
  return trm_model_convert(model, how->path, &what, &error) ? cli_error(command, &error) : CLI_CONTINUE;
}

/* What is stored must hold for the model as others will run it. */
static int threshold_check(const cli_command *command, const cli_threshold *how, const trm_solver_values *v) {
  int own = v->H_cycles.origin != TRM_VALUE_OPTION && v->L_cycles.origin != TRM_VALUE_OPTION;
  if (!how->write || own) return CLI_CONTINUE;
  return cli_usage(command,
                   "--write: a threshold is kept for the model's own T and n; leave --H-cycles and --L-cycles out");
}

int cli_threshold_choose(const cli_command *command, const cli_threshold *how, const trm_model *model,
                         trm_solver *solver, const trm_dataset *dataset) {
  trm_solver_values before = trm_solver_get_values(solver);
  trm_halting_choice choice = {.threshold = NAN};
  trm_error error = {0};
  cli_progress progress = cli_progress_open(how->quiet);
  int code = threshold_check(command, how, &before);
  if (code != CLI_CONTINUE) return code;
  cli_catch_signals();
  trm_status status =
      trm_choose_threshold(solver, dataset, how->limit, &choice, cli_progress_fraction, &progress, &error);
  cli_progress_clear(&progress);
  if (status == TRM_E_STOPPED) cli_warn(command, "%s; nothing is chosen", error.message);
  if (!strcmp(error.where, "dataset")) (void)snprintf(error.where, sizeof error.where, "%s", how->data);
  if (status) return status == TRM_E_STOPPED ? CLI_UNSOLVED : cli_error(command, &error);
  if (how->write && isfinite(choice.threshold)) code = threshold_write(command, how, model, &choice, &before);
  if (code != CLI_CONTINUE) return code;
  (how->json ? threshold_print_json : threshold_print)(how, &choice, &before);
  return isfinite(choice.threshold) ? CLI_OK : CLI_UNSOLVED;
}
