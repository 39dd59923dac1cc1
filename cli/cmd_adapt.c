/* trm adapt: tasks that a model has never seen. An identifier's embedding is learned from a task's demonstrations, so a
 * new task needs its own: its images are built like those of a dataset, the model is trained on their demonstrations
 * alone, by default nothing but the new embeddings, and then the images of its tests vote. All of it is in one new
 * folder, and the model is only read. */
#include <string.h>
#include <sys/stat.h>
#include <trm/train.h>

#include "cli/arc.h"
#include "cli/data.h"
#include "cli/puzzles.h"

static struct {
  char out[900], device[CLI_DEVICE];
  int64_t augment, steps, batch, seed, threads;
  double max_minutes, embedding_lr, lr;
  int all_weights, json, quiet, color;
} opt;

static const trm_option adapt_options[] = {
    {.name = "out",
     .type = TRM_OPT_STRING,
     FIELD(out),
     .size = sizeof opt.out,
     .metavar = "DIR",
     .group = "Adapt",
     .help = "folder to write: a new name, or an empty folder"},
    {.name = "augment",
     .type = TRM_OPT_INT,
     FIELD(augment),
     .default_text = "100",
     .min = 0,
     .max = 1e4,
     .metavar = "N",
     .help = "images of each task that are learned, and then vote"},
    {.name = "steps",
     .type = TRM_OPT_INT,
     FIELD(steps),
     .default_text = "200",
     .min = 0,
     .max = 1e9,
     .metavar = "N",
     .help = "updates; 0: learn nothing, and vote with the mean embedding"},
    {.name = "max_minutes",
     .type = TRM_OPT_REAL,
     FIELD(max_minutes),
     .default_text = "0",
     .min = 0,
     .max = 1e6,
     .metavar = "M",
     .help = "end learning after so many minutes, and vote; 0: no limit"},
    {.name = "batch",
     .type = TRM_OPT_INT,
     FIELD(batch),
     .default_text = "32",
     .min = 1,
     .max = 1e5,
     .metavar = "N",
     .help = "examples of an update"},
    {.name = "all_weights",
     .type = TRM_OPT_BOOL,
     FIELD(all_weights),
     .help = "let the network learn too, at --lr; by default it is frozen"},
    {.name = "puzzle_emb_lr",
     .type = TRM_OPT_REAL,
     FIELD(embedding_lr),
     .default_text = "0.01",
     .min = 1e-9,
     .max = 10,
     .metavar = "R",
     .help = "learning rate of the embeddings"},
    {.name = "lr",
     .type = TRM_OPT_REAL,
     FIELD(lr),
     .default_text = "0.0001",
     .min = 1e-9,
     .max = 10,
     .metavar = "R",
     .help = "learning rate of the network with --all-weights"},
    {.name = "seed",
     .type = TRM_OPT_INT,
     FIELD(seed),
     .default_text = "0",
     .min = 0,
     .max = 9e15,
     .metavar = "N",
     .help = "seed of images and of training"},
    CLI_COLOR_OPTION,
    CLI_JSON_OPTION(.help = "print the score as one JSON object, and no grids"),
    CLI_QUIET_OPTION,
    CLI_DEVICE_OPTION,
    CLI_THREADS_OPTION(.help = "computing threads; 0: all cores"),
};

static size_t adapt_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){adapt_options, sizeof adapt_options / sizeof *adapt_options, &opt};
  return 1;
}

typedef struct adapting {
  const cli_command *self;
  const trm_model *model;
  const trm_model_config *config; /* of the model */
  const char *path;               /* of the model */
  const char *const *tasks;
  size_t count;
  int64_t clash; /* 1: the data has as many identifiers as the model, whose rows would be taken for theirs */
  char data[1024], run[1024], submission[1024];
} adapting;

/* -- the data ------------------------------------------------------------------------------------------------------ */

typedef struct planning {
  adapting *adapt;
  cli_progress line;
} planning;

/* Rows of the same number are copied when training starts, others are set to the mean: only that is wanted. */
static int adapt_planned(void *context, const trm_arc_report *report) {
  planning *p = context;
  p->adapt->clash = report->identifiers == p->adapt->config->num_puzzle_identifiers;
  return (int)p->adapt->clash;
}

static int adapt_progress(void *context, double fraction, const char *what) {
  return cli_progress_fraction(&((planning *)context)->line, fraction, what);
}

static int adapt_side(const trm_model_config *config) {
  int side = 1;
  while (side < 30 && (int64_t)side * side < config->seq_len) side++;
  return side;
}

static int adapt_build(adapting *a) {
  trm_error error = {0};
  trm_arc_report report;
  trm_arc_config config = trm_arc_config_default();
  planning p = {a, cli_progress_open(opt.quiet)};
  (void)snprintf(config.out, sizeof config.out, "%s", a->data);
  config.augment = opt.augment, config.seed = opt.seed, config.threads = opt.threads;
  config.side = adapt_side(a->config);
  config.test = a->tasks, config.tests = a->count;
  trm_status status = trm_data_arc(&config, &report, adapt_planned, adapt_progress, &p, &error);
  if (status == TRM_E_STOPPED && a->clash) {
    config.augment++;
    status = trm_data_arc(&config, &report, NULL, adapt_progress, &p, &error);
  }
  cli_progress_clear(&p.line);
  if (status) return cli_error(a->self, &error);
  if (report.left_out)
    cli_warn(a->self, "%lld tasks have a grid larger than the model's %lld x %lld and are left out",
             (long long)report.left_out, (long long)config.side, (long long)config.side);
  return CLI_CONTINUE;
}

/* -- learning ------------------------------------------------------------------------------------------------------ */

static int adapt_on_step(void *context, const trm_train_progress *p) {
  cli_progress *line = context;
  char text[160], left[32];
  if (cli_progress_due(line)) {
    (void)snprintf(text, sizeof text, "learning, step %lld/%lld  loss %.3f  %s left", (long long)p->step,
                   (long long)p->steps, p->loss, cli_duration(p->seconds_left, left));
    cli_progress_bar(line, (double)p->step / (double)p->steps, text);
  }
  return cli_interrupted();
}

/* All tensors but the embedding, by what stands before the second dot of "inner.L_level.layers.0.mlp...". The start of
 * answer and latent is never trained. */
static void adapt_freeze(const trm_model *model, char *prefixes, size_t size) {
  prefixes[0] = '\0';
  for (size_t i = 0; i < trm_model_tensors(model); i++) {
    char prefix[64];
    const char *name = trm_model_tensor(model, i).name, *dot = strchr(name, '.');
    dot = dot ? strchr(dot + 1, '.') : NULL;
    if (!dot || strstr(name, "puzzle_emb")) continue;
    (void)snprintf(prefix, sizeof prefix, "%.*s", (int)(dot - name), name);
    size_t used = strlen(prefixes);
    if (!strstr(prefixes, prefix) && used + strlen(prefix) + 2 < size)
      (void)snprintf(prefixes + used, size - used, "%s%s", used ? "," : "", prefix);
  }
}

static trm_train_config adapt_config(const adapting *a) {
  size_t count;
  trm_error error = {0};
  trm_train_config c = trm_train_config_default();
  (void)snprintf(c.data, sizeof c.data, "%s", a->data);
  (void)snprintf(c.run, sizeof c.run, "%s", a->run);
  (void)snprintf(c.init_from, sizeof c.init_from, "%s", a->path);
  c.seed = opt.seed, c.batch = opt.batch, c.steps = opt.steps, c.epochs = 0, c.max_minutes = opt.max_minutes;
  c.puzzle_emb_lr = opt.embedding_lr, c.puzzle_emb_weight_decay = 0.1;
  c.lr = opt.lr, c.weight_decay = 0, c.lr_warmup_steps = 0, c.save_every = opt.steps + 1, c.choose_threshold = 0;
  const trm_option *table = trm_train_options(&count);
  (void)trm_options_set(table, count, &c, "loss", trm_model_get_loss(a->model), &error);
  if (!opt.steps) c.steps = 1, c.puzzle_emb_lr = 0, c.puzzle_emb_weight_decay = 0; /* an update that changes nothing */
  if (!opt.all_weights || !opt.steps) adapt_freeze(a->model, c.frozen, sizeof c.frozen);
  return c;
}

/* A time limit or a signal ends learning, not the rest: what was learned until then votes. A second signal ends all. */
static int adapt_learn(const adapting *a, trm_runtime *runtime, char model[1100]) {
  trm_error error = {0};
  trm_train_result result = {0};
  trm_train_config config = adapt_config(a);
  cli_progress line = cli_progress_open(opt.quiet);
  trm_status status = trm_train_start(runtime, a->config, &config, adapt_on_step, &line, &result, &error);
  cli_progress_clear(&line);
  if (status && status != TRM_E_STOPPED) return cli_error(a->self, &error);
  if (status)
    cli_warn(a->self, "learning ended after %lld of %lld updates", (long long)result.step, (long long)opt.steps);
  (void)snprintf(model, 1100, "%s", result.model);
  if (!model[0]) return cli_bad_input(a->self, "%s: no update was done, and there is nothing to vote with", a->run);
  return cli_interrupted() ? CLI_UNSOLVED : CLI_CONTINUE;
}

/* -- voting -------------------------------------------------------------------------------------------------------- */

static int adapt_vote(const adapting *a, trm_runtime *runtime, const char *path) {
  trm_error error = {0};
  trm_model *model = NULL;
  trm_solver *solver = NULL;
  trm_dataset *dataset = NULL;
  trm_solver_config config = trm_solver_config_default();
  const cli_arc_run run = {path, a->data, a->submission, opt.json, opt.quiet, !opt.json};
  int code = CLI_OK;
  config.halt = 0;
  if (trm_model_open(&model, path, &error) || trm_solver_open(&solver, runtime, model, &config, &error) ||
      trm_dataset_open(&dataset, a->data, "test", NULL, &error))
    code = cli_error(a->self, &error);
  else code = cli_arc_measure(a->self, &run, solver, dataset);
  trm_dataset_close(&dataset);
  trm_solver_close(&solver);
  trm_model_close(&model);
  return code;
}

/* -- all of it ----------------------------------------------------------------------------------------------------- */

static int adapt_check_model(const adapting *a) {
  const trm_model_config *c = a->config;
  int64_t side = adapt_side(c);
  if (c->vocab_size != 12 || side * side != c->seq_len)
    return cli_bad_input(a->self, "%s: a vocabulary of %lld and %lld cells, expected a model of ARC's grids", a->path,
                         (long long)c->vocab_size, (long long)c->seq_len);
  if (!c->puzzle_emb_ndim)
    return cli_bad_input(a->self, "%s: has no puzzle embedding to learn, expected one trained on trm data arc",
                         a->path);
  return CLI_CONTINUE;
}

static int adapt_all(adapting *a, char path[1100]) {
  trm_model *model = NULL;
  trm_runtime *runtime = NULL;
  char learned[1100];
  int code = cli_model_open(a->self, path, NULL, &model);
  if (code == CLI_CONTINUE) {
    a->model = model, a->path = path, a->config = trm_model_get_config(model);
    code = adapt_check_model(a);
  }
  if (code == CLI_CONTINUE) code = cli_runtime_open(a->self, &runtime, opt.device, opt.threads, 1);
  if (code == CLI_CONTINUE) code = adapt_build(a);
  if (code == CLI_CONTINUE) code = adapt_learn(a, runtime, learned);
  if (code == CLI_CONTINUE) code = adapt_vote(a, runtime, learned);
  trm_runtime_close(&runtime);
  trm_model_close(&model);
  return code;
}

static int adapt_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  char path[1100] = "";
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  adapting adapt = {.self = self};
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 2, (size_t)-1, "a model and ARC tasks");
  if (code == CLI_CONTINUE && !opt.out[0]) code = cli_usage(self, "--out DIR is needed");
  if (code == CLI_CONTINUE) {
    cli_set_color(opt.color);
    cli_catch_signals();
    (void)snprintf(path, sizeof path, "%s", a.positional[0]);
    (void)snprintf(adapt.data, sizeof adapt.data, "%s/data", opt.out);
    (void)snprintf(adapt.run, sizeof adapt.run, "%s/run", opt.out);
    (void)snprintf(adapt.submission, sizeof adapt.submission, "%s/submission.json", opt.out);
    adapt.tasks = a.positional + 1, adapt.count = a.positionals - 1;
    code = adapt_all(&adapt, path);
  }
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_adapt = {
    .name = "adapt",
    .synopsis = "MODEL TASKS... --out DIR [options]",
    .summary = "solve ARC tasks that a model has never seen",
    .description =
        "A model of ARC tasks knows a task by its embedding, which a task that it was not trained on does not have. "
        "This command builds the images of TASKS (files or folders, as for trm data arc), learns an embedding for each "
        "image from the demonstrations alone, starting from the mean of the model's own, and lets the images of each "
        "test vote. The network itself stays as it is unless --all-weights is given. MODEL is a model file or run "
        "directory and is never changed.\n\n"
        "DIR receives the dataset (data/), the run (run/) with the adapted model, and submission.json with two "
        "attempts "
        "for each test. Shown are the demonstrations, the tests and both attempts, in colour on a terminal, and the "
        "score where solutions are known; they are used for nothing else.\n\n"
        "After --max-minutes learning ends and the vote begins. A first SIGINT or SIGTERM ends learning, saves, and "
        "ends with exit code 1; trm eval DIR/run DIR/data votes with what was learned.",
    .examples = "trm adapt runs/arc 0a938d79.json --out adapted/0a938d79\n"
                "trm adapt runs/arc eval_challenges.json --max-minutes 30 --out adapted\n",
    .exits = "0\tattempts were made, right or wrong\n1\tstopped by a signal; what was learned is saved\n",
    .usual = "out augment steps max_minutes all_weights json device",
    .tables = adapt_tables,
    .run = adapt_run,
};
