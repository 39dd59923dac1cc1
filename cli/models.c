/* The model to use when none is named. Models lie in the folder $TRM_MODELS, in share/trm/models beside the installed
 * program's bin, and in the source tree's models/ for a program that runs from its build folder; which of them is
 * taken, trm_model_find knows. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/puzzles.h"

#define SUDOKU_CELLS 81
enum { FOLDERS = 3, PATH = 1100 };

/* The program's own folder; "" when it is unknown. */
static void models_program_folder(char folder[PATH]) {
  ssize_t length = readlink("/proc/self/exe", folder, PATH - 1);
  folder[length > 0 ? length : 0] = 0;
  char *slash = strrchr(folder, '/');
  if (slash) *slash = 0;
}

/* The source tree of the build folder that the program lies in, from CMake's own notes; "" for an installed program. */
static void models_source_folder(const char *program, char folder[PATH]) {
  static const char key[] = "CMAKE_HOME_DIRECTORY:INTERNAL=";
  char line[PATH + sizeof key];
  folder[0] = 0;
  (void)snprintf(line, sizeof line, "%s/CMakeCache.txt", program);
  FILE *file = fopen(line, "r");
  while (file && !folder[0] && fgets(line, sizeof line, file))
    if (!strncmp(line, key, sizeof key - 1))
      (void)snprintf(folder, PATH, "%.*s", (int)strcspn(line + sizeof key - 1, "\n"), line + sizeof key - 1);
  if (file) (void)fclose(file);
}

/* Writes the folders' names to room and returns how many there are. */
static size_t models_folders(char room[FOLDERS][PATH + 32], const char *folders[FOLDERS]) {
  char program[PATH], source[PATH];
  const char *named = cli_environment("TRM_MODELS");
  size_t count = 0;
  for (size_t i = 0; i < FOLDERS; i++) folders[i] = room[i];
  if (named) (void)snprintf(room[count++], PATH + 32, "%s", named);
  models_program_folder(program);
  if (!program[0]) return count;
  (void)snprintf(room[count++], PATH + 32, "%s/../share/trm/models", program);
  models_source_folder(program, source);
  if (source[0]) (void)snprintf(room[count++], PATH + 32, "%s/models", source);
  return count;
}

/* Calls each for all models of the folder; returns how many files there are. */
static size_t models_each(const char *folder, void (*each)(void *context, const char *file), void *context) {
  char pattern[PATH + 64];
  glob_t found;
  size_t count = 0;
  (void)snprintf(pattern, sizeof pattern, "%.1130s/*.safetensors", folder);
  memset(&found, 0, sizeof found);
  if (glob(pattern, 0, NULL, &found) == 0)
    for (; count < found.gl_pathc; count++) each(context, found.gl_pathv[count]);
  globfree(&found);
  return count;
}

/* The model in the folders for such puzzles. */
static trm_status models_search(const char *const *folders, size_t count, char path[PATH], const trm_puzzle_kind *kind,
                                trm_model **model, size_t *seen) {
  trm_status status = trm_model_find(model, folders, count, kind, seen, NULL);
  if (!status) (void)snprintf(path, PATH, "%.1099s", trm_model_get_path(*model));
  return status;
}

int cli_model_find(char path[1100], const trm_puzzle_kind *kind, trm_model **model) {
  char room[FOLDERS][PATH + 32];
  const char *folders[FOLDERS];
  size_t count = models_folders(room, folders);
  return !models_search(folders, count, path, kind, model, NULL);
}

char *cli_model_folders(void) {
  char room[FOLDERS][PATH + 32];
  const char *folders[FOLDERS];
  size_t count = models_folders(room, folders), first = cli_environment("TRM_MODELS") != NULL;
  char *text = cli_alloc(FOLDERS, PATH + 33);
  for (size_t i = first; i < count; i++) {
    if (i > first) strcat(text, ":");
    strcat(text, folders[i]);
  }
  return text;
}

/* Adds "maze 16x16 and smaller" to a list [400], unless a folder before has such a model. */
static void models_list_file(void *context, const char *file) {
  char *list = context, title[64];
  size_t used = strlen(list);
  trm_model *model = NULL;
  trm_task task;
  if (trm_model_open(&model, file, NULL)) return;
  if (!trm_model_task(model, &task, NULL) && !strstr(list, trm_task_title(&task, title, sizeof title)))
    (void)snprintf(list + used, 400 - used, "%s%s%s", used ? ", " : "", trm_task_title(&task, title, sizeof title),
                   trm_task_has_frame(&task) ? " and smaller" : "");
  trm_model_close(&model);
}

static int models_refuse(const cli_command *command, const trm_puzzle_kind *kind, const char *const *folders,
                         size_t count) {
  char wanted[64], list[400] = "";
  for (size_t i = 0; i < count; i++) (void)models_each(folders[i], models_list_file, list);
  if (kind->task.width) (void)trm_task_title(&kind->task, wanted, sizeof wanted);
  else (void)snprintf(wanted, sizeof wanted, "puzzles of %zu cells", kind->cells);
  return cli_usage(command, "no installed model solves %s; there are: %s; name one with --model FILE", wanted,
                   list[0] ? list : "none that can be read");
}

static int models_open_installed(const cli_command *command, char path[PATH], const trm_puzzle_kind *kind,
                                 trm_model **model) {
  char room[FOLDERS][PATH + 32], places[4 * PATH] = "";
  const char *folders[FOLDERS];
  size_t count = models_folders(room, folders), seen = 0;
  if (!models_search(folders, count, path, kind, model, &seen)) return CLI_CONTINUE;
  for (size_t i = 0; i < count; i++) {
    size_t used = strlen(places);
    (void)snprintf(places + used, sizeof places - used, "%s%s", i ? ", " : "", folders[i]);
  }
  if (seen) return models_refuse(command, kind, folders, count);
  return cli_usage(command,
                   "no model is installed (looked in %s); name one with --model FILE, or train one: trm train DATA "
                   "--run RUN, then --model RUN",
                   places);
}

/* A folder in which no model was found. */
static int refuse_folder(const cli_command *command, const char *path) {
  char config[1200];
  (void)snprintf(config, sizeof config, "%s/config.json", path);
  if (cli_path_look(path) == CLI_PATH_DATASET)
    return cli_bad_input(command, "%s: a dataset, expected a model file or a run directory", path);
  if (access(config, F_OK) == 0)
    return cli_bad_input(command, "%s: the run has no model yet; train longer: trm train --resume %s", path, path);
  return cli_bad_input(command,
                       "%s: a folder without best.safetensors or last.safetensors, expected a run directory or a model "
                       "file",
                       path);
}

/* What is wrong with a path that is no model. */
static int refuse_path(const cli_command *command, const char *path, const trm_error *error) {
  if (cli_path_look(path) != CLI_PATH_TEXT) return cli_error(command, error);
  return cli_bad_input(command, "%s: a text file, expected a model file (.safetensors) or a run directory", path);
}

int cli_model_open(const cli_command *command, char path[1100], const trm_puzzle_kind *kind, trm_model **model) {
  trm_error error = {0};
  const trm_puzzle_kind usual = {.cells = SUDOKU_CELLS};
  if (!path[0])
    return models_open_installed(command, path, kind && (kind->cells || kind->task.width) ? kind : &usual, model);
  static const char *const names[] = {"best.safetensors", "last.safetensors"};
  for (size_t i = 0; i < 2; i++) { /* a run directory stands for its best model */
    char file[1200];
    (void)snprintf(file, sizeof file, "%s/%s", path, names[i]);
    if (access(file, F_OK) != 0) continue;
    (void)snprintf(path, 1100, "%.1099s", file);
    break;
  }
  struct stat info;
  if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return refuse_folder(command, path);
  return trm_model_open(model, path, &error) ? refuse_path(command, path, &error) : CLI_CONTINUE;
}

json_t *cli_model_card(const trm_model *model, const char *path) {
  const char *text = trm_model_get_metadata(model, "trm.card"), *end = strrchr(path, '.');
  char file[1200];
  json_t *card = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
  if (!card && end && !strcmp(end, ".safetensors")) {
    (void)snprintf(file, sizeof file, "%.*s.json", (int)(end - path), path);
    card = json_load_file(file, JSON_REJECT_DUPLICATES, NULL);
  }
  if (json_is_object(card)) return card;
  json_decref(card);
  return NULL;
}

/* The band of the card's accuracy_by_clues ("23-28": {"puzzles": n, "exact": n}) with the fewest clues. */
static json_t *models_hardest_band(json_t *card, int *low, int *high) {
  json_t *band, *hardest = NULL;
  const char *name;
  json_object_foreach(json_object_get(card, "accuracy_by_clues"), name, band) {
    int from, to;
    if (sscanf(name, "%d-%d", &from, &to) != 2 || (hardest && from >= *low)) continue;
    hardest = band;
    *low = from;
    *high = to;
  }
  return hardest;
}

void cli_model_hint(const trm_model *model, const char *path, int clues) {
  int low = 0, high = 0;
  char percent[32];
  json_t *card = clues ? cli_model_card(model, path) : NULL;
  json_t *band = models_hardest_band(card, &low, &high);
  json_int_t puzzles = json_integer_value(json_object_get(band, "puzzles"));
  json_int_t exact = json_integer_value(json_object_get(band, "exact"));
  if (puzzles > 0 && clues <= high)
    cli_note("hint: one has %d clues; one trajectory solves %s of those with %d to %d", clues,
             cli_percent((double)exact / (double)puzzles, percent), low, high);
  json_decref(card);
}

int cli_rewrite(const cli_command *self, int argc, char **argv, const char *out, const int *force, cli_opener open,
                int (*write)(const cli_command *self, const trm_model *model)) {
  cli_arguments a;
  trm_model *model = NULL;
  char path[1100] = "";
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 1, 1, open ? "a checkpoint" : "a model file");
  if (code == CLI_CONTINUE && !out[0]) code = cli_usage(self, "no file to write; give -o FILE");
  if (code == CLI_CONTINUE) code = cli_may_write(self, out, *force);
  if (code == CLI_CONTINUE) {
    (void)snprintf(path, sizeof path, "%s", a.positional[0]);
    code = open ? open(self, path, &a, &model) : cli_model_open(self, path, NULL, &model);
  }
  if (code == CLI_CONTINUE) code = write(self, model);
  trm_model_close(&model);
  cli_arguments_free(&a);
  return code;
}
