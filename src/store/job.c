/* The words for a job's states, as they stand in answers and in requests for lists. */
#include "store/job.h"

#include <string.h>

static const char *const job_words[TRM__JOB_STATES] = {
    [TRM__JOB_SUBMITTED] = "submitted", [TRM__JOB_RUNNING] = "running",     [TRM__JOB_DONE] = "done",
    [TRM__JOB_FAILED] = "failed",       [TRM__JOB_CANCELLED] = "cancelled",
};

const char *trm__job_state_name(trm__job_state state) {
  size_t i = (size_t)state;
  return i < TRM__JOB_STATES && job_words[i] ? job_words[i] : "unknown";
}

trm__job_state trm__job_state_find(const char *name) {
  for (int i = TRM__JOB_SUBMITTED; i < TRM__JOB_STATES; i++)
    if (strcmp(name, job_words[i]) == 0) return (trm__job_state)i;
  return (trm__job_state)0;
}
