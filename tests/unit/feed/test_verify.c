/* tests/unit/feed/test_verify.c: feed/verify.c: what is believed of others' runs and heads, and what every
 * lie comes to. */
#include "feed/feed_state.h"
#include "feed/hole.h"
#include "writer.h"

typedef struct replica {
    test_vault vault;
    test_writer writer;
    dx_feed feed;
} replica;

/* A remote feed of which the writer has 100 blocks, and the replica the first `length`, under the head at
 * head_length. */
static void replica_init(replica *self, uint64_t length, uint64_t head_length) {
    vault_init(&self->vault, "test_verify");
    writer_init(&self->writer, DX_FEED_DATA, 1);
    writer_append(&self->writer, 100, "honest");
    feed_follow(&self->vault, &self->writer, &self->feed);
    if (head_length > 0) {
        assert_int_equal(receive(&self->feed, self->vault.store, &self->writer, 0, length, head_length),
                         DX_OK);
        vault_commit(&self->vault);
    }
}

static void replica_deinit(replica *self) {
    dx_feed_deinit(&self->feed);
    vault_deinit(&self->vault);
}

/* --- Honest runs ---------------------------------------------------------------------------------------- */

static void test_whole_feed_at_once(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 100, 100);
    assert_holds(&r.feed, &r.vault, &r.writer, 100);
    assert_int_equal(r.feed.head.length, 100);
    assert_int_equal(r.feed.target.length, 0);
    assert_ptr_equal(dx_feed_cover(&r.feed, 100), &r.feed.head);
    feed_reload(&r.vault, &r.feed);
    replica_deinit(&r);
}

/* Every partial length under every later head, then the rest: the same rows, and the same proofs as the
 * writer's own. */
static void test_partial_replica_proves_like_a_whole_one(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 0, 0);
    static const uint64_t heads[] = {1, 2, 3, 7, 8, 21, 32, 37, 64, 77, 100};
    for (size_t h = 0; h < sizeof heads / sizeof heads[0]; h++) {
        for (uint64_t length = 0; length <= heads[h]; length += 1 + length / 5) {
            assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 0, length, heads[h]), DX_OK);
            bool whole = length == heads[h];
            assert_int_equal(r.feed.head.length, whole ? length : 0);
            assert_int_equal(r.feed.target.length, whole ? 0 : heads[h]);
            feed_reload(&r.vault, &r.feed);
            for (uint64_t from = 0; from <= length; from++) {
                uint8_t proof[DX_MMR_PROOF_SIZE_MAX], expected[DX_MMR_PROOF_SIZE_MAX];
                assert_int_equal(dx_feed_prove(&r.feed, r.vault.store, from, heads[h], proof), DX_OK);
                assert_int_equal(dx_mmr_prove(writer_read, &r.writer, from, heads[h], expected), DX_OK);
                assert_memory_equal(proof, expected, dx_mmr_proof_size(from, heads[h]));
            }
            assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, length, heads[h], heads[h]), DX_OK);
            assert_holds(&r.feed, &r.vault, &r.writer, heads[h]);
            dx_store_rollback(r.vault.store);
            assert_int_equal(dx_store_begin(r.vault.store), DX_OK);
            dx_feed_deinit(&r.feed);
            feed_follow(&r.vault, &r.writer, &r.feed);
        }
    }
    replica_deinit(&r);
}

/* A replica that has only a part passes it on, with nothing but what it has. */
static void test_partial_replica_serves_another(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 45, 100);
    test_vault other;
    vault_init(&other, "test_verify_other");
    dx_feed copy;
    feed_follow(&other, &r.writer, &copy);
    for (uint64_t from = 0, end; from < 45; from = end) {
        end = from + 11 < 45 ? from + 11 : 45;
        test_run run = {.head = *dx_feed_cover(&r.feed, end), .from = from, .count = (size_t)(end - from)};
        uint8_t blocks[16][WRITER_BLOCK_SIZE_MAX];
        for (uint64_t seq = from; seq < end; seq++) {
            dx_bytes block;
            assert_int_equal(dx_feed_read(&r.feed, r.vault.store, seq, &block), DX_OK);
            memcpy(blocks[seq - from], block.data, block.size);
            run.blocks[seq - from] = dx_bytes_of(blocks[seq - from], block.size);
        }
        assert_int_equal(dx_feed_prove(&r.feed, r.vault.store, end, run.head.length, run.proof), DX_OK);
        run.proof_size = dx_mmr_proof_size(end, run.head.length);
        assert_int_equal(receive_run(&copy, other.store, &run), DX_OK);
    }
    assert_holds(&copy, &other, &r.writer, 45);
    dx_feed_deinit(&copy);
    vault_deinit(&other);
    replica_deinit(&r);
}

/* Random runs, overlapping, under random heads, with reloads: at the end everything is there, once. */
static void test_any_sequence_of_runs(void **state) {
    (void)state;
    test_random random;
    test_random_init(&random, 4);
    for (int round = 0; round < 12; round++) {
        replica r;
        replica_init(&r, 0, 0);
        while (r.feed.length < 100) {
            uint64_t from = test_random_next(&random) % (r.feed.length + 1);
            uint64_t end = from + test_random_next(&random) % 40;
            end = end > 100 ? 100 : end;
            uint64_t head = end + test_random_next(&random) % (101 - end);
            uint64_t before = r.feed.length;
            head = head == 0 ? 1 : head;
            assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, from, end, head), DX_OK);
            assert_int_equal(r.feed.length, end > before ? end : before);
            if (test_random_next(&random) % 4 == 0) {
                feed_reload(&r.vault, &r.feed);
            }
            const dx_head *cover = dx_feed_cover(&r.feed, r.feed.length);
            uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
            assert_true(cover || r.feed.length == 0);
            if (cover) {
                assert_int_equal(dx_feed_prove(&r.feed, r.vault.store, r.feed.length, cover->length, proof),
                                 DX_OK);
                test_run again = {.head = *cover,
                                  .from = r.feed.length,
                                  .proof_size = dx_mmr_proof_size(r.feed.length, cover->length)};
                memcpy(again.proof, proof, sizeof proof);
                assert_int_equal(receive_run(&r.feed, r.vault.store, &again), DX_OK);
            }
        }
        assert_false(r.feed.frozen);
        assert_holds(&r.feed, &r.vault, &r.writer, 100);
        feed_reload(&r.vault, &r.feed);
        replica_deinit(&r);
    }
}

/* An older head that the rows agree with becomes `head` while the target and its proof stay. */
static void test_older_head_completes_a_part(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 45, 100);
    assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 30, 35, 40), DX_OK);
    assert_int_equal(r.feed.head.length, 40);
    assert_int_equal(r.feed.target.length, 100);
    assert_ptr_equal(dx_feed_cover(&r.feed, 40), &r.feed.head);
    assert_ptr_equal(dx_feed_cover(&r.feed, 41), &r.feed.target);
    feed_reload(&r.vault, &r.feed);
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX], expected[DX_MMR_PROOF_SIZE_MAX];
    assert_int_equal(dx_feed_prove(&r.feed, r.vault.store, 12, 100, proof), DX_OK);
    assert_int_equal(dx_mmr_prove(writer_read, &r.writer, 12, 100, expected), DX_OK);
    assert_memory_equal(proof, expected, dx_mmr_proof_size(12, 100));
    /* One still older changes nothing. */
    assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 0, 5, 20), DX_OK);
    assert_int_equal(r.feed.head.length, 40);
    replica_deinit(&r);
}

static void test_head_alone(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 10, 10);
    assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 10, 10, 70), DX_OK);
    assert_int_equal(r.feed.length, 10);
    assert_int_equal(r.feed.head.length, 10);
    assert_int_equal(r.feed.target.length, 70);
    feed_reload(&r.vault, &r.feed);
    /* One that is not reached from our end by its proof tells us nothing we could keep. */
    assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 4, 6, 90), DX_OK);
    assert_int_equal(r.feed.target.length, 70);
    assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 10, 70, 70), DX_OK);
    assert_holds(&r.feed, &r.vault, &r.writer, 70);
    replica_deinit(&r);
}

/* --- Lies -------------------------------------------------------------------------------------------------
 */

/* The run is refused with this error and nothing of the feed has changed. */
static void assert_refused(replica *r, const test_run *run, int expected) {
    dx_feed before = r->feed;
    int64_t changes = dx_store_changes(r->vault.store);
    assert_int_equal(receive_run(&r->feed, r->vault.store, run), expected);
    before.heard = r->feed.heard; /* a true head is remembered, whatever was wrong with the run */
    assert_memory_equal(&before, &r->feed, sizeof before);
    assert_int_equal(dx_store_changes(r->vault.store), changes);
    assert_int_equal(vault_count(&r->vault, "SELECT count(*) FROM block"), before.length);
}

static void test_every_changed_byte_of_a_block(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 5, 5);
    test_run run = writer_run(&r.writer, 5, 12, 100);
    for (size_t block = 0; block < run.count; block += 3) {
        uint8_t changed[WRITER_BLOCK_SIZE_MAX];
        dx_bytes honest = run.blocks[block];
        for (size_t at = 0; at < honest.size; at++) {
            memcpy(changed, honest.data, honest.size);
            changed[at] ^= 0x21;
            run.blocks[block] = dx_bytes_of(changed, honest.size);
            dx_block decoded;
            bool is_block = dx_block_decode(run.blocks[block], &decoded) == DX_OK &&
                            decoded.header.feed_class == DX_FEED_DATA;
            assert_refused(&r, &run, is_block ? DX_E_SIGNATURE : DX_E_MALFORMED);
        }
        for (size_t size = 0; size < honest.size; size++) {
            run.blocks[block] = dx_bytes_of(honest.data, size);
            assert_refused(&r, &run, DX_E_MALFORMED);
        }
        run.blocks[block] = honest;
    }
    assert_int_equal(receive_run(&r.feed, r.vault.store, &run), DX_OK);
    replica_deinit(&r);
}

static void test_order_gaps_and_repeats(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 5, 5);
    test_run honest = writer_run(&r.writer, 5, 12, 100), run = honest;
    run.blocks[2] = honest.blocks[3];
    run.blocks[3] = honest.blocks[2];
    assert_refused(&r, &run, DX_E_SIGNATURE); /* exchanged */
    run = honest;
    run.blocks[4] = honest.blocks[3];
    assert_refused(&r, &run, DX_E_SIGNATURE); /* one twice instead of the next */
    run = honest;
    memmove(run.blocks + 3, run.blocks + 4, 3 * sizeof run.blocks[0]);
    run.count--;
    assert_refused(&r, &run, DX_E_SIGNATURE); /* one left out */
    run = honest;
    memmove(run.blocks + 1, run.blocks, 7 * sizeof run.blocks[0]);
    run.count++;
    assert_refused(&r, &run, DX_E_SIGNATURE); /* one too many */
    run = honest;
    run.from = 4;
    assert_refused(&r, &run, DX_E_SIGNATURE); /* at another place */
    run.from = 6;
    assert_refused(&r, &run, DX_E_STATE); /* beyond what is here */
    run = writer_run(&r.writer, 7, 12, 100);
    assert_refused(&r, &run, DX_E_STATE);
    run.from = 5;
    assert_refused(&r, &run, DX_E_SIGNATURE); /* later blocks as if they were next */
    replica_deinit(&r);
}

static void test_transplants(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 0, 0);
    test_writer other;
    writer_init(&other, DX_FEED_DATA, 2);
    writer_append(&other, 10, "honest");
    test_run run = writer_run(&other, 0, 10, 10);
    assert_refused(&r, &run, DX_E_SIGNATURE); /* another feed, whole */
    run.head = writer_head(&r.writer, 10);
    test_run same = writer_run(&r.writer, 0, 10, 10);
    assert_true(dx_bytes_equal(run.blocks[3], same.blocks[3])); /* equal bytes belong to both feeds … */
    assert_int_equal(receive_run(&r.feed, r.vault.store, &run), DX_OK);
    replica_deinit(&r);
    replica_init(&r, 0, 0);
    test_writer elsewhere; /* … but a head belongs to one space */
    writer_init(&elsewhere, DX_FEED_DATA, 1);
    memset(elsewhere.identity.space_id, 0x77, DX_HASH_SIZE);
    dx_feed_id(&elsewhere.identity, elsewhere.id);
    writer_append(&elsewhere, 10, "honest");
    run = writer_run(&elsewhere, 0, 10, 10);
    assert_refused(&r, &run, DX_E_SIGNATURE);
    test_writer control;
    writer_init(&control, DX_FEED_CONTROL, 1);
    writer_append(&control, 10, "honest");
    run = writer_run(&control, 0, 10, 10);
    run.head = writer_head(&r.writer, 10);
    assert_refused(&r, &run, DX_E_MALFORMED); /* another class of the same writer */
    replica_deinit(&r);
}

static void test_wrong_heads(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 5, 5);
    test_run honest = writer_run(&r.writer, 5, 12, 100), run = honest;
    for (size_t at = 0; at < sizeof run.head.signature; at++) {
        run.head.signature[at] ^= 4;
        assert_refused(&r, &run, DX_E_SIGNATURE);
        run.head.signature[at] ^= 4;
    }
    run.head.root[7] ^= 4;
    assert_refused(&r, &run, DX_E_SIGNATURE); /* unsigned root */
    dx_head_sign(&run.head, &r.writer.key, r.writer.identity.space_id, r.writer.id);
    assert_refused(&r, &run, DX_E_SIGNATURE); /* signed, and not the root of this run */
    run = honest;
    run.head = writer_head(&r.writer, 11);
    assert_refused(&r, &run, DX_E_MALFORMED); /* an old head: covers less than the run */
    run.head = writer_head(&r.writer, 99);
    assert_refused(&r, &run, DX_E_SIGNATURE); /* another head: the proof leads elsewhere */
    run.head.length = (uint64_t)DX_FEED_LENGTH_MAX + 1;
    assert_refused(&r, &run, DX_E_MALFORMED);
    run.head.length = UINT64_MAX;
    assert_refused(&r, &run, DX_E_MALFORMED);
    run = honest;
    run.head.length = 0;
    run.count = 0;
    run.from = 0;
    assert_refused(&r, &run, DX_E_SIGNATURE);
    replica_deinit(&r);
}

static int check_beginning(replica *r, const test_run *run) {
    return dx_feed_check_beginning(&r->vault.alloc.port, &r->writer.identity, &run->head, run->blocks,
                                   run->count, dx_bytes_of(run->proof, run->proof_size));
}

/* The beginning of a feed that is kept nowhere: believed by itself, or not; nothing is stored. */
static void test_beginning_of_a_feed_that_is_not_kept(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 0, 0);
    dx_sign_key another;
    dx_sign_key_from_seed(&another, (const uint8_t[DX_KEY_SIZE]){7});
    test_run honest = writer_run(&r.writer, 0, 12, 100), run = honest;
    assert_int_equal(check_beginning(&r, &run), DX_OK);
    dx_head_sign(&run.head, &another, r.writer.identity.space_id, r.writer.id);
    assert_int_equal(check_beginning(&r, &run), DX_E_SIGNATURE); /* signed by another */
    run = honest;
    run.count--;
    assert_int_equal(check_beginning(&r, &run), DX_E_SIGNATURE); /* the proof does not lead from there */
    run = honest;
    run.proof[3] ^= 8;
    assert_int_equal(check_beginning(&r, &run), DX_E_SIGNATURE);
    run = writer_run(&r.writer, 1, 12, 100);
    assert_int_equal(check_beginning(&r, &run), DX_E_SIGNATURE); /* it is no beginning */
    run = honest;
    run.head.length = 11;
    assert_int_equal(check_beginning(&r, &run), DX_E_MALFORMED);
    r.vault.alloc.fail_at = r.vault.alloc.calls + 1;
    assert_int_equal(check_beginning(&r, &honest), DX_E_NO_MEMORY);
    r.vault.alloc.fail_at = 0;
    assert_int_equal(vault_count(&r.vault, "SELECT count(*) FROM block"), 0);
    replica_deinit(&r);
}

static void test_wrong_proofs(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 5, 5);
    test_run run = writer_run(&r.writer, 5, 12, 100);
    for (size_t at = 0; at < run.proof_size; at++) {
        run.proof[at] ^= 8;
        assert_refused(&r, &run, DX_E_SIGNATURE);
        run.proof[at] ^= 8;
    }
    size_t size = run.proof_size;
    for (run.proof_size = 0; run.proof_size < size + 33; run.proof_size++) {
        if (run.proof_size != size) {
            assert_refused(&r, &run, DX_E_SIGNATURE);
        }
    }
    replica_deinit(&r);
}

static void assert_holes(replica *r, uint64_t sections, uint64_t excused) {
    uint64_t counted, among;
    assert_int_equal(dx_hole_count(&r->feed, r->vault.store, &counted, &among), DX_OK);
    assert_int_equal(counted, sections);
    assert_int_equal(among, excused);
}

/* A section left out behind its hash verifies: the block is taken, the hole noted, and filled by nothing but what was left
 * out. */
static void test_a_hole_is_taken_and_filled(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 5, 5);
    test_run run = writer_run(&r.writer, 5, 12, 100);
    dx_block block;
    assert_int_equal(dx_block_decode(run.blocks[1], &block), DX_OK);
    dx_reader cursor;
    dx_reader_init(&cursor, block.sections);
    dx_bytes section;
    bool hole;
    assert_int_equal(dx_block_section(&cursor, &section, &hole), DX_OK);
    uint8_t item[35] = {0x81, 0x58, 32};
    dx_hash(DX_HASH_SECTION, section, item + 3);
    dx_buf bytes;
    dx_buf_init(&bytes, &r.vault.alloc.port, 256);
    assert_int_equal(dx_block_encode(block.header_bytes, dx_bytes_of(item, sizeof item), 1, &bytes), DX_OK);
    const dx_bytes whole = run.blocks[1];
    run.blocks[1] = dx_buf_view(&bytes);
    item[3] ^= 1; /* another hash is another block */
    dx_buf other;
    dx_buf_init(&other, &r.vault.alloc.port, 256);
    assert_int_equal(dx_block_encode(block.header_bytes, dx_bytes_of(item, sizeof item), 1, &other), DX_OK);
    run.blocks[1] = dx_buf_view(&other);
    assert_refused(&r, &run, DX_E_SIGNATURE);
    dx_buf_deinit(&other);
    run.blocks[1] = dx_buf_view(&bytes);
    assert_false(r.feed.hollow);
    assert_int_equal(receive_run(&r.feed, r.vault.store, &run), DX_OK);
    assert_true(r.feed.hollow);
    assert_holes(&r, 1, 0);
    vault_commit(&r.vault);
    feed_reload(&r.vault, &r.feed);
    assert_true(r.feed.hollow);
    dx_holes found;
    assert_int_equal(dx_hole_next(&r.feed, r.vault.store, 0, &found), DX_OK);
    assert_int_equal(found.seq, 6);
    assert_int_equal(found.sections, 1);
    assert_int_equal(dx_hole_next(&r.feed, r.vault.store, 7, &found), DX_E_NOT_FOUND);
    found = (dx_holes){.seq = 6, .sections = 1, .excused = 1};
    assert_int_equal(dx_hole_note(&r.feed, r.vault.store, &found), DX_OK);
    assert_holes(&r, 1, 1);
    /* What it is filled with. */
    size_t changed;
    dx_section_change change = {.index = 0, .sealed = dx_bytes_of(section.data, section.size - 1)};
    assert_int_equal(dx_hole_change(&r.feed, r.vault.store, 6, &change, 1, &changed), DX_E_SIGNATURE);
    change.sealed = section;
    change.index = 1;
    assert_int_equal(dx_hole_change(&r.feed, r.vault.store, 6, &change, 1, &changed), DX_E_NOT_FOUND);
    change.index = 0;
    assert_int_equal(dx_hole_change(&r.feed, r.vault.store, 12, &change, 1, &changed), DX_E_NOT_FOUND);
    assert_int_equal(dx_hole_change(&r.feed, r.vault.store, 6, &change, 1, &changed), DX_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(dx_hole_change(&r.feed, r.vault.store, 6, &change, 1, &changed), DX_OK);
    assert_int_equal(changed, 0);
    assert_holes(&r, 0, 0);
    dx_bytes stored;
    assert_int_equal(dx_feed_read(&r.feed, r.vault.store, 6, &stored), DX_OK);
    assert_true(dx_bytes_equal(stored, whole));
    /* Taken out again; one too short to be opened stays, for its hash is longer. */
    change.sealed = (dx_bytes){NULL, 0};
    assert_int_equal(dx_hole_change(&r.feed, r.vault.store, 6, &change, 1, &changed), DX_OK);
    assert_int_equal(changed, section.size >= DX_SECTION_OVERHEAD);
    assert_int_equal(
        dx_hole_forget(r.vault.store, dx_feed_block_key(&r.feed, 0), dx_feed_block_key(&r.feed, 99)), DX_OK);
    assert_holes(&r, 0, 0);
    dx_buf_deinit(&bytes);
    replica_deinit(&r);
}

static void assert_hole(replica *r, uint64_t excused, uint64_t outside) {
    dx_holes found, missing;
    uint64_t counted;
    assert_int_equal(dx_hole_next(&r->feed, r->vault.store, 0, &found), DX_OK);
    assert_int_equal(found.excused, excused);
    assert_int_equal(found.outside, outside);
    assert_int_equal(dx_hole_count_outside(&r->feed, r->vault.store, &counted), DX_OK);
    assert_int_equal(counted, outside);
    assert_int_equal(dx_hole_missing(&r->feed, r->vault.store, 0, &missing),
                     excused + outside < found.sections ? DX_OK : DX_E_NOT_FOUND);
    assert_holes(r, found.sections, excused);
}

/* Holes that are outside and are excused later, when it is known which they are and when it is not. */
static void test_what_is_outside_is_excused(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 5, 5);
    dx_holes holes = {.seq = 2, .sections = 4, .outside = 4};
    assert_int_equal(dx_hole_note(&r.feed, r.vault.store, &holes), DX_OK);
    assert_hole(&r, 0, 4);
    assert_int_equal(dx_hole_excuse(&r.feed, r.vault.store, 2, 1), DX_OK);
    assert_hole(&r, 1, 3);
    assert_int_equal(dx_hole_excuse(&r.feed, r.vault.store, 2, 4), DX_OK);
    assert_hole(&r, 4, 0);
    assert_int_equal(dx_hole_excuse(&r.feed, r.vault.store, 2, 2), DX_OK); /* no longer purged: missing */
    assert_hole(&r, 2, 0);
    holes = (dx_holes){.seq = 2, .sections = 4, .outside = 2, .excused = 1};
    assert_int_equal(dx_hole_note(&r.feed, r.vault.store, &holes), DX_OK);
    assert_int_equal(dx_hole_excuse(&r.feed, r.vault.store, 2, 1), DX_OK);
    assert_hole(&r, 1, 2);
    assert_int_equal(dx_hole_excuse(&r.feed, r.vault.store, 2, 2),
                     DX_OK); /* one of those missing, or outside? */
    assert_hole(&r, 2, 0);
    replica_deinit(&r);
}

static void test_limits_and_memory(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 5, 5);
    test_run run = writer_run(&r.writer, 5, 12, 100);
    run.count = DX_FEED_RUN_MAX + 1;
    assert_refused(&r, &run, DX_E_LIMIT);
    run.count = 7;
    r.vault.alloc.fail_at = r.vault.alloc.calls + 1;
    assert_refused(&r, &run, DX_E_NO_MEMORY);
    r.feed.own = true;
    assert_refused(&r, &run, DX_E_STATE);
    r.feed.own = false;
    /* A row that stands where the next block belongs stops the write; memory is as before. */
    vault_run(&r.vault, "INSERT INTO block VALUES((1 << 32) + 8, x'', x'')");
    dx_feed before = r.feed;
    assert_int_equal(receive_run(&r.feed, r.vault.store, &run), DX_E_EXISTS);
    before.heard = r.feed.heard;
    assert_memory_equal(&before, &r.feed, sizeof before);
    replica_deinit(&r);
}

/* --- Forks ------------------------------------------------------------------------------------------------
 */

static test_writer fork_at(const replica *r, uint64_t length, uint64_t end) {
    test_writer other = r->writer;
    dx_mmr mmr;
    assert_int_equal(dx_mmr_load(&mmr, writer_read, &other, length), DX_OK);
    other.mmr = mmr;
    writer_append(&other, end, "fork");
    return other;
}

/* An overlapping run of another branch gives the exact place at once, whatever the lengths and wherever the
 * heads are. */
static void test_overlap_proves_the_exact_place(void **state) {
    (void)state;
    static const uint64_t ours[][2] = {{60, 60}, {60, 100}}, theirs[] = {61, 90, 55};
    for (size_t i = 0; i < 6; i++) {
        replica r;
        replica_init(&r, ours[i / 3][0], ours[i / 3][1]);
        test_writer other = fork_at(&r, 50, 90);
        test_run run = writer_run(&other, 45, 55, theirs[i % 3]);
        dx_feed before = r.feed;
        assert_int_equal(receive_run(&r.feed, r.vault.store, &run), DX_E_FORK);
        assert_true(r.feed.frozen);
        assert_int_equal(r.feed.cut, 50);
        assert_int_equal(r.feed.length, before.length);
        assert_memory_equal(&r.feed.head, &before.head, sizeof before.head);
        assert_holds(&r.feed, &r.vault, &r.writer, 60);
        feed_reload(&r.vault, &r.feed);
        dx_bytes bytes;
        dx_fork_proof proof;
        assert_int_equal(dx_fork_get(&r.feed, r.vault.store, &bytes), DX_OK);
        assert_int_equal(dx_fork_read(bytes, &proof), DX_OK);
        assert_int_equal(dx_fork_verify(&proof, &r.writer.identity), DX_OK);
        assert_int_equal(dx_fork_cut(&proof), 50);
        /* What both branches share is still told apart from what they do not. */
        assert_int_equal(receive_run(&r.feed, r.vault.store, &run), DX_E_FORK);
        assert_int_equal(receive(&r.feed, r.vault.store, &other, 30, 50, 90), DX_OK);
        assert_int_equal(r.feed.cut, 50);
        replica_deinit(&r);
    }
}

/* Every allocation on the way to a proof fails once: told as such, and nothing has changed. */
static void test_proving_without_memory(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 60, 60);
    test_writer other = fork_at(&r, 50, 90);
    test_run run = writer_run(&other, 45, 55, 90);
    uint64_t failures = 0;
    for (int error = DX_E_NO_MEMORY; error == DX_E_NO_MEMORY; failures++) {
        dx_store_rollback(r.vault.store);
        assert_int_equal(dx_store_begin(r.vault.store), DX_OK);
        r.vault.alloc.fail_at = r.vault.alloc.calls + 1 + failures;
        error = receive_run(&r.feed, r.vault.store, &run);
        r.vault.alloc.fail_at = 0;
        assert_int_equal(error, r.feed.frozen ? DX_E_FORK : DX_E_NO_MEMORY);
    }
    assert_true(failures > 2);
    assert_int_equal(r.feed.cut, 50);
    replica_deinit(&r);
}

/* A head of the other branch that is not longer than ours: proven from it and our rows. */
static void test_head_against_rows(void **state) {
    (void)state;
    static const uint64_t ours[][2] = {{60, 60}, {60, 100}}, theirs[] = {55, 60};
    for (size_t i = 0; i < 8; i++) {
        replica r;
        replica_init(&r, ours[i / 4][0], ours[i / 4][1]);
        test_writer other = fork_at(&r, 50, 90);
        uint64_t length = theirs[i / 2 % 2];
        dx_head head = writer_head(&other, length);
        if (i % 2) {
            assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &head), DX_E_FORK);
        } else { /* in a run that itself agrees */
            assert_int_equal(receive(&r.feed, r.vault.store, &other, 40, 50, length), DX_E_FORK);
        }
        assert_int_equal(r.feed.cut, length - 1);
        assert_int_equal(r.feed.length, 60);
        feed_reload(&r.vault, &r.feed);
        replica_deinit(&r);
    }
}

static void test_hear(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 60, 80);
    dx_head head = writer_head(&r.writer, 60);
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &head), DX_OK);
    head = writer_head(&r.writer, 10);
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &head), DX_OK);
    head = writer_head(&r.writer, 100);
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &head), DX_OK);
    head.signature[0] ^= 1;
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &head), DX_E_SIGNATURE);
    head = (dx_head){0}; /* how a feed without a target looks inside */
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &head), DX_E_SIGNATURE);
    head = writer_head(&r.writer, 80); /* as long as the target, which is believed only as it is */
    head.root[0] ^= 1;
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &head), DX_E_SIGNATURE);
    assert_false(r.feed.frozen);
    test_writer other = fork_at(&r, 50, 90);
    head = writer_head(&other, 90); /* beyond what is here: nothing can be said */
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &head), DX_OK);
    assert_false(r.feed.frozen);
    head = writer_head(&other, 80); /* as long as the target */
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &head), DX_E_FORK);
    assert_int_equal(r.feed.cut, 79);
    replica_deinit(&r);
}

/* What was heard comes again with its blocks: its signature is looked at once. The key is spoiled to tell. */
static void test_heard_head_is_verified_once(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 60, 80);
    dx_head heard = writer_head(&r.writer, 100), other = writer_head(&r.writer, 90), changed = heard;
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &heard), DX_OK);
    r.feed.identity.key[0] ^= 1;
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &heard), DX_OK);
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &other), DX_E_SIGNATURE);
    changed.root[0] ^= 1;
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &changed), DX_E_SIGNATURE);
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &heard), DX_OK); /* what failed is not remembered */
    replica_deinit(&r);
}

/* The target came from one who lies or is gone; everyone else has another branch. The feed must not be stuck.
 */
static void test_run_that_contradicts_only_the_target(void **state) {
    (void)state;
    static const struct {
        uint64_t target, end, head;
    } rows[] = {{80, 60, 80}, {80, 80, 90}, {80, 85, 90}, {80, 90, 90}, {51, 51, 51}, {51, 60, 100}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        replica r;
        replica_init(&r, 0, 0);
        test_writer other = fork_at(&r, 50, 90);
        assert_int_equal(receive(&r.feed, r.vault.store, &other, 0, 40, rows[i].target), DX_OK);
        assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 40, rows[i].end, rows[i].head), DX_OK);
        assert_true(r.feed.frozen);
        assert_int_equal(r.feed.cut, rows[i].target - 1);
        assert_holds(&r.feed, &r.vault, &r.writer, rows[i].end);
        feed_reload(&r.vault, &r.feed);
        replica_deinit(&r);
    }
    /* Agreement is no fork. */
    replica r;
    replica_init(&r, 40, 80);
    assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 40, 90, 100), DX_OK);
    assert_false(r.feed.frozen);
    replica_deinit(&r);
}

/* Below its cut a frozen feed is received from the holders of any branch, and what lies beyond is kept too.
 */
static void test_frozen_feed_is_received(void **state) {
    (void)state;
    replica r;
    replica_init(&r, 20, 100);
    test_writer other = fork_at(&r, 50, 90);
    dx_head one = writer_head(&r.writer, 90), two = writer_head(&other, 90);
    assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 20, 20, 90), DX_OK);
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &one), DX_OK);
    assert_int_equal(dx_feed_hear(&r.feed, r.vault.store, &two), DX_E_FORK);
    assert_int_equal(r.feed.cut, 89);
    assert_int_equal(receive(&r.feed, r.vault.store, &other, 20, 30, 90), DX_OK);
    assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 30, 40, 90), DX_OK);
    assert_int_equal(receive(&r.feed, r.vault.store, &other, 40, 60, 90), DX_OK);
    assert_holds(&r.feed, &r.vault, &other, 60);
    assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 60, 70, 90), DX_E_SIGNATURE);
    assert_int_equal(receive(&r.feed, r.vault.store, &r.writer, 45, 70, 90), DX_E_FORK);
    assert_int_equal(r.feed.cut, 50);
    replica_deinit(&r);
}

DX_TEST_MAIN(DX_TEST(test_whole_feed_at_once), DX_TEST(test_partial_replica_proves_like_a_whole_one),
             DX_TEST(test_partial_replica_serves_another), DX_TEST(test_any_sequence_of_runs),
             DX_TEST(test_older_head_completes_a_part), DX_TEST(test_head_alone),
             DX_TEST(test_every_changed_byte_of_a_block), DX_TEST(test_order_gaps_and_repeats),
             DX_TEST(test_transplants), DX_TEST(test_wrong_heads),
             DX_TEST(test_beginning_of_a_feed_that_is_not_kept), DX_TEST(test_wrong_proofs),
             DX_TEST(test_a_hole_is_taken_and_filled), DX_TEST(test_what_is_outside_is_excused),
             DX_TEST(test_limits_and_memory), DX_TEST(test_overlap_proves_the_exact_place),
             DX_TEST(test_proving_without_memory), DX_TEST(test_head_against_rows), DX_TEST(test_hear),
             DX_TEST(test_heard_head_is_verified_once), DX_TEST(test_run_that_contradicts_only_the_target),
             DX_TEST(test_frozen_feed_is_received))
