/* text/types.c: see types.h. */
#include "text/types.h"

#include "text/room.h"

void dx_text_types_init(dx_text_types *types, const dx_alloc *alloc) {
    *types = (dx_text_types){.alloc = alloc, .count = 1, .chain_count = 1};
}

void dx_text_types_deinit(dx_text_types *types) {
    dx_alloc_free(types->alloc, types->rows, types->capacity * sizeof *types->rows);
    dx_alloc_free(types->alloc, types->chains, types->chain_capacity * sizeof *types->chains);
    dx_text_types_init(types, types->alloc);
}

int dx_text_types_reserve(dx_text_types *types, size_t rows, size_t chains) {
    if (rows > DX_TEXT_TYPES_END - types->count || chains > DX_TEXT_TYPES_END - types->chain_count) {
        return DX_E_LIMIT;
    }
    if ((rows != 0 && !dx_text_make_room(types->alloc, &types->rows, &types->capacity, types->count + rows,
                                         sizeof *types->rows)) ||
        (chains != 0 && !dx_text_make_room(types->alloc, &types->chains, &types->chain_capacity,
                                           types->chain_count + chains, sizeof *types->chains))) {
        return DX_E_NO_MEMORY;
    }
    return DX_OK;
}

dx_text_type dx_text_types_put(dx_text_types *types, dx_text_sequence *sequence, dx_text_kind kind,
                               dx_text_ref item, dx_text_name name) {
    DX_ASSERT(types->count < types->capacity);
    dx_text_type type = (dx_text_type)types->count++;
    types->rows[type] = (dx_text_type_row){
        .item = item, .list = dx_text_list_take(sequence, type), .name = name, .kind = (uint8_t)kind};
    types->root_count += item == 0;
    return type;
}

uint32_t dx_text_types_chain(dx_text_types *types, dx_text_sequence *sequence, dx_text_names *names,
                             dx_text_type type, dx_text_name key) {
    uint32_t chain = dx_text_names_value(names, key);
    if (chain != 0) {
        return chain;
    }
    DX_ASSERT(types->chain_count < types->chain_capacity);
    chain = (uint32_t)types->chain_count++;
    dx_text_type_row *row = &types->rows[type];
    types->chains[chain] = (dx_text_chain_row){
        .type = type, .key = key, .list = dx_text_list_take(sequence, chain | (uint32_t)DX_TEXT_OWNER_CHAIN)};
    if (row->last_chain != 0) {
        types->chains[row->last_chain].next = chain;
    } else {
        row->first_chain = chain;
    }
    row->last_chain = chain;
    dx_text_names_set_value(names, key, chain);
    return chain;
}

dx_text_list dx_text_types_entry(const dx_text_types *types, const dx_text_names *names, dx_text_type type,
                                 dx_bytes key) {
    dx_text_name name = dx_text_names_find(names, type, key);
    uint32_t chain = name != 0 ? dx_text_names_value(names, name) : 0;
    return chain != 0 ? types->chains[chain].list : 0;
}
