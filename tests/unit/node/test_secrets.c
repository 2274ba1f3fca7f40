/* tests/unit/node/test_secrets.c: what nobody may find afterwards.
 *
 * Two vaults go through a whole invitation, with a wrong PIN, a right one, edits and a restart. Every secret they
 * drew from their random ports (seeds, agreement and space keys, ephemerals: all draws of 32 and 64 bytes), the keys
 * of the vaults and the PIN are looked for in every block of memory they gave back, in the trace of all rooms, and in
 * all they said to links and ports. The PIN may stand in one place: the notification that shows it. */
#define _GNU_SOURCE /* memmem */
#include "street.h"

enum { SECRETS_MAX = 1024, SECRET_SIZE = 32, TRACE_SIZE = 1 << 20 };

/* What the draws gave; one list for both vaults, since neither may lose the other's. */
static struct {
    uint8_t bytes[SECRETS_MAX][SECRET_SIZE];
    size_t count;
    char pin[7];
    uint64_t blocks, block_bytes; /* given back and looked through */
} secrets;

static char trace[TRACE_SIZE];
static size_t trace_size;
static street road;

static bool holds(dx_bytes where, const void *what, size_t size) {
    return where.data != NULL && memmem(where.data, where.size, what, size) != NULL;
}

static void add_secret(const uint8_t *bytes) {
    assert_true(secrets.count < SECRETS_MAX);
    memcpy(secrets.bytes[secrets.count++], bytes, SECRET_SIZE);
}

/* All draws of these sizes, also the few that are made public: nothing is left of those either. */
static void draw(void *ctx, uint8_t *out, size_t size) {
    test_random_fill(ctx, out, size);
    if (size == 32 || size == 64) {
        add_secret(out);
    }
}

static void look_through(dx_bytes block, const char *place) {
    for (size_t i = 0; i < secrets.count; i++) {
        if (holds(block, secrets.bytes[i], SECRET_SIZE)) {
            fail_msg("secret %zu in %s of %zu bytes", i, place, block.size);
        }
    }
    if (secrets.pin[0] != 0 && holds(block, secrets.pin, 6)) {
        fail_msg("the PIN in %s of %zu bytes", place, block.size);
    }
}

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    if (old != NULL) {
        secrets.blocks++;
        secrets.block_bytes += old_size;
        look_through(dx_bytes_of(old, old_size), "a block that was given back");
    }
    uint8_t *block = test_alloc_resize(ctx, old, old_size, new_size);
    if (block != NULL && new_size > old_size) {
        /* What others left there, SQLite's cache above all, is not ours to find (SECURITY.md). */
        memset(block + old_size, 0xa5, new_size - old_size);
    }
    return block;
}

static void hear(void *ctx, const char *room, const char *text) {
    (void)ctx;
    int size = snprintf(trace + trace_size, TRACE_SIZE - trace_size, "%s %s\n", room, text);
    trace_size += size > 0 && (size_t)size < TRACE_SIZE - trace_size ? (size_t)size : 0;
}

static vault *move_in(const char *name, dx_buf *said, test_alloc *plain) {
    vault *self = street_move_in(&road, name);
    vault_leave(self);
    sim_disk_destroy(self->disk);
    sim_disk_config disk = {0};
    self->disk = sim_disk_create(self->random.state, &disk);
    self->config.vfs = sim_disk_vfs(self->disk);
    self->config.create = true;
    self->config.has_token = self->config.same_file = false;
    self->config.alloc.resize = resize;
    self->config.random.fill = draw;
    self->config.tracer.line = hear;
    test_random_fill(&self->random, self->config.vault_key, sizeof self->config.vault_key);
    add_secret(self->config.vault_key);
    dx_buf_init(said, &plain->port, 16 << 20);
    self->said = said;
    vault_open(self);
    return self;
}

static void restart(vault *self) {
    vault_leave(self);
    vault_open(self);
    street_run(&road);
}

/* As text: the ways a program would print bytes. */
static void look_for_texts(dx_bytes text, const char *place) {
    look_through(text, place);
    for (size_t i = 0; i < secrets.count; i++) {
        char hex[2 * SECRET_SIZE + 1];
        test_alloc plain;
        dx_buf encoded;
        test_alloc_init(&plain);
        dx_buf_init(&encoded, &plain.port, 64);
        dx_bytes secret = dx_bytes_of(secrets.bytes[i], SECRET_SIZE);
        dx_hex_encode(secret, hex);
        dx_base64url_encode(secret, &encoded);
        assert_false(holds(text, hex, 2 * SECRET_SIZE));
        assert_false(holds(text, encoded.data, encoded.size - 1)); /* the last character shares its bits */
        dx_buf_deinit(&encoded);
    }
}

/* The one notification that shows the PIN, cut out of what was said. */
static void forgive_pin(dx_buf *said) {
    uint8_t *at = memmem(said->data, said->size, secrets.pin, 6);
    assert_non_null(at);
    memset(at, '*', 6);
}

static void test_invitation_leaves_nothing(void **state) {
    (void)state;
    static char url[2100], json[2300];
    char pin[7];
    test_alloc plain;
    dx_buf alice_said, bob_said;
    street_init(&road);
    test_alloc_init(&plain);
    vault *alice = move_in("alice", &alice_said, &plain), *bob = move_in("bob", &bob_said, &plain);
    vault_ask(alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(bob, "{'do': 'halo.create', 'name': 'Bob'}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Club'}");
    vault_begin(alice, "{'do': 'space.share', 'space': 'Club', 'pin': '493817'}");
    memcpy(secrets.pin, "493817", 7); /* chosen, so that it is watched from its first step on */
    street_field(alice->told, "url", url, sizeof url);
    street_field(alice->told, "pin", pin, sizeof pin);
    assert_string_equal(pin, secrets.pin);
    restart(alice); /* the PIN is read back */
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s'}", url);
    uint64_t request = vault_begin(bob, json);
    street_pass(&road, 1000);
    vault_refer(bob, "space.pin", request, "000000");
    street_pass(&road, 1000);
    assert_non_null(strstr(bob->told, "\"left\":2"));
    vault_refer(bob, "space.pin", request, pin);
    street_pass(&road, 5000);
    assert_non_null(strstr(bob->last, "\"ready\""));
    vault_ask(alice, "{'do': 'object.add', 'space': 'Club', 'type': 'note', 'data': {'text': 'hello'}}");
    street_pass(&road, 1000);
    street_agree(&road, "Club");
    restart(alice);
    restart(bob);
    street_pass(&road, 5000);
    vault_ask(bob, "{'do': 'export', 'space': 'Club'}");
    street_deinit(&road);
    assert_true(secrets.count > 25 && secrets.blocks > 500); /* there was something to look at */
    forgive_pin(&alice_said);
    look_for_texts(dx_buf_view(&alice_said), "what Alice said");
    look_for_texts(dx_buf_view(&bob_said), "what Bob said");
    assert_true(trace_size > 0);
    look_for_texts(dx_bytes_of(trace, trace_size), "the trace");
    dx_buf_deinit(&alice_said);
    dx_buf_deinit(&bob_said);
    assert_int_equal(plain.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_invitation_leaves_nothing))
