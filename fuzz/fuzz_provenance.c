/* fuzz_provenance.c: any item as the provenance of an object that comes from another space. Checks: one that is accepted is not of this
 * space, its floor is no less than any of its stamps, and a model takes it or refuses it; what follows it is later. Mode 1 puts a
 * sound beginning in front of a list of operations, so that the search gets behind it. */
#include "echo/provenance.h"

#include "fuzz.h"

static const uint8_t here[DX_HASH_SIZE] = {1};
static const dx_stamp made = {.counter = 3};

static void write_beginning(dx_writer *out) {
    uint8_t other[DX_HASH_SIZE] = {2};
    dx_write_array(out, 4);
    dx_write_text(out, "dx/provenance/1");
    dx_write_array(out, 2);
    dx_write_uint(out, 1);
    dx_write_uint(out, 0);
    dx_write_array(out, 2);
    for (uint8_t feed = 0; feed < 2; feed++) {
        dx_write_array(out, 3);
        for (size_t i = 0; i < 3; i++) {
            other[1] = feed;
            dx_write_bytes(out, dx_bytes_of(other, sizeof other));
        }
    }
}

static void apply(dx_bytes operation, const dx_provenance *provenance) {
    const dx_model *model = &dx_approval_model;
    const dx_stamp later = {.counter = 4};
    static const uint8_t submit[] = "\x81\x66submit";
    dx_buf saved;
    void *state = model->create(&fuzz_alloc, &provenance->created);
    FUZZ_CHECK(state != NULL);
    int error = dx_provenance_apply(provenance, model, state, operation, &made);
    FUZZ_CHECK(error == DX_OK || error == DX_E_MALFORMED);
    const dx_stamp told = dx_provenance_stamp(provenance, &later);
    FUZZ_CHECK(told.counter == later.counter + provenance->floor && (int64_t)told.counter > 0);
    error = dx_provenance_apply(provenance, model, state, dx_bytes_of(submit, sizeof submit - 1), &later);
    FUZZ_CHECK(error == DX_OK || error == DX_E_MALFORMED);
    dx_buf_init(&saved, &fuzz_alloc, 1 << 20);
    FUZZ_CHECK(model->save(state, &saved) == DX_OK);
    dx_buf_deinit(&saved);
    model->destroy(&fuzz_alloc, state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    bool begun = (fuzz_byte(&input) & 1) != 0;
    dx_provenance provenance;
    dx_buf item;
    dx_writer writer;
    dx_bytes rest = fuzz_bytes(&input, input.left);
    dx_buf_init(&item, &fuzz_alloc, 1 << 20);
    dx_writer_init(&writer, &item);
    if (begun) {
        write_beginning(&writer);
    }
    dx_buf_append(&item, rest.data, rest.size);
    dx_bytes bytes = dx_buf_view(&item);
    if (dx_item_check(bytes) == DX_OK && dx_provenance_is(dx_bytes_text("dx/approval/1"), bytes)) {
        int error = dx_provenance_decode(bytes, here, &made, &provenance);
        FUZZ_CHECK(error == DX_OK || error == DX_E_MALFORMED);
        if (error == DX_OK) {
            FUZZ_CHECK(provenance.floor >= provenance.created.counter && provenance.created.counter > 0);
            apply(bytes, &provenance);
        }
    }
    dx_buf_deinit(&item);
    return 0;
}
