/* Drawing runs as SVG: four panels of the same size, each with its own scale. What is measured on single updates is
 * drawn twice: as it was, in faint, and its mean over it. Of more points than pixels a faint line has the least and the
 * most of equal stretches, any other their mean. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/numbers.h"
#include "train/record/plot.h"

#define WIDTH 1080
#define PANEL_WIDTH 440
#define PANEL_HEIGHT 230
#define STRETCHES 300    /* points of a line at most */
#define TICKS 6          /* of an axis at most */
#define KIND_WIDTH 120   /* of what a kind of line means */
#define NAME_LETTERS 110 /* of a run's name at most */
#define LETTER_WIDTH 7   /* pixels, about */

/* Colours that people with colour blindness can tell apart (Okabe and Ito). */
static const char *const plot_colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#333333"};
#define COLOURS (sizeof plot_colours / sizeof *plot_colours)

typedef struct series {
  enum trm__plot_key key;
  const char *name, *dash; /* dash: SVG's stroke-dasharray, "" for a whole line */
  int marks;               /* 1: a dot at each point */
  int noisy;               /* 1: of single updates, so that a mean says more */
} series;

typedef struct graph {
  const char *title;
  series series[3];
  int count;
  int fraction; /* 1: the axis is 0 to 1 */
} graph;

static const graph plot_panels[] = {
    {"Loss", {{TRM__PLOT_LOSS, "loss", "", 0, 1}}, 1, 0},
    {"Accuracy",
     {{TRM__PLOT_EXACT, "exact, training", "", 0, 1},
      {TRM__PLOT_TOKEN, "tokens, training", "2 3", 0, 1},
      {TRM__PLOT_VALID, "exact, validation", "7 3", 1, 0}},
     3,
     1},
    {"Supervision steps to halt", {{TRM__PLOT_STEPS, "steps", "", 0, 1}}, 1, 0},
    {"Learning rate", {{TRM__PLOT_LR, "lr", "", 0, 0}}, 1, 0},
};
#define PANELS (sizeof plot_panels / sizeof *plot_panels)

/* An axis from low to high (both in the scale's own numbers: decimal logarithms when log is set). */
typedef struct axis {
  double low, high, tick;
  int log;
} axis;

typedef struct picture {
  trm__writer *writer;
  trm_status status;
  trm_error *err;
  const trm__plot_run *runs;
  size_t count;
  double left, top; /* of the current panel */
  axis x, y;
  double reach;      /* updates to either side that a mean is of; 0: none is drawn */
  double *smooth;    /* room for one */
  int width, legend; /* letters of the longest name; names in a row of the legend */
} picture;

static void svg_put(picture *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void svg_put(picture *p, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  int n = trm__vprint(text, sizeof text, format, arguments);
  va_end(arguments);
  if (p->status || n < 0) return;
  size_t size = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
  p->status = trm__writer_write(p->writer, text, size, p->err);
}

static void svg_put_text(picture *p, const char *text) {
  for (; *text; text++) {
    if (*text == '&') svg_put(p, "&amp;");
    else if (*text == '<') svg_put(p, "&lt;");
    else if (*text == '>') svg_put(p, "&gt;");
    else if ((unsigned char)*text < ' ') svg_put(p, "?");
    else svg_put(p, "%c", *text);
  }
}

/* -- axes ---------------------------------------------------------------------------------------------------------- */

/* 1, 2 or 5 times a power of ten, so that at most TICKS steps cover the span. */
static double axis_tick(double span) {
  double power = pow(10, floor(log10(span / TICKS)));
  static const double step[] = {1, 2, 5};
  for (int i = 0; i < 3; i++)
    if (span <= step[i] * power * TICKS * (1 + 1e-9)) return step[i] * power;
  return 10 * power;
}

static axis axis_linear(double low, double high) {
  if (!(high > low)) high = low + (low != 0 ? fabs(low) : 1);
  axis a = {.low = low, .high = high, .tick = axis_tick(high - low)};
  a.high = ceil(high / a.tick - 1e-9) * a.tick;
  return a;
}

static double axis_place(const axis *a, double value) {
  return ((a->log ? log10(value) : value) - a->low) / (a->high - a->low);
}

static double svg_x(const picture *p, double step) {
  return p->left + PANEL_WIDTH * axis_place(&p->x, step);
}

static double svg_y(const picture *p, double value) {
  double at = axis_place(&p->y, value);
  return p->top + PANEL_HEIGHT * (1 - (at < 0 ? 0 : at > 1 ? 1 : at));
}

/* The least positive and the greatest value of a panel; the number of values. */
static size_t panel_range(const picture *p, const graph *panel, double *least, double *most) {
  size_t n = 0;
  *least = INFINITY, *most = 0;
  for (size_t r = 0; r < p->count; r++) {
    for (int s = 0; s < panel->count; s++) {
      const double *value = p->runs[r].value[panel->series[s].key];
      for (size_t i = 0; i < p->runs[r].n; i++) {
        if (!isfinite(value[i])) continue;
        n++;
        if (value[i] > 0 && value[i] < *least) *least = value[i];
        if (value[i] > *most) *most = value[i];
      }
    }
  }
  return n;
}

/* Linear from zero, or logarithmic over whole powers of ten when the values span more than a factor of fifty. */
static axis panel_axis(const picture *p, const graph *panel) {
  double least, most;
  if (panel->fraction) return axis_linear(0, 1);
  if (panel_range(p, panel, &least, &most) == 0 || most <= 0) return axis_linear(0, 1);
  if (panel->series[0].key != TRM__PLOT_LOSS || most / least <= 50) return axis_linear(0, most);
  axis a = {.low = floor(log10(least)), .high = ceil(log10(most)), .tick = 1, .log = 1};
  if (!(a.high > a.low)) a.high = a.low + 1;
  return a;
}

static void svg_draw_axes(picture *p, const graph *panel) {
  double bottom = p->top + PANEL_HEIGHT, right = p->left + PANEL_WIDTH;
  svg_put(p, "<text class=\"title\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", p->left, p->top - 12, panel->title);
  for (double t = ceil(p->y.low / p->y.tick - 1e-9) * p->y.tick; t <= p->y.high + 1e-9 * p->y.tick; t += p->y.tick) {
    double y = bottom - PANEL_HEIGHT * (t - p->y.low) / (p->y.high - p->y.low);
    double value = p->y.log ? pow(10, t) : fabs(t) < 1e-9 * p->y.tick ? 0 : t;
    svg_put(p, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", p->left, y, right, y);
    svg_put(p, "<text class=\"tick\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%.4g</text>\n", p->left - 7, y + 4,
            value);
  }
  for (double t = 0; t <= p->x.high + 1e-9 * p->x.tick; t += p->x.tick) {
    double x = svg_x(p, t);
    svg_put(p, "<line class=\"axis\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x, bottom, x, bottom + 5);
    svg_put(p, "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%.7g</text>\n", x, bottom + 19, t);
  }
  svg_put(p, "<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", p->left, p->top, bottom, right);
  svg_put(p, "<text class=\"tick\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">update</text>\n", right, bottom + 35);
}

/* -- lines --------------------------------------------------------------------------------------------------------- */

/* A stretch of a line: means and bounds of its finite values. */
typedef struct stretch {
  size_t values;
  double x, y, least, most;
} stretch;

static stretch series_stretch(const trm__plot_run *run, const double *value, size_t from, size_t to) {
  stretch s = {.least = INFINITY, .most = -INFINITY};
  for (size_t i = from; i < to; i++) {
    if (!isfinite(value[i])) continue;
    s.x += run->step[i];
    s.y += value[i];
    s.least = fmin(s.least, value[i]);
    s.most = fmax(s.most, value[i]);
    s.values++;
  }
  if (s.values) s.x /= (double)s.values, s.y /= (double)s.values;
  return s;
}

static void svg_put_point(picture *p, double x, double y, size_t *drawn) {
  if (p->y.log && y <= 0) return;
  svg_put(p, "%c%.1f %.1f", (*drawn)++ ? 'L' : 'M', svg_x(p, x), svg_y(p, y));
}

/* faint: a line that another is drawn over. */
static void svg_draw_line(picture *p, const trm__plot_run *run, const double *value, const series *s,
                          const char *stroke, int faint) {
  size_t stretches = run->n < STRETCHES ? run->n : STRETCHES, drawn = 0;
  svg_put(p, "<path class=\"%s\" stroke=\"%s\" stroke-dasharray=\"%s\" d=\"", faint ? "line faint" : "line", stroke,
          s->dash[0] && !faint ? s->dash : "none");
  for (size_t i = 0; i < stretches; i++) {
    stretch t = series_stretch(run, value, i * run->n / stretches, (i + 1) * run->n / stretches);
    if (t.values) svg_put_point(p, t.x, faint ? t.least : t.y, &drawn);
    if (t.values && faint && t.most > t.least) svg_put_point(p, t.x, t.most, &drawn);
  }
  svg_put(p, "\"/>\n");
  for (size_t i = 0; i < stretches && !faint && (s->marks || drawn == 1); i++) {
    stretch t = series_stretch(run, value, i * run->n / stretches, (i + 1) * run->n / stretches);
    if (t.values)
      svg_put(p, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", svg_x(p, t.x), svg_y(p, t.y), stroke);
  }
}

static void svg_draw_series(picture *p, const trm__plot_run *run, const series *s, const char *stroke) {
  const double *value = run->value[s->key];
  if (s->noisy && p->reach > 0) {
    trm__plot_smooth(run->step, value, run->n, p->reach, p->smooth);
    value = p->smooth;
  }
  svg_draw_line(p, run, value, s, stroke, 0);
}

/* All faint lines are below all others. */
static void svg_draw_faint(picture *p, const trm__plot_run *run, const series *s, const char *stroke) {
  if (s->noisy && p->reach > 0) svg_draw_line(p, run, run->value[s->key], s, stroke, 1);
}

/* What the kinds of lines mean, at the panel's upper right, when there is more than one kind. */
static void svg_draw_kinds(picture *p, const graph *panel) {
  double right = p->left + PANEL_WIDTH, x = right - 3 * KIND_WIDTH;
  for (int i = 0; i < panel->count && panel->count > 1; i++, x += KIND_WIDTH) {
    const series *s = &panel->series[i];
    svg_put(p, "<path class=\"line\" stroke=\"#555\" stroke-dasharray=\"%s\" d=\"M%.1f %.1fh19\"/>",
            s->dash[0] ? s->dash : "none", x, p->top - 16);
    if (s->marks) svg_put(p, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#555\"/>", x + 9.5, p->top - 16);
    svg_put(p, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x + 24, p->top - 12, s->name);
  }
}

static void svg_draw_panel(picture *p, const graph *panel) {
  p->y = panel_axis(p, panel);
  svg_draw_axes(p, panel);
  svg_draw_kinds(p, panel);
  for (size_t r = 0; r < p->count; r++)
    for (int s = 0; s < panel->count; s++) svg_draw_faint(p, &p->runs[r], &panel->series[s], plot_colours[r % COLOURS]);
  for (size_t r = 0; r < p->count; r++)
    for (int s = 0; s < panel->count; s++)
      svg_draw_series(p, &p->runs[r], &panel->series[s], plot_colours[r % COLOURS]);
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

/* The end of a name that is too long: paths differ there. */
static const char *legend_name(const trm__plot_run *run) {
  size_t length = strlen(run->name);
  return length > NAME_LETTERS ? run->name + length - NAME_LETTERS : run->name;
}

/* As many names a row as the longest of them allows. */
static void legend_measure(picture *p) {
  size_t most = 1;
  for (size_t r = 0; r < p->count; r++) most = most < strlen(p->runs[r].name) ? strlen(p->runs[r].name) : most;
  p->width = most > NAME_LETTERS ? NAME_LETTERS + 1 : (int)most;
  p->legend = (WIDTH - 2 * 70 + 20) / (LETTER_WIDTH * p->width + 60);
  if (p->legend < 1) p->legend = 1;
}

static void svg_draw_legend(picture *p) {
  for (size_t r = 0; r < p->count; r++) {
    double x = 70 + (LETTER_WIDTH * p->width + 60) * (double)(r % (size_t)p->legend);
    double y = 30 + 20 * (double)(r / (size_t)p->legend);
    svg_put(p, "<path class=\"line\" stroke=\"%s\" d=\"M%.1f %.1fh26\"/><text x=\"%.1f\" y=\"%.1f\">",
            plot_colours[r % COLOURS], x, y - 4, x + 34, y);
    if (legend_name(&p->runs[r]) != p->runs[r].name) svg_put(p, "&#8230;");
    svg_put_text(p, legend_name(&p->runs[r]));
    svg_put(p, "</text>\n");
  }
}

static double svg_last_step(const picture *p) {
  double last = 1;
  for (size_t r = 0; r < p->count; r++) last = fmax(last, p->runs[r].step[p->runs[r].n - 1]);
  return last;
}

static void svg_draw(picture *p) {
  legend_measure(p);
  double head = 40 + 20 * (double)((p->count + (size_t)p->legend - 1) / (size_t)p->legend), row = PANEL_HEIGHT + 95;
  double height = head + row * (double)((PANELS + 1) / 2) + 5;
  svg_put(p, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\">\n", WIDTH,
          height, WIDTH, height);
  svg_put(p, "<style>text{font:13px Helvetica,Arial,sans-serif;fill:#222}.title{font-size:14px;font-weight:bold}"
             ".tick{font-size:11px;fill:#555}.grid{stroke:#e4e4e4}.axis{stroke:#888;fill:none}"
             ".line{fill:none;stroke-width:1.7;stroke-linejoin:round}"
             ".faint{stroke-width:1;opacity:.25}</style>\n");
  svg_put(p, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n");
  svg_draw_legend(p);
  p->x = axis_linear(0, svg_last_step(p));
  for (size_t i = 0; i < PANELS; i++) {
    p->left = 70 + (PANEL_WIDTH + 90) * (double)(i % 2);
    p->top = head + 30 + row * (double)(i / 2);
    svg_draw_panel(p, &plot_panels[i]);
  }
  svg_put(p, "</svg>\n");
}

trm_status trm__plot_write(const char *path, const trm__plot_run *runs, size_t count, double smooth, trm_error *err) {
  picture p = {.runs = runs, .count = count, .err = err};
  size_t most = 1;
  for (size_t r = 0; r < count; r++) most = most < runs[r].n ? runs[r].n : most;
  p.smooth = trm__calloc(most, sizeof *p.smooth);
  if (!p.smooth) return trm__fail_memory(err, path, most * sizeof *p.smooth);
  p.reach = smooth / 200 * svg_last_step(&p);
  p.status = trm__writer_open(&p.writer, path, err);
  if (!p.status) {
    svg_draw(&p);
    if (!p.status) p.status = trm__writer_commit(&p.writer, err);
    else trm__writer_abort(&p.writer);
  }
  trm__free(p.smooth);
  return p.status;
}
