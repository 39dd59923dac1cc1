/* Tables for people: --help in aligned columns and man page entries. Both show the same parts of an entry: the option
 * with its value, the help line, then choices and default in brackets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text/options.h"
#include "base/text/options_internal.h"
#include "base/text/roff.h"

/* A text that grows; data is NULL after a failed allocation, and stays so. */
struct text {
  char *data;
  size_t used, room;
  int failed;
};

static void text_add(struct text *text, const char *s, size_t length) {
  if (text->failed) return;
  if (text->used + length + 1 > text->room) {
    size_t room = 2 * text->room + length + 1024;
    char *data = trm__realloc(text->data, room, 1);
    if (!data) {
      trm__free(text->data);
      *text = (struct text){.failed = 1};
      return;
    }
    text->data = data;
    text->room = room;
  }
  memcpy(text->data + text->used, s, length);
  text->used += length;
  text->data[text->used] = 0;
}

static void text_add_string(struct text *text, const char *s) {
  text_add(text, s, strlen(s));
}

static void text_add_spaces(struct text *text, size_t count) {
  while (count--) text_add(text, " ", 1);
}

static const char *option_metavar(const trm_option *option) {
  if (option->metavar) return option->metavar;
  switch (option->type) {
  case TRM_OPT_BOOL:
    return "";
  case TRM_OPT_INT:
    return "N";
  case TRM_OPT_REAL:
    return "X";
  case TRM_OPT_ENUM:
    return "NAME";
  case TRM_OPT_STRING:
    return "TEXT";
  }
  return "";
}

/* A flag that is on by default is shown as what switches it off. */
static int option_shown_negated(const trm_option *option) {
  return option->type == TRM_OPT_BOOL && option->default_text && strcmp(option->default_text, "true") == 0;
}

static void option_syntax(const trm_option *option, char *word, size_t size) {
  const char *value = option->type == TRM_OPT_BOOL ? "" : option_metavar(option);
  char name[80];
  trm__option_word(option->name, strlen(option->name), name, sizeof name);
  snprintf(word, size, "--%s%s%s%s", option_shown_negated(option) ? "[no-]" : "", name + 2, *value ? " " : "", value);
}

/* "help (a, b or c; default: x)", with synonyms "help (a, b or c; default: x; also --y)". */
static void option_sentence(const trm_option *option, int with_synonyms, struct text *text) {
  const char *before = " (";
  if (option->help) text_add_string(text, option->help);
  if (option->type == TRM_OPT_ENUM) {
    size_t length;
    const char *choice;
    for (int i = 0; (choice = trm__option_choice(option, i, &length)); i++) {
      text_add_string(text, i ? choice[length] ? ", " : " or " : before);
      text_add(text, choice, length);
      before = "; ";
    }
  }
  int says_default = option->default_text && *option->default_text && option->type != TRM_OPT_BOOL;
  if (says_default || option_shown_negated(option)) {
    text_add_string(text, before);
    text_add_string(text, "default: ");
    text_add_string(text, says_default ? option->default_text : "on");
    before = "; ";
  }
  trm__option_name synonym;
  for (int i = 0; with_synonyms && (synonym = trm__option_synonym(option, i)).option; i++) {
    char word[80];
    trm__option_word(synonym.text, synonym.length, word, sizeof word);
    text_add_string(text, i ? ", " : before);
    text_add_string(text, i ? "" : "also ");
    text_add_string(text, synonym.inverse ? "--no-" : "--");
    text_add_string(text, word + 2);
    before = "; ";
  }
  if (before[0] == ';') text_add_string(text, ")");
}

/* Words of sentence from column indent on, lines of at most columns bytes. */
static void text_add_wrapped(struct text *text, const char *sentence, size_t indent, size_t columns) {
  size_t at = indent;
  while (*sentence) {
    size_t length = strcspn(sentence, " ");
    if (at > indent && at + 1 + length > columns) {
      text_add(text, "\n", 1);
      text_add_spaces(text, indent);
      at = indent;
    } else if (at > indent) {
      text_add(text, " ", 1);
      at++;
    }
    text_add(text, sentence, length);
    at += length;
    sentence += length;
    sentence += strspn(sentence, " ");
  }
  text_add(text, "\n", 1);
}

static size_t option_help_indent(const trm_option *table, size_t count) {
  size_t widest = 0;
  for (size_t i = 0; i < count; i++) {
    char word[160];
    option_syntax(&table[i], word, sizeof word);
    size_t length = strlen(word);
    if (length > widest && length <= 26) widest = length; /* longer ones stand on a line of their own */
  }
  return widest + 4;
}

static void option_add_help(struct text *text, const trm_option *option, size_t indent, size_t columns) {
  char word[160];
  struct text sentence = {0};
  option_syntax(option, word, sizeof word);
  option_sentence(option, 0, &sentence);
  text_add_string(text, "  ");
  text_add_string(text, word);
  if (strlen(word) + 4 > indent) {
    text_add(text, "\n", 1);
    text_add_spaces(text, indent);
  } else {
    text_add_spaces(text, indent - 2 - strlen(word));
  }
  if (sentence.failed) {
    trm__free(text->data);
    *text = (struct text){.failed = 1};
  } else {
    text_add_wrapped(text, sentence.data ? sentence.data : "", indent, columns);
  }
  trm__free(sentence.data);
}

char *trm__options_help(const trm_option *table, size_t count, int columns) {
  struct text text = {0};
  size_t width = columns <= 0 ? 80 : columns < 50 ? 50 : (size_t)columns, indent = option_help_indent(table, count);
  const char *group = "";
  text_add_string(&text, "");
  for (size_t i = 0; i < count; i++) {
    if (table[i].group && strcmp(table[i].group, group) != 0) {
      group = table[i].group;
      if (i) text_add(&text, "\n", 1);
      text_add_string(&text, group);
      text_add_string(&text, ":\n");
    }
    option_add_help(&text, &table[i], indent, width);
  }
  return text.data;
}

static void text_add_roff(struct text *text, const char *s) {
  char escaped[4];
  for (int start = 1; *s; s++, start = 0) text_add_string(text, trm__roff_char(*s, start, escaped));
}

static void option_add_man(struct text *text, const trm_option *option) {
  char word[160];
  struct text sentence = {0};
  option_syntax(option, word, sizeof word);
  option_sentence(option, 1, &sentence);
  char *value = strchr(word, ' ');
  if (value) *value++ = 0;
  text_add_string(text, ".TP\n\\fB");
  text_add_roff(text, word);
  text_add_string(text, "\\fR");
  if (value) {
    text_add_string(text, " \\fI");
    text_add_roff(text, value);
    text_add_string(text, "\\fR");
  }
  text_add(text, "\n", 1);
  if (sentence.data) text_add_roff(text, sentence.data);
  text_add(text, "\n", 1);
  if (sentence.failed) {
    trm__free(text->data);
    *text = (struct text){.failed = 1};
  }
  trm__free(sentence.data);
}

char *trm__options_man(const trm_option *table, size_t count) {
  struct text text = {0};
  const char *group = "";
  text_add_string(&text, "");
  for (size_t i = 0; i < count; i++) {
    if (table[i].group && strcmp(table[i].group, group) != 0) {
      group = table[i].group;
      text_add_string(&text, ".SS ");
      text_add_roff(&text, group);
      text_add(&text, "\n", 1);
    }
    option_add_man(&text, &table[i]);
  }
  return text.data;
}

void trm__options_free(char *text) {
  trm__free(text);
}
