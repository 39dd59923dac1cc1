/* Pictures as PNG: the library draws SVG, and rsvg-convert, a program of its own, makes pixels of it. */
#ifndef TRM_CLI_PICTURE_H
#define TRM_CLI_PICTURE_H

#include "cli/cli.h"

/* 1 when the path ends in .png. */
int cli_picture_is_png(const char *path);

/* Draws the SVG picture at path. */
typedef trm_status (*cli_draw_fn)(void *context, const char *path, trm_error *err);

/* A PNG at path of what draw draws, written whole or not at all. CLI_OK or an exit code; where rsvg-convert is not
 * installed it is said how to come by it. */
int cli_picture_png(const cli_command *command, const char *path, cli_draw_fn draw, void *context);

#endif
