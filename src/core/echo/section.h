/* echo/section.h: the plaintext of one section of a data block: what happens to one entity in one
 * transaction.
 *
 * Layer: floor 1, echo. Every section has exactly one encoding; anything else is DX_E_MALFORMED. Decoded
 * views point into the plaintext. Format in docs/spec/section.md:
 *
 *     section = [subject, [op…]]
 *
 *     subject = null (this place) | [seq, index] (own feed) | [seq, index, feed prefix 16] (another feed)
 *
 *     op = [0, kind, type, model, parent, source, target] (create: exactly when the subject is null)
 *
 *     | [1, operation] (for the model) | [2] (delete) | [3] (restore) | [4, parent] (move)
 *
 * Ops stand in that order, each at most once, one at least. type is null for none, model null for
 * "dx/object/1". parent, source and target have the form of subject with null for none, and [index] for a
 * place of the very same block. Objects have no source and target; links have both and no parent. What is
 * created does not move: its parent stands in its creation. */
#ifndef DX_ECHO_SECTION_H
#define DX_ECHO_SECTION_H

#include <dxos/codec.h>

#include "feed/block.h"

enum { DX_PLACE_SEQ_MAX = 0x7fffffff }; /* 31 bits of an entity's key */

/* The value is the number of items of the encoding, null having none. */
typedef enum dx_place_form {
    DX_PLACE_NONE,  /* null: nothing, or as subject this very section */
    DX_PLACE_BLOCK, /* index in the same block; never a subject */
    DX_PLACE_OWN,   /* the block's own feed */
    DX_PLACE_FEED   /* another feed, named by its prefix */
} dx_place_form;

/* Where an entity was made: what an id says, in the shortest form that is right inside its block. */
typedef struct dx_place {
    dx_place_form form;
    uint64_t seq, index;
    uint8_t feed[DX_PREFIX_SIZE];
} dx_place;

/* Order of subjects inside a block: own feed first, then by prefix, seq, index. <0, 0, >0. */
int dx_place_compare(const dx_place *a, const dx_place *b);

typedef enum dx_section_life { DX_LIFE_KEEP, DX_LIFE_DELETE, DX_LIFE_RESTORE } dx_section_life;

typedef struct dx_section {
    dx_place subject;
    bool creates;
    uint64_t kind;  /* dx_entity_kind; this and the next five only when it creates */
    dx_bytes type;  /* size 0: none */
    dx_bytes model; /* size 0: the model of objects */
    dx_place parent, source, target;
    bool operates;
    dx_bytes operation; /* one encoded item */
    dx_section_life life;
    bool moves;
    dx_place moved_to; /* when it moves: the new parent, NONE: to the top */
} dx_section;

/* DX_OK or DX_E_MALFORMED. own: prefix of the block's feed, which no place may spell out. */
DX_MUST_USE int dx_section_decode(dx_bytes plaintext, const uint8_t own[static DX_PREFIX_SIZE],
                                  dx_section *out);
/* Appends the encoding; errors are the buffer's. */
DX_MUST_USE int dx_section_encode(const dx_section *section, dx_buf *out);

#endif
