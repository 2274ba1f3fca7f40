/* text/text_snapshot.c: snapshots read, compared with one another and with updates.
 *
 * Layer: floor 1, text. */
#include "text/text_snapshot.h"
#include "text/update.h"

#include <dxos/text_protocol.h>

void dx_text_snapshot_init(dx_text_snapshot_parts *parts, const dx_alloc *alloc) {
    dx_id_set_init(&parts->deletes, alloc);
    dx_text_clocks_init(&parts->clocks, alloc);
}

void dx_text_snapshot_deinit(dx_text_snapshot_parts *parts) {
    dx_id_set_deinit(&parts->deletes);
    dx_text_clocks_deinit(&parts->clocks);
}

int dx_text_snapshot_decode(dx_text_snapshot_parts *parts, dx_text_form form, dx_bytes snapshot) {
    dx_lib0_reader reader = dx_lib0_reader_of(snapshot);
    dx_id_set_clear(&parts->deletes);
    int error = dx_id_set_read(&parts->deletes, form, &reader);
    dx_id_set_settle(&parts->deletes);
    if (error == DX_OK) {
        error = dx_text_clocks_read(&parts->clocks, &reader);
    }
    return error == DX_OK && dx_lib0_left(&reader) > 0 ? DX_E_MALFORMED : error;
}

/* Two state vectors that differ in clients at clock 0 say the same. */
static bool clocks_cover(const dx_text_clocks *clocks, const dx_text_clocks *part) {
    for (size_t i = 0; i < part->count; i++) {
        if (dx_text_clocks_get(clocks, part->entries[i].client) < part->entries[i].clock) {
            return false;
        }
    }
    return true;
}

int dx_text_snapshots_equal(const dx_alloc *alloc, dx_text_form form, dx_bytes a, dx_bytes b, bool *equal) {
    dx_text_snapshot_parts first, second;
    if (!dx_text_form_check(form)) {
        return DX_E_INVALID;
    }
    dx_text_snapshot_init(&first, alloc);
    dx_text_snapshot_init(&second, alloc);
    int error = dx_text_snapshot_decode(&first, form, a);
    error = error == DX_OK ? dx_text_snapshot_decode(&second, form, b) : error;
    if (error == DX_OK) {
        *equal = dx_id_set_equal(&first.deletes, &second.deletes) &&
                 clocks_cover(&first.clocks, &second.clocks) && clocks_cover(&second.clocks, &first.clocks);
    }
    dx_text_snapshot_deinit(&first);
    dx_text_snapshot_deinit(&second);
    return error;
}

/* Reads an update to its end and looks whether the snapshot has all of it. */
static int covers_update(const dx_text_snapshot_parts *parts, const dx_alloc *alloc, dx_text_form form,
                         dx_bytes update, bool *covers) {
    dx_text_reader reader;
    dx_text_section section;
    dx_text_struct one;
    dx_id_set deletes;
    dx_id_set_init(&deletes, alloc);
    dx_text_reader_init(&reader, alloc);
    dx_text_reader_open(&reader, form, update);
    bool known = true;
    while (dx_text_reader_section(&reader, &section)) {
        uint64_t clock = dx_text_clocks_get(&parts->clocks, section.client);
        while (dx_text_reader_struct(&reader, &one)) {
            known &= one.id.clock + one.length <= clock;
        }
    }
    int error = dx_text_reader_deletes(&reader, &deletes);
    if (error == DX_OK) {
        *covers = known && dx_id_set_covers(&parts->deletes, &deletes);
    }
    dx_text_reader_deinit(&reader);
    dx_id_set_deinit(&deletes);
    return error;
}

int dx_text_snapshot_contains(const dx_alloc *alloc, dx_text_form form, dx_bytes snapshot, dx_bytes update,
                              bool *contains) {
    dx_text_snapshot_parts parts;
    if (!dx_text_form_check(form)) {
        return DX_E_INVALID;
    }
    dx_text_snapshot_init(&parts, alloc);
    int error = dx_text_snapshot_decode(&parts, form, snapshot);
    error = error == DX_OK ? covers_update(&parts, alloc, form, update, contains) : error;
    dx_text_snapshot_deinit(&parts);
    return error;
}
