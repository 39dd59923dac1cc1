/* trm eval: what a model is worth on puzzles it has not seen. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cli/arc.h"
#include "cli/data.h"
#include "cli/eval_json.h"
#include "cli/events.h"
#include "cli/judge.h"
#include "cli/predictions.h"
#include "cli/puzzles.h"
#include "cli/solver_options.h"
#include "cli/threshold.h"
#include "cli/ui/values.h"
#include "cli/voters.h"

static struct {
  char model[1100], split[64], device[CLI_DEVICE], events[CLI_EVENTS], predictions[1024], submission[1024], judge[256];
  double judge_seconds;
  int64_t limit, threads, worst;
  int json, quiet, verbose, force, choose_threshold, write;
} opt;
static trm_solver_config eval_config;
static int64_t eval_budget; /* steps of a search, in force */
static cli_voters eval_voters;

static const trm_option eval_options[] = {
    {.name = "model",
     .type = TRM_OPT_STRING,
     FIELD(model),
     .size = sizeof opt.model,
     .metavar = "FILE",
     .group = "Evaluate",
     .help = "model file or run directory, as MODEL; beside it or given again: models that vote"},
    CLI_SPLIT_OPTION(),
    CLI_LIMIT_OPTION,
    CLI_JSON_OPTION(.help = "print one JSON object; accuracies are fractions of 1"),
    CLI_VERBOSE_OPTION,
    {.name = "predictions",
     .type = TRM_OPT_STRING,
     FIELD(predictions),
     .size = sizeof opt.predictions,
     .metavar = "FILE",
     .help = "write what became of each puzzle to FILE, as CSV where it ends in .csv, else as JSON Lines"},
    {.name = "submission",
     .type = TRM_OPT_STRING,
     FIELD(submission),
     .size = sizeof opt.submission,
     .metavar = "FILE",
     .help = "of an ARC dataset: write two attempts for each test to FILE, as the competition takes them"},
    {.name = "worst",
     .type = TRM_OPT_INT,
     FIELD(worst),
     .default_text = "0",
     .min = 0,
     .max = 1e6,
     .metavar = "N",
     .help = "show N wrong answers beside the right ones, those first of which the model was surest"},
    {.name = "choose_threshold",
     .type = TRM_OPT_BOOL,
     FIELD(choose_threshold),
     .help = "choose the model's halting threshold on DATA, which must be validation puzzles, instead of measuring"},
    {.name = "write",
     .type = TRM_OPT_BOOL,
     FIELD(write),
     .help = "with --choose-threshold: put it into the model's file, whose id changes with it"},
    CLI_JUDGE_OPTIONS,
    CLI_QUIET_OPTION,
    CLI_EVENTS_OPTION,
    {.name = "force",
     .type = TRM_OPT_BOOL,
     FIELD(force),
     .help = "replace the FILE of --predictions, --submission or --events where it exists"},
    CLI_DEVICE_OPTION,
    CLI_THREADS_OPTION(.help = "computing threads; 0: all cores"),
};

/* Nothing halts unless asked to, as the field reports accuracy. */
static size_t eval_tables(cli_table t[CLI_TABLES]) {
  static const cli_other others[] = {
      {"halt", "false", "let a puzzle stop at the halting head's word instead of taking all steps"}};
  static trm_option *items;
  t[0] = (cli_table){eval_options, sizeof eval_options / sizeof *eval_options, &opt};
  t[1] = cli_solver_table(&items, others, sizeof others / sizeof *others, &eval_config);
  return 2;
}

/* -- for people ---------------------------------------------------------------------------------------------------- */

static void eval_band_text(const trm_eval_band *band, char text[48]) {
  if (!isfinite(band->high)) (void)snprintf(text, 48, "over %g", band->low - 1);
  else if (band->low == band->high) (void)snprintf(text, 48, "%g", band->low);
  else (void)snprintf(text, 48, "%g-%g", band->low, band->high);
}

static void eval_print_bands(const trm_eval_result *r, const char *rating_name) {
  char a[48], b[32], c[32];
  if (!r->bands) return;
  printf("\n%-12s %9s %9s %9s\n", rating_name[0] ? rating_name : "rating", "puzzles", "exact", "accuracy");
  for (int i = 0; i < r->bands; i++) {
    const trm_eval_band *band = &r->band[i];
    if (!band->puzzles) continue;
    eval_band_text(band, a);
    printf("%-12s %9s ", a, cli_thousands(band->puzzles, b));
    printf("%9s %9s\n", cli_thousands(band->exact, b), cli_percent((double)band->exact / (double)band->puzzles, c));
  }
}

static void eval_print_halting(const trm_eval_result *r) {
  char a[32];
  printf("\n%-12s %11s %11s %9s\n", "halting head", "says right", "says wrong", "recall");
  printf("%-12s %11lld %11lld %9s\n", "is right", (long long)r->said_right_is_right, (long long)r->said_wrong_is_right,
         cli_percent(r->halt_recall, a));
  printf("%-12s %11lld %11lld %9s\n", "is wrong", (long long)r->said_right_is_wrong, (long long)r->said_wrong_is_wrong,
         cli_percent(r->wrong_recall, a));
  printf("%-12s %11s ", "precision", cli_percent(r->halt_precision, a));
  printf("%11s\n", cli_percent(r->wrong_precision, a));
}

static const char *const eval_levels[] = {
    [TRM_LEVEL_USUAL] = "none",
    [TRM_LEVEL_A] = "A: one trajectory",
    [TRM_LEVEL_B] = "B: the halting head decides",
    [TRM_LEVEL_C] = "C: answers checked by rules",
    [TRM_LEVEL_D] = "D: answers and guesses checked by rules",
    [TRM_LEVEL_E] = "E: hybrid, rules fill in what follows from guesses",
};

/* Of a search: which answers it stands for, and what they cost. */
static void eval_print_search(const trm_eval_result *r) {
  char a[32], b[32], c[32];
  printf("\n%-12s %s, %s steps at most%s\n", "search", eval_levels[r->level], cli_thousands(eval_budget, a),
         eval_config.noise_control ? "; NOISE CONTROL, no network" : "");
  printf("%-12s %s right, %s wrong", "answers", cli_thousands(r->claimed_right, a), cli_thousands(r->claimed_wrong, b));
  printf(", %s \"don't know\"\n", cli_thousands(r->dont_know, c));
  printf("%-12s median %g, 90 %% within %g", "steps", r->steps_median, r->steps_p90);
  if (r->claimed_right) printf(", %.1f on average where right", r->steps_right_mean);
  printf("\n");
}

static const char *eval_origin(int origin) {
  return origin == TRM_BATCH_GIVEN ? "given" : origin == TRM_BATCH_MEASURED ? "measured" : "usual";
}

/* The run's time over that of its steps in full rounds: 1 wastes nothing. NaN when no round was full. */
static double eval_over_full(const trm_solve_stats *run) {
  return run->full && run->steps ? run->seconds / ((double)run->steps * run->measured / (double)run->batch)
                                 : (double)NAN;
}

static void eval_print_engine(const trm_solve_stats *run) {
  char a[32], b[32];
  printf("engine    %s puzzles at once (%s), %s steps in ", cli_thousands(run->batch, a), eval_origin(run->origin),
         cli_thousands(run->steps, b));
  printf("%s rounds", cli_thousands(run->rounds, a));
  if (run->full) printf(", %.3g ms a full round", 1e3 * run->measured);
  if (run->full && run->predicted > 0) printf(" (%.3g ms predicted)", 1e3 * run->predicted);
  if (run->full) printf(", %.2f of their cost", eval_over_full(run));
  printf("\n");
}

static double eval_share(const trm_eval_result *r, int64_t puzzles) {
  return r->puzzles ? (double)puzzles / (double)r->puzzles : (double)NAN;
}

static void eval_print_metric(const trm_eval_result *r, const trm_eval_metric *m) {
  char a[32], b[32], c[64];
  printf("%-9s %-8s %s of %s puzzles", m->name, cli_percent(eval_share(r, m->puzzles), c), cli_thousands(m->puzzles, a),
         cli_thousands(r->puzzles, b));
  printf(", 95 %% interval %.1f to %.1f %%\n", 100 * m->interval_low, 100 * m->interval_high);
}

/* Of each model. */
static void eval_print_values(const trm_solver *solver) {
  char line[CLI_VALUES];
  for (size_t i = 0; i < eval_voters.count; i++) {
    const trm_solver_values values = trm_solver_get_values(trm_solver_voter(solver, (int64_t)i));
    printf("%-9s %s\n", i ? "" : "values", cli_values_text(&values, line));
  }
}

static void eval_print(const trm_eval_result *r, const trm_dataset_info *info, const trm_solver *solver,
                       const char *model, const char *data, const char *dtype) {
  char a[32], b[32], c[64], d[96];
  printf("model     %s, computed in %s\n", model, dtype);
  for (size_t i = 1; i < eval_voters.count; i++) printf("%-9s %s\n", i > 1 ? "" : "voters", eval_voters.path[i]);
  printf("data      %s: %s puzzles, %s\n", data, cli_thousands(r->puzzles, a),
         trm_task_title(&info->task, d, sizeof d));
  int rules = eval_config.rules_halt && trm_task_rules(&info->task), halts = rules || eval_config.halt;
  const trm_solver_values values = trm_solver_get_values(solver);
  if (r->level) printf("steps     of a chain, at most %lld\n", (long long)values.max_steps.value);
  else
    printf("steps     %s%s%lld%s\n", halts ? "halting" : "",
           rules   ? " by rules, at most "
           : halts ? ", at most "
                   : "",
           (long long)values.max_steps.value, halts ? "" : ", without halting");
  if (opt.verbose) eval_print_values(solver);
  printf("\n");
  printf("exact     %-8s %s of %s puzzles", cli_percent(r->exact_accuracy, c), cli_thousands(r->exact, a),
         cli_thousands(r->puzzles, b));
  printf(", 95 %% interval %.1f to %.1f %%\n", 100 * r->interval_low, 100 * r->interval_high);
  for (int k = 0; k < r->metrics; k++) eval_print_metric(r, &r->metric[k]);
  printf("tokens    %-8s %s of %s cells\n", cli_percent(r->token_accuracy, c), cli_thousands(r->right_tokens, a),
         cli_thousands(r->tokens, b));
  if (r->puzzles) printf("steps     %-8.2f on average\n", r->mean_steps);
  eval_print_bands(r, info->rating_name);
  if (r->level) eval_print_search(r);
  else eval_print_halting(r);
  printf("\n");
  if (opt.verbose) eval_print_engine(&r->stats);
  printf("%s puzzles/s, %.1f s\n", cli_thousands((int64_t)((double)r->puzzles / fmax(r->seconds, 1e-9)), a),
         r->seconds);
}

/* -- for programs -------------------------------------------------------------------------------------------------- */

static json_t *eval_engine_json(const trm_solve_stats *run) {
  json_t *costs = json_array();
  for (int i = 0; i < run->costs; i++)
    json_array_append_new(costs, json_pack("{s:I, s:o}", "batch", (json_int_t)run->cost[i].batch, "seconds",
                                           cli_real(run->cost[i].seconds)));
  return json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "batch", (json_int_t)run->batch,
                   "batch_origin", eval_origin(run->origin), "puzzles", (json_int_t)run->puzzles, "steps",
                   (json_int_t)run->steps, "computed", (json_int_t)run->computed, "rounds", (json_int_t)run->rounds,
                   "full_rounds", (json_int_t)run->full, "predicted_round_seconds",
                   run->predicted > 0 ? cli_real(run->predicted) : json_null(), "measured_round_seconds",
                   run->full ? cli_real(run->measured) : json_null(), "cost_over_full_rounds",
                   cli_real(eval_over_full(run)), "measured_batches", costs);
}

static json_t *eval_search_json(const trm_eval_result *r) {
  static const char *const letters[] = {"", "A", "B", "C", "D", "E"};
  return json_pack("{s:s, s:I, s:b, s:I, s:I, s:I, s:o, s:o, s:o}", "level", letters[r->level], "steps_at_most",
                   (json_int_t)eval_budget, "noise_control", eval_config.noise_control, "right",
                   (json_int_t)r->claimed_right, "wrong", (json_int_t)r->claimed_wrong, "dont_know",
                   (json_int_t)r->dont_know, "steps_median", cli_real(r->steps_median), "steps_p90",
                   cli_real(r->steps_p90), "steps_right_mean", cli_real(r->steps_right_mean));
}

static json_t *eval_json(const trm_eval_result *r, int interrupted, const trm_dataset_info *info,
                         const trm_solver_values *values, const char *model, const char *data, const char *dtype) {
  json_t *o = json_pack(
      "{s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:[o,o], s:o, s:o, s:I, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, "
      "s:o, s:b, s:s, s:o}",
      "model", cli_path(model), "data", cli_path(data), "task", trm_task_name(&info->task), "puzzles",
      (json_int_t)r->puzzles, "exact", (json_int_t)r->exact, "tokens", (json_int_t)r->tokens, "right_tokens",
      (json_int_t)r->right_tokens, "exact_accuracy", cli_real(r->exact_accuracy), "token_accuracy",
      cli_real(r->token_accuracy), "interval", cli_real(r->interval_low), cli_real(r->interval_high), "mean_steps",
      cli_real(r->mean_steps), "lm_loss", cli_real(r->lm_loss), "max_steps", (json_int_t)values->max_steps.value,
      "halt", eval_config.halt, "rules_halt", eval_config.rules_halt, "stop_hopeless", eval_config.stop_hopeless,
      "halting", cli_eval_halting_json(r), "rating_name",
      info->has_ratings ? json_string(info->rating_name) : json_null(), "bands", cli_eval_bands_json(r), "seconds",
      cli_real(r->seconds), "puzzles_per_second", cli_real((double)r->puzzles / fmax(r->seconds, 1e-9)), "engine",
      eval_engine_json(&r->stats), "interrupted", interrupted, "dtype", dtype, "values", cli_values_json(values));
  if (o && r->level) json_object_set_new(o, "search", eval_search_json(r));
  if (o && eval_voters.count > 1) json_object_set_new(o, "voters", cli_voters_json(&eval_voters));
  if (o) json_object_set_new(o, "metrics", cli_eval_metrics_json(r));
  return o;
}

/* What the dataset's puzzles are, to choose an installed model by. */
static int eval_find_kind(const cli_command *self, const char *data, trm_puzzle_kind *kind) {
  trm_dataset *dataset = NULL;
  trm_error error = {0};
  if (trm_dataset_open(&dataset, data, opt.split, NULL, &error)) return cli_error(self, &error);
  trm_dataset_info info = trm_dataset_describe(dataset);
  *kind = (trm_puzzle_kind){.cells = (size_t)info.seq_len, .vocab_size = (int)info.vocab_size};
  trm_dataset_close(&dataset);
  return CLI_CONTINUE;
}

static trm_status eval_solve(trm_solver *solver, const trm_dataset *dataset, trm_eval_result *result,
                             trm_predictions **each, trm_error *error) {
  cli_progress progress = cli_progress_open(opt.quiet);
  cli_catch_signals();
  trm_status status = trm_evaluate_each(opt.predictions[0] || opt.worst ? each : NULL, solver, dataset, opt.limit,
                                        result, cli_progress_fraction, &progress, error);
  cli_progress_clear(&progress);
  return status;
}

/* For people or programs. */
static void eval_report(const trm_eval_result *r, int interrupted, trm_predictions *each, const trm_dataset *dataset,
                        const trm_solver *solver, const char *path, const char *data) {
  char dtype[16] = "";
  size_t count;
  trm_dataset_info info = trm_dataset_describe(dataset);
  const trm_option *table = trm_model_options(&count);
  (void)trm_options_get(table, count, trm_solver_model_config(solver), "forward_dtype", dtype, sizeof dtype);
  trm_solver_values values = trm_solver_get_values(solver);
  eval_budget = trm_solver_get_search(solver);
  if (opt.json) {
    json_t *o = eval_json(r, interrupted, &info, &values, path, data, dtype);
    if (o && opt.worst) json_object_set_new(o, "worst", cli_worst_json(each, opt.worst));
    cli_json_print(o, 0);
    return;
  }
  eval_print(r, &info, solver, path, data, dtype);
  if (opt.predictions[0] && !interrupted) printf("predictions in %s\n", opt.predictions);
  if (opt.worst) cli_worst_print(each, &info.task, opt.worst);
}

static int eval_measure(const cli_command *self, trm_solver *solver, const trm_dataset *dataset, const char *path,
                        const char *data) {
  trm_error error = {0}, unwritten = {0};
  trm_eval_result result;
  trm_predictions *each = NULL;
  trm_status status = eval_solve(solver, dataset, &result, &each, &error);
  if (status && status != TRM_E_STOPPED) {
    if (!strcmp(error.where, "dataset")) (void)snprintf(error.where, sizeof error.where, "%s", data);
    return cli_error(self, &error);
  }
  eval_report(&result, status == TRM_E_STOPPED, each, dataset, solver, path, data);
  int code = cli_exit_code(status);
  if (status) cli_warn(self, "%s; the result is about those", error.message);
  if (status && opt.predictions[0]) cli_warn(self, "--predictions: %s is not written", opt.predictions);
  else if (opt.predictions[0] && trm_predictions_write(each, opt.predictions, &unwritten))
    code = cli_error(self, &unwritten);
  trm_predictions_close(&each);
  return code;
}

/* Without a named model an installed one is measured. */
static int eval_models(const cli_command *self, const cli_arguments *a, const char *data) {
  trm_model *model = NULL;
  trm_runtime *runtime = NULL;
  trm_solver *solver = NULL;
  trm_dataset *dataset = NULL;
  trm_task task;
  trm_error error = {0};
  char path[1100];
  cli_events events = {0};
  trm_puzzle_kind kind = {0};
  (void)snprintf(path, sizeof path, "%s", eval_voters.count ? eval_voters.path[0] : "");
  int code = cli_events_check(self, opt.events, opt.force);
  if (code == CLI_CONTINUE) code = cli_predictions_check(self, opt.predictions, opt.force);
  if (code == CLI_CONTINUE && opt.submission[0])
    code = cli_may_write_beside(self, "submission", opt.submission, opt.force);
  if (code == CLI_CONTINUE && !path[0]) code = eval_find_kind(self, data, &kind);
  if (code == CLI_CONTINUE) code = cli_model_open(self, path, &kind, &model);
  if (code == CLI_CONTINUE) code = cli_voters_open(self, &eval_voters, model, path, 0);
  if (code == CLI_CONTINUE) code = cli_runtime_open(self, &runtime, opt.device, opt.threads, opt.quiet);
  if (code == CLI_CONTINUE && trm_model_task(model, &task, &error)) code = cli_error(self, &error);
  if (code == CLI_CONTINUE) code = cli_judge_open(self, opt.judge, opt.judge_seconds, &eval_config, &task);
  if (code != CLI_CONTINUE) goto done;
  const cli_threshold how = {path, data, opt.limit, opt.write, opt.json, opt.quiet};
  if (trm_solver_open_voters(&solver, runtime, eval_voters.model, (int64_t)eval_voters.count, &eval_config, &error) ||
      trm_solver_task(solver, &task, &error) || trm_dataset_open(&dataset, data, opt.split, &task, &error))
    code = cli_error(self, &error);
  else code = cli_events_open(&events, self, opt.events, NULL, NULL);
  if (code != CLI_CONTINUE) goto done;
  cli_data_say(self, data, trm_dataset_describe(dataset).notes);
  cli_solver_say_idle(self, a, &eval_config, &task);
  cli_solver_say_level(self, a, &eval_config, solver);
  int each = opt.predictions[0] || opt.worst || opt.limit || eval_config.search || eval_voters.count > 1;
  const cli_arc_run arc = {path, data, opt.submission, opt.json, opt.quiet, 0};
  if (opt.choose_threshold) code = cli_threshold_choose(self, &how, model, solver, dataset);
  else if (!each && cli_arc_is_voted(data, opt.split, dataset)) code = cli_arc_measure(self, &arc, solver, dataset);
  else if (opt.submission[0]) code = cli_arc_refuse(self, data);
  else code = eval_measure(self, solver, dataset, path, data);
done:
  code = cli_events_close(&events, code);
  trm_dataset_close(&dataset);
  trm_solver_close(&solver);
  code = cli_judge_close(self, &eval_config, code);
  trm_runtime_close(&runtime);
  cli_voters_close(&eval_voters);
  trm_model_close(&model);
  return code;
}

static int eval_check_options(const cli_command *self) {
  if (opt.write && !opt.choose_threshold)
    return cli_usage(self, "--write: has no effect without --choose-threshold, whose result it writes");
  const char *halts = eval_config.halt              ? "halt"
                      : eval_config.rules_halt      ? "rules-halt"
                      : eval_config.stop_hopeless   ? "stop-hopeless"
                      : eval_config.fixed_point > 0 ? "fixed-point"
                                                    : NULL;
  if (opt.choose_threshold && halts)
    return cli_usage(self, "--%s: has no effect beside --choose-threshold, for which puzzles take all their steps",
                     halts);
  if (opt.choose_threshold && (eval_config.search || eval_config.votes > 1 || eval_config.rollouts > 1))
    return cli_usage(self, "--search: has no effect beside --choose-threshold, for which there is one trajectory");
  if (opt.choose_threshold && (opt.predictions[0] || opt.worst))
    return cli_usage(self, "--%s: has no effect beside --choose-threshold, which measures nothing",
                     opt.predictions[0] ? "predictions" : "worst");
  if (opt.predictions[0] && !strcmp(opt.predictions, opt.events))
    return cli_usage(self, "--predictions: %s is the file of --events; name two files", opt.predictions);
  if (opt.choose_threshold && opt.judge[0])
    return cli_usage(self, "--judge: has no effect beside --choose-threshold, for which no rules are asked");
  if (opt.choose_threshold && eval_voters.count > 1)
    return cli_usage(self, "--model: given beside another, but --choose-threshold is about one model");
  if (opt.choose_threshold && opt.verbose)
    return cli_usage(self, "--verbose: has no effect beside --choose-threshold, which shows the values anyway");
  return CLI_CONTINUE;
}

/* The other order is a slip that can be named. */
static int eval_check_order(const cli_command *self, const cli_arguments *a) {
  const char *const *word = a->positional;
  if (a->positionals < 2 || cli_path_look(word[0]) == CLI_PATH_MODEL || cli_path_look(word[1]) != CLI_PATH_MODEL)
    return CLI_CONTINUE;
  return cli_usage(self, "%s is the model: MODEL comes first, trm eval %s %s", word[1], word[1], word[0]);
}

static int eval_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  eval_config = trm_solver_config_default();
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) cli_voters_begin(&eval_voters, &a, a.positionals == 2 ? a.positional[0] : NULL);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 1, 2, "a model and a dataset");
  if (code == CLI_CONTINUE) code = eval_check_order(self, &a);
  if (code == CLI_CONTINUE) code = cli_solver_check(self, &a, &eval_config);
  if (code == CLI_CONTINUE) code = eval_check_options(self);
  if (code == CLI_CONTINUE) code = eval_models(self, &a, a.positional[a.positionals - 1]);
  cli_voters_close(&eval_voters);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_eval = {
    .name = "eval",
    .synopsis = "[MODEL] DATA [--model FILE]... [options]",
    .summary = "measure a model on puzzles it has not seen",
    .description =
        "Solves every puzzle of DATA, a dataset directory or a CSV or JSON Lines file with answers, and reports how "
        "many are exactly right (with Wilson's 95 % interval), how many cells are, and both by band of rating where "
        "the data has ratings. All steps are taken unless --halt or --rules-halt is given, as accuracies are reported "
        "in the field; at level B the halting head ends a search in any case. "
        "Without MODEL an installed one is used that fits the puzzles.\n\n"
        "The halting head is judged separately for right and for wrong answers: precision is how often its word is "
        "true, recall how many of the right (or wrong) answers it called so.\n\n"
        "With --search N every puzzle is searched for as trm solve does, in N network steps at most; reported are the "
        "answers that are claimed to be right and are, those that are not, and the others (\"don't know\"), with the "
        "level and the steps of all chains. --votes and --rollouts are reported likewise, and so are several models, "
        "which "
        "vote on each puzzle: MODEL and those that --model names.\n\n"
        "--predictions FILE writes a line a puzzle: its number, question, right and given answer, whether they are the "
        "same (\"exact\"), wrong cells, steps, q, confidence, and apart from that what the task's rules say of the "
        "answer. The file is the same with any number of threads and is written whole or not at all: an interrupted "
        "evaluation writes none. --worst N shows the answers that are not the right ones side by side with them, first "
        "those that break rules or that no rules judge, of these first those with the largest q, then those with most "
        "wrong cells; answers that keep all rules, such as another path through a maze, come last.\n\n"
        "Of the test split of an ARC dataset (trm data arc) the images of each test vote, and reported is the share of "
        "tests that the first 1, 2, 5, ... answers of the vote solve, a task counting as the fraction of its tests; "
        "beside it what one attempt without votes and without the task's identifier is worth. --limit, --predictions "
        "and --worst look at the examples one by one instead.\n\n"
        "Step limit, halting threshold, T and n are the model's own: an option wins, then the model's file, then the "
        "default (16 steps, 0, T 3, n 6). --verbose and --json tell which were in force.\n\n"
        "With --choose-threshold the puzzles, at most the first 4,096, take all their steps, and of the thresholds 0, "
        "0.25, 0.5, ... the first is chosen that costs at most 0.1 points of exact accuracy, or one puzzle. The data "
        "must be neither of training nor of a test. On the same puzzles bounds on q are learned, by step, under which "
        "at most one of 1,000 was still solved later, for --stop-hopeless. trm train with --valid does this by itself; "
        "with "
        "--write a model that was trained without gets its threshold, and the limit of --max-steps if one is given.\n\n"
        "SIGINT and SIGTERM end the evaluation after the step at hand with the result of the puzzles that were "
        "finished, "
        "of which the quick ones are more than their share when puzzles halt. A second signal ends at once.\n\n"
        "With --verbose the engine's line says how many puzzles are computed at once, how many steps they took in how "
        "many rounds, and the run's time over what all its steps cost in full rounds: 1.00 wastes "
        "nothing." CLI_EVENTS_NOTE,
    .examples = "trm eval runs/4x4 data/4x4\n"
                "trm eval runs/9x9/best.safetensors hard.csv --halt --json\n"
                "trm eval runs/9x9 hard.csv --worst 5 --predictions hard.jsonl\n"
                "trm eval model.safetensors valid.csv --choose-threshold --write\n",
    .exits = "0\tevaluated, or a threshold chosen\n1\tinterrupted; the result is about the puzzles finished until "
             "then. With --choose-threshold: nothing was chosen, as it was interrupted or as no answer is right\n",
    .usual = "split limit max_steps halt predictions worst json device",
    .tables = eval_tables,
    .run = eval_run,
};
