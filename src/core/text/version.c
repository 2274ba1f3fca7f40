/* text/version.c: what a document was at a snapshot, and what is different at another (dxos/text_history.h).
 *
 * A snapshot shows the clocks below its state that its deletes do not name; both may end inside of an item as it is now, so items are
 * looked at run by run. */
#include <dxos/text_history.h>

#include "text/delta_write.h"
#include "text/pen.h"
#include "text/text_snapshot.h"

/* The bytes, if any, of a state that the document has reached; else DX_E_NOT_FOUND. */
static int decode(const dx_text_doc *doc, dx_text_form form, dx_bytes bytes, dx_text_snapshot_parts *parts) {
    int error = dx_text_snapshot_decode(parts, form, bytes);
    dx_text_clients clients = doc->clients; /* finding remembers */
    for (size_t i = 0; error == DX_OK && i < parts->clocks.count; i++) {
        const dx_text_clock *entry = &parts->clocks.entries[i];
        uint32_t client = dx_text_clients_find(&clients, entry->client);
        uint64_t state = client == DX_TEXT_NO_CLIENT ? 0 : dx_text_ids_state(doc->sequence, client);
        error = entry->clock > state ? DX_E_NOT_FOUND : DX_OK;
    }
    return error;
}

/* Whether a clock is shown; *end: where the run that shares its lot ends, at most as far as it is now. */
static bool shows(const dx_text_snapshot_parts *parts, uint64_t client, uint64_t clock, uint64_t *end) {
    uint64_t state = dx_text_clocks_get(&parts->clocks, client);
    if (clock >= state) {
        return false;
    }
    *end = *end < state ? *end : state;
    size_t at = dx_id_set_find(&parts->deletes, client, clock);
    if (at == parts->deletes.count) {
        return true;
    }
    const dx_id_range *range = &parts->deletes.ranges[at];
    bool deleted = clock >= range->clock;
    uint64_t turn = deleted ? range->clock + range->length : range->clock;
    *end = *end < turn ? *end : turn;
    return !deleted;
}

typedef struct reading {
    const dx_text_doc *doc;
    dx_text_snapshot_parts now, before;
    bool compares;
    dx_text_attributes attributes; /* at `now` */
    dx_text_delta_writer out;
    uint64_t gone;
} reading;

static void read_run(reading *self, dx_text_ref ref, uint32_t from, uint32_t to, bool shown,
                     bool shown_before) {
    const dx_text_item *item = dx_text_item_at(self->doc->sequence, ref);
    const char *mark = !self->compares || shown == shown_before ? NULL : shown ? "added" : "removed";
    if (!shown && !shown_before) {
        return;
    }
    if (item->ref == DX_TEXT_DELETED) {
        self->gone += to - from;
    } else if (item->ref == DX_TEXT_FORMAT && shown) {
        dx_text_attribute row = dx_text_attribute_of(self->doc, ref);
        int error = dx_text_attributes_reserve(&self->attributes, 1);
        self->out.error = self->out.error != DX_OK ? self->out.error : error;
        dx_text_delta_break(&self->out); /* as in the delta of the whole text */
        if (dx_text_value_is_null(&self->doc->names, row.value)) {
            dx_text_attributes_remove(&self->attributes, row.key);
        } else if (error == DX_OK) {
            dx_text_attributes_set(&self->attributes, row);
        }
    } else if (item->ref == DX_TEXT_STRING || item->ref == DX_TEXT_EMBED || item->ref == DX_TEXT_TYPE) {
        dx_text_delta_insert(&self->out, ref, from, to, &self->attributes, mark);
    }
}

static void read_item(reading *self, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(self->doc->sequence, ref);
    uint64_t client = self->doc->clients.rows[item->client].id;
    for (uint32_t at = 0; at < item->length;) {
        uint64_t end = (uint64_t)item->clock + item->length;
        bool shown = shows(&self->now, client, item->clock + at, &end);
        bool before = self->compares && shows(&self->before, client, item->clock + at, &end);
        uint32_t stop = (uint32_t)(end - item->clock);
        read_run(self, ref, at, stop, shown, before);
        at = stop;
    }
}

int dx_text_delta_at(const dx_text_doc *doc, dx_text_type type, dx_text_form form, dx_bytes snapshot,
                     const dx_bytes *before, dx_buf *json, uint64_t *gone) {
    dx_text_list list = 0;
    if (doc == NULL || json == NULL || (form != DX_TEXT_V1 && form != DX_TEXT_V2)) {
        return DX_E_INVALID;
    }
    int error = dx_text_editable(doc, type, DX_TEXT_KINDS_TEXT, &list);
    if (error == DX_E_NOT_FOUND && !doc->types.rows[type].gone) {
        list = doc->types.rows[type].list; /* deleted, and still here */
        error = DX_OK;
    }
    if (error != DX_OK) {
        return error;
    }
    reading self = {.doc = doc, .compares = before != NULL};
    dx_text_snapshot_init(&self.now, &doc->alloc);
    dx_text_snapshot_init(&self.before, &doc->alloc);
    dx_text_attributes_init(&self.attributes, &doc->alloc);
    error = decode(doc, form, snapshot, &self.now);
    error = error != DX_OK || before == NULL ? error : decode(doc, form, *before, &self.before);
    if (error == DX_OK) {
        dx_text_delta_begin(&self.out, doc, json);
        dx_text_ref ref = dx_text_list_first(doc->sequence, list);
        for (; ref != 0 && self.out.error == DX_OK; ref = dx_text_item_next(doc->sequence, ref)) {
            read_item(&self, ref);
        }
        error = dx_text_delta_finish(&self.out);
    }
    if (error == DX_OK && gone != NULL) {
        *gone = self.gone;
    }
    dx_text_attributes_deinit(&self.attributes);
    dx_text_snapshot_deinit(&self.before);
    dx_text_snapshot_deinit(&self.now);
    return error;
}

/* --- As an update ------------------------------------------------------------------------------ */

/* Whether all that the snapshot shows of an item is still here. */
static bool is_kept(const dx_text_doc *doc, const dx_text_item *item, const dx_text_snapshot_parts *parts) {
    if (item->ref != DX_TEXT_DELETED && item->ref != DX_TEXT_GC) {
        return true;
    }
    uint64_t client = doc->clients.rows[item->client].id, end = (uint64_t)item->clock + item->length;
    for (uint64_t at = item->clock; at < end;) {
        uint64_t stop = end;
        if (shows(parts, client, at, &stop)) {
            return false;
        }
        at = stop;
    }
    return true;
}

static int write_client(dx_text_doc *doc, uint32_t client, uint64_t end,
                        const dx_text_snapshot_parts *parts) {
    dx_text_ref ref = dx_text_ids_first(doc->sequence, client);
    dx_text_writer_section(&doc->writer, doc->clients.rows[client].id, 0);
    for (; ref != 0; ref = dx_text_ids_next(doc->sequence, ref)) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        dx_text_struct what;
        if (item->clock >= end) {
            break;
        }
        if (!is_kept(doc, item, parts)) {
            return DX_E_NOT_FOUND;
        }
        int error = dx_text_doc_describe(doc, ref, &what);
        if (error != DX_OK) {
            return error;
        }
        what.length = what.length < end - item->clock ? what.length : end - item->clock; /* GC is never cut */
        dx_text_writer_struct(&doc->writer, &what, 0);
    }
    return DX_OK;
}

static int write_version(dx_text_doc *doc, dx_text_form form, const dx_text_snapshot_parts *parts,
                         dx_buf *update) {
    size_t begun = update->size;
    int error = DX_OK;
    dx_text_writer_begin(&doc->writer, form, update);
    for (uint32_t i = 0; error == DX_OK && i < doc->clients.count; i++) {
        uint32_t client = doc->clients.sorted[i];
        uint64_t end = dx_text_clocks_get(&parts->clocks, doc->clients.rows[client].id);
        if (end != 0) {
            error = write_client(doc, client, end, parts);
        }
    }
    int finished = dx_text_writer_finish(&doc->writer, &parts->deletes);
    error = error != DX_OK ? error : finished;
    if (error != DX_OK && update->size > begun) {
        update->size = begun;
    }
    return error;
}

int dx_text_version(dx_text_doc *doc, dx_text_form form, dx_bytes snapshot, dx_buf *update) {
    if (doc == NULL || update == NULL || (form != DX_TEXT_V1 && form != DX_TEXT_V2)) {
        return DX_E_INVALID;
    }
    if (doc->transaction.open) {
        return DX_E_STATE;
    }
    dx_text_snapshot_parts parts;
    dx_text_snapshot_init(&parts, &doc->alloc);
    int error = decode(doc, form, snapshot, &parts);
    /* Items are cut where the version ends; the end of the transaction, which does nothing else, joins them again. */
    error = error != DX_OK ? error : dx_text_edit_begin(doc, &(dx_text_need){.splits = parts.clocks.count});
    if (error == DX_OK) {
        for (size_t i = 0; i < parts.clocks.count; i++) {
            uint32_t client = dx_text_clients_find(&doc->clients, parts.clocks.entries[i].client);
            uint64_t end = parts.clocks.entries[i].clock;
            if (end != 0 && end < dx_text_ids_state(doc->sequence, client)) {
                (void)dx_text_doc_item_beginning(doc, client, (uint32_t)end);
            }
        }
        error = write_version(doc, form, &parts, update);
        dx_text_edit_end(doc);
    }
    dx_text_snapshot_deinit(&parts);
    return dx_text_doc_error(doc, error);
}
