/* echo/space_scope.h: what of a space a vault keeps: all of it, or objects and links of some types, or what happened since
 * a time; and, beside that, what matches a question.
 *
 * Layer: floor 1, echo. docs/spec/partial.md. Every vault has all blocks; a partial one has, of sections that its scope
 * leaves out, only the hashes (feed/hole.h). So heads, dependencies and stamps are the same on every vault, and what is
 * left out can come later, in any order (late.h). A section belongs to a scope by the entity it is about, and by the
 * clear time of its block; types of the house's own (dx.) belong to every scope. What matches the scope's question is
 * outside by that, and fetched by id as members tell it (sync/match.c).
 *
 * The scope of a space here is stored, and told to peers (sync/scope.c). Ownership: types point into the scope's item. */
#ifndef DX_ECHO_SPACE_SCOPE_H
#define DX_ECHO_SPACE_SCOPE_H

#include "echo/space.h"

typedef struct dx_space_scope {
    bool names_types; /* otherwise all are in it */
    size_t type_count;
    dx_bytes types[DX_SCOPE_TYPES_MAX]; /* ascending as bytes, each once; none: only those of the house */
    uint64_t since_ms;                  /* blocks whose author's clock said earlier are old; 0: none is */
    dx_bytes question;                  /* what matches it is kept, too (query.md); size 0: none is asked */
    dx_buf item;                        /* as it is stored; size 0: all */
} dx_space_scope;

void dx_space_scope_init(dx_space_scope *scope, const dx_alloc *alloc); /* all */
void dx_space_scope_deinit(dx_space_scope *scope);
bool dx_space_scope_is_partial(const dx_space_scope *scope);
/* [types or null, since], and behind that a question, if it has one. Strict: DX_E_MALFORMED, and the scope is what it was;
 * DX_E_NO_MEMORY. */
DX_MUST_USE int dx_space_scope_read(dx_space_scope *scope, dx_bytes item);
/* Writes the item, of all too. */
void dx_space_scope_write(const dx_space_scope *scope, dx_writer *out);
/* The same without the question: what sections are held against, which is what others are told. */
void dx_space_scope_write_sections(const dx_space_scope *scope, dx_writer *out);
/* The same of the scope with these types and no time. */
void dx_space_scope_write_types(const dx_space_scope *scope, dx_writer *out);
/* Whether all sections that are in the second are in the first; questions are not looked at. */
bool dx_space_scope_covers(const dx_space_scope *scope, const dx_space_scope *other);
/* Whether all entities of a type are in it, whenever something happened to them. */
bool dx_space_scope_covers_type(const dx_space_scope *scope, dx_bytes type);

/* --- The scope of a space here --------------------------------------------------------------------- */

/* space->scope, from its row. */
DX_MUST_USE int dx_space_scope_load(dx_context *context, dx_space *space);
/* Another one, stored, from types ascending or NULL, and a time. What was left out by the one before is missing again,
 * unless that holds all of this one; nothing that is here goes. DX_E_INVALID: types that no scope can name. */
DX_MUST_USE int dx_space_scope_set(dx_context *context, dx_space *space, const dx_space_scope *scope);
/* The same one, as if it were another: what was left out by it is missing again, and asked for anew. */
DX_MUST_USE int dx_space_scope_renew(dx_context *context, dx_space *space);
/* What follows from either, bounded: so many blocks. *more: call again; until it is done nothing is left out nor asked for. */
DX_MUST_USE int dx_space_scope_run(dx_context *context, dx_space *space, size_t budget, bool *more);
/* A member has told what matches the scope's question, and all of that is here. */
DX_MUST_USE int dx_space_scope_note_told(dx_context *context, dx_space *space,
                                         const uint8_t who[static DX_KEY_SIZE]);
/* Notes that the holes of the feed's blocks [from, end) that were missing are outside, all of them, and who says so
 * (dx_holes.word). */
DX_MUST_USE int dx_space_scope_excuse(dx_context *context, const dx_feed *feed, uint64_t from, uint64_t end,
                                      int64_t word);
/* Notes that a second one says the same of a block. */
DX_MUST_USE int dx_space_scope_agree(dx_context *context, const dx_feed *feed, uint64_t seq);
/* Sections that are not here: by the scope, and others that nobody gave yet (purged ones are neither). */
DX_MUST_USE int dx_space_scope_count(dx_context *context, dx_space *space, uint64_t *outside,
                                     uint64_t *missing);

/* Whether an answer about all entities of a type (NULL: of any) may lack some: they are outside, or missing. */
DX_MUST_USE int dx_space_scope_is_short(dx_context *context, dx_space *space, const dx_bytes *type,
                                        bool *is_short);

/* --- Sections -------------------------------------------------------------------------------------- */

/* Whose scope sections are held against: a peer's. */
typedef struct dx_scope_judge {
    dx_context *context;
    dx_space *space;
    const dx_space_scope *scope;
    int64_t seen_feed; /* the block whose time was looked at last, 0: none */
    uint64_t seen_seq, seen_ms;
    int64_t type; /* the number whose name was looked at last, 0: none */
    bool type_is_in, type_is_hidden;
} dx_scope_judge;

/* Whether a sealed section of a decoded block is outside. What cannot be told here (no key, no such entity) is not. Uses
 * the space's scratch for plain text. */
DX_MUST_USE int dx_scope_judge_section(dx_scope_judge *judge, const dx_feed *feed, uint64_t seq,
                                       const dx_block *block, uint64_t index, dx_bytes sealed, bool *outside);
/* Appends the block, with the hashes alone of what is outside. *lacks: something else is not here either, which the peer
 * must ask others for. Uses the space's scratch. */
DX_MUST_USE int dx_scope_judge_block(dx_scope_judge *judge, const dx_feed *feed, uint64_t seq, dx_buf *out,
                                     bool *lacks);
/* Whether of a stored block something is not here that the peer's scope does not leave out, as far as that can be told. */
DX_MUST_USE int dx_scope_judge_lacks(dx_scope_judge *judge, const dx_feed *feed, uint64_t seq, bool *lacks);

/* --- Entities that are to be whole ----------------------------------------------------------------- */

/* Something that is in the scope happened to an entity of which not all is here: all of it is to be fetched. */
DX_MUST_USE int dx_space_seek(dx_context *context, const dx_space *space, int64_t key);
/* The first such entity behind a key. DX_E_NOT_FOUND. */
DX_MUST_USE int dx_space_sought(dx_context *context, const dx_space *space, int64_t after, int64_t *key);
DX_MUST_USE int dx_space_sought_done(dx_context *context, const dx_space *space, int64_t key);

#endif
