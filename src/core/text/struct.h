/* text/struct.h: the structs of an update, one after another, whichever form it has.
 *
 * Layer: floor 1, text. A reader walks an update of form v1 or v2 without building anything; a writer makes one. Both know all
 * kinds of content and none of what they mean (docs/spec/text.md, Updates). The reader checks: lengths against what is left,
 * UTF-8, numbers up to 2^53-1, sums that do not run over, no empty struct; whatever it hands out is well formed. A count costs
 * nothing until its structs are there.
 * Ownership: views point into the update or into the reader's scratch and hold until the next struct is read. */
#ifndef DX_TEXT_STRUCT_H
#define DX_TEXT_STRUCT_H

#include <dxos/text.h>

/* Content references of the wire. */
enum {
    DX_TEXT_GC = 0,
    DX_TEXT_DELETED = 1,
    DX_TEXT_JSON = 2,
    DX_TEXT_BINARY = 3,
    DX_TEXT_STRING = 4,
    DX_TEXT_EMBED = 5,
    DX_TEXT_FORMAT = 6,
    DX_TEXT_TYPE = 7,
    DX_TEXT_ANY = 8,
    DX_TEXT_DOC = 9,
    DX_TEXT_SKIP = 10
};

typedef struct dx_text_id {
    uint64_t client, clock;
} dx_text_id;

/* Where an item without origins stands. */
typedef enum dx_text_parent { DX_TEXT_PARENT_COPIED, DX_TEXT_PARENT_ROOT, DX_TEXT_PARENT_ID } dx_text_parent;

typedef struct dx_text_struct {
    dx_text_id id;
    uint64_t length; /* in clocks, at least 1 */
    uint8_t ref;
    bool has_origin, has_right;
    bool has_sub; /* the bit of the info byte; with an origin there is no key behind it */
    dx_text_parent parent;
    uint8_t type_ref; /* DX_TEXT_TYPE */
    dx_text_id origin, right;
    dx_bytes parent_name; /* PARENT_ROOT */
    dx_text_id parent_id; /* PARENT_ID */
    dx_bytes sub;         /* with PARENT_ROOT or PARENT_ID */
    /* FORMAT: its key. TYPE: name of an element or hook. DOC: guid. */
    dx_bytes key;
    /* STRING: WTF-8 (a half of a pair that v2 tore apart is three bytes ED A0..BF xx). BINARY: the bytes. EMBED, FORMAT: one
     * value in lib0's form `any`. ANY: `length` such values. JSON: `length` strings, each a varUint and bytes.
     * DOC: one value, the options. Else empty. */
    dx_bytes content;
} dx_text_struct;

#endif
