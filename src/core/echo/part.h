/* echo/part.h: one block of a transaction while it is being collected.
 *
 * Layer: floor 1, echo, used by mutation.c alone. Created entities come first, in the order of their places,
 * then changed ones in the order of their ids: the order of sections that replicas ask for. Names and values
 * are copied into the part's arena and die when it is cleared. */
#ifndef DX_ECHO_PART_H
#define DX_ECHO_PART_H

#include "base/arena.h"
#include "base/limits.h"
#include "echo/section.h"

/* One path set or, with an empty value, deleted. */
typedef struct dx_part_set {
    dx_bytes path, value;
} dx_part_set;

/* One edit inside the value at a path (docs/spec/object-model.md); an empty payload takes back. */
typedef struct dx_part_edit {
    dx_bytes path, key, payload;
    uint32_t kind;
} dx_part_edit;

/* What the part does to one entity. */
typedef struct dx_part_entity {
    dx_section section; /* its operation is the one of the creation data; sets make another */
    dx_part_set *sets;
    size_t set_count, set_capacity;
    dx_part_edit *edits;
    size_t edit_count, edit_capacity;
} dx_part_entity;

typedef struct dx_part_list {
    dx_part_entity *items;
    size_t count, capacity;
} dx_part_list;

typedef struct dx_part {
    const dx_alloc *alloc;
    dx_arena arena;
    dx_part_list created, changed;
    size_t size; /* of its sections as they stand in a block, at most */
} dx_part;

void dx_part_init(dx_part *part, const dx_alloc *alloc, size_t memory_max);
void dx_part_deinit(dx_part *part);
void dx_part_clear(dx_part *part);
/* What a section with names, values and operation of this size adds to the part, at most. */
size_t dx_part_section_size(size_t content_size);

/* Copies what the section points at. Its place is created.count - 1 afterwards. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_part_create(dx_part *part, const dx_section *section);
/* Begins a change of an entity that stands elsewhere; *at names it in changed. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_part_change(dx_part *part, const dx_place *subject, size_t *at);
/* Sets a path, with an empty value deletes it. What it overwrites is dropped. DX_E_CONFLICT when one
 * operation cannot say it (a path above was set before, data came with the creation, too many sets): it
 * belongs into the next part. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_part_set_path(dx_part *part, dx_part_entity *entity, dx_bytes path, dx_bytes value);

/* Gives the entity its one operation; it has no sets. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_part_operate(dx_part *part, dx_part_entity *entity, dx_bytes operation);

/* Edits at a path; the edit before it with the same path, kind and key gives way (fresh: there is none).
 * DX_E_CONFLICT when one operation cannot say it, as above; DX_E_NO_MEMORY. */
DX_MUST_USE int dx_part_edit_path(dx_part *part, dx_part_entity *entity, const dx_part_edit *edit,
                                  bool fresh);

/* The operation of these sets and edits, docs/spec/object-model.md: [ {path: value…}, [path…] ], with a third item
 * when there are edits. Sorts them. Appends. */
DX_MUST_USE int dx_part_write_operation(dx_part_set *sets, size_t count, dx_part_edit *edits,
                                        size_t edit_count, dx_buf *out);
/* Appends every section as its size (4 bytes, native order: it never leaves this process) and plaintext;
 * *count of them. Sections that came to nothing are left out. scratch: an empty buffer. */
DX_MUST_USE int dx_part_write(dx_part *part, dx_buf *scratch, dx_buf *out, size_t *count);

#endif
