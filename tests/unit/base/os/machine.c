/* What the machine offers: limits from made-up cgroup folders of both versions, and this machine's own figures. */
#include "support/check.h"

#include "base/os/machine.h"

static void write_text(const char *dir, const char *name, const char *text) {
  trm_error err = {0};
  CHECK_OK(trm__file_write(check_path(dir, name), text, strlen(text), &err), err);
}

static void make_dir(const char *dir, const char *name) {
  trm_error err = {0};
  CHECK_OK(trm__dir_make(check_path(dir, name), &err), err);
}

static void quotas_of_version_2(void **state) {
  (void)state;
  char dir[64];
  check_temp_dir(dir);
  make_dir(dir, "a/b");
  write_text(dir, "self", "0::/a/b\n");
  assert_int_equal(trm__cgroup_cores(check_path(dir, "self"), dir), 0);
  write_text(dir, "a/b/cpu.max", "max 100000\n");
  assert_int_equal(trm__cgroup_cores(check_path(dir, "self"), dir), 0);
  write_text(dir, "a/cpu.max", "350000 100000\n"); /* the parent's limit holds too */
  assert_int_equal(trm__cgroup_cores(check_path(dir, "self"), dir), 4);
  write_text(dir, "a/b/cpu.max", "10000 100000\n");
  assert_int_equal(trm__cgroup_cores(check_path(dir, "self"), dir), 1);
  write_text(dir, "a/b/cpu.max", "garbage");
  assert_int_equal(trm__cgroup_cores(check_path(dir, "self"), dir), 4);
  write_text(dir, "self", "0::/gone/deeper\n"); /* a path of the host, seen from inside a container */
  write_text(dir, "cpu.max", "200000 100000\n");
  assert_int_equal(trm__cgroup_cores(check_path(dir, "self"), dir), 2);
  assert_int_equal(trm__cgroup_cores(check_path(dir, "absent"), dir), 0);
  check_remove(dir);
}

static void quotas_of_version_1(void **state) {
  (void)state;
  char dir[64];
  check_temp_dir(dir);
  make_dir(dir, "cpu,cpuacct/box");
  write_text(dir, "self", "12:memory:/box\n4:cpu,cpuacct:/box\n1:cpuset:/box\n");
  write_text(dir, "cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
  write_text(dir, "cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  assert_int_equal(trm__cgroup_cores(check_path(dir, "self"), dir), 0);
  write_text(dir, "cpu,cpuacct/box/cpu.cfs_quota_us", "250000\n");
  assert_int_equal(trm__cgroup_cores(check_path(dir, "self"), dir), 3);
  write_text(dir, "cpu,cpuacct/box/cpu.cfs_period_us", "0\n");
  assert_int_equal(trm__cgroup_cores(check_path(dir, "self"), dir), 0);
  check_remove(dir);
}

static void there_is_at_least_one_core(void **state) {
  (void)state;
  assert_in_range(trm__cores(), 1, sysconf(_SC_NPROCESSORS_CONF));
}

#define NO_LIMIT UINT64_MAX

static uint64_t memory_room(const char *dir) {
  return trm__cgroup_memory(check_path(dir, "self"), dir);
}

static void memory_of_version_2(void **state) {
  (void)state;
  char dir[64];
  check_temp_dir(dir);
  make_dir(dir, "a/b");
  assert_true(memory_room(dir) == NO_LIMIT); /* no list of cgroups */
  write_text(dir, "self", "0::/a/b\n");
  assert_true(memory_room(dir) == NO_LIMIT);
  write_text(dir, "a/b/memory.max", "max\n");
  write_text(dir, "a/b/memory.current", "7\n");
  assert_true(memory_room(dir) == NO_LIMIT);
  write_text(dir, "a/memory.max", "1000\n"); /* without the use a limit says nothing */
  assert_true(memory_room(dir) == NO_LIMIT);
  write_text(dir, "a/memory.current", "400\n");
  assert_int_equal(memory_room(dir), 600);
  write_text(dir, "a/b/memory.max", "5000000000\n"); /* more room below does not help */
  assert_int_equal(memory_room(dir), 600);
  write_text(dir, "a/b/memory.max", "107\n");
  assert_int_equal(memory_room(dir), 100);
  write_text(dir, "a/b/memory.current", "110\n"); /* over the limit, which the kernel allows for a moment */
  assert_int_equal(memory_room(dir), 0);
  check_remove(dir);
}

static void memory_of_version_1(void **state) {
  (void)state;
  char dir[64];
  check_temp_dir(dir);
  make_dir(dir, "memory/box/inner");
  make_dir(dir, "cpu/box/inner");
  write_text(dir, "self", "5:cpu:/box/inner\n4:name=memory:/box\n3:memory:/box/inner\n0::/\n");
  write_text(dir, "memory/box/memory.limit_in_bytes", "9223372036854771712\n"); /* how version 1 writes "no limit" */
  write_text(dir, "memory/box/memory.usage_in_bytes", "1000\n");
  assert_true(memory_room(dir) > (uint64_t)1 << 62);
  write_text(dir, "memory/memory.limit_in_bytes", "8000\n"); /* a container's root has the container's limit */
  write_text(dir, "memory/memory.usage_in_bytes", "1000\n");
  assert_int_equal(memory_room(dir), 7000);
  write_text(dir, "memory/box/memory.limit_in_bytes", "3000\n"); /* the group above this process's own */
  assert_int_equal(memory_room(dir), 2000);
  write_text(dir, "memory.max", "1500\n"); /* version 2 beside it */
  write_text(dir, "memory.current", "1000\n");
  assert_int_equal(memory_room(dir), 500);
  write_text(dir, "cpu/box/inner/cpu.cfs_quota_us", "150000\n"); /* each controller has its own folders */
  write_text(dir, "cpu/box/inner/cpu.cfs_period_us", "100000\n");
  assert_int_equal(trm__cgroup_cores(check_path(dir, "self"), dir), 2);
  check_remove(dir);
}

static void the_machine_has_memory_and_caches(void **state) {
  (void)state;
  assert_true(trm__memory_available() > 1 << 20);
  uint64_t peak = trm__memory_resident_peak();
  assert_true(peak > 100 << 10 && peak < (uint64_t)1 << 40);
  size_t l1 = trm__cache_bytes(1), l2 = trm__cache_bytes(2);
  assert_true(l1 < (size_t)1 << 30 && l2 < (size_t)1 << 30);
  assert_true(!l1 || !l2 || l1 <= l2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quotas_of_version_2),        cmocka_unit_test(quotas_of_version_1),
      cmocka_unit_test(there_is_at_least_one_core), cmocka_unit_test(memory_of_version_2),
      cmocka_unit_test(memory_of_version_1),        cmocka_unit_test(the_machine_has_memory_and_caches),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
