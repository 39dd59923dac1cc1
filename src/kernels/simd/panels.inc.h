/* Where the columns of a right operand lie in its panels: a panel is two vectors wide, with a gate the left one holds
 * gate columns and the right one their up columns. */

enum { NR = 2 * VW };

static int ceil_div(int a, int b) {
  return a / b + (a % b != 0);
}

static size_t panel_count(int n, int gate) {
  return (size_t)(gate ? ceil_div(n / 2, VW) : ceil_div(n, NR));
}

/* One vector's columns: the first one of B, and how many there are (the others are zero). */
typedef struct lanes {
  int first, valid;
} lanes;

static lanes panel_lanes(int panel, int right, int n, int gate) {
  int end = gate ? n / 2 : n, at = gate ? panel * VW : panel * NR + (right ? VW : 0);
  int valid = end - at < 0 ? 0 : end - at < VW ? end - at : VW;
  return (lanes){valid == 0 ? 0 : gate && right ? n / 2 + at : at, valid};
}

/* n elements of a column, rs apart, where they lie or gathered into space. */
static inline const float *column_run(const float *column, ptrdiff_t rs, int n, float *space) {
  if (rs == 1) return column;
  for (int p = 0; p < n; p++) space[p] = column[p * rs];
  return space;
}

/* Words of four columns, columns[e * pitch + p], to a panel: out[p * NR + e]. */
static inline void put_columns(float *out, const float *columns, ptrdiff_t pitch, int words) {
  int p = 0;
  for (; p + 4 <= words; p += 4) v_transpose4(out + p * NR, NR, columns + p, pitch);
  for (; p < words; p++) {
    for (int e = 0; e < 4; e++) out[p * NR + e] = columns[e * pitch + p];
  }
}
