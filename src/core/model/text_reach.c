/* model/text_reach.c: how far a text has come. See text_reach.h.
 *
 * Layer: floor 1, model. */
#include "model/text_reach.h"

#include "base/limits.h"

void dx_text_reach_init(dx_text_reach *reach, const dx_alloc *alloc) {
    dx_text_clocks_init(&reach->clocks, alloc);
    dx_text_reader_init(&reach->reader, alloc);
}

void dx_text_reach_deinit(dx_text_reach *reach) {
    dx_text_clocks_deinit(&reach->clocks);
    dx_text_reader_deinit(&reach->reader);
}

int dx_text_reach_set(dx_text_reach *reach, const dx_text_doc *doc) {
    dx_buf bytes;
    dx_buf_init(&bytes, reach->clocks.alloc, DX_STATE_SIZE_MAX);
    int error = dx_text_state_vector(doc, &bytes);
    error = error == DX_OK ? dx_text_clocks_decode(&reach->clocks, dx_buf_view(&bytes)) : error;
    dx_buf_deinit(&bytes);
    return error;
}

int dx_text_reach_write(const dx_text_reach *reach, dx_buf *state_vector) {
    dx_text_clocks_write(&reach->clocks, state_vector);
    return dx_buf_error(state_vector);
}

static bool is_known(const dx_text_reach *self, const dx_text_id *own, dx_text_id id) {
    return (id.client == own->client && id.clock < own->clock) ||
           id.clock < dx_text_clocks_get(&self->clocks, id.client);
}

/* *end: the client's next clock after the update; client 0: it only deletes. *sections: of how many clients it is. */
static int find_needs(dx_text_reach *self, dx_bytes update, bool *ready, dx_text_id *end, size_t *sections) {
    dx_text_section section;
    dx_text_struct next;
    dx_id_range range;
    *ready = true;
    *end = (dx_text_id){.client = 0};
    *sections = 0;
    dx_text_reader_open(&self->reader, DX_TEXT_V2, update);
    while (dx_text_reader_section(&self->reader, &section)) {
        ++*sections;
        *ready = *ready && section.clock <= dx_text_clocks_get(&self->clocks, section.client);
        *end = (dx_text_id){.client = section.client, .clock = section.clock};
        while (dx_text_reader_struct(&self->reader, &next)) {
            *ready = *ready && (!next.has_origin || is_known(self, end, next.origin)) &&
                     (!next.has_right || is_known(self, end, next.right)) &&
                     (next.parent != DX_TEXT_PARENT_ID || is_known(self, end, next.parent_id));
            end->clock = next.id.clock + next.length;
        }
    }
    while (dx_text_reader_delete(&self->reader, &range)) {
        const dx_text_id last = {.client = range.client, .clock = range.clock + range.length - 1};
        *ready = *ready && is_known(self, end, last);
    }
    *ready = *ready || *sections > 1; /* what a text was made of needs nothing but itself */
    int error = dx_text_reader_finish(&self->reader);
    return error == DX_OK || error == DX_E_NO_MEMORY ? error : DX_E_CORRUPT;
}

static int move_to(dx_text_reach *self, const dx_text_id *end) {
    bool further = end->client != 0 && end->clock > dx_text_clocks_get(&self->clocks, end->client);
    return further ? dx_text_clocks_set(&self->clocks, end->client, end->clock) : DX_OK;
}

/* What a text was made of has structs of several clients. */
static int move_all(dx_text_reach *self, dx_bytes update) {
    dx_text_section section;
    dx_text_struct next;
    int error = DX_OK;
    dx_text_reader_open(&self->reader, DX_TEXT_V2, update);
    while (error == DX_OK && dx_text_reader_section(&self->reader, &section)) {
        dx_text_id end = {.client = section.client, .clock = section.clock};
        while (dx_text_reader_struct(&self->reader, &next)) {
            end.clock = next.id.clock + next.length;
        }
        error = move_to(self, &end);
    }
    int finished = dx_text_reader_finish(&self->reader);
    return error == DX_OK ? finished : error;
}

int dx_text_reach_take(dx_text_reach *reach, dx_bytes update, bool *ready) {
    dx_text_id end;
    size_t sections;
    int error = find_needs(reach, update, ready, &end, &sections);
    if (error != DX_OK || !*ready) {
        return error;
    }
    return sections > 1 ? move_all(reach, update) : move_to(reach, &end);
}
