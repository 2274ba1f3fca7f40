/* echo/snapshot_item.c: items read strictly and written. See snapshot_item.h.
 *
 * Layer: floor 1, echo. */
#include "echo/snapshot_item.h"

#include <string.h>

#include "base/limits.h"
#include "feed/mmr.h"

static const char name[] = "dx snapshot";

enum { VERSION = 1, HEADER_ITEMS = 5, FEED_ITEMS = 3, ENTITY_ITEMS = 10, COUNTER_MAX_BITS = 62 };

#define COUNTER_MAX ((UINT64_C(1) << COUNTER_MAX_BITS) - 1)

bool dx_snapshot_keeps_state(dx_bytes model) {
    static const char *const names[] = {"dx/object/1", "dx/counter/1", "dx/list/1", "dx/text/1"};
    bool keeps = model.size == 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        keeps = keeps || dx_bytes_equal(model, dx_bytes_text(names[i]));
    }
    return keeps;
}

/* --- Where it stands --------------------------------------------------------------------------- */

int dx_snapshot_header_decode(dx_bytes item, dx_snapshot_header *out) {
    dx_reader in;
    uint8_t id[DX_HASH_SIZE], last[DX_HASH_SIZE];
    dx_reader_init(&in, item);
    memset(out, 0, sizeof *out);
    if (dx_read_array(&in) != HEADER_ITEMS || !dx_bytes_equal(dx_read_text(&in), dx_bytes_text(name)) ||
        dx_read_uint(&in) != VERSION) {
        dx_reader_fail(&in);
    }
    dx_read_bytes_exact(&in, out->space, sizeof out->space);
    out->number = dx_read_uint(&in);
    out->feed_count = dx_read_array(&in);
    if (out->feed_count > DX_SPACE_FEEDS_MAX || out->number == 0) {
        dx_reader_fail(&in);
    }
    const uint8_t *begin = in.at;
    for (size_t i = 0; i < out->feed_count && in.error == DX_OK; i++) {
        dx_read_bytes_exact(&in, id, sizeof id);
        if (i != 0 && memcmp(last, id, sizeof id) >= 0) {
            dx_reader_fail(&in);
        }
        memcpy(last, id, sizeof id);
    }
    out->feeds = dx_bytes_of(begin, (size_t)(in.at - begin));
    return dx_reader_finish(&in);
}

int dx_snapshot_header_feed(dx_reader *cursor, uint8_t id[static DX_HASH_SIZE]) {
    dx_read_bytes_exact(cursor, id, DX_HASH_SIZE);
    return cursor->error;
}

int dx_snapshot_vector_read(dx_reader *cursor, dx_snapshot_vector *out) {
    memset(out, 0, sizeof *out);
    if (dx_read_array(cursor) != 2) {
        dx_reader_fail(cursor);
    }
    out->other = dx_reader_peek(cursor) == DX_KIND_BYTES;
    if (out->other) {
        dx_read_bytes_exact(cursor, out->prefix, sizeof out->prefix);
    } else {
        out->feed = dx_read_uint(cursor);
    }
    out->length = dx_read_uint_max(cursor, DX_FEED_LENGTH_MAX);
    return cursor->error;
}

void dx_snapshot_vector_write(const dx_snapshot_vector *entry, dx_writer *out) {
    dx_write_array(out, 2);
    if (entry->other) {
        dx_write_bytes(out, dx_bytes_of(entry->prefix, sizeof entry->prefix));
    } else {
        dx_write_uint(out, entry->feed);
    }
    dx_write_uint(out, entry->length);
}

/* Numbers ascend, then prefixes do. */
static bool is_next(const dx_snapshot_vector *last, const dx_snapshot_vector *entry) {
    return last->other != entry->other ? entry->other
           : entry->other              ? memcmp(last->prefix, entry->prefix, sizeof entry->prefix) < 0
                                       : last->feed < entry->feed;
}

int dx_snapshot_feed_decode(dx_bytes item, size_t feeds, size_t at, dx_snapshot_feed *out) {
    dx_reader in;
    dx_reader_init(&in, item);
    memset(out, 0, sizeof *out);
    if (dx_read_array(&in) != FEED_ITEMS) {
        dx_reader_fail(&in);
    }
    out->length = dx_read_uint_max(&in, DX_FEED_LENGTH_MAX);
    out->peaks = dx_read_bytes(&in);
    out->vector_count = dx_read_array(&in);
    if (out->length == 0 || out->peaks.size != dx_mmr_peak_count(out->length) * DX_HASH_SIZE ||
        out->vector_count > DX_SPACE_FEEDS_MAX) {
        dx_reader_fail(&in);
    }
    const uint8_t *begin = in.at;
    dx_snapshot_vector entry, last;
    for (size_t i = 0; i < out->vector_count && in.error == DX_OK; i++, last = entry) {
        if (dx_snapshot_vector_read(&in, &entry) != DX_OK || entry.length == 0 ||
            (!entry.other && (entry.feed >= feeds || entry.feed == at)) ||
            (i != 0 && !is_next(&last, &entry))) {
            dx_reader_fail(&in);
        }
    }
    out->vector = dx_bytes_of(begin, (size_t)(in.at - begin));
    return dx_reader_finish(&in);
}

void dx_snapshot_header_write(const uint8_t space[static DX_HASH_SIZE], uint64_t number, dx_bytes ids,
                              dx_writer *out) {
    size_t count = ids.size / DX_HASH_SIZE;
    dx_write_array(out, HEADER_ITEMS);
    dx_write_text(out, name);
    dx_write_uint(out, VERSION);
    dx_write_bytes(out, dx_bytes_of(space, DX_HASH_SIZE));
    dx_write_uint(out, number);
    dx_write_array(out, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_bytes(out, dx_bytes_of(ids.data + i * DX_HASH_SIZE, DX_HASH_SIZE));
    }
}

/* --- Reading entities -------------------------------------------------------------------------- */

static void read_place_items(dx_reader *in, size_t count, size_t feeds, dx_snapshot_place *out) {
    out->none = false;
    if (count != 3) {
        dx_reader_fail(in);
    }
    out->feed = dx_read_uint(in);
    out->seq = dx_read_uint_max(in, DX_PLACE_SEQ_MAX);
    out->index = dx_read_uint_max(in, DX_BLOCK_SECTIONS_MAX - 1);
    if (out->feed >= feeds) {
        dx_reader_fail(in);
    }
}

static void read_place(dx_reader *in, size_t feeds, dx_snapshot_place *out) {
    *out = (dx_snapshot_place){.none = true};
    if (dx_reader_peek(in) == DX_KIND_NULL) {
        dx_read_null(in);
    } else {
        read_place_items(in, dx_read_array(in), feeds, out);
    }
}

/* A move, whose feed may be any. */
static void read_move(dx_reader *in, size_t feeds, dx_snapshot_move *out) {
    if (dx_read_array(in) != 3) {
        dx_reader_fail(in);
    }
    out->counter = dx_read_uint_max(in, COUNTER_MAX);
    out->feed = dx_read_uint(in);
    if (out->feed >= feeds) {
        dx_reader_fail(in);
    }
    read_place(in, feeds, &out->parent);
}

int dx_snapshot_move_read(dx_reader *cursor, dx_snapshot_move *out) {
    read_move(cursor, DX_SPACE_FEEDS_MAX, out);
    return cursor->error;
}

static bool is_array_ahead(const dx_reader *in) {
    dx_reader ahead = *in;
    (void)dx_read_array(&ahead);
    return ahead.error == DX_OK && dx_reader_peek(&ahead) == DX_KIND_ARRAY;
}

/* null, a place, or two moves and more, ascending by stamp. */
static void read_parent(dx_reader *in, size_t feeds, dx_snapshot_entity *out) {
    dx_snapshot_move move, last = {0};
    out->parent.none = true;
    if (dx_reader_peek(in) != DX_KIND_ARRAY || !is_array_ahead(in)) {
        read_place(in, feeds, &out->parent);
        return;
    }
    out->move_count = dx_read_array(in);
    const uint8_t *begin = in->at;
    if (out->move_count < 2) {
        dx_reader_fail(in);
    }
    for (size_t i = 0; i < out->move_count && in->error == DX_OK; i++, last = move) {
        read_move(in, feeds, &move);
        if (i != 0 &&
            (move.counter < last.counter || (move.counter == last.counter && move.feed <= last.feed))) {
            dx_reader_fail(in);
        }
    }
    out->moves = dx_bytes_of(begin, (size_t)(in->at - begin));
}

static void read_life(dx_reader *in, size_t feeds, dx_snapshot_entity *out) {
    if (dx_reader_peek(in) == DX_KIND_NULL) {
        dx_read_null(in);
        return;
    }
    if (dx_read_array(in) != 3) {
        dx_reader_fail(in);
    }
    out->has_life = true;
    out->deleted = dx_read_bool(in);
    out->life_counter = dx_read_uint_max(in, COUNTER_MAX);
    out->life_feed = dx_read_uint(in);
    if (out->life_feed >= feeds) {
        dx_reader_fail(in);
    }
}

/* Ascending by stamp, each one an operation. */
static void read_operations(dx_reader *in) {
    uint64_t last_counter = 0;
    uint8_t last[DX_PREFIX_SIZE], feed[DX_PREFIX_SIZE];
    size_t count = dx_read_array(in);
    for (size_t i = 0; i < count && in->error == DX_OK; i++) {
        if (dx_read_array(in) != 3) {
            dx_reader_fail(in);
        }
        uint64_t counter = dx_read_uint_max(in, COUNTER_MAX);
        dx_read_bytes_exact(in, feed, sizeof feed);
        (void)dx_read_item(in);
        if (i != 0 &&
            (counter < last_counter || (counter == last_counter && memcmp(last, feed, sizeof feed) >= 0))) {
            dx_reader_fail(in);
        }
        last_counter = counter;
        memcpy(last, feed, sizeof feed);
    }
    if (count == 0) {
        dx_reader_fail(in);
    }
}

static void read_content(dx_reader *in, dx_snapshot_entity *out) {
    bool keeps_state = dx_snapshot_keeps_state(out->model);
    const uint8_t *begin = in->at;
    dx_kind kind = dx_reader_peek(in);
    if (kind == DX_KIND_NULL) {
        dx_read_null(in);
        return;
    }
    if (kind == DX_KIND_BYTES) {
        out->content = dx_read_bytes(in);
        out->form = DX_CONTENT_STATE;
    } else {
        read_operations(in);
        out->form = DX_CONTENT_OPERATIONS;
        out->content = dx_bytes_of(begin, (size_t)(in->at - begin));
    }
    if (keeps_state != (out->form == DX_CONTENT_STATE) || out->content.size == 0) {
        dx_reader_fail(in);
    }
}

/* null, or 1 to 256 bytes that are not what null stands for. */
static dx_bytes read_name(dx_reader *in, const char *stands_for) {
    dx_bytes text = {NULL, 0};
    if (dx_reader_peek(in) == DX_KIND_NULL) {
        dx_read_null(in);
        return text;
    }
    text = dx_read_text(in);
    if (text.size == 0 || text.size > DX_TYPE_SIZE_MAX || dx_bytes_equal(text, dx_bytes_text(stands_for))) {
        dx_reader_fail(in);
    }
    return text;
}

int dx_snapshot_entity_decode(dx_bytes item, size_t feeds, dx_snapshot_entity *out) {
    dx_reader in;
    dx_reader_init(&in, item);
    memset(out, 0, sizeof *out);
    if (dx_read_array(&in) != ENTITY_ITEMS) {
        dx_reader_fail(&in);
    }
    read_place(&in, feeds, &out->place);
    out->kind = dx_read_uint_max(&in, 1);
    out->type = read_name(&in, "");
    out->model = read_name(&in, "dx/object/1");
    out->created = dx_read_uint_max(&in, COUNTER_MAX);
    read_parent(&in, feeds, out);
    read_life(&in, feeds, out);
    read_place(&in, feeds, &out->source);
    read_place(&in, feeds, &out->target);
    read_content(&in, out);
    bool link = out->kind == 1;
    if (out->place.none || (link && (out->move_count != 0 || !out->parent.none)) ||
        (!link && (!out->source.none || !out->target.none))) {
        dx_reader_fail(&in);
    }
    return dx_reader_finish(&in);
}

/* --- Writing entities -------------------------------------------------------------------------- */

void dx_snapshot_place_write(const dx_snapshot_place *place, dx_writer *out) {
    if (place->none) {
        dx_write_null(out);
        return;
    }
    dx_write_array(out, 3);
    dx_write_uint(out, place->feed);
    dx_write_uint(out, place->seq);
    dx_write_uint(out, place->index);
}

void dx_snapshot_move_write(const dx_snapshot_move *move, dx_writer *out) {
    dx_write_array(out, 3);
    dx_write_uint(out, move->counter);
    dx_write_uint(out, move->feed);
    dx_snapshot_place_write(&move->parent, out);
}

static void write_name(dx_bytes text, dx_writer *out) {
    if (text.size == 0) {
        dx_write_null(out);
    } else {
        dx_write_text_bytes(out, text);
    }
}

static void write_parent(const dx_snapshot_entity *entity, dx_writer *out) {
    dx_reader moves;
    if (entity->move_count == 0) {
        dx_snapshot_place_write(&entity->parent, out);
        return;
    }
    dx_write_array(out, entity->move_count);
    dx_reader_init(&moves, entity->moves);
    for (size_t i = 0; i < entity->move_count; i++) {
        dx_write_item(out, dx_read_item(&moves));
    }
}

void dx_snapshot_entity_write(const dx_snapshot_entity *entity, dx_writer *out) {
    dx_write_array(out, ENTITY_ITEMS);
    dx_snapshot_place_write(&entity->place, out);
    dx_write_uint(out, entity->kind);
    write_name(entity->type, out);
    write_name(entity->model, out);
    dx_write_uint(out, entity->created);
    write_parent(entity, out);
    if (entity->has_life) {
        dx_write_array(out, 3);
        dx_write_bool(out, entity->deleted);
        dx_write_uint(out, entity->life_counter);
        dx_write_uint(out, entity->life_feed);
    } else {
        dx_write_null(out);
    }
    dx_snapshot_place_write(&entity->source, out);
    dx_snapshot_place_write(&entity->target, out);
    switch (entity->form) {
    case DX_CONTENT_NONE:
        dx_write_null(out);
        break;
    case DX_CONTENT_STATE:
        dx_write_bytes(out, entity->content);
        break;
    case DX_CONTENT_OPERATIONS:
        dx_write_item(out, entity->content);
    }
}
