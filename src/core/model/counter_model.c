/* model/counter_model.c: a number that several people add to at once.
 *
 * Layer: floor 1, model. docs/spec/counter-model.md. An operation says not what is added but what its author has
 * added in all, so a feed has one entry however often it adds, and the latest one holds: applying twice is applying
 * once, and the value is the sum of the entries. In memory a state is its entries, ascending by feed. */
#include <dxos/model.h>
#include <string.h>

enum { TOTALS_MAX = 65536 }; /* feeds of one space are some hundred; restore must not be made to take more */

typedef struct total {
    dx_stamp stamp;
    int64_t value;
} total;

typedef struct counter {
    const dx_alloc *alloc;
    total *totals;
    size_t count, capacity;
} counter;

static void *counter_create(const dx_alloc *alloc, const dx_stamp *created) {
    (void)created;
    counter *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self != NULL) {
        self->alloc = alloc;
    }
    return self;
}

static void counter_destroy(const dx_alloc *alloc, void *state) {
    counter *self = state;
    dx_alloc_free(alloc, self->totals, self->capacity * sizeof *self->totals);
    dx_alloc_free(alloc, self, sizeof *self);
}

/* Where the feed's entry stands or belongs. */
static size_t find_total(const counter *self, const uint8_t *feed, bool *found) {
    size_t low = 0, high = self->count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(self->totals[middle].stamp.feed, feed, DX_FEED_PREFIX_SIZE);
        *found = order == 0;
        low = order == 0 ? middle : order < 0 ? middle + 1 : low;
        high = order > 0 ? middle : high;
    }
    return low;
}

static int add_total(counter *self, size_t at, const total *entry) {
    if (self->count == TOTALS_MAX) {
        return DX_E_LIMIT;
    }
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 4 : 2 * self->capacity;
        total *totals = dx_alloc_grow(self->alloc, self->totals, self->capacity * sizeof *totals,
                                      capacity * sizeof *totals);
        if (totals == NULL) {
            return DX_E_NO_MEMORY;
        }
        self->totals = totals;
        self->capacity = capacity;
    }
    memmove(&self->totals[at + 1], &self->totals[at], (self->count - at) * sizeof *self->totals);
    self->totals[at] = *entry;
    self->count++;
    return DX_OK;
}

static int counter_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    counter *self = state;
    dx_reader in;
    bool found;
    dx_reader_init(&in, operation);
    total entry = {.stamp = *stamp, .value = dx_read_int(&in)};
    if (dx_reader_finish(&in) != DX_OK) {
        return DX_E_MALFORMED;
    }
    size_t at = find_total(self, stamp->feed, &found);
    if (!found) {
        return add_total(self, at, &entry);
    }
    /* Two at one stamp, which an author's own blocks cannot hold: the greater one stays, whichever came first. */
    total *there = &self->totals[at];
#if defined(DX_PLANT) && DX_PLANT == 61
    if (entry.value > there->value) {
#else
    if (entry.stamp.counter > there->stamp.counter ||
        (entry.stamp.counter == there->stamp.counter && entry.value > there->value)) {
#endif
        *there = entry;
    }
    return DX_OK;
}

static int counter_save(const void *state, dx_buf *out) {
    const counter *self = state;
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, self->count);
    for (size_t i = 0; i < self->count; i++) {
        const total *entry = &self->totals[i];
        dx_write_array(&writer, 3);
        dx_write_bytes(&writer, dx_bytes_of(entry->stamp.feed, sizeof entry->stamp.feed));
        dx_write_uint(&writer, entry->stamp.counter);
        dx_write_int(&writer, entry->value);
    }
    return dx_writer_finish(&writer);
}

static total read_total(dx_reader *in) {
    total entry = {.value = 0};
    if (dx_read_array(in) != 3) {
        dx_reader_fail(in);
    }
    dx_read_bytes_exact(in, entry.stamp.feed, sizeof entry.stamp.feed);
    entry.stamp.counter = dx_read_uint(in);
    entry.value = dx_read_int(in);
    return entry;
}

/* Entries must ascend, so whatever is taken is what save would write. */
static int counter_restore(void *state, dx_bytes saved) {
    counter *self = state;
    dx_reader in;
    int error = DX_OK;
    dx_reader_init(&in, saved);
    size_t count = dx_read_array(&in);
    for (size_t i = 0; i < count && in.error == DX_OK && error == DX_OK; i++) {
        total entry = read_total(&in);
        if (self->count > 0 &&
            memcmp(self->totals[self->count - 1].stamp.feed, entry.stamp.feed, DX_FEED_PREFIX_SIZE) >= 0) {
            dx_reader_fail(&in);
        }
        error = in.error == DX_OK ? add_total(self, self->count, &entry) : DX_OK;
    }
    if (error == DX_OK && dx_reader_finish(&in) == DX_OK) {
        return DX_OK;
    }
    self->count = 0;
    return error == DX_E_NO_MEMORY ? error : DX_E_CORRUPT;
}

/* The sum in two's complement, so that neither overflow nor the order of adding shows. */
static int64_t sum(const counter *self) {
    uint64_t value = 0;
    for (size_t i = 0; i < self->count; i++) {
        value += (uint64_t)self->totals[i].value;
    }
    return value <= INT64_MAX ? (int64_t)value : -(int64_t)(UINT64_MAX - value) - 1;
}

static int counter_view(const void *state, dx_writer *out) {
    dx_write_int(out, sum(state));
    return DX_OK;
}

/* A request is what is to be added; it becomes the new total of the feed that will carry it. */
static int counter_prepare(const void *state, const uint8_t *feed, dx_bytes request, dx_buf *operation) {
    const counter *self = state;
    dx_reader in;
    dx_writer writer;
    bool found;
    dx_reader_init(&in, request);
    int64_t amount = dx_read_int(&in);
    size_t at = find_total(self, feed, &found);
    int64_t before = found ? self->totals[at].value : 0;
    if (dx_reader_finish(&in) != DX_OK || (amount > 0 && before > INT64_MAX - amount) ||
        (amount < 0 && before < INT64_MIN - amount)) {
        return DX_E_INVALID;
    }
    dx_writer_init(&writer, operation);
    dx_write_int(&writer, before + amount);
    return dx_writer_finish(&writer);
}

static int64_t total_of(const counter *self, const uint8_t *feed) {
    bool found;
    size_t at = find_total(self, feed, &found);
    return found ? self->totals[at].value : 0;
}

static bool subtract(int64_t a, int64_t b, int64_t *out) {
    if (b < 0 ? a > INT64_MAX + b : a < INT64_MIN + b) {
        return false;
    }
    *out = a - b;
    return true;
}

/* What was added goes from the author's total; what the others added is in theirs. */
static int counter_invert(const void *before, const void *after, const void *now, const dx_stamp *first,
                          const dx_stamp *last, dx_buf *operation, bool *kept) {
    int64_t added, own;
    dx_writer writer;
    (void)last;
    if (!subtract(total_of(after, first->feed), total_of(before, first->feed), &added) ||
        !subtract(total_of(now, first->feed), added, &own)) {
        *kept = true;
        return DX_OK;
    }
    if (added == 0) {
        return DX_OK;
    }
    dx_writer_init(&writer, operation);
    dx_write_int(&writer, own);
    return dx_writer_finish(&writer);
}

const dx_model dx_counter_model = {
    .version = DX_MODEL_VERSION,
    .name = "dx/counter/1",
    .kind = DX_MODEL_MERGE,
    .create = counter_create,
    .destroy = counter_destroy,
    .apply = counter_apply,
    .save = counter_save,
    .restore = counter_restore,
    .view = counter_view,
    .prepare = counter_prepare,
    .invert = counter_invert,
};
