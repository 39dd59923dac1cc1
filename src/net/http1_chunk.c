/* The grammar is a table: a state and the kind of the next byte give the next state. Nothing that the grammar does not
 * name is skipped: a program in front of this one that skips it would see another end of the body. */
#include "net/http1_chunk.h"

#include "net/grammar.h"

/* Kinds of bytes. WORD is what tokens are made of; REST may stand between quotes alone. */
enum { WORD, SPACE, SEMICOLON, EQUALS, QUOTE, BACKSLASH, END, REST, BAD, KINDS };

/* NO is 0, so that what the table does not name is refused. */
enum { NO, SIZE, SPACED, NAME_BEGIN, NAME, NAME_SPACED, VALUE_BEGIN, VALUE, QUOTED, ESCAPED, CLOSED, CR_SEEN, STATES };

static const unsigned char chunk_next[STATES][KINDS] = {
    [SIZE] = {[SPACE] = SPACED, [SEMICOLON] = NAME_BEGIN, [END] = CR_SEEN}, /* digits are read apart */
    [SPACED] = {[SPACE] = SPACED, [SEMICOLON] = NAME_BEGIN},
    [NAME_BEGIN] = {[SPACE] = NAME_BEGIN, [WORD] = NAME},
    [NAME] = {[WORD] = NAME, [SPACE] = NAME_SPACED, [SEMICOLON] = NAME_BEGIN, [EQUALS] = VALUE_BEGIN, [END] = CR_SEEN},
    [NAME_SPACED] = {[SPACE] = NAME_SPACED, [SEMICOLON] = NAME_BEGIN, [EQUALS] = VALUE_BEGIN},
    [VALUE_BEGIN] = {[SPACE] = VALUE_BEGIN, [WORD] = VALUE, [QUOTE] = QUOTED},
    [VALUE] = {[WORD] = VALUE, [SPACE] = SPACED, [SEMICOLON] = NAME_BEGIN, [END] = CR_SEEN},
    [QUOTED] = {[WORD] = QUOTED,
                [SPACE] = QUOTED,
                [SEMICOLON] = QUOTED,
                [EQUALS] = QUOTED,
                [REST] = QUOTED,
                [QUOTE] = CLOSED,
                [BACKSLASH] = ESCAPED},
    [ESCAPED] = {[WORD] = QUOTED,
                 [SPACE] = QUOTED,
                 [SEMICOLON] = QUOTED,
                 [EQUALS] = QUOTED,
                 [REST] = QUOTED,
                 [QUOTE] = QUOTED,
                 [BACKSLASH] = QUOTED},
    [CLOSED] = {[SPACE] = SPACED, [SEMICOLON] = NAME_BEGIN, [END] = CR_SEEN},
};

static int chunk_kind(unsigned char byte) {
  switch (byte) {
  case ' ':
  case '\t':
    return SPACE;
  case ';':
    return SEMICOLON;
  case '=':
    return EQUALS;
  case '"':
    return QUOTE;
  case '\\':
    return BACKSLASH;
  case '\r':
    return END;
  default:
    return trm__is_token(byte) ? WORD : trm__is_field_text(byte) ? REST : BAD;
  }
}

void trm__chunk_begin(trm__chunk_line *line) {
  *line = (trm__chunk_line){.state = SIZE};
}

trm__chunk_event trm__chunk_read(trm__chunk_line *line, unsigned char byte) {
  int digit = trm__hex_digit(byte);
  if (line->state == CR_SEEN) {
    if (byte != '\n') return TRM__CHUNK_BAD;
    line->state = SIZE;
    line->digits = 0;
    return TRM__CHUNK_WHOLE;
  }
  if (line->state == SIZE && digit >= 0) {
    if (line->digits == 15) return TRM__CHUNK_BAD; /* no size needs them, and 60 bits cannot overflow */
    line->size = (line->digits ? line->size * 16 : 0) + (uint64_t)digit;
    line->digits++;
    return TRM__CHUNK_MORE;
  }
  line->state = line->digits ? chunk_next[line->state][chunk_kind(byte)] : NO;
  if (line->state == NO) return TRM__CHUNK_BAD;
  if (line->state != CR_SEEN) line->extensions++;
  return TRM__CHUNK_MORE;
}
