/* model/text_state.c: texts as they are kept. See text_state.h.
 *
 * Layer: floor 1, model. Invariant: a document holds whole operations only, so nothing in it is pending, and what is taken in
 * follows from the set of operations alone. Operations of one client that write are taken in by their counters, hidden ones behind
 * the others: one that waits holds back those behind it, so that who says two things of one character is understood alike
 * everywhere. */
#include "model/text_state.h"

#include <string.h>

#include "base/limits.h"

/* A checkpoint is made when as much is fresh as it has itself, or FRESH_MIN where that is more. */
enum { FRESH_MIN = 4096 };

typedef struct entry {
    uint64_t client; /* of its structs; 0: it only deletes */
    uint64_t counter;
    dx_bytes update;
    bool hidden, taken;
} entry;

/* What is being taken in. */
typedef struct intake {
    const dx_alloc *alloc;
    dx_text_doc *doc;
    entry *entries;
    size_t count, capacity;
    dx_text_reach reach;    /* of the document */
    dx_text_clocks blocked; /* clients with something that waits, in one pass */
} intake;

/* --- Saved bytes ------------------------------------------------------------------------------ */

int dx_text_saved_read(dx_bytes saved, dx_text_saved *out) {
    dx_reader in;
    *out = (dx_text_saved){.checkpoint = {NULL, 0}};
    if (saved.size == 0) {
        return DX_OK;
    }
    dx_reader_init(&in, saved);
    size_t count = dx_read_array(&in);
    out->checkpoint = dx_read_bytes(&in);
    out->waiting = dx_read_bytes(&in);
    out->fresh = dx_read_bytes(&in);
    out->hidden = count == 4 ? dx_read_bytes(&in) : dx_bytes_of(NULL, 0);
    bool sound = count == 3 || (count == 4 && out->hidden.size != 0);
    return dx_reader_finish(&in) == DX_OK && sound ? DX_OK : DX_E_CORRUPT;
}

static int write_entry(uint64_t counter, dx_bytes update, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    dx_write_uint(&writer, counter);
    dx_write_bytes(&writer, update);
    return dx_writer_finish(&writer);
}

static size_t head_size(uint64_t value) {
    return value < 24 ? 1 : value <= UINT8_MAX ? 2 : value <= UINT16_MAX ? 3 : value <= UINT32_MAX ? 5 : 9;
}

static size_t entry_size(uint64_t counter, dx_bytes update) {
    return 1 + head_size(counter) + head_size(update.size) + update.size;
}

/* The head of a string of bytes whose content follows by other ways. */
static void write_bytes_head(size_t size, dx_buf *out) {
    static const uint8_t string_of_bytes = 0x40;
    size_t extra = head_size(size) - 1;
    uint8_t kind = (uint8_t)(size < 24 ? size : extra == 1 ? 24 : extra == 2 ? 25 : extra == 4 ? 26 : 27);
    dx_buf_append_byte(out, string_of_bytes | kind);
    for (size_t i = extra; i-- > 0;) {
        dx_buf_append_byte(out, (uint8_t)((uint64_t)size >> 8 * i));
    }
}

/* Entries, with one more behind them unless it is NULL. */
static int write_entries(dx_bytes entries, uint64_t counter, const dx_bytes *update, dx_buf *out) {
    write_bytes_head(entries.size + (update == NULL ? 0 : entry_size(counter, *update)), out);
    dx_buf_append(out, entries.data, entries.size);
    return update == NULL ? dx_buf_error(out) : write_entry(counter, *update, out);
}

static int write_saved(const dx_text_saved *saved, uint64_t counter, const dx_bytes *fresh,
                       const dx_bytes *hidden, dx_buf *out) {
    dx_writer writer;
    bool hides = saved->hidden.size != 0 || hidden != NULL;
    dx_buf_append_byte(out, hides ? 0x84 : 0x83);
    dx_writer_init(&writer, out);
    dx_write_bytes(&writer, saved->checkpoint);
    dx_write_bytes(&writer, saved->waiting);
    int error = dx_writer_finish(&writer);
    error = error == DX_OK ? write_entries(saved->fresh, counter, fresh, out) : error;
    error = error == DX_OK && hides ? write_entries(saved->hidden, counter, hidden, out) : error;
    return error == DX_OK ? dx_buf_error(out) : error;
}

int dx_text_saved_write(const dx_text_saved *saved, uint64_t counter, const dx_bytes *update, dx_buf *out) {
    return write_saved(saved, counter, update, NULL, out);
}

int dx_text_saved_hide(const dx_text_saved *saved, uint64_t counter, dx_bytes update, dx_buf *out) {
    return write_saved(saved, counter, NULL, &update, out);
}

bool dx_text_saved_is_long(const dx_text_saved *saved) {
    size_t held = saved->checkpoint.size + saved->waiting.size;
    return saved->fresh.size > (held < FRESH_MIN ? FRESH_MIN : held);
}

/* --- Entries ---------------------------------------------------------------------------------- */

static int add_entry(intake *self, const entry *one) {
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 16 : 2 * self->capacity;
        entry *entries = dx_alloc_grow(self->alloc, self->entries, self->capacity * sizeof *entries,
                                       capacity * sizeof *entries);
        if (entries == NULL) {
            return DX_E_NO_MEMORY;
        }
        self->entries = entries;
        self->capacity = capacity;
    }
    self->entries[self->count++] = *one;
    return DX_OK;
}

/* Whose structs an update has. */
static int find_client(intake *self, dx_bytes update, uint64_t *client) {
    dx_text_section section;
    dx_text_reader_open(&self->reach.reader, DX_TEXT_V2, update);
    *client = dx_text_reader_section(&self->reach.reader, &section) ? section.client : 0;
    int error = dx_text_reader_finish(&self->reach.reader);
    return error == DX_OK || error == DX_E_NO_MEMORY ? error : DX_E_CORRUPT;
}

static int read_entries(intake *self, dx_bytes bytes, bool hidden) {
    int error = DX_OK;
    while (bytes.size != 0 && error == DX_OK) {
        dx_reader in;
        entry one = {.hidden = hidden};
        dx_reader_init(&in, bytes);
        bool pair = dx_read_array(&in) == 2;
        one.counter = dx_read_uint(&in);
        one.update = dx_read_bytes(&in);
        if (in.error != DX_OK || !pair) {
            return DX_E_CORRUPT;
        }
        bytes = dx_bytes_of(in.at, (size_t)(in.end - in.at));
        error = find_client(self, one.update, &one.client);
        error = error == DX_OK ? add_entry(self, &one) : error;
    }
    return error;
}

static int entry_compare(const entry *a, const entry *b) {
    if (a->client != b->client) {
        return a->client < b->client ? -1 : 1;
    }
    if (a->hidden != b->hidden) {
        return b->hidden ? -1 : 1;
    }
    if (a->counter != b->counter) {
        return a->counter < b->counter ? -1 : 1;
    }
    return dx_bytes_compare(a->update, b->update);
}

/* --- Taking in -------------------------------------------------------------------------------- */

/* One time through them. *any: something was taken in. */
static int pass(intake *self, bool *any) {
    int error = DX_OK;
    *any = false;
    dx_text_clocks_clear(&self->blocked);
    for (size_t i = 0; i < self->count && error == DX_OK; i++) {
        entry *one = &self->entries[i];
        bool ready = false;
        if (one->taken) {
            continue;
        }
        if (one->client == 0 || dx_text_clocks_get(&self->blocked, one->client) == 0) {
            error = dx_text_reach_take(&self->reach, one->update, &ready);
        }
        if (error == DX_OK && ready) {
            error = dx_text_apply(self->doc, DX_TEXT_V2, one->update);
            error = error == DX_OK || error == DX_E_NO_MEMORY || error == DX_E_LIMIT ? error : DX_E_CORRUPT;
            one->taken = *any = true;
        } else if (error == DX_OK && one->client != 0) {
            error = dx_text_clocks_set(&self->blocked, one->client, 1);
        }
    }
    return error;
}

static void sift_down(entry *entries, size_t at, size_t count) {
    const entry held = entries[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && entry_compare(&entries[child], &entries[child + 1]) < 0;
        if (entry_compare(&entries[child], &held) <= 0) {
            break;
        }
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = held;
}

static void sort(entry *entries, size_t count) {
    for (size_t root = count / 2; root-- > 0;) {
        sift_down(entries, root, count);
    }
    for (size_t end = count; end-- > 1;) {
        const entry last = entries[0];
        entries[0] = entries[end];
        entries[end] = last;
        sift_down(entries, 0, end);
    }
}

/* What is left, in its order and each once. */
static void sort_left(intake *self) {
    size_t left = 0, kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (!self->entries[i].taken) {
            self->entries[left++] = self->entries[i];
        }
    }
    sort(self->entries, left);
    for (size_t i = 0; i < left; i++) {
        if (kept == 0 || entry_compare(&self->entries[kept - 1], &self->entries[i]) != 0) {
            self->entries[kept++] = self->entries[i];
        }
    }
    self->count = kept;
}

/* Until nothing more can be taken in; what is left is in order. */
static int take_left(intake *self) {
    bool any = true;
    int error = DX_OK;
    sort_left(self);
    while (error == DX_OK && any && self->count != 0) {
        error = pass(self, &any);
        sort_left(self);
    }
    return error;
}

static int take_all(intake *self) {
    bool any;
    int error = dx_text_reach_set(&self->reach, self->doc);
    error =
        error == DX_OK && self->count != 0 ? pass(self, &any) : error; /* as they came: mostly that is all */
    return error == DX_OK ? take_left(self) : error;
}

static int write_left(const intake *self, bool hidden, dx_buf *out) {
    int error = DX_OK;
    for (size_t i = 0; i < self->count && error == DX_OK; i++) {
        const entry *one = &self->entries[i];
        error = one->hidden == hidden ? write_entry(one->counter, one->update, out) : DX_OK;
    }
    return error;
}

static void intake_init(intake *self, const dx_alloc *alloc) {
    *self = (intake){.alloc = alloc};
    dx_text_clocks_init(&self->blocked, alloc);
    dx_text_reach_init(&self->reach, alloc);
}

/* The document stays. */
static void intake_deinit(intake *self) {
    dx_alloc_free(self->alloc, self->entries, self->capacity * sizeof *self->entries);
    dx_text_clocks_deinit(&self->blocked);
    dx_text_reach_deinit(&self->reach);
}

static bool is_update(dx_bytes checkpoint) {
    return checkpoint.size == 0 || checkpoint.data[0] == DX_TEXT_SAVED_UPDATE;
}

static int open_checkpoint(const dx_alloc *alloc, dx_bytes checkpoint, uint64_t client, dx_text_doc **doc) {
    const dx_text_options options = {
        .client = client, .unit = DX_TEXT_CODE_POINTS, .max_bytes = DX_TEXT_MEMORY_MAX};
    if (!is_update(checkpoint)) {
        return dx_text_open(alloc, &options, checkpoint, doc);
    }
    int error = dx_text_create(alloc, &options, doc);
    if (error == DX_OK && checkpoint.size != 0) {
        error = dx_text_apply(*doc, DX_TEXT_V2, checkpoint);
    }
    return error == DX_OK || error == DX_E_NO_MEMORY || error == DX_E_LIMIT ? error : DX_E_CORRUPT;
}

/* Makes the document and takes in all that can be without what is hidden. */
static int take_shown(intake *self, const dx_text_saved *saved, uint64_t client) {
    int error = open_checkpoint(self->alloc, saved->checkpoint, client, &self->doc);
    error = error == DX_OK ? read_entries(self, saved->waiting, false) : error;
    error = error == DX_OK ? read_entries(self, saved->fresh, false) : error;
    bool idle = error == DX_OK && self->count == 0 && saved->hidden.size == 0;
    error = error == DX_OK && !idle ? take_all(self) : error;
    if (error == DX_OK && dx_text_pending(self->doc)) { /* nobody saves that */
        error = DX_E_CORRUPT;
    }
    return error;
}

int dx_text_saved_open(const dx_alloc *alloc, const dx_text_saved *saved, uint64_t client, dx_text_doc **doc,
                       dx_buf *waiting) {
    intake self;
    intake_init(&self, alloc);
    int error = take_shown(&self, saved, client);
    if (error == DX_OK && saved->hidden.size != 0) {
        error = read_entries(&self, saved->hidden, true);
        error = error == DX_OK ? take_left(&self) : error;
    }
    error = error == DX_OK && waiting != NULL ? write_left(&self, false, waiting) : error;
    intake_deinit(&self);
    *doc = self.doc;
    return error;
}

int dx_text_waiting_has(const dx_alloc *alloc, dx_bytes waiting, uint64_t client, bool *has) {
    intake self = {.alloc = alloc};
    dx_text_reach_init(&self.reach, alloc);
    int error = read_entries(&self, waiting, false);
    *has = false;
    for (size_t i = 0; i < self.count && error == DX_OK; i++) {
        *has = *has || self.entries[i].client == client;
    }
    dx_alloc_free(alloc, self.entries, self.capacity * sizeof *self.entries);
    dx_text_reach_deinit(&self.reach);
    return error;
}

/* Whether the document has all that an entry writes. */
static int is_there(intake *self, const entry *one, bool *there) {
    dx_text_reader *reader = &self->reach.reader;
    dx_text_section section;
    dx_text_struct last;
    uint64_t end = 0;
    dx_text_reader_open(reader, DX_TEXT_V2, one->update);
    while (dx_text_reader_section(reader, &section)) {
        while (dx_text_reader_struct(reader, &last)) {
            end = last.id.clock + last.length;
        }
    }
    *there = end <= dx_text_clocks_get(&self->reach.clocks, one->client);
    int error = dx_text_reader_finish(reader);
    return error == DX_OK || error == DX_E_NO_MEMORY ? error : DX_E_CORRUPT;
}

/* Hidden entries of which something is not in the document yet, in order. */
static int write_hidden(intake *self, dx_bytes hidden, dx_buf *out) {
    int error = read_entries(self, hidden, true);
    for (size_t i = 0; i < self->count && error == DX_OK; i++) {
        entry *one = &self->entries[i];
        error = one->hidden ? is_there(self, one, &one->taken) : DX_OK;
    }
    sort_left(self);
    return error == DX_OK ? write_left(self, true, out) : error;
}

/* The update of all of it, as a document writes it that was loaded from one: documents that took the same in other orders may be cut
 * differently. */
static int encode_settled(const dx_alloc *alloc, const dx_text_doc *doc, dx_buf *update) {
    dx_text_doc *again = NULL;
    dx_buf whole;
    dx_buf_init(&whole, alloc, DX_STATE_SIZE_MAX);
    int error = dx_text_encode(doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), &whole);
    error = error == DX_OK ? open_checkpoint(alloc, dx_buf_view(&whole), 1, &again) : error;
    error = error == DX_OK ? dx_text_encode(again, DX_TEXT_V2, dx_bytes_of(NULL, 0), update) : error;
    dx_text_destroy(again);
    dx_buf_deinit(&whole);
    return error;
}

int dx_text_saved_fold(const dx_alloc *alloc, const dx_text_saved *saved, bool canonical, dx_buf *out) {
    intake self;
    size_t entries = saved->fresh.size + saved->waiting.size; /* which may be taken in */
    dx_buf checkpoint, waiting, hidden, clocks;
    dx_buf_init(&checkpoint, alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&waiting, alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&hidden, alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&clocks, alloc, DX_STATE_SIZE_MAX);
    intake_init(&self, alloc);
    int error = take_shown(&self, saved, 1);
    error = error == DX_OK ? write_left(&self, false, &waiting) : error;
    error = error == DX_OK && saved->hidden.size != 0 ? write_hidden(&self, saved->hidden, &hidden) : error;
    error = error == DX_OK ? dx_text_state_vector(self.doc, &clocks) : error;
    if (error == DX_OK && clocks.size > 1) { /* an empty text has no checkpoint, whatever deletes nothing */
        error = !canonical     ? dx_text_save(self.doc, &checkpoint)
                : entries != 0 ? encode_settled(alloc, self.doc, &checkpoint)
                               : dx_text_encode(self.doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), &checkpoint);
    }
    dx_text_destroy(self.doc);
    intake_deinit(&self);
    const dx_text_saved folded = {.checkpoint = dx_buf_view(&checkpoint),
                                  .waiting = dx_buf_view(&waiting),
                                  .hidden = dx_buf_view(&hidden)};
    error = error == DX_OK ? dx_text_saved_write(&folded, 0, NULL, out) : error;
    dx_buf_deinit(&checkpoint);
    dx_buf_deinit(&waiting);
    dx_buf_deinit(&hidden);
    dx_buf_deinit(&clocks);
    return error;
}

int dx_text_saved_catch_up(const dx_alloc *alloc, dx_bytes saved, dx_text_form form, dx_bytes state_vector,
                           dx_text_reach *reach, bool *waits, dx_buf *update) {
    dx_text_saved held;
    dx_text_doc *doc = NULL;
    dx_buf waiting;
    dx_buf_init(&waiting, alloc, DX_STATE_SIZE_MAX);
    int error = dx_text_saved_read(saved, &held);
    error = error == DX_OK ? dx_text_saved_open(alloc, &held, 1, &doc, &waiting) : error;
    error = error == DX_OK ? dx_text_encode(doc, form, state_vector, update) : error;
    error = error == DX_OK ? dx_text_reach_set(reach, doc) : error;
    *waits = waiting.size != 0;
    dx_text_destroy(doc);
    dx_buf_deinit(&waiting);
    return error;
}

int dx_text_saved_encode(const dx_alloc *alloc, dx_bytes saved, dx_text_form form, dx_bytes state_vector,
                         dx_buf *update) {
    dx_text_saved held;
    dx_text_doc *doc = NULL;
    int error = dx_text_saved_read(saved, &held);
    error = error == DX_OK ? dx_text_saved_open(alloc, &held, 1, &doc, NULL) : error;
    error = error == DX_OK ? dx_text_encode(doc, form, state_vector, update) : error;
    dx_text_destroy(doc);
    return error;
}
