/* sync/message.c: what two members say to each other: round trips, and nothing else is read. */
#include "sync/message.h"

#include "test.h"

static test_alloc alloc;

static dx_buf begin(void) {
    dx_buf out;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 1 << 20);
    return out;
}

static void fill(uint8_t *out, size_t size, uint8_t first) {
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(first + i);
    }
}

static dx_head make_head(uint64_t length) {
    dx_head head = {.length = length};
    fill(head.root, sizeof head.root, 1);
    fill(head.signature, sizeof head.signature, 2);
    return head;
}

static dx_sync_data read_data;

static dx_sync_place read_places[DX_SYNC_PLACES_MAX];

static int read_scope(dx_bytes message) {
    dx_space_scope scope;
    uint64_t number;
    dx_space_scope_init(&scope, &alloc.port);
    int error = dx_sync_scope_read(message, &number, &scope);
    dx_space_scope_deinit(&scope);
    return error;
}

static int read_sought(dx_bytes message) {
    dx_sync_answer answer;
    dx_sync_sought sought;
    dx_reader reader;
    int error = dx_sync_sought_open(message, &answer, &reader);
    for (size_t i = 0; error == DX_OK && i < answer.sections; i++) {
        error = dx_sync_sought_read(&reader, &sought);
    }
    return error == DX_OK ? dx_reader_finish(&reader) : error;
}

/* Reads any message with the reader of its kind. */
static int read_any(dx_bytes message) {
    dx_sync_seek seek;
    dx_sync_match match;
    dx_sync_matched matched;
    bool all;
    dx_sync_hello hello;
    dx_sync_digests digests;
    dx_sync_entry entry;
    dx_sync_probe probe;
    dx_feed_class feed_class;
    dx_reader reader;
    dx_head head;
    uint8_t id[DX_HASH_SIZE];
    uint64_t number;
    size_t count, sections;
    dx_bytes bytes, addresses[DX_SYNC_ADDRESSES_MAX];
    dx_limb_goal goal;
    int error = DX_E_MALFORMED;
    switch (dx_sync_message_kind(message)) {
    case DX_SYNC_HELLO:
        return dx_sync_hello_read(message, &hello);
    case DX_SYNC_STATE:
        error = dx_sync_state_read(message, &digests, &count, &reader);
        for (size_t i = 0; error == DX_OK && i < count; i++) {
            error = dx_sync_entry_read(&reader, &entry);
        }
        return error == DX_OK ? dx_reader_finish(&reader) : error;
    case DX_SYNC_ASK:
        return dx_sync_ask_read(message, &feed_class);
    case DX_SYNC_WANT:
        return dx_sync_want_read(message, id, &number);
    case DX_SYNC_DATA:
        return dx_sync_data_read(message, &read_data);
    case DX_SYNC_MORE:
        return dx_sync_more_read(message, &number);
    case DX_SYNC_ADDRESSES:
        return dx_sync_addresses_read(message, addresses, &count);
    case DX_SYNC_FORK:
        return dx_sync_fork_read(message, id, &bytes);
    case DX_SYNC_PROBE:
        return dx_sync_probe_read(false, message, &probe);
    case DX_SYNC_ROOTS:
        return dx_sync_probe_read(true, message, &probe);
    case DX_SYNC_PART:
        return dx_sync_part_read(message, id, &number);
    case DX_SYNC_PATH:
        return dx_sync_path_read(message, id, &number, &head, &bytes);
    case DX_SYNC_BRANCH:
        return dx_sync_branch_read(message, id, &number, &goal);
    case DX_SYNC_LIMB:
        return dx_sync_limb_read(message, &read_data);
    case DX_SYNC_LACK:
        return dx_sync_lack_read(message, id);
    case DX_SYNC_GONE:
        return dx_sync_gone_read(message, id, &number);
    case DX_SYNC_FETCH:
        return dx_sync_fetch_read(message, id, &number);
    case DX_SYNC_PIECE:
        return dx_sync_piece_read(message, id, &number, &bytes);
    case DX_SYNC_HOLES:
        return dx_sync_holes_read(message, id, &goal, read_places, &count);
    case DX_SYNC_SECTIONS:
        error = dx_sync_sections_read(message, id, &count, &sections, &reader);
        for (size_t i = 0; error == DX_OK && i < sections; i++) {
            error = dx_sync_section_read(&reader, &read_places[0], &bytes);
        }
        return error == DX_OK ? dx_reader_finish(&reader) : error;
    case DX_SYNC_SCOPE:
        return read_scope(message);
    case DX_SYNC_SCOPED:
        return dx_sync_scoped_read(message, &number, &all);
    case DX_SYNC_SEEK:
        return dx_sync_seek_read(message, &seek);
    case DX_SYNC_SOUGHT:
        return read_sought(message);
    case DX_SYNC_MATCH:
        return dx_sync_match_read(message, &match);
    case DX_SYNC_MATCHED:
        return dx_sync_matched_read(message, &matched);
    case DX_SYNC_POST:
        return dx_sync_post_read(message, &bytes, &bytes);
    case DX_SYNC_PING:
        return dx_sync_ping_read(false, message);
    case DX_SYNC_PONG:
        return dx_sync_ping_read(true, message);
    case DX_SYNC_KIND_COUNT:
        break;
    }
    return error;
}

/* No shorter message is read, none that goes on, and a changed one is never taken for another kind of thing.
 */
static void assert_strict(const dx_buf *message, dx_sync_kind kind) {
    assert_int_equal(dx_sync_message_kind(dx_buf_view(message)), kind);
    assert_int_equal(read_any(dx_buf_view(message)), DX_OK);
    for (size_t size = 0; size < message->size; size++) {
        uint8_t *cut = malloc(size == 0 ? 1 : size); /* its own block, so that a read beyond it is seen */
        memcpy(cut, message->data, size);
        assert_int_equal(read_any(dx_bytes_of(cut, size)), DX_E_MALFORMED);
        free(cut);
    }
    for (size_t at = 0; at < message->size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            message->data[at] ^= (uint8_t)(1u << bit);
            int error = read_any(dx_buf_view(message));
            assert_true(error == DX_OK || error == DX_E_MALFORMED);
            message->data[at] ^= (uint8_t)(1u << bit);
        }
    }
    dx_buf more = {0};
    dx_buf_init(&more, &alloc.port, 1 << 20);
    dx_buf_append(&more, message->data, message->size);
    dx_buf_append_byte(&more, 0);
    assert_int_equal(read_any(dx_buf_view(&more)), DX_E_MALFORMED);
    dx_buf_deinit(&more);
}

static void end(dx_buf *out) {
    dx_buf_deinit(out);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_hello(void **state) {
    (void)state;
    dx_buf out = begin();
    dx_sync_hello hello = {.address_count = 2}, read;
    fill(hello.device, sizeof hello.device, 3);
    fill(hello.signature, sizeof hello.signature, 4);
    fill(hello.digests.control, DX_HASH_SIZE, 5);
    fill(hello.digests.data, DX_HASH_SIZE, 6);
    hello.addresses[0] = dx_bytes_text("tcp:192.0.2.1:7000");
    hello.addresses[1] = dx_bytes_text("tcp:[2001:db8::1]:7000");
    dx_sync_hello_write(&hello, &out);
    assert_int_equal(dx_sync_hello_read(dx_buf_view(&out), &read), DX_OK);
    assert_memory_equal(read.device, hello.device, sizeof read.device);
    assert_memory_equal(read.signature, hello.signature, sizeof read.signature);
    assert_memory_equal(&read.digests, &hello.digests, sizeof read.digests);
    assert_int_equal(read.address_count, 2);
    assert_true(dx_bytes_equal(read.addresses[1], hello.addresses[1]));
    assert_strict(&out, DX_SYNC_HELLO);
    end(&out);
}

/* The signed proof differs with the side, the handshake and the space, so nothing can be relayed. */
static void test_hello_proof(void **state) {
    (void)state;
    uint8_t hash[64] = {1}, other_hash[64] = {2}, space[DX_HASH_SIZE] = {3}, other_space[DX_HASH_SIZE] = {4};
    uint8_t proofs[4][DX_SYNC_PROOF_SIZE];
    dx_sync_hello_proof(true, hash, space, proofs[0]);
    dx_sync_hello_proof(false, hash, space, proofs[1]);
    dx_sync_hello_proof(true, other_hash, space, proofs[2]);
    dx_sync_hello_proof(true, hash, other_space, proofs[3]);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(proofs[i], proofs[j], DX_SYNC_PROOF_SIZE);
        }
    }
}

static void test_state(void **state) {
    (void)state;
    dx_buf out = begin();
    dx_sync_digests digests = {.control = {1}, .data = {2}}, read_digests;
    dx_sync_entry entries[3];
    for (size_t i = 0; i < 3; i++) {
        entries[i] =
            (dx_sync_entry){.feed_class = i == 0 ? DX_FEED_CONTROL : DX_FEED_DATA, .head = make_head(i + 1)};
        fill(entries[i].device, DX_KEY_SIZE, (uint8_t)i);
        fill(entries[i].key, DX_KEY_SIZE, (uint8_t)(10 + i));
    }
    dx_sync_state_begin(&digests, 3, &out);
    for (size_t i = 0; i < 3; i++) {
        dx_sync_entry_write(&entries[i], &out);
    }
    dx_reader reader;
    size_t count;
    assert_int_equal(dx_sync_state_read(dx_buf_view(&out), &read_digests, &count, &reader), DX_OK);
    assert_memory_equal(&read_digests, &digests, sizeof digests);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        dx_sync_entry entry;
        assert_int_equal(dx_sync_entry_read(&reader, &entry), DX_OK);
        assert_int_equal(entry.feed_class, entries[i].feed_class);
        assert_memory_equal(entry.device, entries[i].device, DX_KEY_SIZE);
        assert_memory_equal(entry.key, entries[i].key, DX_KEY_SIZE);
        assert_int_equal(entry.head.length, i + 1);
    }
    assert_int_equal(dx_reader_finish(&reader), DX_OK);
    assert_strict(&out, DX_SYNC_STATE);
    dx_buf_clear(&out);
    dx_sync_state_begin(&digests, DX_SYNC_ENTRIES_MAX + 1, &out);
    assert_int_equal(dx_sync_state_read(dx_buf_view(&out), &read_digests, &count, &reader), DX_E_MALFORMED);
    end(&out);
}

static void test_data(void **state) {
    (void)state;
    dx_buf out = begin();
    uint8_t id[DX_HASH_SIZE];
    dx_head head = make_head(9);
    fill(id, sizeof id, 7);
    dx_sync_data_begin(id, 4, &head, 2, &out);
    dx_sync_block_write(dx_bytes_text("first"), &out);
    dx_sync_block_write(dx_bytes_text("second"), &out);
    dx_sync_data_end(dx_bytes_text("proof"), &out);
    assert_int_equal(dx_sync_data_read(dx_buf_view(&out), &read_data), DX_OK);
    assert_memory_equal(read_data.feed_id, id, sizeof id);
    assert_int_equal(read_data.from, 4);
    assert_int_equal(read_data.head.length, 9);
    assert_int_equal(read_data.block_count, 2);
    assert_true(dx_bytes_equal(read_data.blocks[1], dx_bytes_text("second")));
    assert_true(dx_bytes_equal(read_data.proof, dx_bytes_text("proof")));
    assert_strict(&out, DX_SYNC_DATA);
    dx_buf_clear(&out);
    dx_sync_data_begin(id, 4, &head, DX_SYNC_BLOCKS_MAX + 1, &out);
    for (size_t i = 0; i <= DX_SYNC_BLOCKS_MAX; i++) {
        dx_sync_block_write(dx_bytes_text(""), &out);
    }
    dx_sync_data_end(dx_bytes_text(""), &out);
    assert_int_equal(dx_sync_data_read(dx_buf_view(&out), &read_data), DX_E_MALFORMED);
    end(&out);
}

static void test_small_ones(void **state) {
    (void)state;
    uint8_t id[DX_HASH_SIZE], read_id[DX_HASH_SIZE];
    uint64_t number;
    dx_feed_class feed_class;
    fill(id, sizeof id, 8);
    dx_buf out = begin();
    dx_sync_ask_write(DX_FEED_DATA, &out);
    assert_int_equal(dx_sync_ask_read(dx_buf_view(&out), &feed_class), DX_OK);
    assert_int_equal(feed_class, DX_FEED_DATA);
    assert_strict(&out, DX_SYNC_ASK);
    dx_buf_clear(&out);
    dx_sync_want_write(id, DX_FEED_LENGTH_MAX, &out);
    assert_int_equal(dx_sync_want_read(dx_buf_view(&out), read_id, &number), DX_OK);
    assert_int_equal(number, DX_FEED_LENGTH_MAX);
    assert_memory_equal(read_id, id, sizeof id);
    assert_strict(&out, DX_SYNC_WANT);
    dx_buf_clear(&out);
    dx_sync_want_write(id, (uint64_t)DX_FEED_LENGTH_MAX + 1, &out);
    assert_int_equal(dx_sync_want_read(dx_buf_view(&out), read_id, &number), DX_E_MALFORMED);
    dx_buf_clear(&out);
    dx_sync_more_write(1 << 20, &out);
    assert_int_equal(dx_sync_more_read(dx_buf_view(&out), &number), DX_OK);
    assert_int_equal(number, 1 << 20);
    assert_strict(&out, DX_SYNC_MORE);
    for (int pong = 0; pong < 2; pong++) {
        dx_buf_clear(&out);
        dx_sync_ping_write(pong != 0, &out);
        assert_strict(&out, pong != 0 ? DX_SYNC_PONG : DX_SYNC_PING);
    }
    dx_buf_clear(&out);
    dx_sync_fork_write(id, dx_bytes_text("proof"), &out);
    assert_strict(&out, DX_SYNC_FORK);
    dx_buf_clear(&out);
    dx_sync_part_write(id, 12, &out);
    assert_int_equal(dx_sync_part_read(dx_buf_view(&out), read_id, &number), DX_OK);
    assert_int_equal(number, 12);
    assert_strict(&out, DX_SYNC_PART);
    dx_buf_clear(&out);
    dx_head head = make_head(20);
    dx_sync_path_write(id, 12, &head, dx_bytes_text("path"), &out);
    assert_strict(&out, DX_SYNC_PATH);
    end(&out);
}

/* A branch that others named is asked for from a block before its goal, and comes as a run, or not. */
static void test_branches(void **state) {
    (void)state;
    dx_buf out = begin();
    uint8_t id[DX_HASH_SIZE], read_id[DX_HASH_SIZE];
    dx_limb_goal goal = {.length = 12}, read;
    uint64_t from;
    fill(id, sizeof id, 5);
    fill(goal.root, sizeof goal.root, 6);
    dx_sync_branch_write(id, 11, &goal, &out);
    assert_strict(&out, DX_SYNC_BRANCH);
    assert_int_equal(dx_sync_branch_read(dx_buf_view(&out), read_id, &from, &read), DX_OK);
    assert_memory_equal(read_id, id, sizeof id);
    assert_int_equal(from, 11);
    assert_int_equal(read.length, 12);
    assert_memory_equal(read.root, goal.root, sizeof goal.root);
    dx_buf_clear(&out);
    dx_sync_branch_write(id, 12, &goal, &out);
    assert_int_equal(dx_sync_branch_read(dx_buf_view(&out), read_id, &from, &read), DX_E_MALFORMED);
    dx_buf_clear(&out);
    dx_head head = make_head(20);
    dx_sync_limb_begin(id, 11, &head, 1, &out);
    dx_sync_block_write(dx_bytes_text("block"), &out);
    dx_sync_data_end(dx_bytes_text("proof"), &out);
    assert_strict(&out, DX_SYNC_LIMB);
    assert_int_equal(dx_sync_data_read(dx_buf_view(&out), &read_data), DX_E_MALFORMED);
    dx_buf_clear(&out);
    dx_sync_lack_write(id, &out);
    assert_strict(&out, DX_SYNC_LACK);
    end(&out);
}

static void test_snapshots(void **state) {
    (void)state;
    uint8_t root[DX_HASH_SIZE], read[DX_HASH_SIZE];
    uint64_t number;
    dx_bytes bytes;
    dx_buf out = begin();
    memset(root, 7, sizeof root);
    dx_sync_gone_write(root, 70000, &out);
    assert_strict(&out, DX_SYNC_GONE);
    assert_int_equal(dx_sync_gone_read(dx_buf_view(&out), read, &number), DX_OK);
    assert_memory_equal(read, root, sizeof root);
    assert_int_equal(number, 70000);
    dx_buf_clear(&out);
    dx_sync_fetch_write(root, 3, &out);
    assert_strict(&out, DX_SYNC_FETCH);
    assert_int_equal(dx_sync_fetch_read(dx_buf_view(&out), read, &number), DX_OK);
    assert_int_equal(number, 3);
    assert_int_equal(dx_sync_gone_read(dx_buf_view(&out), read, &number), DX_E_MALFORMED);
    dx_buf_clear(&out);
    dx_sync_piece_write(root, 3, dx_bytes_text("a piece"), &out);
    assert_strict(&out, DX_SYNC_PIECE);
    assert_int_equal(dx_sync_piece_read(dx_buf_view(&out), read, &number, &bytes), DX_OK);
    assert_true(dx_bytes_equal(bytes, dx_bytes_text("a piece")));
    end(&out);
}

static void test_addresses(void **state) {
    (void)state;
    dx_buf out = begin();
    dx_bytes addresses[DX_SYNC_ADDRESSES_MAX + 1], read[DX_SYNC_ADDRESSES_MAX];
    size_t count;
    for (size_t i = 0; i <= DX_SYNC_ADDRESSES_MAX; i++) {
        addresses[i] = dx_bytes_text("mem:somebody");
    }
    dx_sync_addresses_write(addresses, DX_SYNC_ADDRESSES_MAX, &out);
    assert_int_equal(dx_sync_addresses_read(dx_buf_view(&out), read, &count), DX_OK);
    assert_int_equal(count, DX_SYNC_ADDRESSES_MAX);
    assert_true(dx_bytes_equal(read[7], addresses[7]));
    assert_strict(&out, DX_SYNC_ADDRESSES);
    dx_buf_clear(&out);
    dx_sync_addresses_write(addresses, DX_SYNC_ADDRESSES_MAX + 1, &out);
    assert_int_equal(dx_sync_addresses_read(dx_buf_view(&out), read, &count), DX_E_MALFORMED);
    end(&out);
}

static void test_probes(void **state) {
    (void)state;
    dx_sync_probe probe = {.count = DX_FORK_PROBES_MAX, .roots = dx_bytes_text("roots")}, read;
    fill(probe.feed_id, sizeof probe.feed_id, 9);
    for (size_t i = 0; i < probe.count; i++) {
        probe.lengths[i] = 3 * i;
    }
    for (int answer = 0; answer < 2; answer++) {
        dx_buf out = begin();
        dx_sync_probe_write(answer != 0, &probe, &out);
        assert_int_equal(dx_sync_probe_read(answer != 0, dx_buf_view(&out), &read), DX_OK);
        assert_int_equal(read.count, probe.count);
        assert_memory_equal(read.lengths, probe.lengths, sizeof read.lengths);
        assert_int_equal(read.roots.size, answer != 0 ? 5 : 0);
        assert_strict(&out, answer != 0 ? DX_SYNC_ROOTS : DX_SYNC_PROBE);
        end(&out);
    }
}

/* Places ascend; an answer is about no more than it says. */
static void test_holes(void **state) {
    (void)state;
    dx_buf out = begin();
    uint8_t id[DX_HASH_SIZE], read_id[DX_HASH_SIZE];
    const dx_sync_place places[] = {{3, 0}, {3, 7}, {DX_FEED_LENGTH_MAX - 1, DX_BLOCK_SECTIONS_MAX - 1}};
    const dx_sync_place falling[] = {{3, 7}, {3, 7}}, none[] = {{0, 0}};
    size_t count, sections;
    dx_reader reader;
    dx_sync_place place;
    dx_bytes section;
    dx_limb_goal branch;
    uint8_t root[DX_ROOT_PREFIX_SIZE];
    fill(id, sizeof id, 9);
    fill(root, sizeof root, 4);
    dx_sync_holes_write(id, root, places, 3, &out);
    assert_strict(&out, DX_SYNC_HOLES);
    assert_int_equal(dx_sync_holes_read(dx_buf_view(&out), read_id, &branch, read_places, &count), DX_OK);
    assert_int_equal(count, 3);
    assert_memory_equal(id, read_id, sizeof id);
    assert_memory_equal(places, read_places, sizeof places);
    assert_int_equal(branch.length, DX_FEED_LENGTH_MAX);
    assert_memory_equal(root, branch.root, sizeof root);
    dx_buf_clear(&out);
    dx_sync_holes_write(id, root, falling, 2, &out);
    assert_int_equal(dx_sync_holes_read(dx_buf_view(&out), read_id, &branch, read_places, &count),
                     DX_E_MALFORMED);
    dx_buf_clear(&out);
    dx_sync_holes_write(id, root, none, 0, &out);
    assert_int_equal(dx_sync_holes_read(dx_buf_view(&out), read_id, &branch, read_places, &count),
                     DX_E_MALFORMED);
    dx_buf_clear(&out);
    dx_sync_sections_begin(id, 3, 1, &out);
    dx_sync_section_write(&places[1], dx_bytes_text("sealed"), &out);
    assert_strict(&out, DX_SYNC_SECTIONS);
    assert_int_equal(dx_sync_sections_read(dx_buf_view(&out), read_id, &count, &sections, &reader), DX_OK);
    assert_int_equal(count, 3);
    assert_int_equal(sections, 1);
    assert_int_equal(dx_sync_section_read(&reader, &place, &section), DX_OK);
    assert_memory_equal(&place, &places[1], sizeof place);
    assert_true(dx_bytes_equal(section, dx_bytes_text("sealed")));
    dx_buf_clear(&out);
    dx_sync_sections_begin(id, 0, 0, &out); /* about nothing at all */
    assert_int_equal(dx_sync_sections_read(dx_buf_view(&out), read_id, &count, &sections, &reader),
                     DX_E_MALFORMED);
    dx_buf_clear(&out);
    dx_sync_sections_begin(id, 1, 2, &out);
    assert_int_equal(dx_sync_sections_read(dx_buf_view(&out), read_id, &count, &sections, &reader),
                     DX_E_MALFORMED);
    end(&out);
}

static void test_not_a_message(void **state) {
    (void)state;
    static const uint8_t empty[] = {0x80}, unknown[] = {0x81, 0x18, 0x40}, text[] = {0x61, 0x61};
    assert_int_equal(dx_sync_message_kind(dx_bytes_of(empty, sizeof empty)), DX_SYNC_KIND_COUNT);
    assert_int_equal(dx_sync_message_kind(dx_bytes_of(unknown, sizeof unknown)), DX_SYNC_KIND_COUNT);
    assert_int_equal(dx_sync_message_kind(dx_bytes_of(text, sizeof text)), DX_SYNC_KIND_COUNT);
    assert_int_equal(dx_sync_message_kind((dx_bytes){0}), DX_SYNC_KIND_COUNT);
}

DX_TEST_MAIN(DX_TEST(test_hello), DX_TEST(test_hello_proof), DX_TEST(test_state), DX_TEST(test_data),
             DX_TEST(test_small_ones), DX_TEST(test_branches), DX_TEST(test_snapshots),
             DX_TEST(test_addresses), DX_TEST(test_probes), DX_TEST(test_holes), DX_TEST(test_not_a_message))
