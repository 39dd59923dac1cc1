/* Phases of n and T: parsed once, looked up at each update by its number alone, so that a resumed run goes on as it
 * would have. */
#include "train/cycles.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "base/text/numbers.h"

static const char schedule_option[] = "--cycles-schedule";

static trm_status phase_fail(int number, const char *text, const char *why, trm_error *err) {
  return trm__fail(err, TRM_E_USAGE, schedule_option, "phase %d, \"%.*s\", %s", number, (int)strcspn(text, ","), text,
                   why);
}

/* A whole number 1..1024 at *p, which moves behind it; 0 when there is none. */
static int phase_read_whole(const char **p) {
  int value = 0;
  const char *at = *p;
  for (; *at >= '0' && *at <= '9' && value <= 1024; at++) value = 10 * value + (*at - '0');
  *p = at;
  return value <= 1024 ? value : 0;
}

/* A number at *p, which moves behind it; negative when there is none. */
static double phase_read_fraction(const char **p) {
  double number = -1;
  size_t length = strspn(*p, "0123456789.");
  if (trm__decimal_read(*p, length, &number)) return -1;
  *p += length;
  return number;
}

/* FROM:nxT at *p, which moves behind it. */
static int phase_read(trm__phase *phase, const char **p) {
  const char *at = *p;
  phase->from = phase_read_fraction(&at);
  *p = at;
  if (phase->from < 0 || *at++ != ':') return 0;
  phase->n = phase_read_whole(&at);
  if (!phase->n || *at++ != 'x') return 0;
  phase->T = phase_read_whole(&at);
  *p = at;
  return phase->T > 0;
}

trm_status trm__cycles_parse(trm__cycles *out, const char *text, const trm_model_config *model, trm_error *err) {
  trm__cycles c = {.count = 1, .phase = {{0, (int)model->L_cycles, (int)model->H_cycles}}};
  if (*text) c.count = 0;
  for (const char *p = text, *start = text; *text; start = ++p) {
    trm__phase *phase = &c.phase[c.count];
    if (c.count == TRM__CYCLES_PHASES)
      return trm__fail(err, TRM_E_USAGE, schedule_option, "has more than %d phases", TRM__CYCLES_PHASES);
    int number = c.count + 1, readable = phase_read(phase, &p);
    if (!readable || (*p && *p != ','))
      return phase_fail(number, start, "is not FROM:nxT, such as 0.3:4x2 with n and T of 1 to 1024", err);
    if (c.count == 0 && phase->from != 0) return phase_fail(number, start, "must begin at 0", err);
    if (c.count && !(phase->from > phase[-1].from && phase->from <= 1))
      return phase_fail(number, start, "must begin after the phase before it and at 1 at the latest", err);
    if (phase->n > model->L_cycles)
      return trm__fail(err, TRM_E_USAGE, schedule_option,
                       "phase %d has n = %d, but the model's L_cycles is %lld; set L_cycles to the largest n", number,
                       phase->n, (long long)model->L_cycles);
    c.count++;
    if (!*p) break;
  }
  *out = c;
  return TRM_OK;
}

/* Updates before the phase. A fraction of decimals is rarely exact: 0.07 of 100 must be 7. */
static int64_t phase_begin(const trm__phase *phase, int64_t updates) {
  return (int64_t)ceil(phase->from * (double)updates - 1e-6);
}

trm__phase trm__cycles_at(const trm__cycles *cycles, int64_t t, int64_t updates) {
  int i = 0;
  while (i + 1 < cycles->count && t > phase_begin(&cycles->phase[i + 1], updates)) i++;
  return cycles->phase[i];
}
