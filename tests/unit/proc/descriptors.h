/* How many descriptors this process has open, to see that none leaks. */
#ifndef TRM_TESTS_UNIT_PROC_DESCRIPTORS_H
#define TRM_TESTS_UNIT_PROC_DESCRIPTORS_H

#include <dirent.h>

static inline int descriptors_open(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  if (!folder) return -1;
  while (readdir(folder)) count++;
  closedir(folder);
  return count;
}

#endif
