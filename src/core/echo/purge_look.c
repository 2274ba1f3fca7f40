/* echo/purge_look.c: blocks that are here and not in effect: sections about purged entities go from them, too. See purge.h.
 *
 * Layer: floor 1, echo. Blocks that wait, lie beyond a cut, or stand on a branch that is not in force are looked through once
 * for every set of purges, in bounded steps; what is known of it stands in memory alone, so that opening a vault begins
 * again (there are few such blocks). A block whose key is not here is passed over: it cannot be applied either. */
#include <string.h>

#include "echo/purge.h"
#include "feed/limb.h"
#include "halo/control_purge.h"

/* How far a branch was looked through. */
struct dx_purge_look {
    int64_t rows;
    uint64_t next;
};

void dx_purging_deinit(dx_space *space) {
    dx_alloc_free(space->alloc, space->purging.looks,
                  space->purging.look_count * sizeof *space->purging.looks);
    space->purging = (dx_purging){.done = 0};
}

/* NULL: no memory. */
static struct dx_purge_look *look_of(dx_space *space, int64_t rows) {
    dx_purging *purging = &space->purging;
    for (size_t i = 0; i < purging->look_count; i++) {
        if (purging->looks[i].rows == rows) {
            return &purging->looks[i];
        }
    }
    struct dx_purge_look *looks =
        dx_alloc_grow(space->alloc, purging->looks, purging->look_count * sizeof *looks,
                      (purging->look_count + 1) * sizeof *looks);
    if (looks == NULL) {
        return NULL;
    }
    purging->looks = looks;
    looks[purging->look_count] = (struct dx_purge_look){.rows = rows};
    return &looks[purging->look_count++];
}

/* Its sections about purged entities, as changes, appended to *going. */
static int find_going(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                      dx_buf *going) {
    dx_block block;
    dx_reader cursor;
    uint8_t key[DX_KEY_SIZE], id[DX_ID_SIZE];
    int error = dx_pipeline_block(context, space, feed, seq, &block);
    error = error == DX_OK ? dx_space_key(context, space, block.header.key_epoch, key) : error;
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    dx_reader_init(&cursor, block.sections);
    for (size_t i = 0; i < block.section_count && error == DX_OK; i++) {
        dx_bytes section;
        bool hole;
        error = dx_block_section(&cursor, &section, &hole);
        if (error != DX_OK || hole) {
            continue;
        }
        dx_buf_clear(&space->plain);
        error = dx_section_open(key, feed->id, seq, i, section, &space->plain);
        if (error == DX_OK && dx_purge_covers(space, feed, seq, i, dx_buf_view(&space->plain), id)) {
            const dx_section_change change = {.index = i, .sealed = {NULL, 0}};
            dx_buf_append(going, &change, sizeof change);
            error = dx_purge_note(context, space, feed, seq, i, id);
        }
        error = error == DX_E_SIGNATURE || error == DX_E_MALFORMED ? DX_OK : error;
    }
    dx_wipe(key, sizeof key);
    return error == DX_OK ? dx_buf_error(going) : error;
}

static int look_at_block(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq) {
    dx_buf going;
    size_t changed;
    dx_buf_init(&going, context->alloc, DX_BLOCK_SECTIONS_MAX * sizeof(dx_section_change));
    int error = find_going(context, space, feed, seq, &going);
    if (error == DX_OK && going.size != 0) {
        error = dx_hole_change(feed, context->store, seq, (const dx_section_change *)(const void *)going.data,
                               going.size / sizeof(dx_section_change), &changed);
        error = error == DX_OK ? dx_purge_excuse(context, space, feed, seq) : error;
        space->change++;
    }
    dx_buf_deinit(&going);
    return error;
}

/* Blocks [from, end) of one branch. */
static int look_through(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t from,
                        uint64_t end, size_t *budget, bool *unsettled) {
    struct dx_purge_look *look = look_of(space, feed->rows);
    if (look == NULL) {
        return DX_E_NO_MEMORY;
    }
    int error = DX_OK;
    uint64_t next = look->next < from ? from : look->next;
    while (error == DX_OK && next < end && *budget != 0) {
        error = look_at_block(context, space, feed, next);
        next += error == DX_OK;
        --*budget;
    }
    look_of(space, feed->rows)->next = next;
    *unsettled = *unsettled || (error == DX_OK && next < end);
    return error;
}

static uint64_t in_effect(const dx_feed *feed) {
    return feed->applied > feed->kept ? feed->applied : feed->kept;
}

static int look_at_limbs(dx_context *context, dx_space *space, const dx_feed *feed, size_t *budget,
                         bool *unsettled) {
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count;
    int error = dx_limb_list(feed, context->store, rows, &count);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        dx_feed view;
        error = dx_limb_view(feed, context->store, rows[i], &view);
        uint64_t from = error == DX_OK && view.parts > view.begins ? view.parts : feed->begins;
        error = error == DX_OK ? look_through(context, space, &view, from, view.length, budget, unsettled)
                               : error;
        error = error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return error;
}

int dx_purge_look(dx_context *context, dx_space *space, size_t *budget, bool *unsettled) {
    dx_purging *purging = &space->purging;
    uint64_t version = dx_control_purge_version(space->control);
    int error = DX_OK;
    if (version == 0) {
        return DX_OK;
    }
    if (purging->looked != version) {
        for (size_t i = 0; i < purging->look_count; i++) {
            purging->looks[i].next = 0;
        }
        purging->looked = version;
    }
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class != DX_FEED_DATA) {
            continue;
        }
        if (in_effect(feed) < feed->length) {
            error = look_through(context, space, feed, in_effect(feed), feed->length, budget, unsettled);
        }
        if (error == DX_OK && feed->frozen) {
            error = look_at_limbs(context, space, feed, budget, unsettled);
        }
    }
    return error;
}

uint64_t dx_purge_served(const dx_space *space, const dx_feed *feed) {
    const dx_purging *purging = &space->purging;
    uint64_t version = dx_control_purge_version(space->control), looked = 0;
    if (version == 0 || feed->identity.feed_class != DX_FEED_DATA) {
        return feed->length;
    }
    for (size_t i = 0; i < purging->look_count && purging->looked == version; i++) {
        looked = purging->looks[i].rows == feed->rows ? purging->looks[i].next : looked;
    }
    uint64_t applied = purging->done == version ? in_effect(feed) : 0;
    looked = looked > applied ? looked : applied;
    return looked < feed->length ? looked : feed->length;
}
