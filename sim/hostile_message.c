/* sim/hostile_message.c: lies that are messages: garbage, out of place, forged, huge, floods, false proofs.
 *
 * Layer: simulator; looks inside the core (hostile.h). What a receiver can tell to be a lie by itself is
 * watched: it must end the link. The rest is only a burden, and must do no harm. */
#include "hostile.h"

#include <string.h>

#include "base/limits.h"

enum {
    GARBAGE_MAX = 400,
    WISHES = 200, /* of one flood */
    STRANGE_FEEDS = 8,
    NOWHERE = 1000 /* different addresses where nobody is */
};

typedef struct lie_message {
    dx_buf bytes;
    dx_writer writer;
} lie_message;

static void begin(lie_message *message) {
    dx_buf_init(&message->bytes, &sim_heap, SIM_MESSAGE_MAX);
    dx_writer_init(&message->writer, &message->bytes);
}

static int end(lie_message *message, dx_session *session) {
    int error = sim_hostile_say(session, dx_buf_view(&message->bytes));
    dx_buf_deinit(&message->bytes);
    return error;
}

/* A feed of somebody else that the peer announced to us, and of which we have a head; NULL: none. */
static const dx_feed *choose_feed(sim_hostile *hostile, const dx_session *session) {
    const dx_feed *chosen = NULL;
    size_t count = 0;
    for (size_t i = 0; i < session->feed_count; i++) {
        const dx_feed *feed = dx_space_feed(session->replica->space, session->feeds[i].local);
        bool of_liar = feed != NULL && memcmp(feed->identity.device, hostile->device, DX_KEY_SIZE) == 0;
        if (feed != NULL && !of_liar && session->feeds[i].theirs > 0 && feed->head.length > 0 &&
            sim_hostile_below(hostile, ++count) == 0) {
            chosen = feed;
        }
    }
    return chosen;
}

static int say_state(dx_session *session, const dx_sync_entry *entries, size_t count) {
    lie_message message;
    begin(&message);
    dx_sync_state_begin(&session->replica->digests, count, &message.bytes);
    for (size_t i = 0; i < count; i++) {
        dx_sync_entry_write(&entries[i], &message.bytes);
    }
    return end(&message, session);
}

static dx_sync_entry entry_of(const dx_feed *feed) {
    dx_sync_entry entry = {.feed_class = feed->identity.feed_class, .head = feed->head};
    memcpy(entry.device, feed->identity.device, sizeof entry.device);
    memcpy(entry.key, feed->identity.key, sizeof entry.key);
    return entry;
}

/* --- Garbage --------------------------------------------------------------------------------------------- */

/* Bytes of no form, or an own message with too much or too little at its end. */
static int tell_garbage(sim_hostile *hostile, dx_session *session) {
    uint64_t way = hostile->overheard_count == 0 ? 0 : sim_hostile_below(hostile, 3);
    lie_message message;
    begin(&message);
    if (way == 0) {
        uint8_t bytes[GARBAGE_MAX];
        size_t size = 1 + (size_t)sim_hostile_below(hostile, sizeof bytes);
        sim_hostile_fill(hostile, bytes, size);
        bytes[0] |= 0xe0; /* no array */
        dx_buf_append(&message.bytes, bytes, size);
    } else {
        const dx_buf *heard = &hostile->overheard[sim_hostile_below(hostile, hostile->overheard_count)];
        dx_buf_append(&message.bytes, heard->data, way == 1 ? heard->size : heard->size - 1);
        if (way == 1) {
            dx_buf_append_byte(&message.bytes, (uint8_t)sim_hostile_below(hostile, 256));
        }
    }
    sim_hostile_watch(hostile, session, SIM_GARBAGE);
    sim_hostile_told(hostile, SIM_GARBAGE);
    return end(&message, session);
}

/* --- Out of place ------------------------------------------------------------------------------------------ */

static void write_probe(dx_buf *out, bool answer, const dx_feed *feed, uint64_t length) {
    uint8_t root[DX_ROOT_PREFIX_SIZE] = {0};
    dx_sync_probe probe = {.count = 1, .roots = dx_bytes_of(root, sizeof root)};
    memcpy(probe.feed_id, feed->id, sizeof probe.feed_id);
    probe.lengths[0] = length;
    dx_sync_probe_write(answer, &probe, out);
}

/* Answers nobody asked for, questions beyond all that was ever announced, more credit than was spent. */
static int tell_out_of_place(sim_hostile *hostile, dx_session *session) {
    const dx_feed *feed = choose_feed(hostile, session);
    uint8_t unknown[DX_HASH_SIZE];
    lie_message message;
    if (feed == NULL) {
        return DX_OK;
    }
    uint64_t way = sim_hostile_below(hostile, 10);
    /* Who knows that the feed was forked takes it for a question about another branch. */
    bool excused = (way == 3 || way == 5) && hostile->peer->world->counts[SIM_UNSEEN] > 0;
    sim_hostile_fill(hostile, unknown, sizeof unknown);
    begin(&message);
    switch (way) {
    case 0:
        dx_write_array(&message.writer, 1);
        dx_write_uint(&message.writer, DX_SYNC_HELLO);
        break;
    case 1:
        dx_write_array(&message.writer, 1);
        dx_write_uint(&message.writer, DX_SYNC_KIND_COUNT);
        break;
    case 2:
        write_probe(&message.bytes, true, feed, feed->length);
        break;
    case 3:
        write_probe(&message.bytes, false, feed, DX_FEED_LENGTH_MAX);
        break;
    case 4:
        dx_sync_path_write(feed->id, 0, &feed->head, dx_bytes_of(unknown, sizeof unknown), &message.bytes);
        break;
    case 5:
        dx_sync_part_write(feed->id, DX_FEED_LENGTH_MAX, &message.bytes);
        break;
    case 6:
        dx_sync_data_begin(unknown, 0, &feed->head, 0, &message.bytes);
        dx_sync_data_end(dx_bytes_of(NULL, 0), &message.bytes);
        break;
    default:
        dx_sync_more_write(sim_hostile_below(hostile, 2) == 0 ? UINT64_C(1) << 53 : DX_SYNC_CREDIT,
                           &message.bytes);
        break;
    }
    if (!excused) {
        sim_hostile_watch(hostile, session, SIM_OUT_OF_PLACE);
    }
    sim_hostile_told(hostile, SIM_OUT_OF_PLACE);
    return end(&message, session);
}

/* --- Forged heads ------------------------------------------------------------------------------------------ */

/* Another head of somebody's feed than its author signed. */
static void forge(sim_hostile *hostile, const dx_session *session, const dx_feed *feed, dx_head *head) {
    const dx_space *space = session->replica->space;
    const dx_identity *self = session->replica->replication->context->identity;
    *head = feed->head;
    switch (sim_hostile_below(hostile, 6)) {
    case 0:
        head->length++;
        sim_hostile_fill(hostile, head->root, sizeof head->root);
        break;
    case 1:
        head->root[sim_hostile_below(hostile, DX_HASH_SIZE)] ^= 1;
        break;
    case 2:
        head->signature[sim_hostile_below(hostile, DX_SIGNATURE_SIZE)] ^= 1;
        break;
    case 3:
        head->length += 1 + sim_hostile_below(hostile, 100); /* the root and the signature of a shorter one */
        break;
    case 4: /* all of it is right but the name under it */
        sim_hostile_fill(hostile, head->root, sizeof head->root);
        dx_head_sign(head, &self->device_key, space->id, feed->id);
        break;
    default: /* an honest head, of another feed */
        *head = space->feeds[sim_hostile_below(hostile, space->feed_count)].head;
        if (memcmp(head->root, feed->head.root, sizeof head->root) == 0 || head->length == 0) {
            *head = feed->head;
            head->length++;
        }
    }
}

static int tell_forged_head(sim_hostile *hostile, dx_session *session) {
    const dx_feed *feed = choose_feed(hostile, session);
    if (feed == NULL) {
        return DX_OK;
    }
    dx_sync_entry entry = entry_of(feed);
    forge(hostile, session, feed, &entry.head);
    sim_hostile_watch(hostile, session, SIM_FORGED_HEAD);
    sim_hostile_told(hostile, SIM_FORGED_HEAD);
    return say_state(session, &entry, 1);
}

/* --- Again, and too much ------------------------------------------------------------------------------------ */

static int tell_replay(sim_hostile *hostile, dx_session *session) {
    if (hostile->overheard_count == 0) {
        return DX_OK;
    }
    sim_hostile_told(hostile, SIM_REPLAY);
    return sim_hostile_say(
        session, dx_buf_view(&hostile->overheard[sim_hostile_below(hostile, hostile->overheard_count)]));
}

/* A head of an own feed, well signed, over more than will ever come. */
static int tell_huge_head(sim_hostile *hostile, dx_session *session) {
    dx_context *context = session->replica->replication->context;
    const dx_space *space = session->replica->space;
    const dx_feed *own = NULL;
    dx_sign_key key;
    for (size_t i = 0; i < space->feed_count; i++) {
        own = space->feeds[i].own ? &space->feeds[i] : own;
    }
    if (own == NULL || dx_keyring_sign_key(context->store, own->identity.key, &key) != DX_OK) {
        return DX_OK;
    }
    dx_sync_entry entry = entry_of(own);
    entry.head.length = DX_FEED_LENGTH_MAX - sim_hostile_below(hostile, 2);
    sim_hostile_fill(hostile, entry.head.root, sizeof entry.head.root);
    dx_head_sign(&entry.head, &key, space->id, own->id);
    return say_state(session, &entry, 1);
}

static int tell_huge(sim_hostile *hostile, dx_session *session) {
    const dx_feed *feed = choose_feed(hostile, session);
    uint64_t way = sim_hostile_below(hostile, 3);
    if (feed == NULL) {
        return DX_OK;
    }
    sim_hostile_told(hostile, SIM_HUGE);
    if (way == 0) { /* the feed's next head contradicts it */
        return tell_huge_head(hostile, session);
    }
    lie_message message;
    begin(&message);
    if (way == 1) {
        dx_sync_want_write(feed->id, DX_FEED_LENGTH_MAX, &message.bytes);
    } else {
        dx_sync_want_write(feed->id, UINT64_C(1) << 53, &message.bytes);
        sim_hostile_watch(hostile, session, SIM_HUGE);
    }
    return end(&message, session);
}

static void write_addresses(sim_hostile *hostile, dx_buf *out) {
    char text[DX_SYNC_ADDRESSES_MAX][32];
    dx_bytes addresses[DX_SYNC_ADDRESSES_MAX];
    for (size_t i = 0; i < DX_SYNC_ADDRESSES_MAX; i++) {
        sqlite3_snprintf(sizeof text[i], text[i], "nowhere:%d", (int)sim_hostile_below(hostile, NOWHERE));
        addresses[i] = dx_bytes_text(text[i]);
    }
    dx_sync_addresses_write(addresses, DX_SYNC_ADDRESSES_MAX, out);
}

/* The same wish again and again, of everything from the beginning; addresses where nobody is. */
static int tell_flood(sim_hostile *hostile, dx_session *session) {
    uint64_t way = sim_hostile_below(hostile, 4);
    const dx_feed *feed = choose_feed(hostile, session);
    int error = DX_OK;
    if (feed == NULL) {
        return DX_OK;
    }
    sim_hostile_told(hostile, SIM_FLOOD);
    for (size_t i = 0; i < WISHES && error == DX_OK; i++) {
        lie_message message;
        begin(&message);
        if (way == 0) {
            dx_sync_want_write(feed->id, 0, &message.bytes);
        } else if (way == 1) {
            dx_sync_ask_write(i % 2 == 0 ? DX_FEED_CONTROL : DX_FEED_DATA, &message.bytes);
        } else if (way == 2) {
            dx_sync_ping_write(false, &message.bytes);
        } else {
            write_addresses(hostile, &message.bytes);
            i += WISHES / 10;
        }
        error = end(&message, session);
    }
    return error;
}

/* --- Feeds nobody admitted ---------------------------------------------------------------------------------- */

static int tell_strange_feeds(sim_hostile *hostile, dx_session *session) {
    dx_sync_entry entries[STRANGE_FEEDS];
    for (size_t i = 0; i < STRANGE_FEEDS; i++) {
        dx_feed_identity identity = {.feed_class = DX_FEED_CONTROL};
        uint8_t seed[DX_KEY_SIZE], id[DX_HASH_SIZE];
        dx_sign_key key;
        sim_hostile_fill(hostile, seed, sizeof seed);
        dx_sign_key_from_seed(&key, seed);
        memcpy(identity.space_id, session->replica->space->id, sizeof identity.space_id);
        memcpy(identity.device, session->replica->replication->context->identity->device,
               sizeof identity.device);
        memcpy(identity.key, key.public_key, sizeof identity.key);
        dx_feed_id(&identity, id);
        entries[i] = (dx_sync_entry){.feed_class = DX_FEED_CONTROL, .head.length = 1 + i};
        memcpy(entries[i].device, identity.device, sizeof entries[i].device);
        memcpy(entries[i].key, identity.key, sizeof entries[i].key);
        sim_hostile_fill(hostile, entries[i].head.root, DX_HASH_SIZE);
        dx_head_sign(&entries[i].head, &key, session->replica->space->id, id);
    }
    sim_hostile_told(hostile, SIM_STRANGE_FEEDS);
    return say_state(session, entries, STRANGE_FEEDS);
}

/* --- False proofs ------------------------------------------------------------------------------------------- */

/* That an honest feed was forked: two heads, of which its author signed one at the most. */
static int tell_false_proof(sim_hostile *hostile, dx_session *session) {
    const dx_feed *feed = choose_feed(hostile, session);
    if (feed == NULL) {
        return DX_OK;
    }
    dx_head one = feed->head, other = feed->head;
    if (sim_hostile_below(hostile, 2) == 0) {
        sim_hostile_fill(hostile, other.root, sizeof other.root);
    }
    bool ordered = memcmp(one.root, other.root, sizeof one.root) >= 0;
    dx_fork_proof proof = {
        .longer = ordered ? one : other, .shorter = ordered ? other : one, .length = feed->head.length};
    lie_message message;
    dx_buf bytes;
    begin(&message);
    dx_buf_init(&bytes, &sim_heap, DX_FORK_SIZE_MAX);
    int error = dx_fork_write(&proof, &bytes);
    dx_sync_fork_write(feed->id, dx_buf_view(&bytes), &message.bytes);
    dx_buf_deinit(&bytes);
    sim_hostile_watch(hostile, session, SIM_FALSE_PROOF);
    sim_hostile_told(hostile, SIM_FALSE_PROOF);
    int said = end(&message, session);
    return error ? error : said;
}

int sim_hostile_tell(sim_hostile *hostile, dx_session *session, sim_count lie) {
    switch ((unsigned)lie) {
    case SIM_GARBAGE:
        return tell_garbage(hostile, session);
    case SIM_OUT_OF_PLACE:
        return tell_out_of_place(hostile, session);
    case SIM_FORGED_HEAD:
        return tell_forged_head(hostile, session);
    case SIM_REPLAY:
        return tell_replay(hostile, session);
    case SIM_HUGE:
        return tell_huge(hostile, session);
    case SIM_FLOOD:
        return tell_flood(hostile, session);
    case SIM_STRANGE_FEEDS:
        return tell_strange_feeds(hostile, session);
    case SIM_FALSE_PROOF:
        return tell_false_proof(hostile, session);
    default:
        return DX_OK;
    }
}
