/* node/beginning.c: where history begins. See beginning.h.
 *
 * Layer: floor 1, node. */
#include "node/beginning.h"

#include <string.h>

#include "codec/timestamp.h"
#include "echo/epoch.h"
#include "echo/history.h"

#define YEAR_10000_MS UINT64_C(253402300800000)

/* Whether feeds begin here exactly where its cut is. */
static bool is_base(const dx_space *space, uint64_t base, const dx_epoch *epoch) {
    size_t begun = 0;
    bool same = base != 0 && epoch->number == base;
    for (size_t i = 0; i < space->feed_count && same; i++) {
        const dx_feed *feed = &space->feeds[i];
        same = feed->begins == 0 || dx_epoch_entry(epoch, feed->id).length == feed->begins;
        begun += feed->begins != 0;
    }
    return same && begun == epoch->cut_count;
}

bool dx_node_is_base(const dx_space *space, const dx_epoch *epoch) {
    dx_epoch_status status;
    dx_epoch_status_of(space, &status);
    return is_base(space, status.base, epoch);
}

/* The block that carries its credential says so. */
int dx_node_epoch_time(dx_node *node, dx_space *space, const dx_epoch *epoch, uint64_t *wall_ms) {
    dx_block block;
    *wall_ms = 0;
    sqlite3_stmt *select =
        dx_store_query(node->store, "SELECT feed, seq FROM credential WHERE space = ?1 AND id = ?2");
    dx_bind_int(select, 1, space->local);
    dx_bind_bytes(select, 2, dx_bytes_of(epoch->id, sizeof epoch->id));
    if (!dx_step(node->store, select)) {
        return dx_store_error(node->store);
    }
    dx_feed *feed = dx_space_feed(space, dx_column_int(select, 0));
    uint64_t seq = (uint64_t)dx_column_int(select, 1);
    dx_step_reset(select);
    int error = feed == NULL ? DX_E_NOT_FOUND : dx_pipeline_block(&node->context, space, feed, seq, &block);
    *wall_ms = error == DX_OK ? block.header.wall_ms : 0;
    return error == DX_E_NOT_FOUND ? DX_OK : error; /* on a branch that is not in force any more */
}

int dx_node_beginning(dx_node *node, dx_space *space, dx_beginning *out) {
    dx_epoch_status status;
    dx_epoch epoch;
    dx_epoch_status_of(space, &status);
    *out = (dx_beginning){.number = status.base, .point = status.horizon};
    for (size_t i = 0; out->number != 0 && !out->known && dx_control_epoch_at(space->control, i, &epoch);
         i++) {
        out->known = is_base(space, status.base, &epoch);
        out->epoch = epoch;
    }
    return out->known ? dx_node_epoch_time(node, space, &out->epoch, &out->wall_ms) : DX_OK;
}

void dx_node_write_time(dx_map_builder *map, uint64_t wall_ms) {
    dx_writer *writer = dx_map_builder_key(map, "time");
    if (wall_ms < YEAR_10000_MS) {
        dx_write_timestamp(writer, (int64_t)wall_ms * 1000);
    } else {
        dx_write_null(writer);
    }
}

int dx_node_take_point(dx_node *node, dx_bytes body, const char *key, dx_stamp *out, bool *given) {
    dx_bytes text;
    int error = dx_take_optional_text(node, body, key, DX_POINT_TEXT_MAX, &text);
    *given = error == DX_OK && text.data != NULL;
    if (*given && dx_point_parse(text, out) != DX_OK) {
        error = dx_node_refuse(node, DX_E_INVALID, "dx history SPACE ID",
                               "\"%s\" must be a point as the history has it (COUNTER-FEED)", key);
    }
    return error;
}

int dx_node_refuse_gone(dx_node *node, dx_space *space, const char *words) {
    enum { DAY_SIZE = sizeof "2000-01-01" - 1 };
    dx_beginning beginning;
    char time[DX_TIMESTAMP_TEXT_MAX];
    size_t size = 0;
    int error = dx_node_beginning(node, space, &beginning);
    if (error != DX_OK) {
        return error;
    }
    if (beginning.wall_ms != 0 && beginning.wall_ms < YEAR_10000_MS) {
        size = dx_timestamp_print((int64_t)beginning.wall_ms * 1000, time);
    }
    return dx_node_refuse(node, DX_E_GONE, "dx history SPACE ID",
                          "%shistory here begins at epoch %llu%s%.*s%s", words,
                          (unsigned long long)beginning.number, size == 0 ? "" : " (",
                          size == 0 ? 0 : (int)DAY_SIZE, time, size == 0 ? "" : ")");
}

int dx_node_write_beginning(dx_node *node, dx_space *space, const dx_beginning *beginning,
                            dx_map_builder *map) {
    char point[DX_POINT_TEXT_MAX], name[256];
    dx_point_print(&beginning->point, point);
    dx_write_text(dx_map_builder_key(map, "at"), point);
    dx_write_uint(dx_map_builder_key(map, "epoch"), beginning->number);
    if (!beginning->known) { /* its credential is out of effect since */
        dx_write_null(dx_map_builder_key(map, "time"));
        dx_write_null(dx_map_builder_key(map, "device"));
        dx_write_null(dx_map_builder_key(map, "identity"));
        return DX_OK;
    }
    dx_node_write_time(map, beginning->wall_ms);
    dx_write_hex(dx_map_builder_key(map, "device"), beginning->epoch.signer, DX_KEY_SIZE);
    dx_write_hex(dx_map_builder_key(map, "identity"), beginning->epoch.issuer, DX_KEY_SIZE);
    int error = dx_space_member_name(&node->context, space, beginning->epoch.issuer, name, sizeof name);
    if (error == DX_OK) {
        dx_write_text(dx_map_builder_key(map, "name"), name);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}
