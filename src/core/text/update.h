/* text/update.h: what the operations on updates without a document share: structs passed on from a reader to a writer.
 *
 * Layer: floor 1, text, private to this room. */
#ifndef DX_TEXT_UPDATE_H
#define DX_TEXT_UPDATE_H

#include "text/struct_reader.h"
#include "text/struct_writer.h"

/* One update read, another one written. */
typedef struct dx_text_rewrite {
    dx_text_reader reader;
    dx_text_writer writer;
    dx_id_set deletes;
    bool writing;    /* a section is open, of */
    uint64_t client; /* this client */
} dx_text_rewrite;

void dx_text_rewrite_init(dx_text_rewrite *it, const dx_alloc *alloc);
void dx_text_rewrite_deinit(dx_text_rewrite *it);
void dx_text_rewrite_begin(dx_text_rewrite *it, dx_text_form form, dx_buf *out);
/* Writes a struct from its offset on, in a section of its client. A key's bit without a key is dropped, as Yjs does where it has
 * no document to take the key from. */
void dx_text_rewrite_struct(dx_text_rewrite *it, const dx_text_struct *from, uint64_t offset);
/* Reads the deletes of the update that is open, writes all there are, and frees everything. */
int dx_text_rewrite_finish(dx_text_rewrite *it);

bool dx_text_form_check(dx_text_form form);

#endif
