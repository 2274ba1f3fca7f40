/* fuzz/fuzz_text_history.c: any bytes as a relative position, a snapshot, a schema of marks; and any steps of edits, undo and redo, watched.
 *
 * Properties: a position that can be read is the same after JSON and back, and where it is found is in its type; a version that can be
 * made makes a document that reads as the delta at the snapshot; whoever follows the deltas has the length of the text; undoing everything
 * and doing it again ends where it was. */
#include "fuzz.h"

#include <dxos/text_history.h>

enum { STEPS_MAX = 48, TEXT_MAX = 24 };

typedef struct follower {
    dx_text_type text;
    uint64_t length;
} follower;

/* The number behind a name that begins at `at`; 0: another name stands there. */
static uint64_t number_at(const dx_buf *json, size_t at, const char *name) {
    size_t size = strlen(name);
    uint64_t number = 0;
    if (json->size - at < size || memcmp(json->data + at, name, size) != 0) {
        return 0;
    }
    for (at += size; at < json->size && json->data[at] >= '0' && json->data[at] <= '9'; at++) {
        number = number * 10 + (uint64_t)(json->data[at] - '0');
    }
    return number;
}

/* Texts here are digits and letters alone, so operations can be told by their names. */
static void follow(void *ctx, const dx_text_event *event) {
    follower *self = ctx;
    FUZZ_CHECK(event->error == DX_OK);
    for (size_t i = 0; i < event->type_count; i++) {
        dx_buf delta;
        dx_buf_init(&delta, &fuzz_alloc, SIZE_MAX / 2);
        FUZZ_CHECK(dx_text_event_delta(event, event->types[i], &delta) == DX_OK);
        for (size_t at = 0; event->types[i] == self->text && at < delta.size; at++) {
            static const char insert[] = "{\"insert\":\"";
            self->length -= number_at(&delta, at, "{\"delete\":");
            if (delta.size - at > sizeof insert && memcmp(delta.data + at, insert, sizeof insert - 1) == 0) {
                for (at += sizeof insert - 1; delta.data[at] != '"'; at++) {
                    self->length++;
                }
            }
        }
        dx_buf_deinit(&delta);
    }
}

static void check_position(const dx_text_doc *doc, dx_bytes bytes) {
    dx_buf json, back, again;
    dx_text_type type;
    uint64_t index;
    dx_buf_init(&json, &fuzz_alloc, SIZE_MAX / 2);
    dx_buf_init(&back, &fuzz_alloc, SIZE_MAX / 2);
    dx_buf_init(&again, &fuzz_alloc, SIZE_MAX / 2);
    int error = dx_text_position_to_json(bytes, &json);
    int found = dx_text_position_find(doc, bytes, &type, &index);
    FUZZ_CHECK(found == DX_OK || found == (error == DX_OK ? DX_E_NOT_FOUND : error));
    if (found == DX_OK && dx_text_kind_of(doc, type) == DX_TEXT_KIND_TEXT) {
        FUZZ_CHECK(index <= dx_text_length(doc, type));
    }
    if (error == DX_OK) {
        dx_buf_append_byte(&json, 0);
        int read = dx_text_position_from_json(&fuzz_alloc, (const char *)json.data, &back);
        /* What assoc may be in JSON is less than on the wire, and a name there may hold NUL, which ends JSON given as a string. */
        FUZZ_CHECK(read == DX_OK || read == DX_E_MALFORMED);
        if (read == DX_OK) {
            FUZZ_CHECK(dx_text_position_to_json(dx_buf_view(&back), &again) == DX_OK);
            dx_buf_append_byte(&again, 0);
            FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), dx_buf_view(&json)));
        }
    }
    dx_buf_deinit(&json);
    dx_buf_deinit(&back);
    dx_buf_deinit(&again);
}

static void check_version(dx_text_doc *doc, dx_text_type text, dx_text_form form, dx_bytes snapshot) {
    dx_buf delta, update, read;
    dx_text_doc *then;
    dx_text_type root;
    uint64_t gone = 0;
    dx_buf_init(&delta, &fuzz_alloc, SIZE_MAX / 2);
    dx_buf_init(&update, &fuzz_alloc, SIZE_MAX / 2);
    dx_buf_init(&read, &fuzz_alloc, SIZE_MAX / 2);
    int error = dx_text_delta_at(doc, text, form, snapshot, NULL, &delta, &gone);
    int made = dx_text_version(doc, form, snapshot, &update);
    FUZZ_CHECK(made == error || (error == DX_OK && made == DX_E_NOT_FOUND));
    if (made == DX_OK && gone == 0) {
        FUZZ_CHECK(dx_text_create(&fuzz_alloc, &(dx_text_options){.client = 99}, &then) == DX_OK);
        FUZZ_CHECK(dx_text_root(then, "t", DX_TEXT_KIND_TEXT, &root) == DX_OK);
        /* A state that never was may lack what its items name: they wait. */
        if (dx_text_apply(then, form, dx_buf_view(&update)) == DX_OK && !dx_text_pending(then)) {
            FUZZ_CHECK(dx_text_delta(then, root, &read) == DX_OK);
            FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&read), dx_buf_view(&delta)));
        }
        dx_text_destroy(then);
    }
    dx_buf_deinit(&delta);
    dx_buf_deinit(&update);
    dx_buf_deinit(&read);
}

static dx_buf shown(const dx_text_doc *doc, dx_text_type text) {
    dx_buf out;
    dx_buf_init(&out, &fuzz_alloc, SIZE_MAX / 2);
    FUZZ_CHECK(dx_text_delta(doc, text, &out) == DX_OK);
    return out;
}

static void step(dx_text_doc *doc, dx_text_type text, dx_text_undo_manager *undo, fuzz_input *input) {
    static const char *const formats[] = {"{\"b\":true}", "{\"b\":null}", "{\"link\":1}",
                                          "{\"link\":null,\"b\":2}"};
    static const char letters[TEXT_MAX + 1] = "0123456789abcdefghijklmn";
    uint8_t what = fuzz_byte(input);
    uint64_t length = dx_text_length(doc, text), at = fuzz_byte(input) % (length + 1),
             run = fuzz_byte(input) % (length - at + 1);
    bool done;
    switch (what % 6) {
    case 0:
        FUZZ_CHECK(dx_text_delete(doc, text, at, run) == DX_OK);
        break;
    case 1:
        FUZZ_CHECK(dx_text_format(doc, text, at, run, formats[what / 6 % 4]) == DX_OK);
        break;
    case 2:
        FUZZ_CHECK(dx_text_undo(undo, &done) == DX_OK);
        break;
    case 3:
        FUZZ_CHECK(dx_text_redo(undo, &done) == DX_OK);
        break;
    default:
        FUZZ_CHECK(dx_text_insert(doc, text, at,
                                  dx_bytes_of((const uint8_t *)letters, 1 + what / 6 % TEXT_MAX),
                                  what > 200 ? formats[what % 4] : NULL) == DX_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    dx_text_doc *doc;
    follower eye = {.length = 0};
    dx_text_undo_manager *undo;
    bool done;
    uint8_t how = fuzz_byte(&input);
    FUZZ_CHECK(dx_text_create(&fuzz_alloc, &(dx_text_options){.client = 1, .keep_deleted = (how & 1) != 0},
                              &doc) == DX_OK);
    FUZZ_CHECK(dx_text_root(doc, "t", DX_TEXT_KIND_TEXT, &eye.text) == DX_OK);
    FUZZ_CHECK(dx_text_observe(doc, follow, &eye) == DX_OK);
    FUZZ_CHECK(dx_text_undo_create(doc, &(dx_text_undo_options){.window = (how & 2) != 0 ? 3 : 0}, &undo) ==
               DX_OK);
    if ((how & 4) != 0) {
        FUZZ_CHECK(dx_text_set_marks(doc, "{\"link\":{\"expand\":\"none\"},\"b\":{\"expand\":\"both\"}}") ==
                   DX_OK);
    }
    for (uint64_t steps = fuzz_byte(&input) % STEPS_MAX; steps > 0 && input.left > 0; steps--) {
        dx_text_undo_time(undo, STEPS_MAX - steps);
        step(doc, eye.text, undo, &input);
        FUZZ_CHECK(eye.length == dx_text_length(doc, eye.text));
    }
    dx_bytes rest = fuzz_bytes(&input, input.left);
    check_position(doc, rest);
    check_version(doc, eye.text, (how & 8) != 0 ? DX_TEXT_V1 : DX_TEXT_V2, rest);
    size_t steps = 0;
    dx_buf before = shown(doc, eye.text);
    while (dx_text_undo_steps(undo) > 0) {
        FUZZ_CHECK(dx_text_undo(undo, &done) == DX_OK);
        steps += done;
    }
    for (; steps > 0; steps--) {
        FUZZ_CHECK(dx_text_redo(undo, &done) == DX_OK && done);
    }
    dx_buf after = shown(doc, eye.text);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&before), dx_buf_view(&after)));
    dx_buf_deinit(&before);
    dx_buf_deinit(&after);
    char schema[64] = "";
    memcpy(schema, rest.data == NULL ? (const uint8_t *)"" : rest.data,
           rest.size < sizeof schema ? rest.size : sizeof schema - 1);
    int error = dx_text_set_marks(doc, schema);
    FUZZ_CHECK(error == DX_OK || error == DX_E_INVALID || error == DX_E_LIMIT);
    dx_text_destroy(doc);
    return 0;
}
