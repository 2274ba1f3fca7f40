/* tests/lib/rogue.h: a peer of a vault in the street that says what the test wants: it completes the
 * handshake, proves the device whose keys it holds, and then speaks plaintext sync messages of its own
 * choice.
 *
 * Layer: tests of sync, fuzz targets. The keys come from another vault of the street (`keys`), the secret of
 * the space from any vault that has it; neither is stepped by the rogue, and both stay open as long as it
 * speaks. What the victim says is read from its `said` buffer after every step. */
#ifndef DX_TESTS_LIB_ROGUE_H
#define DX_TESTS_LIB_ROGUE_H

#include "base/limits.h"
#include "node/state.h"
#include "street.h"
#include "sync/session.h"

typedef struct rogue {
    vault *victim, *keys;
    test_alloc alloc; /* its own; what the victim takes is the victim's */
    test_random random;
    dx_channel channel;
    bool channelled, ready, closed,
        deaf;   /* deaf: takes nothing of what is sent, so that it stays outstanding */
    int reason; /* of the end */
    uint64_t link;
    uint8_t space_id[DX_HASH_SIZE], discovery[DX_KEY_SIZE];
    dx_buf said, out, message;
    dx_buf *record;                       /* NULL, or all bytes it sent */
    size_t heard[DX_SYNC_KIND_COUNT + 1]; /* messages by kind */
    dx_buf last[DX_SYNC_KIND_COUNT + 1];  /* and the newest of each */
    uint64_t heard_bytes;
} rogue;

static inline dx_space *rogue_space_of(vault *self) {
    assert_true(self->node->space_count > 0);
    return self->node->spaces[0];
}

/* Speaks with the device of `keys` about the first space of `member`. */
static inline void rogue_init(rogue *self, vault *victim, vault *keys, vault *member) {
    memset(self, 0, sizeof *self);
    self->victim = victim;
    self->keys = keys;
    test_alloc_init(&self->alloc);
    test_random_init(&self->random, 99);
    memcpy(self->space_id, rogue_space_of(member)->id, DX_HASH_SIZE);
    memcpy(self->discovery, rogue_space_of(member)->discovery, DX_KEY_SIZE);
    dx_buf_init(&self->said, &self->alloc.port, 256u << 20);
    dx_buf_init(&self->out, &self->alloc.port, 64u << 20);
    dx_buf_init(&self->message, &self->alloc.port, DX_CHANNEL_MESSAGE_MAX);
    for (size_t i = 0; i <= DX_SYNC_KIND_COUNT; i++) {
        dx_buf_init(&self->last[i], &self->alloc.port, DX_CHANNEL_MESSAGE_MAX);
    }
    victim->said = &self->said;
}

static inline void rogue_hang_up(rogue *self) {
    if (self->channelled) {
        dx_channel_deinit(&self->channel);
    }
    self->channelled = self->ready = false;
}

static inline void rogue_deinit(rogue *self) {
    self->victim->said = NULL;
    rogue_hang_up(self);
    dx_buf_deinit(&self->said);
    dx_buf_deinit(&self->out);
    dx_buf_deinit(&self->message);
    for (size_t i = 0; i <= DX_SYNC_KIND_COUNT; i++) {
        dx_buf_deinit(&self->last[i]);
    }
    assert_int_equal(self->alloc.live_bytes, 0);
}

/* --- Hearing ------------------------------------------------------------------------------------------ */

static inline void rogue_hear(rogue *self, dx_bytes bytes) {
    dx_channel_event event;
    self->heard_bytes += bytes.size;
    do {
        assert_int_equal(
            dx_channel_receive(&self->channel, &bytes, self->victim->street->now_ms, &self->out, &event),
            DX_OK);
        if (event.kind == DX_CHANNEL_EVENT_READY) {
            self->ready = true;
        } else if (event.kind == DX_CHANNEL_EVENT_MESSAGE) {
            dx_sync_kind kind = dx_sync_message_kind(event.message);
            self->heard[kind]++;
            dx_buf_clear(&self->last[kind]);
            dx_buf_append(&self->last[kind], event.message.data, event.message.size);
        }
    } while (event.kind != DX_CHANNEL_EVENT_NONE && event.kind != DX_CHANNEL_EVENT_CLOSED);
}

static inline void rogue_post(rogue *self, dx_event event) {
    event.link = self->link;
    street_post(self->victim->street, self->victim, event);
}

/* What the victim said since. */
static inline void rogue_listen(rogue *self) {
    dx_buf said = self->said;
    dx_buf_init(&self->said, &self->alloc.port, 256u << 20);
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&said));
    while (reader.at < reader.end) {
        dx_effect effect;
        assert_int_equal(dx_effect_decode(dx_read_item(&reader), &effect), DX_OK);
        if (effect.link != self->link || self->closed) {
            continue;
        }
        if (effect.kind == DX_EFFECT_LINK_SEND && self->channelled) {
            rogue_hear(self, effect.body);
            if (!self->deaf) {
                rogue_post(self, (dx_event){.kind = DX_EVENT_LINK_WRITABLE, .size = effect.body.size});
            }
        } else if (effect.kind == DX_EFFECT_LINK_CLOSE) {
            self->closed = true;
            self->reason = effect.reason;
        }
    }
    dx_buf_deinit(&said);
}

/* Carries what the rogue wrote, in pieces of at most `piece` bytes (0: whole), until nobody has more to say
 * now.
 */
static inline void rogue_carry(rogue *self, size_t piece) {
    for (bool busy = true; busy;) {
        dx_buf bytes = self->out;
        dx_buf_init(&self->out, &self->alloc.port, 64u << 20);
        if (self->record != NULL) {
            dx_buf_append(self->record, bytes.data, bytes.size);
        }
        for (size_t at = 0; at < bytes.size && !self->closed;) {
            size_t size = piece != 0 && piece < bytes.size - at ? piece : bytes.size - at;
            rogue_post(self,
                       (dx_event){.kind = DX_EVENT_LINK_DATA, .body = dx_bytes_of(bytes.data + at, size)});
            at += size;
        }
        dx_buf_deinit(&bytes);
        street_run(self->victim->street);
        rogue_listen(self);
        busy = self->out.size > 0 || self->victim->street->first != NULL;
    }
}

static inline void rogue_pass(rogue *self, uint64_t ms) {
    street_pass(self->victim->street, ms);
    rogue_listen(self);
    rogue_carry(self, 0);
}

/* --- Speaking ----------------------------------------------------------------------------------------- */

/* A new link, up; not a byte said. */
static inline void rogue_dial(rogue *self) {
    rogue_hang_up(self);
    self->closed = false;
    self->reason = DX_OK;
    memset(self->heard, 0, sizeof self->heard);
    self->heard_bytes = 0;
    self->link = self->victim->next_incoming;
    self->victim->next_incoming += 2;
    rogue_post(self, (dx_event){.kind = DX_EVENT_LINK_UP, .body = dx_bytes_text("mem:rogue")});
    street_run(self->victim->street);
    rogue_listen(self);
}

/* The first handshake message is written, and not yet carried. */
static inline void rogue_begin_call(rogue *self) {
    const dx_identity *identity = &self->keys->node->identity;
    static const uint8_t prologue[DX_HASH_SIZE];
    dx_channel_topic topic = {.number = 1,
                              .secret = self->discovery,
                              .static_secret = identity->noise_secret,
                              .prologue = dx_bytes_of(prologue, sizeof prologue),
                              .payload = dx_buf_view(&identity->device_credential)};
    self->channelled = true;
    assert_int_equal(dx_channel_call(&self->channel, &self->alloc.port, &self->random.port, &topic,
                                     self->victim->street->now_ms, &self->out),
                     DX_OK);
}

static inline void rogue_call(rogue *self) {
    rogue_dial(self);
    rogue_begin_call(self);
    rogue_carry(self, 0);
    assert_true(self->ready && !self->closed);
}

/* Puts a message on its way; rogue_carry brings it. */
static inline void rogue_write(rogue *self, dx_bytes message) {
    if (self->closed || self->channel.state != DX_CHANNEL_OPEN) {
        return;
    }
    assert_int_equal(dx_channel_send(&self->channel, message, &self->out), DX_OK);
}

/* Says what lies in `message` and clears it. */
static inline void rogue_say(rogue *self) {
    assert_int_equal(dx_buf_error(&self->message), DX_OK);
    rogue_write(self, dx_buf_view(&self->message));
    dx_buf_clear(&self->message);
    rogue_carry(self, 0);
}

/* HELLO by the device whose keys it holds; digests: what it claims to have. */
static inline void rogue_write_hello(rogue *self, const dx_sync_digests *digests) {
    const dx_identity *identity = &self->keys->node->identity;
    dx_sync_hello hello = {.digests = *digests};
    uint8_t proof[DX_SYNC_PROOF_SIZE];
    memcpy(hello.device, identity->device, sizeof hello.device);
    dx_sync_hello_proof(true, dx_channel_handshake_hash(&self->channel), self->space_id, proof);
    dx_sign(&identity->device_key, "dxos hello/1", dx_bytes_of(proof, sizeof proof), hello.signature);
    dx_sync_hello_write(&hello, &self->message);
}

/* Handshake and hello, claiming to have something the victim lacks. */
static inline void rogue_meet(rogue *self) {
    static const dx_sync_digests digests = {.control = {1}, .data = {2}};
    rogue_call(self);
    rogue_write_hello(self, &digests);
    rogue_say(self);
}

/* --- What the vault of its keys holds ------------------------------------------------------------------- */

/* The feed of this class that the vault of `keys` writes. Its blocks may be read between begin and end. */
static inline dx_feed *rogue_own_feed(rogue *self, dx_feed_class feed_class) {
    dx_space *space = rogue_space_of(self->keys);
    return dx_space_feed(space, feed_class == DX_FEED_CONTROL ? space->own_control : space->own_data);
}

static inline void rogue_begin_reading(rogue *self) {
    assert_int_equal(dx_store_begin(self->keys->node->store), DX_OK);
}

static inline void rogue_end_reading(rogue *self) {
    dx_store_rollback(self->keys->node->store);
}

/* STATE that announces this feed with this head. */
static inline void rogue_write_state(rogue *self, const dx_feed_identity *feed, const dx_head *head) {
    static const dx_sync_digests digests = {.control = {1}, .data = {2}};
    dx_sync_entry entry = {.feed_class = feed->feed_class, .head = *head};
    memcpy(entry.device, feed->device, sizeof entry.device);
    memcpy(entry.key, feed->key, sizeof entry.key);
    dx_sync_state_begin(&digests, 1, &self->message);
    dx_sync_entry_write(&entry, &self->message);
}

/* The body of a block with the hashes of its sections alone. */
static inline void rogue_write_hollow(dx_bytes body, dx_buf *out) {
    dx_block block;
    dx_buf items;
    dx_writer writer;
    dx_reader cursor;
    assert_int_equal(dx_block_decode(body, &block), DX_OK);
    dx_buf_init(&items, out->alloc, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &items);
    dx_reader_init(&cursor, block.sections);
    for (size_t i = 0; i < block.section_count; i++) {
        dx_bytes section;
        uint8_t hash[DX_HASH_SIZE];
        bool hole;
        assert_int_equal(dx_block_section(&cursor, &section, &hole), DX_OK);
        dx_hash(DX_HASH_SECTION, section, hash);
        dx_write_array(&writer, 1);
        dx_write_bytes(&writer, dx_bytes_of(hash, sizeof hash));
    }
    assert_int_equal(dx_block_encode(block.header_bytes, dx_buf_view(&items), block.section_count, out),
                     DX_OK);
    dx_buf_deinit(&items);
}

/* DATA of blocks [from, end) as an honest member sends it, those from `hollow` on without their sections. */
static inline void rogue_write_data_cut(rogue *self, const dx_feed *feed, uint64_t from, uint64_t end,
                                        uint64_t hollow) {
    dx_store *store = self->keys->node->store;
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    rogue_begin_reading(self);
    const dx_head *head = dx_feed_cover(feed, end);
    assert_non_null(head);
    assert_int_equal(dx_feed_prove(feed, store, end, head->length, proof), DX_OK);
    dx_sync_data_begin(feed->id, from, head, (size_t)(end - from), &self->message);
    for (uint64_t seq = from; seq < end; seq++) {
        dx_bytes block;
        dx_buf body;
        dx_buf_init(&body, &self->alloc.port, DX_BLOCK_SIZE_MAX);
        assert_int_equal(dx_feed_read(feed, store, seq, &block), DX_OK);
        if (seq >= hollow) {
            rogue_write_hollow(block, &body);
        }
        dx_sync_block_write(seq >= hollow ? dx_buf_view(&body) : block, &self->message);
        dx_buf_deinit(&body);
    }
    dx_sync_data_end(dx_bytes_of(proof, dx_mmr_proof_size(end, head->length)), &self->message);
    rogue_end_reading(self);
}

static inline void rogue_write_data(rogue *self, const dx_feed *feed, uint64_t from, uint64_t end) {
    rogue_write_data_cut(self, feed, from, end, end);
}

/* HOLES about these places of a feed as that vault has it; beyond its end, of no branch. */
static inline void rogue_write_holes(rogue *self, vault *of, const dx_feed *feed, const dx_sync_place *places,
                                     size_t count) {
    uint8_t root[DX_HASH_SIZE] = {0};
    assert_int_equal(dx_store_begin(of->node->store), DX_OK);
    int error = dx_feed_root(feed, of->node->store, places[count - 1].seq + 1, root);
    assert_true(error == DX_OK || error == DX_E_NOT_FOUND);
    dx_store_rollback(of->node->store);
    dx_sync_holes_write(feed->id, root, places, count, &self->message);
}

/* A head over `feed` signed by its author, who never wrote so much, or not this. */
static inline dx_head rogue_forge_head(rogue *self, const dx_feed *feed, uint64_t length, uint8_t root) {
    dx_head head = {.length = length, .root = {root}};
    dx_sign_key key;
    rogue_begin_reading(self);
    assert_int_equal(dx_keyring_sign_key(self->keys->node->store, feed->identity.key, &key), DX_OK);
    rogue_end_reading(self);
    dx_head_sign(&head, &key, feed->identity.space_id, feed->id);
    return head;
}

#endif
