/* fuzz/text_update.h: any bytes as an update of a text, in either form.
 *
 * Layer: test programs. Properties, of bytes that are an update: written again it stays as it is from then on, also by way of the
 * other form; merged with itself it says what it said; what it has is in its ranges and state vector; what a replica lacks that
 * has all of it are its deletes; reading takes memory in proportion to the bytes. */
#ifndef DX_FUZZ_TEXT_UPDATE_H
#define DX_FUZZ_TEXT_UPDATE_H

#include "fuzz.h"
#include "text/struct_reader.h"

enum {
    UPDATE_RANGES_MAX = 64,
    STRUCTS_MAX = 4000,
    READING_FREE = 64 * 1024,
    READING_PER_BYTE = 64,
    UPDATE_SIZE_MAX = 1 << 26
};

/* An allocator that holds no more than its limit. */
typedef struct bounded_alloc {
    dx_alloc port;
    size_t live, limit;
} bounded_alloc;

static void *bounded_resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    bounded_alloc *self = ctx;
    self->live -= old_size;
    self->live += new_size;
    FUZZ_CHECK(self->live <= self->limit);
    return fuzz_resize(NULL, old, old_size, new_size);
}

static inline dx_buf update_buffer(void) {
    dx_buf out;
    dx_buf_init(&out, &fuzz_alloc, UPDATE_SIZE_MAX);
    return out;
}

/* Reads it struct by struct. Views are looked at from end to end, so that a sanitizer sees them. Of more structs than STRUCTS_MAX
 * the rest is left: DX_E_LIMIT. v2 says a million of them in a few bytes, which takes its time. */
static inline int read_update(dx_text_form form, dx_bytes update) {
    bounded_alloc bounded = {.limit = READING_FREE + READING_PER_BYTE * update.size};
    bounded.port = (dx_alloc){&bounded, bounded_resize};
    dx_text_reader reader;
    dx_text_section section;
    dx_text_struct one;
    dx_id_range range;
    size_t structs = 0;
    uint8_t seen = 0;
    dx_text_reader_init(&reader, &bounded.port);
    dx_text_reader_open(&reader, form, update);
    while (structs <= STRUCTS_MAX && dx_text_reader_section(&reader, &section)) {
        while (structs <= STRUCTS_MAX && dx_text_reader_struct(&reader, &one)) {
            const dx_bytes views[] = {one.parent_name, one.sub, one.key, one.content};
            for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
                seen ^= views[i].size == 0 ? 0 : views[i].data[0] ^ views[i].data[views[i].size - 1];
            }
            structs++;
            FUZZ_CHECK(one.length > 0 && one.id.clock + one.length <= DX_LIB0_UINT_MAX);
        }
    }
    while (structs <= STRUCTS_MAX && dx_text_reader_delete(&reader, &range)) {
        FUZZ_CHECK(range.length > 0);
    }
    int error = structs > STRUCTS_MAX ? DX_E_LIMIT : dx_text_reader_finish(&reader);
    dx_text_reader_deinit(&reader);
    FUZZ_CHECK(bounded.live == 0 && (seen | 0xff) == 0xff);
    return error;
}

/* What is written of an update can be read, but that v2 may say more structs in fewer bytes than are let in. */
static inline bool convert(dx_text_form from, dx_text_form to, const dx_buf *update, dx_buf *out) {
    *out = update_buffer();
    int error = dx_text_convert_update(&fuzz_alloc, from, to, dx_buf_view(update), out);
    FUZZ_CHECK(error == DX_OK || error == DX_E_LIMIT);
    return error == DX_OK;
}

/* An update v1 that was written here is the same by way of v2. */
static inline void check_other_form(const dx_buf *v1) {
    dx_buf settled, v2, again;
    dx_buf_init(&v2, &fuzz_alloc, 0);
    dx_buf_init(&again, &fuzz_alloc, 0);
    if (convert(DX_TEXT_V1, DX_TEXT_V1, v1, &settled) && convert(DX_TEXT_V1, DX_TEXT_V2, &settled, &v2) &&
        convert(DX_TEXT_V2, DX_TEXT_V1, &v2, &again)) {
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), dx_buf_view(&settled)));
    }
    dx_buf_deinit(&settled);
    dx_buf_deinit(&v2);
    dx_buf_deinit(&again);
}

static inline void check_merged(dx_text_form form, const dx_buf *update) {
    dx_bytes twice[] = {dx_buf_view(update), dx_buf_view(update)};
    dx_buf merged = update_buffer(), again = update_buffer();
    FUZZ_CHECK(dx_text_merge_updates(&fuzz_alloc, form, twice, 2, &merged) == DX_OK);
    twice[0] = twice[1] = dx_buf_view(&merged);
    int error = dx_text_merge_updates(&fuzz_alloc, form, twice, 2, &again);
    FUZZ_CHECK(error == DX_E_LIMIT ||
               (error == DX_OK && dx_bytes_equal(dx_buf_view(&again), dx_buf_view(&merged))));
    dx_buf_deinit(&merged);
    dx_buf_deinit(&again);
}

static inline void check_known(dx_text_form form, const dx_buf *update) {
    dx_text_range ranges[UPDATE_RANGES_MAX];
    size_t count, left;
    dx_buf vector = update_buffer(), difference = update_buffer(), other = update_buffer();
    FUZZ_CHECK(dx_text_update_state_vector(&fuzz_alloc, form, dx_buf_view(update), &vector) == DX_OK);
    FUZZ_CHECK(dx_text_update_ranges(&fuzz_alloc, form, dx_buf_view(update), ranges, UPDATE_RANGES_MAX,
                                     &count) == DX_OK);
    FUZZ_CHECK(dx_text_diff_update(&fuzz_alloc, form, dx_buf_view(update), dx_buf_view(&vector),
                                   &difference) == DX_OK);
    int error =
        dx_text_update_ranges(&fuzz_alloc, form, dx_buf_view(&difference), ranges, UPDATE_RANGES_MAX, &left);
    FUZZ_CHECK(error == DX_E_LIMIT || (error == DX_OK && left <= count));
    error = dx_text_obfuscate_update(&fuzz_alloc, form, dx_buf_view(update), &other);
    FUZZ_CHECK(error == DX_OK || error == DX_E_LIMIT);
    dx_buf_deinit(&vector);
    dx_buf_deinit(&difference);
    dx_buf_deinit(&other);
}

static inline void check_update(dx_text_form form, dx_bytes update) {
    int error = read_update(form, update);
    if (error == DX_E_LIMIT) {
        return;
    }
    dx_buf once = update_buffer(), again = update_buffer();
    FUZZ_CHECK(dx_text_convert_update(&fuzz_alloc, form, form, update, &once) == error);
    if (error == DX_OK && read_update(form, dx_buf_view(&once)) == DX_OK) {
        FUZZ_CHECK(dx_text_convert_update(&fuzz_alloc, form, form, dx_buf_view(&once), &again) == DX_OK);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), dx_buf_view(&once)));
        check_merged(form, &once);
        check_known(form, &once);
        dx_buf_deinit(&again);
        again = update_buffer();
        FUZZ_CHECK(dx_text_convert_update(&fuzz_alloc, form, DX_TEXT_V1, dx_buf_view(&once), &again) ==
                   DX_OK);
        check_other_form(&again);
    }
    dx_buf_deinit(&once);
    dx_buf_deinit(&again);
}

#endif
