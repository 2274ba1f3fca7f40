/* fuzz/seed.c: writes the seeds of the targets that drive whole vaults: what honest and dishonest members say
 * (session), and what a vault heard in a few stories (step).
 *
 * Usage: seed CORPUS-DIRECTORY, which has directories session and step. The same bytes every time. Layer:
 * test program. */
#include "../tests/lib/rogue.h"
#include "vaults.h"

static const char *directory;
static dx_buf seed;
static rogue mouth; /* writes messages; speaks to nobody */
static vault nobody;

static void save(const char *target, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", directory, target, name);
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file != NULL && fwrite(seed.data, 1, seed.size, file) == seed.size && fclose(file) == 0);
    printf("%s: %zu bytes\n", path, seed.size);
    dx_buf_clear(&seed);
}

/* --- Session ----------------------------------------------------------------------------------------- */

static void add_message(void) {
    dx_buf_append(&seed, mouth.message.data, mouth.message.size);
    dx_buf_clear(&mouth.message);
}

static void add_number(int64_t number) {
    dx_writer writer;
    dx_writer_init(&writer, &seed);
    dx_write_int(&writer, number);
}

static void add_text(const char *text) {
    dx_writer writer;
    dx_writer_init(&writer, &seed);
    dx_write_text(&writer, text);
}

static void add_state(const dx_feed *feed, uint64_t length, uint8_t root) {
    dx_head head = root == 0 ? feed->head : rogue_forge_head(&mouth, feed, length, root);
    rogue_write_state(&mouth, &feed->identity, &head);
    add_message();
}

static void add_data(const dx_feed *feed, uint64_t from, uint64_t end) {
    rogue_write_data(&mouth, feed, from, end);
    add_message();
}

static void write_honest(const dx_feed *feed) {
    add_state(feed, 0, 0);
    add_data(feed, 2, feed->length - 1);
    add_data(feed, feed->length - 1, feed->length);
    add_number(1000);
    add_text("page");
    add_number(100000);
    save("session", "honest");
}

static void write_asking(void) {
    dx_space *space = rogue_space_of(bob);
    dx_sync_ask_write(DX_FEED_CONTROL, &mouth.message);
    add_message();
    dx_sync_ask_write(DX_FEED_DATA, &mouth.message);
    add_message();
    for (size_t i = 0; i < space->feed_count; i++) {
        dx_sync_want_write(space->feeds[i].id, i % 2, &mouth.message);
        add_message();
    }
    dx_sync_more_write(100, &mouth.message);
    add_message();
    add_text("page");
    dx_sync_ping_write(false, &mouth.message);
    add_message();
    dx_sync_ping_write(true, &mouth.message);
    add_message();
    save("session", "asking");
}

/* Two branches: heads that contradict, and a run under a head of another branch with the search that follows.
 */
static void write_forks(const dx_feed *feed) {
    add_state(feed, feed->length, 0);
    add_state(feed, 1, 7);
    add_number(1000);
    save("session", "fork_heads");
    dx_sync_probe roots = {.count = 1, .lengths = {1}};
    uint8_t path[4 * DX_HASH_SIZE] = {1}, root[DX_ROOT_PREFIX_SIZE] = {9};
    memcpy(roots.feed_id, feed->id, DX_HASH_SIZE);
    roots.roots = dx_bytes_of(root, sizeof root);
    add_state(feed, feed->length + 40, 9);
    add_data(feed, 1, feed->length); /* is signed, and does not join what is there */
    dx_sync_probe_write(true, &roots, &mouth.message);
    add_message();
    dx_sync_path_write(feed->id, 0, &feed->head, dx_bytes_of(path, sizeof path), &mouth.message);
    add_message();
    dx_sync_probe_write(false, &roots, &mouth.message);
    add_message();
    dx_sync_part_write(feed->id, 1, &mouth.message);
    add_message();
    save("session", "fork_search");
}

static void write_rest(const dx_feed *feed) {
    const dx_bytes addresses[] = {dx_bytes_text("mem:a"), dx_bytes_text("mem:b"),
                                  dx_bytes_text("tcp:[::1]:9")};
    dx_sync_addresses_write(addresses, 3, &mouth.message);
    add_message();
    add_number(61000);
    add_number(-1);
    add_data(feed, 2, feed->length); /* nobody asked: the link ends */
    add_number(-1);
    add_state(feed, DX_FEED_LENGTH_MAX, 3);
    add_number(30000);
    uint8_t proof[300] = {1};
    dx_sync_fork_write(feed->id, dx_bytes_of(proof, sizeof proof), &mouth.message);
    add_message();
    save("session", "rest");
}

static void add_sought(const dx_feed *feed, uint64_t seq, bool whole) {
    const dx_sync_answer head = {.answered = 1, .sections = 1, .whole = whole};
    dx_sync_sought sought = {.place = {.seq = seq}};
    dx_bytes body;
    dx_block block;
    dx_reader cursor;
    bool hole;
    rogue_begin_reading(&mouth);
    FUZZ_CHECK(dx_feed_read(feed, bob->node->store, seq, &body) == DX_OK);
    FUZZ_CHECK(dx_block_decode(body, &block) == DX_OK);
    dx_reader_init(&cursor, block.sections);
    FUZZ_CHECK(dx_block_section(&cursor, &sought.section, &hole) == DX_OK);
    memcpy(sought.feed, feed->id, sizeof sought.feed);
    dx_sync_sought_begin(&head, &mouth.message);
    dx_sync_sought_write(&sought, &mouth.message);
    rogue_end_reading(&mouth);
    add_message();
}

/* Alice keeps leaves alone: the pages she is served are hashes, one she is given when she asks for it, the others when she
 * keeps everything; and what she says to who keeps a part, and asks her for entities. */
static void write_parts(const dx_feed *feed) {
    const dx_sync_place place = {.seq = feed->length - 1};
    dx_space_scope scope;
    dx_sync_seek seek = {.count = 1};
    dx_sync_ping_write(true, &mouth.message);
    add_message();
    add_text("keep leaf");
    dx_sync_scoped_write(1, true, &mouth.message);
    add_message();
    add_state(feed, 0, 0);
    rogue_write_data_cut(&mouth, feed, feed->length - 3, feed->length, feed->length - 3);
    add_message();
    char fetch[32];
    snprintf(fetch, sizeof fetch, "fetch %d", (int)feed->length - 2);
    add_text(fetch);
    add_sought(feed, feed->length - 2, true);
    dx_sync_scoped_write(1, false, &mouth.message);
    add_message();
    add_text("keep");
    dx_sync_scoped_write(2, true, &mouth.message);
    add_message();
    dx_sync_sections_begin(feed->id, 1, 0, &mouth.message);
    add_message();
    add_number(3000);
    save("session", "part");
    dx_space_scope_init(&scope, &fuzz_alloc);
    scope.names_types = true;
    scope.type_count = 1;
    scope.types[0] = dx_bytes_text("leaf");
    scope.since_ms = 5;
    dx_sync_scope_write(1, &scope, &mouth.message);
    add_message();
    dx_space_scope_deinit(&scope);
    dx_space *space = rogue_space_of(bob);
    for (size_t i = 0; i < space->feed_count; i++) {
        dx_sync_want_write(space->feeds[i].id, 0, &mouth.message);
        add_message();
    }
    add_text("page");
    add_text("leaf");
    memcpy(seek.entities[0], feed->id, DX_PREFIX_SIZE);
    seek.entities[0][DX_PREFIX_SIZE + 3] = 2;
    dx_sync_seek_write(&seek, &mouth.message);
    add_message();
    rogue_write_holes(&mouth, bob, feed, &place, 1);
    add_message();
    save("session", "part_of_theirs");
}

/* Alice keeps pages by a question: a member tells one, and gives it; and asks what matches himself. */
static void write_matches(const dx_feed *feed) {
    static const uint8_t empty_map[] = {0xa0};
    const dx_sync_match match = {
        .number = 1, .question = dx_bytes_of(empty_map, sizeof empty_map), .buckets = 1};
    dx_sync_matched matched = {.number = 1, .ended = true, .verdict = DX_VERDICT_ALL, .bucket_count = 1};
    uint8_t id[DX_ID_SIZE] = {0};
    dx_buf rows;
    dx_sync_ping_write(true, &mouth.message);
    add_message();
    add_text("asks page");
    dx_sync_scoped_write(1, true, &mouth.message);
    add_message();
    add_state(feed, 0, 0);
    rogue_write_data_cut(&mouth, feed, feed->length - 3, feed->length, feed->length - 3);
    add_message();
    memcpy(id, feed->id, DX_PREFIX_SIZE);
    id[DX_PREFIX_SIZE + 3] = (uint8_t)(feed->length - 2);
    dx_buf_init(&rows, &fuzz_alloc, 4096);
    dx_sync_matched_row_write(id, 5, &rows);
    matched.rows = dx_buf_view(&rows);
    dx_sync_matched_write(&matched, &mouth.message);
    dx_buf_deinit(&rows);
    add_message();
    add_sought(feed, feed->length - 2, true);
    add_number(3000);
    dx_sync_match_write(&match, &mouth.message);
    add_message();
    save("session", "match");
}

static void write_sessions(void) {
    make_vaults();
    rogue_init(&mouth, &nobody, bob, bob);
    const dx_feed *feed = rogue_own_feed(&mouth, DX_FEED_DATA);
    write_honest(feed);
    write_asking();
    write_forks(feed);
    write_rest(feed);
    write_parts(feed);
    write_matches(feed);
    rogue_deinit(&mouth);
}

/* --- Step --------------------------------------------------------------------------------------------- */

static street road;

/* Alice's vault, and beside her Bob's when he is at home; what she hears from now on is the seed. */
static vault *begin_story(bool with_bob) {
    vault *alice = open_alice(&road);
    alice->heard = &seed;
    if (with_bob) {
        street_move_in_with(&road, "bob", bob);
    }
    return alice;
}

static void end_story(vault *alice, const char *name) {
    alice->heard = NULL;
    street_deinit(&road);
    save("step", name);
}

static void write_commands(void) {
    static const char *const commands[] = {
        "{'do': 'status'}",
        "{'do': 'watch', 'space': 'Book', 'query': {'type': 'page'}}",
        "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'a': {'b': 1}, 'c': [true, null, "
        "1.5]}}",
        "{'do': 'batch', 'space': 'Book', 'ops': [{'op': 'add', 'type': 'x'}, {'op': 'link', 'source': 0, "
        "'target': 0}, {'op': 'set', 'id': 0, 'set': {'k.l': 2}}, {'op': 'unset', 'id': 0, 'unset': ['k']}, "
        "{'op': 'rm', 'id': 0}, {'op': 'restore', 'id': 0}]}",
        "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'where': {'n': 1}}}",
        "{'do': 'object.ls', 'space': 'Book', 'limit': 2}",
        "{'do': 'link.ls', 'space': 'Book'}",
        "{'do': 'space.members', 'space': 'Book'}",
        "{'do': 'space.status', 'space': 'Book', 'wait_synced': true, 'timeout_ms': 50}",
        "{'do': 'export', 'space': 'Book'}",
        "{'do': 'space.create', 'name': 'Two'}",
        "{'do': 'peer.connect', 'space': 'Book', 'address': 'mem:eve'}",
        "{'do': 'peer.list'}",
        "{'do': 'space.rm', 'space': 'Two'}"};
    vault *alice = begin_story(false);
    uint64_t first = alice->next_request;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        vault_ask(alice, commands[i]);
    }
    vault_refer(alice, "request.cancel", first + 2, NULL);
    street_run(&road);
    vault_event(alice, (dx_event){.kind = DX_EVENT_PORT_DOWN, .port = 1});
    end_story(alice, "commands");
}

static void write_reunion(void) {
    vault *alice = begin_story(true);
    street_pass(&road, 70000);
    street_break(&road);
    street_pass(&road, 1000);
    end_story(alice, "reunion");
}

static void write_invitation(void) {
    vault *alice = begin_story(false), *carol = street_move_in(&road, "carol");
    vault_ask(carol, "{'do': 'halo.create', 'name': 'Carol'}");
    street_join(alice, carol, "Book");
    end_story(alice, "invitation");
}

static void write_bad_luck(void) {
    vault *alice = begin_story(false);
    for (uint64_t i = 0; i < 6; i++) {
        vault_event(
            alice,
            (dx_event){.kind = DX_EVENT_STORAGE_LOW, .port = 1 + i % 3, .link = i / 3, .size = 20 * i});
        vault_ask(alice, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
    }
    end_story(alice, "bad_luck");
}

static void write_stories(void) {
    write_commands();
    write_reunion();
    write_invitation();
    write_bad_luck();
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: seed CORPUS-DIRECTORY\n");
        return 2;
    }
    directory = argv[1];
    dx_buf_init(&seed, &fuzz_alloc, 1 << 20);
    write_sessions();
    write_stories();
    dx_buf_deinit(&seed);
    return 0;
}
