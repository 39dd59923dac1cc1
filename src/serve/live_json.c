/* A job as clients read it. */
#include <stdio.h>
#include <time.h>

#include "base/text/json.h"
#include "serve/live.h"

json_t *trm__live_time(int64_t ms) {
  char whole[32], text[48];
  struct tm tm;
  time_t seconds = (time_t)(ms / 1000);
  if (ms <= 0) return json_null();
  gmtime_r(&seconds, &tm);
  strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(text, sizeof text, "%s.%03dZ", whole, (int)(ms % 1000));
  return json_string(text);
}

json_t *trm__live_json(const trm__job *job) {
  json_t *result = NULL;
  if (job->result) (void)trm__json_parse(&result, job->result, job->result_size, "result", NULL);
  json_t *o =
      json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:s*}", "id", job->id, "kind", job->kind, "state",
                trm__job_state_name(job->state), "attempts", (json_int_t)job->attempts, "created_at",
                trm__live_time(job->created_ms), "started_at", trm__live_time(job->started_ms), "ended_at",
                trm__live_time(job->ended_ms), "expires_at", trm__live_time(job->expires_ms), "reason", job->reason);
  if (o && result) (void)json_object_set(o, job->state == TRM__JOB_DONE ? "result" : "problem", result);
  json_decref(result);
  return o;
}
