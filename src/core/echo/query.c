/* echo/query.c: a query's life: seek what the filter matches, follow its steps, give the rows.
 *
 * Layer: floor 1, echo. Contract in query.h. Phases: SEEK walks the filter and gives rows at once, or collects where
 * "follow" and "path" begin, or what an index found out of order; FOLLOW takes one step after another from a sorted
 * list of keys to the next; SEARCH looks for a path; GIVE reads the rows of a list; what has an order or groups is
 * noted on the way there and given in SORTED. */
#include <string.h>

#include "base/limits.h"
#include "echo/entity_row.h"
#include "echo/query_state.h"

enum {
    VIEW_SIZE_MAX = 80 << 20, /* of one object shown: a state (DX_OBJECT_STATE_SIZE_MAX) and some */
    /* Questions that read so many rows, and found less than a quarter of them, wish for an index. */
    WISH_ROWS = 1000,
    WISH_SHARE = 4
};

/* What a cursor of an answer begins with: its fingerprint, then the id of a row or a whole record. */
enum { CURSOR_BY_ID = 1, CURSOR_BY_ORDER = 2 };

/* --- Going on ------------------------------------------------------------------------------------ */

/* The place in the filter's own order after a row of an earlier run. */
static int begin_after(dx_query *query, char *message, size_t message_size) {
    dx_entity entity;
    if (query->question.after == 0 || query->question.step_count > 0) {
        return DX_OK;
    }
    int error = dx_entity_read(query->context, query->space, query->question.after, &entity);
    if (error == DX_E_NOT_FOUND || (error == DX_OK && !dx_query_could_match(query, &entity))) {
        return dx_question_refuse(message, message_size,
                                  "\"after\" is the id of the last row of the same query");
    }
    query->place = (dx_query_place){.kind = (int)entity.kind,
                                    .type = entity.type_id,
                                    .end = query->question.filter.has_source ? entity.target : entity.source,
                                    .deleted = entity.deleted,
                                    .key = entity.key};
    return error;
}

/* FNV-1a over all of the question but what differs from one page to the next: only honest mistakes are to be told. */
static uint64_t fingerprint(dx_bytes item) {
    static const char *const passed[] = {"limit", "cursor"};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    dx_reader reader;
    dx_reader_init(&reader, item);
    for (size_t count = dx_read_map(&reader); count > 0; count--) {
        dx_bytes key = dx_read_text(&reader), value = dx_read_item(&reader);
        bool pass = false;
        for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
            pass = pass || dx_bytes_equal(key, dx_bytes_text(passed[i]));
        }
        for (const uint8_t *at = key.data; !pass && at < value.data + value.size; at++) {
            hash = (hash ^ *at) * UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

static int refuse_cursor(char *message, size_t message_size) {
    return dx_question_refuse(message, message_size,
                              "\"cursor\" is that of an earlier answer to the same query");
}

static int begin_cursor(dx_query *query, char *message, size_t message_size) {
    dx_buf bytes;
    uint64_t mark;
    enum { HEAD = sizeof mark + 1 };
    dx_buf_init(&bytes, query->context->alloc, DX_QUERY_SIZE_MAX);
    int error = dx_base64url_decode(query->question.cursor, &bytes);
    bool ordered = dx_query_is_ordered(query);
    if (error == DX_OK && bytes.size > HEAD && bytes.data[0] == (ordered ? CURSOR_BY_ORDER : CURSOR_BY_ID) &&
        (ordered || bytes.size == HEAD + DX_ID_SIZE)) {
        memcpy(&mark, bytes.data + 1, sizeof mark);
        if (mark != query->fingerprint) {
            error = DX_E_INVALID;
        } else if (ordered) {
            dx_buf_append(&query->behind, bytes.data + HEAD, bytes.size - HEAD);
            error = dx_buf_error(&query->behind);
        } else {
            error = dx_id_to_key(query->space, bytes.data + HEAD, &query->question.after);
        }
    } else if (error == DX_OK) {
        error = DX_E_INVALID;
    }
    dx_buf_deinit(&bytes);
    return error == DX_E_INVALID || error == DX_E_NOT_FOUND ? refuse_cursor(message, message_size) : error;
}

int dx_query_cursor(const dx_query *query, dx_buf *out) {
    return query->count == query->question.limit ? dx_query_cursor_behind(query, out) : DX_OK;
}

int dx_query_cursor_behind(const dx_query *query, dx_buf *out) {
    uint8_t head[1 + sizeof query->fingerprint], id[DX_ID_SIZE];
    const dx_question *question = &query->question;
    bool ordered = dx_query_is_ordered(query);
    dx_buf bytes;
    if (query->count == 0 || question->counts || question->has_group || question->has_path) {
        return DX_OK;
    }
    head[0] = ordered ? CURSOR_BY_ORDER : CURSOR_BY_ID;
    memcpy(head + 1, &query->fingerprint, sizeof query->fingerprint);
    dx_buf_init(&bytes, query->context->alloc, DX_QUERY_SORTED_SIZE_MAX);
    dx_buf_append(&bytes, head, sizeof head);
    int error = DX_OK;
    if (ordered) {
        int64_t key, count;
        dx_bytes order;
        dx_query_record(query, query->at - 1, &order, &key, &count);
        dx_buf_append(&bytes, order.data, order.size);
    } else {
        error = dx_key_to_id(query->space, query->last_key, id);
        dx_buf_append(&bytes, id, sizeof id);
    }
    error = error == DX_OK ? dx_buf_error(&bytes) : error;
    if (error == DX_OK) {
        dx_base64url_encode(dx_buf_view(&bytes), out);
        error = dx_buf_error(out);
    }
    dx_buf_deinit(&bytes);
    return error;
}

/* --- Life ---------------------------------------------------------------------------------------- */

static void init_buffers(dx_query *query) {
    const dx_alloc *alloc = query->context->alloc;
    size_t list_max = (size_t)DX_QUERY_KEYS_MAX * sizeof(int64_t);
    dx_question_init(&query->question, alloc);
    dx_buf_init(&query->item, alloc, DX_QUERY_SIZE_MAX + 1);
    dx_buf_init(&query->view, alloc, VIEW_SIZE_MAX);
    dx_buf_init(&query->form, alloc, VIEW_SIZE_MAX);
    dx_buf_init(&query->note, alloc, VIEW_SIZE_MAX);
    dx_buf_init(&query->behind, alloc, DX_QUERY_SIZE_MAX);
    dx_buf_init(&query->bound, alloc, DX_QUERY_SORTED_SIZE_MAX);
    dx_buf_init(&query->bounds, alloc, 4 * DX_QUERY_SIZE_MAX);
    dx_buf_init(&query->edge, alloc, DX_ORDER_INDEXED_MAX + 1);
    dx_buf_init(&query->state, alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&query->from, alloc, list_max);
    dx_buf_init(&query->keys, alloc, list_max);
    dx_buf_init(&query->gathered, alloc, list_max);
    dx_buf_init(&query->ends, alloc, list_max);
    dx_key_set_init(&query->reached, alloc, query->context->random, DX_QUERY_KEYS_MAX);
    for (size_t i = 0; i < 2; i++) {
        dx_buf_init(&query->sides[i].order, alloc, list_max);
        dx_buf_init(&query->sides[i].origins, alloc, list_max);
        dx_key_table_init(&query->sides[i].seen, alloc, query->context->random, DX_QUERY_KEYS_MAX);
    }
    dx_key_table_init(&query->origins, alloc, query->context->random, DX_QUERY_KEYS_MAX);
    dx_records_init(&query->records, alloc);
}

int dx_query_create(dx_context *context, dx_space *space, dx_bytes item, char *message, size_t message_size,
                    dx_query **out) {
    return dx_query_create_at(context, space, item, NULL, message, message_size, out);
}

int dx_query_create_at(dx_context *context, dx_space *space, dx_bytes item, const dx_stamp *point,
                       char *message, size_t message_size, dx_query **out) {
    *out = NULL;
    dx_query *query = dx_alloc_take_zeroed(context->alloc, sizeof *query);
    if (query == NULL) {
        return DX_E_NO_MEMORY;
    }
    query->context = context;
    query->space = space;
    init_buffers(query);
    dx_buf_append(&query->item, item.data, item.size < DX_QUERY_SIZE_MAX ? item.size : DX_QUERY_SIZE_MAX + 1);
    int error = dx_buf_error(&query->item);
    if (error == DX_OK) {
        error = dx_question_parse(context, space, dx_buf_view(&query->item), message, message_size,
                                  &query->question);
    }
    if (error == DX_OK) {
        query->fingerprint = fingerprint(dx_buf_view(&query->item));
    }
    if (error == DX_OK && point != NULL) {
        error = dx_query_begin_past(query, point, message, message_size);
    }
    if (error == DX_OK && query->question.cursor.data != NULL) {
        error = begin_cursor(query, message, message_size);
    }
    if (error == DX_OK) {
        error = begin_after(query, message, message_size);
    }
    if (error == DX_OK) {
        error = dx_entity_rows_settle(context, space); /* how to go is chosen by what the tables hold */
    }
    if (error == DX_OK && !query->is_past) { /* indexes are of now */
        error = dx_query_choose(query);
        error = error == DX_OK ? dx_query_choose_order(query) : error;
    }
    if (error == DX_OK && (query->gathers || (query->range.index != 0 && !query->range.is_value))) {
        query->place = (dx_query_place){0}; /* what lies between two values is found from its beginning */
    }
    if (error == DX_OK && query->question.text.size != 0 && query->text_index == 0) {
        error = dx_question_refuse(message, message_size,
                                   "no text index on this type is ready: dx index add SPACE TYPE --text");
    }
    if (error == DX_OK && query->question.limit == 0) {
        query->phase = DX_QUERY_DONE;
    }
    if (error != DX_OK) {
        dx_query_destroy(query);
        return error;
    }
    *out = query;
    return DX_OK;
}

void dx_query_destroy(dx_query *query) {
    if (query == NULL) {
        return;
    }
    dx_buf *buffers[] = {&query->item,   &query->view,  &query->form, &query->note, &query->behind,
                         &query->bounds, &query->edge,  &query->from, &query->keys, &query->gathered,
                         &query->ends,   &query->bound, &query->state};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        dx_buf_deinit(buffers[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        dx_buf_deinit(&query->sides[i].order);
        dx_buf_deinit(&query->sides[i].origins);
        dx_key_table_deinit(&query->sides[i].seen);
    }
    dx_question_deinit(&query->question);
    dx_records_deinit(&query->records);
    dx_key_set_deinit(&query->reached);
    dx_key_table_deinit(&query->origins);
    dx_alloc_free(query->context->alloc, query, sizeof *query);
}

int64_t dx_query_count(const dx_query *query) {
    return query->count;
}

bool dx_query_counts(const dx_query *query) {
    return query->question.counts;
}

bool dx_query_groups(const dx_query *query) {
    return query->question.has_group;
}

bool dx_query_wants_ids(const dx_query *query) {
    return query->question.wants_ids;
}

size_t dx_query_held(const dx_query *query, size_t *size) {
    *size = query->records.bytes.size;
    return query->records.places.size / sizeof(uint32_t);
}

bool dx_query_is_plain(const dx_query *query) {
    return query->question.step_count == 0 && !query->question.has_path;
}

bool dx_query_is_filter(const dx_query *query) {
    const dx_question *question = &query->question;
    return dx_query_is_plain(query) && !question->counts && !question->wants_ids && !question->has_group &&
           question->text.size == 0 && question->order_count == 0 && question->after == 0 &&
           question->limit == INT64_MAX;
}

bool dx_query_is_window(const dx_query *query) {
    const dx_question *question = &query->question;
    return dx_query_is_plain(query) && !question->counts && !question->wants_ids && question->after == 0 &&
           question->cursor.data == NULL && question->text.size == 0 && question->limit > 0 &&
           (question->order_count != 0 || question->has_group);
}

int dx_query_matches(dx_query *query, const dx_entity *entity, bool *matches) {
    return dx_filter_matches(query, &query->question.filter, entity, matches);
}

bool dx_query_could_match(dx_query *query, const dx_entity *entity) {
    return dx_filter_could_match(&query->question.filter, entity);
}

bool dx_query_is_ordered(const dx_query *query) {
    const dx_question *question = &query->question;
    return question->order_count != 0 || (question->text.size != 0 && dx_query_is_plain(query) &&
                                          !question->counts && !question->has_group);
}

/* --- Rows ---------------------------------------------------------------------------------------- */

/* Order and groups are decided when all is known. */
static bool is_sorted(const dx_query *query) {
    return dx_query_is_ordered(query) || query->question.has_group;
}

/* The answer says nothing of an entity but that it is one. */
static bool needs_no_row(const dx_query *query) {
    return (query->question.counts || query->question.wants_ids) && !is_sorted(query);
}

static int give_row(dx_query *query, const dx_query_row *row) {
    query->count++;
    query->last_key = row->key;
    if (query->count == query->question.limit) {
        query->phase = DX_QUERY_DONE;
    }
    return query->question.counts ? DX_OK : query->on_row(query->ctx, row);
}

static int make_snippet(dx_query *query, const dx_entity *entity, dx_bytes *snippet) {
    dx_writer writer;
    dx_buf_clear(&query->view);
    dx_writer_init(&writer, &query->view);
    int error = dx_entity_view(query->context, query->space, entity, &writer);
    error = error == DX_OK ? dx_writer_finish(&writer) : error;
    dx_buf_clear(&query->form);
    if (error == DX_OK) {
        error = dx_full_text_snippet(query->context, query->question.text, dx_buf_view(&query->view),
                                     &query->form);
    }
    *snippet = dx_buf_view(&query->form);
    return error;
}

static int give(dx_query *query, const dx_entity *entity) {
    dx_query_row row = {.key = entity->key,
                        .entity = query->question.wants_ids ? NULL : entity,
                        .order = query->phase == DX_QUERY_SORTED ? query->deciding : dx_bytes_of(NULL, 0)};
    int error = query->question.snippets ? make_snippet(query, entity, &row.snippet) : DX_OK;
    return error == DX_OK ? give_row(query, &row) : error;
}

/* One entity of the answer, when it is found. */
static int deliver(dx_query *query, const dx_entity *entity) {
    return is_sorted(query) ? dx_query_note(query, entity) : give(query, entity);
}

/* A full list may be full of repetitions: they go before it is called too long. */
static int collect_in(dx_buf *keys, int64_t key) {
    size_t count_max = keys->max / sizeof key;
    if (dx_key_list_count(keys) == count_max) {
        dx_key_list_sort(keys);
        if (dx_key_list_count(keys) > count_max / 4 * 3) {
            return DX_E_LIMIT;
        }
    }
    dx_key_list_add(keys, key);
    return dx_buf_error(keys);
}

static int collect_start(dx_query *query, const dx_entity *entity) {
    return collect_in(&query->keys, entity->key);
}

/* An entity of the answer known by its key. What went since, or is another one, is passed over. */
static int deliver_key(dx_query *query, int64_t key) {
    dx_entity entity;
    bool matches = true;
    if (needs_no_row(query) && !query->judges) {
        return give_row(query, &(dx_query_row){.key = key});
    }
    int error = dx_query_read(query, key, &entity);
    if (error == DX_E_NOT_FOUND) {
        return DX_OK;
    }
    if (error == DX_OK && (query->judges || (query->phase == DX_QUERY_SORTED && dx_query_is_plain(query)))) {
        error = dx_query_matches(query, &entity, &matches);
    } else {
        /* A path may begin where something was deleted, and begins with it. */
        matches = !entity.deleted || (query->question.has_path && query->at == 1);
    }
    if (error != DX_OK || !matches) {
        return error;
    }
    return query->phase == DX_QUERY_SORTED ? give(query, &entity) : deliver(query, &entity);
}

static int give_keys(dx_query *query) {
    int error = DX_OK;
    while (query->budget > 0 && error == DX_OK && query->phase == DX_QUERY_GIVE) {
        if (query->at == dx_key_list_count(&query->keys)) {
            query->at = 0;
            query->phase = is_sorted(query) ? DX_QUERY_SORTED : DX_QUERY_DONE;
            return is_sorted(query) ? dx_query_sort(query) : DX_OK;
        }
        int64_t key = dx_key_list_at(&query->keys, query->at++);
        query->budget--;
        if (key > query->question.after || query->question.has_path) {
            error = deliver_key(query, key);
        }
    }
    return error;
}

/* The value a group's record stands for is written from its form. */
static int give_group(dx_query *query, dx_bytes order, int64_t count) {
    dx_query_row row = {.count = count, .order = order};
    dx_writer writer;
    dx_buf_clear(&query->form);
    if (order.data[0] == 1) {
        dx_writer_init(&writer, &query->form);
        dx_order_read(dx_bytes_of(order.data + 1, order.size - 1), &writer);
        int error = dx_writer_finish(&writer);
        if (error != DX_OK) {
            return error;
        }
        row.value = dx_buf_view(&query->form);
    }
    return give_row(query, &row);
}

static int give_sorted(dx_query *query) {
    int error = DX_OK;
    while (query->budget > 0 && error == DX_OK && query->phase == DX_QUERY_SORTED) {
        dx_bytes order;
        int64_t key, count;
        if (query->at == query->records.places.size / sizeof(uint32_t)) {
            query->phase = DX_QUERY_DONE;
            break;
        }
        dx_query_record(query, query->at++, &order, &key, &count);
        query->deciding = order;
        query->budget--;
        error = query->question.has_group ? give_group(query, order, count) : deliver_key(query, key);
    }
    return error;
}

/* --- Seeking ------------------------------------------------------------------------------------- */

/* What was collected, each once and in order, is where the next step begins; after the last it is the answer.
 */
static void begin_step(dx_query *query) {
    dx_key_list_sort(&query->keys);
    query->at = 0;
    query->hops = 1;
    query->place = (dx_query_place){0};
    dx_key_set_clear(&query->reached);
    dx_buf_clear(&query->gathered);
    if (query->step == query->question.step_count) {
        query->phase = DX_QUERY_GIVE;
        return;
    }
    dx_buf reached = query->from;
    query->from = query->keys;
    query->keys = reached;
    dx_buf_clear(&query->keys);
    query->phase = DX_QUERY_FOLLOW;
}

/* A row that an index came to, where its entry does not decide. */
static int seek_entity(dx_query *query, int64_t key) {
    dx_entity entity;
    bool matches = false;
    int error = dx_query_read(query, key, &entity);
    if (error == DX_OK) {
        error = dx_query_matches(query, &entity, &matches);
    }
    if (error != DX_OK || !matches) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    if (query->question.has_path) {
        return dx_query_add_start(query, &entity);
    }
    return query->question.step_count > 0 ? collect_start(query, &entity) : deliver(query, &entity);
}

/* Entries of several values come in another order than their keys, and those of an "in" more than once when it names a
 * value twice. What had a parent is found type by type. */
static bool is_collected(const dx_query *query) {
    const dx_query_range *range = &query->range;
    return query->gathers || (range->index != 0 && !range->is_value && (range->is_set || !is_sorted(query)));
}

/* Entries of one value stand in the order of keys and are given as they come; others are collected first. */
static int seek_entry(dx_query *query, int64_t key) {
    const dx_query_range *range = &query->range;
    if (query->question.has_path) {
        return range->decides ? dx_query_add_start(query, &(dx_entity){.key = key}) : seek_entity(query, key);
    }
    if (query->question.step_count > 0) {
        return range->decides ? collect_in(&query->keys, key) : seek_entity(query, key);
    }
    if (is_collected(query)) {
        return collect_in(&query->keys, key);
    }
    if (range->decides && needs_no_row(query)) {
        return give_row(query, &(dx_query_row){.key = key});
    }
    return seek_entity(query, key);
}

/* What holds the words asked for. */
static int seek_match(dx_query *query, int64_t key) {
    const dx_question *question = &query->question;
    dx_entity bare = {.key = key};
    if (!query->text_decides) {
        return seek_entity(query, key);
    }
    if (question->has_path) {
        return dx_query_add_start(query, &bare);
    }
    if (question->step_count > 0) {
        return collect_in(&query->keys, key);
    }
    if (question->order_count == 0 && !question->has_group) {
        return question->counts ? give_row(query, &(dx_query_row){.key = key}) : dx_query_note(query, &bare);
    }
    return seek_entity(query, key);
}

static int walk(dx_query *query, bool *done) {
    const dx_question *question = &query->question;
    if (query->text_index != 0) {
        return dx_query_walk_text(query, seek_match, done);
    }
    if (query->ordered.on) {
        return dx_query_walk_ordered(query, done);
    }
    if (query->range.index != 0) {
        return dx_query_walk_range(query, seek_entry, done);
    }
    return dx_query_walk_filter(query,
                                question->has_path                                ? dx_query_add_start
                                : question->step_count > 0 || is_collected(query) ? collect_start
                                                                                  : deliver,
                                done);
}

static int seek(dx_query *query) {
    const dx_question *question = &query->question;
    bool done;
    int error = walk(query, &done);
    if (error != DX_OK || !done || query->phase != DX_QUERY_SEEK) {
        return error;
    }
    if (question->step_count > 0) {
        begin_step(query);
    } else if (question->has_path) {
        query->phase = DX_QUERY_SEARCH;
        query->place = (dx_query_place){0};
        query->sides[0].level_end = dx_key_list_count(&query->sides[0].order);
    } else if (is_collected(query)) {
        dx_key_list_sort(&query->keys);
        query->judges = !query->range.decides;
        query->at = 0;
        query->phase = DX_QUERY_GIVE;
    } else if (is_sorted(query)) {
        query->phase = DX_QUERY_SORTED;
        query->at = 0;
        return dx_query_sort(query);
    } else {
        query->phase = DX_QUERY_DONE;
    }
    return DX_OK;
}

/* --- Following ----------------------------------------------------------------------------------- */

/* A step that repeats goes on from all it comes to, and keeps what matches. */
static int reach(dx_query *query, int64_t key, bool matches) {
    bool keeps = query->question.steps[query->step].repeats && matches;
    int error = collect_in(&query->keys, key);
    return error == DX_OK && keeps ? collect_in(&query->gathered, key) : error;
}

/* From all of the list to the next one. */
static int follow_list(dx_query *query, const dx_query_step *step, bool *done) {
    int error = DX_OK;
    *done = false;
    while (query->budget > 0 && error == DX_OK) {
        bool ended;
        if (query->at == dx_key_list_count(&query->from)) {
            *done = true;
            break;
        }
        if (query->is_past) {
            error = dx_query_walk_past_step(query, step, reach);
            continue;
        }
        if (step->way == DX_QUERY_OUT || step->way == DX_QUERY_IN) {
            error = dx_query_walk_links(query, step, &query->from, dx_key_list_count(&query->from), reach);
            continue;
        }
        error = dx_query_walk_step(query, step, dx_key_list_at(&query->from, query->at), reach, &ended);
        if (ended) {
            query->at++;
            query->place = (dx_query_place){0};
        }
    }
    return error;
}

/* One hop further from what the last one reached anew; false: the step is at its end, and has what it gathered. */
static bool repeat_step(dx_query *query, const dx_query_step *step) {
    if (step->repeats && query->hops < step->hops && query->keys.size != 0) {
        dx_buf reached = query->from;
        dx_key_list_sort(&query->keys);
        query->from = query->keys;
        query->keys = reached;
        dx_buf_clear(&query->keys);
        query->hops++;
        query->at = 0;
        query->place = (dx_query_place){0};
        return true;
    }
    if (step->repeats) {
        dx_buf gathered = query->gathered;
        query->gathered = query->keys;
        query->keys = gathered;
    }
    return false;
}

static int follow(dx_query *query) {
    bool done = true;
    while (query->budget > 0 && done) {
        const dx_query_step *step = &query->question.steps[query->step];
        int error = follow_list(query, step, &done);
        if (error != DX_OK) {
            return error;
        }
        if (done && !repeat_step(query, step)) {
            query->step++;
            begin_step(query);
            return DX_OK;
        }
    }
    return DX_OK;
}

/* --- Explaining ---------------------------------------------------------------------------------- */

/* The first condition an index could stand for. */
static dx_bytes wished_path(const dx_query *query) {
    const dx_question *question = &query->question;
    const dx_query_filter *filter = &question->filter;
    for (size_t i = filter->begin; i < filter->end; i = dx_query_node_at(question, i)->end) {
        const dx_query_node *node = dx_query_node_at(question, i);
        if (node->path.size != 0 && node->op != DX_QUERY_OTHER && node->op != DX_QUERY_HAS &&
            node->op != DX_QUERY_EXISTS && node->op != DX_QUERY_IS_TYPE) {
            return node->path;
        }
    }
    return dx_bytes_of(NULL, 0);
}

static bool wishes(const dx_query *query) {
    const dx_query_filter *filter = &query->question.filter;
    return query->range.index == 0 && query->text_index == 0 && query->type != 0 &&
           filter->deleted == DX_QUERY_HIDE && !filter->has_id && !filter->has_source &&
           !filter->has_target && !(filter->has_parent && filter->parent != 0) && query->sought > WISH_ROWS &&
           query->sought / WISH_SHARE > query->found;
}

void dx_query_explain(const dx_query *query, dx_query_plan *out) {
    const dx_query_filter *filter = &query->question.filter;
    *out = (dx_query_plan){.examined = query->examined, .rows_read = query->rows_read};
    out->begins = query->text_index != 0                                         ? "words"
                  : query->range.index != 0                                      ? "index"
                  : filter->has_id                                               ? "id"
                  : filter->has_source || filter->has_target                     ? "links"
                  : filter->has_parent && filter->parent != 0 && !query->is_past ? "children"
                  : filter->has_type                                             ? "type"
                                                                                 : "everything";
    out->type = filter->type;
    out->path = query->range.index != 0 ? query->range.path : dx_bytes_of(NULL, 0);
    out->automatic = query->range.automatic;
    out->then = query->question.step_count > 0            ? "steps"
                : !query->question.has_path               ? NULL
                : query->path_search == DX_PATH_FROM_BOTH ? "path from both ends"
                                                          : "path from the beginning";
    out->order = query->question.has_path ? "path"
                 : query->ordered.on      ? "index"
                 : is_sorted(query)       ? "sorted"
                                          : "as placed";
    if (wishes(query)) {
        out->advice_type = filter->type;
        out->advice_path = wished_path(query);
    }
}

/* --- Running ------------------------------------------------------------------------------------- */

static int run_phase(dx_query *query) {
    switch (query->phase) {
    case DX_QUERY_SEEK:
        return seek(query);
    case DX_QUERY_FOLLOW:
        return follow(query);
    case DX_QUERY_SEARCH:
        return dx_query_search(query);
    case DX_QUERY_GIVE:
        return give_keys(query);
    case DX_QUERY_SORTED:
        return give_sorted(query);
    case DX_QUERY_DONE:
        break;
    }
    return DX_OK;
}

/* An index that was removed while it was asked has lost entries. */
static int check_index(const dx_query *query) {
    int64_t id = query->text_index != 0 ? query->text_index : query->range.index;
    dx_bytes path = query->text_index != 0 ? dx_bytes_of(NULL, 0) : query->range.path;
    const dx_index *index = id == 0 ? NULL : dx_index_find(query->space, query->type, path);
    return id != 0 && (index == NULL || index->id != id) ? DX_E_CANCELLED : DX_OK;
}

int dx_query_run(dx_query *query, size_t budget, int (*on_row)(void *ctx, const dx_query_row *row), void *ctx,
                 bool *more) {
    int error = dx_entity_rows_settle(query->context, query->space);
    error = error == DX_OK && query->phase == DX_QUERY_SEEK ? check_index(query) : error;
    query->budget = budget;
    query->on_row = on_row;
    query->ctx = ctx;
    while (error == DX_OK && query->budget > 0 && query->phase != DX_QUERY_DONE) {
        bool sought = query->phase == DX_QUERY_SEEK;
        error = run_phase(query);
        if (sought) {
            query->sought = query->rows_read;
            query->found = dx_query_is_plain(query) && !is_sorted(query) ? query->count
                           : is_sorted(query) ? (int64_t)(query->records.places.size / sizeof(uint32_t))
                                              : (int64_t)dx_key_list_count(&query->from);
        }
    }
    error = error == DX_QUERY_PAUSE ? DX_OK : error;
    *more = error == DX_OK && query->phase != DX_QUERY_DONE;
    if (error == DX_OK && !*more && wishes(query) && !query->wished && wished_path(query).size != 0) {
        query->wished = true;
        error = dx_index_wish_for(query->context, query->space, query->type, wished_path(query));
    }
    return error;
}
