/* What a path names, from its first bytes or what its folder holds, and what its data was taken for: only for telling a
 * user when that is not what was meant. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

static int path_holds(const char *folder, const char *name) {
  char path[1300];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  return length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0;
}

static cli_path_kind path_of_folder(const char *path) {
  if (path_holds(path, "best.safetensors") || path_holds(path, "last.safetensors") || path_holds(path, "config.json"))
    return CLI_PATH_MODEL;
  if (path_holds(path, "train") || path_holds(path, "test")) return CLI_PATH_DATASET;
  return CLI_PATH_OTHER;
}

/* A model file begins with the length of its header, of which the upper bytes are 0, and an object of JSON. */
static cli_path_kind path_of_bytes(const unsigned char *bytes, size_t count) {
  if (count > 8 && !bytes[6] && !bytes[7] && bytes[8] == '{') return CLI_PATH_MODEL;
  for (size_t i = 0; i < count; i++)
    if (bytes[i] < 0x20 && !strchr("\t\r\n\f", bytes[i])) return CLI_PATH_OTHER;
  return count ? CLI_PATH_TEXT : CLI_PATH_OTHER;
}

cli_path_kind cli_path_look(const char *path) {
  unsigned char bytes[512];
  struct stat info;
  if (stat(path, &info) != 0) return CLI_PATH_NONE;
  if (S_ISDIR(info.st_mode)) return path_of_folder(path);
  if (!S_ISREG(info.st_mode)) return CLI_PATH_OTHER; /* a pipe must not lose what is read */
  FILE *file = fopen(path, "rb");
  size_t count = file ? fread(bytes, 1, sizeof bytes, file) : 0;
  if (file) (void)fclose(file);
  return path_of_bytes(bytes, count);
}

#define SMALL 100 /* cells of a square that may as well be a sequence */

void cli_note_shape(const trm_task *task, int64_t width) {
  int cells = task->width * task->height;
  if (!width && !trm_task_rules(task) && task->width == task->height && cells > 1 && cells < SMALL)
    cli_note("taken as %dx%d; --width %d for a sequence (trm data import)", task->width, task->height, cells);
}
