/* Files: limits, maps, atomic writing under short writes, interruptions, full disks and kills, folders and locks. */
#include "unit/base/os/folder.h"

#include <errno.h>
#include <fcntl.h>

static void expect_only(const char *name) {
  trm_error err = {0};
  char **names;
  size_t count;
  CHECK_OK(trm__dir_list(dir, &names, &count, &err), err);
  assert_int_equal(count, name ? 1 : 0);
  if (name) assert_string_equal(names[0], name);
  trm__dir_list_free(names, count);
}

static void crc_known_answers(void **state) {
  (void)state;
  assert_int_equal(trm__crc32(0, "123456789", 9), 0xcbf43926);
  assert_int_equal(trm__crc32(0, "", 0), 0);
  assert_int_equal(trm__crc32(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
  unsigned char data[100];
  for (int i = 0; i < 100; i++) data[i] = (unsigned char)(i * 37 + 5);
  for (size_t cut = 0; cut <= 100; cut++)
    assert_int_equal(trm__crc32(trm__crc32(0, data, cut), data + cut, 100 - cut), trm__crc32(0, data, 100));
}

static void reading_has_limits(void **state) {
  (void)state;
  trm_error err = {0};
  char *data = NULL;
  size_t size = 0;
  const char *path = check_path(dir, "f");
  CHECK_OK(trm__file_write(path, "abcde", 5, &err), err);
  CHECK_OK(trm__file_read(path, 5, &data, &size, &err), err);
  assert_int_equal(size, 5);
  assert_string_equal(data, "abcde");
  trm__free(data);
  CHECK_FAILS(trm__file_read(path, 4, &data, &size, &err), TRM_E_INPUT, err, "5 bytes, at most 4");
  assert_string_equal(err.where, path);
  CHECK_FAILS(trm__file_read(check_path(dir, "absent"), 4, &data, &size, &err), TRM_E_IO, err, "No such file");
  CHECK_FAILS(trm__file_read(dir, 4, &data, &size, &err), TRM_E_INPUT, err, "a folder");
  assert_int_equal(mkfifo(check_path(dir, "pipe"), 0600), 0);
  CHECK_FAILS(trm__file_read(check_path(dir, "pipe"), 4, &data, &size, &err), TRM_E_INPUT, err, "regular file");
  CHECK_OK(trm__file_write(check_path(dir, "empty"), NULL, 0, &err), err);
  CHECK_OK(trm__file_read(check_path(dir, "empty"), 0, &data, &size, &err), err);
  assert_string_equal(data, "");
  trm__free(data);
}

static void maps_show_the_file(void **state) {
  (void)state;
  trm_error err = {0};
  trm__map map = {0};
  CHECK_OK(trm__file_write(check_path(dir, "f"), "abc", 3, &err), err);
  CHECK_OK(trm__map_open(&map, check_path(dir, "f"), &err), err);
  assert_int_equal(map.size, 3);
  assert_memory_equal(map.data, "abc", 3);
  trm__map_close(&map);
  assert_null(map.data);
  trm__map_close(&map);
  CHECK_OK(trm__file_write(check_path(dir, "empty"), "", 0, &err), err);
  CHECK_OK(trm__map_open(&map, check_path(dir, "empty"), &err), err);
  assert_int_equal(map.size, 0);
  assert_non_null(map.data);
  trm__map_close(&map);
  CHECK_FAILS(trm__map_open(&map, dir, &err), TRM_E_INPUT, err, "folder");
  CHECK_FAILS(trm__map_open(&map, check_path(dir, "absent"), &err), TRM_E_IO, err, "absent");
}

static void a_writer_replaces_at_commit(void **state) {
  (void)state;
  trm_error err = {0};
  trm__writer *w, *second;
  const char *path = check_path(dir, "f");
  CHECK_OK(trm__file_write(path, "old", 3, &err), err);
  CHECK_OK(trm__writer_open(&w, path, &err), err);
  CHECK_OK(trm__writer_write(w, "n", 1, &err), err);
  CHECK_OK(trm__writer_open(&second, path, &err), err); /* two writers of one path do not meet */
  CHECK_OK(trm__writer_write(second, "never", 5, &err), err);
  CHECK_OK(trm__writer_write(w, "ew", 2, &err), err);
  assert_int_equal(trm__writer_crc(w), trm__crc32(0, "new", 3));
  expect_content(path, "old");
  CHECK_OK(trm__writer_commit(&w, &err), err);
  assert_null(w);
  expect_content(path, "new");
  trm__writer_abort(&second);
  trm__writer_abort(&second);
  expect_content(path, "new");
  expect_only("f");
}

static void large_and_small_pieces_stay_in_order(void **state) {
  (void)state;
  trm_error err = {0};
  trm__writer *w;
  const size_t total = 400000;
  unsigned char *data = trm__calloc(total, 1);
  for (size_t i = 0; i < total; i++) data[i] = (unsigned char)(i * 31 + i / 251);
  CHECK_OK(trm__writer_open(&w, check_path(dir, "f"), &err), err);
  for (size_t at = 0, step = 1; at < total; at += step, step = step * 3 % 150001) {
    if (step > total - at) step = total - at;
    CHECK_OK(trm__writer_write(w, data + at, step, &err), err);
  }
  assert_int_equal(trm__writer_crc(w), trm__crc32(0, data, total));
  CHECK_OK(trm__writer_commit(&w, &err), err);
  trm__map map;
  CHECK_OK(trm__map_open(&map, check_path(dir, "f"), &err), err);
  assert_int_equal(map.size, total);
  assert_memory_equal(map.data, data, total);
  trm__map_close(&map);
  trm__free(data);
}

/* --- system calls that misbehave --- */

static int calls;

static ssize_t awkward_write(int fd, const void *data, size_t size) {
  calls++;
  if (calls % 3 == 1) return errno = EINTR, -1;
  return write(fd, data, size > 7 ? 7 : size);
}

static int interrupted_fsync(int fd) {
  return calls++ % 2 ? fsync(fd) : (errno = EINTR, -1);
}

static void short_and_interrupted_calls_are_finished(void **state) {
  (void)state;
  static const trm__file_ops awkward = {awkward_write, interrupted_fsync, rename};
  trm_error err = {0};
  const char *text = "a text that is longer than seven bytes, and than twice seven bytes";
  trm__file_ops_set(&awkward);
  CHECK_OK(trm__file_write(check_path(dir, "f"), text, strlen(text), &err), err);
  trm__file_ops_set(NULL);
  expect_content(check_path(dir, "f"), text);
}

/* Whichever call fails: the old file is whole, or (once it was renamed) the new one, and no temporary is left. */
static void any_call_may_fail(void **state) {
  (void)state;
  trm_error err = {0};
  const int numbers[] = {ENOSPC, EIO, EDQUOT, EROFS};
  int failures = 0;
  for (size_t e = 0; e < 4; e++) {
    for (long n = 1;; n++) {
      const char *path = check_path(dir, "f");
      CHECK_OK(trm__file_write(path, "old", 3, &err), err);
      check_disk_fail_at(n, numbers[e]);
      trm_status status = trm__file_write(path, "the new text", 12, &err);
      trm__file_ops_set(NULL);
      expect_only("f");
      if (check_disk()->made < n) break;
      failures++;
      if (n <= 3) { /* write, fsync, rename */
        assert_int_equal(status, TRM_E_IO);
        assert_string_equal(err.where, path);
        assert_non_null(strstr(err.message, strerror(numbers[e])));
        expect_content(path, "old");
      } else { /* the folder's fsync: EROFS is no failure there */
        assert_int_equal(status, numbers[e] == EROFS ? TRM_OK : TRM_E_IO);
        expect_content(path, "the new text");
      }
    }
    expect_content(check_path(dir, "f"), "the new text");
  }
  assert_int_equal(failures, 4 * 4);
}

static void after_a_failed_write_nothing_is_committed(void **state) {
  (void)state;
  trm_error err = {0};
  trm__writer *w;
  char *data = trm__calloc(100000, 1);
  CHECK_OK(trm__writer_open(&w, check_path(dir, "f"), &err), err);
  check_disk_fail_at(1, ENOSPC);
  CHECK_FAILS(trm__writer_write(w, data, 100000, &err), TRM_E_IO, err, "No space left");
  CHECK_FAILS(trm__writer_write(w, data, 1, &err), TRM_E_IO, err, "earlier");
  CHECK_FAILS(trm__writer_commit(&w, &err), TRM_E_IO, err, "earlier");
  assert_null(w);
  trm__file_ops_set(NULL);
  expect_only(NULL);
  trm__free(data);
}

static int write_past_the_limit(void *context) {
  const char *path = context;
  trm_error err = {0};
  char *data = trm__calloc(200000, 1);
  check_limit_file_size(100000);
  if (trm__file_write(path, data, 200000, &err) != TRM_E_IO) return 1;
  if (!strstr(err.message, "File too large")) return 2;
  trm__free(data);
  return 0;
}

static void a_full_disk_leaves_the_old_file(void **state) {
  (void)state;
  trm_error err = {0};
  char path[128];
  snprintf(path, sizeof path, "%s/f", dir);
  CHECK_OK(trm__file_write(path, "old", 3, &err), err);
  assert_int_equal(check_in_child(write_past_the_limit, path), 0);
  expect_content(path, "old");
  expect_only("f");
}

static ssize_t killing_write(int fd, const void *data, size_t size) {
  if (write(fd, data, size / 2) < 0) _exit(3);
  raise(SIGKILL);
  return -1;
}

static int write_and_die(void *context) {
  static const trm__file_ops killing = {killing_write, fsync, rename};
  trm_error err;
  trm__file_ops_set(&killing);
  trm__file_write(context, "the new text", 12, &err);
  return 0;
}

static void a_kill_leaves_the_old_file(void **state) {
  (void)state;
  trm_error err = {0};
  char path[128];
  snprintf(path, sizeof path, "%s/f", dir);
  CHECK_OK(trm__file_write(path, "old", 3, &err), err);
  assert_int_equal(check_in_child(write_and_die, path), 1000 + SIGKILL);
  expect_content(path, "old");
  CHECK_OK(trm__file_write(path, "newer", 5, &err), err);
  expect_content(path, "newer");
}

static void targets_that_cannot_be_written(void **state) {
  (void)state;
  trm_error err;
  CHECK_FAILS(trm__file_write(dir, "x", 1, &err), TRM_E_IO, err, "a folder");
  CHECK_FAILS(trm__file_write(check_path(dir, "f/"), "x", 1, &err), TRM_E_IO, err, "ends in /");
  CHECK_FAILS(trm__file_write(check_path(dir, "no/such/f"), "x", 1, &err), TRM_E_IO, err, "No such file");
}

static void appending_finishes_short_writes(void **state) {
  (void)state;
  static const trm__file_ops awkward = {awkward_write, fsync, rename};
  trm_error err = {0};
  const char *path = check_path(dir, "log");
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  CHECK_OK(trm__file_append(fd, path, "first\n", 6, &err), err);
  trm__file_ops_set(&awkward);
  CHECK_OK(trm__file_append(fd, path, "second record\n", 14, &err), err);
  trm__file_ops_set(NULL);
  close(fd);
  expect_content(path, "first\nsecond record\n");
  CHECK_FAILS(trm__file_append(-1, path, "x", 1, &err), TRM_E_IO, err, "Bad file descriptor");
}

/* --- folders --- */

static void folders_are_made_with_parents(void **state) {
  (void)state;
  trm_error err = {0};
  CHECK_OK(trm__dir_make(check_path(dir, "a/b//c/"), &err), err);
  CHECK_OK(trm__dir_make(check_path(dir, "a/b/c"), &err), err);
  assert_true(trm__path_is_dir(check_path(dir, "a/b/c")));
  CHECK_OK(trm__file_write(check_path(dir, "f"), "x", 1, &err), err);
  CHECK_FAILS(trm__dir_make(check_path(dir, "f"), &err), TRM_E_IO, err, "not a folder");
  CHECK_FAILS(trm__dir_make(check_path(dir, "f/g"), &err), TRM_E_IO, err, "not a folder");
  CHECK_FAILS(trm__dir_make("", &err), TRM_E_IO, err, "No such file");
  assert_true(trm__path_exists(check_path(dir, "f")));
  assert_false(trm__path_is_dir(check_path(dir, "f")));
  assert_false(trm__path_exists(check_path(dir, "g")));
}

static void removal_does_not_follow_links(void **state) {
  (void)state;
  trm_error err = {0};
  CHECK_OK(trm__dir_make(check_path(dir, "tree/sub/deep"), &err), err);
  CHECK_OK(trm__dir_make(check_path(dir, "kept"), &err), err);
  CHECK_OK(trm__file_write(check_path(dir, "kept/f"), "x", 1, &err), err);
  CHECK_OK(trm__file_write(check_path(dir, "tree/sub/f"), "x", 1, &err), err);
  assert_int_equal(symlink("../../kept", check_path(dir, "tree/sub/link")), 0);
  assert_int_equal(symlink("kept", check_path(dir, "link")), 0);
  CHECK_FAILS(trm__dir_remove(check_path(dir, "link"), &err), TRM_E_IO, err, "link");
  CHECK_OK(trm__dir_remove(check_path(dir, "tree"), &err), err);
  CHECK_OK(trm__dir_remove(check_path(dir, "tree"), &err), err);
  assert_false(trm__path_exists(check_path(dir, "tree")));
  expect_content(check_path(dir, "kept/f"), "x");
}

static void names_are_sorted(void **state) {
  (void)state;
  trm_error err = {0};
  char **names, name[16];
  size_t count;
  for (int i = 40; i > 0; i--) {
    snprintf(name, sizeof name, "n%02d", i);
    CHECK_OK(trm__file_write(check_path(dir, name), "", 0, &err), err);
  }
  CHECK_OK(trm__dir_list(dir, &names, &count, &err), err);
  assert_int_equal(count, 40);
  for (size_t i = 1; i < count; i++) assert_true(strcmp(names[i - 1], names[i]) < 0);
  trm__dir_list_free(names, count);
  trm__dir_list_free(NULL, 0);
  CHECK_FAILS(trm__dir_list(check_path(dir, "absent"), &names, &count, &err), TRM_E_IO, err, "absent");
}

static void renames_replace(void **state) {
  (void)state;
  trm_error err = {0};
  CHECK_OK(trm__file_write(check_path(dir, "a"), "1", 1, &err), err);
  CHECK_OK(trm__file_write(check_path(dir, "b"), "2", 1, &err), err);
  CHECK_OK(trm__rename(check_path(dir, "a"), check_path(dir, "b"), &err), err);
  expect_content(check_path(dir, "b"), "1");
  expect_only("b");
  CHECK_FAILS(trm__rename(check_path(dir, "a"), check_path(dir, "b"), &err), TRM_E_IO, err, "No such file");
}

/* --- locks --- */

static int holder_ready[2], holder_end[2];

static int hold_lock(void *context) {
  int fd = -1;
  trm_error err;
  char byte = 0;
  if (trm__lock_open(&fd, context, &err)) return 1;
  if (write(holder_ready[1], &byte, 1) != 1 || read(holder_end[0], &byte, 1) < 0) return 2;
  return 0; /* without closing: the lock ends with the process */
}

static void a_lock_has_one_holder(void **state) {
  (void)state;
  trm_error err = {0};
  char path[128], byte = 0, text[32];
  int fd = -1, again = -1;
  snprintf(path, sizeof path, "%s/lock", dir);
  assert_int_equal(pipe(holder_ready) | pipe(holder_end), 0);
  pid_t child = fork();
  if (child == 0) _exit(hold_lock(path));
  assert_int_equal(read(holder_ready[0], &byte, 1), 1);
  snprintf(text, sizeof text, "process %ld", (long)child);
  CHECK_FAILS(trm__lock_open(&fd, path, &err), TRM_E_BUSY, err, text);
  assert_int_equal(fd, -1);
  assert_int_equal(write(holder_end[1], &byte, 1), 1);
  waitpid(child, NULL, 0);
  CHECK_OK(trm__lock_open(&fd, path, &err), err);
  CHECK_FAILS(trm__lock_open(&again, path, &err), TRM_E_BUSY, err, "in use"); /* nor twice in one process */
  trm__lock_close(&fd);
  assert_int_equal(fd, -1);
  trm__lock_close(&fd);
  CHECK_OK(trm__lock_open(&fd, path, &err), err);
  trm__lock_close(&fd);
  CHECK_FAILS(trm__lock_open(&fd, check_path(dir, "no/lock"), &err), TRM_E_IO, err, "lock file");
  close(holder_ready[0]), close(holder_ready[1]), close(holder_end[0]), close(holder_end[1]);
}

static trm_status use_all(void *context, trm_error *err) {
  (void)context;
  char **names, *data;
  size_t count, size;
  trm_status status = trm__dir_make(check_path(dir, "x/y"), err);
  if (!status) status = trm__file_write(check_path(dir, "x/f"), "abc", 3, err);
  if (!status) {
    status = trm__file_read(check_path(dir, "x/f"), 10, &data, &size, err);
    if (!status) trm__free(data);
  }
  if (!status) {
    status = trm__dir_list(check_path(dir, "x"), &names, &count, err);
    if (!status) trm__dir_list_free(names, count);
  }
  return status;
}

static void no_memory_is_survived(void **state) {
  (void)state;
  assert_true(check_each_allocation(use_all, NULL) >= 8);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crc_known_answers),
      IN_FOLDER(reading_has_limits),
      IN_FOLDER(maps_show_the_file),
      IN_FOLDER(a_writer_replaces_at_commit),
      IN_FOLDER(large_and_small_pieces_stay_in_order),
      IN_FOLDER(short_and_interrupted_calls_are_finished),
      IN_FOLDER(any_call_may_fail),
      IN_FOLDER(after_a_failed_write_nothing_is_committed),
      IN_FOLDER(a_full_disk_leaves_the_old_file),
      IN_FOLDER(a_kill_leaves_the_old_file),
      IN_FOLDER(targets_that_cannot_be_written),
      IN_FOLDER(appending_finishes_short_writes),
      IN_FOLDER(folders_are_made_with_parents),
      IN_FOLDER(removal_does_not_follow_links),
      IN_FOLDER(names_are_sorted),
      IN_FOLDER(renames_replace),
      IN_FOLDER(a_lock_has_one_holder),
      IN_FOLDER(no_memory_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
