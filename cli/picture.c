/* Pictures as PNG: see picture.h. */
#include "cli/picture.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os/file.h"

#define CONVERTER "rsvg-convert"
#define PIXELS "2160" /* width: twice that of the picture, for screens with small pixels and for print */

int cli_picture_is_png(const char *path) {
  size_t length = strlen(path);
  return length > 4 && !strcasecmp(path + length - 4, ".png");
}

enum { MADE, NOT_INSTALLED, NOT_STARTED, FAILED };         /* what became of it */
enum { EXIT_NOT_STARTED = 126, EXIT_NOT_INSTALLED = 127 }; /* of the child, as shells have them */

static void picture_become_converter(const char *svg, const char *png) {
  (void)execlp(CONVERTER, CONVERTER, "--width", PIXELS, "--keep-aspect-ratio", "--format", "png", "--output", png, svg,
               (char *)NULL);
  _exit(errno == ENOENT ? EXIT_NOT_INSTALLED : EXIT_NOT_STARTED);
}

static int picture_convert(const char *svg, const char *png) {
  int status;
  pid_t child = fork();
  if (child == 0) picture_become_converter(svg, png);
  if (child < 0) return NOT_STARTED;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return FAILED;
  if (!WIFEXITED(status)) return FAILED;
  if (WEXITSTATUS(status) == EXIT_NOT_INSTALLED) return NOT_INSTALLED;
  if (WEXITSTATUS(status) == EXIT_NOT_STARTED) return NOT_STARTED;
  return WEXITSTATUS(status) == 0 ? MADE : FAILED;
}

static int picture_fail(const cli_command *command, const char *path, int what) {
  if (what == NOT_INSTALLED)
    return cli_bad_input(command,
                         "%s: a PNG needs " CONVERTER ", which is not installed; install it (on Debian librsvg2-bin), "
                         "or name a file that ends in .svg",
                         path);
  return cli_bad_input(
      command, what == NOT_STARTED ? "%s: " CONVERTER " cannot be started" : "%s: " CONVERTER " made no picture", path);
}

int cli_picture_png(const cli_command *command, const char *path, cli_draw_fn draw, void *context) {
  char svg[1200], png[1200];
  trm__path_kind kind;
  trm__draft *draft = NULL;
  trm_error error = {0};
  if (trm__path_find(&kind, path, &error)) return cli_error(command, &error);
  if (kind == TRM__PATH_SPECIAL) return cli_usage(command, "%s is no regular file, which a PNG needs", path);
  if (trm__draft_open(&draft, path, &error)) return cli_error(command, &error);
  (void)snprintf(svg, sizeof svg, "%s/picture.svg", trm__draft_path(draft));
  (void)snprintf(png, sizeof png, "%s/picture.png", trm__draft_path(draft));
  int what = MADE, drawn = !draw(context, svg, &error);
  if (drawn) what = picture_convert(svg, png);
  if (drawn && what == MADE && !trm__draft_commit_file(&draft, "picture.png", &error)) return CLI_OK;
  trm__draft_abort(&draft);
  return drawn && what != MADE ? picture_fail(command, path, what) : cli_error(command, &error);
}
