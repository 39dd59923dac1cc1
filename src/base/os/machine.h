/* What the machine offers this process: cores, memory and caches. Containers limit a process by cgroups and leave the
 * machine's own figures alone, so cores and memory are the smallest of what the machine, this process's cgroup and
 * every cgroup above it allow. */
#ifndef TRM_BASE_OS_MACHINE_H
#define TRM_BASE_OS_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Cores this process may use: affinity mask and cgroup quotas (rounded up), at least 1. */
int trm__cores(void);

/* Bytes of memory that the machine has, whatever this process may take of it. 0: unknown. */
uint64_t trm__memory_total(void);

/* Bytes this process may still take: the system's available memory or the room left in a cgroup. 0: unknown. */
uint64_t trm__memory_available(void);

/* The most memory that this process ever had resident (Linux: VmHWM), program and libraries included. 0: unknown. */
uint64_t trm__memory_resident_peak(void);

/* Bytes of data that a core's cache of level 1 or 2 holds. 0: unknown. */
size_t trm__cache_bytes(int level);

/* The cgroup parts of the above. self: a file like /proc/self/cgroup; mount: a folder like /sys/fs/cgroup. */
int trm__cgroup_cores(const char *self, const char *mount);       /* 0: no quota */
uint64_t trm__cgroup_memory(const char *self, const char *mount); /* room in bytes; UINT64_MAX: no limit */

#endif
