/* text/struct_reader.h: walks an update of either form without building anything (struct.h).
 *
 * Layer: floor 1, text. open; then for each section its structs; then the deletes; then finish, which alone says whether all of
 * it was well formed. After an error nothing more comes. What stands behind the last delete is not looked at, as in Yjs: an old yrs
 * wrote a range more than it counted.
 * DX_E_MALFORMED: cut off, not UTF-8, a number beyond 2^53-1, a struct of no length, JSON that is none.
 * DX_E_UNSUPPORTED: a kind of content or of type that nobody knows. DX_E_LIMIT: values nested too deep; more structs than the size
 * allows (v2 has structs of no bytes). DX_E_NO_MEMORY.
 * Memory: what a struct needs beside the update (a value from JSON, a pair that v2 cut), kept from update to update; a small
 * update read again takes none. */
#ifndef DX_TEXT_STRUCT_READER_H
#define DX_TEXT_STRUCT_READER_H

#include "text/column.h"
#include "text/id_set.h"
#include "text/struct.h"

/* The structs of one client that follow each other. */
typedef struct dx_text_section {
    uint64_t client, clock; /* of the first */
    uint64_t count;         /* as the update says: nothing to reserve by */
} dx_text_section;

typedef struct dx_text_reader {
    dx_lib0_reader rest; /* v1: all of it */
    dx_text_form form;
    int error;                                           /* sticky */
    uint64_t sections, structs, delete_clients, deletes; /* left to read */
    bool deleting;                                       /* the count of delete_clients was read */
    dx_text_id next;                                     /* id of the next struct */
    uint64_t allowance;                                  /* structs that may still come */
    uint64_t delete_client, delete_end;
    dx_column_reader key_clock, client, left_clock, right_clock, info, parent_info, type_ref, length,
        string_length;
    dx_bytes strings;      /* v2: all characters that are left */
    uint64_t string_units; /* in UTF-16 */
    bool torn; /* the first of them is the second half of its pair: the string before had the first */
    size_t keys_max;
    dx_buf keys;    /* v2: dx_bytes each, names that came by number */
    dx_buf scratch; /* content that stands in the update in another form */
} dx_text_reader;

void dx_text_reader_init(dx_text_reader *reader, const dx_alloc *alloc);
void dx_text_reader_deinit(dx_text_reader *reader);
/* Begins an update, which stays where it is until finish. */
void dx_text_reader_open(dx_text_reader *reader, dx_text_form form, dx_bytes update);
/* False: no further one, or an error. Structs of the one before that were not read are read over. */
bool dx_text_reader_section(dx_text_reader *reader, dx_text_section *section);
/* False: the section's end, or an error. */
bool dx_text_reader_struct(dx_text_reader *reader, dx_text_struct *out);
/* The deletes, range by range, in the order of the update; ranges of no length are passed over. Sections that were not read are
 * read over. */
bool dx_text_reader_delete(dx_text_reader *reader, dx_id_range *range);
/* All deletes that are left, added to the set, which is settled then; and finish. */
DX_MUST_USE int dx_text_reader_deletes(dx_text_reader *reader, dx_id_set *deletes);
/* Reads over what is left. */
DX_MUST_USE int dx_text_reader_finish(dx_text_reader *reader);

#endif
