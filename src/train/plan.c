/* Predicting and fitting memory. The prediction asks each part for its own bytes, so it follows the allocations. */
#include "train/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "train/trainer.h"

#define UNLIMITED UINT64_MAX

/* The number in the first line of a file, UNLIMITED when absent or "max". */
static uint64_t read_number(const char *path) {
  char line[64] = "";
  FILE *file = fopen(path, "re");
  if (!file) return UNLIMITED;
  char *got = fgets(line, sizeof line, file);
  fclose(file);
  char *end;
  unsigned long long value = got ? strtoull(line, &end, 10) : 0;
  return !got || end == line ? UNLIMITED : (uint64_t)value;
}

/* The number of KiB behind a name and a colon in a file like /proc/meminfo, in bytes; UNLIMITED when absent. */
static uint64_t read_named(const char *path, const char *name) {
  char line[256];
  size_t length = strlen(name);
  unsigned long long kib = 0;
  int found = 0;
  FILE *file = fopen(path, "re");
  while (file && !found && fgets(line, sizeof line, file))
    found = strncmp(line, name, length) == 0 && sscanf(line + length, ": %llu", &kib) == 1;
  if (file) fclose(file);
  return found ? (uint64_t)kib << 10 : UNLIMITED;
}

uint64_t trm__memory_resident_peak(void) {
  uint64_t peak = read_named("/proc/self/status", "VmHWM");
  return peak == UNLIMITED ? 0 : peak;
}

static uint64_t room(uint64_t limit, uint64_t used) {
  if (limit == UNLIMITED || used == UNLIMITED) return UNLIMITED;
  return used < limit ? limit - used : 0;
}

/* The room in every cgroup from this process's own up to the root. */
static uint64_t cgroup_available(void) {
  char line[512], path[640], own[512] = "";
  FILE *file = fopen("/proc/self/cgroup", "re");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, "0::", 3) == 0) snprintf(own, sizeof own, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
  if (file) fclose(file);
  uint64_t least = room(read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
                        read_number("/sys/fs/cgroup/memory/memory.usage_in_bytes"));
  for (;;) {
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", own);
    uint64_t limit = read_number(path);
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.current", own);
    uint64_t here = room(limit, read_number(path));
    if (here < least) least = here;
    char *slash = strrchr(own, '/');
    if (!slash) return least;
    *slash = 0;
  }
}

uint64_t trm__memory_available(void) {
  uint64_t system = read_named("/proc/meminfo", "MemAvailable"), cgroup = cgroup_available();
  uint64_t least = system < cgroup ? system : cgroup;
  return least == UNLIMITED ? 0 : least;
}

trm__bytes trm__plan_predict(const trm__plan_job *job, int micro_batch) {
  trm__network_plan plan = trm__trainer_network(job->train, micro_batch);
  trm__bytes bytes = trm__trainer_bytes(job->params, job->train, job->backend, job->local_batch, micro_batch);
  bytes.device += trm__network_bytes(job->model, job->backend, &plan);
  bytes.host += job->already;
  if (!job->backend->on_host) return bytes;
  return (trm__bytes){.host = bytes.device + bytes.host};
}

/* The bytes that a slice decides about: of the memory that activations are in. */
static size_t plan_needed(const trm__plan_job *job, int micro_batch) {
  trm__bytes bytes = trm__plan_predict(job, micro_batch);
  return job->backend->on_host ? bytes.host : bytes.device;
}

/* Without --memory. */
static uint64_t plan_usual_limit(const trm__plan_job *job) {
  trm__backend *be = job->backend;
  uint64_t available = be->memory_available ? be->memory_available(be) : trm__memory_available();
  if (!be->on_host) return available ? available / 16 * 15 : UNLIMITED;
  uint64_t limit = available / 4 * 3 + job->already;
  return !available || limit > TRM__PLAN_USEFUL ? TRM__PLAN_USEFUL : limit;
}

/* The slice when n examples are cut into as few equal slices as `most` allows. */
static int equal_slices(int n, int most) {
  int slices = (n + most - 1) / most;
  return (n + slices - 1) / slices;
}

trm_status trm__plan_micro_batch(const trm__plan_job *job, int *micro_batch, trm_error *err) {
  int n = job->local_batch;
  if (job->train->micro_batch) {
    *micro_batch = job->train->micro_batch < n ? (int)job->train->micro_batch : n;
    return TRM_OK;
  }
  uint64_t limit = (uint64_t)job->train->memory << 20;
  if (!limit) limit = plan_usual_limit(job);
  int low = 0, high = n; /* low fits, high + 1 does not */
  while (low < high) {
    int middle = low + (high - low + 1) / 2;
    if (plan_needed(job, middle) <= limit) low = middle;
    else high = middle - 1;
  }
  if (low == 0)
    return trm__fail(err, TRM_E_MEMORY, "--micro-batch",
                     "one example at a time needs %zu MiB and %llu MiB are available; try --recompute, a smaller "
                     "--batch or --memory",
                     plan_needed(job, 1) >> 20, (unsigned long long)(limit >> 20));
  *micro_batch = equal_slices(n, low);
  return TRM_OK;
}
