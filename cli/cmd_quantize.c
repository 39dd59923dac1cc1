/* trm quantize: a model with int8 weights, and what that costs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/file.h"
#include "cli/puzzles.h"

static struct {
  char out[1024], data[1024], split[64], device[CLI_DEVICE];
  int64_t limit, threads;
  double max_loss;
  int force, json, quiet;
} opt;

static const trm_option quantize_options[] = {
    CLI_OUT_OPTION(.group = "Quantize", .help = "model file to write (also -o FILE)"),
    {.name = "force", .type = TRM_OPT_BOOL, FIELD(force), .help = "replace FILE, and write it whatever is lost"},
    {.name = "data",
     .type = TRM_OPT_STRING,
     FIELD(data),
     .size = sizeof opt.data,
     .default_text = "",
     .metavar = "DATA",
     .group = "Measure",
     .help = "dataset to solve with both models, 16 steps without halting"},
    CLI_SPLIT_OPTION(),
    CLI_LIMIT_OPTION,
    {.name = "max_loss",
     .type = TRM_OPT_REAL,
     FIELD(max_loss),
     .default_text = "0.5",
     .min = 0,
     .max = 100,
     .metavar = "POINTS",
     .help = "write nothing when more percentage points of exact accuracy than this are lost"},
    CLI_DEVICE_OPTION,
    CLI_THREADS_OPTION(.group = "Run", .help = "computing threads; 0: all cores"),
    CLI_JSON_OPTION(.help = "print one JSON object; accuracies are fractions of 1"),
    CLI_QUIET_OPTION,
};

static size_t quantize_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){quantize_options, sizeof quantize_options / sizeof *quantize_options, &opt};
  return 1;
}

/* -- measuring ----------------------------------------------------------------------------------------------------- */

typedef struct measurement {
  trm_eval_result before, after;
  double points; /* percentage points lost */
} measurement;

static int quantize_stopped(const cli_command *self, const char *what) {
  trm_error error = {.code = TRM_E_STOPPED};
  (void)snprintf(error.message, sizeof error.message, "%.200s; nothing is written", what);
  return cli_error(self, &error);
}

static int quantize_evaluate(const cli_command *self, trm_runtime *runtime, const trm_model *model, const char *what,
                             trm_eval_result *result) {
  trm_solver *solver = NULL;
  trm_dataset *dataset = NULL;
  trm_task task;
  trm_error error = {0};
  trm_solver_config config = trm_solver_config_default();
  config.halt = 0;
  if (!opt.quiet) cli_note("solving with %s weights", what);
  cli_progress progress = cli_progress_open(opt.quiet);
  trm_status status = trm_solver_open(&solver, runtime, model, &config, &error);
  if (!status) status = trm_solver_task(solver, &task, &error);
  if (!status) status = trm_dataset_open(&dataset, opt.data, opt.split, &task, &error);
  if (!status) status = trm_evaluate(solver, dataset, opt.limit, result, cli_progress_fraction, &progress, &error);
  cli_progress_clear(&progress);
  trm_dataset_close(&dataset);
  trm_solver_close(&solver);
  if (!status) return CLI_CONTINUE;
  return status == TRM_E_STOPPED ? quantize_stopped(self, error.message) : cli_error(self, &error);
}

/* Both models on the same puzzles. */
static int quantize_measure(const cli_command *self, const trm_model *model, const char *written, measurement *m) {
  trm_runtime *runtime = NULL;
  trm_model *quantized = NULL;
  trm_error error = {0};
  int code = cli_runtime_open(self, &runtime, opt.device, opt.threads, opt.quiet);
  if (code == CLI_CONTINUE) code = quantize_evaluate(self, runtime, model, "the original", &m->before);
  if (code == CLI_CONTINUE && trm_model_open(&quantized, written, &error)) code = cli_error(self, &error);
  if (code == CLI_CONTINUE) code = quantize_evaluate(self, runtime, quantized, "int8", &m->after);
  m->points = 100 * (m->before.exact_accuracy - m->after.exact_accuracy);
  trm_model_close(&quantized);
  trm_runtime_close(&runtime);
  return code;
}

static json_t *quantize_side_json(const trm_eval_result *r) {
  return json_pack("{s:I, s:I, s:o, s:[o,o], s:o, s:o}", "puzzles", (json_int_t)r->puzzles, "exact",
                   (json_int_t)r->exact, "exact_accuracy", cli_real(r->exact_accuracy), "interval",
                   cli_real(r->interval_low), cli_real(r->interval_high), "token_accuracy", cli_real(r->token_accuracy),
                   "seconds", cli_real(r->seconds));
}

static void quantize_print_side(const char *name, const trm_eval_result *r) {
  char a[32], b[32], c[32];
  printf("%-9s %s exact, %s of %s puzzles, %.1f s\n", name, cli_percent(r->exact_accuracy, a),
         cli_thousands(r->exact, b), cli_thousands(r->puzzles, c), r->seconds);
}

static void quantize_report(const measurement *m, int written) {
  if (opt.json) {
    json_t *o = json_pack("{s:o, s:b}", "model", cli_path(opt.out), "written", written);
    if (opt.data[0]) {
      json_object_set_new(o, "before", quantize_side_json(&m->before));
      json_object_set_new(o, "after", quantize_side_json(&m->after));
      json_object_set_new(o, "points_lost", cli_real(m->points));
    }
    cli_json_print(o, 0);
    return;
  }
  if (opt.data[0]) {
    quantize_print_side("original", &m->before);
    quantize_print_side("int8", &m->after);
    printf("lost      %.2f points\n", m->points);
  }
  if (written) printf("%s\n", opt.out);
}

/* -- the command --------------------------------------------------------------------------------------------------- */

#define DRAFT_FILE "model.safetensors"

/* Where the copy waits while it is measured: beside the wanted file, or for a pipe or device among temporary files. */
static int quantize_open_draft(const cli_command *self, trm__draft **draft, int *beside) {
  const char *folder = cli_environment("TMPDIR");
  char path[1100];
  trm__path_kind kind;
  trm_error error = {0};
  if (trm__path_find(&kind, opt.out, &error)) return cli_error(self, &error);
  *beside = kind != TRM__PATH_SPECIAL;
  (void)snprintf(path, sizeof path, "%.1000s/trm-quantize", folder ? folder : "/tmp");
  return trm__draft_open(draft, *beside ? opt.out : path, &error) ? cli_error(self, &error) : CLI_CONTINUE;
}

/* Writes a draft, measures that, and only then puts it in place. */
static int quantize_write(const cli_command *self, const trm_model *model) {
  trm_error error = {0};
  measurement m;
  trm__draft *draft = NULL;
  char file[1300];
  int refused = 0, beside = 0;
  memset(&m, 0, sizeof m);
  cli_catch_signals(); /* so that the draft is removed */
  int code = quantize_open_draft(self, &draft, &beside);
  if (code != CLI_CONTINUE) return code;
  (void)snprintf(file, sizeof file, "%s/" DRAFT_FILE, trm__draft_path(draft));
  if (trm_model_quantize(model, file, &error)) code = cli_error(self, &error);
  if (code == CLI_CONTINUE && opt.data[0]) code = quantize_measure(self, model, file, &m);
  if (code == CLI_CONTINUE && cli_interrupted()) code = quantize_stopped(self, "stopped");
  refused = code == CLI_CONTINUE && !opt.force && m.points > opt.max_loss;
  if (code == CLI_CONTINUE && !refused &&
      (beside ? trm__draft_commit_file(&draft, DRAFT_FILE, &error) : trm_model_quantize(model, opt.out, &error)))
    code = cli_error(self, &error);
  trm__draft_abort(&draft);
  if (code != CLI_CONTINUE) return code;
  if (!cli_is_stdout(opt.out)) quantize_report(&m, !refused);
  if (refused)
    cli_warn(self,
             "nothing written: %.2f points of exact accuracy are lost, more than %g; --max-loss or --force allow it",
             m.points, opt.max_loss);
  return refused ? CLI_UNSOLVED : CLI_OK;
}

static int quantize_run(const cli_command *self, int argc, char **argv) {
  return cli_rewrite(self, argc, argv, opt.out, &opt.force, NULL, quantize_write);
}

const cli_command cli_quantize = {
    .name = "quantize",
    .synopsis = "MODEL -o FILE [--data DATA]",
    .summary = "write a model with int8 weights, for faster solving",
    .description =
        "Writes a copy of a model whose layers hold their weights in int8 with one scale for each output; it is "
        "about a quarter as large as in float32 and solves faster. Embeddings, heads, norms and the state stay in "
        "float32. Activations are scaled as they come, so no calibration is needed. The copy is for solving: training "
        "goes on from the original.\n\n"
        "With --data both models solve the same puzzles first, and the copy is written only when it loses no more than "
        "--max-loss percentage points of exact accuracy. To try int8 without a file: trm eval --dtype "
        "int8." CLI_OUT_NOTE,
    .examples = "trm quantize runs/9x9 -o 9x9-int8.safetensors --data puzzles\ntrm solve --model 9x9-int8.safetensors "
                "puzzles.txt\n",
    .exits = "1\tnothing was written: too much accuracy would be lost, or a signal stopped it\n",
    .usual = "out data split max_loss force",
    .tables = quantize_tables,
    .run = quantize_run,
};
