/* An action as a plugin: a shared object that trm loads into a process of its own for each call.
 *
 *     cc -shared -fPIC -o reverse.so plugin.c
 *     echo '{"trm": 1, "kind": "action", "name": "reverse", "description": "Reverses a text.",
 *            "plugin": "/path/reverse.so"}' > reverse.json
 *     trm action call reverse '{"text": "abc"}' --definitions reverse.json --allow /path/reverse.so
 *
 * It reads the text without a JSON library, so it knows no escapes; a real one uses jansson. */
#include <stdlib.h>
#include <string.h>

/* input: the action's input as JSON. *output (malloc): its output as JSON when 0 is returned; when 1 is, it failed, and
 * 2, another attempt may help, a sentence for people. */
int trm_plugin_call(const char *action, const char *input, char **output);

int trm_plugin_call(const char *action, const char *input, char **output) {
  static const char key[] = "\"text\":\"";
  const char *text = strstr(input, key);
  if (strcmp(action, "reverse") != 0 || !text) {
    *output = strdup("expected {\"text\": ...}");
    return 1;
  }
  text += sizeof key - 1;
  size_t length = strcspn(text, "\"\\");
  char *answer = malloc(length + 32);
  if (!answer) return 2;
  strcpy(answer, "{\"text\":\"");
  char *end = answer + strlen(answer);
  for (size_t i = 0; i < length; i++) *end++ = text[length - 1 - i];
  strcpy(end, "\"}");
  *output = answer;
  return 0;
}
