/* JSON of ARC tasks: parsing ends with a reason or with tasks whose grids are in range, can be placed and cropped, and
 * come back from an image; and the name of an identifier is read to its end or refused. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/arc/tasks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_grid(const trm__arc_grid *grid) {
  trm__arc_image image = {7, {3, 1, 2, 0, 5, 4, 9, 8, 7, 6}};
  trm__arc_grid turned, back;
  uint8_t tokens[TRM__ARC_CELLS];
  int32_t wide[TRM__ARC_CELLS];
  if (grid->height > TRM__ARC_SIDE || grid->width > TRM__ARC_SIDE) abort();
  for (int i = 0; i < grid->height * grid->width; i++)
    if (grid->cell[i] >= TRM__ARC_COLOURS) abort();
  trm__arc_apply(&image, grid, &turned);
  trm__arc_place(&turned, TRM__ARC_SIDE, 0, 0, tokens);
  for (int i = 0; i < TRM__ARC_CELLS; i++) wide[i] = tokens[i];
  trm__arc_crop(wide, TRM__ARC_SIDE, &turned);
  trm__arc_undo(&image, &turned, &back);
  if (grid->height && !trm__arc_equal(grid, &back)) abort();
}

static void check_name(const uint8_t *data, size_t size) {
  trm__arc_image image;
  char name[256];
  if (size >= sizeof name) return;
  memcpy(name, data, size);
  name[size] = '\0';
  size_t id = trm__arc_name_read(name, &image);
  if (id > strlen(name) || image.turn >= TRM__ARC_TURNS) {
    if (id) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  trm__arc_tasks tasks = {0};
  trm_error err = {0};
  trm_status status = trm__arc_tasks_parse(&tasks, (const char *)data, size, "fuzz.json", 1, &err);
  if (status && (status != TRM_E_INPUT || err.message[0] == '\0')) abort();
  for (size_t t = 0; t < tasks.count && !status; t++) {
    const trm__arc_task *task = &tasks.item[t];
    if (task->train < 1 || task->test < 1) abort();
    for (int i = 0; i < task->train + task->test; i++) {
      if (!task->pair[i].input.height || (i < task->train && !task->pair[i].output.height)) abort();
      check_grid(&task->pair[i].input);
      check_grid(&task->pair[i].output);
    }
  }
  trm__arc_tasks_free(&tasks);
  check_name(data, size);
  return 0;
}
