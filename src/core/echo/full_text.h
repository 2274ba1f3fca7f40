/* echo/full_text.h: words of the objects of one type: which objects hold them, how well, and where.
 *
 * Layer: floor 1, echo. docs/spec/query.md, Full text. A text index is an index (index.h) without a path: all texts that
 * stand at the top of an object's data. Its words are in an FTS5 table of its own, text_ID, which holds no text: what is
 * removed is told by the row before. Words are those of FTS5's unicode61: letters and digits, without case and accents.
 *
 * Ranking: for each word or phrase asked for, its rarity times tf / (tf + 1.2), tf being how often it stands in the object;
 * the length of an object counts for nothing, so that no second table has to be read for each match. One word alone has
 * no rarity to compare. */
#ifndef DX_ECHO_FULL_TEXT_H
#define DX_ECHO_FULL_TEXT_H

#include "echo/index.h"

enum {
    DX_FULL_TEXT_TERMS_MAX = 16,      /* words and phrases of one question */
    DX_FULL_TEXT_QUESTION_MAX = 1024, /* bytes of it */
    DX_FULL_TEXT_SNIPPET_WORDS = 16
};

/* Words, "phrases", beginnings* and -exclusions as FTS5 takes them; every word must be there. DX_E_INVALID: nothing to look
 * for, too many terms, a control character, a quote that does not end. */
DX_MUST_USE int dx_full_text_parse(dx_bytes question, dx_buf *expression);

DX_MUST_USE int dx_full_text_create(dx_context *context, int64_t index);
DX_MUST_USE int dx_full_text_drop(dx_context *context, int64_t index);
/* The words of an entity leave and enter; size 0: none. */
DX_MUST_USE int dx_full_text_change(dx_context *context, int64_t index, int64_t key, dx_bytes before,
                                    dx_bytes after);
/* What left the space's tables leaves no trace in them: what FTS5 only marks as gone is written anew without it. */
DX_MUST_USE int dx_full_text_scrub(dx_context *context, const dx_space *space);
/* Appends the texts at the top of a view, a line each. */
void dx_full_text_gather(dx_bytes view, dx_buf *out);

/* A statement of (key, rank) over what matches the expression and has a key above `after`, at most `limit` rows; the
 * expression is borrowed. The caller discards it. NULL after a failure. */
sqlite3_stmt *dx_full_text_query(dx_context *context, int64_t index, dx_bytes expression, int64_t after,
                                 int64_t limit);
/* Writes the best piece of the view's texts as an array of texts: outside of a match, a match, outside… */
DX_MUST_USE int dx_full_text_snippet(dx_context *context, dx_bytes question, dx_bytes view, dx_buf *out);

#endif
