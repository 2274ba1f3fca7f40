/* dx/verb_rows.h: the rows of the table of verbs (verbs.h), a file for each group of nouns, and what they share.
 *
 * Layer: apps, private to the verbs_*.c files. Each list ends with noun NULL. */
#ifndef DX_APP_VERB_ROWS_H
#define DX_APP_VERB_ROWS_H

#include "verbs.h"

#define SPACE_ARGUMENT                                                                                       \
    { "SPACE", "its name, its id, or the beginning of its id (4 digits or more)", false, false }
#define TYPE_ARGUMENT                                                                                        \
    { "TYPE", "the name of a type of objects", false, false }
#define OBJECT_ARGUMENT                                                                                      \
    { "ID", "the object's id; its last part may be shortened", false, false }
#define ARRAY_ARGUMENT                                                                                       \
    { "KEY", "the key or path of an array; nothing there is an empty one", false, false }
#define AT_OPTION                                                                                            \
    { "at", 0, "N", "the item's number, the first being 0", false }

#define POINT_OPTION(words)                                                                                  \
    { "at", 0, "POINT", words ", from dx history", false }

extern const dx_verb dx_space_verbs[];    /* halo, device, space, invitation */
extern const dx_verb dx_object_verbs[];   /* object, link, schema */
extern const dx_verb dx_text_verbs[];     /* text */
extern const dx_verb dx_question_verbs[]; /* query, sql, index, watch, history, undo, redo, import, export */
extern const dx_verb dx_program_verbs[];  /* the network, and this program */

#endif
