/* fuzz_session.c: a member's device that says whatever the input says, after an honest handshake and hello.
 *
 * Input: a sequence of items. Array: a sync message; heads of Bob's own feeds in it are signed anew, so that
 * only their content is wrong. Integer: so many milliseconds pass; negative: the link is cut and a new one
 * begun. Byte string: sent as it is. Text: Alice writes an object of this type; "keep TYPE": she keeps these alone, "keep":
 * all; "fetch N": she asks for what Bob made in block N. Checks: the step never fails,
 * Alice's memory stays bounded, she comes to rest, her vault opens again and holds what it held, and an
 * honest peer is still served. */
#include "../tests/lib/rogue.h"
#include "items.h"
#include "vaults.h"

enum { PASS_MAX_MS = 200000, MEMORY_MAX = 48 << 20, MESSAGES_MAX = 64 };

/* --- Signing what the input made up --------------------------------------------------------------- */

static const dx_feed *bob_feed(const uint8_t *id) {
    dx_feed *feed = dx_space_feed_by_id(rogue_space_of(bob), id);
    return feed != NULL && feed->own ? feed : NULL;
}

static void sign(rogue *self, const dx_feed *feed, dx_head *head) {
    dx_sign_key key;
    if (feed == NULL) {
        return;
    }
    rogue_begin_reading(self);
    FUZZ_CHECK(dx_keyring_sign_key(bob->node->store, feed->identity.key, &key) == DX_OK);
    rogue_end_reading(self);
    dx_head_sign(head, &key, feed->identity.space_id, feed->id);
}

static bool rewrite_state(rogue *self, dx_bytes message) {
    dx_sync_digests digests;
    dx_reader entries;
    size_t count;
    if (dx_sync_state_read(message, &digests, &count, &entries) != DX_OK) {
        return false;
    }
    dx_sync_state_begin(&digests, count, &self->message);
    for (size_t i = 0; i < count; i++) {
        dx_sync_entry entry;
        dx_feed_identity identity;
        uint8_t id[DX_HASH_SIZE];
        if (dx_sync_entry_read(&entries, &entry) != DX_OK) {
            return false;
        }
        identity.feed_class = entry.feed_class;
        memcpy(identity.space_id, self->space_id, DX_HASH_SIZE);
        memcpy(identity.device, entry.device, DX_KEY_SIZE);
        memcpy(identity.key, entry.key, DX_KEY_SIZE);
        dx_feed_id(&identity, id);
        sign(self, bob_feed(id), &entry.head);
        dx_sync_entry_write(&entry, &self->message);
    }
    return dx_reader_finish(&entries) == DX_OK;
}

static bool rewrite_data(rogue *self, dx_bytes message) {
    static dx_sync_data data;
    if (dx_sync_data_read(message, &data) != DX_OK) {
        return false;
    }
    sign(self, bob_feed(data.feed_id), &data.head);
    dx_sync_data_begin(data.feed_id, data.from, &data.head, data.block_count, &self->message);
    for (size_t i = 0; i < data.block_count; i++) {
        dx_sync_block_write(data.blocks[i], &self->message);
    }
    dx_sync_data_end(data.proof, &self->message);
    return true;
}

static bool rewrite_path(rogue *self, dx_bytes message) {
    uint8_t id[DX_HASH_SIZE];
    uint64_t at;
    dx_head head;
    dx_bytes path;
    if (dx_sync_path_read(message, id, &at, &head, &path) != DX_OK) {
        return false;
    }
    sign(self, bob_feed(id), &head);
    dx_sync_path_write(id, at, &head, path, &self->message);
    return true;
}

static void say(rogue *self, dx_bytes message) {
    dx_sync_kind kind = dx_sync_message_kind(message);
    bool signs = (kind == DX_SYNC_STATE && rewrite_state(self, message)) ||
                 (kind == DX_SYNC_DATA && rewrite_data(self, message)) ||
                 (kind == DX_SYNC_PATH && rewrite_path(self, message));
    if (!signs) {
        dx_buf_clear(&self->message);
        dx_buf_append(&self->message, message.data, message.size);
    }
    rogue_say(self);
}

/* --- One input ------------------------------------------------------------------------------------- */

static void write_object(vault *alice, dx_bytes type) {
    char json[200];
    for (size_t i = 0; i < type.size; i++) {
        bool plain = (type.data[i] >= 'a' && type.data[i] <= 'z') || type.data[i] == '.';
        if (!plain || type.size > 64) {
            return;
        }
    }
    snprintf(json, sizeof json, "{'do': 'object.add', 'space': 'Book', 'type': '%.*s'}", (int)type.size,
             (const char *)type.data);
    vault_ask(alice, json);
}

/* Whether the text is such a command. */
static bool take_command(vault *alice, dx_bytes text) {
    const dx_feed *feed;
    char json[256], name[16] = "";
    bool asks = text.size > 5 && memcmp(text.data, "asks ", 5) == 0;
    bool keeps = asks || (text.size >= 4 && memcmp(text.data, "keep", 4) == 0);
    bool fetches = text.size > 6 && memcmp(text.data, "fetch ", 6) == 0;
    for (size_t i = 5; i < text.size && i < 5 + sizeof name - 1; i++) {
        bool plain =
            fetches ? text.data[i] >= '0' && text.data[i] <= '9' : text.data[i] >= 'a' && text.data[i] <= 'z';
        name[strlen(name)] = plain ? (char)text.data[i] : '\0';
    }
    if (asks) {
        snprintf(json, sizeof json, "{'do': 'space.scope', 'space': 'Book', 'query': {'type': '%s'}}", name);
    } else if (keeps && name[0] != '\0') {
        snprintf(json, sizeof json, "{'do': 'space.scope', 'space': 'Book', 'types': ['%s']}", name);
    } else if (keeps) {
        snprintf(json, sizeof json, "{'do': 'space.scope', 'space': 'Book', 'all': true}");
    } else if (fetches) {
        uint8_t id[DX_REFERENCE_SIZE] = {0};
        char reference[DX_REFERENCE_TEXT_MAX];
        feed = dx_space_feed(rogue_space_of(bob), rogue_space_of(bob)->own_data);
        memcpy(id, feed->id, DX_PREFIX_SIZE);
        id[DX_PREFIX_SIZE + 3] = (uint8_t)atoi((const char *)name);
        dx_reference_print(id, reference);
        snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Book', 'id': '%s', 'fetch': true}",
                 reference);
    }
    if (keeps || fetches) {
        vault_begin(alice, json);
        street_run(alice->street);
    }
    return keeps || fetches;
}

static void act(rogue *self, dx_bytes item) {
    dx_kind kind = dx_item_kind(item);
    int64_t number = dx_item_int(item, 0);
    if (kind == DX_KIND_ARRAY) {
        say(self, item);
    } else if (kind == DX_KIND_BYTES) {
        say(self, dx_item_bytes(item));
    } else if (kind == DX_KIND_TEXT) {
        if (!take_command(self->victim, dx_item_text(item))) {
            write_object(self->victim, dx_item_text(item));
        }
        rogue_listen(self);
        rogue_carry(self, 0);
    } else if (kind == DX_KIND_INT && number >= 0) {
        rogue_pass(self, (uint64_t)number % PASS_MAX_MS);
    } else if (kind == DX_KIND_INT && self->victim->next_incoming < 16) {
        rogue_post(self, (dx_event){.kind = DX_EVENT_LINK_DOWN, .reason = DX_E_UNREACHABLE});
        rogue_meet(self);
    }
    FUZZ_CHECK(self->victim->step_error == DX_OK);
    FUZZ_CHECK(self->victim->alloc.live_bytes <= MEMORY_MAX);
}

/* What Alice held is there, also after a restart, and Bob's honest device is answered. */
static void check_after(rogue *self) {
    vault *alice = self->victim;
    char before[256];
    static const char digest[] = "{'do': 'space.digest', 'space': 'Book'}";
    snprintf(before, sizeof before, "%s", vault_ask(alice, digest));
    FUZZ_CHECK(strstr(before, "\"digest\"") != NULL);
    alice->said = NULL;
    vault_leave(alice);
    vault_open(alice);
    FUZZ_CHECK(strcmp(vault_ask(alice, digest), before) == 0);
    alice->said = &self->said;
    rogue_meet(self);
    FUZZ_CHECK(!self->closed && self->heard[DX_SYNC_HELLO] == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    dx_bytes item;
    if (!next_item(&input, &item) || dx_item_kind(item) != DX_KIND_ARRAY) {
        return 0; /* noise, not worth opening a vault for */
    }
    street road;
    vault *alice = open_alice(&road);
    rogue self;
    rogue_init(&self, alice, bob, bob);
    rogue_meet(&self);
    FUZZ_CHECK(!self.closed);
    size_t count = 0;
    do {
        act(&self, item);
    } while (++count < MESSAGES_MAX && next_item(&input, &item));
    check_after(&self);
    rogue_deinit(&self);
    street_deinit(&road);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    return mutate_items(data, size, max_size, seed);
}
