/* echo/purge.c: what must really go. See purge.h.
 *
 * Layer: floor 1, echo. Table purged has the ids whose work is done, so that a crash goes on where it was. */
#include "echo/purge.h"

#include <string.h>

#include "echo/entity_row.h"
#include "echo/full_text.h"
#include "echo/late.h"
#include "echo/own_feed.h"
#include "echo/section.h"
#include "echo/space_state.h"
#include "echo/touch.h"
#include "echo/trace.h"

enum { TOUCHES_AT_ONCE = 32 };

/* --- Which ----------------------------------------------------------------------------------------- */

static void write_id(const uint8_t prefix[static DX_PREFIX_SIZE], uint64_t seq, uint64_t index,
                     uint8_t out[static DX_ID_SIZE]) {
    memcpy(out, prefix, DX_PREFIX_SIZE);
    for (int i = 0; i < 4; i++) {
        out[DX_PREFIX_SIZE + i] = (uint8_t)(seq >> (24 - 8 * i));
    }
    out[DX_PREFIX_SIZE + 4] = (uint8_t)(index >> 8);
    out[DX_PREFIX_SIZE + 5] = (uint8_t)index;
}

bool dx_purge_covers(const dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                     dx_bytes plaintext) {
    dx_section section;
    uint8_t id[DX_ID_SIZE];
    if (dx_control_purge_count(space->control) == 0 ||
        dx_section_decode(plaintext, feed->id, &section) != DX_OK) {
        return false;
    }
    if (section.creates) {
        write_id(feed->id, seq, index, id);
    } else {
        const dx_place *subject = &section.subject;
        write_id(subject->form == DX_PLACE_FEED ? subject->feed : feed->id, subject->seq, subject->index, id);
    }
    return dx_control_is_purged(space->control, id);
}

/* --- Taking out ------------------------------------------------------------------------------------- */

static int is_done(dx_context *context, const dx_space *space, const uint8_t *id, bool *done) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT 1 FROM purged WHERE space = ?1 AND id = ?2");
    dx_bind_int(select, 1, space->local);
    dx_bind_bytes(select, 2, dx_bytes_of(id, DX_ID_SIZE));
    *done = dx_step(context->store, select);
    dx_step_reset(select);
    return dx_store_error(context->store);
}

static int set_done(dx_context *context, const dx_space *space, const uint8_t *id) {
    sqlite3_stmt *insert =
        dx_store_query(context->store, "INSERT OR IGNORE INTO purged(space, id) VALUES(?1, ?2)");
    dx_bind_int(insert, 1, space->local);
    dx_bind_bytes(insert, 2, dx_bytes_of(id, DX_ID_SIZE));
    return dx_step_done(context->store, insert);
}

/* The first touches in the order of stamps. */
static int read_touches(dx_context *context, dx_space *space, int64_t key,
                        dx_touch touches[static TOUCHES_AT_ONCE], size_t *count) {
    dx_stamp at = {.counter = 0};
    bool found = true;
    int error = DX_OK;
    for (*count = 0; error == DX_OK && found && *count < TOUCHES_AT_ONCE;) {
        error = dx_touch_find(context, space, key, true, &at, &touches[*count], &found);
        *count += error == DX_OK && found;
    }
    return error;
}

/* One section goes, whether it could be opened or not. */
static int take_out(dx_late *late, int64_t local, uint64_t seq, uint64_t index) {
    const dx_section_change change = {.index = index, .sealed = {NULL, 0}};
    const dx_feed *feed = dx_space_feed(late->space, local);
    int error = feed == NULL ? DX_OK : dx_late_change(late, feed, seq, &change, 1);
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

typedef struct taken {
    const dx_touch *touches;
    size_t count;
} taken;

static bool is_taken(void *ctx, const dx_touch_row *touch) {
    const taken *self = ctx;
    for (size_t i = 0; i < self->count; i++) {
        if (self->touches[i].block == touch->block && self->touches[i].section == touch->section) {
            return true;
        }
    }
    return false;
}

/* The creation first, so that the entity shows no more, then what changed it. *ended: nothing is left. */
static int take_some(dx_context *context, dx_space *space, int64_t key, size_t *budget, bool *ended) {
    dx_touch touches[TOUCHES_AT_ONCE];
    size_t count = 0;
    dx_late late;
    int error = dx_late_begin(&late, context, space);
    if (error == DX_OK) {
        error = take_out(&late, dx_entity_key_feed(key), dx_entity_key_seq(key), dx_entity_key_index(key));
    }
    error = error == DX_OK ? read_touches(context, space, key, touches, &count) : error;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        error = take_out(&late, touches[i].block >> 32, (uint64_t)touches[i].block & UINT32_MAX,
                         (uint64_t)touches[i].section);
    }
    taken all = {.touches = touches, .count = count};
    if (error == DX_OK && count != 0) {
        error = dx_touch_remove(context, space, key, is_taken, &all);
    }
    *ended = count < TOUCHES_AT_ONCE;
    *budget -= *budget < count + 1 ? *budget : count + 1;
    return dx_late_finish(&late, error);
}

/* Stored replies that show it: who asks again hears that it is gone. */
static int forget_replies(dx_context *context, const uint8_t *id) {
    static const uint8_t gone[] = {0xa1, 0x66, 'p', 'u', 'r', 'g', 'e', 'd', 0xf5};
    char text[DX_ID_TEXT_MAX];
    dx_id_print(id, text);
    sqlite3_stmt *update = dx_store_query(
        context->store, "UPDATE reply SET body = ?1 WHERE instr(body, ?2) > 0 OR instr(body, ?3) > 0");
    dx_bind_bytes(update, 1, dx_bytes_of(gone, sizeof gone));
    dx_bind_bytes(update, 2, dx_bytes_text(text));
    dx_bind_bytes(update, 3, dx_bytes_of(id, DX_ID_SIZE));
    return dx_step_done(context->store, update);
}

static int purge(dx_context *context, dx_space *space, const uint8_t *id, size_t *budget, bool *unsettled) {
    int64_t key;
    bool ended = true;
    int error = dx_id_to_key(space, id, &key);
    if (error == DX_OK) {
        error = take_some(context, space, key, budget, &ended);
    }
    if (error != DX_OK && error != DX_E_NOT_FOUND) {
        return error;
    }
    *unsettled = *unsettled || !ended;
    error = ended ? forget_replies(context, id) : DX_OK;
    error = error == DX_OK && ended ? dx_full_text_scrub(context, space) : error;
    error = error == DX_OK && ended ? set_done(context, space, id) : error;
    if (error == DX_OK && ended) {
        dx_echo_trace(context, "purged an entity of space %lld", (long long)space->local);
    }
    return error;
}

int dx_purge_settle(dx_context *context, dx_space *space, size_t *budget, bool *unsettled) {
    size_t count = dx_control_purge_count(space->control);
    int error = DX_OK;
    if (count == space->purges_settled) {
        return DX_OK;
    }
    bool left = false;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        bool done;
        const uint8_t *id = dx_control_purge(space->control, i);
        error = is_done(context, space, id, &done);
        if (error == DX_OK && !done && *budget == 0) {
            left = true;
        } else if (error == DX_OK && !done) {
            error = purge(context, space, id, budget, &left);
        }
    }
    *unsettled = *unsettled || left;
    space->purges_settled = error == DX_OK && !left ? count : 0;
    return error;
}

/* --- Saying so ---------------------------------------------------------------------------------------- */

int dx_space_purge(dx_context *context, dx_space *space, const uint8_t id[static DX_ID_SIZE]) {
    dx_credential_list list;
    dx_buf credential;
    size_t budget = DX_STEP_BLOCKS_MAX;
    bool unsettled = false;
    dx_list_begin(context, &list);
    dx_buf_init(&credential, context->alloc, DX_CREDENTIAL_SIZE_MAX);
    int error = dx_control_issue_purge(space->control, context->identity, id, &credential);
    error = error == DX_OK ? dx_list_issue(space, &list, &credential) : error;
    error = error == DX_OK ? dx_list_write(context, space, &list) : error;
    error = error == DX_OK ? dx_purge_settle(context, space, &budget, &unsettled) : error;
    space->busy = space->busy || unsettled;
    dx_buf_deinit(&credential);
    dx_list_end(&list);
    return error;
}
