/* tests/lib/purged.h: looks into every block that is here for what is purged.
 *
 * Layer: tests of echo, over peer.h. */
#ifndef DX_TESTS_LIB_PURGED_H
#define DX_TESTS_LIB_PURGED_H

#include "echo/purge.h"
#include "peer.h"

/* No section of any data block, applied or not, opens and is about something purged. Inside a transaction. */
static inline void assert_nothing_opens(peer *who) {
    for (size_t i = 0; i < who->space->feed_count; i++) {
        const dx_feed *feed = &who->space->feeds[i];
        for (uint64_t seq = feed->begins; feed->identity.feed_class == DX_FEED_DATA && seq < feed->length;
             seq++) {
            dx_block block;
            dx_reader cursor;
            uint8_t key[DX_KEY_SIZE], id[DX_ID_SIZE];
            dx_buf plain;
            dx_buf_init(&plain, &who->alloc.port, DX_BLOCK_SIZE_MAX);
            assert_int_equal(dx_pipeline_block(&who->context, who->space, feed, seq, &block), DX_OK);
            assert_int_equal(dx_space_key(&who->context, who->space, block.header.key_epoch, key), DX_OK);
            dx_reader_init(&cursor, block.sections);
            for (uint64_t k = 0; k < block.section_count; k++) {
                dx_bytes section;
                bool hole;
                dx_buf_clear(&plain);
                assert_int_equal(dx_block_section(&cursor, &section, &hole), DX_OK);
                if (!hole && dx_section_open(key, feed->id, seq, k, section, &plain) == DX_OK) {
                    assert_false(dx_purge_covers(who->space, feed, seq, k, dx_buf_view(&plain), id));
                }
            }
            dx_buf_deinit(&plain);
        }
    }
}

#endif
