/* fuzz_sync_message.c: bytes from a peer, read by the reader of the kind they claim. Checks: nothing is read
 * beyond the message, counts stay within their limits, views lie inside the message. */
#include "fuzz.h"
#include "sync/message.h"

static void check_view(dx_bytes view, dx_bytes message) {
    FUZZ_CHECK(view.size == 0 ||
               (view.data >= message.data && view.data + view.size <= message.data + message.size));
}

static void read_addresses(dx_bytes message) {
    dx_bytes addresses[DX_SYNC_ADDRESSES_MAX];
    size_t count = 0;
    if (dx_sync_addresses_read(message, addresses, &count) == DX_OK) {
        FUZZ_CHECK(count <= DX_SYNC_ADDRESSES_MAX);
        for (size_t i = 0; i < count; i++) {
            check_view(addresses[i], message);
        }
    }
}

static void read_state(dx_bytes message) {
    dx_sync_digests digests;
    dx_reader entries;
    size_t count = 0;
    int error = dx_sync_state_read(message, &digests, &count, &entries);
    FUZZ_CHECK(error != DX_OK || count <= DX_SYNC_ENTRIES_MAX);
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        dx_sync_entry entry;
        error = dx_sync_entry_read(&entries, &entry);
        FUZZ_CHECK(error != DX_OK || entry.feed_class <= DX_FEED_DATA);
    }
}

static void read_data(dx_bytes message) {
    static dx_sync_data data;
    if (dx_sync_data_read(message, &data) == DX_OK || dx_sync_limb_read(message, &data) == DX_OK) {
        FUZZ_CHECK(data.block_count <= DX_SYNC_BLOCKS_MAX);
        for (size_t i = 0; i < data.block_count; i++) {
            check_view(data.blocks[i], message);
        }
        check_view(data.proof, message);
    }
}

static void read_holes(dx_bytes message) {
    static dx_sync_place places[DX_SYNC_PLACES_MAX];
    uint8_t id[DX_HASH_SIZE];
    size_t count, sections;
    dx_limb_goal branch;
    dx_reader reader;
    if (dx_sync_holes_read(message, id, &branch, places, &count) == DX_OK) {
        FUZZ_CHECK(count >= 1 && count <= DX_SYNC_PLACES_MAX);
        FUZZ_CHECK(branch.length == places[count - 1].seq + 1);
        for (size_t i = 0; i < count; i++) {
            FUZZ_CHECK(places[i].seq < DX_FEED_LENGTH_MAX && places[i].index < DX_BLOCK_SECTIONS_MAX);
        }
    }
    int error = dx_sync_sections_read(message, id, &count, &sections, &reader);
    FUZZ_CHECK(error != DX_OK || (count >= 1 && count <= DX_SYNC_PLACES_MAX && sections <= count));
    for (size_t i = 0; error == DX_OK && i < sections; i++) {
        dx_sync_place place;
        dx_bytes section;
        error = dx_sync_section_read(&reader, &place, &section);
        if (error == DX_OK) {
            check_view(section, message);
        }
    }
}

static void read_scope(dx_bytes message) {
    dx_space_scope scope, again;
    uint64_t number;
    dx_buf written;
    dx_writer writer;
    dx_space_scope_init(&scope, &fuzz_alloc);
    dx_space_scope_init(&again, &fuzz_alloc);
    dx_buf_init(&written, &fuzz_alloc, DX_SCOPE_SIZE_MAX);
    if (dx_sync_scope_read(message, &number, &scope) == DX_OK) {
        FUZZ_CHECK(scope.type_count <= DX_SCOPE_TYPES_MAX && (scope.names_types || scope.type_count == 0));
        FUZZ_CHECK(scope.question.size == 0);
        dx_writer_init(&writer, &written);
        dx_space_scope_write(&scope, &writer);
        FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&written), dx_buf_view(&scope.item)));
        FUZZ_CHECK(dx_space_scope_read(&again, dx_buf_view(&written)) == DX_OK);
        FUZZ_CHECK(dx_space_scope_covers(&scope, &again) && dx_space_scope_covers(&again, &scope));
    }
    dx_buf_deinit(&written);
    dx_space_scope_deinit(&scope);
    dx_space_scope_deinit(&again);
}

static void read_seeks(dx_bytes message) {
    static dx_sync_seek seek;
    dx_sync_answer answer;
    dx_reader reader;
    uint64_t number;
    bool all;
    FUZZ_CHECK(dx_sync_seek_read(message, &seek) != DX_OK ||
               (seek.count >= 1 && seek.count <= DX_SYNC_SEEKS_MAX));
    (void)!dx_sync_scoped_read(message, &number, &all);
    int error = dx_sync_sought_open(message, &answer, &reader);
    FUZZ_CHECK(error != DX_OK ||
               (answer.sections <= DX_SYNC_SOUGHT_MAX && answer.answered <= DX_SYNC_SEEKS_MAX));
    for (size_t i = 0; error == DX_OK && i < answer.sections; i++) {
        dx_sync_sought sought;
        error = dx_sync_sought_read(&reader, &sought);
        if (error == DX_OK) {
            check_view(sought.section, message);
        }
    }
}

static void read_matches(dx_bytes message) {
    dx_sync_match match;
    dx_sync_matched matched;
    dx_buf written;
    dx_buf_init(&written, &fuzz_alloc, DX_SYNC_MESSAGE_MAX);
    if (dx_sync_match_read(message, &match) == DX_OK) {
        check_view(match.question, message);
        FUZZ_CHECK(match.buckets >= 1 && match.buckets <= DX_MATCH_BUCKETS_MAX);
        dx_sync_match_write(&match, &written);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&written), message));
    }
    if (dx_sync_matched_read(message, &matched) == DX_OK) {
        check_view(matched.rows, message);
        FUZZ_CHECK(matched.ended || matched.rows.size != 0);
        dx_sync_matched_write(&matched, &written);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&written), message));
    }
    dx_bytes channel, posted;
    if (dx_sync_post_read(message, &channel, &posted) == DX_OK) {
        check_view(channel, message);
        FUZZ_CHECK(channel.size >= 1 && channel.size <= DX_SYNC_CHANNEL_SIZE_MAX &&
                   posted.size <= DX_SYNC_POST_SIZE_MAX);
        dx_buf_clear(&written);
        dx_sync_post_write(channel, posted, &written);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&written), message));
    }
    dx_buf_deinit(&written);
}

static void read_rest(dx_bytes message) {
    dx_sync_hello hello;
    dx_sync_probe probe;
    dx_head head;
    dx_bytes view;
    uint8_t id[DX_HASH_SIZE];
    uint64_t number;
    dx_feed_class feed_class;
    if (dx_sync_hello_read(message, &hello) == DX_OK) {
        FUZZ_CHECK(hello.address_count <= DX_SYNC_ADDRESSES_MAX);
    }
    for (int answer = 0; answer < 2; answer++) {
        if (dx_sync_probe_read(answer != 0, message, &probe) == DX_OK) {
            FUZZ_CHECK(probe.count <= DX_FORK_PROBES_MAX);
            check_view(probe.roots, message);
        }
    }
    if (dx_sync_path_read(message, id, &number, &head, &view) == DX_OK) {
        check_view(view, message);
    }
    if (dx_sync_fork_read(message, id, &view) == DX_OK) {
        check_view(view, message);
    }
    dx_limb_goal goal;
    FUZZ_CHECK(dx_sync_branch_read(message, id, &number, &goal) != DX_OK ||
               (number < goal.length && goal.length <= DX_FEED_LENGTH_MAX));
    (void)!dx_sync_lack_read(message, id);
    FUZZ_CHECK(dx_sync_gone_read(message, id, &number) != DX_OK || number <= DX_FEED_LENGTH_MAX);
    FUZZ_CHECK(dx_sync_fetch_read(message, id, &number) != DX_OK || number <= DX_FEED_LENGTH_MAX);
    (void)!dx_sync_piece_read(message, id, &number, &view);
    FUZZ_CHECK(dx_sync_part_read(message, id, &number) != DX_OK || number <= DX_FEED_LENGTH_MAX);
    FUZZ_CHECK(dx_sync_want_read(message, id, &number) != DX_OK || number <= DX_FEED_LENGTH_MAX);
    FUZZ_CHECK(dx_sync_ask_read(message, &feed_class) != DX_OK || feed_class <= DX_FEED_DATA);
    (void)!dx_sync_more_read(message, &number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_bytes message = dx_bytes_of(data, size);
    FUZZ_CHECK(dx_sync_message_kind(message) <= DX_SYNC_KIND_COUNT);
    read_addresses(message);
    read_state(message);
    read_data(message);
    read_holes(message);
    read_scope(message);
    read_seeks(message);
    read_matches(message);
    read_rest(message);
    return 0;
}
