/* tests/unit/feed/test_fork.c: feed/fork.c: fork proofs made by hand and by search, and everything that is
 * none. */
#include "feed/begin.h"
#include "feed/limb.h"
#include "writer.h"

/* Two lives of one feed that share the first `parted` blocks. */
typedef struct two_lives {
    test_writer one, other;
} two_lives;

static void lives_init(two_lives *self, uint64_t parted, uint64_t one_length, uint64_t other_length) {
    writer_init(&self->one, DX_FEED_DATA, 1);
    writer_append(&self->one, parted, "shared");
    self->other = self->one;
    writer_append(&self->one, one_length, "one");
    writer_append(&self->other, other_length, "other");
}

/* A proof with the memory it borrows. */
typedef struct held_proof {
    dx_fork_proof proof;
    uint8_t peaks[DX_MMR_PROOF_SIZE_MAX], longer[DX_FORK_PATH_SIZE_MAX], shorter[DX_FORK_PATH_SIZE_MAX];
} held_proof;

static dx_bytes make_path(test_writer *writer, uint64_t at, uint64_t to, uint8_t out[DX_FORK_PATH_SIZE_MAX]) {
    assert_int_equal(writer_read(writer, 0, at, out), DX_OK);
    assert_int_equal(dx_mmr_prove(writer_read, writer, at + 1, to, out + DX_HASH_SIZE), DX_OK);
    return dx_bytes_of(out, DX_HASH_SIZE + dx_mmr_proof_size(at + 1, to));
}

static bool is_above(const dx_head *a, const dx_head *b) {
    return a->length > b->length || (a->length == b->length && memcmp(a->root, b->root, DX_HASH_SIZE) > 0);
}

static void make_exact(held_proof *self, two_lives *lives, uint64_t at, uint64_t one_length,
                       uint64_t other_length) {
    dx_head one = writer_head(&lives->one, one_length), other = writer_head(&lives->other, other_length);
    bool in_order = is_above(&one, &other);
    test_writer *longer = in_order ? &lives->one : &lives->other,
                *shorter = in_order ? &lives->other : &lives->one;
    self->proof.longer = in_order ? one : other;
    self->proof.shorter = in_order ? other : one;
    self->proof.length = at;
    assert_int_equal(dx_mmr_prove(writer_read, &lives->one, 0, at, self->peaks), DX_OK);
    self->proof.peaks = dx_bytes_of(self->peaks, dx_mmr_proof_size(0, at));
    self->proof.longer_path = make_path(longer, at, self->proof.longer.length, self->longer);
    self->proof.shorter_path = make_path(shorter, at, self->proof.shorter.length, self->shorter);
}

static void make_heads(held_proof *self, two_lives *lives, uint64_t one_length, uint64_t other_length) {
    dx_head one = writer_head(&lives->one, one_length), other = writer_head(&lives->other, other_length);
    bool in_order = is_above(&one, &other);
    test_writer *longer = in_order ? &lives->one : &lives->other;
    self->proof = (dx_fork_proof){.longer = in_order ? one : other, .shorter = in_order ? other : one};
    uint64_t at = self->proof.length = self->proof.shorter.length;
    if (one_length != other_length) {
        assert_int_equal(dx_mmr_prove(writer_read, longer, 0, at, self->peaks), DX_OK);
        assert_int_equal(dx_mmr_prove(writer_read, longer, at, self->proof.longer.length, self->longer),
                         DX_OK);
        self->proof.peaks = dx_bytes_of(self->peaks, dx_mmr_proof_size(0, at));
        self->proof.longer_path = dx_bytes_of(self->longer, dx_mmr_proof_size(at, self->proof.longer.length));
    }
}

static void encode(const dx_fork_proof *proof, const dx_alloc *alloc, dx_buf *out) {
    dx_buf_init(out, alloc, DX_FORK_SIZE_MAX);
    assert_int_equal(dx_fork_write(proof, out), DX_OK);
}

/* The error of reading and verifying, whichever comes first. */
static int judge(dx_bytes bytes, const dx_feed_identity *identity) {
    dx_fork_proof proof;
    int error = dx_fork_read(bytes, &proof);
    return error ? error : dx_fork_verify(&proof, identity);
}

/* --- Proofs ------------------------------------------------------------------------------------------------
 */

static void test_exact_proofs(void **state) {
    (void)state;
    static const uint64_t rows[][3] = {{0, 1, 1},     {0, 1, 100},  {0, 100, 100}, {1, 2, 2},
                                       {1, 64, 3},    {7, 8, 64},   {8, 9, 200},   {50, 51, 51},
                                       {50, 90, 100}, {63, 64, 65}, {64, 65, 128}, {99, 200, 100}};
    test_alloc memory;
    test_alloc_init(&memory);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        two_lives lives;
        lives_init(&lives, rows[i][0], rows[i][1], rows[i][2]);
        held_proof held;
        make_exact(&held, &lives, rows[i][0], rows[i][1], rows[i][2]);
        assert_int_equal(dx_fork_verify(&held.proof, &lives.one.identity), DX_OK);
        dx_buf bytes, again;
        encode(&held.proof, &memory.port, &bytes);
        dx_fork_proof read;
        assert_int_equal(dx_fork_read(dx_buf_view(&bytes), &read), DX_OK);
        assert_int_equal(dx_fork_verify(&read, &lives.one.identity), DX_OK);
        assert_int_equal(dx_fork_cut(&read), rows[i][0]);
        encode(&read, &memory.port, &again);
        assert_true(dx_bytes_equal(dx_buf_view(&bytes), dx_buf_view(&again)));
        dx_buf_deinit(&bytes);
        dx_buf_deinit(&again);
    }
    assert_int_equal(memory.live_bytes, 0);
}

static void test_heads_proofs(void **state) {
    (void)state;
    static const uint64_t rows[][3] = {{0, 1, 1},     {0, 1, 2},     {0, 5, 100},   {50, 51, 51},
                                       {50, 90, 100}, {50, 128, 64}, {99, 100, 101}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        two_lives lives;
        lives_init(&lives, rows[i][0], rows[i][1], rows[i][2]);
        held_proof held;
        make_heads(&held, &lives, rows[i][1], rows[i][2]);
        assert_int_equal(dx_fork_verify(&held.proof, &lives.one.identity), DX_OK);
        uint64_t shorter = rows[i][1] < rows[i][2] ? rows[i][1] : rows[i][2];
        assert_int_equal(dx_fork_cut(&held.proof), shorter - 1);
    }
}

/* One history, however it is presented, proves nothing. */
static void test_one_history_is_no_fork(void **state) {
    (void)state;
    two_lives lives;
    lives_init(&lives, 100, 120, 130);
    held_proof held;
    make_exact(&held, &lives, 50, 90, 100); /* all within what is shared */
    assert_int_equal(dx_fork_verify(&held.proof, &lives.one.identity), DX_E_SIGNATURE);
    make_exact(&held, &lives, 99, 120, 130); /* the last shared block, both leaves equal */
    assert_int_equal(dx_fork_verify(&held.proof, &lives.one.identity), DX_E_SIGNATURE);
    make_exact(&held, &lives, 101, 120, 130); /* beyond the place: the peaks do not lead to both */
    assert_int_equal(dx_fork_verify(&held.proof, &lives.one.identity), DX_E_SIGNATURE);
    make_exact(&held, &lives, 100, 120, 130);
    assert_int_equal(dx_fork_verify(&held.proof, &lives.one.identity), DX_OK);
    make_heads(&held, &lives, 90, 100);
    assert_int_equal(dx_fork_verify(&held.proof, &lives.one.identity), DX_E_SIGNATURE);
    make_heads(&held, &lives, 100, 130);
    assert_int_equal(dx_fork_verify(&held.proof, &lives.one.identity), DX_E_SIGNATURE);
    make_heads(&held, &lives, 90, 90);
    assert_int_equal(dx_fork_verify(&held.proof, &lives.one.identity), DX_E_SIGNATURE);
    make_heads(&held, &lives, 120, 130);
    assert_int_equal(dx_fork_verify(&held.proof, &lives.one.identity), DX_OK);
}

static void test_proof_is_bound_to_its_feed(void **state) {
    (void)state;
    two_lives lives;
    lives_init(&lives, 10, 20, 30);
    held_proof held;
    make_exact(&held, &lives, 10, 20, 30);
    for (int part = 0; part < 4; part++) {
        dx_feed_identity other = lives.one.identity;
        other.space_id[0] ^= part == 0;
        other.device[0] ^= part == 1;
        other.key[0] ^= part == 2;
        other.feed_class = part == 3 ? DX_FEED_CONTROL : DX_FEED_DATA;
        assert_int_equal(dx_fork_verify(&held.proof, &other), DX_E_SIGNATURE);
    }
}

static void assert_no_mutant_verifies(const dx_fork_proof *proof, const dx_feed_identity *identity) {
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf bytes;
    encode(proof, &memory.port, &bytes);
    assert_int_equal(judge(dx_buf_view(&bytes), identity), DX_OK);
    for (size_t at = 0; at < bytes.size; at++) {
        for (int bit = 0; bit < 8; bit += 7) {
            bytes.data[at] ^= (uint8_t)(1 << bit);
            assert_int_not_equal(judge(dx_buf_view(&bytes), identity), DX_OK);
            bytes.data[at] ^= (uint8_t)(1 << bit);
        }
    }
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(judge(dx_bytes_of(bytes.data, size), identity), DX_E_MALFORMED);
    }
    dx_buf_deinit(&bytes);
}

static void test_every_changed_byte(void **state) {
    (void)state;
    two_lives lives;
    lives_init(&lives, 50, 90, 100);
    held_proof held;
    make_exact(&held, &lives, 50, 90, 100);
    assert_no_mutant_verifies(&held.proof, &lives.one.identity);
    make_heads(&held, &lives, 90, 100);
    assert_no_mutant_verifies(&held.proof, &lives.one.identity);
    make_heads(&held, &lives, 90, 90);
    assert_no_mutant_verifies(&held.proof, &lives.one.identity);
}

/* One pair of histories and one place have one proof: the other order, other sizes and other lengths are
 * refused by form. */
static void test_bad_forms(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    two_lives lives;
    lives_init(&lives, 50, 90, 100);
    for (int i = 0; i < 9; i++) {
        held_proof held;
        make_exact(&held, &lives, 50, 90, 100);
        dx_fork_proof *proof = &held.proof;
        dx_fork_proof swapped = {proof->shorter, proof->longer,       proof->length,
                                 proof->peaks,   proof->shorter_path, proof->longer_path};
        *proof = i == 0 ? swapped : *proof;
        proof->length += i == 1;
        proof->length = i == 2 ? 91 : proof->length;
        proof->peaks.size -= i == 3 ? DX_HASH_SIZE : 0;
        proof->longer_path.size -= i == 4;
        proof->shorter_path.size -= i == 5 ? DX_HASH_SIZE : 0;
        proof->longer = i == 6 ? proof->shorter : proof->longer;
        proof->longer_path = i == 7 ? dx_bytes_of(NULL, 0) : proof->longer_path;
        proof->shorter_path = i == 8 ? dx_bytes_of(NULL, 0) : proof->shorter_path;
        dx_buf bytes;
        encode(proof, &memory.port, &bytes);
        assert_int_equal(judge(dx_buf_view(&bytes), &lives.one.identity), DX_E_MALFORMED);
        dx_buf_deinit(&bytes);
        if (i != 0 && i != 6) { /* who verifies what he did not read is held to the sizes too */
            assert_int_equal(dx_fork_verify(proof, &lives.one.identity), DX_E_SIGNATURE);
        }
    }
    for (int exact = 0; exact < 2; exact++) { /* heads of one length stand in order of their roots */
        held_proof held;
        if (exact) {
            make_exact(&held, &lives, 50, 90, 90);
        } else {
            make_heads(&held, &lives, 90, 90);
        }
        const dx_fork_proof *proof = &held.proof;
        dx_fork_proof swapped = {proof->shorter, proof->longer,       proof->length,
                                 proof->peaks,   proof->shorter_path, proof->longer_path};
        dx_buf bytes;
        encode(&swapped, &memory.port, &bytes);
        assert_int_equal(judge(dx_buf_view(&bytes), &lives.one.identity), DX_E_MALFORMED);
        dx_buf_deinit(&bytes);
    }
    held_proof held;
    make_heads(&held, &lives, 90, 90);
    dx_buf bytes;
    held.proof.peaks = dx_bytes_of(held.peaks, DX_HASH_SIZE);
    encode(&held.proof, &memory.port, &bytes);
    assert_int_equal(judge(dx_buf_view(&bytes), &lives.one.identity), DX_E_MALFORMED);
    dx_buf_deinit(&bytes);
    assert_int_equal(memory.live_bytes, 0);
}

static void test_largest_proof_fits(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    static const uint8_t zeros[DX_FORK_PATH_SIZE_MAX];
    dx_head head = {.length = DX_FEED_LENGTH_MAX};
    dx_bytes path = dx_bytes_of(zeros, DX_FORK_PATH_SIZE_MAX);
    dx_fork_proof largest = {
        head, head, DX_FEED_LENGTH_MAX, dx_bytes_of(zeros, DX_MMR_PEAKS_MAX * DX_HASH_SIZE), path, path};
    dx_buf bytes;
    encode(&largest, &memory.port, &bytes);
    assert_int_equal(bytes.size, DX_FORK_SIZE_MAX);
    dx_buf_deinit(&bytes);
}

/* --- Effect ------------------------------------------------------------------------------------------------
 */

/* The cut is a function of the set: every order of learning ends in the same place, with the proof that gave
 * it. */
static void test_cut_is_free_of_order(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    static const uint64_t parted[] = {50, 20, 70};
    dx_buf proofs[4];
    two_lives lives;
    for (size_t i = 0; i < 3; i++) {
        lives_init(&lives, parted[i], 90, 100);
        held_proof held;
        make_exact(&held, &lives, parted[i], 90, 100);
        encode(&held.proof, &memory.port, &proofs[i]);
        if (i == 1) {
            make_heads(&held, &lives, 90, 100);
            encode(&held.proof, &memory.port, &proofs[3]);
        }
    }
    static const uint64_t cuts[] = {50, 20, 70, 89};
    for (int order = 0; order < 24; order++) {
        test_vault vault;
        vault_init(&vault, "test_fork");
        dx_feed feed;
        feed_follow(&vault, &lives.one, &feed);
        size_t left[] = {0, 1, 2, 3};
        int rest = order;
        uint64_t lowest = DX_FEED_NO_CUT;
        for (size_t count = 4; count > 0; count--) {
            size_t pick = (size_t)rest % count, i = left[pick];
            rest /= (int)count;
            left[pick] = left[count - 1];
            assert_int_equal(dx_fork_take(&feed, vault.store, dx_buf_view(&proofs[i])),
                             cuts[i] < lowest ? DX_OK : DX_E_EXISTS);
            lowest = cuts[i] < lowest ? cuts[i] : lowest;
            assert_true(feed.frozen && feed.cut == lowest);
            assert_int_equal(dx_fork_take(&feed, vault.store, dx_buf_view(&proofs[i])), DX_E_EXISTS);
        }
        feed_reload(&vault, &feed);
        dx_bytes kept;
        assert_int_equal(dx_fork_get(&feed, vault.store, &kept), DX_OK);
        assert_true(dx_bytes_equal(kept, dx_buf_view(&proofs[1])));
        assert_int_equal(vault_count(&vault, "SELECT count(*) FROM fork"), 1);
        dx_feed_deinit(&feed);
        vault_deinit(&vault);
    }
    for (size_t i = 0; i < 4; i++) {
        dx_buf_deinit(&proofs[i]);
    }
    assert_int_equal(memory.live_bytes, 0);
}

static void test_take_refuses(void **state) {
    (void)state;
    two_lives lives;
    lives_init(&lives, 50, 90, 100);
    test_vault vault;
    vault_init(&vault, "test_fork");
    dx_feed feed;
    feed_follow(&vault, &lives.one, &feed);
    dx_bytes kept;
    assert_int_equal(dx_fork_get(&feed, vault.store, &kept), DX_E_NOT_FOUND);
    held_proof held;
    make_exact(&held, &lives, 49, 90, 100);
    dx_buf bytes;
    encode(&held.proof, &vault.alloc.port, &bytes);
    assert_int_equal(dx_fork_take(&feed, vault.store, dx_buf_view(&bytes)), DX_E_SIGNATURE);
    bytes.size--;
    assert_int_equal(dx_fork_take(&feed, vault.store, dx_buf_view(&bytes)), DX_E_MALFORMED);
    assert_false(feed.frozen);
    assert_int_equal(dx_fork_get(&feed, vault.store, &kept), DX_E_NOT_FOUND);
    dx_buf_deinit(&bytes);
    dx_feed_deinit(&feed);
    vault_deinit(&vault);
}

/* The root of a life at a length, as others name it. */
static dx_limb_goal goal_at(test_writer *life, uint64_t length) {
    dx_limb_goal goal = {.length = length};
    dx_mmr mmr;
    uint8_t root[DX_HASH_SIZE];
    assert_int_equal(dx_mmr_load(&mmr, writer_read, life, length), DX_OK);
    dx_mmr_root(&mmr, root);
    memcpy(goal.root, root, sizeof goal.root);
    return goal;
}

/* Others have built on the other branch: it is fetched beside the one in force, and put in its place, and
 * back. */
static void test_limb_in_force(void **state) {
    (void)state;
    two_lives lives;
    lives_init(&lives, 50, 100, 90);
    test_vault vault;
    vault_init(&vault, "test_fork");
    dx_feed feed, view;
    dx_limb_goal goal = goal_at(&lives.other, 70);
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count;
    feed_follow(&vault, &lives.one, &feed);
    assert_int_equal(receive(&feed, vault.store, &lives.one, 0, 60, 60), DX_OK);
    assert_int_equal(dx_limb_make(&feed, vault.store, &goal, &view), DX_E_STATE); /* no fork is known */
    assert_int_equal(receive(&feed, vault.store, &lives.other, 45, 55, 90), DX_E_FORK);
    assert_int_equal(dx_limb_find(&feed, vault.store, &goal, &view), DX_E_NOT_FOUND);
    assert_int_equal(dx_limb_for(&feed, vault.store, &goal, &view), DX_E_NOT_FOUND);
    assert_int_equal(dx_limb_make(&feed, vault.store, &goal, &view), DX_OK);
    assert_int_equal(view.length, 50);
    /* What does not belong there is not taken; what does is, piece by piece. */
    assert_int_equal(receive(&view, vault.store, &lives.other, 51, 60, 90), DX_E_STATE);
    assert_int_equal(receive(&view, vault.store, &lives.other, 50, 60, 90), DX_OK);
    assert_int_equal(dx_limb_for(&feed, vault.store, &goal, &view), DX_OK);
    assert_int_equal(view.length, 60);
    assert_int_equal(receive(&view, vault.store, &lives.other, 60, 72, 90), DX_OK);
    assert_holds(&view, &vault, &lives.other, 72);
    assert_int_equal(dx_limb_finish(&view, vault.store), DX_OK);
    assert_int_equal(dx_limb_find(&feed, vault.store, &goal, &view), DX_OK);
    assert_int_equal(dx_limb_for(&feed, vault.store, &goal, &view), DX_E_NOT_FOUND);
    int64_t limb = view.rows;
    feed.applied = 51;
    assert_int_equal(dx_limb_enforce(&feed, vault.store, limb), DX_E_STATE);
    feed.applied = 0;
    assert_int_equal(dx_limb_enforce(&feed, vault.store, limb), DX_OK);
    assert_holds(&feed, &vault, &lives.other, 72);
    assert_int_equal(dx_feed_set_floor(&feed, vault.store, 70), DX_OK);
    assert_int_equal(dx_feed_limit(&feed), 70);
    feed_reload(&vault, &feed);
    assert_holds(&feed, &vault, &lives.other, 72);
    assert_int_equal(feed.floor, 70);
    /* It goes on being received, and the other one is kept whole. */
    assert_int_equal(receive(&feed, vault.store, &lives.other, 72, 90, 90), DX_OK);
    goal = goal_at(&lives.one, 60);
    assert_int_equal(dx_limb_find(&feed, vault.store, &goal, &view), DX_OK);
    assert_int_equal(view.rows, feed.local);
    assert_holds(&view, &vault, &lives.one, 60);
    assert_int_equal(dx_limb_enforce(&feed, vault.store, view.rows), DX_OK);
    assert_int_equal(feed.floor, 0);
    feed_reload(&vault, &feed);
    assert_holds(&feed, &vault, &lives.one, 60);
    assert_int_equal(dx_limb_list(&feed, vault.store, rows, &count), DX_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0], limb);
    assert_int_equal(dx_limb_view(&feed, vault.store, limb, &view), DX_OK);
    assert_holds(&view, &vault, &lives.other, 90);
    assert_int_equal(dx_limb_drop(&view, vault.store), DX_OK);
    assert_int_equal(dx_limb_view(&feed, vault.store, limb, &view), DX_E_NOT_FOUND);
    assert_int_equal(dx_limb_enforce(&feed, vault.store, limb), DX_E_NOT_FOUND);
    dx_feed_deinit(&feed);
    vault_deinit(&vault);
}

/* Only so many are kept. */
static void test_limbs_are_bounded(void **state) {
    (void)state;
    two_lives lives;
    lives_init(&lives, 50, 100, 90);
    test_vault vault;
    vault_init(&vault, "test_fork");
    dx_feed feed, view;
    feed_follow(&vault, &lives.one, &feed);
    assert_int_equal(receive(&feed, vault.store, &lives.one, 0, 60, 60), DX_OK);
    assert_int_equal(receive(&feed, vault.store, &lives.other, 45, 55, 90), DX_E_FORK);
    for (uint64_t i = 0; i < DX_FEED_LIMBS_MAX; i++) {
        dx_limb_goal goal = {.length = 60 + i};
        assert_int_equal(dx_limb_make(&feed, vault.store, &goal, &view), DX_OK);
    }
    dx_limb_goal goal = {.length = 59};
    assert_int_equal(dx_limb_make(&feed, vault.store, &goal, &view), DX_E_LIMIT);
    dx_feed_deinit(&feed);
    vault_deinit(&vault);
}

/* --- Search ------------------------------------------------------------------------------------------------
 */

/* Asks for roots until the search is done. */
static dx_fork_search search_with(const dx_feed *one, test_vault *asking, const dx_feed *other,
                                  test_vault *asked, uint64_t from, uint64_t shared) {
    uint64_t lengths[DX_FORK_PROBES_MAX];
    dx_fork_search search;
    dx_fork_search_begin(&search, from, shared);
    int rounds = 0;
    for (size_t count; (count = dx_fork_search_probes(&search, lengths)) > 0; rounds++) {
        uint8_t roots[DX_FORK_PROBES_MAX][DX_ROOT_PREFIX_SIZE], root[DX_HASH_SIZE];
        for (size_t i = 0; i < count; i++) {
            assert_true(lengths[i] > (i > 0 ? lengths[i - 1] : search.equal) && lengths[i] < search.open);
            assert_int_equal(dx_feed_root(other, asked->store, lengths[i], root), DX_OK);
            memcpy(roots[i], root, DX_ROOT_PREFIX_SIZE);
        }
        assert_int_equal(dx_fork_search_narrow(&search, one, asking->store,
                                               dx_bytes_of(roots, count * DX_ROOT_PREFIX_SIZE)),
                         DX_OK);
    }
    assert_true(rounds <= 3); /* 16^3 lengths */
    return search;
}

/* Two vaults, each with one life of the feed, find the place as sync will: one asks, the other answers from
 * its rows. */
static void search_between(uint64_t parted, uint64_t one_length, uint64_t other_length, uint64_t one_head,
                           uint64_t other_head) {
    two_lives lives;
    lives_init(&lives, parted, one_head, other_head);
    test_vault asking, asked;
    vault_init(&asking, "test_fork");
    vault_init(&asked, "test_fork_asked");
    dx_feed one, other;
    feed_follow(&asking, &lives.one, &one);
    feed_follow(&asked, &lives.other, &other);
    assert_int_equal(receive(&one, asking.store, &lives.one, 0, one_length, one_head), DX_OK);
    assert_int_equal(receive(&other, asked.store, &lives.other, 0, other_length, other_head), DX_OK);
    uint64_t shared = one_length < other_length ? one_length : other_length;
    dx_fork_search search = search_with(&one, &asking, &other, &asked, 0, shared);
    assert_int_equal(search.equal, parted < shared ? parted : shared);
    dx_head head;
    uint8_t path[DX_FORK_PATH_SIZE_MAX];
    size_t path_size;
    if (parted < shared) {
        assert_int_equal(dx_fork_path(&other, asked.store, search.equal, &head, path, &path_size), DX_OK);
        assert_int_equal(dx_fork_join(&one, asking.store, search.equal, &head, dx_bytes_of(path, path_size)),
                         DX_OK);
        assert_int_equal(one.cut, parted);
        dx_bytes proof;
        assert_int_equal(dx_fork_get(&one, asking.store, &proof), DX_OK);
        assert_int_equal(dx_fork_take(&other, asked.store, proof), DX_OK);
        assert_int_equal(other.cut, parted);
    } else {
        assert_int_equal(dx_fork_path(&other, asked.store, other_length, &head, path, &path_size),
                         DX_E_NOT_FOUND);
    }
    dx_feed_deinit(&one);
    dx_feed_deinit(&other);
    vault_deinit(&asking);
    vault_deinit(&asked);
}

static void test_search_finds_the_place(void **state) {
    (void)state;
    search_between(0, 1, 1, 1, 1);
    search_between(0, 200, 130, 200, 130);
    search_between(129, 200, 130, 200, 130);
    search_between(100, 200, 130, 200, 130);
    search_between(17, 18, 18, 18, 18);
    search_between(40, 50, 60, 100, 90); /* both have only a part of what their heads cover */
    search_between(40, 50, 60, 50, 90);
    search_between(30, 30, 60, 30, 90); /* no fork as far as both can see */
}

/* One has the blocks from 40 on alone: nothing below is asked for, and a fork that lies there is not found. */
static void test_search_from_the_beginning(void **state) {
    (void)state;
    static const uint64_t rows[][2] = {{50, 50}, {40, 40}, {41, 41}, {39, 39}, {10, 39}, {0, 39}};
    enum { BEGIN = 40, ONE = 70, OTHER = 90 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        two_lives lives;
        lives_init(&lives, rows[i][0], ONE, OTHER);
        test_vault asking, asked;
        dx_feed one, other;
        dx_timeframe none;
        vault_init(&asking, "test_fork");
        vault_init(&asked, "test_fork_asked");
        feed_follow(&asking, &lives.one, &one);
        feed_follow(&asked, &lives.other, &other);
        assert_int_equal(receive(&one, asking.store, &lives.one, 0, ONE, ONE), DX_OK);
        assert_int_equal(receive(&other, asked.store, &lives.other, 0, OTHER, OTHER), DX_OK);
        other.applied = BEGIN;
        dx_timeframe_init(&none, &asked.alloc.port);
        assert_int_equal(dx_feed_begin_at(&other, asked.store, BEGIN, &none), DX_OK);
        dx_timeframe_deinit(&none);
        dx_fork_search search = search_with(&one, &asking, &other, &asked, BEGIN, ONE);
        assert_int_equal(search.equal, rows[i][1]);
        if (search.equal >= BEGIN) {
            dx_head head;
            uint8_t path[DX_FORK_PATH_SIZE_MAX];
            size_t path_size;
            assert_int_equal(dx_fork_path(&other, asked.store, search.equal, &head, path, &path_size), DX_OK);
            assert_int_equal(
                dx_fork_join(&one, asking.store, search.equal, &head, dx_bytes_of(path, path_size)), DX_OK);
            assert_int_equal(one.cut, rows[i][0]);
        }
        dx_feed_deinit(&one);
        dx_feed_deinit(&other);
        vault_deinit(&asking);
        vault_deinit(&asked);
    }
}

static void test_most_rounds(void **state) {
    (void)state;
    dx_fork_search search;
    uint64_t lengths[DX_FORK_PROBES_MAX];
    test_random random;
    test_random_init(&random, 5);
    for (int i = 0; i < 1000; i++) {
        uint64_t parted = test_random_next(&random) % DX_FEED_LENGTH_MAX;
        dx_fork_search_begin(&search, 0, DX_FEED_LENGTH_MAX);
        int rounds = 0;
        for (size_t count; (count = dx_fork_search_probes(&search, lengths)) > 0; rounds++) {
            for (size_t k = count; k-- > 0;) {
                search.open = lengths[k] > parted ? lengths[k] : search.open;
            }
            for (size_t k = 0; k < count; k++) {
                search.equal = lengths[k] <= parted ? lengths[k] : search.equal;
            }
        }
        assert_int_equal(search.equal, parted);
        assert_true(rounds <= 8);
    }
}

/* Answers that are made up end the search as soon as true ones would, and make no proof. */
static void test_a_liar_makes_no_proof(void **state) {
    (void)state;
    two_lives lives;
    lives_init(&lives, 50, 90, 100);
    test_vault vault;
    vault_init(&vault, "test_fork");
    dx_feed feed;
    feed_follow(&vault, &lives.one, &feed);
    assert_int_equal(receive(&feed, vault.store, &lives.one, 0, 90, 90), DX_OK);
    test_random random;
    test_random_init(&random, 6);
    for (int round = 0; round < 50; round++) {
        dx_fork_search search;
        dx_fork_search_begin(&search, 0, 90);
        uint64_t lengths[DX_FORK_PROBES_MAX];
        int rounds = 0;
        for (size_t count; (count = dx_fork_search_probes(&search, lengths)) > 0; rounds++) {
            uint8_t roots[DX_FORK_PROBES_MAX][DX_ROOT_PREFIX_SIZE], root[DX_HASH_SIZE];
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(dx_feed_root(&feed, vault.store, lengths[i], root), DX_OK);
                root[0] ^= test_random_next(&random) % 4 == 0;
                memcpy(roots[i], root, DX_ROOT_PREFIX_SIZE);
            }
            assert_int_equal(
                dx_fork_search_narrow(&search, &feed, vault.store, dx_bytes_of(roots, count * 16 - 1)),
                DX_E_MALFORMED);
            assert_int_equal(
                dx_fork_search_narrow(&search, &feed, vault.store, dx_bytes_of(roots, count * 16)), DX_OK);
        }
        assert_true(rounds <= 2);
        if (search.equal == 50 || search.equal >= 90) {
            continue;
        }
        dx_head head = writer_head(&lives.other, 100);
        uint8_t path[DX_FORK_PATH_SIZE_MAX];
        dx_bytes bytes = make_path(&lives.other, search.equal, 100, path);
        assert_int_equal(dx_fork_join(&feed, vault.store, search.equal, &head, bytes), DX_E_SIGNATURE);
        bytes.size -= DX_HASH_SIZE;
        assert_int_equal(dx_fork_join(&feed, vault.store, search.equal, &head, bytes), DX_E_MALFORMED);
    }
    assert_false(feed.frozen);
    dx_feed_deinit(&feed);
    vault_deinit(&vault);
}

DX_TEST_MAIN(DX_TEST(test_exact_proofs), DX_TEST(test_heads_proofs), DX_TEST(test_one_history_is_no_fork),
             DX_TEST(test_proof_is_bound_to_its_feed), DX_TEST(test_every_changed_byte),
             DX_TEST(test_bad_forms), DX_TEST(test_largest_proof_fits), DX_TEST(test_cut_is_free_of_order),
             DX_TEST(test_take_refuses), DX_TEST(test_limb_in_force), DX_TEST(test_limbs_are_bounded),
             DX_TEST(test_search_finds_the_place), DX_TEST(test_search_from_the_beginning),
             DX_TEST(test_most_rounds), DX_TEST(test_a_liar_makes_no_proof))
