/* Backups: see backup.h. The copy is made in a folder beside its target, which also takes SQLite's journal of the copy,
 * and takes its name when it is whole and synced. */
#include "store/backup.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

enum { STEP_PAGES = 64 }; /* 256 KiB: a few ms that the next group waits */

static const char backup_name[] = "journal.db";

struct trm__backup {
  trm__db *db;
  trm__draft *draft;
  char *path; /* of the copy while it is made */
  sqlite3 *copy;
  sqlite3_backup *backup;
};

/* Said of the copy: what happens there does not break the journal. */
static trm_status backup_fail(const trm__backup *b, int code, trm_error *err) {
  const char *text = b->copy ? sqlite3_errmsg(b->copy) : sqlite3_errstr(code);
  if ((code & 0xff) == SQLITE_NOMEM) return trm__fail(err, TRM_E_MEMORY, b->path, "out of memory for a backup");
  return trm__fail(err, TRM_E_IO, b->path,
                   "the backup cannot be written (%s, code %d); make room or name another place", text, code);
}

static trm_status backup_begin(trm__backup *b, const char *target, trm_error *err) {
  trm_status status = trm__draft_open(&b->draft, target, err);
  if (status) return status;
  b->path = trm__format("%s/%s", trm__draft_path(b->draft), backup_name);
  if (!b->path) return trm__fail_memory(err, target, strlen(target) + sizeof backup_name + 40);
  int fd = open(b->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return trm__fail_errno(err, b->path, "the backup cannot be made");
  close(fd);
  int code = sqlite3_open_v2(b->path, &b->copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  if (code != SQLITE_OK) return backup_fail(b, code, err);
  b->backup = sqlite3_backup_init(b->copy, "main", b->db->sqlite, "main");
  return b->backup ? TRM_OK : backup_fail(b, sqlite3_errcode(b->copy), err);
}

trm_status trm__backup_open(trm__backup **out, trm__db *db, const char *path, trm_error *err) {
  trm__backup *b = trm__calloc(1, sizeof *b);
  if (!b) return trm__fail_memory(err, path, sizeof *b);
  b->db = db;
  trm_status status = backup_begin(b, path, err);
  if (status) trm__backup_abort(&b);
  else *out = b;
  return status;
}

trm_status trm__backup_step(trm__backup *b, int64_t *left, int64_t *pages, trm_error *err) {
  int code = sqlite3_backup_step(b->backup, STEP_PAGES);
  *left = sqlite3_backup_remaining(b->backup);
  *pages = sqlite3_backup_pagecount(b->backup);
  if (code == SQLITE_DONE) *left = 0;
  else if (code == SQLITE_OK && *left == 0) *left = 1; /* one more step, which ends it */
  return code == SQLITE_DONE || code == SQLITE_OK ? TRM_OK : backup_fail(b, code, err);
}

trm_status trm__backup_commit(trm__backup **backup, trm_error *err) {
  trm__backup *b = *backup;
  trm_status status = TRM_OK;
  int code = sqlite3_backup_finish(b->backup);
  b->backup = NULL;
  if (code != SQLITE_OK) status = backup_fail(b, code, err);
  sqlite3_close(b->copy); /* what it holds was synced by its own commit */
  b->copy = NULL;
  if (!status) status = trm__draft_commit_file(&b->draft, backup_name, err);
  trm__backup_abort(backup);
  return status;
}

void trm__backup_abort(trm__backup **backup) {
  trm__backup *b = *backup;
  if (!b) return;
  *backup = NULL;
  sqlite3_backup_finish(b->backup);
  sqlite3_close(b->copy);
  trm__draft_abort(&b->draft);
  trm__free(b->path);
  trm__free(b);
}
