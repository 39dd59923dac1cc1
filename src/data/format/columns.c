/* The vocabulary of column names: see columns.h. Of several columns of one meaning the name that stands first here is
 * taken, so the surest names come first. "clues" is not among them: in public Sudoku sets it is a number. */
#include "data/format/columns.h"

#include <string.h>

static const char *const column_words[TRM__COLUMNS][32] = {
    [TRM__QUESTION] = {"question", "questions", "puzzle",        "puzzles",      "quiz",     "quizzes",
                       "sudoku",   "sudokus",   "input",         "inputs",       "unsolved", "problem",
                       "problems", "maze",      "mazes",         "board",        "boards",   "grid",
                       "givens",   "mission",   "sudoku puzzle", "puzzle string"},
    [TRM__ANSWER] = {"answer", "answers", "solution", "solutions", "output", "outputs", "solved", "target", "targets",
                     "label", "labels", "result", "results", "solved sudoku", "sudoku solution", "solution string"},
    [TRM__RATING] = {"rating", "ratings", "guesses", "difficulty"},
    [TRM__GROUP] = {"group"},
    [TRM__IDENTIFIER] = {"identifier", "puzzle identifier", "puzzle id"},
};

/* Of ASCII's letters. tolower would follow the locale, and in Turkish the small letter of I is not i. */
static char column_plain(char c) {
  if (c == '_' || c == '-') return ' ';
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void column_trim(const char **name, size_t *length) {
  while (*length > 0 && memchr(" \t#\"'", (*name)[0], 5)) ++*name, --*length;
  while (*length > 0 && memchr(" \t\"'\r", (*name)[*length - 1], 5)) --*length;
}

static int column_same(const char *a, const char *b, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (column_plain(a[i]) != column_plain(b[i])) return 0;
  return 1;
}

static int column_is(const char *name, size_t length, const char *word) {
  return strlen(word) == length && column_same(name, word, length);
}

static const char *column_given(const trm__column_names *names, trm__column column) {
  const char *const all[TRM__COLUMNS] = {[TRM__QUESTION] = names->question,
                                         [TRM__ANSWER] = names->answer,
                                         [TRM__GROUP] = names->group,
                                         [TRM__IDENTIFIER] = names->identifier};
  const char *given = all[column];
  return given && given[0] != '\0' ? given : NULL;
}

int trm__column_rank(const trm__column_names *names, trm__column column, const char *name, size_t length) {
  const char *given = column_given(names, column);
  column_trim(&name, &length);
  if (given && strcmp(given, "-") == 0) return 0;
  if (given) {
    size_t wanted = strlen(given);
    column_trim(&given, &wanted);
    return wanted == length && column_same(name, given, length);
  }
  for (int i = 0; column_words[column][i]; i++)
    if (column_is(name, length, column_words[column][i])) return i + 1;
  return 0;
}

const char *trm__column_rating(const char *name, size_t length) {
  column_trim(&name, &length);
  return column_is(name, length, "guesses") ? "guesses" : "rating";
}

const char *trm__column_list(const trm__column_names *names, trm__column column) {
  const char *given = column_given(names, column);
  if (given) return given;
  return column == TRM__QUESTION ? "question, puzzle, quizzes, sudoku, input, unsolved, board or grid"
         : column == TRM__ANSWER ? "answer, solution, output, solved, target or label"
         : column == TRM__GROUP  ? "group"
         : column == TRM__RATING ? "rating, guesses or difficulty"
                                 : "identifier or puzzle_id";
}
