/* echo/subscription.c: turns the changes of a step into rows for whom they concern.
 *
 * Layer: floor 1, echo. Contract in subscription.h. The keys that matched last are remembered, so what stops
 * matching is told once, and what never matched is not told at all. While they are still being learnt, or
 * when they are too many, the row's own marks decide as well as they can. */
#include "echo/subscription.h"

#include <string.h>

#include "echo/subscription_state.h"

enum { ROW_SIZE_MAX = 80 << 20 }; /* one entity shown */

/* --- The set -------------------------------------------------------------------------------------- */

int dx_subscriptions_create(const dx_alloc *alloc, const dx_random *random, dx_subscriptions **out) {
    dx_subscriptions *set = *out = dx_alloc_take_zeroed(alloc, sizeof *set);
    if (set == NULL) {
        return DX_E_NO_MEMORY;
    }
    set->alloc = alloc;
    set->random = random;
    dx_buf_init(&set->entity, alloc, ROW_SIZE_MAX);
    dx_buf_init(&set->row, alloc, ROW_SIZE_MAX);
    dx_change_log_init(&set->log, alloc);
    return DX_OK;
}

void dx_subscriptions_destroy(dx_subscriptions *set) {
    if (set == NULL) {
        return;
    }
    DX_ASSERT(set->all == NULL);
    dx_subscriptions_free_index(set);
    if (set->has_tables) {
        dx_key_table_deinit(&set->taken);
    }
    dx_buf_deinit(&set->entity);
    dx_buf_deinit(&set->row);
    dx_change_log_deinit(&set->log);
    dx_alloc_free(set->alloc, set, sizeof *set);
}

/* --- What changed lately --------------------------------------------------------------------------- */

int dx_subscriptions_load(dx_subscriptions *set, dx_context *context, bool is_copy) {
    int error = dx_change_log_load(&set->log, context, is_copy);
    set->reminded = set->log.number;
    return error;
}

dx_position dx_subscriptions_position(dx_subscriptions *set) {
    return dx_change_log_position(&set->log, set->random);
}

bool dx_subscription_resume(dx_subscription *self, const dx_position *position) {
    const dx_change_log *log = &self->set->log;
    bool known = dx_change_log_knows(log, position);
    self->is_behind = known && position->number < log->number;
    self->behind = position->number;
    return known;
}

int dx_subscription_come_back(dx_subscription *self, const dx_position *position, const int64_t *held,
                              size_t count) {
    return dx_window_come_back(self->window, position, held, count);
}

void dx_subscription_place_at(const dx_subscription *subscription, size_t to, int64_t *key, dx_bytes *place) {
    dx_window_place_at(subscription->window, to, key, place);
}

bool dx_subscription_has_order(const dx_subscription *self) {
    return self->window != NULL;
}

bool dx_subscription_is_behind(const dx_subscription *self) {
    return self->is_behind || (self->window != NULL && !dx_window_is_listed(self->window));
}

bool dx_subscription_has_more(const dx_subscription *self) {
    return self->is_behind || self->learner != NULL || self->failed != DX_OK ||
           (self->window != NULL && dx_window_has_more(self->window));
}

/* --- Life ---------------------------------------------------------------------------------------- */

/* Once more through all that matches; what a window keeps stays. */
static int learn_again(dx_subscription *self) {
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_subscription_unplace(self);
    self->certain = false;
    int error = dx_subscription_place(self);
    return error != DX_OK ? error
                          : dx_query_create(self->context, self->space, dx_buf_view(&self->item), message,
                                            sizeof message, &self->learner);
}

static int begin_learning(dx_subscription *self) {
    dx_query_destroy(self->learner);
    self->learner = NULL;
    dx_subscription_unplace(self);
    dx_key_table_clear(&self->known);
    if (self->window != NULL) {
        dx_window_reset(self->window);
    }
    return learn_again(self);
}

static void init_tables(dx_subscriptions *set) {
    dx_key_table_init(&set->taken, set->alloc, set->random, DX_CHANGES_MAX);
    dx_key_table_init(&set->holders, set->alloc, set->random, DX_SUBSCRIPTION_HOLDS_MAX);
    set->has_tables = true;
}

static int join_set(dx_subscriptions *set, dx_subscription *self) {
    if (!set->has_tables) {
        init_tables(set);
    }
    self->next = set->all;
    set->all = self;
    self->joined = true;
    set->count++;
    return begin_learning(self);
}

static void leave_set(dx_subscription *self) {
    dx_subscriptions *set = self->set;
    if (!self->joined) {
        return;
    }
    dx_subscription_unplace(self);
    dx_subscription **at = &set->all;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    set->count--;
}

/* The question without what gives it an order. */
static int strip(dx_bytes question, dx_buf *out) {
    static const char *const orders[] = {"order", "group", "limit"};
    dx_bytes keys[DX_QUERY_SUBSCRIBED_KEYS_MAX], values[DX_QUERY_SUBSCRIBED_KEYS_MAX];
    dx_reader reader;
    dx_writer writer;
    size_t count = 0;
    dx_reader_init(&reader, question);
    for (size_t left = dx_read_map(&reader); left > 0; left--) {
        dx_bytes key = dx_read_item(&reader), value = dx_read_item(&reader);
        bool passes = count < DX_QUERY_SUBSCRIBED_KEYS_MAX;
        for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
            passes = passes && !dx_bytes_equal(dx_item_text(key), dx_bytes_text(orders[i]));
        }
        if (passes) {
            keys[count] = key;
            values[count++] = value;
        }
    }
    dx_writer_init(&writer, out);
    dx_write_map(&writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_item(&writer, keys[i]);
        dx_write_item(&writer, values[i]);
    }
    return dx_writer_finish(&writer);
}

/* self->query is the question; one with an order becomes the window's, and its filter takes its place. */
static int divide(dx_subscription *self, char *message, size_t message_size) {
    dx_query *question = self->query;
    self->query = NULL;
    int error = dx_window_create(self, question, &self->window);
    if (error != DX_OK) {
        dx_query_destroy(question);
        return error;
    }
    dx_buf item;
    dx_buf_init(&item, self->context->alloc, DX_QUERY_SIZE_MAX);
    error = strip(dx_buf_view(&self->item), &item);
    dx_buf_deinit(&self->item);
    self->item = item;
    return error != DX_OK ? error
                          : dx_query_create(self->context, self->space, dx_buf_view(&self->item), message,
                                            message_size, &self->query);
}

int dx_subscription_create(dx_subscriptions *set, dx_context *context, dx_space *space, dx_bytes query,
                           const dx_subscriber *subscriber, char *message, size_t message_size,
                           dx_subscription **out) {
    static const uint8_t everything[] = {0xa1, 0x64, 'k', 'i', 'n', 'd', 0x63, 'a', 'n', 'y'};
    *out = NULL;
    dx_subscription *self = dx_alloc_take_zeroed(context->alloc, sizeof *self);
    if (self == NULL) {
        return DX_E_NO_MEMORY;
    }
    self->context = context;
    self->space = space;
    self->subscriber = *subscriber;
    self->set = set;
    dx_buf_init(&self->item, context->alloc, DX_QUERY_SIZE_MAX);
    dx_key_table_init(&self->known, context->alloc, context->random, DX_SUBSCRIPTION_KEYS_MAX);
    if (query.size == 0) {
        query = dx_bytes_of(everything, sizeof everything);
    }
    int error = dx_query_create(context, space, query, message, message_size, &self->query);
    if (error == DX_OK && !dx_query_is_filter(self->query) && !dx_query_is_window(self->query)) {
        error =
            dx_question_refuse(message, message_size,
                               "watch takes a filter, and \"order\" with \"limit\", or \"group\"; nothing "
                               "else of a query");
    }
    if (error == DX_OK) {
        dx_buf_append(&self->item, query.data, query.size);
        error = dx_buf_error(&self->item);
    }
    if (error == DX_OK && !dx_query_is_filter(self->query)) {
        error = divide(self, message, message_size);
    }
    if (error == DX_OK) {
        error = join_set(set, self);
    }
    if (error != DX_OK) {
        dx_subscription_destroy(self);
        return error;
    }
    *out = self;
    return DX_OK;
}

void dx_subscription_destroy(dx_subscription *self) {
    if (self == NULL) {
        return;
    }
    leave_set(self);
    dx_window_destroy(self->window);
    dx_query_destroy(self->query);
    dx_query_destroy(self->learner);
    dx_key_table_deinit(&self->known);
    dx_buf_deinit(&self->item);
    dx_alloc_free(self->context->alloc, self, sizeof *self);
}

void dx_subscription_limit(dx_subscription *self, size_t keys_max) {
    if (self->window != NULL) {
        dx_window_limit(self->window, keys_max);
        return;
    }
    self->known.count_max = keys_max;
}

/* --- What matches -------------------------------------------------------------------------------- */

/* Remembering one too many ends all remembering. */
static int remember(dx_subscription *self, int64_t key) {
    int error = dx_key_table_add(&self->known, key, 0);
    if (error == DX_OK) {
        return dx_subscription_hold(self, key);
    }
    if (error == DX_E_LIMIT) {
        dx_subscription_unplace(self);
        self->certain = false;
        dx_key_table_clear(&self->known);
        dx_query_destroy(self->learner);
        self->learner = NULL;
        return dx_subscription_place(self);
    }
    return error == DX_E_EXISTS ? DX_OK : error;
}

typedef struct learning {
    dx_subscription *self;
    bool full;
} learning;

static int learn(void *ctx, const dx_query_row *row) {
    learning *state = ctx;
    if (state->self->window != NULL) {
        return dx_window_learn(state->self->window, row->entity);
    }
    int error = dx_key_table_add(&state->self->known, row->key, 0);
    state->full |= error == DX_E_LIMIT;
    return error == DX_E_EXISTS || error == DX_E_LIMIT ? DX_OK : error;
}

static int go_on_learning(dx_subscription *self, size_t budget, bool *more) {
    learning state = {.self = self};
    int error = dx_query_run(self->learner, budget, learn, &state, more);
    if (error != DX_OK) {
        return error;
    }
    if (state.full) {
        dx_key_table_clear(&self->known);
        *more = false;
    }
    if (!*more) {
        dx_query_destroy(self->learner);
        self->learner = NULL;
        self->certain = !state.full;
        if (self->window != NULL) {
            dx_window_learnt(self->window);
        }
        error = dx_subscription_place(self);
    }
    return error;
}

/* --- Rows ---------------------------------------------------------------------------------------- */

/* The keys of a mark that there are, in their order among keys. */
static size_t list_mark(const dx_row_mark *mark, const char *names[static 3]) {
    size_t count = 0;
    if (mark->to != SIZE_MAX) {
        names[count++] = "to";
    }
    if (mark->from != SIZE_MAX) {
        names[count++] = "from";
    }
    names[count++] = "change";
    return count;
}

static void write_mark(const dx_row_mark *mark, const char *name, dx_writer *writer) {
    dx_write_text(writer, name);
    if (name[0] == 'c') {
        dx_write_text(writer, mark->change);
    } else {
        dx_write_uint(writer, name[0] == 't' ? mark->to : mark->from);
    }
}

/* Whether the name stands before the encoded key: the shorter first, then by bytes. */
static bool is_before(const char *name, dx_bytes key) {
    dx_bytes text = dx_item_text(key);
    size_t size = strlen(name);
    return size != text.size ? size < text.size : memcmp(name, text.data, size) < 0;
}

int dx_subscriptions_write_row(dx_subscriptions *set, const dx_row_mark *mark, bool has_entity) {
    const char *names[3];
    size_t left = list_mark(mark, names), at = 0;
    dx_writer writer;
    dx_reader reader;
    dx_buf_clear(&set->row);
    if (has_entity) {
        dx_reader_init(&reader, dx_buf_view(&set->entity));
    }
    size_t count = has_entity ? dx_read_map(&reader) : 0;
    dx_writer_init(&writer, &set->row);
    dx_write_map(&writer, count + left);
    for (size_t i = 0; i < count; i++) {
        dx_bytes key = dx_read_item(&reader);
        for (; at < left && is_before(names[at], key); at++) {
            write_mark(mark, names[at], &writer);
        }
        dx_write_item(&writer, key);
        dx_write_item(&writer, dx_read_item(&reader));
    }
    for (; at < left; at++) {
        write_mark(mark, names[at], &writer);
    }
    return dx_writer_finish(&writer);
}

static int write_row(dx_subscriptions *set, const char *change, bool has_entity) {
    const dx_row_mark mark = {.change = change, .from = SIZE_MAX, .to = SIZE_MAX};
    return dx_subscriptions_write_row(set, &mark, has_entity);
}

/* What to say of an entity, NULL for nothing, and what to remember. */
static int judge(dx_subscription *self, const dx_entity *entity, bool created, const char **change) {
    bool matches, known = dx_key_table_find(&self->known, entity->key) != NULL;
    int error = dx_query_matches(self->query, entity, &matches);
    *change = NULL;
    if (error != DX_OK) {
        return error;
    }
    if (matches) {
        *change = !known && (created || self->certain) ? "added" : "changed";
        return known || (!self->certain && self->learner == NULL) ? DX_OK : remember(self, entity->key);
    }
    if (dx_key_table_remove(&self->known, entity->key)) {
        dx_subscription_release(self, entity->key);
        *change = "removed";
    } else if (!self->certain && !created && dx_query_could_match(self->query, entity)) {
        *change = "removed";
    }
    return DX_OK;
}

static void mark_told(dx_subscription *self) {
    dx_subscriptions *set = self->set;
    if (!self->is_told) {
        self->is_told = true;
        self->next_told = set->told;
        set->told = self;
    }
}

int dx_subscription_tell(dx_subscription *self) {
    mark_told(self);
    return self->subscriber.on_row(self->subscriber.ctx, dx_buf_view(&self->set->row));
}

/* What a window tells itself. One that cannot go on says so when it is run. */
static int judge_window(dx_subscription *self, const dx_entity *entity) {
    dx_subscriptions *set = self->set;
    bool matches;
    int error = self->failed != DX_OK ? self->failed : dx_query_matches(self->query, entity, &matches);
    if (error == DX_OK) {
        error = dx_window_take(self->window, entity, matches);
    }
    if (!self->is_touched) {
        self->is_touched = true;
        self->next_touched = set->touched;
        set->touched = self;
    }
    self->failed = error;
    return error;
}

/* What only one watcher has to suffer for is not everybody's. */
static int of_host(int error) {
    return error != DX_OK && dx_error_class_of(error) == DX_CLASS_HOST ? error : DX_OK;
}

/* --- One change ---------------------------------------------------------------------------------- */

typedef struct taking {
    dx_subscriptions *set;
    dx_context *context;
    const dx_change *change;
    dx_subscription *hits; /* whom it may concern */
    dx_entity entity;
    bool has_read, is_here;
} taking;

static void visit(void *ctx, dx_subscription *candidate) {
    taking *self = ctx;
    if (candidate->judged != self->set->serial && candidate->space->local == self->change->space) {
        candidate->judged = self->set->serial;
        candidate->next_hit = self->hits;
        self->hits = candidate;
    }
}

/* An entity that is not here any more went with its space. */
static const dx_entity *read_entity(void *ctx, int *error) {
    taking *self = ctx;
    if (!self->has_read) {
        dx_space *space = self->set->found_in;
        *error = dx_entity_read(self->context, space, self->change->key, &self->entity);
        self->has_read = true;
        self->is_here = *error == DX_OK;
        *error = *error == DX_E_NOT_FOUND ? DX_OK : *error;
    }
    return self->is_here ? &self->entity : NULL;
}

/* Those who are to be told, with what. */
static int judge_hits(taking *self, bool *any) {
    int error = DX_OK;
    *any = false;
    for (dx_subscription **at = &self->hits; *at != NULL && error == DX_OK;) {
        dx_subscription *hit = *at;
        const dx_entity *entity = read_entity(self, &error);
        hit->word = NULL;
        if (error == DX_OK && entity != NULL && hit->window != NULL) {
            error = of_host(judge_window(hit, entity));
        } else if (error == DX_OK && entity != NULL) {
            error = of_host(judge(hit, entity, self->change->created, &hit->word));
        }
        *any = *any || hit->word != NULL;
        at = &hit->next_hit;
    }
    return error;
}

static int tell_hits(taking *self) {
    dx_subscriptions *set = self->set;
    const char *written = NULL;
    dx_buf_clear(&set->entity);
    int error = dx_entity_write_row(self->context, set->found_in, &self->entity, &set->entity);
    for (dx_subscription *hit = self->hits; hit != NULL && error == DX_OK; hit = hit->next_hit) {
        if (hit->word != NULL && hit->word != written) {
            error = write_row(set, hit->word, true);
            written = hit->word;
        }
        if (hit->word != NULL && error == DX_OK) {
            error = of_host(dx_subscription_tell(hit));
        }
    }
    return of_host(error);
}

static int take_change(dx_subscriptions *set, dx_context *context, const dx_change *change) {
    taking self = {.set = set, .context = context, .change = change};
    const dx_candidates candidates = {.ctx = &self, .visit = visit, .entity = read_entity};
    dx_type *type;
    bool any = false;
    int error = dx_type_read(context, set->found_in, change->type, &type);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    set->serial++;
    error = dx_subscriptions_find(set, change, dx_bytes_of(type->name, type->size), &candidates);
    if (error == DX_OK && self.hits != NULL) {
        error = judge_hits(&self, &any);
    }
    return error == DX_OK && any ? tell_hits(&self) : error;
}

/* --- A step -------------------------------------------------------------------------------------- */

/* The space of a change, when somebody watches it. */
static dx_space *find_space(const dx_subscriptions *set, int64_t local) {
    if (set->found_in != NULL && set->found_in->local == local) {
        return set->found_in;
    }
    const dx_subscription *each = set->all;
    while (each != NULL && each->space->local != local) {
        each = each->next;
    }
    return each == NULL ? NULL : each->space;
}

static int end_windows(dx_subscriptions *set, int error) {
    for (dx_subscription *each = set->touched; each != NULL; each = each->next_touched) {
        each->is_touched = false;
        if (error == DX_OK && each->failed == DX_OK) {
            each->failed = dx_window_end_step(each->window);
            error = of_host(each->failed);
        }
        if (each->failed != DX_OK || dx_subscription_has_more(each)) {
            mark_told(each); /* so that it is run */
        }
    }
    set->touched = NULL;
    return error;
}

static int end_rows(dx_subscriptions *set, int error) {
    error = end_windows(set, error);
    for (dx_subscription *each = set->told; each != NULL; each = each->next_told) {
        int ended = error == DX_OK && each->subscriber.on_end != NULL
                        ? each->subscriber.on_end(each->subscriber.ctx)
                        : DX_OK;
        error = error == DX_OK ? of_host(ended) : error;
        each->is_told = false;
    }
    set->told = NULL;
    return error;
}

static int refresh_one(dx_subscriptions *set, dx_subscription *self) {
    self->is_behind = false;
    int error = begin_learning(self);
    error = error == DX_OK ? write_row(set, "refresh", false) : error;
    return error == DX_OK ? dx_subscription_tell(self) : error;
}

static int refresh_all(dx_subscriptions *set) {
    int error = DX_OK;
    dx_change_log_skip(&set->log);
    for (dx_subscription *each = set->all; each != NULL && error == DX_OK; each = each->next) {
        error = of_host(refresh_one(set, each));
    }
    return error;
}

/* One row per entity, by its first change: whether the step created it is known there, and the row shows
 * it as it is now. */
static int take_each(dx_subscriptions *set, dx_context *context, const dx_changes *changes) {
    int error = DX_OK;
    int64_t unwatched = 0;
    set->found_in = NULL;
    for (size_t i = 0; i < changes->count && error == DX_OK; i++) {
        const dx_change *change = &changes->items[i];
        error = changes->count == 1 ? DX_OK : dx_key_table_add(&set->taken, change->key, 0);
        if (error == DX_E_EXISTS) {
            error = DX_OK;
            continue;
        }
        error = error == DX_OK ? dx_change_log_add(&set->log, change->key, change->created) : error;
        if (error == DX_OK && change->space != unwatched) {
            set->found_in = find_space(set, change->space);
            unwatched = set->found_in == NULL ? change->space : unwatched;
            error = set->found_in == NULL ? DX_OK : take_change(set, context, change);
        }
    }
    dx_key_table_clear(&set->taken);
    return error;
}

static int remind(dx_subscriptions *set) {
    int error = DX_OK;
    for (dx_subscription *each = set->all; each != NULL && error == DX_OK; each = each->next) {
        error =
            each->subscriber.on_end == NULL ? DX_OK : of_host(each->subscriber.on_end(each->subscriber.ctx));
    }
    return error;
}

int dx_subscriptions_take(dx_subscriptions *set, dx_context *context, const dx_changes *changes) {
    if (!set->has_tables) {
        init_tables(set);
    }
    int error = end_rows(set, changes->overflow ? refresh_all(set) : take_each(set, context, changes));
    if (error == DX_OK && set->log.number - set->reminded >= DX_CHANGE_LOG_MAX / 4) {
        set->reminded = set->log.number;
        error = remind(set);
    }
    return error == DX_OK ? dx_change_log_end_step(&set->log, context) : error;
}

/* --- Coming back ---------------------------------------------------------------------------------- */

/* Tells one entity that changed while the watcher was away: what it was told of it before is not known here. */
static int tell_missed(dx_subscription *self, const dx_logged_change *missed) {
    dx_subscriptions *set = self->set;
    dx_entity entity;
    bool matches;
    if (dx_space_feed(self->space, dx_entity_key_feed(missed->key)) == NULL) {
        return DX_OK;
    }
    int error = dx_entity_read(self->context, self->space, missed->key, &entity);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    error = dx_query_matches(self->query, &entity, &matches);
    if (error != DX_OK || (!matches && (missed->created || !dx_query_could_match(self->query, &entity)))) {
        return error;
    }
    dx_buf_clear(&set->entity);
    error = dx_entity_write_row(self->context, self->space, &entity, &set->entity);
    if (error == DX_OK) {
        error = write_row(set, !matches ? "removed" : missed->created ? "added" : "changed", true);
    }
    return error == DX_OK ? dx_subscription_tell(self) : error;
}

/* Changes that come meanwhile are told as they come, so these stay until the last of them is told. */
static int catch_up(dx_subscription *self, size_t *budget) {
    dx_subscriptions *set = self->set;
    int error = DX_OK;
    if (self->behind < set->log.first) { /* overtaken */
        error = refresh_one(set, self);
    }
    while (self->is_behind && *budget > 0 && error == DX_OK) {
        --*budget;
        dx_logged_change missed = dx_change_log_at(&set->log, self->behind);
        error = tell_missed(self, &missed);
        self->behind++;
        self->is_behind = self->behind < set->log.number;
    }
    return end_rows(set, error);
}

static int run_window(dx_subscription *self, size_t budget, bool *more) {
    int error = self->learner != NULL ? go_on_learning(self, budget, more) : DX_OK;
    if (error == DX_OK) {
        error = end_rows(self->set, dx_window_run(self->window, &budget));
    }
    if (error == DX_OK && self->learner == NULL && dx_window_wants(self->window)) {
        error = learn_again(self);
    }
    *more = dx_subscription_has_more(self);
    return error;
}

int dx_subscription_run(dx_subscription *self, size_t budget, bool *more) {
    int error = self->failed != DX_OK ? self->failed : DX_OK;
    if (error == DX_OK && self->is_behind) {
        error = catch_up(self, &budget);
    }
    if (error == DX_OK && self->window != NULL) {
        return run_window(self, budget, more);
    }
    *more = dx_subscription_has_more(self);
    return error == DX_OK && budget > 0 && self->learner != NULL && !self->is_behind
               ? go_on_learning(self, budget, more)
               : error;
}
