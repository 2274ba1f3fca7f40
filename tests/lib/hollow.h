/* tests/lib/hollow.h: blocks carried with holes in them, and the sections that are missing, to be put in one by one.
 *
 * Layer: tests of echo, over peer.h. hollow_pull copies what another peer has as peer_pull does, but of data blocks from
 * `first` on (by feed) every section is only its hash; what was left out is gathered. */
#ifndef DX_TESTS_LIB_HOLLOW_H
#define DX_TESTS_LIB_HOLLOW_H

#include "echo/late.h"
#include "peer.h"

enum { HOLLOW_SECTIONS_MAX = 4096, HOLLOW_FEEDS_MAX = 16 };

typedef struct hollow_section {
    uint8_t feed[DX_HASH_SIZE];
    uint64_t seq, index;
    uint8_t *sealed;
    size_t size;
} hollow_section;

typedef struct hollow {
    hollow_section sections[HOLLOW_SECTIONS_MAX];
    size_t count;
    struct {
        uint8_t feed[DX_HASH_SIZE];
        uint64_t length;
    } whole[HOLLOW_FEEDS_MAX]; /* blocks below are carried whole */
    size_t whole_count;
} hollow;

static inline void hollow_deinit(hollow *self) {
    for (size_t i = 0; i < self->count; i++) {
        free(self->sections[i].sealed);
    }
}

/* What the peer holds now is carried whole: names, members, whatever is not the matter of the test. */
static inline void hollow_begin(hollow *self, peer *from) {
    memset(self, 0, sizeof *self);
    for (size_t i = 0; i < from->space->feed_count; i++) {
        memcpy(self->whole[i].feed, from->space->feeds[i].id, DX_HASH_SIZE);
        self->whole[i].length = from->space->feeds[i].length;
    }
    self->whole_count = from->space->feed_count;
}

static inline uint64_t hollow_whole(const hollow *self, const dx_feed *feed) {
    for (size_t i = 0; i < self->whole_count; i++) {
        if (memcmp(self->whole[i].feed, feed->id, DX_HASH_SIZE) == 0) {
            return self->whole[i].length;
        }
    }
    return 0;
}

/* A block's body without its sections, which are gathered. */
static inline void hollow_block(hollow *self, const dx_feed *feed, uint64_t seq, dx_bytes body, dx_buf *out) {
    dx_block block;
    dx_buf items;
    dx_writer writer;
    dx_reader cursor;
    assert_int_equal(dx_block_decode(body, &block), DX_OK);
    dx_buf_init(&items, out->alloc, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &items);
    dx_reader_init(&cursor, block.sections);
    for (uint64_t i = 0; i < block.section_count; i++) {
        dx_bytes section;
        bool hole;
        uint8_t hash[DX_HASH_SIZE];
        assert_int_equal(dx_block_section(&cursor, &section, &hole), DX_OK);
        assert_false(hole);
        dx_hash(DX_HASH_SECTION, section, hash);
        dx_write_array(&writer, 1);
        dx_write_bytes(&writer, dx_bytes_of(hash, sizeof hash));
        hollow_section *kept = &self->sections[self->count++];
        assert_true(self->count < HOLLOW_SECTIONS_MAX);
        *kept =
            (hollow_section){.seq = seq, .index = i, .size = section.size, .sealed = malloc(section.size)};
        memcpy(kept->feed, feed->id, sizeof kept->feed);
        memcpy(kept->sealed, section.data, section.size);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    assert_int_equal(dx_block_encode(block.header_bytes, dx_buf_view(&items), block.section_count, out),
                     DX_OK);
    dx_buf_deinit(&items);
}

static inline void hollow_carry(hollow *self, peer *to, peer *from, dx_feed *source) {
    dx_feed *target;
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    assert_int_equal(dx_space_add_feed(&to->context, to->space, &source->identity, &target), DX_OK);
    for (uint64_t seq = target->length; !target->own && seq < source->length; seq++) {
        dx_bytes stored;
        dx_buf body;
        dx_buf_init(&body, &to->alloc.port, DX_BLOCK_SIZE_MAX);
        assert_int_equal(dx_feed_read(source, from->context.store, seq, &stored), DX_OK);
        if (source->identity.feed_class == DX_FEED_DATA && seq >= hollow_whole(self, source)) {
            hollow_block(self, source, seq, stored, &body);
        } else {
            dx_buf_append(&body, stored.data, stored.size);
        }
        const dx_head *head = dx_feed_cover(source, seq + 1);
        dx_bytes block = dx_buf_view(&body);
        assert_int_equal(dx_feed_prove(source, from->context.store, seq + 1, head->length, proof), DX_OK);
        assert_int_equal(dx_feed_receive(target, to->context.store, head, seq, &block, 1,
                                         dx_bytes_of(proof, dx_mmr_proof_size(seq + 1, head->length))),
                         DX_OK);
        dx_buf_deinit(&body);
    }
}

/* All feeds, control feeds first; applied at the end. */
static inline void hollow_pull(hollow *self, peer *to, peer *from) {
    peer_begin(to);
    peer_begin(from);
    for (int class = DX_FEED_CONTROL; class <= DX_FEED_DATA; class ++) {
        for (size_t i = 0; i < from->space->feed_count; i++) {
            if ((int)from->space->feeds[i].identity.feed_class == class) {
                hollow_carry(self, to, from, &from->space->feeds[i]);
            }
        }
        peer_run(to);
    }
    peer_commit(from);
    peer_commit(to);
}

/* Puts some of the gathered sections in, in one go. Inside the caller's transaction. */
static inline void hollow_fill(hollow *self, peer *to, const size_t *numbers, size_t count) {
    dx_late late;
    int error = dx_late_begin(&late, &to->context, to->space);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        const hollow_section *section = &self->sections[numbers[i]];
        const dx_section_change change = {.index = section->index,
                                          .sealed = dx_bytes_of(section->sealed, section->size)};
        error =
            dx_late_change(&late, dx_space_feed_by_id(to->space, section->feed), section->seq, &change, 1);
    }
    assert_int_equal(dx_late_finish(&late, error), DX_OK);
}

#endif
