/* A whole dataset directory from one blob: files separated by the bytes "\0--", in the order of names below. They are
 * written to a folder in memory and opened; what opens holds only what it may, and its indices lie inside. */
#include <stdio.h>
#include <unistd.h>

#include "base/os/file.h"
#include "fuzz_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"train/dataset.json",
                                    "train/all__inputs.npy",
                                    "train/all__labels.npy",
                                    "train/all__puzzle_identifiers.npy",
                                    "train/all__puzzle_indices.npy",
                                    "train/all__group_indices.npy",
                                    "task.json",
                                    "identifiers.json",
                                    "train/all__ratings.npy"};

static char folder[128];

static void remove_folder(void) {
  (void)trm__dir_remove(folder, NULL);
}

static void make_folder(void) {
  char path[160];
  snprintf(folder, sizeof folder, "%s/trm-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  if (!mkdtemp(folder)) abort();
  snprintf(path, sizeof path, "%s/train", folder);
  if (trm__dir_make(path, NULL)) abort();
  atexit(remove_folder);
}

/* Plain writes: the atomic ones of the library would wait for the disk. */
static void put_file(const char *name, const uint8_t *data, size_t size) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) abort();
}

static void check_indices(const trm_dataset *d) {
  for (int64_t g = 0; g < d->info.groups; g++)
    if (d->group_indices[g] < 0 || d->group_indices[g + 1] <= d->group_indices[g]) abort();
  for (int64_t p = 0; p < d->info.puzzles; p++)
    if (d->puzzle_indices[p] < 0 || d->puzzle_indices[p + 1] <= d->puzzle_indices[p]) abort();
  if (d->group_indices[d->info.groups] != d->info.puzzles) abort();
  if (d->puzzle_indices[d->info.puzzles] != d->info.examples) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char separator[3] = {0, '-', '-'};
  char path[256];
  if (folder[0] == '\0') make_folder();
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const uint8_t *end = size > 0 ? memmem(data, size, separator, sizeof separator) : NULL;
    size_t length = end ? (size_t)(end - data) : size;
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    if (length > 0) put_file(names[i], data, length);
    else (void)unlink(path);
    size -= end ? length + sizeof separator : length;
    data += end ? length + sizeof separator : length;
  }
  trm_dataset *d = NULL;
  trm_error err = {0};
  trm_status status = trm_dataset_open(&d, folder, "train", NULL, &err);
  if (status && (d || err.message[0] == '\0' || err.where[0] == '\0')) abort();
  if (d) {
    check_dataset(d);
    check_indices(d);
  }
  trm_dataset_close(&d);
  return 0;
}
