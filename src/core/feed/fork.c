/* feed/fork.c: fork proofs: form, verification, effect, and the search for the place where branches part.
 *
 * Layer: floor 1, feed. A proof made here is verified like a foreign one before it has any effect, so a
 * damaged row or a lying peer costs an error and never a cut. */
#include "feed/fork.h"

#include <string.h>

#include "feed/feed_state.h"
#include "feed/fork_proof.h"

enum { FORK_VERSION = 1, FORK_ITEMS = 7 };

/* --- Form ------------------------------------------------------------------------------------------- */

static bool is_exact(const dx_fork_proof *proof) {
    return proof->length < proof->shorter.length;
}

static bool is_ordered(const dx_head *longer, const dx_head *shorter) {
    return longer->length > shorter->length ||
           (longer->length == shorter->length && memcmp(longer->root, shorter->root, DX_HASH_SIZE) > 0);
}

/* The nodes are exactly those that the three lengths ask for. */
static bool has_right_sizes(const dx_fork_proof *proof) {
    uint64_t longer = proof->longer.length, shorter = proof->shorter.length, at = proof->length;
    size_t peaks = dx_mmr_peak_count(at) * DX_HASH_SIZE, longer_path, shorter_path = 0;
    if (at > shorter || longer < shorter) {
        return false;
    }
    if (is_exact(proof)) {
        longer_path = DX_HASH_SIZE + dx_mmr_proof_size(at + 1, longer);
        shorter_path = DX_HASH_SIZE + dx_mmr_proof_size(at + 1, shorter);
    } else {
        longer_path = dx_mmr_proof_size(at, longer);
        peaks = longer > at ? peaks : 0;
    }
    return proof->peaks.size == peaks && proof->longer_path.size == longer_path &&
           proof->shorter_path.size == shorter_path;
}

int dx_fork_read(dx_bytes bytes, dx_fork_proof *out) {
    dx_reader reader;
    dx_reader_init(&reader, bytes);
    if (dx_read_array(&reader) != FORK_ITEMS || dx_read_uint(&reader) != FORK_VERSION) {
        dx_reader_fail(&reader);
    }
    dx_head_read(&reader, &out->longer);
    dx_head_read(&reader, &out->shorter);
    out->length = dx_read_uint_max(&reader, DX_FEED_LENGTH_MAX);
    out->peaks = dx_read_bytes(&reader);
    out->longer_path = dx_read_bytes(&reader);
    out->shorter_path = dx_read_bytes(&reader);
    if (dx_reader_finish(&reader) || !is_ordered(&out->longer, &out->shorter) || !has_right_sizes(out)) {
        return DX_E_MALFORMED;
    }
    return DX_OK;
}

int dx_fork_write(const dx_fork_proof *proof, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, FORK_ITEMS);
    dx_write_uint(&writer, FORK_VERSION);
    dx_head_write(&proof->longer, &writer);
    dx_head_write(&proof->shorter, &writer);
    dx_write_uint(&writer, proof->length);
    dx_write_bytes(&writer, proof->peaks);
    dx_write_bytes(&writer, proof->longer_path);
    dx_write_bytes(&writer, proof->shorter_path);
    return dx_writer_finish(&writer);
}

/* --- Verification ----------------------------------------------------------------------------------- */

/* Whether peaks, then a leaf if there is one, then the tiles give the head's root. */
static bool leads_to(dx_mmr mmr, bool with_leaf, dx_bytes path, const dx_head *head) {
    if (with_leaf) {
        uint8_t nodes[DX_MMR_NODES_SIZE_MAX];
        (void)dx_mmr_append(&mmr, path.data, nodes);
        path = dx_bytes_of(path.data + DX_HASH_SIZE, path.size - DX_HASH_SIZE);
    }
    uint8_t root[DX_HASH_SIZE];
    if (dx_mmr_extend(&mmr, head->length, path) != DX_OK) {
        return false;
    }
    dx_mmr_root(&mmr, root);
    return memcmp(root, head->root, DX_HASH_SIZE) == 0;
}

static bool parts_hold(const dx_fork_proof *proof) {
    dx_mmr mmr = {.length = proof->length};
    if (proof->peaks.size > 0) {
        memcpy(mmr.peaks, proof->peaks.data, proof->peaks.size);
    }
    if (is_exact(proof)) {
        return memcmp(proof->longer_path.data, proof->shorter_path.data, DX_HASH_SIZE) != 0 &&
               leads_to(mmr, true, proof->longer_path, &proof->longer) &&
               leads_to(mmr, true, proof->shorter_path, &proof->shorter);
    }
    if (proof->longer.length == proof->shorter.length) {
        return memcmp(proof->longer.root, proof->shorter.root, DX_HASH_SIZE) != 0;
    }
    uint8_t root[DX_HASH_SIZE];
    dx_mmr_root(&mmr, root);
    return memcmp(root, proof->shorter.root, DX_HASH_SIZE) != 0 &&
           leads_to(mmr, false, proof->longer_path, &proof->longer);
}

int dx_fork_verify(const dx_fork_proof *proof, const dx_feed_identity *identity) {
    uint8_t id[DX_HASH_SIZE];
    dx_feed_id(identity, id);
    bool holds = has_right_sizes(proof) && parts_hold(proof) &&
#if !defined(DX_PLANT) || DX_PLANT != 13
                 dx_head_verify(&proof->shorter, identity->space_id, id, identity->key) == DX_OK &&
#endif
                 dx_head_verify(&proof->longer, identity->space_id, id, identity->key) == DX_OK;
    return holds ? DX_OK : DX_E_SIGNATURE;
}

uint64_t dx_fork_cut(const dx_fork_proof *proof) {
    return is_exact(proof) ? proof->length : proof->length - 1;
}

/* --- Effect ----------------------------------------------------------------------------------------- */

static int store_proof(dx_feed *feed, dx_store *store, dx_bytes bytes, uint64_t cut) {
    sqlite3_stmt *insert = dx_store_query(store, "INSERT OR REPLACE INTO fork(feed, proof) VALUES(?1, ?2)");
    dx_bind_int(insert, 1, feed->local);
    dx_bind_bytes(insert, 2, bytes);
    int error = dx_step_done(store, insert);
    if (error) {
        return error;
    }
    sqlite3_stmt *update = dx_store_query(store, "UPDATE feed SET cut=?2 WHERE id=?1");
    dx_bind_int(update, 1, feed->local);
    dx_bind_int(update, 2, (int64_t)cut);
    error = dx_step_done(store, update);
    if (!error) {
        feed->cut = cut;
        feed->frozen = true;
    }
    return error;
}

int dx_fork_take(dx_feed *feed, dx_store *store, dx_bytes bytes) {
    dx_fork_proof proof;
    int error = dx_fork_read(bytes, &proof);
    error = error ? error : dx_fork_verify(&proof, &feed->identity);
    if (error) {
        return error;
    }
    uint64_t cut = dx_fork_cut(&proof);
    return cut < feed->cut ? store_proof(feed, store, bytes, cut) : DX_E_EXISTS;
}

int dx_fork_get(const dx_feed *feed, dx_store *store, dx_bytes *proof) {
    *proof = dx_bytes_of(NULL, 0);
    sqlite3_stmt *select = dx_store_query(store, "SELECT proof FROM fork WHERE feed=?1");
    dx_bind_int(select, 1, feed->local);
    if (!dx_step(store, select)) {
        int error = dx_store_error(store);
        return error ? error : DX_E_NOT_FOUND;
    }
    *proof = dx_column_bytes(select, 0);
    return DX_OK;
}

/* --- Making proofs ---------------------------------------------------------------------------------- */

/* Puts the heads in their order and takes the proof. one and its path, other and its: in any order. */
static int take_parts(dx_feed *feed, dx_store *store, uint64_t length, dx_bytes peaks, const dx_head *one,
                      dx_bytes one_path, const dx_head *other, dx_bytes other_path) {
    bool ordered = is_ordered(one, other);
    dx_fork_proof proof = {.longer = ordered ? *one : *other,
                           .shorter = ordered ? *other : *one,
                           .length = length,
                           .peaks = peaks,
                           .longer_path = ordered ? one_path : other_path,
                           .shorter_path = ordered ? other_path : one_path};
    dx_buf bytes;
    dx_buf_init(&bytes, feed->alloc, DX_FORK_SIZE_MAX);
    int error = dx_fork_write(&proof, &bytes);
    error = error ? error : dx_fork_take(feed, store, dx_buf_view(&bytes));
    dx_buf_deinit(&bytes);
    return error;
}

static dx_bytes peaks_of(const dx_mmr *mmr) {
    return dx_bytes_of(mmr->peaks, dx_mmr_peak_count(mmr->length) * DX_HASH_SIZE);
}

int dx_fork_take_heads(dx_feed *feed, dx_store *store, dx_branch *branch, const dx_head *longer,
                       const dx_head *shorter) {
    dx_bytes none = dx_bytes_of(NULL, 0);
    if (longer->length == shorter->length) {
        return take_parts(feed, store, shorter->length, none, longer, none, shorter, none);
    }
    dx_mmr mmr;
    uint8_t path[DX_MMR_PROOF_SIZE_MAX];
    int error = dx_mmr_load(&mmr, dx_branch_read, branch, shorter->length);
    error = error ? error : dx_mmr_prove(dx_branch_read, branch, shorter->length, longer->length, path);
    if (error) {
        return error;
    }
    dx_bytes tiles = dx_bytes_of(path, dx_mmr_proof_size(shorter->length, longer->length));
    return take_parts(feed, store, shorter->length, peaks_of(&mmr), longer, tiles, shorter, none);
}

int dx_fork_branch_path(dx_branch *branch, uint64_t at, uint64_t to,
                        uint8_t path[static DX_FORK_PATH_SIZE_MAX], size_t *path_size) {
    *path_size = DX_HASH_SIZE + dx_mmr_proof_size(at + 1, to);
    int error = dx_branch_read(branch, 0, at, path);
    return error ? error : dx_mmr_prove(dx_branch_read, branch, at + 1, to, path + DX_HASH_SIZE);
}

int dx_fork_path(const dx_feed *feed, dx_store *store, uint64_t at, dx_head *head,
                 uint8_t path[static DX_FORK_PATH_SIZE_MAX], size_t *path_size) {
    const dx_head *cover = at < feed->length ? dx_feed_cover(feed, at + 1) : NULL;
    if (!cover) {
        return DX_E_NOT_FOUND;
    }
    *head = *cover;
    dx_branch branch;
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    int error = dx_feed_branch(feed, store, proof, &branch);
    return error ? error : dx_fork_branch_path(&branch, at, cover->length, path, path_size);
}

int dx_fork_join(dx_feed *feed, dx_store *store, uint64_t at, const dx_head *theirs, dx_bytes their_path) {
    dx_head ours;
    uint8_t path[DX_FORK_PATH_SIZE_MAX];
    size_t path_size;
    int error = dx_fork_path(feed, store, at, &ours, path, &path_size);
    if (error) {
        return error;
    }
    dx_mmr mmr;
    dx_branch rows = dx_feed_rows(feed, store, at);
    error = dx_mmr_load(&mmr, dx_branch_read, &rows, at);
    return error ? error
                 : take_parts(feed, store, at, peaks_of(&mmr), &ours, dx_bytes_of(path, path_size), theirs,
                              their_path);
}

/* --- Search ----------------------------------------------------------------------------------------- */

void dx_fork_search_begin(dx_fork_search *search, uint64_t from, uint64_t shared) {
    *search = (dx_fork_search){.equal = from == 0 ? 0 : from - 1, .open = shared + 1};
}

/* Evenly spread over what is open, each at least one apart. */
size_t dx_fork_search_probes(const dx_fork_search *search, uint64_t lengths[static DX_FORK_PROBES_MAX]) {
    uint64_t inside = search->open - search->equal - 1;
    size_t count = inside < DX_FORK_PROBES_MAX ? (size_t)inside : DX_FORK_PROBES_MAX;
    for (size_t i = 0; i < count; i++) {
        lengths[i] = search->equal + (inside + 1) * (i + 1) / (count + 1);
    }
    return count;
}

int dx_fork_search_narrow(dx_fork_search *search, const dx_feed *feed, dx_store *store, dx_bytes roots) {
    uint64_t lengths[DX_FORK_PROBES_MAX];
    size_t count = dx_fork_search_probes(search, lengths);
    if (roots.size != count * DX_ROOT_PREFIX_SIZE) {
        return DX_E_MALFORMED;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t root[DX_HASH_SIZE];
        int error = dx_feed_root(feed, store, lengths[i], root);
        if (error) {
            return error;
        }
        if (memcmp(root, roots.data + i * DX_ROOT_PREFIX_SIZE, DX_ROOT_PREFIX_SIZE) != 0) {
            search->open = lengths[i];
            break;
        }
        search->equal = lengths[i];
    }
    return DX_OK;
}
