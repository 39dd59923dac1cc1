/* See eval_json.h. */
#include "cli/eval_json.h"

#include <math.h>

json_t *cli_eval_bands_json(const trm_eval_result *r) {
  json_t *bands = json_array();
  for (int i = 0; i < r->bands; i++) {
    const trm_eval_band *b = &r->band[i];
    double accuracy = b->puzzles ? (double)b->exact / (double)b->puzzles : (double)NAN;
    json_array_append_new(bands, json_pack("{s:o, s:o, s:I, s:I, s:o}", "low", cli_real(b->low), "high",
                                           cli_real(b->high), "puzzles", (json_int_t)b->puzzles, "exact",
                                           (json_int_t)b->exact, "exact_accuracy", cli_real(accuracy)));
  }
  return bands;
}

json_t *cli_eval_metrics_json(const trm_eval_result *r) {
  json_t *metrics = json_object();
  for (int k = 0; k < r->metrics; k++) {
    const trm_eval_metric *m = &r->metric[k];
    json_object_set_new(metrics, m->name,
                        json_pack("{s:I, s:o, s:[o,o]}", "puzzles", (json_int_t)m->puzzles, "accuracy",
                                  cli_real(r->puzzles ? (double)m->puzzles / (double)r->puzzles : (double)NAN),
                                  "interval", cli_real(m->interval_low), cli_real(m->interval_high)));
  }
  return metrics;
}

json_t *cli_eval_halting_json(const trm_eval_result *r) {
  return json_pack("{s:{s:o, s:o}, s:{s:o, s:o}, s:I, s:I, s:I, s:I}", "right", "precision",
                   cli_real(r->halt_precision), "recall", cli_real(r->halt_recall), "wrong", "precision",
                   cli_real(r->wrong_precision), "recall", cli_real(r->wrong_recall), "said_right_is_right",
                   (json_int_t)r->said_right_is_right, "said_right_is_wrong", (json_int_t)r->said_right_is_wrong,
                   "said_wrong_is_right", (json_int_t)r->said_wrong_is_right, "said_wrong_is_wrong",
                   (json_int_t)r->said_wrong_is_wrong);
}
