/* A file layer under SQLite whose disk can lose power. Files are in memory, twice: as the process sees them, and as
 * they are on the disk. A write reaches the disk at the next sync of its file; until then it may be lost, kept or torn,
 * each for itself and in any order, and a torn sector of 4096 bytes may hold anything, what stood beside the written
 * bytes included: nothing is promised about atomic writes or about the order of them. A file that was made and never
 * synced may be gone. After a sync that failed, what it should have written never reaches the disk, although the
 * process sees it.
 *
 * All that changes files counts as an event (write, truncate, sync, delete, create). One of them can be made to lose
 * the power, after which nothing works until crash_vfs_reboot, or to fail. Reads are counted apart.
 *
 * Header only; one such disk a program. Register with crash_vfs_register, then pass CRASH_VFS as the layer's name. */
#ifndef TRM_TESTS_SUPPORT_CRASH_VFS_H
#define TRM_TESTS_SUPPORT_CRASH_VFS_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CRASH_VFS "trm-crash"
enum { CRASH_SECTOR = 4096, CRASH_FILES = 16, CRASH_NAME = 256 };

typedef enum crash_fault {
  CRASH_NONE,
  CRASH_POWER,     /* the power goes with this event */
  CRASH_IO_ERROR,  /* this event fails; a sync loses what it should have written */
  CRASH_FULL_ONCE, /* a write fails for want of room */
  CRASH_FULL,      /* and all later ones */
  CRASH_READ_ERROR /* this read fails */
} crash_fault;

typedef struct crash_bytes {
  unsigned char *at;
  size_t size;
} crash_bytes;

typedef struct crash_change { /* not yet on the disk; truncate: bytes.at NULL */
  size_t offset;
  crash_bytes bytes;
  struct crash_change *next;
} crash_change;

typedef struct crash_file {
  char name[CRASH_NAME]; /* "": free */
  crash_bytes seen, disk;
  int on_disk, gone; /* its name is on the disk; the process has deleted it, which the disk may not know */
  crash_change *first, **end;
} crash_file;

typedef struct crash_disk {
  pthread_mutex_t mutex;
  crash_file file[CRASH_FILES];
  crash_fault fault;
  long events, reads, at; /* so far; which one the fault meets, counted from 1 */
  int dead;
  unsigned long long random;
} crash_disk;

static inline crash_disk *crash_the_disk(void) {
  static crash_disk disk = {.mutex = PTHREAD_MUTEX_INITIALIZER, .random = 1};
  return &disk;
}

/* splitmix64 */
static inline unsigned crash_random(unsigned below) {
  unsigned long long z = crash_the_disk()->random += 0x9e3779b97f4a7c15ull;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return (unsigned)((z ^ z >> 31) >> 33) % below;
}

static inline void crash_resize(crash_bytes *b, size_t size) {
  if (size > b->size) {
    b->at = realloc(b->at, size);
    if (!b->at) abort();
    memset(b->at + b->size, 0, size - b->size);
  }
  b->size = size;
}

static inline void crash_put(crash_bytes *b, size_t offset, const unsigned char *bytes, size_t size) {
  if (!size) return;
  if (offset + size > b->size) crash_resize(b, offset + size);
  memcpy(b->at + offset, bytes, size);
}

static inline void crash_apply(crash_bytes *b, const crash_change *c) {
  if (c->bytes.at) crash_put(b, c->offset, c->bytes.at, c->bytes.size);
  else crash_resize(b, c->offset);
}

static inline void crash_forget_changes(crash_file *f, int apply) {
  while (f->first) {
    crash_change *c = f->first;
    f->first = c->next;
    if (apply) crash_apply(&f->disk, c);
    free(c->bytes.at);
    free(c);
  }
  f->end = &f->first;
}

static inline void crash_remove_file(crash_file *f) {
  crash_forget_changes(f, 0);
  free(f->seen.at);
  free(f->disk.at);
  memset(f, 0, sizeof *f);
}

static inline void crash_add_change(crash_file *f, size_t offset, const void *bytes, size_t size) {
  crash_change *c = calloc(1, sizeof *c);
  if (!c) abort();
  c->offset = offset;
  if (bytes) {
    c->bytes.at = malloc(size + 1);
    c->bytes.size = size;
    if (!c->bytes.at) abort();
    memcpy(c->bytes.at, bytes, size);
  }
  if (!f->first) f->end = &f->first;
  *f->end = c;
  f->end = &c->next;
}

/* Each sector that the write touches becomes new, stays old, or holds anything. */
static inline void crash_tear(crash_bytes *disk, const crash_change *c) {
  size_t end = c->offset + c->bytes.size;
  for (size_t s = c->offset / CRASH_SECTOR * CRASH_SECTOR; s < end; s += CRASH_SECTOR) {
    size_t from = s > c->offset ? s : c->offset, to = s + CRASH_SECTOR < end ? s + CRASH_SECTOR : end;
    unsigned what = crash_random(3);
    if (what == 0) crash_put(disk, from, c->bytes.at + (from - c->offset), to - from);
    if (what != 1) continue;
    unsigned char noise[CRASH_SECTOR];
    for (int i = 0; i < CRASH_SECTOR; i++) noise[i] = (unsigned char)crash_random(256);
    crash_put(disk, s, noise, s + CRASH_SECTOR <= disk->size ? (size_t)CRASH_SECTOR : to - s);
  }
}

/* How what was not synced is treated: all lost, all kept, or each change by chance. */
static inline void crash_settle(crash_file *f, unsigned way) {
  for (crash_change *c = f->first; c; c = c->next) {
    unsigned what = way == 0 ? 0 : way == 1 ? 1 : crash_random(3);
    if (what == 1) crash_apply(&f->disk, c);
    else if (what == 2 && c->bytes.at) crash_tear(&f->disk, c);
  }
  crash_forget_changes(f, 0);
}

/* The power comes back. way: 0, 1 or 2, see crash_settle. */
static inline void crash_vfs_reboot(unsigned way) {
  crash_disk *d = crash_the_disk();
  pthread_mutex_lock(&d->mutex);
  for (int i = 0; i < CRASH_FILES; i++) {
    crash_file *f = &d->file[i];
    if (!f->name[0]) continue;
    int there = f->on_disk || way == 1 || (way == 2 && crash_random(2));
    if (f->gone && (way == 1 || (way == 2 && crash_random(2)))) there = 0;
    if (!there) {
      crash_remove_file(f);
      continue;
    }
    crash_settle(f, way);
    f->gone = 0;
    f->on_disk = 1;
    f->seen.size = 0;
    crash_put(&f->seen, 0, f->disk.at ? f->disk.at : (unsigned char *)"", f->disk.size);
  }
  d->dead = 0;
  d->fault = CRASH_NONE;
  pthread_mutex_unlock(&d->mutex);
}

/* An empty disk. */
static inline void crash_vfs_format(unsigned long long seed) {
  crash_disk *d = crash_the_disk();
  pthread_mutex_lock(&d->mutex);
  for (int i = 0; i < CRASH_FILES; i++)
    if (d->file[i].name[0]) crash_remove_file(&d->file[i]);
  d->fault = CRASH_NONE;
  d->events = d->reads = d->dead = 0;
  d->random = seed;
  pthread_mutex_unlock(&d->mutex);
}

/* The nth event from now on, or read, meets the fault. */
static inline void crash_vfs_arm(crash_fault fault, long nth) {
  crash_disk *d = crash_the_disk();
  pthread_mutex_lock(&d->mutex);
  d->events = d->reads = 0;
  d->fault = fault;
  d->at = nth;
  pthread_mutex_unlock(&d->mutex);
}

static inline long crash_vfs_events(void) {
  crash_disk *d = crash_the_disk();
  pthread_mutex_lock(&d->mutex);
  long events = d->events;
  pthread_mutex_unlock(&d->mutex);
  return events;
}

static inline long crash_vfs_reads(void) {
  crash_disk *d = crash_the_disk();
  pthread_mutex_lock(&d->mutex);
  long reads = d->reads;
  pthread_mutex_unlock(&d->mutex);
  return reads;
}

static inline int crash_vfs_is_dead(void) {
  crash_disk *d = crash_the_disk();
  pthread_mutex_lock(&d->mutex);
  int dead = d->dead;
  pthread_mutex_unlock(&d->mutex);
  return dead;
}

/* With the mutex held: counts, and says what the event meets. */
static inline crash_fault crash_event(int writes) {
  crash_disk *d = crash_the_disk();
  if (d->dead) return CRASH_POWER;
  d->events++;
  if (d->fault == CRASH_FULL && d->events >= d->at && writes) return CRASH_FULL_ONCE;
  if (d->events != d->at || d->fault == CRASH_FULL || d->fault == CRASH_READ_ERROR) return CRASH_NONE;
  if (d->fault == CRASH_FULL_ONCE && !writes) return CRASH_NONE;
  if (d->fault == CRASH_POWER) d->dead = 1;
  return d->fault;
}

/* -- SQLite's interface -------------------------------------------------------------------------------------------- */

typedef struct crash_handle {
  sqlite3_file base;
  crash_file *file;
  int delete_at_close;
} crash_handle;

static inline crash_file *crash_find(const char *name) {
  crash_disk *d = crash_the_disk();
  for (int i = 0; name && i < CRASH_FILES; i++)
    if (!d->file[i].gone && strcmp(d->file[i].name, name) == 0) return &d->file[i];
  return NULL;
}

static inline int crash_close(sqlite3_file *file) {
  (void)file;
  return SQLITE_OK;
}

static inline int crash_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset) {
  crash_disk *d = crash_the_disk();
  crash_file *f = ((crash_handle *)file)->file;
  int code = SQLITE_OK;
  pthread_mutex_lock(&d->mutex);
  if (d->dead || (++d->reads == d->at && d->fault == CRASH_READ_ERROR)) {
    code = SQLITE_IOERR_READ;
  } else {
    size_t have = (size_t)offset < f->seen.size ? f->seen.size - (size_t)offset : 0;
    if (have > (size_t)size) have = (size_t)size;
    if (have) memcpy(bytes, f->seen.at + offset, have);
    memset((char *)bytes + have, 0, (size_t)size - have);
    if (have < (size_t)size) code = SQLITE_IOERR_SHORT_READ;
  }
  pthread_mutex_unlock(&d->mutex);
  return code;
}

static inline int crash_change_file(sqlite3_file *file, const void *bytes, size_t size, size_t offset, int failure) {
  crash_disk *d = crash_the_disk();
  crash_file *f = ((crash_handle *)file)->file;
  pthread_mutex_lock(&d->mutex);
  int before = d->dead;
  crash_fault fault = crash_event(bytes != NULL);
  if (fault == CRASH_NONE || (fault == CRASH_POWER && !before)) {
    crash_add_change(f, offset, bytes, size);
    if (bytes) crash_put(&f->seen, offset, bytes, size);
    else crash_resize(&f->seen, offset);
  } else if (fault == CRASH_IO_ERROR && bytes) { /* half of it is written */
    crash_add_change(f, offset, bytes, size / 2);
    crash_put(&f->seen, offset, bytes, size / 2);
  }
  pthread_mutex_unlock(&d->mutex);
  return fault == CRASH_NONE ? SQLITE_OK : fault == CRASH_FULL_ONCE ? SQLITE_FULL : failure;
}

static inline int crash_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset) {
  return crash_change_file(file, bytes, (size_t)size, (size_t)offset, SQLITE_IOERR_WRITE);
}

static inline int crash_truncate(sqlite3_file *file, sqlite3_int64 size) {
  return crash_change_file(file, NULL, 0, (size_t)size, SQLITE_IOERR_TRUNCATE);
}

static inline int crash_sync(sqlite3_file *file, int flags) {
  (void)flags;
  crash_disk *d = crash_the_disk();
  crash_file *f = ((crash_handle *)file)->file;
  pthread_mutex_lock(&d->mutex);
  crash_fault fault = crash_event(0);
  if (fault == CRASH_NONE) {
    crash_forget_changes(f, 1);
    f->on_disk = 1;
  } else if (fault == CRASH_IO_ERROR) {
    crash_forget_changes(f, 0);
  }
  pthread_mutex_unlock(&d->mutex);
  return fault == CRASH_NONE ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static inline int crash_size(sqlite3_file *file, sqlite3_int64 *size) {
  crash_disk *d = crash_the_disk();
  pthread_mutex_lock(&d->mutex);
  *size = (sqlite3_int64)((crash_handle *)file)->file->seen.size;
  pthread_mutex_unlock(&d->mutex);
  return SQLITE_OK;
}

static inline int crash_lock(sqlite3_file *file, int kind) {
  (void)file;
  (void)kind;
  return SQLITE_OK;
}

static inline int crash_is_reserved(sqlite3_file *file, int *reserved) {
  (void)file;
  *reserved = 0;
  return SQLITE_OK;
}

static inline int crash_control(sqlite3_file *file, int what, void *argument) {
  (void)file;
  (void)what;
  (void)argument;
  return SQLITE_NOTFOUND;
}

static inline int crash_sector(sqlite3_file *file) {
  (void)file;
  return CRASH_SECTOR;
}

static inline int crash_promises(sqlite3_file *file) {
  (void)file;
  return 0;
}

static inline int crash_make(const char *name, crash_file **out) {
  crash_disk *d = crash_the_disk();
  crash_file *f = NULL;
  for (int i = 0; i < CRASH_FILES; i++)
    if (d->file[i].gone && strcmp(d->file[i].name, name) == 0) crash_remove_file(&d->file[i]);
  for (int i = 0; i < CRASH_FILES && !f; i++)
    if (!d->file[i].name[0]) f = &d->file[i];
  if (!f || crash_event(0) != CRASH_NONE) return SQLITE_CANTOPEN;
  snprintf(f->name, sizeof f->name, "%s", name);
  f->end = &f->first;
  *out = f;
  return SQLITE_OK;
}

static inline int crash_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *given) {
  static const sqlite3_io_methods methods = {1,
                                             crash_close,
                                             crash_read,
                                             crash_write,
                                             crash_truncate,
                                             crash_sync,
                                             crash_size,
                                             crash_lock,
                                             crash_lock,
                                             crash_is_reserved,
                                             crash_control,
                                             crash_sector,
                                             crash_promises,
                                             NULL,
                                             NULL,
                                             NULL,
                                             NULL,
                                             NULL,
                                             NULL};
  (void)vfs;
  crash_disk *d = crash_the_disk();
  crash_handle *handle = (crash_handle *)file;
  memset(handle, 0, sizeof *handle);
  pthread_mutex_lock(&d->mutex);
  crash_file *f = crash_find(name);
  int code = d->dead ? SQLITE_CANTOPEN : SQLITE_OK;
  if (code == SQLITE_OK && !f) code = flags & SQLITE_OPEN_CREATE && name ? crash_make(name, &f) : SQLITE_CANTOPEN;
  pthread_mutex_unlock(&d->mutex);
  if (code != SQLITE_OK) return code;
  handle->file = f;
  handle->base.pMethods = &methods;
  if (given) *given = flags;
  return SQLITE_OK;
}

static inline int crash_delete(sqlite3_vfs *vfs, const char *name, int sync) {
  (void)vfs;
  crash_disk *d = crash_the_disk();
  pthread_mutex_lock(&d->mutex);
  crash_file *f = crash_find(name);
  int code = f ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
  if (f && crash_event(0) != CRASH_NONE) code = SQLITE_IOERR_DELETE;
  if (code == SQLITE_OK) {
    if (sync || !f->on_disk) crash_remove_file(f);
    else f->gone = 1;
  }
  pthread_mutex_unlock(&d->mutex);
  return code;
}

static inline int crash_access(sqlite3_vfs *vfs, const char *name, int flags, int *there) {
  (void)vfs;
  (void)flags;
  crash_disk *d = crash_the_disk();
  pthread_mutex_lock(&d->mutex);
  crash_file *f = crash_find(name);
  *there = f && (flags != SQLITE_ACCESS_EXISTS || f->seen.size > 0); /* as the system's layer has it */
  pthread_mutex_unlock(&d->mutex);
  return SQLITE_OK;
}

static inline int crash_full_name(sqlite3_vfs *vfs, const char *name, int size, char *full) {
  (void)vfs;
  snprintf(full, (size_t)size, "%s", name);
  return SQLITE_OK;
}

static inline int crash_random_bytes(sqlite3_vfs *vfs, int size, char *bytes) {
  (void)vfs;
  for (int i = 0; i < size; i++) bytes[i] = (char)(i * 37 + 11);
  return size;
}

static inline int crash_sleep(sqlite3_vfs *vfs, int us) {
  (void)vfs;
  return us;
}

static inline int crash_time(sqlite3_vfs *vfs, double *days) {
  (void)vfs;
  *days = 2460000.5;
  return SQLITE_OK;
}

static inline void crash_vfs_register(void) {
  static sqlite3_vfs vfs = {.iVersion = 1,
                            .szOsFile = sizeof(crash_handle),
                            .mxPathname = CRASH_NAME - 1,
                            .zName = CRASH_VFS,
                            .xOpen = crash_open,
                            .xDelete = crash_delete,
                            .xAccess = crash_access,
                            .xFullPathname = crash_full_name,
                            .xRandomness = crash_random_bytes,
                            .xSleep = crash_sleep,
                            .xCurrentTime = crash_time};
  sqlite3_vfs_register(&vfs, 0);
}

#endif
