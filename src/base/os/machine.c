/* Cores, memory and caches: see machine.h. Formats of the files: cgroups(7), proc(5) and the kernel's
 * Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/. */
#include "base/os/machine.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- cgroups ------------------------------------------------------------------------------------------------------- */

typedef struct cgroup {
  char folder[4096];
  int version; /* 1 or 2 */
} cgroup;

/* The first one or two whole numbers of a file in the cgroup's folder ("max" is none). Returns how many were read. */
static int cgroup_numbers(const cgroup *group, const char *file, long long number[2]) {
  char path[sizeof group->folder + 64], text[64] = "";
  snprintf(path, sizeof path, "%s/%s", group->folder, file);
  FILE *in = fopen(path, "re");
  if (!in) return 0;
  char *line = fgets(text, sizeof text, in);
  fclose(in);
  return line ? sscanf(line, "%lld %lld", &number[0], &number[1]) : 0;
}

/* A limit of one cgroup; UINT64_MAX for none. */
typedef uint64_t (*cgroup_limit)(const cgroup *group);

static uint64_t cgroup_core_limit(const cgroup *group) {
  long long quota[2] = {0, 0}, period[2] = {0, 0}; /* microseconds of computing in so many microseconds */
  if (group->version == 2) {
    if (cgroup_numbers(group, "cpu.max", quota) != 2) return UINT64_MAX;
  } else {
    if (cgroup_numbers(group, "cpu.cfs_quota_us", quota) < 1) return UINT64_MAX;
    if (cgroup_numbers(group, "cpu.cfs_period_us", period) < 1) return UINT64_MAX;
    quota[1] = period[0];
  }
  if (quota[0] <= 0 || quota[1] <= 0) return UINT64_MAX; /* -1 stands for no limit */
  return (uint64_t)(quota[0] / quota[1] + (quota[0] % quota[1] != 0));
}

static uint64_t cgroup_memory_room(const cgroup *group) {
  long long limit[2], used[2];
  int second = group->version == 2;
  if (cgroup_numbers(group, second ? "memory.max" : "memory.limit_in_bytes", limit) < 1 ||
      cgroup_numbers(group, second ? "memory.current" : "memory.usage_in_bytes", used) < 1)
    return UINT64_MAX;
  return limit[0] > used[0] ? (uint64_t)(limit[0] - used[0]) : 0;
}

/* The smallest limit from mount/path up to mount. path is used up. */
static uint64_t cgroup_climb(const char *mount, char *path, int version, cgroup_limit limit_of) {
  uint64_t least = UINT64_MAX;
  for (;;) {
    cgroup group = {.version = version};
    if ((size_t)snprintf(group.folder, sizeof group.folder, "%s%s", mount, path) < sizeof group.folder) {
      uint64_t limit = limit_of(&group);
      if (limit < least) least = limit;
    }
    char *slash = strrchr(path, '/');
    if (!slash) return least;
    *slash = 0;
  }
}

/* Whether "cpu" is in "cpu,cpuacct". */
static int cgroup_controls(const char *controllers, const char *controller) {
  size_t length = strlen(controller);
  for (const char *p = controllers; *p; p += strcspn(p, ","), p += *p == ',')
    if (strcspn(p, ",") == length && strncmp(p, controller, length) == 0) return 1;
  return 0;
}

/* The smallest limit that holds for the process whose cgroups `self` lists, a line each: "number:controllers:path".
 * Version 2 has one line without controllers, and its folders are in mount itself; version 1 has a folder in mount for
 * each set of controllers. Both may be in use side by side. */
static uint64_t cgroup_least(const char *self, const char *mount, const char *controller, cgroup_limit limit_of) {
  uint64_t least = UINT64_MAX;
  FILE *in = fopen(self, "re");
  if (!in) return least;
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, in) > 0) {
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) continue;
    *controllers++ = 0;
    *path++ = 0;
    char top[4096];
    int version = *controllers ? 1 : 2;
    if (version == 1 && !cgroup_controls(controllers, controller)) continue;
    if ((size_t)snprintf(top, sizeof top, "%s%s%s", mount, version == 1 ? "/" : "", controllers) >= sizeof top)
      continue;
    uint64_t limit = cgroup_climb(top, path, version, limit_of);
    if (limit < least) least = limit;
  }
  free(line);
  fclose(in);
  return least;
}

#define MOST_CORES (1 << 18) /* a count beyond it is no count */

int trm__cgroup_cores(const char *self, const char *mount) {
  uint64_t cores = cgroup_least(self, mount, "cpu", cgroup_core_limit);
  return cores < MOST_CORES ? (int)cores : 0;
}

uint64_t trm__cgroup_memory(const char *self, const char *mount) {
  return cgroup_least(self, mount, "memory", cgroup_memory_room);
}

static const char own_cgroups[] = "/proc/self/cgroup", cgroup_mount[] = "/sys/fs/cgroup";

/* -- cores --------------------------------------------------------------------------------------------------------- */

static int affinity_cores(void) {
  for (size_t cpus = 1024; cpus <= MOST_CORES; cpus *= 4) { /* the call fails while the set is too small */
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set) break;
    size_t size = CPU_ALLOC_SIZE(cpus);
    int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 && online < MOST_CORES ? (int)online : 1;
}

int trm__cores(void) {
  int cores = affinity_cores(), quota = trm__cgroup_cores(own_cgroups, cgroup_mount);
  return quota > 0 && quota < cores ? quota : cores;
}

/* -- memory -------------------------------------------------------------------------------------------------------- */

/* The value of "name: N kB" in a file like /proc/meminfo, in bytes; UINT64_MAX when absent. */
static uint64_t proc_memory(const char *path, const char *name) {
  char line[256];
  size_t length = strlen(name);
  unsigned long long kib = 0;
  int found = 0;
  FILE *file = fopen(path, "re");
  while (file && !found && fgets(line, sizeof line, file))
    found = strncmp(line, name, length) == 0 && sscanf(line + length, ": %llu", &kib) == 1;
  if (file) fclose(file);
  return found ? (uint64_t)kib << 10 : UINT64_MAX;
}

uint64_t trm__memory_total(void) {
  uint64_t bytes = proc_memory("/proc/meminfo", "MemTotal");
  return bytes == UINT64_MAX ? 0 : bytes;
}

uint64_t trm__memory_available(void) {
  uint64_t machine = proc_memory("/proc/meminfo", "MemAvailable");
  uint64_t cgroup_room = trm__cgroup_memory(own_cgroups, cgroup_mount);
  uint64_t least = machine < cgroup_room ? machine : cgroup_room;
  return least == UINT64_MAX ? 0 : least;
}

uint64_t trm__memory_resident_peak(void) {
  uint64_t peak = proc_memory("/proc/self/status", "VmHWM");
  return peak == UINT64_MAX ? 0 : peak;
}

/* -- caches -------------------------------------------------------------------------------------------------------- */

size_t trm__cache_bytes(int level) {
#ifdef _SC_LEVEL1_DCACHE_SIZE
  long bytes = sysconf(level == 1 ? _SC_LEVEL1_DCACHE_SIZE : _SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? (size_t)bytes : 0;
#else
  (void)level;
  return 0;
#endif
}
