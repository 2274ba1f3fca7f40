/* dx/help.h: words of help, made from the table of verbs.
 *
 * Layer: apps. */
#ifndef DX_APP_HELP_H
#define DX_APP_HELP_H

#include <stdio.h>

#include "verbs.h"

typedef struct dx_topic {
    const char *name, *title, *text;
} dx_topic;

/* Pages beside the commands; ends with name NULL. */
extern const dx_topic dx_topics[];

void dx_help_all(FILE *out, bool colour);
/* The verbs of a noun; false: there is no such noun. */
bool dx_help_noun(FILE *out, bool colour, const char *noun);
void dx_help_verb(FILE *out, bool colour, const dx_verb *verb);
/* "dx space share SPACE [--role ROLE] …" */
void dx_help_usage(FILE *out, const dx_verb *verb);

#endif
