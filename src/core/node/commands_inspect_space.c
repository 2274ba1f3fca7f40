/* node/commands_inspect_space.c: inspect.space, inspect.holes, inspect.purges: what of a space is here, and what is not.
 *
 * Layer: floor 1, node. docs/spec/commands.md. As commands_inspect.c: for a person's own programs, reads only, each answer made in one
 * step and bounded. */
#include <string.h>

#include "base/limits.h"
#include "echo/history.h"
#include "echo/purge.h"
#include "halo/control_purge.h"
#include "node/inspect_rows.h"

enum { PLACE_TEXT_MAX = 2 * DX_HASH_SIZE + 1 + 20 + 1 };

/* --- The space ------------------------------------------------------------------------------------------ */

typedef struct counts {
    uint64_t control, data, blocks,
        forked;                      /* feeds, their blocks that are here, feeds of which a fork is proven */
    uint64_t holes, purged, outside; /* sections of which only the hash is here */
} counts;

static int count_feeds(dx_node *node, dx_space *space, counts *out) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        const dx_feed *feed = &space->feeds[i];
        bool data = feed->identity.feed_class == DX_FEED_DATA;
        uint64_t holes = 0, purged = 0, outside = 0;
        error = data ? dx_hole_count(feed, node->store, &holes, &purged) : DX_OK;
        error = error == DX_OK && data ? dx_hole_count_outside(feed, node->store, &outside) : error;
        out->control += !data;
        out->data += data;
        out->blocks += feed->length - feed->begins;
        out->forked += feed->frozen;
        out->holes += holes;
        out->purged += purged;
        out->outside += outside;
    }
    return error;
}

static int inspect_space(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_map_builder map;
    dx_epoch_status status;
    char point[DX_POINT_TEXT_MAX];
    counts here = {0};
    int64_t objects = 0, links = 0;
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? count_feeds(node, space, &here) : error;
    error = error == DX_OK ? dx_space_count(&node->context, space, &objects, &links) : error;
    if (error != DX_OK) {
        return error;
    }
    dx_answer_init(node, &map);
    dx_write_hex(dx_map_builder_key(&map, "space"), space->id, DX_HASH_SIZE);
    dx_write_int(dx_map_builder_key(&map, "objects"), objects);
    dx_write_int(dx_map_builder_key(&map, "links"), links);
    dx_write_uint(dx_map_builder_key(&map, "feeds"), here.control + here.data);
    dx_write_uint(dx_map_builder_key(&map, "forked"), here.forked);
    dx_write_uint(dx_map_builder_key(&map, "blocks"), here.blocks);
    dx_write_uint(dx_map_builder_key(&map, "holes"), here.holes);
    dx_write_uint(dx_map_builder_key(&map, "holes_purged"), here.purged);
    dx_write_uint(dx_map_builder_key(&map, "holes_outside"), here.outside);
    dx_write_uint(dx_map_builder_key(&map, "purges"), dx_control_purge_count(space->control));
    dx_epoch_status_of(space, &status);
    if (status.base != 0) {
        dx_point_print(&status.horizon, point);
        dx_write_text(dx_map_builder_key(&map, "begins"), point);
    }
    if (status.stage != DX_EPOCH_IDLE && status.stage != DX_EPOCH_PREPARING) {
        dx_write_hex(dx_map_builder_key(&map, "snapshot"), status.root, sizeof status.root);
        dx_write_uint(dx_map_builder_key(&map, "done"), status.done);
        dx_write_uint(dx_map_builder_key(&map, "total"), status.total);
    }
    int begins = dx_node_write_epoch_status(node, space, &map);
    int kept = dx_node_write_scope_status(node, space, &map);
    error = begins != DX_OK ? begins : kept;
    return dx_request_reply_unless(node, request, error, &map);
}

/* --- Holes ---------------------------------------------------------------------------------------------- */

static int send_holes(dx_node *node, dx_request *request, const dx_feed *feed, const dx_holes *holes) {
    char place[PLACE_TEXT_MAX];
    dx_map_builder map;
    dx_hex_encode(dx_bytes_of(feed->id, DX_HASH_SIZE), place);
    sqlite3_snprintf(1 + 20 + 1, place + strlen(place), "-%llu", (sqlite3_uint64)holes->seq);
    dx_answer_init(node, &map);
    dx_write_hex(dx_map_builder_key(&map, "feed"), feed->id, DX_HASH_SIZE);
    dx_write_uint(dx_map_builder_key(&map, "seq"), holes->seq);
    dx_write_uint(dx_map_builder_key(&map, "sections"), holes->sections);
    dx_write_uint(dx_map_builder_key(&map, "purged"), holes->excused);
    dx_write_uint(dx_map_builder_key(&map, "outside"), holes->outside);
    dx_write_uint(dx_map_builder_key(&map, "missing"), holes->sections - holes->excused - holes->outside);
    dx_write_text(dx_map_builder_key(&map, "place"), place);
    return dx_inspect_end_row(node, request, &map);
}

/* FEED-SEQ, as rows have it in "place": it goes on with the feed at *first, behind that block. */
static int take_after(dx_node *node, dx_space *space, dx_bytes body, size_t *first, uint64_t *from) {
    enum { HEX = 2 * DX_HASH_SIZE };
    uint8_t id[DX_HASH_SIZE] = {0};
    dx_bytes given;
    int error = dx_take_optional_text(node, body, "after", PLACE_TEXT_MAX, &given);
    if (error != DX_OK || given.data == NULL) {
        return error;
    }
    bool sound = given.size > HEX + 1 && given.data[HEX] == '-' &&
                 dx_hex_decode((const char *)given.data, HEX, id, sizeof id) == DX_OK;
    uint64_t seq = 0;
    for (size_t i = HEX + 1; i < given.size && sound; i++) {
        sound = given.data[i] >= '0' && given.data[i] <= '9' && seq < UINT32_MAX;
        seq = 10 * seq + (uint64_t)(given.data[i] - '0');
    }
    while (sound && *first < space->feed_count && memcmp(space->feeds[*first].id, id, sizeof id) != 0) {
        ++*first;
    }
    if (!sound || *first == space->feed_count) {
        return dx_node_refuse(node, DX_E_INVALID, "dx inspect SPACE holes",
                              "\"after\" is the \"place\" of a row");
    }
    *from = seq + 1;
    return DX_OK;
}

static int inspect_holes(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    size_t left = 0, first = 0;
    uint64_t from = 0;
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? dx_inspect_take_limit(node, body, &left) : error;
    error = error == DX_OK ? take_after(node, space, body, &first, &from) : error;
    if (error != DX_OK) {
        return error;
    }
    for (size_t i = first; i < space->feed_count && left > 0 && error == DX_OK; i++, from = 0) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class != DX_FEED_DATA) {
            continue;
        }
        for (dx_holes holes; left > 0 && error == DX_OK; left -= error == DX_OK) {
            error = dx_hole_next(feed, node->store, from, &holes);
            error = error == DX_OK ? send_holes(node, request, feed, &holes) : error;
            from = error == DX_OK ? holes.seq + 1 : from;
        }
        error = error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

/* --- Purges --------------------------------------------------------------------------------------------- */

/* Whether all that is here about it was taken out. */
static int is_done(dx_node *node, const dx_space *space, const uint8_t *id, bool *done) {
    sqlite3_stmt *select = dx_store_query(node->store, "SELECT 1 FROM purged WHERE space = ?1 AND id = ?2");
    dx_bind_int(select, 1, space->local);
    dx_bind_bytes(select, 2, dx_bytes_of(id, DX_ID_SIZE));
    *done = dx_step(node->store, select);
    dx_step_reset(select);
    return dx_store_error(node->store);
}

static int inspect_purges(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    size_t left = 0;
    dx_bytes after = {NULL, 0};
    char id[DX_ID_TEXT_MAX];
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? dx_inspect_take_limit(node, body, &left) : error;
    error = error == DX_OK ? dx_take_optional_text(node, body, "after", DX_ID_TEXT_MAX, &after) : error;
    bool begun = after.data == NULL;
    for (size_t i = 0; error == DX_OK && left > 0 && i < dx_control_purge_count(space->control); i++) {
        const uint8_t *purged = dx_control_purge(space->control, i);
        dx_map_builder map;
        bool done = false;
        dx_id_print(purged, id);
        if (!begun) {
            begun = dx_bytes_equal(after, dx_bytes_text(id));
            continue;
        }
        error = is_done(node, space, purged, &done);
        dx_answer_init(node, &map);
        dx_write_text(dx_map_builder_key(&map, "id"), id);
        dx_write_bool(dx_map_builder_key(&map, "done"), done);
        int ended = dx_inspect_end_row(node, request, &map);
        error = error == DX_OK ? ended : error;
        left--;
    }
    if (error == DX_OK && !begun) {
        error =
            dx_node_refuse(node, DX_E_INVALID, "dx inspect SPACE purges", "\"after\" is the \"id\" of a row");
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

const dx_command dx_commands_inspect_space[] = {
    {"inspect.space", false, inspect_space},
    {"inspect.holes", false, inspect_holes},
    {"inspect.purges", false, inspect_purges},
    {NULL, false, NULL},
};
