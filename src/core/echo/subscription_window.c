/* echo/subscription_window.c: subscriptions whose answer has an order: the first rows of it, or groups with their numbers.
 *
 * Layer: floor 1, echo. docs/spec/query.md, "Watching in order". A window keeps what decides the order of the first entities that
 * match, some more than it shows, so that one that goes makes room for one that is known. Of what it keeps, all that lies
 * before `bound` is sure to be all there is; where that is not enough it goes through what matches once more, in pieces.
 *
 * Invariants: what the watcher was told, carried out in order, is ranks [0, told) of what is kept, at the end of each step and
 * between two calls; `known` of the subscription names, for each entity that is kept, its record (or its group's). */
#include "echo/subscription_state.h"

#include <string.h>

#include "echo/order.h"

enum {
    SLACK_MIN = 64,  /* records kept beyond what is shown */
    FILL_MAX = 256,  /* rows told at once because others went */
    RECORD_HEAD = 48 /* what a record costs beside its place, about */
};

#define NOWHERE SIZE_MAX

typedef struct ranked {
    int64_t key;           /* 0: a group */
    int64_t members, told; /* of a group: now, and as the watcher was told, 0: not at all */
    uint8_t *place;        /* NULL: free */
    size_t place_size;
} ranked;

/* How much of what is kept is all there is. */
typedef enum sureness { SURE_OF_NOTHING, SURE_BELOW_BOUND, SURE_OF_ALL } sureness;

struct dx_window {
    dx_subscription *of;
    dx_query *question; /* its order or group */
    bool groups;
    size_t limit, keep; /* rows shown, records kept, at most */
    ranked *records;
    size_t record_count, record_capacity;
    uint32_t *ranks; /* records in their order */
    size_t count, capacity;
    size_t told;
    sureness sure;
    dx_buf bound;         /* where sure ends */
    dx_buf cut;           /* while it learns: the first place that was not kept, size 0: none */
    bool touched, listed; /* in this step; all of it was told */
    dx_buf held;          /* of one that comes back: key list in its order */
    dx_position since;
    bool comes_back;
};

/* --- What is kept ------------------------------------------------------------------------------------- */

static dx_bytes place_of(const dx_window *window, size_t rank) {
    const ranked *record = &window->records[window->ranks[rank]];
    return dx_bytes_of(record->place, record->place_size);
}

/* The first rank that is not before the place. */
static size_t rank_of(const dx_window *window, dx_bytes place) {
    size_t low = 0, high = window->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (dx_bytes_compare(place_of(window, middle), place) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const dx_window *window, size_t rank, dx_bytes place) {
    return rank < window->count && dx_bytes_equal(place_of(window, rank), place);
}

static int grow_records(dx_window *window) {
    const dx_alloc *alloc = window->of->context->alloc;
    size_t capacity = window->record_capacity == 0 ? SLACK_MIN : 2 * window->record_capacity;
    ranked *records = dx_alloc_grow(alloc, window->records, window->record_capacity * sizeof *records,
                                    capacity * sizeof *records);
    if (records == NULL) {
        return DX_E_NO_MEMORY;
    }
    memset(records + window->record_capacity, 0, (capacity - window->record_capacity) * sizeof *records);
    window->records = records;
    window->record_capacity = capacity;
    uint32_t *ranks =
        dx_alloc_grow(alloc, window->ranks, window->capacity * sizeof *ranks, capacity * sizeof *ranks);
    if (ranks == NULL) {
        return DX_E_NO_MEMORY;
    }
    window->ranks = ranks;
    window->capacity = capacity;
    return DX_OK;
}

static void free_record(dx_window *window, ranked *record) {
    dx_alloc_free(window->of->context->alloc, record->place, record->place_size);
    window->of->set->window_size -= record->place_size + RECORD_HEAD;
    *record = (ranked){.place = NULL};
}

/* Puts a new record at a rank. */
static int make_record(dx_window *window, size_t rank, int64_t key, dx_bytes place, uint32_t *number) {
    dx_subscriptions *set = window->of->set;
    if (set->window_size + place.size + RECORD_HEAD > DX_SUBSCRIPTION_WINDOWS_SIZE_MAX) {
        return DX_E_LIMIT;
    }
    size_t at = window->count; /* free ones are found beyond those in use, or among them */
    int error = window->count == window->record_capacity || window->count == window->capacity
                    ? grow_records(window)
                    : DX_OK;
    if (error != DX_OK) {
        return error;
    }
    for (; window->records[at].place != NULL; at = (at + 1) % window->record_capacity) {
    }
    uint8_t *copy = dx_alloc_take(window->of->context->alloc, place.size);
    if (copy == NULL) {
        return DX_E_NO_MEMORY;
    }
    memcpy(copy, place.data, place.size);
    window->records[at] = (ranked){.key = key, .place = copy, .place_size = place.size};
    set->window_size += place.size + RECORD_HEAD;
    memmove(window->ranks + rank + 1, window->ranks + rank, (window->count - rank) * sizeof *window->ranks);
    window->ranks[rank] = *number = (uint32_t)at;
    window->count++;
    return DX_OK;
}

static void drop_rank(dx_window *window, size_t rank) {
    ranked *record = &window->records[window->ranks[rank]];
    memmove(window->ranks + rank, window->ranks + rank + 1,
            (window->count - rank - 1) * sizeof *window->ranks);
    window->count--;
    free_record(window, record);
}

static void forget_key(dx_subscription *self, int64_t key) {
    if (dx_key_table_remove(&self->known, key)) {
        dx_subscription_release(self, key);
    }
}

static void clear(dx_window *window) {
    while (window->count > 0) {
        drop_rank(window, window->count - 1);
    }
    window->told = 0;
    window->sure = SURE_OF_NOTHING;
    window->listed = false;
    dx_buf_clear(&window->bound);
    dx_buf_clear(&window->cut);
}

static bool is_learning(const dx_window *window) {
    return window->of->learner != NULL;
}

/* Whether everything before this place is known. */
static bool is_sure(const dx_window *window, dx_bytes place) {
    return window->sure == SURE_OF_ALL ||
           (window->sure == SURE_BELOW_BOUND && dx_bytes_compare(place, dx_buf_view(&window->bound)) < 0);
}

/* Whether this place is beyond what is kept: of what lies there nothing is promised. */
static bool is_beyond(const dx_window *window, dx_bytes place) {
    if (is_learning(window)) {
        return window->cut.size != 0 && dx_bytes_compare(place, dx_buf_view(&window->cut)) >= 0;
    }
    return window->sure == SURE_BELOW_BOUND && dx_bytes_compare(place, dx_buf_view(&window->bound)) >= 0;
}

/* What is kept ends here from now on. */
static int end_at(dx_window *window, dx_bytes place) {
    dx_buf *end = is_learning(window) ? &window->cut : &window->bound;
    dx_buf_clear(end);
    dx_buf_append(end, place.data, place.size);
    if (!is_learning(window)) {
        window->sure = SURE_BELOW_BOUND;
    } else if (window->sure == SURE_BELOW_BOUND && dx_bytes_compare(place, dx_buf_view(&window->bound)) < 0) {
        dx_buf_clear(&window->bound); /* less is kept than was sure before */
        dx_buf_append(&window->bound, place.data, place.size);
    }
    return dx_buf_error(end) != DX_OK ? dx_buf_error(end) : dx_buf_error(&window->bound);
}

/* More than is kept: the last ones go. What was told stays. */
static int trim(dx_window *window) {
    int error = DX_OK;
    while (window->count > window->keep && window->count > window->told && error == DX_OK) {
        size_t last = window->count - 1;
        if (window->groups || window->limit == NOWHERE) {
            return DX_E_LIMIT; /* all of them are asked for */
        }
        error = end_at(window, place_of(window, last));
        forget_key(window->of, window->records[window->ranks[last]].key);
        drop_rank(window, last);
    }
    return error;
}

/* --- Telling ------------------------------------------------------------------------------------------ */

static int write_id(dx_window *window, int64_t key, dx_writer *out) {
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    int error = dx_key_to_id(window->of->space, key, id);
    dx_id_print(id, text);
    dx_write_text(out, text);
    return error;
}

/* {"id", "from", "change": "removed"}, or of a group without an id. */
static int tell_removed(dx_window *window, const ranked *record, size_t from) {
    dx_subscriptions *set = window->of->set;
    dx_writer row;
    int error = DX_OK;
    dx_buf_clear(&set->row);
    dx_writer_init(&row, &set->row);
    dx_write_map(&row, window->groups ? 2 : 3);
    if (!window->groups) {
        dx_write_text(&row, "id");
        error = write_id(window, record->key, &row);
    }
    dx_write_text(&row, "from");
    dx_write_uint(&row, from);
    dx_write_text(&row, "change");
    dx_write_text(&row, "removed");
    error = error == DX_OK ? dx_writer_finish(&row) : error;
    return error == DX_OK ? dx_subscription_tell(window->of) : error;
}

/* A group's row: {"to", "from"?, "count", "value"?, "change"}. */
static int tell_group(dx_window *window, const ranked *record, size_t from, size_t to) {
    dx_subscriptions *set = window->of->set;
    dx_writer row;
    bool has_value = record->place[0] == 1;
    dx_buf_clear(&set->row);
    dx_writer_init(&row, &set->row);
    dx_write_map(&row, 3u + (from != NOWHERE) + has_value);
    dx_write_text(&row, "to");
    dx_write_uint(&row, to);
    if (from != NOWHERE) {
        dx_write_text(&row, "from");
        dx_write_uint(&row, from);
    }
    dx_write_text(&row, "count");
    dx_write_int(&row, record->members);
    if (has_value) {
        dx_write_text(&row, "value");
        dx_order_read(dx_bytes_of(record->place + 1, record->place_size - 1), &row);
    }
    dx_write_text(&row, "change");
    dx_write_text(&row, from == NOWHERE ? "added" : "changed");
    int error = dx_writer_finish(&row);
    return error == DX_OK ? dx_subscription_tell(window->of) : error;
}

/* An entity's row: its map, with "to", "from" and "change". */
static int tell_entity(dx_window *window, const dx_entity *entity, size_t from, size_t to) {
    dx_subscriptions *set = window->of->set;
    const dx_row_mark mark = {.change = from == NOWHERE ? "added" : "changed", .from = from, .to = to};
    dx_buf_clear(&set->entity);
    int error = dx_entity_write_row(window->of->context, window->of->space, entity, &set->entity);
    error = error == DX_OK ? dx_subscriptions_write_row(set, &mark, true) : error;
    return error == DX_OK ? dx_subscription_tell(window->of) : error;
}

static int tell_word(dx_window *window, const char *change) {
    const dx_row_mark mark = {.change = change, .from = NOWHERE, .to = NOWHERE};
    int error = dx_subscriptions_write_row(window->of->set, &mark, false);
    return error == DX_OK ? dx_subscription_tell(window->of) : error;
}

/* --- Entities in order -------------------------------------------------------------------------------- */

/* Takes an entity out of what is kept; its rank, or NOWHERE. */
static size_t take_out(dx_window *window, int64_t key) {
    const dx_key_slot *slot = dx_key_table_find(&window->of->known, key);
    if (slot == NULL) {
        return NOWHERE;
    }
    const ranked *record = &window->records[slot->value];
    size_t rank = rank_of(window, dx_bytes_of(record->place, record->place_size));
    forget_key(window->of, key);
    drop_rank(window, rank);
    return rank;
}

/* Puts it in, unless it is beyond. */
static int put_in(dx_window *window, int64_t key, dx_bytes place, size_t *rank) {
    uint32_t number;
    *rank = NOWHERE;
    if (is_beyond(window, place)) {
        return DX_OK;
    }
    size_t at = rank_of(window, place);
    int error = make_record(window, at, key, place, &number);
    if (error == DX_OK) {
        error = dx_key_table_add(&window->of->known, key, number);
        error = error == DX_OK ? dx_subscription_hold(window->of, key) : error;
    }
    *rank = error == DX_OK ? at : NOWHERE;
    return error;
}

static int take_in_order(dx_window *window, const dx_entity *entity, bool matches) {
    dx_bytes place = {0};
    size_t to = NOWHERE;
    int error = matches ? dx_query_place_of(window->question, entity, &place) : DX_OK;
    if (error != DX_OK) {
        return error;
    }
    size_t from = take_out(window, entity->key);
    bool was_told = from != NOWHERE && from < window->told;
    window->told -= was_told;
#if defined(DX_PLANT) && DX_PLANT == 79
    from = from == NOWHERE || from == 0 ? from : from - 1;
#endif
    error = matches ? put_in(window, entity->key, place, &to) : DX_OK;
    bool tells = to != NOWHERE && is_sure(window, place_of(window, to)) &&
                 (to < window->told || (to == window->told && to < window->limit));
    if (error == DX_OK && tells) {
        window->told++;
        error = tell_entity(window, entity, was_told ? from : NOWHERE, to);
    } else if (error == DX_OK && was_told) {
        const ranked gone = {.key = entity->key};
        error = tell_removed(window, &gone, from);
    }
    return error == DX_OK ? trim(window) : error;
}

/* Tells what may be told behind what was; *left: at most so many. */
static int fill(dx_window *window, size_t *left) {
    int error = DX_OK;
    while (error == DX_OK && *left > 0 && window->told < window->limit && window->told < window->count &&
           is_sure(window, place_of(window, window->told))) {
        int64_t key = window->records[window->ranks[window->told]].key;
        dx_entity entity;
        error = dx_entity_read(window->of->context, window->of->space, key, &entity);
        if (error == DX_E_NOT_FOUND) { /* it went with its space's rows; nobody says so any more */
            forget_key(window->of, key);
            drop_rank(window, window->told);
            error = DX_OK;
            continue;
        }
        error = error == DX_OK ? tell_entity(window, &entity, NOWHERE, window->told) : error;
        window->told++;
        --*left;
    }
    return error;
}

/* Only as many as are asked for. */
static int cut_told(dx_window *window) {
    int error = DX_OK;
    while (window->told > window->limit && error == DX_OK) {
        window->told--;
        error = tell_removed(window, &window->records[window->ranks[window->told]], window->told);
    }
    return error;
}

static bool has_to_fill(const dx_window *window) {
    return !window->groups && window->told < window->limit && window->told < window->count &&
           is_sure(window, place_of(window, window->told));
}

/* --- Groups ------------------------------------------------------------------------------------------- */

static void leave_group(dx_window *window, int64_t key) {
    const dx_key_slot *slot = dx_key_table_find(&window->of->known, key);
    if (slot != NULL) {
        window->records[slot->value].members--;
        forget_key(window->of, key);
    }
}

static int join_group(dx_window *window, int64_t key, dx_bytes place) {
    size_t rank = rank_of(window, place);
    uint32_t number = rank < window->count ? window->ranks[rank] : 0;
    int error = is_at(window, rank, place) ? DX_OK : make_record(window, rank, 0, place, &number);
    if (error == DX_OK) {
        error = dx_key_table_add(&window->of->known, key, number);
    }
    if (error == DX_OK) {
        window->records[number].members++;
        error = dx_subscription_hold(window->of, key);
    }
    return error;
}

static int take_in_groups(dx_window *window, const dx_entity *entity, bool matches) {
    dx_bytes place = {0};
    int error = matches ? dx_query_place_of(window->question, entity, &place) : DX_OK;
    if (error == DX_OK) {
        leave_group(window, entity->key);
        error = matches ? join_group(window, entity->key, place) : DX_OK;
    }
    return error;
}

/* From the first group to the last: what is left of it is as it shall be, what is right of it as the watcher has it. */
static int tell_groups(dx_window *window) {
    size_t shown = 0;
    int error = DX_OK;
    for (size_t rank = 0; rank < window->count && error == DX_OK;) {
        ranked *record = &window->records[window->ranks[rank]];
        bool shows = record->members > 0 && shown < window->limit;
        if (!shows && record->told != 0) {
            error = tell_removed(window, record, shown);
            record->told = 0;
        } else if (shows && record->told != record->members) {
            error = tell_group(window, record, record->told == 0 ? NOWHERE : shown, shown);
            record->told = record->members;
        }
        shown += shows;
        if (record->members == 0) {
            drop_rank(window, rank);
        } else {
            rank++;
        }
    }
    window->told = shown;
    return error;
}

/* --- Coming back -------------------------------------------------------------------------------------- */

static int add_changed(dx_window *window, dx_key_table *changed) {
    const dx_change_log *log = &window->of->set->log;
    int error = DX_OK;
    for (uint64_t number = window->since.number; number < log->number && error == DX_OK; number++) {
        error = dx_key_table_add(changed, dx_change_log_at(log, number).key, 0);
        error = error == DX_E_EXISTS ? DX_OK : error;
    }
    return error;
}

/* Of what the watcher holds, what changed or shows no more goes, from the end; what stays is in the order it was in.
 * *as_told false: it is not, so the watcher holds something else than it was told. */
static int drop_held(dx_window *window, const dx_key_table *changed, size_t shown, bool *as_told) {
    size_t count = window->held.size / sizeof(int64_t), before = shown;
    int error = DX_OK;
    *as_told = true;
    for (size_t i = count; i-- > 0 && error == DX_OK && *as_told;) {
        int64_t key = dx_key_list_at(&window->held, i);
        const dx_key_slot *slot = dx_key_table_find(&window->of->known, key);
        ranked *record = slot == NULL ? NULL : &window->records[slot->value];
        size_t rank =
            record == NULL ? NOWHERE : rank_of(window, dx_bytes_of(record->place, record->place_size));
        if (rank >= shown || dx_key_table_find(changed, key) != NULL) {
            const ranked gone = {.key = key};
            error = tell_removed(window, &gone, i);
        } else {
            *as_told = rank < before;
            before = rank;
            record->told = 1;
        }
    }
    return error;
}

static int add_missing(dx_window *window, size_t shown) {
    int error = DX_OK;
    for (size_t rank = 0; rank < shown && error == DX_OK; rank++) {
        ranked *record = &window->records[window->ranks[rank]];
        dx_entity entity;
        bool held = record->told != 0;
        record->told = 0;
        error = held ? DX_OK : dx_entity_read(window->of->context, window->of->space, record->key, &entity);
        error = error == DX_OK && !held ? tell_entity(window, &entity, NOWHERE, rank) : error;
    }
    window->told = shown;
    return error;
}

static size_t count_sure(const dx_window *window) {
    size_t most = window->count < window->limit ? window->count : window->limit;
    size_t sure = window->sure == SURE_OF_ALL       ? window->count
                  : window->sure == SURE_OF_NOTHING ? 0
                                                    : rank_of(window, dx_buf_view(&window->bound));
    return sure < most ? sure : most;
}

/* What the watcher missed, once it is known what shows now. */
static int tell_missed(dx_window *window) {
    dx_subscription *self = window->of;
    dx_key_table changed;
    size_t shown = count_sure(window);
    bool as_told = dx_change_log_knows(&self->set->log, &window->since);
    int error = DX_OK;
    window->comes_back = false;
    dx_key_table_init(&changed, self->context->alloc, self->context->random, DX_CHANGE_LOG_MAX);
    if (as_told) {
        error = add_changed(window, &changed);
        error = error == DX_OK ? drop_held(window, &changed, shown, &as_told) : error;
    }
    if (error == DX_OK && as_told) {
        error = add_missing(window, shown);
    } else if (error == DX_OK) {
        for (size_t i = 0; i < window->record_count; i++) {
            window->records[i].told = 0;
        }
        window->told = 0;
        error = tell_word(window, "refresh");
    }
    dx_key_table_deinit(&changed);
    dx_buf_deinit(&window->held);
    return error;
}

/* --- For subscription.c ------------------------------------------------------------------------------- */

int dx_window_create(dx_subscription *of, dx_query *question, dx_window **out) {
    const dx_alloc *alloc = of->context->alloc;
    dx_window *window = *out = dx_alloc_take_zeroed(alloc, sizeof *window);
    if (window == NULL) {
        return DX_E_NO_MEMORY;
    }
    int64_t limit = question->question.limit;
    window->of = of;
    window->question = question;
    window->groups = question->question.has_group;
    window->limit = limit > DX_SUBSCRIPTION_KEYS_MAX / 2 ? NOWHERE : (size_t)limit;
    window->keep = window->limit == NOWHERE ? DX_SUBSCRIPTION_KEYS_MAX : 2 * window->limit + SLACK_MIN;
    if (window->groups) {
        window->keep = DX_SUBSCRIPTION_KEYS_MAX;
    }
    dx_buf_init(&window->bound, alloc, DX_QUERY_SORTED_SIZE_MAX);
    dx_buf_init(&window->cut, alloc, DX_QUERY_SORTED_SIZE_MAX);
    dx_buf_init(&window->held, alloc, (size_t)DX_WINDOW_HELD_MAX * sizeof(int64_t));
    return DX_OK;
}

void dx_window_limit(dx_window *window, size_t slack) {
    if (!window->groups && window->limit != NOWHERE) {
        window->keep = window->limit + slack;
    }
}

void dx_window_destroy(dx_window *window) {
    if (window == NULL) {
        return;
    }
    const dx_alloc *alloc = window->of->context->alloc;
    clear(window);
    dx_query_destroy(window->question);
    dx_alloc_free(alloc, window->records, window->record_capacity * sizeof *window->records);
    dx_alloc_free(alloc, window->ranks, window->capacity * sizeof *window->ranks);
    dx_buf_deinit(&window->bound);
    dx_buf_deinit(&window->cut);
    dx_buf_deinit(&window->held);
    dx_alloc_free(alloc, window, sizeof *window);
}

void dx_window_reset(dx_window *window) {
    clear(window);
    dx_buf_deinit(&window->held);
    window->comes_back = false;
}

int dx_window_take(dx_window *window, const dx_entity *entity, bool matches) {
    window->touched = true;
    return window->groups ? take_in_groups(window, entity, matches) : take_in_order(window, entity, matches);
}

int dx_window_learn(dx_window *window, const dx_entity *entity) {
    dx_bytes place;
    size_t rank;
    if (window->groups) {
        return dx_key_table_find(&window->of->known, entity->key) != NULL
                   ? DX_OK
                   : take_in_groups(window, entity, true);
    }
    if (dx_key_table_find(&window->of->known, entity->key) != NULL) {
        return DX_OK; /* its changes were heard of */
    }
    int error = dx_query_place_of(window->question, entity, &place);
    error = error == DX_OK ? put_in(window, entity->key, place, &rank) : error;
    return error == DX_OK ? trim(window) : error;
}

void dx_window_learnt(dx_window *window) {
    window->sure = window->cut.size == 0 ? SURE_OF_ALL : SURE_BELOW_BOUND;
    dx_buf held = window->bound;
    window->bound = window->cut;
    window->cut = held;
    dx_buf_clear(&window->cut);
}

bool dx_window_has_more(const dx_window *window) {
    return !window->listed || has_to_fill(window) || dx_window_wants(window);
}

void dx_window_place_at(const dx_window *window, size_t rank, int64_t *key, dx_bytes *place) {
    DX_ASSERT(rank < window->count && !window->groups);
    *key = window->records[window->ranks[rank]].key;
    *place = place_of(window, rank);
}

bool dx_window_is_listed(const dx_window *window) {
    return window->listed;
}

bool dx_window_wants(const dx_window *window) {
    return !window->groups && !is_learning(window) && window->sure == SURE_BELOW_BOUND &&
           window->told < window->limit && !has_to_fill(window);
}

int dx_window_run(dx_window *window, size_t *budget) {
    int error = DX_OK;
    if (!window->listed && is_learning(window)) {
        return DX_OK; /* nothing is sure yet */
    }
    if (window->comes_back) {
        error = tell_missed(window);
    }
    error = error == DX_OK && window->groups ? tell_groups(window) : error;
    error = error == DX_OK && !window->groups ? fill(window, budget) : error;
    if (error == DX_OK && !window->listed && !has_to_fill(window)) {
        window->listed = true;
        error = tell_word(window, "listed");
    }
    return error;
}

int dx_window_end_step(dx_window *window) {
    size_t left = FILL_MAX;
    if (!window->touched) {
        return DX_OK;
    }
    window->touched = false;
    if (window->groups) {
        return window->listed ? tell_groups(window) : DX_OK;
    }
    int error = cut_told(window);
    return error == DX_OK && window->listed ? fill(window, &left) : error;
}

int dx_window_come_back(dx_window *window, const dx_position *since, const int64_t *held, size_t count) {
    window->since = *since;
    window->comes_back = true;
    for (size_t i = 0; i < count; i++) {
        dx_key_list_add(&window->held, held[i]);
    }
    return dx_buf_error(&window->held);
}
