/* text/struct_writer.h: makes an update of either form, byte for byte as Yjs makes it (struct.h).
 *
 * Layer: floor 1, text. begin; sections in descending order of clients, each with its structs; finish with the deletes. How many
 * sections and structs there are nobody need know before. Errors are sticky and told by finish; then `out` is as it was at begin.
 * DX_E_LIMIT: the buffer's maximum. DX_E_NO_MEMORY.
 * Memory: v1 is written straight to `out`; v2 into columns, which are kept from update to update. */
#ifndef DX_TEXT_STRUCT_WRITER_H
#define DX_TEXT_STRUCT_WRITER_H

#include "text/column.h"
#include "text/id_set.h"
#include "text/struct.h"

typedef struct dx_text_writer {
    dx_buf *out;
    dx_buf *body; /* v1: out; v2: rest */
    dx_text_form form;
    size_t begun; /* size of out at begin */
    size_t sections_at,
        structs_at; /* where the counts stand in the body, one byte each until they are known */
    uint64_t sections, structs;
    uint64_t keys;
    dx_column_writer key_clock, client, left_clock, right_clock, info, parent_info, type_ref, length,
        string_length;
    dx_buf string, rest;
} dx_text_writer;

void dx_text_writer_init(dx_text_writer *writer, const dx_alloc *alloc);
void dx_text_writer_deinit(dx_text_writer *writer);
void dx_text_writer_begin(dx_text_writer *writer, dx_text_form form, dx_buf *out);
/* The structs that follow are of that client; clock: where they begin. */
void dx_text_writer_section(dx_text_writer *writer, uint64_t client, uint64_t clock);
/* The struct without its first `offset` clocks (0 <= offset < length): what is cut has the clock before it as origin. With
 * has_sub the bit is set, the key written only where no origin stands. */
void dx_text_writer_struct(dx_text_writer *writer, const dx_text_struct *from, uint64_t offset);
/* Ends the update. deletes: settled, or NULL for none. */
DX_MUST_USE int dx_text_writer_finish(dx_text_writer *writer, const dx_id_set *deletes);

#endif
