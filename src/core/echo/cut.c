/* echo/cut.c: cuts read, written and compared with what is here. See cut.h.
 *
 * Layer: floor 1, echo. */
#include "echo/cut.h"

#include <string.h>

#include "echo/base.h"
#include "echo/cut_state.h"
#include "echo/space_state.h"
#include "feed/hole.h"
#include "halo/control_purge.h"

void dx_cut_init(dx_cut *cut, const dx_alloc *alloc) {
    *cut = (dx_cut){.alloc = alloc};
}

void dx_cut_deinit(dx_cut *cut) {
    dx_alloc_free(cut->alloc, cut->places, cut->count * sizeof *cut->places);
    dx_cut_init(cut, cut->alloc);
}

int dx_cut_reserve(dx_cut *cut, size_t count) {
    dx_cut_deinit(cut);
    if (count == 0) {
        return DX_OK;
    }
    cut->places = dx_alloc_take_zeroed(cut->alloc, count * sizeof *cut->places);
    cut->count = cut->places == NULL ? 0 : count;
    return cut->places == NULL ? DX_E_NO_MEMORY : DX_OK;
}

int dx_cut_copy(const dx_cut *from, dx_cut *out) {
    int error = dx_cut_reserve(out, from->count);
    if (error == DX_OK && from->count != 0) {
        memcpy(out->places, from->places, from->count * sizeof *from->places);
    }
    return error;
}

int dx_cut_decode(dx_bytes item, dx_cut *out) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    size_t count = dx_read_array(&reader);
    if (reader.error != DX_OK || count > DX_SPACE_FEEDS_MAX) {
        return DX_E_MALFORMED;
    }
    int error = dx_cut_reserve(out, count);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        error = dx_block_dependency(&reader, &out->places[i]);
        if (i != 0 && memcmp(out->places[i - 1].feed, out->places[i].feed, DX_PREFIX_SIZE) >= 0) {
            error = DX_E_MALFORMED;
        }
    }
    return error != DX_OK ? error : dx_reader_finish(&reader);
}

void dx_cut_encode(const dx_cut *cut, dx_writer *out) {
    dx_write_array(out, cut->count);
    for (size_t i = 0; i < cut->count; i++) {
        const dx_dependency *place = &cut->places[i];
        dx_write_array(out, 3);
        dx_write_bytes(out, dx_bytes_of(place->feed, sizeof place->feed));
        dx_write_uint(out, place->length);
        dx_write_bytes(out, dx_bytes_of(place->root, sizeof place->root));
    }
}

/* The place of a feed, or NULL. */
static const dx_dependency *find_place(const dx_cut *cut, const uint8_t prefix[static DX_PREFIX_SIZE]) {
    size_t low = 0, high = cut->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(cut->places[middle].feed, prefix, DX_PREFIX_SIZE);
        if (order == 0) {
            return &cut->places[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

uint64_t dx_cut_length(const dx_cut *cut, const dx_feed *feed) {
    const dx_dependency *place = find_place(cut, feed->id);
    return place == NULL ? 0 : place->length;
}

bool dx_cut_dominates(const dx_cut *cut, const dx_cut *other) {
    for (size_t i = 0; i < other->count; i++) {
        const dx_dependency *place = find_place(cut, other->places[i].feed);
        if (place == NULL || place->length < other->places[i].length) {
            return false;
        }
    }
    return true;
}

/* Data feeds in the order of their ids, at a length each; those of length 0 are left out. */
int dx_cut_gather(dx_context *context, dx_space *space, uint64_t (*length_of)(const dx_feed *feed),
                  dx_cut *out) {
    int error = dx_cut_reserve(out, space->feed_count);
    size_t room = out->count, count = 0;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        const dx_feed *feed = &space->feeds[i];
        uint64_t length = feed->identity.feed_class == DX_FEED_DATA ? length_of(feed) : 0;
        uint8_t root[DX_HASH_SIZE];
        if (length == 0) {
            continue;
        }
        error = dx_feed_root(feed, context->store, length, root);
        size_t at = count++;
        for (; at > 0 && memcmp(feed->id, out->places[at - 1].feed, DX_PREFIX_SIZE) < 0; at--) {
            out->places[at] = out->places[at - 1];
        }
        out->places[at].length = length;
        memcpy(out->places[at].feed, feed->id, DX_PREFIX_SIZE);
        memcpy(out->places[at].root, root, DX_ROOT_PREFIX_SIZE);
    }
    if (error == DX_OK && count < room) {
        dx_cut fitting = {.alloc = out->alloc};
        error = dx_cut_reserve(&fitting, count);
        if (error == DX_OK && count != 0) {
            memcpy(fitting.places, out->places, count * sizeof *fitting.places);
        }
        dx_cut_deinit(out);
        *out = fitting;
    }
    return error;
}

/* Sections of which only the hash is here, and that may still come. */
static int has_holes(dx_context *context, const dx_feed *feed, uint64_t end, bool *has) {
    uint64_t sections, excused;
    int error = dx_hole_count(feed, context->store, &sections, &excused);
    dx_holes holes = {.seq = feed->begins};
    *has = false;
    for (uint64_t from = feed->begins; error == DX_OK && sections > excused && !*has && from < end;
         from = holes.seq + 1) {
        error = dx_hole_next(feed, context->store, from, &holes);
        *has = error == DX_OK && holes.seq < end && holes.sections > holes.excused;
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static bool is_unsettled(const dx_space *space) {
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->kept != 0 || (feed->frozen && !space->forks_settled) ||
            feed->applied > dx_feed_limit(feed)) {
            return true;
        }
    }
    return false;
}

static uint64_t applied_of(const dx_feed *feed) {
    return feed->applied;
}

int dx_cut_find_holes(dx_context *context, dx_space *space, const dx_cut *cut, bool *has) {
    int error = DX_OK;
    *has = false;
    for (size_t i = 0; i < cut->count && error == DX_OK && !*has; i++) {
        const dx_feed *feed = dx_space_feed_by_prefix(space, cut->places[i].feed);
        error = feed == NULL ? DX_OK : has_holes(context, feed, cut->places[i].length, has);
    }
    return error;
}

/* Where something was purged, holes are what nobody has any more: whoever wrote about it late wrote what PURGEs do not
 * name. Then who makes a snapshot again finds out. Not so for who keeps a part, or just kept one: its holes say nothing of
 * what others have. */
static bool are_holes_expected(const dx_space *space) {
    return dx_control_purge_version(space->control) != 0 && !space->scope_lasts;
}

int dx_cut_now(dx_context *context, dx_space *space, dx_cut *out) {
    bool holes = is_unsettled(space) || dx_base_rests(space);
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK && !holes; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class == DX_FEED_DATA && !are_holes_expected(space)) {
            error = has_holes(context, feed, feed->applied, &holes);
        }
    }
    return error != DX_OK ? error : holes ? DX_E_STATE : dx_cut_gather(context, space, applied_of, out);
}

/* One feed of it; *other, *below, *missing are raised. */
static int stand_feed(dx_context *context, dx_space *space, const dx_dependency *place, bool *other,
                      bool *below, uint64_t *missing) {
    const dx_feed *feed = dx_space_feed_by_prefix(space, place->feed);
    uint8_t root[DX_HASH_SIZE];
    if (feed == NULL) {
        *missing += place->length;
        return DX_OK;
    }
    if (feed->identity.feed_class != DX_FEED_DATA) {
        *other = true;
        return DX_OK;
    }
    *below = *below || place->length < feed->begins;
    *missing += place->length > feed->applied ? place->length - feed->applied : 0;
    if (place->length > feed->length || place->length < feed->begins) {
        return DX_OK;
    }
    int error = dx_feed_root(feed, context->store, place->length, root);
    *other = *other || (error == DX_OK && memcmp(root, place->root, sizeof place->root) != 0);
    return error;
}

int dx_cut_stand(dx_context *context, dx_space *space, const dx_cut *cut, dx_cut_standing *standing,
                 uint64_t *missing) {
    bool other = false, below = false, unsettled = is_unsettled(space) || dx_base_rests(space);
    int error = DX_OK;
    *missing = 0;
    for (size_t i = 0; i < cut->count && error == DX_OK; i++) {
        const dx_feed *feed = dx_space_feed_by_prefix(space, cut->places[i].feed);
        error = stand_feed(context, space, &cut->places[i], &other, &below, missing);
        if (error == DX_OK && feed != NULL && !unsettled && !are_holes_expected(space)) {
            error = has_holes(context, feed, cut->places[i].length, &unsettled);
        }
    }
    for (size_t i = 0; i < space->feed_count && !below; i++) {
        below = dx_cut_length(cut, &space->feeds[i]) < space->feeds[i].begins;
    }
    *standing = unsettled       ? DX_CUT_UNSETTLED
                : below         ? DX_CUT_BELOW
                : other         ? DX_CUT_OTHER
                : *missing != 0 ? DX_CUT_AHEAD
                                : DX_CUT_WITHIN;
    return error;
}
