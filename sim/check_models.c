/* sim/check_models.c: models of other objects, in the reference: every operation is kept, and what stands is worked out
 * from all of them.
 *
 * Layer: simulator, checkers; docs/spec/counter-model.md, approval-model.md. See check_state.h. */
#include "check_state.h"

#include <stdlib.h>
#include <string.h>

#include "skew.h"

enum { REVIEWERS_MAX = 64, REFUSED_SHOWN = 32, REASON_MAX = 4096, MADE_SIZE_MAX = 1 << 20 };

static bool is_model(const check_entity *entity, const char *name) {
    return dx_bytes_equal(entity->model, dx_bytes_text(name));
}

/* Those of newer programs mean the same under other names (skew.h). */
static bool is_counter(const check_entity *entity) {
    return is_model(entity, "dx/counter/1") || is_model(entity, SIM_TALLY);
}

static bool is_approval(const check_entity *entity) {
    return is_model(entity, "dx/approval/1") || is_model(entity, SIM_PAPER);
}

static bool is_text(const check_entity *entity) {
    return is_model(entity, "dx/text/1");
}

/* --- The forms of operations ----------------------------------------------------------------------------- */

/* Of the approval's steps: their words, how many items each has, in which phase it is taken and by whom. */
enum { DRAFT, SUBMITTED, APPROVED, REJECTED };
enum { ASSIGN, SUBMIT, APPROVE, REJECT, WITHDRAW, REOPEN, STEPS };
static const char *const phases[] = {"draft", "submitted", "approved", "rejected"};
static const struct {
    const char *word;
    size_t items;
    int phase;
    bool owner;
} steps[STEPS] = {{"assign", 3, DRAFT, true},       {"submit", 1, DRAFT, true},
                  {"approve", 1, SUBMITTED, false}, {"reject", 2, SUBMITTED, false},
                  {"withdraw", 1, SUBMITTED, true}, {"reopen", 1, REJECTED, true}};

typedef struct taken_step {
    int step;
    size_t count; /* assign: reviewers, by the beginnings of references */
    const uint8_t *who[REVIEWERS_MAX];
    uint64_t needed;
    dx_bytes reason;
} taken_step;

static bool read_reviewers(dx_reader *in, taken_step *out) {
    size_t count = dx_read_array(in);
    bool well = count <= REVIEWERS_MAX;
    for (; well && count > 0 && in->error == DX_OK; count--) {
        dx_bytes id = dx_reader_peek(in) == DX_KIND_TAG && dx_read_tag(in) == DX_TAG_REFERENCE
                          ? dx_read_bytes(in)
                          : dx_bytes_of(NULL, 0);
        well = id.size >= CHECK_PREFIX_SIZE;
        for (size_t i = 0; well && i < out->count; i++) {
            well = memcmp(out->who[i], id.data, CHECK_PREFIX_SIZE) != 0;
        }
        out->who[out->count++] = id.data;
    }
    return well;
}

static bool read_step(dx_bytes operation, taken_step *out) {
    dx_reader in;
    *out = (taken_step){.step = STEPS};
    dx_reader_init(&in, operation);
    size_t items = dx_read_array(&in);
    dx_bytes word = dx_read_text(&in);
    for (int i = 0; i < STEPS; i++) {
        out->step = dx_bytes_equal(word, dx_bytes_text(steps[i].word)) ? i : out->step;
    }
    bool well = in.error == DX_OK && out->step < STEPS && items == steps[out->step].items;
    if (well && out->step == ASSIGN) {
        well = read_reviewers(&in, out);
        out->needed = dx_read_uint(&in);
        well = well && out->needed >= 1 && out->needed <= REVIEWERS_MAX;
    }
    if (well && out->step == REJECT) {
        out->reason = dx_read_text(&in);
        well = out->reason.size <= REASON_MAX;
    }
    return well && dx_reader_finish(&in) == DX_OK;
}

bool check_model_operate(check_space *space, check_entity *entity, dx_bytes operation,
                         const check_stamp *stamp) {
    taken_step step;
    bool counter = is_counter(entity);
    bool well = counter ? dx_item_check(operation) == DX_OK && dx_item_kind(operation) == DX_KIND_INT
                : is_text(entity) ? check_text_takes(entity, operation, stamp)
                                  : read_step(operation, &step);
    if (!counter && !is_text(entity) && !is_approval(entity)) {
        sim_violate(space->world, "the reference knows no model %.*s", (int)entity->model.size,
                    (const char *)entity->model.data);
    }
    if (!well) {
        return false;
    }
    check_step *all = check_take(space, (entity->step_count + 1) * sizeof *all);
    if (entity->step_count > 0) {
        memcpy(all, entity->steps, entity->step_count * sizeof *all);
    }
    all[entity->step_count++] = (check_step){.stamp = *stamp, .operation = operation};
    entity->steps = all;
    return true;
}

/* --- The counter ----------------------------------------------------------------------------------------- */

static int64_t total_of(const check_step *step) {
    return dx_item_int(step->operation, 0);
}

/* Whether no other operation of its feed is later. */
static bool is_latest(const check_entity *entity, const check_step *step) {
    for (size_t i = 0; i < entity->step_count; i++) {
        const check_step *other = &entity->steps[i];
        bool same_feed = memcmp(other->stamp.feed, step->stamp.feed, CHECK_PREFIX_SIZE) == 0;
        if (same_feed &&
            (other->stamp.counter > step->stamp.counter ||
             (other->stamp.counter == step->stamp.counter &&
              (total_of(other) > total_of(step) || (total_of(other) == total_of(step) && other < step))))) {
            return false;
        }
    }
    return true;
}

/* The latest of each feed, by feed; view: their sum. */
static size_t latest_of(const check_entity *entity, const check_step **out, uint64_t *sum) {
    size_t count = 0;
    *sum = 0;
    for (size_t i = 0; i < entity->step_count; i++) {
        const check_step *step = &entity->steps[i];
        if (!is_latest(entity, step)) {
            continue;
        }
        size_t at = count++;
        for (; at > 0 && memcmp(step->stamp.feed, out[at - 1]->stamp.feed, CHECK_PREFIX_SIZE) < 0; at--) {
            out[at] = out[at - 1];
        }
        out[at] = step;
        *sum += (uint64_t)total_of(step);
    }
    return count;
}

/* --- The approval ---------------------------------------------------------------------------------------- */

static const char *const reasons[] = {"only its owner may", "only a reviewer may", "not in this state",
                                      "said before", "there are fewer reviewers than approvals needed"};
enum { NOT_OWNER, NOT_REVIEWER, OTHER_PHASE, TWICE, TOO_FEW, TAKEN };

typedef struct refused_step {
    const check_step *step;
    int what, why;
} refused_step;

typedef struct approval {
    int phase;
    taken_step people; /* the assignment in force */
    bool yes[REVIEWERS_MAX];
    const uint8_t *rejected_by;
    dx_bytes reason;
    refused_step *refused;
    size_t refused_count;
} approval;

static int by_stamp(const void *a, const void *b) {
    return check_stamp_order(&((const check_step *)a)->stamp, &((const check_step *)b)->stamp);
}

static size_t approvals(const approval *self) {
    size_t count = 0;
    for (size_t i = 0; i < self->people.count; i++) {
        count += self->yes[i];
    }
    return count;
}

static int judge(const approval *self, const taken_step *step, bool owner, size_t reviewer) {
    bool reviews = reviewer < self->people.count;
    if (steps[step->step].owner ? !owner : !reviews) {
        return steps[step->step].owner ? NOT_OWNER : NOT_REVIEWER;
    }
    if (self->phase != steps[step->step].phase) {
        return OTHER_PHASE;
    }
    if (step->step == APPROVE && self->yes[reviewer]) {
        return TWICE;
    }
    bool enough = self->people.needed > 0 && self->people.count >= self->people.needed;
    return step->step == SUBMIT && !enough ? TOO_FEW : TAKEN;
}

static void take_step(approval *self, const taken_step *step, const check_step *at, size_t reviewer) {
    static const int next[] = {[ASSIGN] = DRAFT,    [SUBMIT] = SUBMITTED, [APPROVE] = SUBMITTED,
                               [REJECT] = REJECTED, [WITHDRAW] = DRAFT,   [REOPEN] = DRAFT};
    self->phase = next[step->step];
    if (step->step == ASSIGN) {
        self->people = *step;
    }
    if (step->step == ASSIGN || step->step == WITHDRAW || step->step == REOPEN) {
        memset(self->yes, 0, sizeof self->yes);
    }
    if (step->step == APPROVE) {
        self->yes[reviewer] = true;
        self->phase = approvals(self) >= self->people.needed ? APPROVED : SUBMITTED;
    }
    if (step->step == REJECT) {
        self->rejected_by = at->stamp.feed;
        self->reason = step->reason;
    }
}

static void walk_approval(check_space *space, const check_entity *entity, approval *out) {
    const uint8_t *owner = space->feeds[entity->place.feed].id;
    *out = (approval){.phase = DRAFT};
    out->refused = check_take(space, (entity->step_count + 1) * sizeof *out->refused);
    qsort(entity->steps, entity->step_count, sizeof *entity->steps, by_stamp);
    for (size_t i = 0; i < entity->step_count; i++) {
        const check_step *at = &entity->steps[i];
        taken_step step;
        size_t reviewer = 0;
        bool well = read_step(at->operation, &step);
        DX_ASSERT(well);
        while (reviewer < out->people.count &&
               memcmp(out->people.who[reviewer], at->stamp.feed, CHECK_PREFIX_SIZE) != 0) {
            reviewer++;
        }
        int why = judge(out, &step, memcmp(owner, at->stamp.feed, CHECK_PREFIX_SIZE) == 0, reviewer);
        if (why == TAKEN) {
            take_step(out, &step, at, reviewer);
        } else {
            out->refused[out->refused_count++] = (refused_step){.step = at, .what = step.step, .why = why};
        }
    }
}

static void write_feed(const uint8_t *feed, dx_writer *out) {
    dx_write_bytes(out, dx_bytes_of(feed, CHECK_PREFIX_SIZE));
}

static size_t first_shown(const approval *self) {
    return self->refused_count > REFUSED_SHOWN ? self->refused_count - REFUSED_SHOWN : 0;
}

static void view_approval(const approval *self, const uint8_t *owner, dx_writer *out) {
    bool rejected = self->phase == REJECTED;
    dx_write_map(out, rejected ? 8 : 6);
    dx_write_text(out, "owner");
    write_feed(owner, out);
    dx_write_text(out, "state");
    dx_write_text(out, phases[self->phase]);
    dx_write_text(out, "needed");
    dx_write_uint(out, self->people.needed);
    if (rejected) {
        dx_write_text(out, "reason");
        dx_write_text_bytes(out, self->reason);
    }
    dx_write_text(out, "refused");
    dx_write_array(out, self->refused_count - first_shown(self));
    for (size_t i = first_shown(self); i < self->refused_count; i++) {
        dx_write_map(out, 3);
        dx_write_text(out, "by");
        write_feed(self->refused[i].step->stamp.feed, out);
        dx_write_text(out, "why");
        dx_write_text(out, reasons[self->refused[i].why]);
        dx_write_text(out, "step");
        dx_write_text(out, steps[self->refused[i].what].word);
    }
    dx_write_text(out, "approved");
    dx_write_array(out, approvals(self));
    for (size_t i = 0; i < self->people.count; i++) {
        if (self->yes[i]) {
            write_feed(self->people.who[i], out);
        }
    }
    dx_write_text(out, "reviewers");
    dx_write_array(out, self->people.count);
    for (size_t i = 0; i < self->people.count; i++) {
        write_feed(self->people.who[i], out);
    }
    if (rejected) {
        dx_write_text(out, "rejected_by");
        write_feed(self->rejected_by, out);
    }
}

static void save_approval(const approval *self, dx_writer *out) {
    dx_write_array(out, 6);
    dx_write_uint(out, (uint64_t)self->phase);
    dx_write_uint(out, self->people.needed);
    dx_write_array(out, self->people.count);
    for (size_t i = 0; i < self->people.count; i++) {
        dx_write_array(out, 2);
        write_feed(self->people.who[i], out);
        dx_write_bool(out, self->yes[i]);
    }
    if (self->phase == REJECTED) {
        dx_write_array(out, 2);
        write_feed(self->rejected_by, out);
        dx_write_text_bytes(out, self->reason);
    } else {
        dx_write_null(out);
    }
    dx_write_uint(out, self->refused_count);
    dx_write_array(out, self->refused_count - first_shown(self));
    for (size_t i = first_shown(self); i < self->refused_count; i++) {
        dx_write_array(out, 4);
        dx_write_uint(out, self->refused[i].step->stamp.counter);
        write_feed(self->refused[i].step->stamp.feed, out);
        dx_write_uint(out, (uint64_t)self->refused[i].what);
        dx_write_uint(out, (uint64_t)self->refused[i].why);
    }
}

/* --- Both ------------------------------------------------------------------------------------------------ */

static void write_counter(check_space *space, const check_entity *entity, bool saved, dx_writer *out) {
    const check_step **latest = check_take(space, (entity->step_count + 1) * sizeof *latest);
    uint64_t sum;
    size_t count = latest_of(entity, latest, &sum);
    int64_t shown;
    memcpy(&shown, &sum, sizeof shown);
    if (!saved) {
        dx_write_int(out, shown);
        return;
    }
    dx_write_array(out, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_array(out, 3);
        write_feed(latest[i]->stamp.feed, out);
        dx_write_uint(out, latest[i]->stamp.counter);
        dx_write_int(out, total_of(latest[i]));
    }
}

static dx_bytes make(check_space *space, const check_entity *entity, bool saved) {
    dx_buf buf;
    dx_writer writer;
    if (is_text(entity)) {
        return check_text_make(space, entity, saved);
    }
    dx_buf_init(&buf, &sim_heap, MADE_SIZE_MAX);
    dx_writer_init(&writer, &buf);
    if (is_counter(entity)) {
        write_counter(space, entity, saved, &writer);
    } else {
        approval way;
        walk_approval(space, entity, &way);
        if (saved) {
            save_approval(&way, &writer);
        } else {
            view_approval(&way, space->feeds[entity->place.feed].id, &writer);
        }
    }
    int error = dx_writer_finish(&writer);
    DX_ASSERT(error == DX_OK);
    dx_bytes made = check_copy(space, dx_buf_view(&buf));
    dx_buf_deinit(&buf);
    return made;
}

dx_bytes check_model_view(check_space *space, const check_entity *entity) {
    return make(space, entity, false);
}

dx_bytes check_model_saved(check_space *space, const check_entity *entity) {
    return entity->step_count == 0 ? dx_bytes_of(NULL, 0) : make(space, entity, true);
}
