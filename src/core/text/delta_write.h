/* text/delta_write.h: a delta in JSON, operation by operation: what changed (observe.c), what stood there once (version.c).
 *
 * Layer: floor 1, text, private to the engine. Neighbours of one kind and one formatting become one operation; a retain at the end that
 * changes nothing is left out. The first error stays, and is what finish gives. */
#ifndef DX_TEXT_DELTA_WRITE_H
#define DX_TEXT_DELTA_WRITE_H

#include "text/attributes.h"
#include "text/document.h"

typedef struct dx_text_delta_writer {
    const dx_text_doc *doc;
    dx_buf *json;
    size_t begun;   /* size of json before */
    uint8_t kind;   /* of the operation under way */
    uint64_t count; /* RETAIN, DELETE */
    dx_buf content; /* of inserts: characters, or values in JSON with commas */
    dx_text_attributes attributes;
    const char *mark; /* what `ychange` says of it; NULL: nothing */
    dx_buf any;
    bool any_before;
    int error;
} dx_text_delta_writer;

void dx_text_delta_begin(dx_text_delta_writer *self, const dx_text_doc *doc, dx_buf *json);
/* attributes: a row whose value is 0 says null; NULL: none. mark: a constant, compared by address. */
void dx_text_delta_retain(dx_text_delta_writer *self, uint64_t count, const dx_text_attributes *attributes);
void dx_text_delta_delete(dx_text_delta_writer *self, uint64_t count);
/* The units from..to of an item that counts: characters, what is embedded, or values of an array. */
void dx_text_delta_insert(dx_text_delta_writer *self, dx_text_ref ref, uint32_t from, uint32_t to,
                          const dx_text_attributes *attributes, const char *mark);
/* What follows is an operation of its own. */
void dx_text_delta_break(dx_text_delta_writer *self);
int dx_text_delta_finish(dx_text_delta_writer *self);

#endif
