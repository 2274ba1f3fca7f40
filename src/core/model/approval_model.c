/* model/approval_model.c: a document's way through approval: draft, submitted, approved or rejected.
 *
 * Layer: floor 1, model. docs/spec/approval-model.md. Of the ordered kind: operations come in the order of their
 * stamps, so what is a valid step is decided by all that came before, everywhere alike. A step that is not valid
 * then changes nothing but the list of those that were refused, with the reason. Who somebody is, is the feed
 * of the stamp: nobody else can write with it. */
#include <dxos/model.h>
#include <string.h>

enum {
    REVIEWERS_MAX = 64,
    REFUSED_MAX = 32, /* kept; older ones are only counted */
    REASON_SIZE_MAX = 4096
};

typedef enum phase { PHASE_DRAFT, PHASE_SUBMITTED, PHASE_APPROVED, PHASE_REJECTED, PHASE_COUNT } phase;
typedef enum step {
    STEP_ASSIGN,
    STEP_SUBMIT,
    STEP_APPROVE,
    STEP_REJECT,
    STEP_WITHDRAW,
    STEP_REOPEN,
    STEP_COUNT
} step;
typedef enum refusal {
    REFUSED_NOT_OWNER,
    REFUSED_NOT_REVIEWER,
    REFUSED_PHASE,
    REFUSED_TWICE,
    REFUSED_NOBODY,
    REFUSAL_COUNT
} refusal;

static const char *const phase_names[] = {"draft", "submitted", "approved", "rejected"};
static const char *const step_names[] = {"assign", "submit", "approve", "reject", "withdraw", "reopen"};
static const char *const refusal_words[] = {[REFUSED_NOT_OWNER] = "only its owner may",
                                            [REFUSED_NOT_REVIEWER] = "only a reviewer may",
                                            [REFUSED_PHASE] = "not in this state",
                                            [REFUSED_TWICE] = "said before",
                                            [REFUSED_NOBODY] =
                                                "there are fewer reviewers than approvals needed"};

typedef struct reviewer {
    uint8_t who[DX_FEED_PREFIX_SIZE];
    bool approved;
} reviewer;

typedef struct refused_step {
    dx_stamp stamp;
    step what;
    refusal why;
} refused_step;

typedef struct approval {
    const dx_alloc *alloc;
    uint8_t owner[DX_FEED_PREFIX_SIZE]; /* not saved: whoever made the object */
    phase at;
    uint64_t needed; /* approvals; reviewers + 1 at most */
    reviewer reviewers[REVIEWERS_MAX];
    size_t reviewer_count;
    uint8_t rejected_by[DX_FEED_PREFIX_SIZE]; /* in PHASE_REJECTED */
    uint8_t reason[REASON_SIZE_MAX];
    size_t reason_size;
    refused_step refused[REFUSED_MAX]; /* the latest, in their order */
    size_t refused_kept;
    uint64_t refused_count;
} approval;

static void *approval_create(const dx_alloc *alloc, const dx_stamp *created) {
    approval *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self != NULL) {
        self->alloc = alloc;
        memcpy(self->owner, created->feed, sizeof self->owner);
    }
    return self;
}

static void approval_destroy(const dx_alloc *alloc, void *state) {
    dx_alloc_free(alloc, state, sizeof(approval));
}

/* --- Operations ---------------------------------------------------------------------------------- */

/* A step as it was asked for. */
typedef struct asked {
    step what;
    uint64_t needed;
    reviewer reviewers[REVIEWERS_MAX];
    size_t reviewer_count;
    dx_bytes reason;
} asked;

static bool is_text(dx_bytes text, const char *word) {
    return dx_bytes_equal(text, dx_bytes_text(word));
}

/* The first bytes of a reference to something that the reviewer's device made: the object of type dx.member, say. */
static void read_reviewer(dx_reader *in, asked *out) {
    reviewer one = {.approved = false};
    if (dx_reader_peek(in) != DX_KIND_TAG || dx_read_tag(in) != DX_TAG_REFERENCE) {
        dx_reader_fail(in);
        return;
    }
    dx_bytes id = dx_read_bytes(in);
    if (id.size < sizeof one.who) {
        dx_reader_fail(in);
        return;
    }
    memcpy(one.who, id.data, sizeof one.who);
    for (size_t i = 0; i < out->reviewer_count; i++) {
        if (memcmp(out->reviewers[i].who, one.who, sizeof one.who) == 0) {
            dx_reader_fail(in); /* twice the same */
        }
    }
    out->reviewers[out->reviewer_count++] = one;
}

static void read_assignment(dx_reader *in, asked *out) {
    size_t count = dx_read_array(in);
    if (count > REVIEWERS_MAX) {
        dx_reader_fail(in);
    }
    for (size_t i = 0; i < count && in->error == DX_OK; i++) {
        read_reviewer(in, out);
    }
    out->needed = dx_read_uint_max(in, REVIEWERS_MAX);
    if (out->needed == 0) {
        dx_reader_fail(in);
    }
}

/* ["assign", [reference…], needed] | ["submit"] | ["approve"] | ["reject", reason] | ["withdraw"] | ["reopen"] */
static int read_asked(dx_bytes operation, asked *out) {
    dx_reader in;
    memset(out, 0, sizeof *out);
    dx_reader_init(&in, operation);
    size_t items = dx_read_array(&in);
    dx_bytes word = dx_read_text(&in);
    out->what = STEP_COUNT;
    for (size_t i = 0; i < STEP_COUNT; i++) {
        out->what = is_text(word, step_names[i]) ? (step)i : out->what;
    }
    size_t wanted = out->what == STEP_ASSIGN ? 3 : out->what == STEP_REJECT ? 2 : 1;
    if (out->what == STEP_COUNT || items != wanted) {
        return DX_E_MALFORMED;
    }
    if (out->what == STEP_ASSIGN) {
        read_assignment(&in, out);
    } else if (out->what == STEP_REJECT) {
        out->reason = dx_read_text(&in);
    }
    return dx_reader_finish(&in) == DX_OK && out->reason.size <= REASON_SIZE_MAX ? DX_OK : DX_E_MALFORMED;
}

static reviewer *find_reviewer(approval *self, const uint8_t *who) {
    for (size_t i = 0; i < self->reviewer_count; i++) {
        if (memcmp(self->reviewers[i].who, who, DX_FEED_PREFIX_SIZE) == 0) {
            return &self->reviewers[i];
        }
    }
    return NULL;
}

static uint64_t count_approved(const approval *self) {
    uint64_t count = 0;
    for (size_t i = 0; i < self->reviewer_count; i++) {
        count += self->reviewers[i].approved;
    }
    return count;
}

/* The state in which each step is taken, and whether the owner or a reviewer takes it. */
static const struct {
    phase from;
    bool by_owner;
} rules[] = {[STEP_ASSIGN] = {PHASE_DRAFT, true},       [STEP_SUBMIT] = {PHASE_DRAFT, true},
             [STEP_APPROVE] = {PHASE_SUBMITTED, false}, [STEP_REJECT] = {PHASE_SUBMITTED, false},
             [STEP_WITHDRAW] = {PHASE_SUBMITTED, true}, [STEP_REOPEN] = {PHASE_REJECTED, true}};

/* REFUSAL_COUNT: it may be taken. */
static refusal judge(approval *self, const asked *what, const dx_stamp *stamp) {
    const reviewer *one = find_reviewer(self, stamp->feed);
    bool owner = memcmp(stamp->feed, self->owner, sizeof self->owner) == 0;
    if (rules[what->what].by_owner && !owner) {
        return REFUSED_NOT_OWNER;
    }
    if (!rules[what->what].by_owner && one == NULL) {
        return REFUSED_NOT_REVIEWER;
    }
    if (self->at != rules[what->what].from) {
        return REFUSED_PHASE;
    }
    if (what->what == STEP_APPROVE && one->approved) {
        return REFUSED_TWICE;
    }
    if (what->what == STEP_SUBMIT && (self->needed == 0 || self->needed > self->reviewer_count)) {
        return REFUSED_NOBODY;
    }
    return REFUSAL_COUNT;
}

static void note_refused(approval *self, const asked *what, const dx_stamp *stamp, refusal why) {
    if (self->refused_kept == REFUSED_MAX) {
        memmove(self->refused, self->refused + 1, (REFUSED_MAX - 1) * sizeof *self->refused);
        self->refused_kept--;
    }
    self->refused[self->refused_kept++] = (refused_step){.stamp = *stamp, .what = what->what, .why = why};
    self->refused_count++;
}

static void forget_votes(approval *self) {
    for (size_t i = 0; i < self->reviewer_count; i++) {
        self->reviewers[i].approved = false;
    }
}

static void take(approval *self, const asked *what, const dx_stamp *stamp) {
    switch (what->what) {
    case STEP_ASSIGN:
        memcpy(self->reviewers, what->reviewers, sizeof self->reviewers);
        self->reviewer_count = what->reviewer_count;
        self->needed = what->needed;
        break;
    case STEP_SUBMIT:
        self->at = PHASE_SUBMITTED;
        break;
    case STEP_APPROVE:
        find_reviewer(self, stamp->feed)->approved = true;
        self->at = count_approved(self) >= self->needed ? PHASE_APPROVED : PHASE_SUBMITTED;
        break;
    case STEP_REJECT:
        self->at = PHASE_REJECTED;
        memcpy(self->rejected_by, stamp->feed, sizeof self->rejected_by);
        self->reason_size = what->reason.size;
        if (what->reason.size > 0) {
            memcpy(self->reason, what->reason.data, what->reason.size);
        }
        break;
    case STEP_WITHDRAW:
    case STEP_REOPEN:
    case STEP_COUNT:
        self->at = PHASE_DRAFT;
        forget_votes(self);
        memset(self->rejected_by, 0, sizeof self->rejected_by);
        self->reason_size = 0;
    }
}

static int approval_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    approval *self = state;
    asked what;
    int error = read_asked(operation, &what);
    if (error != DX_OK) {
        return error;
    }
    refusal why = judge(self, &what, stamp);
    if (why == REFUSAL_COUNT) {
        take(self, &what, stamp);
    } else {
        note_refused(self, &what, stamp, why);
    }
    return DX_OK;
}

/* --- Saved state ----------------------------------------------------------------------------------- */

static dx_bytes feed_bytes(const uint8_t *feed) {
    return dx_bytes_of(feed, DX_FEED_PREFIX_SIZE);
}

/* [phase, needed, [[reviewer, approved]…], rejection or null, count of refused, [[counter, feed, step, why]…]] */
static int approval_save(const void *state, dx_buf *out) {
    const approval *self = state;
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 6);
    dx_write_uint(&writer, (uint64_t)self->at);
    dx_write_uint(&writer, self->needed);
    dx_write_array(&writer, self->reviewer_count);
    for (size_t i = 0; i < self->reviewer_count; i++) {
        dx_write_array(&writer, 2);
        dx_write_bytes(&writer, feed_bytes(self->reviewers[i].who));
        dx_write_bool(&writer, self->reviewers[i].approved);
    }
    if (self->at == PHASE_REJECTED) {
        dx_write_array(&writer, 2);
        dx_write_bytes(&writer, feed_bytes(self->rejected_by));
        dx_write_text_bytes(&writer, dx_bytes_of(self->reason, self->reason_size));
    } else {
        dx_write_null(&writer);
    }
    dx_write_uint(&writer, self->refused_count);
    dx_write_array(&writer, self->refused_kept);
    for (size_t i = 0; i < self->refused_kept; i++) {
        const refused_step *one = &self->refused[i];
        dx_write_array(&writer, 4);
        dx_write_uint(&writer, one->stamp.counter);
        dx_write_bytes(&writer, feed_bytes(one->stamp.feed));
        dx_write_uint(&writer, (uint64_t)one->what);
        dx_write_uint(&writer, (uint64_t)one->why);
    }
    return dx_writer_finish(&writer);
}

static void read_reviewers(dx_reader *in, approval *out) {
    size_t count = dx_read_array(in);
    if (count > REVIEWERS_MAX) {
        dx_reader_fail(in);
    }
    for (size_t i = 0; i < count && in->error == DX_OK; i++) {
        reviewer one = {.approved = false};
        if (dx_read_array(in) != 2) {
            dx_reader_fail(in);
        }
        dx_read_bytes_exact(in, one.who, sizeof one.who);
        one.approved = dx_read_bool(in);
        if (find_reviewer(out, one.who) != NULL) {
            dx_reader_fail(in);
        }
        out->reviewers[out->reviewer_count++] = one;
    }
}

static void read_rejection(dx_reader *in, approval *out) {
    if (out->at != PHASE_REJECTED) {
        dx_read_null(in);
        return;
    }
    if (dx_read_array(in) != 2) {
        dx_reader_fail(in);
    }
    dx_read_bytes_exact(in, out->rejected_by, sizeof out->rejected_by);
    dx_bytes reason = dx_read_text(in);
    if (reason.size > REASON_SIZE_MAX) {
        dx_reader_fail(in);
    } else if (reason.size > 0) {
        memcpy(out->reason, reason.data, reason.size);
        out->reason_size = reason.size;
    }
}

static void read_refused(dx_reader *in, approval *out) {
    out->refused_count = dx_read_uint(in);
    size_t count = dx_read_array(in);
    if (count > REFUSED_MAX ||
        count != (out->refused_count < REFUSED_MAX ? out->refused_count : REFUSED_MAX)) {
        dx_reader_fail(in);
    }
    for (size_t i = 0; i < count && in->error == DX_OK; i++) {
        refused_step *one = &out->refused[out->refused_kept++];
        if (dx_read_array(in) != 4) {
            dx_reader_fail(in);
        }
        one->stamp.counter = dx_read_uint(in);
        dx_read_bytes_exact(in, one->stamp.feed, sizeof one->stamp.feed);
        one->what = (step)dx_read_uint_max(in, STEP_COUNT - 1);
        one->why = (refusal)dx_read_uint_max(in, REFUSAL_COUNT - 1);
    }
}

/* Read into a fresh state beside this one, so that what is refused changes nothing. */
static int approval_restore(void *state, dx_bytes saved) {
    approval *self = state;
    dx_reader in;
    approval *fresh = dx_alloc_take_zeroed(self->alloc, sizeof *fresh);
    if (fresh == NULL) {
        return DX_E_NO_MEMORY;
    }
    fresh->alloc = self->alloc;
    memcpy(fresh->owner, self->owner, sizeof fresh->owner);
    dx_reader_init(&in, saved);
    if (dx_read_array(&in) != 6) {
        dx_reader_fail(&in);
    }
    fresh->at = (phase)dx_read_uint_max(&in, PHASE_COUNT - 1);
    fresh->needed = dx_read_uint_max(&in, REVIEWERS_MAX);
    read_reviewers(&in, fresh);
    read_rejection(&in, fresh);
    read_refused(&in, fresh);
    int error = dx_reader_finish(&in) == DX_OK ? DX_OK : DX_E_CORRUPT;
    if (error == DX_OK) {
        *self = *fresh;
    }
    dx_alloc_free(self->alloc, fresh, sizeof *fresh);
    return error;
}

/* --- What people see -------------------------------------------------------------------------------- */

static void view_refused(const approval *self, dx_writer *out) {
    dx_write_array(out, self->refused_kept);
    for (size_t i = 0; i < self->refused_kept; i++) {
        const refused_step *one = &self->refused[i];
        dx_write_map(out, 3);
        dx_write_text(out, "by");
        dx_write_bytes(out, feed_bytes(one->stamp.feed));
        dx_write_text(out, "why");
        dx_write_text(out, refusal_words[one->why]);
        dx_write_text(out, "step");
        dx_write_text(out, step_names[one->what]);
    }
}

/* Keys in the order of their encodings: shorter first. Who is told by the first bytes of a feed's id, as in ids. */
static int approval_view(const void *state, dx_writer *out) {
    const approval *self = state;
    bool rejected = self->at == PHASE_REJECTED;
    dx_write_map(out, rejected ? 8 : 6);
    dx_write_text(out, "owner");
    dx_write_bytes(out, feed_bytes(self->owner));
    dx_write_text(out, "state");
    dx_write_text(out, phase_names[self->at]);
    dx_write_text(out, "needed");
    dx_write_uint(out, self->needed);
    if (rejected) {
        dx_write_text(out, "reason");
        dx_write_text_bytes(out, dx_bytes_of(self->reason, self->reason_size));
    }
    dx_write_text(out, "refused");
    view_refused(self, out);
    dx_write_text(out, "approved");
    dx_write_array(out, (size_t)count_approved(self));
    for (size_t i = 0; i < self->reviewer_count; i++) {
        if (self->reviewers[i].approved) {
            dx_write_bytes(out, feed_bytes(self->reviewers[i].who));
        }
    }
    dx_write_text(out, "reviewers");
    dx_write_array(out, self->reviewer_count);
    for (size_t i = 0; i < self->reviewer_count; i++) {
        dx_write_bytes(out, feed_bytes(self->reviewers[i].who));
    }
    if (rejected) {
        dx_write_text(out, "rejected_by");
        dx_write_bytes(out, feed_bytes(self->rejected_by));
    }
    return DX_OK;
}

const dx_model dx_approval_model = {
    .version = DX_MODEL_VERSION,
    .name = "dx/approval/1",
    .kind = DX_MODEL_ORDERED,
    .create = approval_create,
    .destroy = approval_destroy,
    .apply = approval_apply,
    .save = approval_save,
    .restore = approval_restore,
    .view = approval_view,
};
