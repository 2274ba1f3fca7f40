/* echo/snapshot_chunk.c: packing and sealing. See snapshot_chunk.h.
 *
 * Layer: floor 1, echo. */
#include "echo/snapshot_chunk.h"

#include <string.h>

enum {
    CHUNK_PLAIN_MAX = DX_SNAPSHOT_CHUNK_SIZE,
    CHUNK_SEALED_MAX = CHUNK_PLAIN_MAX + 1 + DX_SECTION_OVERHEAD
};

int dx_chunk_seal_init(dx_context *context, dx_space *space, const dx_snapshot_plan *plan,
                       dx_chunk_seal *out) {
    dx_buf cut;
    dx_writer writer;
    dx_hash_state hash;
    dx_buf_init(&cut, context->alloc, SIZE_MAX);
    dx_writer_init(&writer, &cut);
    dx_cut_encode(plan->cut, &writer);
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        dx_hash_begin(&hash, DX_HASH_CUT, dx_bytes_of(NULL, 0));
        dx_hash_add(&hash, space->id, sizeof space->id);
        dx_hash_add(&hash, cut.data, cut.size);
        dx_hash_end(&hash, out->name);
        out->number = plan->number;
        error = dx_space_key(context, space, plan->key_epoch, out->key);
    }
    dx_buf_deinit(&cut);
    return error;
}

void dx_chunk_hash(dx_bytes sealed, uint8_t out[static DX_HASH_SIZE]) {
    dx_hash(DX_HASH_CHUNK, sealed, out);
}

void dx_chunk_root(dx_bytes hashes, uint8_t out[static DX_HASH_SIZE]) {
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_SNAPSHOT, dx_bytes_of(NULL, 0));
    dx_hash_add_u64(&hash, hashes.size / DX_HASH_SIZE);
    dx_hash_add(&hash, hashes.data, hashes.size);
    dx_hash_end(&hash, out);
}

bool dx_snapshot_is_manifest(dx_bytes hashes, const uint8_t root[static DX_HASH_SIZE]) {
    uint8_t ours[DX_HASH_SIZE];
    size_t count = hashes.size / DX_HASH_SIZE;
    if (hashes.size % DX_HASH_SIZE != 0 || count == 0 || count > DX_SNAPSHOT_CHUNKS_MAX) {
        return false;
    }
    dx_chunk_root(hashes, ours);
    return memcmp(ours, root, sizeof ours) == 0;
}

/* --- Packing ----------------------------------------------------------------------------------- */

void dx_packer_init(dx_packer *packer, const dx_alloc *alloc, const dx_chunk_seal *seal,
                    int (*on_chunk)(void *ctx, uint64_t index, dx_bytes sealed), void *ctx) {
    *packer = (dx_packer){.seal = seal, .on_chunk = on_chunk, .ctx = ctx};
    dx_buf_init(&packer->plain, alloc, CHUNK_PLAIN_MAX + 1);
    dx_buf_init(&packer->sealed, alloc, CHUNK_SEALED_MAX + 16);
}

void dx_packer_deinit(dx_packer *packer) {
    dx_buf_deinit(&packer->plain);
    dx_buf_deinit(&packer->sealed);
}

static int give_out(dx_packer *packer) {
    const dx_chunk_seal *seal = packer->seal;
    dx_buf_clear(&packer->sealed);
    int error = dx_buf_error(&packer->plain);
    if (error == DX_OK && packer->index == DX_SNAPSHOT_CHUNKS_MAX) {
        error = DX_E_LIMIT;
    }
    if (error == DX_OK) {
        error = dx_section_seal(seal->key, seal->name, seal->number, packer->index,
                                dx_buf_view(&packer->plain), &packer->sealed);
    }
    if (error == DX_OK) {
        error = packer->on_chunk(packer->ctx, packer->index, dx_item_bytes(dx_buf_view(&packer->sealed)));
    }
    dx_buf_clear(&packer->plain);
    packer->index++;
    return error;
}

int dx_packer_flush(dx_packer *packer) {
    return packer->plain.size == 0 ? DX_OK : give_out(packer);
}

static int add_pieces(dx_packer *packer, dx_bytes item) {
    int error = DX_OK;
    for (size_t at = 0; at < item.size && error == DX_OK; packer->piece++) {
        size_t left = item.size - at, size = left < CHUNK_PLAIN_MAX ? left : CHUNK_PLAIN_MAX;
        dx_buf_append_byte(&packer->plain, size == left ? DX_CHUNK_LAST : DX_CHUNK_PIECE);
        dx_buf_append(&packer->plain, item.data + at, size);
        error = give_out(packer);
        at += size;
    }
    return error;
}

int dx_packer_add(dx_packer *packer, int64_t first, dx_bytes item) {
    int error = DX_OK;
    if (packer->plain.size != 0 && packer->plain.size - 1 + item.size > CHUNK_PLAIN_MAX) {
        error = give_out(packer);
    }
    if (error != DX_OK) {
        return error;
    }
    if (packer->plain.size == 0) {
        packer->first = first;
        packer->piece = 0;
        if (item.size > CHUNK_PLAIN_MAX) {
            return add_pieces(packer, item);
        }
        dx_buf_append_byte(&packer->plain, DX_CHUNK_WHOLE);
    }
    dx_buf_append(&packer->plain, item.data, item.size);
    return dx_buf_error(&packer->plain);
}

int dx_chunk_open(const dx_chunk_seal *seal, uint64_t index, dx_bytes sealed, dx_chunk_kind *kind,
                  dx_buf *out) {
    size_t before = out->size;
    if (sealed.size > CHUNK_SEALED_MAX) {
        return DX_E_MALFORMED;
    }
    int error = dx_section_open(seal->key, seal->name, seal->number, index, sealed, out);
    if (error == DX_OK && (out->size - before < 2 || out->data[before] > DX_CHUNK_LAST)) {
        error = DX_E_MALFORMED;
    }
    if (error != DX_OK) {
        out->size = before;
        return error;
    }
    *kind = (dx_chunk_kind)out->data[before];
    memmove(out->data + before, out->data + before + 1, out->size - before - 1);
    out->size--;
    return DX_OK;
}
