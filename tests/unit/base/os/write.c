/* Where output goes: links, pipes, descriptors, modes; and what killed writers leave behind. */
#include "unit/base/os/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

static void put(const char *name, const char *text) {
  trm_error err = {0};
  CHECK_OK(trm__file_write(check_path(dir, name), text, strlen(text), &err), err);
}

static void expect(const char *name, const char *text) {
  expect_content(check_path(dir, name), text);
}

/* The names in a folder, each with a space behind it. */
static void expect_names(const char *folder, const char *expected) {
  char **names, text[1024] = "";
  size_t count;
  trm_error err = {0};
  CHECK_OK(trm__dir_list(folder, &names, &count, &err), err);
  for (size_t i = 0; i < count; i++) snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", names[i]);
  trm__dir_list_free(names, count);
  assert_string_equal(text, expected);
}

static void expect_link(const char *name, const char *target) {
  char text[256] = "";
  assert_true(readlink(check_path(dir, name), text, sizeof text - 1) > 0);
  assert_string_equal(text, target);
}

static mode_t mode_of(const char *name) {
  struct stat info;
  assert_int_equal(stat(check_path(dir, name), &info), 0);
  return info.st_mode & 07777;
}

/* --- links --- */

static void links_stay_and_their_target_is_written(void **state) {
  (void)state;
  trm_error err = {0};
  char whole[4096], path[4200];
  CHECK_OK(trm__dir_make(check_path(dir, "far"), &err), err);
  put("far/f", "old");
  assert_non_null(realpath(dir, whole));
  snprintf(path, sizeof path, "%s/second", whole);
  assert_int_equal(symlink("far/f", check_path(dir, "second")), 0);
  assert_int_equal(symlink(path, check_path(dir, "first")), 0);
  put("first", "new");
  expect("far/f", "new");
  expect_link("first", path);
  expect_link("second", "far/f");
  expect_names(dir, "far first second ");
  expect_names(check_path(dir, "far"), "f ");
}

static void a_dangling_link_creates_its_target(void **state) {
  (void)state;
  trm_error err = {0};
  trm__path_kind kind;
  CHECK_OK(trm__dir_make(check_path(dir, "far"), &err), err);
  assert_int_equal(symlink("far/f", check_path(dir, "link")), 0);
  CHECK_OK(trm__path_find(&kind, check_path(dir, "link"), &err), err);
  assert_int_equal(kind, TRM__PATH_ABSENT);
  put("link", "new");
  expect("far/f", "new");
  expect_link("link", "far/f");
  assert_int_equal(symlink("no/f", check_path(dir, "lost")), 0);
  CHECK_FAILS(trm__file_write(check_path(dir, "lost"), "x", 1, &err), TRM_E_IO, err, "no/f\": No such file");
  assert_string_equal(err.where, check_path(dir, "lost"));
  expect_link("lost", "no/f");
}

static void a_loop_of_links_is_told(void **state) {
  (void)state;
  trm_error err = {0};
  trm__path_kind kind;
  assert_int_equal(symlink("b", check_path(dir, "a")), 0);
  assert_int_equal(symlink("a", check_path(dir, "b")), 0);
  CHECK_FAILS(trm__file_write(check_path(dir, "a"), "x", 1, &err), TRM_E_IO, err, "a loop of links");
  CHECK_FAILS(trm__path_find(&kind, check_path(dir, "a"), &err), TRM_E_IO, err, "a loop of links");
  CHECK_FAILS(trm__dir_make(check_path(dir, "a"), &err), TRM_E_IO, err, "a loop of links");
  trm__draft *draft;
  CHECK_FAILS(trm__draft_open(&draft, check_path(dir, "a"), &err), TRM_E_IO, err, "a loop of links");
  expect_names(dir, "a b ");
}

static void folders_are_made_through_links(void **state) {
  (void)state;
  trm_error err = {0};
  assert_int_equal(symlink("far", check_path(dir, "link")), 0);
  CHECK_OK(trm__dir_make(check_path(dir, "link"), &err), err);
  assert_true(trm__path_is_dir(check_path(dir, "far")));
  expect_link("link", "far");
  assert_int_equal(symlink("no/where", check_path(dir, "lost")), 0);
  CHECK_FAILS(trm__dir_make(check_path(dir, "lost/f"), &err), TRM_E_IO, err, "a link that leads to no folder");
  CHECK_FAILS(trm__dir_remove(check_path(dir, "link"), &err), TRM_E_IO, err, "is not removed");
  CHECK_FAILS(trm__rename(check_path(dir, "absent"), check_path(dir, "new"), &err), TRM_E_IO, err,
              "cannot be renamed to");
  assert_string_equal(err.where, check_path(dir, "absent"));
}

/* --- what is no regular file --- */

static char received[256];

static int copy_pipe(void *context) {
  char text[256] = "";
  int fd = open(context, O_RDONLY);
  for (size_t used = 0; fd >= 0;) {
    ssize_t n = read(fd, text + used, sizeof text - 1 - used);
    if (n <= 0) break;
    used += (size_t)n;
  }
  return strcmp(text, received) == 0 ? 0 : 1;
}

static void pipes_and_devices_are_written_to(void **state) {
  (void)state;
  trm_error err = {0};
  struct stat info;
  char path[128];
  snprintf(path, sizeof path, "%s/pipe", dir);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(symlink("pipe", check_path(dir, "link")), 0);
  for (int i = 0; i < 2; i++) {
    strcpy(received, "through the pipe");
    pid_t child = fork();
    if (child == 0) _exit(copy_pipe(path));
    put(i ? "link" : "pipe", received);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
  assert_int_equal(lstat(path, &info), 0);
  assert_true(S_ISFIFO(info.st_mode));
  expect_names(dir, "link pipe ");
  assert_int_equal(symlink("/dev/null", check_path(dir, "null")), 0);
  put("null", "x");
  expect_link("null", "/dev/null");
  assert_int_equal(stat("/dev/null", &info), 0);
  assert_true(S_ISCHR(info.st_mode));
  assert_int_equal(symlink("/dev/full", check_path(dir, "full")), 0);
  CHECK_FAILS(trm__file_write(check_path(dir, "full"), "x", 1, &err), TRM_E_IO, err, "No space left");
}

static int write_to_nobody(void *context) {
  int ends[2];
  char path[64];
  trm_error err = {0};
  (void)context;
  signal(SIGPIPE, SIG_DFL);
  if (pipe(ends) != 0 || close(ends[0]) != 0) return 1;
  snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
  if (trm__file_write(path, "x", 1, &err) != TRM_E_IO) return 2;
  return strstr(err.message, "Broken pipe") ? 0 : 3;
}

static void a_reader_that_left_is_an_error_and_no_signal(void **state) {
  (void)state;
  assert_int_equal(check_in_child(write_to_nobody, NULL), 0);
}

/* A flush gives a pipe's reader what was written; a file is still there whole or not at all. */
static void a_flush_lets_out_what_was_written(void **state) {
  (void)state;
  trm_error err = {0};
  trm__writer *w = NULL;
  int ends[2];
  char path[64], text[16] = "";
  assert_int_equal(pipe(ends), 0);
  snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
  CHECK_OK(trm__writer_open(&w, path, &err), err);
  CHECK_OK(trm__writer_write(w, "one", 3, &err), err);
  assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  assert_int_equal(read(ends[0], text, sizeof text), -1); /* it is held */
  CHECK_OK(trm__writer_flush(w, &err), err);
  assert_int_equal(read(ends[0], text, sizeof text), 3);
  assert_memory_equal(text, "one", 3);
  CHECK_OK(trm__writer_flush(w, &err), err); /* nothing is left to write */
  CHECK_OK(trm__writer_commit(&w, &err), err);
  assert_int_equal(read(ends[0], text, sizeof text), -1);
  close(ends[0]);
  close(ends[1]);
  put("f", "old");
  CHECK_OK(trm__writer_open(&w, check_path(dir, "f"), &err), err);
  CHECK_OK(trm__writer_write(w, "new", 3, &err), err);
  CHECK_OK(trm__writer_flush(w, &err), err);
  expect("f", "old");
  CHECK_OK(trm__writer_commit(&w, &err), err);
  expect("f", "new");
  CHECK_OK(trm__writer_open(&w, "/dev/full", &err), err);
  CHECK_OK(trm__writer_write(w, "x", 1, &err), err);
  CHECK_FAILS(trm__writer_flush(w, &err), TRM_E_IO, err, "No space left");
  CHECK_FAILS(trm__writer_flush(w, &err), TRM_E_IO, err, "an earlier write failed");
  trm__writer_abort(&w);
}

/* A descriptor keeps its place, in a regular file too: as /dev/stdout of a program whose output goes to a file. */
static void descriptors_go_on_where_they_are(void **state) {
  (void)state;
  trm_error err = {0};
  trm__path_kind kind;
  char path[64];
  put("f", "before, ");
  int fd = open(check_path(dir, "f"), O_WRONLY | O_APPEND);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  assert_int_equal(symlink(path, check_path(dir, "out")), 0);
  CHECK_OK(trm__path_find(&kind, check_path(dir, "out"), &err), err);
  assert_int_equal(kind, TRM__PATH_SPECIAL);
  put("out", "within, ");
  assert_int_equal(write(fd, "after", 5), 5);
  close(fd);
  expect("f", "before, within, after");
  expect_link("out", path);
  expect_names(dir, "f out ");
  fd = open(check_path(dir, "f"), O_RDONLY);
  snprintf(path, sizeof path, "/dev/fd/%d", fd);
  CHECK_FAILS(trm__file_write(path, "x", 1, &err), TRM_E_IO, err, "cannot be opened for writing");
  close(fd);
}

/* --- modes --- */

static void the_mode_of_what_is_replaced_is_kept(void **state) {
  (void)state;
  trm_error err = {0};
  const mode_t modes[] = {0600, 0444, 0777, 0640};
  put("f", "old");
  assert_int_equal(symlink("f", check_path(dir, "link")), 0);
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(chmod(check_path(dir, "f"), modes[i]), 0);
    put(i % 2 ? "f" : "link", "new");
    assert_int_equal(mode_of("f"), modes[i]);
  }
  trm__draft *draft;
  CHECK_OK(trm__dir_make(check_path(dir, "folder"), &err), err);
  assert_int_equal(chmod(check_path(dir, "folder"), 02750), 0);
  CHECK_OK(trm__draft_open(&draft, check_path(dir, "folder"), &err), err);
  CHECK_OK(trm__draft_commit(&draft, &err), err);
  assert_int_equal(mode_of("folder"), 02750);
  mode_t mask = umask(027);
  put("new", "");
  umask(mask);
  assert_int_equal(mode_of("new"), 0640);
}

static void owners_are_kept_by_root(void **state) {
  (void)state;
  struct stat info;
  if (geteuid() != 0) skip();
  put("f", "old");
  assert_int_equal(chown(check_path(dir, "f"), 1234, 4321), 0);
  put("f", "new");
  assert_int_equal(stat(check_path(dir, "f"), &info), 0);
  assert_int_equal(info.st_uid, 1234);
  assert_int_equal(info.st_gid, 4321);
}

/* --- drafts --- */

static void a_draft_takes_its_place_whole(void **state) {
  (void)state;
  trm_error err = {0};
  trm__draft *draft;
  char path[512];
  assert_int_equal(symlink("far", check_path(dir, "link")), 0);
  CHECK_OK(trm__draft_open(&draft, check_path(dir, "link/"), &err), err);
  snprintf(path, sizeof path, "%s/f", trm__draft_path(draft));
  CHECK_OK(trm__file_write(path, "new", 3, &err), err);
  assert_false(trm__path_exists(check_path(dir, "far")));
  CHECK_OK(trm__draft_commit(&draft, &err), err);
  assert_null(draft);
  expect("far/f", "new");
  expect_link("link", "far");
  CHECK_OK(trm__draft_open(&draft, check_path(dir, "link"), &err), err); /* not over a folder that holds something */
  CHECK_FAILS(trm__draft_commit(&draft, &err), TRM_E_IO, err, "its new content");
  assert_null(draft);
  expect("far/f", "new");
  CHECK_OK(trm__draft_open(&draft, check_path(dir, "file"), &err), err);
  snprintf(path, sizeof path, "%s/inner", trm__draft_path(draft));
  CHECK_OK(trm__file_write(path, "content", 7, &err), err);
  CHECK_OK(trm__draft_commit_file(&draft, "inner", &err), err);
  expect("file", "content");
  CHECK_OK(trm__draft_open(&draft, check_path(dir, "gone"), &err), err);
  trm__draft_abort(&draft);
  trm__draft_abort(&draft);
  expect_names(dir, "far file link ");
}

static void a_draft_that_fails_leaves_its_target(void **state) {
  (void)state;
  for (int there = 0; there < 2; there++) {
    for (long n = 1; n <= 2; n++) { /* the rename, the folder's fsync */
      trm_error err = {0};
      trm__draft *draft;
      if (there) assert_true(mkdir(check_path(dir, "d"), 0700) == 0 || errno == EEXIST);
      CHECK_OK(trm__draft_open(&draft, check_path(dir, "d"), &err), err);
      check_disk_fail_at(n, ENOSPC);
      CHECK_FAILS(trm__draft_commit(&draft, &err), TRM_E_IO, err, "No space left");
      trm__file_ops_set(NULL);
      expect_names(dir, there ? "d " : "");
    }
  }
}

/* --- leftovers --- */

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
  return 1;
}

static int draft_and_die(void *context) {
  trm__draft *draft;
  char path[512];
  trm_error err;
  if (trm__draft_open(&draft, context, &err)) return 1;
  snprintf(path, sizeof path, "%s/inner", trm__draft_path(draft));
  return write_and_die(path);
}

static size_t count_names(void) {
  char **names;
  size_t count;
  trm_error err = {0};
  CHECK_OK(trm__dir_list(dir, &names, &count, &err), err);
  trm__dir_list_free(names, count);
  return count;
}

static void the_next_writer_removes_what_killed_ones_left(void **state) {
  (void)state;
  trm_error err = {0};
  char path[2][400];
  snprintf(path[0], sizeof path[0], "%s/f", dir);
  snprintf(path[1], sizeof path[1], "%s/%0250d", dir, 7); /* no name is left for a longer one: it is cut */
  for (int k = 0; k < 2; k++) {
    for (int i = 0; i < 3; i++) {
      assert_int_equal(check_in_child(i % 2 ? draft_and_die : write_and_die, path[k]), 1000 + SIGKILL);
      assert_int_equal(count_names(), k + 1); /* the one before is removed by each */
    }
    CHECK_OK(trm__file_write(path[k], "whole", 5, &err), err);
    assert_int_equal(count_names(), k + 1);
  }
  for (int i = 0; i < 2; i++) { /* a folder's, all at once, as when a training goes on */
    assert_int_equal(check_in_child(i ? draft_and_die : write_and_die, path[i]), 1000 + SIGKILL);
    assert_int_equal(count_names(), 3 + i);
  }
  trm__temporaries_remove(dir, NULL);
  assert_int_equal(count_names(), 2);
  expect("f", "whole");
}

/* Neither what only looks similar, nor what another process writes at the moment. */
static void nothing_else_is_removed(void **state) {
  (void)state;
  static const char *const similar[] = {
      "f.tmp",         "f.1.0.tmp",    "f.trm-1.tmp",    "f.trm-1-0",      "f.trm-1-0.tmp2",
      "f.trm--0.tmp",  "f.trm-1-.tmp", "f.trm-x-0.tmp",  "f.trm-1-0x.tmp", "ff.trm-1-0.tmp",
      "F.trm-1-0.tmp", ".trm-1-0.tmp", "f.trm-1-0.tmp ", "f.draft-17",     "f.g.trm-1-0.tmp",
  };
  const size_t count = sizeof similar / sizeof *similar;
  trm_error err = {0};
  trm__writer *writer;
  trm__draft *draft;
  for (size_t i = 0; i < count; i++) {
    int fd = open(check_path(dir, similar[i]), O_WRONLY | O_CREAT | O_EXCL, 0666);
    assert_true(fd >= 0);
    close(fd);
  }
  assert_int_equal(symlink("f.tmp", check_path(dir, "f.trm-2-0.tmp")), 0);
  assert_int_equal(mkfifo(check_path(dir, "f.trm-2-1.tmp"), 0600), 0);
  put("f.trm-2-2.tmp", "a leftover"); /* written as a target: nobody holds it any more */
  CHECK_OK(trm__writer_open(&writer, check_path(dir, "f"), &err), err);
  CHECK_OK(trm__draft_open(&draft, check_path(dir, "f"), &err), err);
  assert_int_equal(count_names(), count + 4);
  put("f", "whole");
  assert_int_equal(count_names(), count + 5);
  CHECK_OK(trm__writer_commit(&writer, &err), err);
  trm__draft_abort(&draft);
  assert_int_equal(count_names(), count + 3);
  assert_false(trm__path_exists(check_path(dir, "f.trm-2-2.tmp")));
  expect("f", "");
}

enum { WRITERS = 4, ROUNDS = 60 };

static int write_often(void *context) {
  trm_error err = {0};
  static char text[100000];
  memset(text, 'x', sizeof text);
  for (int i = 0; i < ROUNDS; i++) {
    trm__draft *draft;
    if (trm__file_write(context, text, sizeof text, &err)) return 1;
    if (i % 4) continue;
    char inner[512];
    if (trm__draft_open(&draft, context, &err)) return 2;
    snprintf(inner, sizeof inner, "%s/inner", trm__draft_path(draft));
    if (trm__file_write(inner, text, sizeof text, &err)) return 3;
    if (trm__draft_commit_file(&draft, "inner", &err)) return 4;
  }
  return 0;
}

/* Each removes leftovers of the target while the others make and lock theirs. */
static void writers_of_one_target_do_not_disturb_each_other(void **state) {
  (void)state;
  trm_error err = {0};
  char path[128], *data;
  size_t size;
  pid_t child[WRITERS];
  snprintf(path, sizeof path, "%s/f", dir);
  check_disk_fail_at(0, 0);
  for (int i = 0; i < WRITERS; i++)
    if ((child[i] = fork()) == 0) _exit(write_often(path));
  for (int i = 0; i < WRITERS; i++) {
    int status = -1;
    assert_int_equal(waitpid(child[i], &status, 0), child[i]);
    assert_int_equal(status, 0);
  }
  CHECK_OK(trm__file_read(path, 1 << 20, &data, &size, &err), err);
  assert_int_equal(size, 100000);
  trm__free(data);
  expect_names(dir, "f ");
}

static trm_status write_all_ways(void *context, trm_error *err) {
  trm__draft *draft;
  trm__path_kind kind;
  (void)context;
  trm_status status = trm__file_write(check_path(dir, "link"), "abc", 3, err);
  if (!status) status = trm__path_find(&kind, check_path(dir, "link"), err);
  if (!status) status = trm__draft_open(&draft, check_path(dir, "link"), err);
  if (status) return status;
  char inner[512];
  snprintf(inner, sizeof inner, "%s/inner", trm__draft_path(draft));
  status = trm__file_write(inner, "abc", 3, err);
  if (!status) return trm__draft_commit_file(&draft, "inner", err);
  trm__draft_abort(&draft);
  return status;
}

static void no_memory_is_survived(void **state) {
  (void)state;
  assert_int_equal(symlink("f", check_path(dir, "link")), 0);
  assert_true(check_each_allocation(write_all_ways, NULL) >= 20);
  expect_names(dir, "f link ");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_FOLDER(links_stay_and_their_target_is_written),
      IN_FOLDER(a_dangling_link_creates_its_target),
      IN_FOLDER(a_loop_of_links_is_told),
      IN_FOLDER(folders_are_made_through_links),
      IN_FOLDER(pipes_and_devices_are_written_to),
      IN_FOLDER(a_reader_that_left_is_an_error_and_no_signal),
      IN_FOLDER(a_flush_lets_out_what_was_written),
      IN_FOLDER(descriptors_go_on_where_they_are),
      IN_FOLDER(the_mode_of_what_is_replaced_is_kept),
      IN_FOLDER(owners_are_kept_by_root),
      IN_FOLDER(a_draft_takes_its_place_whole),
      IN_FOLDER(a_draft_that_fails_leaves_its_target),
      IN_FOLDER(the_next_writer_removes_what_killed_ones_left),
      IN_FOLDER(nothing_else_is_removed),
      IN_FOLDER(writers_of_one_target_do_not_disturb_each_other),
      IN_FOLDER(no_memory_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
