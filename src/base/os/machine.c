/* How many cores this process may use: the affinity mask, cut by the CPU quotas of its cgroup and of every cgroup
 * above it. Containers set the quota and leave the mask alone, so that counting the mask alone starts too many
 * threads. Formats: cgroups(7) and the kernel's Documentation/admin-guide/cgroup-v2.rst. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"

static int affinity_cores(void) {
  for (size_t cpus = 1024; cpus <= 1u << 18; cpus *= 4) { /* the call fails while the set is too small */
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set) break;
    size_t size = CPU_ALLOC_SIZE(cpus);
    int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 && online < 1 << 18 ? (int)online : 1;
}

/* The first one or two numbers of a file; "max" and -1 stand for no limit. Returns how many were read. */
static int read_numbers(const char *folder, const char *file, long long number[2]) {
  char path[4096 + 64], text[64] = "";
  snprintf(path, sizeof path, "%s/%s", folder, file);
  FILE *in = fopen(path, "re");
  if (!in) return 0;
  char *line = fgets(text, sizeof text, in);
  fclose(in);
  return line ? sscanf(line, "%lld %lld", &number[0], &number[1]) : 0;
}

/* Cores of one cgroup's quota rounded up, or 0 for none. */
static int folder_cores(const char *folder, int version) {
  long long number[2] = {0, 0}, period[2] = {0, 0};
  if (version == 2) {
    if (read_numbers(folder, "cpu.max", number) != 2) return 0;
  } else {
    if (read_numbers(folder, "cpu.cfs_quota_us", number) < 1) return 0;
    if (read_numbers(folder, "cpu.cfs_period_us", period) < 1) return 0;
    number[1] = period[0];
  }
  if (number[0] <= 0 || number[1] <= 0) return 0;
  long long cores = number[0] / number[1] + (number[0] % number[1] != 0);
  return cores < 1 << 18 ? (int)cores : 0;
}

static int smaller(int a, int b) {
  return a && (!b || a < b) ? a : b;
}

/* The smallest quota from mount/path up to mount. */
static int path_cores(const char *mount, char *path, int version) {
  int cores = 0;
  for (;;) {
    char folder[4096];
    if ((size_t)snprintf(folder, sizeof folder, "%s%s", mount, path) < sizeof folder)
      cores = smaller(folder_cores(folder, version), cores);
    char *slash = strrchr(path, '/');
    if (!slash) return cores;
    *slash = 0;
  }
}

static int has_cpu(const char *controllers) {
  for (const char *p = controllers; *p; p += strcspn(p, ","), p += *p == ',')
    if (strcspn(p, ",") == 3 && strncmp(p, "cpu", 3) == 0) return 1;
  return 0;
}

int trm__cgroup_cores(const char *self, const char *mount) {
  FILE *in = fopen(self, "re");
  if (!in) return 0;
  int cores = 0;
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, in) > 0) { /* "number:controllers:path"; version 2 has no controllers */
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) continue;
    *controllers++ = 0;
    *path++ = 0;
    char folder[4096];
    if (!*controllers) {
      cores = smaller(path_cores(mount, path, 2), cores);
    } else if (has_cpu(controllers) &&
               (size_t)snprintf(folder, sizeof folder, "%s/%s", mount, controllers) < sizeof folder) {
      cores = smaller(path_cores(folder, path, 1), cores);
    }
  }
  free(line);
  fclose(in);
  return cores;
}

int trm__cores(void) {
  int cores = smaller(trm__cgroup_cores("/proc/self/cgroup", "/sys/fs/cgroup"), affinity_cores());
  return cores > 0 ? cores : 1;
}
