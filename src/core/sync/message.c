/* sync/message.c: see message.h. */
#include "sync/message.h"

#include <string.h>

void dx_sync_hello_proof(bool initiator, const uint8_t handshake_hash[static 64],
                         const uint8_t space_id[static DX_HASH_SIZE],
                         uint8_t out[static DX_SYNC_PROOF_SIZE]) {
    out[0] = initiator ? 1 : 2;
    memcpy(out + 1, handshake_hash, 64);
    memcpy(out + 65, space_id, DX_HASH_SIZE);
}

static dx_writer begin(dx_buf *out, size_t fields, dx_sync_kind kind) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, fields);
    dx_write_uint(&writer, (uint64_t)kind);
    return writer;
}

static dx_reader open(dx_bytes message, size_t fields, dx_sync_kind kind) {
    dx_reader reader;
    dx_reader_init(&reader, message);
    if (dx_read_array(&reader) != fields || dx_read_uint(&reader) != (uint64_t)kind) {
        dx_reader_fail(&reader);
    }
    return reader;
}

dx_sync_kind dx_sync_message_kind(dx_bytes message) {
    dx_reader reader;
    dx_reader_init(&reader, message);
    if (dx_read_array(&reader) == 0) {
        dx_reader_fail(&reader);
    }
    uint64_t kind = dx_read_uint_max(&reader, DX_SYNC_KIND_COUNT - 1);
    return reader.error == DX_OK ? (dx_sync_kind)kind : DX_SYNC_KIND_COUNT;
}

static void write_fixed(dx_writer *writer, const uint8_t *data, size_t size) {
    dx_write_bytes(writer, dx_bytes_of(data, size));
}

static void write_addresses(dx_writer *writer, const dx_bytes *addresses, size_t count) {
    dx_write_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_text_bytes(writer, addresses[i]);
    }
}

static size_t read_addresses(dx_reader *reader, dx_bytes *addresses) {
    size_t count = dx_read_array(reader);
    if (count > DX_SYNC_ADDRESSES_MAX) {
        dx_reader_fail(reader);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        addresses[i] = dx_read_text(reader);
    }
    return count;
}

static void write_digests(dx_writer *writer, const dx_sync_digests *digests) {
    write_fixed(writer, digests->control, DX_HASH_SIZE);
    write_fixed(writer, digests->data, DX_HASH_SIZE);
}

static void read_digests(dx_reader *reader, dx_sync_digests *digests) {
    dx_read_bytes_exact(reader, digests->control, DX_HASH_SIZE);
    dx_read_bytes_exact(reader, digests->data, DX_HASH_SIZE);
}

void dx_sync_hello_write(const dx_sync_hello *hello, dx_buf *out) {
    dx_writer writer = begin(out, 7, DX_SYNC_HELLO);
    dx_write_uint(&writer, DX_SYNC_VERSION);
    write_fixed(&writer, hello->device, DX_KEY_SIZE);
    write_fixed(&writer, hello->signature, DX_SIGNATURE_SIZE);
    write_digests(&writer, &hello->digests);
    write_addresses(&writer, hello->addresses, hello->address_count);
}

int dx_sync_hello_read(dx_bytes message, dx_sync_hello *out) {
    dx_reader reader = open(message, 7, DX_SYNC_HELLO);
    if (dx_read_uint(&reader) != DX_SYNC_VERSION) {
        dx_reader_fail(&reader);
    }
    dx_read_bytes_exact(&reader, out->device, DX_KEY_SIZE);
    dx_read_bytes_exact(&reader, out->signature, DX_SIGNATURE_SIZE);
    read_digests(&reader, &out->digests);
    out->address_count = read_addresses(&reader, out->addresses);
    return dx_reader_finish(&reader);
}

void dx_sync_state_begin(const dx_sync_digests *digests, size_t count, dx_buf *out) {
    dx_writer writer = begin(out, 4, DX_SYNC_STATE);
    write_digests(&writer, digests);
    dx_write_array(&writer, count);
}

void dx_sync_entry_write(const dx_sync_entry *entry, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 4);
    dx_write_uint(&writer, (uint64_t)entry->feed_class);
    write_fixed(&writer, entry->device, DX_KEY_SIZE);
    write_fixed(&writer, entry->key, DX_KEY_SIZE);
    dx_head_write(&entry->head, &writer);
}

int dx_sync_state_read(dx_bytes message, dx_sync_digests *digests, size_t *count, dx_reader *entries) {
    *entries = open(message, 4, DX_SYNC_STATE);
    read_digests(entries, digests);
    *count = dx_read_array(entries);
    if (*count > DX_SYNC_ENTRIES_MAX) {
        dx_reader_fail(entries);
    }
    return entries->error != DX_OK ? DX_E_MALFORMED : DX_OK;
}

int dx_sync_entry_read(dx_reader *entries, dx_sync_entry *out) {
    if (dx_read_array(entries) != 4) {
        dx_reader_fail(entries);
    }
    out->feed_class = (dx_feed_class)dx_read_uint_max(entries, DX_FEED_DATA);
    dx_read_bytes_exact(entries, out->device, DX_KEY_SIZE);
    dx_read_bytes_exact(entries, out->key, DX_KEY_SIZE);
    dx_head_read(entries, &out->head);
    return entries->error != DX_OK ? DX_E_MALFORMED : DX_OK;
}

void dx_sync_ask_write(dx_feed_class feed_class, dx_buf *out) {
    dx_writer writer = begin(out, 2, DX_SYNC_ASK);
    dx_write_uint(&writer, (uint64_t)feed_class);
}

int dx_sync_ask_read(dx_bytes message, dx_feed_class *out) {
    dx_reader reader = open(message, 2, DX_SYNC_ASK);
    *out = (dx_feed_class)dx_read_uint_max(&reader, DX_FEED_DATA);
    return dx_reader_finish(&reader);
}

/* Messages about a place in a feed begin alike: [kind, feed id, number…]. */
static dx_writer begin_at(dx_buf *out, size_t fields, dx_sync_kind kind,
                          const uint8_t feed_id[static DX_HASH_SIZE], uint64_t number) {
    dx_writer writer = begin(out, fields, kind);
    write_fixed(&writer, feed_id, DX_HASH_SIZE);
    dx_write_uint(&writer, number);
    return writer;
}

static dx_reader open_at(dx_bytes message, size_t fields, dx_sync_kind kind,
                         uint8_t feed_id[static DX_HASH_SIZE], uint64_t *number) {
    dx_reader reader = open(message, fields, kind);
    dx_read_bytes_exact(&reader, feed_id, DX_HASH_SIZE);
    *number = dx_read_uint_max(&reader, DX_FEED_LENGTH_MAX);
    return reader;
}

void dx_sync_want_write(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t from, dx_buf *out) {
    (void)begin_at(out, 3, DX_SYNC_WANT, feed_id, from);
}

int dx_sync_want_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], uint64_t *from) {
    dx_reader reader = open_at(message, 3, DX_SYNC_WANT, feed_id, from);
    return dx_reader_finish(&reader);
}

static void begin_run(dx_sync_kind kind, const uint8_t feed_id[static DX_HASH_SIZE], uint64_t from,
                      const dx_head *head, size_t block_count, dx_buf *out) {
    dx_writer writer = begin_at(out, 6, kind, feed_id, from);
    dx_head_write(head, &writer);
    dx_write_array(&writer, block_count);
}

void dx_sync_data_begin(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t from, const dx_head *head,
                        size_t block_count, dx_buf *out) {
    begin_run(DX_SYNC_DATA, feed_id, from, head, block_count, out);
}

void dx_sync_limb_begin(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t from, const dx_head *head,
                        size_t block_count, dx_buf *out) {
    begin_run(DX_SYNC_LIMB, feed_id, from, head, block_count, out);
}

void dx_sync_block_write(dx_bytes block, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_bytes(&writer, block);
}

void dx_sync_data_end(dx_bytes proof, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_bytes(&writer, proof);
}

static int read_run(dx_sync_kind kind, dx_bytes message, dx_sync_data *out) {
    dx_reader reader = open_at(message, 6, kind, out->feed_id, &out->from);
    dx_head_read(&reader, &out->head);
    out->block_count = dx_read_array(&reader);
    if (out->block_count > DX_SYNC_BLOCKS_MAX) {
        dx_reader_fail(&reader);
        out->block_count = 0;
    }
    for (size_t i = 0; i < out->block_count; i++) {
        out->blocks[i] = dx_read_bytes(&reader);
    }
    out->proof = dx_read_bytes(&reader);
    return dx_reader_finish(&reader);
}

int dx_sync_data_read(dx_bytes message, dx_sync_data *out) {
    return read_run(DX_SYNC_DATA, message, out);
}

int dx_sync_limb_read(dx_bytes message, dx_sync_data *out) {
    return read_run(DX_SYNC_LIMB, message, out);
}

void dx_sync_more_write(uint64_t bytes, dx_buf *out) {
    dx_writer writer = begin(out, 2, DX_SYNC_MORE);
    dx_write_uint(&writer, bytes);
}

int dx_sync_more_read(dx_bytes message, uint64_t *bytes) {
    dx_reader reader = open(message, 2, DX_SYNC_MORE);
    *bytes = dx_read_uint(&reader);
    return dx_reader_finish(&reader);
}

void dx_sync_ping_write(bool pong, dx_buf *out) {
    begin(out, 1, pong ? DX_SYNC_PONG : DX_SYNC_PING);
}

int dx_sync_ping_read(bool pong, dx_bytes message) {
    dx_reader reader = open(message, 1, pong ? DX_SYNC_PONG : DX_SYNC_PING);
    return dx_reader_finish(&reader);
}

void dx_sync_addresses_write(const dx_bytes *addresses, size_t count, dx_buf *out) {
    dx_writer writer = begin(out, 2, DX_SYNC_ADDRESSES);
    write_addresses(&writer, addresses, count);
}

int dx_sync_addresses_read(dx_bytes message, dx_bytes *addresses, size_t *count) {
    dx_reader reader = open(message, 2, DX_SYNC_ADDRESSES);
    *count = read_addresses(&reader, addresses);
    return dx_reader_finish(&reader);
}

void dx_sync_fork_write(const uint8_t feed_id[static DX_HASH_SIZE], dx_bytes proof, dx_buf *out) {
    dx_writer writer = begin(out, 3, DX_SYNC_FORK);
    write_fixed(&writer, feed_id, DX_HASH_SIZE);
    dx_write_bytes(&writer, proof);
}

int dx_sync_fork_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], dx_bytes *proof) {
    dx_reader reader = open(message, 3, DX_SYNC_FORK);
    dx_read_bytes_exact(&reader, feed_id, DX_HASH_SIZE);
    *proof = dx_read_bytes(&reader);
    return dx_reader_finish(&reader);
}

void dx_sync_probe_write(bool answer, const dx_sync_probe *probe, dx_buf *out) {
    dx_writer writer = begin(out, answer ? 4 : 3, answer ? DX_SYNC_ROOTS : DX_SYNC_PROBE);
    write_fixed(&writer, probe->feed_id, DX_HASH_SIZE);
    dx_write_array(&writer, probe->count);
    for (size_t i = 0; i < probe->count; i++) {
        dx_write_uint(&writer, probe->lengths[i]);
    }
    if (answer) {
        dx_write_bytes(&writer, probe->roots);
    }
}

int dx_sync_probe_read(bool answer, dx_bytes message, dx_sync_probe *out) {
    dx_reader reader = open(message, answer ? 4 : 3, answer ? DX_SYNC_ROOTS : DX_SYNC_PROBE);
    dx_read_bytes_exact(&reader, out->feed_id, DX_HASH_SIZE);
    out->count = dx_read_array(&reader);
    if (out->count > DX_FORK_PROBES_MAX) {
        dx_reader_fail(&reader);
        out->count = 0;
    }
    for (size_t i = 0; i < out->count; i++) {
        out->lengths[i] = dx_read_uint_max(&reader, DX_FEED_LENGTH_MAX);
    }
    out->roots = answer ? dx_read_bytes(&reader) : (dx_bytes){0};
    return dx_reader_finish(&reader);
}

void dx_sync_part_write(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t at, dx_buf *out) {
    (void)begin_at(out, 3, DX_SYNC_PART, feed_id, at);
}

int dx_sync_part_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], uint64_t *at) {
    dx_reader reader = open_at(message, 3, DX_SYNC_PART, feed_id, at);
    return dx_reader_finish(&reader);
}

void dx_sync_path_write(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t at, const dx_head *head,
                        dx_bytes path, dx_buf *out) {
    dx_writer writer = begin_at(out, 5, DX_SYNC_PATH, feed_id, at);
    dx_head_write(head, &writer);
    dx_write_bytes(&writer, path);
}

int dx_sync_path_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], uint64_t *at, dx_head *head,
                      dx_bytes *path) {
    dx_reader reader = open_at(message, 5, DX_SYNC_PATH, feed_id, at);
    dx_head_read(&reader, head);
    *path = dx_read_bytes(&reader);
    return dx_reader_finish(&reader);
}

void dx_sync_branch_write(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t from, const dx_limb_goal *goal,
                          dx_buf *out) {
    dx_writer writer = begin(out, 5, DX_SYNC_BRANCH);
    write_fixed(&writer, feed_id, DX_HASH_SIZE);
    dx_write_uint(&writer, from);
    dx_write_uint(&writer, goal->length);
    write_fixed(&writer, goal->root, sizeof goal->root);
}

int dx_sync_branch_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], uint64_t *from,
                        dx_limb_goal *goal) {
    dx_reader reader = open(message, 5, DX_SYNC_BRANCH);
    dx_read_bytes_exact(&reader, feed_id, DX_HASH_SIZE);
    *from = dx_read_uint_max(&reader, DX_FEED_LENGTH_MAX);
    goal->length = dx_read_uint_max(&reader, DX_FEED_LENGTH_MAX);
    dx_read_bytes_exact(&reader, goal->root, sizeof goal->root);
    if (*from >= goal->length) {
        dx_reader_fail(&reader);
    }
    return dx_reader_finish(&reader);
}

void dx_sync_lack_write(const uint8_t feed_id[static DX_HASH_SIZE], dx_buf *out) {
    dx_writer writer = begin(out, 2, DX_SYNC_LACK);
    write_fixed(&writer, feed_id, DX_HASH_SIZE);
}

int dx_sync_lack_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE]) {
    dx_reader reader = open(message, 2, DX_SYNC_LACK);
    dx_read_bytes_exact(&reader, feed_id, DX_HASH_SIZE);
    return dx_reader_finish(&reader);
}

void dx_sync_gone_write(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t begins, dx_buf *out) {
    (void)begin_at(out, 3, DX_SYNC_GONE, feed_id, begins);
}

int dx_sync_gone_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], uint64_t *begins) {
    dx_reader reader = open_at(message, 3, DX_SYNC_GONE, feed_id, begins);
    return dx_reader_finish(&reader);
}

void dx_sync_fetch_write(const uint8_t root[static DX_HASH_SIZE], uint64_t index, dx_buf *out) {
    (void)begin_at(out, 3, DX_SYNC_FETCH, root, index);
}

int dx_sync_fetch_read(dx_bytes message, uint8_t root[static DX_HASH_SIZE], uint64_t *index) {
    dx_reader reader = open_at(message, 3, DX_SYNC_FETCH, root, index);
    return dx_reader_finish(&reader);
}

void dx_sync_piece_write(const uint8_t root[static DX_HASH_SIZE], uint64_t index, dx_bytes bytes,
                         dx_buf *out) {
    dx_writer writer = begin_at(out, 4, DX_SYNC_PIECE, root, index);
    dx_write_bytes(&writer, bytes);
}

int dx_sync_piece_read(dx_bytes message, uint8_t root[static DX_HASH_SIZE], uint64_t *index,
                       dx_bytes *bytes) {
    dx_reader reader = open_at(message, 4, DX_SYNC_PIECE, root, index);
    *bytes = dx_read_bytes(&reader);
    return dx_reader_finish(&reader);
}

/* --- Sections ------------------------------------------------------------------------------------------ */

static dx_sync_place read_place(dx_reader *reader) {
    dx_sync_place place;
    place.seq = dx_read_uint_max(reader, DX_FEED_LENGTH_MAX - 1);
    place.index = dx_read_uint_max(reader, DX_BLOCK_SECTIONS_MAX - 1);
    return place;
}

static void write_place(const dx_sync_place *place, dx_writer *writer) {
    dx_write_uint(writer, place->seq);
    dx_write_uint(writer, place->index);
}

static bool is_behind(const dx_sync_place *a, const dx_sync_place *b) {
    return a->seq > b->seq || (a->seq == b->seq && a->index > b->index);
}

void dx_sync_holes_write(const uint8_t feed_id[static DX_HASH_SIZE],
                         const uint8_t root[static DX_ROOT_PREFIX_SIZE], const dx_sync_place *places,
                         size_t count, dx_buf *out) {
    dx_writer writer = begin(out, 4, DX_SYNC_HOLES);
    write_fixed(&writer, feed_id, DX_HASH_SIZE);
    write_fixed(&writer, root, DX_ROOT_PREFIX_SIZE);
    dx_write_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_array(&writer, 2);
        write_place(&places[i], &writer);
    }
}

int dx_sync_holes_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], dx_limb_goal *branch,
                       dx_sync_place places[static DX_SYNC_PLACES_MAX], size_t *count) {
    dx_reader reader = open(message, 4, DX_SYNC_HOLES);
    dx_read_bytes_exact(&reader, feed_id, DX_HASH_SIZE);
    dx_read_bytes_exact(&reader, branch->root, sizeof branch->root);
    *count = dx_read_array(&reader);
    if (*count == 0 || *count > DX_SYNC_PLACES_MAX) {
        dx_reader_fail(&reader);
        *count = 0;
    }
    for (size_t i = 0; i < *count; i++) {
        if (dx_read_array(&reader) != 2) {
            dx_reader_fail(&reader);
        }
        places[i] = read_place(&reader);
        if (i > 0 && !is_behind(&places[i], &places[i - 1])) {
            dx_reader_fail(&reader);
        }
    }
    branch->length = *count == 0 ? 0 : places[*count - 1].seq + 1;
    return dx_reader_finish(&reader);
}

void dx_sync_sections_begin(const uint8_t feed_id[static DX_HASH_SIZE], size_t answered, size_t sections,
                            dx_buf *out) {
    dx_writer writer = begin(out, 4, DX_SYNC_SECTIONS);
    write_fixed(&writer, feed_id, DX_HASH_SIZE);
    dx_write_uint(&writer, answered);
    dx_write_array(&writer, sections);
}

void dx_sync_section_write(const dx_sync_place *place, dx_bytes section, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 3);
    write_place(place, &writer);
    dx_write_bytes(&writer, section);
}

int dx_sync_sections_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], size_t *answered,
                          size_t *sections, dx_reader *reader) {
    *reader = open(message, 4, DX_SYNC_SECTIONS);
    dx_read_bytes_exact(reader, feed_id, DX_HASH_SIZE);
    *answered = (size_t)dx_read_uint_max(reader, DX_SYNC_PLACES_MAX);
    *sections = dx_read_array(reader);
    if (*answered == 0 || *sections > *answered) {
        dx_reader_fail(reader);
    }
    return reader->error != DX_OK ? DX_E_MALFORMED : DX_OK;
}

int dx_sync_section_read(dx_reader *reader, dx_sync_place *place, dx_bytes *section) {
    if (dx_read_array(reader) != 3) {
        dx_reader_fail(reader);
    }
    *place = read_place(reader);
    *section = dx_read_bytes(reader);
    return reader->error != DX_OK ? DX_E_MALFORMED : DX_OK;
}

/* --- Parts --------------------------------------------------------------------------------------------- */

void dx_sync_scope_write(uint64_t number, const dx_space_scope *scope, dx_buf *out) {
    dx_writer writer = begin(out, 3, DX_SYNC_SCOPE);
    dx_write_uint(&writer, number);
    dx_space_scope_write_sections(scope, &writer);
}

int dx_sync_scope_read(dx_bytes message, uint64_t *number, dx_space_scope *scope) {
    dx_reader reader = open(message, 3, DX_SYNC_SCOPE);
    *number = dx_read_uint(&reader);
    dx_bytes item = dx_read_item(&reader);
    int error = dx_reader_finish(&reader);
    error = error == DX_OK ? dx_space_scope_read(scope, item) : error;
    return error == DX_OK && scope->question.size != 0 ? DX_E_MALFORMED : error;
}

void dx_sync_scoped_write(uint64_t number, bool all, dx_buf *out) {
    dx_writer writer = begin(out, 3, DX_SYNC_SCOPED);
    dx_write_uint(&writer, number);
    dx_write_bool(&writer, all);
}

int dx_sync_scoped_read(dx_bytes message, uint64_t *number, bool *all) {
    dx_reader reader = open(message, 3, DX_SYNC_SCOPED);
    *number = dx_read_uint(&reader);
    *all = dx_read_bool(&reader);
    return dx_reader_finish(&reader);
}

static void write_progress(const dx_sync_progress *progress, dx_writer *writer) {
    dx_write_array(writer, progress->some ? 2 : 0);
    if (progress->some) {
        dx_write_uint(writer, progress->stamp.counter);
        write_fixed(writer, progress->stamp.feed, sizeof progress->stamp.feed);
    }
}

static void read_progress(dx_reader *reader, dx_sync_progress *out) {
    size_t fields = dx_read_array(reader);
    *out = (dx_sync_progress){.some = fields == 2};
    if (fields == 2) {
        out->stamp.counter = dx_read_uint_max(reader, INT64_MAX);
        dx_read_bytes_exact(reader, out->stamp.feed, sizeof out->stamp.feed);
    } else if (fields != 0) {
        dx_reader_fail(reader);
    }
}

void dx_sync_seek_write(const dx_sync_seek *seek, dx_buf *out) {
    dx_writer writer = begin(out, 3, DX_SYNC_SEEK);
    dx_write_array(&writer, seek->count);
    for (size_t i = 0; i < seek->count; i++) {
        write_fixed(&writer, seek->entities[i], DX_ID_SIZE);
    }
    write_progress(&seek->after, &writer);
}

int dx_sync_seek_read(dx_bytes message, dx_sync_seek *out) {
    dx_reader reader = open(message, 3, DX_SYNC_SEEK);
    out->count = dx_read_array(&reader);
    if (out->count == 0 || out->count > DX_SYNC_SEEKS_MAX) {
        dx_reader_fail(&reader);
        out->count = 0;
    }
    for (size_t i = 0; i < out->count; i++) {
        dx_read_bytes_exact(&reader, out->entities[i], DX_ID_SIZE);
    }
    read_progress(&reader, &out->after);
    return dx_reader_finish(&reader);
}

void dx_sync_sought_begin(const dx_sync_answer *answer, dx_buf *out) {
    dx_writer writer = begin(out, 5, DX_SYNC_SOUGHT);
    dx_write_uint(&writer, answer->answered);
    write_progress(&answer->next, &writer);
    dx_write_bool(&writer, answer->whole);
    dx_write_array(&writer, answer->sections);
}

void dx_sync_sought_write(const dx_sync_sought *section, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 4);
    write_fixed(&writer, section->feed, sizeof section->feed);
    write_place(&section->place, &writer);
    dx_write_bytes(&writer, section->section);
}

int dx_sync_sought_open(dx_bytes message, dx_sync_answer *out, dx_reader *sections) {
    *sections = open(message, 5, DX_SYNC_SOUGHT);
    out->answered = (size_t)dx_read_uint_max(sections, DX_SYNC_SEEKS_MAX);
    read_progress(sections, &out->next);
    out->whole = dx_read_bool(sections);
    out->sections = dx_read_array(sections);
    if (out->sections > DX_SYNC_SOUGHT_MAX || (out->answered == 0 && !out->next.some)) {
        dx_reader_fail(sections);
    }
    return sections->error != DX_OK ? DX_E_MALFORMED : DX_OK;
}

int dx_sync_sought_read(dx_reader *sections, dx_sync_sought *out) {
    if (dx_read_array(sections) != 4) {
        dx_reader_fail(sections);
    }
    dx_read_bytes_exact(sections, out->feed, sizeof out->feed);
    out->place = read_place(sections);
    out->section = dx_read_bytes(sections);
    return sections->error != DX_OK ? DX_E_MALFORMED : DX_OK;
}

/* --- Questions of scopes ------------------------------------------------------------------------------- */

enum { SUM_SIZE = 8 };

static void write_sum(uint64_t sum, uint8_t out[static SUM_SIZE]) {
    for (size_t i = 0; i < SUM_SIZE; i++) {
        out[i] = (uint8_t)(sum >> (8 * i));
    }
}

static uint64_t read_sum(const uint8_t *bytes) {
    uint64_t sum = 0;
    for (size_t i = 0; i < SUM_SIZE; i++) {
        sum |= (uint64_t)bytes[i] << (8 * i);
    }
    return sum;
}

void dx_sync_match_write(const dx_sync_match *match, dx_buf *out) {
    uint8_t sums[DX_MATCH_BUCKETS_MAX * SUM_SIZE];
    dx_writer writer = begin(out, 4, DX_SYNC_MATCH);
    for (size_t i = 0; i < match->buckets; i++) {
        write_sum(match->sums[i], sums + i * SUM_SIZE);
    }
    dx_write_uint(&writer, match->number);
    dx_write_item(&writer, match->question);
    write_fixed(&writer, sums, match->buckets * SUM_SIZE);
}

int dx_sync_match_read(dx_bytes message, dx_sync_match *out) {
    dx_reader reader = open(message, 4, DX_SYNC_MATCH);
    out->number = dx_read_uint(&reader);
    out->question = dx_read_item(&reader);
    dx_bytes sums = dx_read_bytes(&reader);
    out->buckets = sums.size / SUM_SIZE;
    if (reader.error == DX_OK &&
        (dx_item_kind(out->question) != DX_KIND_MAP || out->question.size > DX_SCOPE_QUESTION_SIZE_MAX ||
         sums.size % SUM_SIZE != 0 || out->buckets == 0 || out->buckets > DX_MATCH_BUCKETS_MAX ||
         (out->buckets & (out->buckets - 1)) != 0)) {
        dx_reader_fail(&reader);
    }
    for (size_t i = 0; reader.error == DX_OK && i < out->buckets; i++) {
        out->sums[i] = read_sum(sums.data + i * SUM_SIZE);
    }
    return dx_reader_finish(&reader);
}

void dx_sync_matched_write(const dx_sync_matched *matched, dx_buf *out) {
    dx_writer writer = begin(out, 4, DX_SYNC_MATCHED);
    dx_write_uint(&writer, matched->number);
    dx_write_bytes(&writer, matched->rows);
    dx_write_array(&writer, matched->ended ? 2 : 0);
    if (matched->ended) {
        dx_write_uint(&writer, (uint64_t)matched->verdict);
        dx_write_array(&writer, matched->bucket_count);
        for (size_t i = 0; i < matched->bucket_count; i++) {
            dx_write_uint(&writer, matched->buckets[i]);
        }
    }
}

static void read_end(dx_reader *reader, dx_sync_matched *out) {
    out->verdict = (dx_sync_verdict)dx_read_uint_max(reader, DX_VERDICT_REFUSED);
    out->bucket_count = dx_read_array(reader);
    if (out->bucket_count > DX_MATCH_BUCKETS_MAX) {
        dx_reader_fail(reader);
        out->bucket_count = 0;
    }
    for (size_t i = 0; i < out->bucket_count; i++) {
        out->buckets[i] = (uint8_t)dx_read_uint_max(reader, DX_MATCH_BUCKETS_MAX - 1);
        if (i > 0 && out->buckets[i] <= out->buckets[i - 1]) {
            dx_reader_fail(reader);
        }
    }
}

int dx_sync_matched_read(dx_bytes message, dx_sync_matched *out) {
    dx_reader reader = open(message, 4, DX_SYNC_MATCHED);
    *out = (dx_sync_matched){.number = dx_read_uint(&reader)};
    out->rows = dx_read_bytes(&reader);
    size_t fields = dx_read_array(&reader);
    out->ended = fields == 2;
    if (out->ended) {
        read_end(&reader, out);
    }
    if ((fields != 0 && fields != 2) || out->rows.size % DX_SYNC_MATCHED_ROW_SIZE != 0 ||
        out->rows.size > (size_t)DX_SYNC_MATCHED_MAX * DX_SYNC_MATCHED_ROW_SIZE ||
        (!out->ended && out->rows.size == 0)) {
        dx_reader_fail(&reader);
    }
    return dx_reader_finish(&reader);
}

void dx_sync_matched_row_write(const uint8_t id[static DX_ID_SIZE], uint64_t sum, dx_buf *rows) {
    uint8_t bytes[SUM_SIZE];
    write_sum(sum, bytes);
    dx_buf_append(rows, id, DX_ID_SIZE);
    dx_buf_append(rows, bytes, sizeof bytes);
}

void dx_sync_matched_row(dx_bytes rows, size_t index, uint8_t id[static DX_ID_SIZE], uint64_t *sum) {
    const uint8_t *row = rows.data + index * DX_SYNC_MATCHED_ROW_SIZE;
    DX_ASSERT((index + 1) * DX_SYNC_MATCHED_ROW_SIZE <= rows.size);
    memcpy(id, row, DX_ID_SIZE);
    *sum = read_sum(row + DX_ID_SIZE);
}

void dx_sync_post_write(dx_bytes channel, dx_bytes message, dx_buf *out) {
    dx_writer writer = begin(out, 3, DX_SYNC_POST);
    dx_write_text_bytes(&writer, channel);
    dx_write_bytes(&writer, message);
}

int dx_sync_post_read(dx_bytes message, dx_bytes *channel, dx_bytes *posted) {
    dx_reader reader = open(message, 3, DX_SYNC_POST);
    *channel = dx_read_text(&reader);
    *posted = dx_read_bytes(&reader);
    if (reader.error == DX_OK && (channel->size == 0 || channel->size > DX_SYNC_CHANNEL_SIZE_MAX ||
                                  posted->size > DX_SYNC_POST_SIZE_MAX)) {
        dx_reader_fail(&reader);
    }
    return dx_reader_finish(&reader);
}
