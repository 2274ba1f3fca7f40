/* dx/record.h: what one line of an import means: an object or a link, with the names it goes by and refers
 * to.
 *
 * Layer: apps. A record points into the line's encoded item. Names are compared as encoded items, so that 1
 * and "1" are two. */
#ifndef DX_APP_RECORD_H
#define DX_APP_RECORD_H

#include <dxos/codec.h>

enum { DX_MAPPING_LINKS_MAX = 16 };

/* How foreign objects are read. Nothing given: lines are what `dx export` writes. */
typedef struct dx_mapping {
    bool foreign;
    const char *type;    /* of the new objects, may be NULL */
    const char *key;     /* field others refer to, may be NULL */
    const char *aliases; /* field with further names of the object, weaker than keys; may be NULL */
    const char *links[DX_MAPPING_LINKS_MAX];
    size_t link_count;
} dx_mapping;

typedef enum dx_record_kind {
    DX_RECORD_OBJECT,
    DX_RECORD_LINK,
    DX_RECORD_SET,   /* more of an object that stands elsewhere: data is a map from paths to values */
    DX_RECORD_MEMBER /* what others refer to as a member of the space; it is no object to be made */
} dx_record_kind;

typedef struct dx_record {
    dx_record_kind kind;
    bool deleted;
    dx_bytes key;            /* size 0: nobody can refer to it */
    dx_bytes type;           /* an encoded text, or size 0 */
    dx_bytes parent;         /* a key, or size 0 */
    dx_bytes source, target; /* keys, of a link */
    dx_bytes data;           /* an encoded map, or size 0; of an object with a model whatever that shows */
    dx_bytes model;          /* an encoded text: an object's own model, or size 0 */
    dx_bytes
        provenance;  /* with a model: what brings the object here as it was, an encoded array, or size 0 */
    dx_bytes member; /* the identity in hexadecimal, an encoded text */
} dx_record;

/* DX_E_INVALID: why says what is wrong with it. */
DX_MUST_USE int dx_record_read(const dx_mapping *mapping, dx_bytes item, dx_record *out, const char **why);

/* What becomes of the name in a link field: true when it became a link and leaves the object. */
typedef bool (*dx_on_name)(void *ctx, size_t link, dx_bytes name);

/* Writes a foreign object's data without the names that became links; a field nothing is left of goes too.
 * Calls back for each name, in order. out is at the place for one item. */
DX_MUST_USE int dx_record_write_data(const dx_mapping *mapping, const dx_record *record, dx_on_name on_name,
                                     void *ctx, dx_buf *out);

/* The id that stands for the one referred to, DX_REFERENCE_SIZE bytes; NULL: it stays. */
typedef const uint8_t *(*dx_on_reference)(void *ctx, const uint8_t id[static DX_REFERENCE_SIZE]);

/* Appends the item with other ids in its references; the size stays. *changed: one was another. */
DX_MUST_USE int dx_record_rewrite(dx_bytes item, dx_on_reference on_reference, void *ctx, dx_buf *out,
                                  bool *changed);
/* Appends {path: value} for a member of an object's data. */
DX_MUST_USE int dx_record_write_set(dx_bytes key, dx_bytes value, dx_buf *out);

#endif
