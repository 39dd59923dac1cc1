/* trm train: a run from a preset and options, or the continuation of one, alone, as one of several ranks, or as who
 * starts these. The live line, the signals and the summary are here; everything else is the library's. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <trm/train.h>

#include "base/os/file.h"
#include "cli/data.h"
#include "cli/ranks.h"
#include "cli/train_options.h"

static struct {
  char preset[64], resume[1024], seeds[1024], device[CLI_DEVICE];
  int64_t threads;
  int json, quiet;
  cli_ranks_options job;
} opt;
static trm_model_config train_model;
static trm_train_config train_config;

/* The presets' names as help text, which the library's table of recipes knows. */
static const char *train_preset_help(void) {
  static char text[512];
  int used = snprintf(text, sizeof text, "named recipe, other options change it:");
  for (size_t i = 0; i < trm_presets() && used < (int)sizeof text; i++)
    used += snprintf(text + used, sizeof text - (size_t)used, "%s %s", i ? "," : "", trm_preset(i).name);
  if (used < (int)sizeof text) (void)snprintf(text + used, sizeof text - (size_t)used, "; default: from the data");
  return text;
}

static size_t train_tables(cli_table t[CLI_TABLES]) {
  static trm_option options[] = {
      {.name = "preset",
       .type = TRM_OPT_STRING,
       FIELD(preset),
       .size = sizeof opt.preset,
       .metavar = "NAME",
       .group = "Start"},
      {.name = "resume",
       .type = TRM_OPT_STRING,
       FIELD(resume),
       .size = sizeof opt.resume,
       .metavar = "RUN",
       .help = "go on with this run from its newest checkpoint, exactly as if it had never stopped"},
      {.name = "seeds",
       .type = TRM_OPT_STRING,
       FIELD(seeds),
       .size = sizeof opt.seeds,
       .metavar = "N,N,...",
       .help = "one run after the other with each of these seeds, in DIR/seed-N of --run DIR"},
      {.name = "ranks",
       .type = TRM_OPT_INT,
       FIELD(job.ranks),
       .default_text = "0",
       .max = 1024,
       .group = "Ranks",
       .help = "start so many processes with mpirun, which train as one with the same result; 0: none"},
      {.name = "hosts",
       .type = TRM_OPT_STRING,
       FIELD(job.hosts),
       .size = sizeof opt.job.hosts,
       .metavar = "FILE",
       .help = "on these machines, a line each: name slots=N; default: this one"},
      {.name = "elastic",
       .type = TRM_OPT_BOOL,
       FIELD(job.elastic),
       .help = "start them again from the last checkpoint when one is lost"},
      {.name = "any_ranks",
       .type = TRM_OPT_BOOL,
       FIELD(job.any_ranks),
       .help = "take a number of ranks that is no power of two; some wait for others"},
      {.name = "rank_timeout",
       .type = TRM_OPT_REAL,
       FIELD(job.rank_timeout),
       .default_text = "300",
       .max = 1e9,
       .metavar = "S",
       .help = "give up a rank that has not answered for S seconds; 0: never"},
      CLI_DEVICE_OPTION,
      CLI_THREADS_OPTION(.help = "computing threads, 0: all cores; the result is the same"),
      CLI_JSON_OPTION(.help = "print the summary as one JSON object"),
      CLI_QUIET_OPTION,
  };
  options[0].help = train_preset_help();
  t[0] = (cli_table){options, sizeof options / sizeof *options, &opt};
  t[1].items = trm_train_options(&t[1].count);
  t[1].config = &train_config;
  t[2].items = trm_model_options(&t[2].count);
  t[2].config = &train_model;
  return 3;
}

/* -- what to train ------------------------------------------------------------------------------------------------- */

/* The last preset for this kind of puzzle and number of cells: the table ends with those for CPUs. */
static const char *train_fitting_preset(const trm_dataset_info *data) {
  const char *fitting = NULL, *word = trm_task_name(&data->task);
  for (size_t i = 0; i < trm_presets(); i++) {
    trm_model_config m;
    trm_train_config t;
    const char *name = trm_preset(i).name;
    if (strncmp(name, word, strlen(word)) != 0 || trm_preset_apply(name, &m, &t, NULL)) continue;
    if (m.seq_len == data->seq_len) fitting = name;
  }
  return fitting;
}

/* Without --preset: the recipe that fits the data, and for all other grids the one that fits any. */
static int train_choose_preset(const cli_command *self, const char *path) {
  trm_dataset *dataset = NULL;
  trm_error error = {0};
  char text[96];
  if (trm_dataset_open(&dataset, path, "train", NULL, &error)) return cli_error(self, &error);
  trm_dataset_info info = trm_dataset_describe(dataset);
  trm_dataset_close(&dataset);
  cli_data_say(self, path, info.notes);
  const char *name = train_fitting_preset(&info);
  if (trm_dataset_is_text_file(path)) cli_note_shape(&info.task, 0);
  if (!name) name = "grid-small";
  if (trm_preset_apply(name, &train_model, &train_config, &error)) return cli_error(self, &error);
  (void)snprintf(opt.preset, sizeof opt.preset, "%s", name);
  if (!opt.quiet) cli_note_ahead("%s: preset %s", trm_task_title(&info.task, text, sizeof text), name);
  return CLI_CONTINUE;
}

/* The value of --name among the arguments, wherever it stands; NULL when absent. */
static const char *train_peek(int argc, char **argv, const char *name) {
  size_t length = strlen(name);
  for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strncmp(argv[i], name, length) != 0) continue;
    if (argv[i][length] == '=') return argv[i] + length + 1;
    if (!argv[i][length] && i + 1 < argc) return argv[i + 1];
  }
  return NULL;
}

/* runs/PRESET-1, or the first number that is free. */
static void train_choose_run(void) {
  trm__path_kind kind;
  for (int i = 1; i < 100000; i++) {
    (void)snprintf(train_config.run, sizeof train_config.run, "runs/%s-%d", opt.preset[0] ? opt.preset : "run", i);
    if (!trm__path_find(&kind, train_config.run, NULL) && kind == TRM__PATH_ABSENT) return;
  }
}

/* The model's shape is fixed once a run has begun, and so is what its preset set. CLI_CONTINUE or a usage error. (Of
 * the training options the library says which may change.) */
static int train_refuse_fixed_options(const cli_command *self, const cli_arguments *a) {
  trm_error error = {.code = TRM_E_USAGE};
  for (size_t i = 0; i < a->givens; i++) {
    const cli_given *g = &a->given[i];
    if (!g->option || (g->table->config != &train_model && strcmp(g->option->name, "preset") != 0)) continue;
    (void)snprintf(error.where, sizeof error.where, "%s", g->option->name);
    (void)snprintf(error.message, sizeof error.message, "cannot change when a run is resumed");
    return cli_error(self, &error);
  }
  return CLI_CONTINUE;
}

/* CLI_CONTINUE or a usage error: each run of --seeds has its own seed, and is resumed by itself. */
static int train_check_seeds(const cli_command *self, const cli_arguments *a) {
  if (!opt.seeds[0]) return CLI_CONTINUE;
  if (opt.resume[0]) return cli_usage(self, "--seeds: cannot be given with --resume; resume each DIR/seed-N by itself");
  for (size_t i = 0; i < a->givens; i++)
    if (a->given[i].option && !strcmp(a->given[i].option->name, "seed"))
      return cli_usage(self, "--seeds: cannot be given with --seed, which is one of them");
  return CLI_CONTINUE;
}

/* Ranks share slices, eight of them where that is not said; without ranks there is one, as ever. */
static void train_choose_slices(const cli_arguments *a) {
  if ((!opt.job.ranks && !cli_is_rank()) || cli_is_given(a, "slices")) return;
  train_config.slices = 8;
  while (train_config.slices > train_config.batch) train_config.slices /= 2;
}

/* CLI_CONTINUE or a usage error. */
static int train_check_ranks(const cli_command *self, const cli_arguments *a) {
  static const char *const need[] = {"hosts", "elastic"};
  if (opt.job.ranks && cli_is_rank())
    return cli_usage(self, "--ranks: this process is a rank already; leave --ranks out under mpirun");
  if (opt.job.ranks && opt.seeds[0])
    return cli_usage(self, "--ranks: cannot be given with --seeds; start each by itself");
  for (size_t i = 0; i < sizeof need / sizeof *need && !opt.job.ranks; i++)
    if (cli_is_given(a, need[i])) return cli_usage(self, "--%s: has no effect without --ranks", need[i]);
  return CLI_CONTINUE;
}

/* Arguments are read twice: what they set must win over the preset, and without --preset the data decides on it. */
static int train_configure(const cli_command *self, int argc, char **argv, cli_arguments *a) {
  trm_error error = {0};
  const char *preset = train_peek(argc, argv, "--preset");
  cli_defaults(self);
  if (preset && trm_preset_apply(preset, &train_model, &train_config, &error)) return cli_error(self, &error);
  int code = cli_parse(self, argc, argv, a);
  if (code == CLI_CONTINUE) code = cli_expect(self, a, 0, opt.resume[0] ? 0 : 1, "a dataset");
  if (code == CLI_CONTINUE) code = train_check_seeds(self, a);
  if (code == CLI_CONTINUE) code = train_check_ranks(self, a);
  if (code == CLI_CONTINUE && opt.resume[0]) return train_refuse_fixed_options(self, a);
  if (code != CLI_CONTINUE) return code;
  if (a->positionals && train_config.data[0])
    return cli_usage(self, "%s: --data names a dataset already", a->positional[0]);
  char data[sizeof train_config.data];
  if (a->positionals && strlen(a->positional[0]) >= sizeof data)
    return cli_bad_input(self, "the dataset's path is too long");
  (void)snprintf(data, sizeof data, "%s", a->positionals ? a->positional[0] : train_config.data);
  if (!data[0]) return cli_usage(self, "expected a dataset; usage: trm %s %s", self->name, self->synopsis);
  if (!preset) {
    code = train_choose_preset(self, data);
    if (code != CLI_CONTINUE) return code;
    cli_arguments_free(a);
    char chosen[sizeof opt.preset];
    (void)snprintf(chosen, sizeof chosen, "%s", opt.preset);
    code = cli_parse(self, argc, argv, a);
    if (code != CLI_CONTINUE) return code;
    (void)snprintf(opt.preset, sizeof opt.preset, "%s", chosen);
  }
  (void)snprintf(train_config.data, sizeof train_config.data, "%s", data);
  if (!train_config.run[0]) train_choose_run();
  train_choose_slices(a);
  return cli_train_options(self, a, &train_model, &train_config);
}

/* -- while it runs ------------------------------------------------------------------------------------------------- */

typedef struct watch {
  cli_progress line;
  int64_t step;
  trm_ranks *ranks; /* NULL: alone */
} watch;

static const char *train_number(double value, int digits, char text[32]) {
  if (isfinite(value)) (void)snprintf(text, 32, "%.*f", digits, value);
  else (void)strcpy(text, "-");
  return text;
}

static void train_print_evaluation(const trm_train_progress *p) {
  char a[32], b[32], c[32];
  cli_note("step %lld: validation exact %s, tokens %s; best %s at step %lld", (long long)p->step,
           cli_percent(p->valid_exact, a), cli_percent(p->valid_token, b), cli_percent(p->best_exact, c),
           (long long)p->best_step);
}

static int train_on_choosing(watch *w, const trm_train_progress *p) {
  char line[64];
  if (cli_progress_due(&w->line)) {
    (void)snprintf(line, sizeof line, "choosing the halting threshold, %.0f %%", 100 * p->fraction);
    cli_progress_show(&w->line, line);
  }
  return cli_interrupted();
}

static int train_on_step(void *context, const trm_train_progress *p) {
  watch *w = context;
  char line[200], loss[32], exact[32], steps[32], rate[48] = "", left[32];
  w->step = p->step;
  if (!cli_ranks_speaks(w->ranks)) return cli_interrupted();
  if (p->choosing) return train_on_choosing(w, p);
  if (p->evaluated && !w->line.quiet) train_print_evaluation(p);
  if (cli_progress_due(&w->line) || (w->line.live && p->step == p->steps)) {
    if (!w->line.live || cli_columns(stderr) >= 100) /* beside the rest and a bar */
      (void)snprintf(rate, sizeof rate, "%s ex/s  ",
                     train_number(p->examples_per_second,
                                  p->examples_per_second < 10    ? 2
                                  : p->examples_per_second < 100 ? 1
                                                                 : 0,
                                  steps));
    (void)snprintf(line, sizeof line, "step %lld/%lld  loss %s  exact %s  mean steps %s  %s%s left", (long long)p->step,
                   (long long)p->steps, train_number(p->loss, 3, loss), cli_percent(p->exact_accuracy, exact),
                   train_number(p->mean_steps, 1, steps), rate, cli_duration(p->seconds_left, left));
    cli_progress_bar(&w->line, (double)p->step / (double)p->steps, line);
  }
  return cli_interrupted();
}

/* -- afterwards ---------------------------------------------------------------------------------------------------- */

static void train_print_json(const trm_train_result *r, const char *run, int stopped) {
  cli_json_print(
      json_pack("{s:o, s:I, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "run", cli_path(run),
                "step", (json_int_t)r->step, "updates", (json_int_t)r->updates, "stopped", stopped, "best_exact",
                cli_real(r->best_exact), "best_step", r->best_step > 0 ? json_integer(r->best_step) : json_null(),
                "halt_threshold", cli_real(r->halt_threshold), "seconds", cli_real(r->seconds), "run_seconds",
                cli_real(r->run_seconds), "model", cli_path(r->model), "checkpoint", cli_path(r->checkpoint),
                "micro_batch", (json_int_t)r->micro_batch, "peak_bytes", json_integer((json_int_t)r->peak_bytes),
                "predicted_bytes", json_integer((json_int_t)r->predicted_bytes), "resident_bytes",
                r->resident_bytes ? json_integer((json_int_t)r->resident_bytes) : json_null()),
      0);
}

static void train_print(const trm_train_result *r, const char *run, int stopped) {
  char a[32], b[32], c[32];
  const char *data = train_config.valid[0] ? train_config.valid : train_config.data[0] ? train_config.data : "DATA";
  printf("%s after %s steps",
         !r->updates ? "already finished"
         : stopped   ? "stopped and saved"
                     : "trained",
         cli_thousands(r->step, a));
  if (r->updates) printf(", %s in this session", cli_duration(r->seconds, b));
  if (r->updates < r->step) printf(", %s in all", cli_duration(r->run_seconds, c));
  printf("\n");
  if (isfinite(r->best_exact))
    printf("best exact accuracy on the validation data: %s at step %s\n", cli_percent(r->best_exact, a),
           cli_thousands(r->best_step, b));
  if (isfinite(r->halt_threshold))
    printf("halting threshold chosen on the validation data: %g, after %.1f steps on average\n", r->halt_threshold,
           r->halt_steps);
  printf("memory: %s allocated at most, %s predicted; %s of the process resident at most; micro-batch %lld\n",
         cli_bytes((double)r->peak_bytes, a), cli_bytes((double)r->predicted_bytes, b),
         r->resident_bytes ? cli_bytes((double)r->resident_bytes, c) : "-", (long long)r->micro_batch);
  printf("model: %s\n\nnext:\n", r->model[0] ? r->model : "none yet");
  if (stopped) printf("  trm train --resume %s\n", run);
  if (r->model[0]) printf("  trm eval %s %s\n  trm solve --model %s --explain PUZZLE\n", r->model, data, r->model);
  printf("  trm plot %s -o curves.svg\n", run);
  if (stopped) return;
  printf("  trm train --resume %s --steps %lld", run, 2 * (long long)r->step);
  if (train_config.lr_min_ratio < 1)
    printf(" --schedule-steps %lld", 2 * (long long)r->step); /* else at the least rate */
  printf("\n");
}

/* How much of this session went into communication, waiting for other ranks included. */
static void train_print_ranks(const trm_ranks *ranks, const trm_train_result *r) {
  char time[32], share[32], bytes[32];
  if (!ranks) return;
  trm_ranks_info info = trm_ranks_describe(ranks);
  printf("\n%d ranks; rank 0 was in communication for %s (%s), waiting included, and sent %s\n", info.size,
         cli_duration(info.seconds, time), cli_percent(info.seconds / r->seconds, share),
         cli_bytes((double)info.bytes, bytes));
}

static int train_conclude(const cli_command *self, const watch *w, trm_status status, const trm_error *error,
                          const trm_train_result *r, const char *run) {
  if (status && status != TRM_E_STOPPED) return cli_ranks_error(self, w->ranks, error);
  if (!cli_ranks_speaks(w->ranks)) return CLI_OK;
  (opt.json ? train_print_json : train_print)(r, run, status == TRM_E_STOPPED);
  if (!opt.json) train_print_ranks(w->ranks, r);
  return CLI_OK;
}

/* The options given beside --resume, as names and texts. */
static size_t train_overrides(const cli_arguments *a, const char **names_and_texts) {
  size_t count = 0;
  for (size_t i = 0; i < a->givens; i++) {
    const cli_given *g = &a->given[i];
    char *text;
    if (!g->option || g->table->config == &opt) continue;
    text = cli_alloc(1200, 1);
    (void)trm_options_get(g->table->items, g->table->count, g->table->config, g->option->name, text, 1200);
    names_and_texts[2 * count] = g->option->name;
    names_and_texts[2 * count + 1] = text;
    count++;
  }
  return count;
}

static int train_resume(const cli_command *self, trm_runtime *runtime, const cli_arguments *a, watch *w) {
  trm_error error = {0};
  trm_train_result result = {0};
  const char **changes = cli_alloc(2 * a->givens + 1, sizeof *changes);
  size_t count = train_overrides(a, changes);
  trm_status status =
      w->ranks
          ? trm_ranks_train_resume(w->ranks, runtime, opt.resume, changes, count, train_on_step, w, &result, &error)
          : trm_train_resume(runtime, opt.resume, changes, count, train_on_step, w, &result, &error);
  cli_progress_clear(&w->line);
  for (size_t i = 0; i < count; i++) free((char *)(uintptr_t)changes[2 * i + 1]);
  free(changes);
  return train_conclude(self, w, status, &error, &result, opt.resume);
}

static int train_start(const cli_command *self, trm_runtime *runtime, watch *w) {
  trm_error error = {0};
  trm_train_result result = {0};
  if (!w->line.quiet && cli_ranks_speaks(w->ranks))
    cli_note_ahead("run %s, data %s", train_config.run, train_config.data);
  trm_status status =
      w->ranks
          ? trm_ranks_train_start(w->ranks, runtime, &train_model, &train_config, train_on_step, w, &result, &error)
          : trm_train_start(runtime, &train_model, &train_config, train_on_step, w, &result, &error);
  cli_progress_clear(&w->line);
  return train_conclude(self, w, status, &error, &result, train_config.run);
}

/* A run for each seed of --seeds, until one is stopped or fails. All seeds are read before the first begins. */
static int train_start_seeds(const cli_command *self, trm_runtime *runtime, watch *w) {
  size_t count, used;
  const trm_option *table = trm_train_options(&count);
  char folder[sizeof train_config.run], seed[32];
  int code = CLI_CONTINUE;
  (void)snprintf(folder, sizeof folder, "%s", train_config.run);
  for (int start = 0; start < 2; start++)
    for (const char *text = opt.seeds; text; text = text[used] ? text + used + 1 : NULL) {
      trm_error error = {0};
      used = strcspn(text, ",");
      (void)snprintf(seed, sizeof seed, "%.*s", (int)used, text);
      if (used >= sizeof seed || trm_options_set(table, count, &train_config, "seed", seed, &error))
        return cli_usage(self, "--seeds: found \"%.*s\", expected seeds with commas between them: 1,2,3",
                         used < 100 ? (int)used : 100, text);
      if (!start) continue;
      if (snprintf(train_config.run, sizeof train_config.run, "%s/seed-%s", folder, seed) >=
          (int)sizeof train_config.run)
        return cli_bad_input(self, "the run's path is too long");
      if (text != opt.seeds && !opt.json) printf("\n");
      code = train_start(self, runtime, w);
      if (code != CLI_OK || cli_interrupted()) return code;
    }
  if (!opt.json) printf("\nall seeds: trm runs %s\n", folder);
  return code;
}

/* -- several ranks ------------------------------------------------------------------------------------------------- */

static int train_launch(const cli_command *self, int argc, char **argv, const cli_arguments *a) {
  char *run = opt.resume[0] ? opt.resume : train_config.run;
  int named = opt.resume[0] || train_peek(argc, argv, "--run");
  cli_job job = {.options = &opt.job, .run = run};
  cli_job_arguments(&job, argc, argv, named ? NULL : run, a, &opt);
  int code = cli_launch(self, &job);
  cli_job_free(&job);
  return code;
}

static int train_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a = {0};
  trm_runtime *runtime = NULL;
  trm_ranks *ranks = NULL;
  int code = train_configure(self, argc, argv, &a);
  if (code == CLI_CONTINUE && opt.job.ranks) code = train_launch(self, argc, argv, &a);
  if (code == CLI_CONTINUE) cli_catch_signals();
  if (code == CLI_CONTINUE)
    code = cli_ranks_join(self, &ranks, &opt.job, opt.resume[0] ? opt.resume : train_config.run);
  if (code == CLI_CONTINUE)
    code = cli_runtime_open(self, &runtime, opt.device, opt.threads, opt.quiet || !cli_ranks_speaks(ranks));
  if (code == CLI_CONTINUE) {
    watch w = {.line = cli_progress_open(opt.quiet || !cli_ranks_speaks(ranks)), .ranks = ranks};
    code = opt.resume[0]  ? train_resume(self, runtime, &a, &w)
           : opt.seeds[0] ? train_start_seeds(self, runtime, &w)
                          : train_start(self, runtime, &w);
  }
  trm_runtime_close(&runtime);
  trm_ranks_close(&ranks);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_train = {
    .name = "train",
    .synopsis = "DATA [--preset NAME] [--run DIR] [options] | --resume RUN",
    .summary = "train a model; go on with --resume",
    .description =
        "Trains a model on DATA, a dataset directory or a CSV or JSON Lines file, and keeps everything in a run "
        "directory: config.json, metrics.jsonl, TensorBoard events, checkpoints, last.safetensors (the averaged "
        "weights at the end, or where the run was stopped) and, with --valid, best.safetensors: those with the best "
        "exact accuracy on the validation data. At the end these two get the halting threshold that trm solve then "
        "uses: of 0, "
        "0.25, 0.5, ... the first that costs at most 0.1 points of exact accuracy, or one puzzle, on the validation "
        "data, of which at most the first 4,096 puzzles are solved for it.\n\n"
        "SIGINT and SIGTERM finish the step, save and end with exit code 0; a second signal ends at once. A run that "
        "was stopped or killed goes on with --resume, which gives the same bits as a run that was never stopped; "
        "--steps, --schedule-steps, --max-minutes, --save-every, --keep, --eval-every, --patience and --stop-at may be "
        "changed then. The run directory may have moved, alone or together with its data; data that is somewhere else "
        "is named with --data and --valid, and must be the same. More --steps leave the learning rate's schedule as it "
        "was: after its end the rate stays at its "
        "least, unless --schedule-steps makes it longer too.\n\n"
        "With --seeds the same is trained once with each seed, one after the other; trm runs compares them. A signal "
        "ends the run that is at work and begins no other.\n\n"
        "With --ranks N mpirun starts N processes that train as one and end with the same bytes; N is 1, 2, 4, ... up "
        "to "
        "--slices. Under mpirun or srun --mpi=pmix this program is such a process by itself. A rank that dies ends the "
        "run, "
        "and the last whole checkpoint is named; --elastic goes on from it.\n\n"
        "An option given beside a preset wins over the preset's value, --epochs over its steps. One that would have no "
        "effect, such as --muon-lr with another optimizer or --patience without --valid, is refused; a value of the "
        "network that it does not use, "
        "such as --num-heads of a mixer, is only warned of.",
    .examples = "trm train data/4x4 --run runs/4x4\n"
                "trm train data/6x6 --preset sudoku-6x6 --valid data/6x6 --eval-every 100\n"
                "trm train train.csv --preset sudoku-mlp --batch 8 --steps 100\n"
                "trm train data/4x4 --run runs/4x4 --seeds 1,2,3\ntrm train --resume runs/4x4 --steps 1000\ntrm train "
                "--resume runs/4x4 --data data/moved\n",
    .exits =
        "0\ttrained, or stopped by a signal and saved\n4\tfault: no memory, training diverged (the last good "
        "checkpoint "
        "is named and untouched), a rank was lost, or a defect of trm\n5\tof a rank under mpirun: another rank does "
        "not answer\n",
    .usual = "preset run resume data valid steps batch device",
    .tables = train_tables,
    .run = train_run,
};
