/* sim/hostile_run.c: runs of blocks, falsified on their way out of the liar's node.
 *
 * Layer: simulator; looks inside the core (hostile.h). Three lies wait here for a DATA they fit: a run of
 * somebody else's feed with something changed; such a run with a well made block in it, hashed and signed as
 * it should be, but by the liar; and an own block in another version than others get, well signed: a fork. */
#include "hostile.h"

#include <stdlib.h>
#include <string.h>

#include "feed/feed_state.h"

enum { TAIL = 24 }; /* bytes at the end of a block: of its last section */

/* A DATA taken apart; its blocks may be changed. */
typedef struct sim_run {
    dx_sync_data data;
    uint8_t *bytes; /* a copy of the message */
    dx_buf made;    /* a block of the liar's making */
    const dx_feed *feed;
    dx_session *session;
    bool is_hollow; /* what is wrong with it is that a section is held back */
} sim_run;

static bool is_armed(const sim_hostile *hostile, sim_count lie) {
    return (hostile->armed >> (lie - SIM_LIE_FIRST) & 1u) != 0;
}

static void disarm(sim_hostile *hostile, sim_count lie) {
    hostile->armed &= ~(1u << (lie - SIM_LIE_FIRST));
}

static void flip(dx_bytes bytes, size_t at, unsigned bit) {
    ((uint8_t *)(uintptr_t)bytes.data)[at] ^= (uint8_t)(1u << bit);
}

/* --- Something changed -------------------------------------------------------------------------------------- */

/* The block with its first section held back: only its hash is served. */
static bool hollow(sim_run *run, dx_bytes *block) {
    dx_block parts;
    dx_reader cursor;
    dx_buf items;
    if (dx_block_decode(*block, &parts) != DX_OK || parts.section_count == 0) {
        return false;
    }
    dx_buf_init(&items, &sim_heap, SIM_MESSAGE_MAX);
    dx_writer writer;
    dx_writer_init(&writer, &items);
    dx_reader_init(&cursor, parts.sections);
    int error = DX_OK;
    for (size_t i = 0; i < parts.section_count && error == DX_OK; i++) {
        dx_bytes section;
        bool hole;
        error = dx_block_section(&cursor, &section, &hole);
        if (hole) {
            dx_write_array(&writer, 1);
            dx_write_bytes(&writer, section);
        } else if (i == 0) {
            uint8_t hash[DX_HASH_SIZE];
            dx_hash(DX_HASH_SECTION, section, hash);
            dx_write_array(&writer, 1);
            section = dx_bytes_of(hash, sizeof hash);
            dx_write_bytes(&writer, section);
        } else {
            dx_write_bytes(&writer, section);
        }
    }
    error = error ? error
                  : dx_block_encode(parts.header_bytes, dx_buf_view(&items), parts.section_count, &run->made);
    dx_buf_deinit(&items);
    *block = dx_buf_view(&run->made);
    return error == DX_OK;
}

/* Something changed in a run that ends before its head, so that a proof of invented nodes leads there. */
static void shorten(sim_hostile *hostile, sim_run *run) {
    dx_sync_data *data = &run->data;
    data->block_count--;
    dx_bytes last = data->blocks[data->block_count - 1];
    size_t size = dx_mmr_proof_size(data->from + data->block_count, data->head.length);
    flip(last, last.size - 1 - sim_hostile_below(hostile, TAIL), 0);
    sim_hostile_fill(hostile, dx_buf_extend(&run->made, size), size);
    data->proof = dx_buf_view(&run->made);
}

/* False when this run gives no occasion for it. */
static bool change(sim_hostile *hostile, sim_run *run) {
    dx_sync_data *data = &run->data;
    size_t last = data->block_count - 1, any = (size_t)sim_hostile_below(hostile, data->block_count);
    unsigned bit = (unsigned)sim_hostile_below(hostile, 8);
    if (last > 0 && sim_hostile_below(hostile, 2) == 0) {
        shorten(hostile, run);
        return true;
    }
    switch (sim_hostile_below(hostile, 9)) {
    case 0:
    case 1:
        flip(data->blocks[last], data->blocks[last].size - 1 - sim_hostile_below(hostile, TAIL), bit);
        return true;
    case 2:
        flip(data->blocks[any], sim_hostile_below(hostile, data->blocks[any].size), bit);
        return true;
    case 3: {
        dx_bytes first = data->blocks[0];
        data->blocks[0] = data->blocks[last];
        data->blocks[last] = first;
        return last > 0;
    }
    case 4:
        data->block_count--;
        return true;
    case 5:
        if (data->proof.size == 0) {
            return false;
        }
        flip(data->proof, sim_hostile_below(hostile, data->proof.size), bit);
        return true;
    case 6:
        data->head.root[sim_hostile_below(hostile, DX_HASH_SIZE)] ^= 1;
        return true;
    case 7:
        data->head.length++;
        return true;
    default:
        /* Of a control feed it is no block any more; of a data feed honest peers take it, and ask others for the rest. */
        run->is_hollow = run->feed->identity.feed_class == DX_FEED_DATA;
        return hollow(run, &data->blocks[any]);
    }
}

/* --- Made anew ------------------------------------------------------------------------------------------------ */

/* The last block is another one, and the head is over that. */
static bool make(sim_run *run, dx_bytes items, const dx_sign_key *key) {
    dx_replica *replica = run->session->replica;
    const dx_feed *feed = run->feed;
    dx_sync_data *data = &run->data;
    dx_branch rows = dx_feed_rows(feed, replica->replication->context->store, data->from);
    dx_mmr mmr;
    bool well =
        sim_hostile_block(replica, feed, 0, replica->space->key_epoch, NULL, items, &run->made) == DX_OK &&
        dx_mmr_load(&mmr, dx_branch_read, &rows, data->from) == DX_OK;
    data->blocks[data->block_count - 1] = dx_buf_view(&run->made);
    for (size_t i = 0; well && i < data->block_count; i++) {
        dx_block block;
        uint8_t leaf[DX_HASH_SIZE], nodes[DX_MMR_NODES_SIZE_MAX];
        well = dx_block_decode(data->blocks[i], &block) == DX_OK;
        if (well) {
            dx_block_leaf(&block, feed->id, mmr.length, leaf);
            (void)dx_mmr_append(&mmr, leaf, nodes);
        }
    }
    if (well) {
        data->proof = dx_bytes_of(NULL, 0);
        data->head.length = mmr.length;
        dx_mmr_root(&mmr, data->head.root);
        dx_head_sign(&data->head, key, replica->space->id, feed->id);
    }
    return well;
}

/* Somebody else's next block, written by the liar: perfect but for the name under it. */
static bool sign_as_another(sim_hostile *hostile, sim_run *run) {
    dx_replica *replica = run->session->replica;
    const dx_identity *self = replica->replication->context->identity;
    uint64_t seq = run->data.from + run->data.block_count - 1;
    dx_buf items;
    dx_buf_init(&items, &sim_heap, SIM_MESSAGE_MAX);
    int error = run->feed->identity.feed_class == DX_FEED_DATA
                    ? sim_hostile_object(replica, run->feed, seq, "forged", seq, &items)
                    : sim_hostile_admission(hostile, replica, &items);
    bool well = error == DX_OK && make(run, dx_buf_view(&items), &self->device_key);
    dx_buf_deinit(&items);
    return well;
}

/* An own block that was told otherwise to others. */
static bool write_twin(sim_hostile *hostile, sim_run *run) {
    dx_replica *replica = run->session->replica;
    dx_sign_key key;
    dx_buf items;
    dx_buf_init(&items, &sim_heap, SIM_MESSAGE_MAX);
    uint64_t seq = run->data.from + run->data.block_count - 1;
    int error = dx_keyring_sign_key(replica->replication->context->store, run->feed->identity.key, &key);
    error =
        error ? error
              : sim_hostile_object(replica, run->feed, seq, "twin", sim_hostile_below(hostile, 1000), &items);
    bool well = error == DX_OK && make(run, dx_buf_view(&items), &key);
    dx_buf_deinit(&items);
    return well;
}

/* --- On the way out ------------------------------------------------------------------------------------------- */

static sim_count choose(const sim_hostile *hostile, const dx_feed *feed) {
    bool of_liar = memcmp(feed->identity.device, hostile->device, DX_KEY_SIZE) == 0;
    if (of_liar && !feed->own) {
        return SIM_COUNT_COUNT; /* it was written twice: what does not join it is perhaps a branch */
    }
    if (feed->own) {
        return is_armed(hostile, SIM_TWIN) && feed->identity.feed_class == DX_FEED_DATA ? SIM_TWIN
                                                                                        : SIM_COUNT_COUNT;
    }
    return is_armed(hostile, SIM_FORGED_SIGNER) ? SIM_FORGED_SIGNER
           : is_armed(hostile, SIM_FORGED_RUN)  ? SIM_FORGED_RUN
                                                : SIM_COUNT_COUNT;
}

static void write_run(const sim_run *run, dx_buf *message) {
    const dx_sync_data *data = &run->data;
    dx_buf_clear(message);
    dx_sync_data_begin(data->feed_id, data->from, &data->head, data->block_count, message);
    for (size_t i = 0; i < data->block_count; i++) {
        dx_sync_block_write(data->blocks[i], message);
    }
    dx_sync_data_end(data->proof, message);
}

static void lie_about(sim_hostile *hostile, sim_run *run, dx_buf *message) {
    sim_count lie = choose(hostile, run->feed);
    bool well = lie == SIM_TWIN            ? write_twin(hostile, run)
                : lie == SIM_FORGED_SIGNER ? sign_as_another(hostile, run)
                : lie == SIM_FORGED_RUN    ? change(hostile, run)
                                           : false;
    if (!well) {
        return;
    }
    write_run(run, message);
    disarm(hostile, lie);
    sim_hostile_told(hostile, lie);
    /* A control feed that its receiver only knows by hearsay is looked at from its beginning on. */
    bool is_looked_at = run->feed->identity.feed_class == DX_FEED_DATA || run->data.from == 0;
    /* Of a feed that an honest peer wrote twice, what does not join is perhaps another branch; and while branches of a feed of
     * the liar's own are compared, what does not join of another waits its turn. */
    const uint64_t *counts = hostile->peer->world->counts;
    /* Who loads a state, or builds on one, does not look at runs below it. */
    bool is_plain = !hostile->peer->world->plan.epochs && counts[SIM_UNSEEN] == 0 && counts[SIM_TWIN] == 0 &&
                    counts[SIM_SET_BACK_UNSEEN] == 0;
    if (lie != SIM_TWIN && !run->is_hollow && is_looked_at && is_plain &&
        !sim_hostile_has_gap(hostile, run->session)) {
        sim_hostile_watch(hostile, run->session, lie);
    }
}

int sim_hostile_falsify(sim_hostile *hostile, dx_session *session, dx_buf *message) {
    if (is_armed(hostile, SIM_FALSE_PIECE) && dx_sync_message_kind(dx_buf_view(message)) == DX_SYNC_PIECE) {
        disarm(hostile, SIM_FALSE_PIECE);
        return sim_hostile_piece(hostile, message);
    }
    if (hostile->armed == 0 || dx_sync_message_kind(dx_buf_view(message)) != DX_SYNC_DATA) {
        return DX_OK;
    }
    sim_run *run = malloc(sizeof *run + message->size);
    DX_ASSERT(run != NULL);
    run->bytes = (uint8_t *)(run + 1);
    memcpy(run->bytes, message->data, message->size);
    run->session = session;
    run->is_hollow = false;
    dx_buf_init(&run->made, &sim_heap, SIM_MESSAGE_MAX);
    int error = dx_sync_data_read(dx_bytes_of(run->bytes, message->size), &run->data);
    run->feed = error == DX_OK ? dx_space_feed_by_id(session->replica->space, run->data.feed_id) : NULL;
    if (run->feed != NULL && run->data.block_count > 0) {
        lie_about(hostile, run, message);
    }
    dx_buf_deinit(&run->made);
    free(run);
    return DX_OK;
}
