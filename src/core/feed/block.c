/* feed/block.c: blocks and their sections: strict reader, writer, leaf, sealing.
 *
 * Layer: floor 1, feed. Law (tests/unit/feed/test_block.c): what decode accepts, encode makes again byte for
 * byte, so a block has one form and its leaf, which is taken over the parts, binds all of its bytes. */
#include "feed/block.h"

#include <string.h>

#include "codec/canonical.h"
#include "feed/number.h"

enum { BLOCK_ITEMS = 2, HEADER_ITEMS = 7, DEPENDENCY_ITEMS = 3, FLAGS_KNOWN = DX_BLOCK_CONTINUES };
enum { SECTION_PLACE_SIZE = DX_HASH_SIZE + 8 + 8 };

/* --- Reading ----------------------------------------------------------------------------------- */

static void read_dependency(dx_reader *reader, dx_dependency *out) {
    if (dx_read_array(reader) != DEPENDENCY_ITEMS) {
        dx_reader_fail(reader);
    }
    dx_read_bytes_exact(reader, out->feed, sizeof out->feed);
    out->length = dx_read_uint_max(reader, DX_FEED_LENGTH_MAX);
    dx_read_bytes_exact(reader, out->root, sizeof out->root);
    if (out->length == 0) {
        dx_reader_fail(reader);
    }
}

/* An array of dependencies in strictly ascending order of prefix; entries receives what follows the array's
 * head. */
void dx_dependencies_read(dx_reader *reader, size_t *count, dx_bytes *entries) {
    *count = dx_read_array(reader);
    if (*count > DX_BLOCK_DEPENDENCIES_MAX) {
        dx_reader_fail(reader);
    }
    const uint8_t *start = reader->at;
    dx_dependency last, next;
    for (size_t i = 0; i < *count && reader->error == DX_OK; i++) {
        read_dependency(reader, &next);
        if (i > 0 && memcmp(last.feed, next.feed, sizeof last.feed) >= 0) {
            dx_reader_fail(reader);
        }
        last = next;
    }
    *entries = dx_bytes_of(start, (size_t)(reader->at - start));
}

static int decode_header(dx_bytes bytes, dx_block_header *out) {
    dx_reader reader;
    dx_reader_init(&reader, bytes);
    if (dx_read_array(&reader) != HEADER_ITEMS || dx_read_uint(&reader) != DX_BLOCK_VERSION) {
        dx_reader_fail(&reader);
    }
    out->feed_class = (dx_feed_class)dx_read_uint_max(&reader, DX_FEED_DATA);
    out->flags = dx_read_uint_max(&reader, FLAGS_KNOWN);
    out->key_epoch = dx_read_uint(&reader);
    out->wall_ms = dx_read_uint(&reader);
    dx_dependencies_read(&reader, &out->auth_count, &out->auth);
    dx_dependencies_read(&reader, &out->dependency_count, &out->dependencies);
    if (out->feed_class == DX_FEED_CONTROL && (out->key_epoch != 0 || out->dependency_count != 0)) {
        dx_reader_fail(&reader);
    }
    return dx_reader_finish(&reader);
}

int dx_block_section(dx_reader *cursor, dx_bytes *section, bool *hole) {
    *hole = dx_reader_peek(cursor) == DX_KIND_ARRAY;
    if (*hole && dx_read_array(cursor) != 1) {
        dx_reader_fail(cursor);
    }
    *section = dx_read_bytes(cursor);
    if (*hole && section->size != DX_HASH_SIZE) {
        dx_reader_fail(cursor);
    }
    return cursor->error;
}

int dx_block_dependency(dx_reader *cursor, dx_dependency *out) {
    read_dependency(cursor, out);
    return cursor->error;
}

int dx_block_decode(dx_bytes bytes, dx_block *out) {
    memset(out, 0, sizeof *out);
    if (bytes.size > DX_BLOCK_SIZE_MAX) {
        return DX_E_MALFORMED;
    }
    dx_reader reader;
    dx_reader_init(&reader, bytes);
    if (dx_read_array(&reader) != BLOCK_ITEMS) {
        dx_reader_fail(&reader);
    }
    out->header_bytes = dx_read_bytes(&reader);
    out->section_count = dx_read_array(&reader);
    if (out->section_count > DX_BLOCK_SECTIONS_MAX || reader.error != DX_OK ||
        decode_header(out->header_bytes, &out->header) != DX_OK) {
        return DX_E_MALFORMED;
    }
    const uint8_t *start = reader.at;
    for (size_t i = 0; i < out->section_count; i++) {
        dx_bytes section;
        bool hole;
        if (dx_block_section(&reader, &section, &hole) != DX_OK) {
            return DX_E_MALFORMED;
        }
        out->hole_count += hole;
    }
    out->sections = dx_bytes_of(start, (size_t)(reader.at - start));
    if (out->header.feed_class == DX_FEED_CONTROL && out->hole_count != 0) {
        return DX_E_MALFORMED;
    }
    return dx_reader_finish(&reader);
}

void dx_block_leaf(const dx_block *block, const uint8_t feed_id[static DX_HASH_SIZE], uint64_t seq,
                   uint8_t out[static DX_HASH_SIZE]) {
    dx_hash_state leaf;
    dx_hash_begin(&leaf, DX_HASH_LEAF, dx_bytes_of(NULL, 0));
    dx_hash_add(&leaf, feed_id, DX_HASH_SIZE);
    dx_hash_add_u64(&leaf, seq);
    dx_hash_add_u64(&leaf, block->header_bytes.size);
    dx_hash_add(&leaf, block->header_bytes.data, block->header_bytes.size);
    dx_hash_add_u64(&leaf, block->section_count);
    dx_reader cursor;
    dx_reader_init(&cursor, block->sections);
    for (size_t i = 0; i < block->section_count; i++) {
        dx_bytes section;
        bool hole;
        int error = dx_block_section(&cursor, &section, &hole);
        DX_ASSERT(error == DX_OK); /* decode has walked them */
        uint8_t hash[DX_HASH_SIZE];
        if (!hole) {
            dx_hash(DX_HASH_SECTION, section, hash);
        }
        dx_hash_add(&leaf, hole ? section.data : hash, DX_HASH_SIZE);
    }
    dx_hash_end(&leaf, out);
}

/* --- Writing ----------------------------------------------------------------------------------- */

static int check_dependencies(const dx_dependency *entries, size_t count) {
    if (count > DX_BLOCK_DEPENDENCIES_MAX) {
        return DX_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        if (entries[i].length == 0 || entries[i].length > DX_FEED_LENGTH_MAX ||
            (i > 0 && memcmp(entries[i - 1].feed, entries[i].feed, DX_PREFIX_SIZE) >= 0)) {
            return DX_E_INVALID;
        }
    }
    return DX_OK;
}

static void write_dependencies(dx_writer *writer, const dx_dependency *entries, size_t count) {
    dx_write_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_array(writer, DEPENDENCY_ITEMS);
        dx_write_bytes(writer, dx_bytes_of(entries[i].feed, DX_PREFIX_SIZE));
        dx_write_uint(writer, entries[i].length);
        dx_write_bytes(writer, dx_bytes_of(entries[i].root, DX_ROOT_PREFIX_SIZE));
    }
}

int dx_dependencies_write(dx_writer *writer, const dx_dependency *entries, size_t count) {
    int error = check_dependencies(entries, count);
    if (error == DX_OK) {
        write_dependencies(writer, entries, count);
    }
    return error;
}

int dx_block_header_encode(dx_feed_class feed_class, uint64_t flags, uint64_t key_epoch, uint64_t wall_ms,
                           const dx_dependency *auth, size_t auth_count, const dx_dependency *dependencies,
                           size_t dependency_count, dx_buf *out) {
    int error = check_dependencies(auth, auth_count);
    error = error ? error : check_dependencies(dependencies, dependency_count);
    if (error) {
        return error;
    }
    bool is_control = feed_class == DX_FEED_CONTROL;
    if ((!is_control && feed_class != DX_FEED_DATA) || flags > FLAGS_KNOWN ||
        (is_control && (key_epoch != 0 || dependency_count != 0))) {
        return DX_E_INVALID;
    }
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, HEADER_ITEMS);
    dx_write_uint(&writer, DX_BLOCK_VERSION);
    dx_write_uint(&writer, (uint64_t)feed_class);
    dx_write_uint(&writer, flags);
    dx_write_uint(&writer, key_epoch);
    dx_write_uint(&writer, wall_ms);
    write_dependencies(&writer, auth, auth_count);
    write_dependencies(&writer, dependencies, dependency_count);
    return dx_writer_finish(&writer);
}

static int write_block(dx_bytes header, dx_bytes section_items, size_t section_count, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, BLOCK_ITEMS);
    dx_write_bytes(&writer, header);
    dx_write_array(&writer, section_count);
    dx_reader items;
    dx_reader_init(&items, section_items);
    for (size_t i = 0; i < section_count; i++) {
        dx_bytes item = dx_read_item(&items);
        if (item.size == 0) {
            return DX_E_INVALID;
        }
        dx_write_item(&writer, item);
    }
    return dx_reader_finish(&items) ? DX_E_INVALID : dx_writer_finish(&writer);
}

int dx_block_encode(dx_bytes header, dx_bytes section_items, size_t section_count, dx_buf *out) {
    if (section_count > DX_BLOCK_SECTIONS_MAX) {
        return DX_E_LIMIT;
    }
    size_t before = out->size;
    int error = write_block(header, section_items, section_count, out);
    if (!error && out->size - before > DX_BLOCK_SIZE_MAX) {
        error = DX_E_LIMIT;
    }
    if (error) {
        out->size = before;
    }
    return error;
}

/* --- Sealing ----------------------------------------------------------------------------------- */

/* feed id ‖ seq ‖ index: what binds a section to its one place. */
static void put_place(uint8_t out[static SECTION_PLACE_SIZE], const uint8_t feed_id[static DX_HASH_SIZE],
                      uint64_t seq, uint64_t index) {
    memcpy(out, feed_id, DX_HASH_SIZE);
    put_u64(out + DX_HASH_SIZE, seq);
    put_u64(out + DX_HASH_SIZE + 8, index);
}

int dx_section_seal(const uint8_t key[static DX_KEY_SIZE], const uint8_t feed_id[static DX_HASH_SIZE],
                    uint64_t seq, uint64_t index, dx_bytes plaintext, dx_buf *out_items) {
    dx_writer writer;
    dx_writer_init(&writer, out_items);
    uint8_t *sealed = dx_write_bytes_room(&writer, plaintext.size + DX_SECTION_OVERHEAD);
    int error = dx_writer_finish(&writer);
    if (error) {
        return error;
    }
    uint8_t place[SECTION_PLACE_SIZE];
    put_place(place, feed_id, seq, index);
    dx_siv_seal(key, DX_HASH_NONCE, dx_bytes_of(place, sizeof place), plaintext, sealed);
    return DX_OK;
}

static int open_into(const uint8_t key[static DX_KEY_SIZE], const uint8_t place[static SECTION_PLACE_SIZE],
                     dx_bytes sealed, uint8_t *out, size_t *size) {
    dx_bytes ad = dx_bytes_of(place, SECTION_PLACE_SIZE);
    *size = sealed.size - DX_SECTION_OVERHEAD;
    int error = dx_siv_open(key, DX_HASH_NONCE, ad, sealed, out);
    if (error == DX_E_SIGNATURE && sealed.size >= DX_SECTION_OVERHEAD_OLD) {
        *size = sealed.size - DX_SECTION_OVERHEAD_OLD;
        error = dx_aead_open(key, sealed.data, ad,
                             dx_bytes_of(sealed.data + DX_AEAD_NONCE_SIZE, sealed.size - DX_AEAD_NONCE_SIZE),
                             out);
    }
    return error;
}

int dx_section_open(const uint8_t key[static DX_KEY_SIZE], const uint8_t feed_id[static DX_HASH_SIZE],
                    uint64_t seq, uint64_t index, dx_bytes sealed, dx_buf *out) {
    if (sealed.size < DX_SECTION_OVERHEAD) {
        return DX_E_MALFORMED;
    }
    size_t before = out->size, size;
    uint8_t *plaintext = dx_buf_extend(out, sealed.size - DX_SECTION_OVERHEAD);
    if (dx_buf_error(out)) {
        return dx_buf_error(out);
    }
    uint8_t place[SECTION_PLACE_SIZE];
    put_place(place, feed_id, seq, index);
    int error = open_into(key, place, sealed, plaintext, &size);
    out->size = before + (error ? 0 : size);
    return error;
}
