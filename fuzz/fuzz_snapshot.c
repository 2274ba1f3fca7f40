/* fuzz_snapshot.c: the items of a snapshot. The first byte says how many feeds there are. Checks: an item is of one form at
 * most; what decodes encodes to the same bytes. */
#include "echo/snapshot_item.h"
#include "fuzz.h"

static void check_header(dx_bytes item) {
    dx_snapshot_header header;
    dx_buf again, ids;
    dx_writer writer;
    dx_reader cursor;
    if (dx_snapshot_header_decode(item, &header) != DX_OK) {
        return;
    }
    dx_buf_init(&again, &fuzz_alloc, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&ids, &fuzz_alloc, DX_BLOCK_SIZE_MAX);
    dx_reader_init(&cursor, header.feeds);
    for (size_t i = 0; i < header.feed_count; i++) {
        uint8_t id[DX_HASH_SIZE];
        FUZZ_CHECK(dx_snapshot_header_feed(&cursor, id) == DX_OK);
        dx_buf_append(&ids, id, sizeof id);
    }
    dx_writer_init(&writer, &again);
    dx_snapshot_header_write(header.space, header.number, dx_buf_view(&ids), &writer);
    FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK && dx_bytes_equal(dx_buf_view(&again), item));
    dx_buf_deinit(&again);
    dx_buf_deinit(&ids);
}

static void check_feed(dx_bytes item, size_t feeds) {
    dx_snapshot_feed feed;
    dx_snapshot_vector entry;
    dx_reader cursor;
    if (dx_snapshot_feed_decode(item, feeds, 0, &feed) != DX_OK) {
        return;
    }
    dx_reader_init(&cursor, feed.vector);
    for (size_t i = 0; i < feed.vector_count; i++) {
        FUZZ_CHECK(dx_snapshot_vector_read(&cursor, &entry) == DX_OK);
        FUZZ_CHECK(entry.length != 0 && (entry.other || (entry.feed < feeds && entry.feed != 0)));
    }
}

static void check_entity(dx_bytes item, size_t feeds) {
    dx_snapshot_entity entity;
    dx_snapshot_header header;
    dx_snapshot_feed feed;
    dx_buf again;
    dx_writer writer;
    if (dx_snapshot_entity_decode(item, feeds, &entity) != DX_OK) {
        return;
    }
    FUZZ_CHECK(dx_snapshot_header_decode(item, &header) != DX_OK);
    FUZZ_CHECK(dx_snapshot_feed_decode(item, feeds, feeds, &feed) != DX_OK);
    FUZZ_CHECK(!entity.place.none && entity.place.feed < feeds);
    dx_buf_init(&again, &fuzz_alloc, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &again);
    dx_snapshot_entity_write(&entity, &writer);
    FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK && dx_bytes_equal(dx_buf_view(&again), item));
    dx_buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > DX_BLOCK_SIZE_MAX / 2) {
        return 0;
    }
    dx_bytes item = dx_bytes_of(data + 1, size - 1);
    check_header(item);
    check_feed(item, data[0]);
    check_entity(item, data[0]);
    return 0;
}
