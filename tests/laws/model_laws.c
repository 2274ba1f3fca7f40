/* tests/laws/model_laws.c: the laws of models, tried on any of them.
 *
 * Layer: test support; includes dxos/ only and is installed for authors of models. Contract in
 * dxos/model_laws.h. A round makes one set of operations from its seed and tries every law on it. Inside, a
 * broken law is an error code and a report filled; everything a round takes it gives back. */
#include <dxos/model_laws.h>
#include <string.h>

enum {
    FEW = 4,             /* operations tried in all 24 orders */
    MANY = 24,           /* operations tried in random orders */
    SHUFFLES = 4,        /* of the many */
    DAMAGES = 12,        /* damaged operations and damaged states per round */
    FAILURES_MAX = 4096, /* allocations a scenario may make before we stop failing them in turn */
    BYTES_MAX = 16 << 20 /* of one operation, state or view made here */
};

/* --- Ports of the suite --------------------------------------------------------------------------- */

/* Counts what is live and fails the fail_at-th call (0: never), once or from then on. */
typedef struct failing_alloc {
    dx_alloc port;
    const dx_alloc *below;
    size_t live_bytes;
    uint64_t calls, fail_at;
    bool sticky;
} failing_alloc;

static void *resize_or_fail(void *ctx, void *old, size_t old_size, size_t new_size) {
    failing_alloc *self = ctx;
    if (new_size == 0) {
        self->live_bytes -= old_size;
        return self->below->resize(self->below->ctx, old, old_size, 0);
    }
    self->calls++;
    if (self->fail_at != 0 && (self->sticky ? self->calls >= self->fail_at : self->calls == self->fail_at)) {
        return NULL;
    }
    void *block = self->below->resize(self->below->ctx, old, old_size, new_size);
    if (block != NULL) {
        self->live_bytes += new_size - old_size;
    }
    return block;
}

/* splitmix64: small, and the same everywhere. */
static void fill_from_seed(void *ctx, uint8_t *out, size_t size) {
    uint64_t *state = ctx;
    for (size_t i = 0; i < size; i++) {
        uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        out[i] = (uint8_t)(z >> 56);
    }
}

/* --- A round ------------------------------------------------------------------------------------ */

typedef struct sample {
    size_t begin, size; /* of the operation's bytes */
    dx_stamp stamp;
} sample;

typedef struct laws {
    const dx_model *model;
    failing_alloc alloc;
    uint64_t random_state;
    dx_random random;
    dx_model_report *report;
    dx_stamp created;
    bool
        failing; /* while allocations fail, which is another number of times elsewhere: nothing is added to the digest */
    uint64_t latest; /* counter of a stamp: those that the ordered kind is handed damaged operations with */
    dx_buf operations;
    sample samples[MANY];
    dx_buf expected, actual; /* saved states, or views */
} laws;

static int broken(laws *self, const char *law, const char *what) {
    self->report->law = law;
    self->report->what = what;
    return DX_E_CONFLICT;
}

static size_t choose(laws *self, size_t count) {
    uint8_t bytes[4];
    self->random.fill(self->random.ctx, bytes, sizeof bytes);
    return (
        size_t)(((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3]) %
                count);
}

static dx_bytes operation_of(const laws *self, size_t index) {
    return dx_bytes_of(self->operations.data + self->samples[index].begin, self->samples[index].size);
}

static bool is_ordered(const laws *self) {
    return self->model->kind == DX_MODEL_ORDERED;
}

static int write_sample(laws *self, const dx_model_generator *generator, size_t index) {
    sample *one = &self->samples[index];
    one->begin = self->operations.size;
    int error = generator->write_as == NULL
                    ? generator->write(generator->ctx, &self->random, &self->operations)
                    : generator->write_as(generator->ctx, &self->random, index, &self->created, &one->stamp,
                                          &self->operations);
    one->size = self->operations.size - one->begin;
    return error == DX_OK ? dx_buf_error(&self->operations) : error;
}

/* Whose operations say who wrote them: stamps come first. */
static int make_samples_as(laws *self, const dx_model_generator *generator) {
    static const uint8_t feeds[] = {0x00, 0x7f, 0xff};
    int error = DX_OK;
    dx_buf_clear(&self->operations);
    for (size_t i = 0; i < MANY; i++) {
        self->samples[i].stamp.counter = 3 + i;
        memset(self->samples[i].stamp.feed, feeds[choose(self, sizeof feeds)], DX_FEED_PREFIX_SIZE);
    }
    self->created = self->samples[0].stamp;
    for (size_t i = 0; i < MANY && error == DX_OK; i++) {
        error = write_sample(self, generator, i);
    }
    return error;
}

static int make_samples(laws *self, const dx_model_generator *generator) {
    static const uint8_t feeds[] = {0x00, 0x7f, 0xff};
    if (generator->write_as != NULL) {
        return make_samples_as(self, generator);
    }
    dx_buf_clear(&self->operations);
    for (size_t i = 0; i < MANY; i++) {
        sample *one = &self->samples[i];
        int error = write_sample(self, generator, i);
        if (error != DX_OK) {
            return error;
        }
        one->stamp.counter = is_ordered(self) ? 3 + i : 3 + choose(self, 12);
        memset(one->stamp.feed, feeds[choose(self, sizeof feeds)], sizeof one->stamp.feed);
    }
    self->created = self->samples[choose(self, FEW)].stamp;
    self->created.counter = is_ordered(self) ? 2 : self->created.counter;
    return DX_OK;
}

/* Applies and saves to out (cleared first). */
static int apply(laws *self, void *state, dx_bytes operation, const dx_stamp *stamp) {
    self->report->applied++;
    return self->model->apply(state, operation, stamp);
}

static int save(laws *self, const void *state, dx_buf *out) {
    bool fails = self->alloc.fail_at != 0;
    dx_buf_clear(out);
    int error = self->model->save(state, out);
    if (error == DX_E_NO_MEMORY && fails) {
        self->alloc.fail_at = 0; /* told: now it must succeed */
        dx_buf_clear(out);
        error = self->model->save(state, out);
    }
    for (size_t i = 0; i < out->size && !self->failing; i++) { /* FNV-1a */
        self->report->digest = (self->report->digest ^ out->data[i]) * UINT64_C(0x100000001b3);
    }
    return error;
}

static int view(const laws *self, const void *state, dx_buf *out) {
    dx_writer writer;
    dx_buf_clear(out);
    dx_writer_init(&writer, out);
    int error = self->model->view(state, &writer);
    return error == DX_OK ? dx_writer_finish(&writer) : error;
}

static bool same(const laws *self) {
    return dx_bytes_equal(dx_buf_view(&self->expected), dx_buf_view(&self->actual));
}

static void *create(laws *self) {
    return self->model->create(&self->alloc.port, &self->created);
}

static void destroy(laws *self, void *state) {
    self->model->destroy(&self->alloc.port, state);
}

/* The saved state after these samples in this order. */
static int save_in_order(laws *self, const size_t *order, size_t count, dx_buf *out) {
    void *state = create(self);
    int error = state == NULL ? DX_E_NO_MEMORY : DX_OK;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        error = apply(self, state, operation_of(self, order[i]), &self->samples[order[i]].stamp);
        if (error == DX_E_MALFORMED) {
            error = broken(self, "order", "an operation of the generator was refused");
        }
    }
    if (error == DX_OK) {
        error = save(self, state, out);
    }
    destroy(self, state);
    return error;
}

/* --- order -------------------------------------------------------------------------------------- */

static void swap(size_t *order, size_t a, size_t b) {
    size_t held = order[a];
    order[a] = order[b];
    order[b] = held;
}

/* Next order in lexicographic succession; false after the last. */
static bool next_order(size_t *order, size_t count) {
    size_t i = count - 1;
    while (i > 0 && order[i - 1] >= order[i]) {
        i--;
    }
    if (i == 0) {
        return false;
    }
    size_t j = count - 1;
    while (order[j] <= order[i - 1]) {
        j--;
    }
    swap(order, i - 1, j);
    for (size_t end = count - 1; i < end; i++, end--) {
        swap(order, i, end);
    }
    return true;
}

/* Of the ordered kind there is one order; nothing but the operations may decide what comes of it. */
static int try_sorted(laws *self) {
    size_t order[MANY];
    for (size_t i = 0; i < MANY; i++) {
        order[i] = i;
    }
    int error = save_in_order(self, order, MANY, &self->expected);
    for (size_t again = 0; again < SHUFFLES && error == DX_OK; again++) {
        error = save_in_order(self, order, MANY, &self->actual);
        if (error == DX_OK && !same(self)) {
            return broken(self, "order", "the same operations in the same order save different states");
        }
    }
    return error;
}

static int try_order(laws *self) {
    size_t order[MANY];
    for (size_t i = 0; i < MANY; i++) {
        order[i] = i;
    }
    int error = save_in_order(self, order, FEW, &self->expected);
    while (error == DX_OK && next_order(order, FEW)) {
        error = save_in_order(self, order, FEW, &self->actual);
        if (error == DX_OK && !same(self)) {
            return broken(self, "order", "two orders of a few operations save different states");
        }
    }
    if (error == DX_OK) {
        error = save_in_order(self, order, MANY, &self->expected);
    }
    for (size_t shuffle = 0; shuffle < SHUFFLES && error == DX_OK; shuffle++) {
        for (size_t i = MANY - 1; i > 0; i--) {
            swap(order, i, choose(self, i + 1));
        }
        error = save_in_order(self, order, MANY, &self->actual);
        if (error == DX_OK && !same(self)) {
            return broken(self, "order", "two orders of many operations save different states");
        }
    }
    return error;
}

/* --- idempotent, restore, view -------------------------------------------------------------------- */

static int try_again(laws *self, void *state) {
    for (size_t i = 0; i < MANY; i++) {
        int error = save(self, state, &self->expected);
        if (error == DX_OK) {
            error = apply(self, state, operation_of(self, i), &self->samples[i].stamp);
        }
        if (error == DX_OK) {
            error = save(self, state, &self->actual);
        }
        if (error != DX_OK) {
            return error;
        }
        if (!same(self)) {
            return broken(self, "idempotent", "an operation applied again changed the state");
        }
    }
    return DX_OK;
}

/* Replaces the state by one restored from its saved bytes (left in expected), and compares. */
static int pass_through_save(laws *self, void **state) {
    void *restored = create(self);
    int error = restored == NULL ? DX_E_NO_MEMORY : save(self, *state, &self->expected);
    if (error == DX_OK) {
        error = self->model->restore(restored, dx_buf_view(&self->expected));
        if (error == DX_E_CORRUPT) {
            error = broken(self, "restore", "restore refused what save had written");
        }
    }
    if (error == DX_OK) {
        error = save(self, restored, &self->actual);
    }
    if (error == DX_OK && !same(self)) {
        error = broken(self, "restore", "a restored state saves other bytes");
    }
    if (error != DX_OK) {
        destroy(self, restored);
        return error;
    }
    destroy(self, *state);
    *state = restored;
    return DX_OK;
}

static int compare_views(laws *self, const void *a, const void *b) {
    int error = view(self, a, &self->expected);
    if (error == DX_OK) {
        error = view(self, b, &self->actual);
    }
    if (error != DX_OK) {
        return error;
    }
    if (dx_item_check(dx_buf_view(&self->expected)) != DX_OK) {
        return broken(self, "view", "a view is not one canonical item");
    }
    return same(self) ? DX_OK : broken(self, "view", "equal states have different views");
}

/* One state lives through all operations, another is saved and restored before each. */
static int try_restore(laws *self) {
    void *lasting = create(self), *passing = create(self);
    int error = lasting == NULL || passing == NULL ? DX_E_NO_MEMORY : DX_OK;
    for (size_t i = 0; i < MANY && error == DX_OK; i++) {
        error = pass_through_save(self, &passing);
        if (error == DX_OK) {
            error = apply(self, passing, operation_of(self, i), &self->samples[i].stamp);
        }
        if (error == DX_OK) {
            error = apply(self, lasting, operation_of(self, i), &self->samples[i].stamp);
        }
        if (error == DX_OK) {
            error = save(self, lasting, &self->expected);
        }
        if (error == DX_OK) {
            error = save(self, passing, &self->actual);
        }
        if (error == DX_OK && !same(self)) {
            error = broken(self, "restore", "a restored state took an operation differently");
        }
        if (error == DX_OK) {
            error = compare_views(self, lasting, passing);
        }
    }
    if (error == DX_OK && !is_ordered(self)) {
        error = try_again(self, lasting);
    }
    destroy(self, lasting);
    destroy(self, passing);
    return error;
}

/* --- amend ------------------------------------------------------------------------------------------ */

/* One row goes from operation to operation by its bytes alone; what it says is what save says, and whatever refuses an operation
 * here refuses it there. */
static int try_amend(laws *self) {
    dx_buf row, next;
    dx_buf_init(&row, self->alloc.below, BYTES_MAX);
    dx_buf_init(&next, self->alloc.below, BYTES_MAX);
    void *state = create(self);
    int error = state == NULL ? DX_E_NO_MEMORY : DX_OK;
    for (size_t i = 0; i < MANY && error == DX_OK; i++) {
        const dx_stamp *stamp = &self->samples[i].stamp;
        error = apply(self, state, operation_of(self, i), stamp);
        dx_buf_clear(&next);
        int outcome = self->model->amend(&self->alloc.port, &self->created, dx_buf_view(&row),
                                         operation_of(self, i), stamp, &next);
        if (error == DX_OK && outcome != DX_OK) {
            error = broken(self, "amend", "amend refused what apply took");
        }
        dx_buf held = row;
        row = next;
        next = held;
        dx_buf_clear(&self->actual);
        error = error == DX_OK ? save(self, state, &self->expected) : error;
        error = error == DX_OK ? self->model->canonical(&self->alloc.port, dx_buf_view(&row), &self->actual)
                               : error;
        if (error == DX_OK && !same(self)) {
            error = broken(self, "amend", "an amended row says something else than the state");
        }
    }
    destroy(self, state);
    dx_buf_deinit(&row);
    dx_buf_deinit(&next);
    return error;
}

/* --- canonical, refusal --------------------------------------------------------------------------- */

/* A copy with a few bytes changed, cut, doubled or made up. */
static int write_damaged(laws *self, dx_bytes from, dx_buf *out) {
    dx_buf_clear(out);
    dx_buf_append(out, from.data, from.size);
    switch (choose(self, 4)) {
    case 0:
        out->size = choose(self, out->size + 1);
        break;
    case 1:
        dx_buf_append_byte(out, (uint8_t)choose(self, 256));
        break;
    default:
        break;
    }
    for (size_t changes = 1 + choose(self, 3); changes > 0 && out->size > 0; changes--) {
        uint8_t *byte = &out->data[choose(self, out->size)];
        *byte =
            choose(self, 2) == 0 ? (uint8_t)(*byte + 1 - 2 * choose(self, 2)) : (uint8_t)choose(self, 256);
    }
    return dx_buf_error(out);
}

/* Of a model that restores on trust. */
static int judge_damaged(laws *self, dx_bytes damaged) {
    dx_buf_clear(&self->actual);
    int error = self->model->canonical(&self->alloc.port, damaged, &self->actual);
    if (error == DX_OK) {
        dx_buf_clear(&self->expected);
        error = self->model->canonical(&self->alloc.port, dx_buf_view(&self->actual), &self->expected);
        if (error == DX_OK && !same(self)) {
            return broken(self, "canonical", "the canonical form of canonical bytes is another one");
        }
    }
    if (error == DX_OK && dx_bytes_equal(dx_buf_view(&self->actual), damaged)) {
        void *state = create(self);
        error = state == NULL ? DX_E_NO_MEMORY : self->model->restore(state, damaged);
        error = error == DX_OK ? save(self, state, &self->actual) : error;
        destroy(self, state);
        if (error == DX_OK && !dx_bytes_equal(dx_buf_view(&self->actual), damaged)) {
            return broken(self, "canonical", "bytes that are canonical are not what save writes");
        }
    }
    return error == DX_E_CORRUPT || error == DX_E_LIMIT ? DX_OK : error;
}

/* Whatever damage does to a saved state: it is refused, or it is a saved state itself. */
static int restore_damaged(laws *self, dx_bytes damaged) {
    if (self->model->canonical != NULL) {
        return judge_damaged(self, damaged);
    }
    void *state = create(self);
    if (state == NULL) {
        return DX_E_NO_MEMORY;
    }
    int error = save(self, state, &self->expected); /* the empty state */
    if (error == DX_OK) {
        error = self->model->restore(state, damaged);
        bool refused = error == DX_E_CORRUPT;
        if (refused || error == DX_OK) {
            error = save(self, state, &self->actual);
        }
        if (error == DX_OK && refused && !same(self)) {
            error = broken(self, "canonical", "a refused restore changed the state");
        }
        if (error == DX_OK && !refused && !dx_bytes_equal(dx_buf_view(&self->actual), damaged)) {
            error = broken(self, "canonical", "restore took bytes that save does not produce");
        }
    }
    destroy(self, state);
    return error;
}

/* Applies a damaged operation; refused, it must change nothing, accepted, it must keep to the laws too. */
static int apply_damaged(laws *self, void **state, dx_bytes damaged) {
    dx_stamp *stamp = &self->samples[choose(self, MANY)].stamp, later = {.counter = ++self->latest};
    memcpy(later.feed, stamp->feed, sizeof later.feed);
    stamp = is_ordered(self) ? &later : stamp;
    int error = save(self, *state, &self->expected);
    if (error != DX_OK) {
        return error;
    }
    int outcome = apply(self, *state, damaged, stamp);
    if (outcome != DX_OK && outcome != DX_E_MALFORMED && outcome != DX_E_LIMIT) {
        return outcome;
    }
    error = save(self, *state, &self->actual);
    if (error != DX_OK) {
        return error;
    }
    if (outcome != DX_OK) {
        self->report->refused++;
        return same(self) ? DX_OK : broken(self, "refusal", "a refused operation changed the state");
    }
    error = is_ordered(self) ? DX_OK : apply(self, *state, damaged, stamp);
    if (error == DX_OK) {
        error = save(self, *state, &self->expected);
    }
    if (error == DX_OK && !same(self)) {
        return broken(self, "idempotent", "a damaged operation that was accepted changed the state twice");
    }
    return error == DX_OK ? pass_through_save(self, state) : error;
}

static int try_damage(laws *self) {
    dx_buf damaged, saved;
    dx_buf_init(&damaged, self->alloc.below, BYTES_MAX);
    dx_buf_init(&saved, self->alloc.below, BYTES_MAX);
    void *state = create(self);
    int error = state == NULL ? DX_E_NO_MEMORY : DX_OK;
    for (size_t i = 0; i < DAMAGES && error == DX_OK; i++) {
        dx_stamp stamp = self->samples[i].stamp;
        stamp.counter = is_ordered(self) ? ++self->latest : stamp.counter;
        error = apply(self, state, operation_of(self, i), &stamp);
        if (error == DX_OK) {
            error = write_damaged(self, operation_of(self, choose(self, MANY)), &damaged);
        }
        if (error == DX_OK) {
            error = apply_damaged(self, &state, dx_buf_view(&damaged));
        }
        if (error == DX_OK) {
            error = save(self, state, &saved);
        }
        if (error == DX_OK) {
            error = write_damaged(self, dx_buf_view(&saved), &damaged);
        }
        if (error == DX_OK) {
            error = restore_damaged(self, dx_buf_view(&damaged));
        }
    }
    destroy(self, state);
    dx_buf_deinit(&damaged);
    dx_buf_deinit(&saved);
    return error;
}

/* --- memory ------------------------------------------------------------------------------------- */

/* Tries until it succeeds: a failure must be DX_E_NO_MEMORY and must leave the saved bytes as they were. */
static int apply_until_done(laws *self, void *state, size_t index) {
    int error = save(self, state, &self->expected);
    while (error == DX_OK) {
        error = apply(self, state, operation_of(self, index), &self->samples[index].stamp);
        if (error != DX_E_NO_MEMORY) {
            return error == DX_OK ? DX_OK
                                  : broken(self, "memory", "a failed allocation was not told as such");
        }
        error = save(self, state, &self->actual);
        if (error == DX_OK && !same(self)) {
            return broken(self, "memory", "a failed allocation left the state changed");
        }
        self->alloc.fail_at = 0;
    }
    return error;
}

/* The whole life of a state while allocations fail as the allocator says; a failure that sticks is lifted
 * after it was seen. Everything allocated by the model goes through that allocator, the suite's own buffers
 * do not. */
static int live_with_failures(laws *self) {
    void *state = create(self), *restored = NULL;
    if (state == NULL) {
        self->alloc.fail_at = 0;
        state = create(self);
    }
    int error = state == NULL ? DX_E_NO_MEMORY : DX_OK;
    for (size_t i = 0; i < FEW && error == DX_OK; i++) {
        error = apply_until_done(self, state, i);
    }
    if (error == DX_OK) {
        error = view(self, state, &self->actual);
        if (error == DX_E_NO_MEMORY) {
            self->alloc.fail_at = 0;
            error = view(self, state, &self->actual);
        }
    }
    if (error == DX_OK) {
        error = save(self, state, &self->expected);
    }
    if (error == DX_OK && (restored = create(self)) == NULL) {
        self->alloc.fail_at = 0;
        restored = create(self);
        error = restored == NULL ? DX_E_NO_MEMORY : DX_OK;
    }
    if (error == DX_OK) {
        error = self->model->restore(restored, dx_buf_view(&self->expected));
        if (error == DX_E_NO_MEMORY) {
            self->alloc.fail_at = 0;
            error = self->model->restore(restored, dx_buf_view(&self->expected));
        }
    }
    if (error == DX_OK) {
        error = save(self, restored, &self->actual);
    }
    if (error == DX_OK && !same(self)) {
        error = broken(self, "memory", "a state made while allocations failed is another one");
    }
    destroy(self, restored);
    destroy(self, state);
    return error;
}

static int try_memory(laws *self) {
    failing_alloc *alloc = &self->alloc;
    self->failing = true;
    for (int sticky = 0; sticky < 2; sticky++) {
        for (uint64_t fail_at = 1; fail_at < FAILURES_MAX; fail_at++) {
            alloc->calls = 0;
            alloc->fail_at = fail_at;
            alloc->sticky = sticky != 0;
            int error = live_with_failures(self);
            bool reached = alloc->calls >= fail_at;
            alloc->fail_at = 0;
            if (error == DX_OK && alloc->live_bytes != 0) {
                error = broken(self, "memory", "not everything allocated was given back");
            }
            if (error != DX_OK) {
                return error;
            }
            if (!reached) {
                break;
            }
        }
    }
    return DX_OK;
}

/* --- The run ------------------------------------------------------------------------------------ */

static int run_round(laws *self, const dx_model_generator *generator) {
    self->failing = false;
    int error = make_samples(self, generator);
    if (error == DX_OK) {
        error = is_ordered(self) ? try_sorted(self) : try_order(self);
    }
    if (error == DX_OK) {
        error = try_restore(self);
    }
    if (error == DX_OK && self->model->amend != NULL && self->model->canonical != NULL) {
        error = try_amend(self);
    }
    if (error == DX_OK) {
        error = try_damage(self);
    }
    if (error == DX_OK && self->alloc.live_bytes != 0) {
        error = broken(self, "memory", "not everything allocated was given back");
    }
    return error == DX_OK ? try_memory(self) : error;
}

int dx_model_laws_run(const dx_model *model, const dx_model_generator *generator, const dx_alloc *alloc,
                      uint64_t seed, size_t rounds, dx_model_report *report) {
    laws self = {.model = model, .report = report};
    *report = (dx_model_report){.seed = seed, .digest = UINT64_C(0xcbf29ce484222325)};
    self.latest = 3 + MANY;
    self.alloc = (failing_alloc){.port = {&self.alloc, resize_or_fail}, .below = alloc};
    self.random = (dx_random){&self.random_state, fill_from_seed};
    dx_buf_init(&self.operations, alloc, BYTES_MAX);
    dx_buf_init(&self.expected, alloc, BYTES_MAX);
    dx_buf_init(&self.actual, alloc, BYTES_MAX);
    int error = DX_OK;
    for (size_t i = 0; i < rounds && error == DX_OK; i++) {
        report->seed = self.random_state = seed + i;
        error = run_round(&self, generator);
    }
    dx_buf_deinit(&self.operations);
    dx_buf_deinit(&self.expected);
    dx_buf_deinit(&self.actual);
    return error;
}
