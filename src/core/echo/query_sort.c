/* echo/query_sort.c: rows in the order of paths, and groups with their numbers.
 *
 * Layer: floor 1, echo. A record is what decides the order (order.h: parts of the paths, then the id's bytes, so that
 * every vault orders alike), the key and a number; records stand one behind another in a buffer, and a list of places is
 * what is sorted: by merging, which has no worst case. With a limit no more than a few times as many are kept. */
#include <string.h>

#include "echo/query_state.h"

enum { RECORD_HEAD_SIZE = 4 + 8 + 8, LIMIT_SLACK = 1024, RANK_SIZE = 8 };

void dx_records_init(dx_records *records, const dx_alloc *alloc) {
    dx_buf_init(&records->bytes, alloc, DX_QUERY_SORTED_SIZE_MAX);
    dx_buf_init(&records->places, alloc, (size_t)DX_QUERY_SORTED_MAX * sizeof(uint32_t));
}

void dx_records_deinit(dx_records *records) {
    dx_buf_deinit(&records->bytes);
    dx_buf_deinit(&records->places);
}

static size_t count_of(const dx_records *records) {
    return records->places.size / sizeof(uint32_t);
}

static uint32_t *places_of(const dx_records *records) {
    return (uint32_t *)(void *)records->places.data; /* allocators align for any type */
}

static dx_bytes order_at(const dx_records *records, uint32_t place) {
    uint32_t size;
    const uint8_t *record = records->bytes.data + place;
    memcpy(&size, record, sizeof size);
    return dx_bytes_of(record + RECORD_HEAD_SIZE, size);
}

void dx_query_record(const dx_query *query, size_t index, dx_bytes *order, int64_t *key, int64_t *count) {
    uint32_t place = places_of(&query->records)[index];
    const uint8_t *record = query->records.bytes.data + place;
    *order = order_at(&query->records, place);
    memcpy(key, record + 4, sizeof *key);
    memcpy(count, record + 12, sizeof *count);
}

static void merge_runs(const dx_records *records, const uint32_t *from, size_t left, size_t middle,
                       size_t right, uint32_t *to) {
    size_t i = left, k = middle;
    for (size_t out = left; out < right; out++) {
        bool first = i < middle && (k >= right || dx_bytes_compare(order_at(records, from[i]),
                                                                   order_at(records, from[k])) <= 0);
        to[out] = first ? from[i++] : from[k++];
    }
}

static int sort_places(const dx_records *records, const dx_alloc *alloc) {
    size_t count = count_of(records), size = count * sizeof(uint32_t);
    uint32_t *from = places_of(records), *spare = dx_alloc_take(alloc, size + 1), *to = spare;
    if (spare == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t left = 0; left < count; left += 2 * run) {
            size_t middle = left + run < count ? left + run : count;
            size_t right = left + 2 * run < count ? left + 2 * run : count;
            merge_runs(records, from, left, middle, right, to);
        }
        uint32_t *held = from;
        from = to;
        to = held;
    }
    if (from == spare) {
        memcpy(places_of(records), spare, size);
    }
    dx_alloc_free(alloc, spare, size + 1);
    return DX_OK;
}

/* Equal groups become one. */
static void join_groups(dx_records *records) {
    uint32_t *places = places_of(records);
    size_t kept = 0;
    for (size_t i = 0; i < count_of(records); i++) {
        if (kept > 0 && dx_bytes_equal(order_at(records, places[kept - 1]), order_at(records, places[i]))) {
            int64_t sum, more;
            uint8_t *count = records->bytes.data + places[kept - 1] + 12;
            memcpy(&sum, count, sizeof sum);
            memcpy(&more, records->bytes.data + places[i] + 12, sizeof more);
            sum += more;
            memcpy(count, &sum, sizeof sum);
        } else {
            places[kept++] = places[i];
        }
    }
    records->places.size = kept * sizeof *places;
}

/* Copies what is still in the list, so that what fell out of it takes no room. */
static int compact(dx_records *records, const dx_alloc *alloc) {
    dx_buf bytes;
    uint32_t *places = places_of(records);
    dx_buf_init(&bytes, alloc, records->bytes.max);
    for (size_t i = 0; i < count_of(records); i++) {
        size_t size = order_at(records, places[i]).size + RECORD_HEAD_SIZE, place = bytes.size;
        dx_buf_append(&bytes, records->bytes.data + places[i], size);
        places[i] = (uint32_t)place;
    }
    int error = dx_buf_error(&bytes);
    if (error != DX_OK) {
        dx_buf_deinit(&bytes);
        return error;
    }
    dx_buf_deinit(&records->bytes);
    records->bytes = bytes;
    return DX_OK;
}

/* What does not stand before the last of as many as are asked for is not in the answer. */
static int note_bound(dx_query *query) {
    const dx_records *records = &query->records;
    dx_bytes last = order_at(records, places_of(records)[count_of(records) - 1]);
    dx_buf_clear(&query->bound);
    dx_buf_append(&query->bound, last.data, last.size);
    return dx_buf_error(&query->bound);
}

int dx_query_sort(dx_query *query) {
    dx_records *records = &query->records;
    int error = sort_places(records, query->context->alloc);
    if (error != DX_OK) {
        return error;
    }
    size_t count = count_of(records);
    if (query->question.has_group) {
        join_groups(records);
    } else if ((uint64_t)query->question.limit < count) {
        records->places.size = (size_t)query->question.limit * sizeof(uint32_t);
        error = note_bound(query);
    }
    return error == DX_OK && count_of(records) < count ? compact(records, query->context->alloc) : error;
}

/* A full list may be full of what a limit or equal groups leave out. */
static int make_room(dx_query *query, size_t size) {
    dx_records *records = &query->records;
    size_t count = count_of(records);
    bool over = query->question.limit < DX_QUERY_SORTED_MAX / 4 &&
                count >= 2 * (size_t)query->question.limit + LIMIT_SLACK && !query->question.has_group;
    bool full = count == DX_QUERY_SORTED_MAX || records->bytes.size + size > DX_QUERY_SORTED_SIZE_MAX;
    if (!over && !full) {
        return DX_OK;
    }
    int error = dx_query_sort(query);
    if (error == DX_OK && full &&
        (count_of(records) > DX_QUERY_SORTED_MAX / 2 ||
         records->bytes.size + size > DX_QUERY_SORTED_SIZE_MAX / 2)) {
        error = DX_E_LIMIT;
    }
    return error;
}

static int add_record(dx_query *query, dx_bytes order, int64_t key) {
    dx_records *records = &query->records;
    int error = make_room(query, order.size + RECORD_HEAD_SIZE);
    if (error != DX_OK) {
        return error;
    }
    uint32_t place = (uint32_t)records->bytes.size, size = (uint32_t)order.size;
    int64_t count = 1;
    dx_buf_append(&records->bytes, &size, sizeof size);
    dx_buf_append(&records->bytes, &key, sizeof key);
    dx_buf_append(&records->bytes, &count, sizeof count);
    dx_buf_append(&records->bytes, order.data, order.size);
    dx_buf_append(&records->places, &place, sizeof place);
    return dx_buf_error(&records->bytes) != DX_OK ? dx_buf_error(&records->bytes)
                                                  : dx_buf_error(&records->places);
}

/* Appends the parts of one path to the record in query->note. */
static int add_part(dx_query *query, const dx_entity *entity, dx_bytes path, bool descending,
                    dx_bytes *item) {
    int error = dx_query_look(query, entity, path, item);
    dx_buf_clear(&query->form);
    if (error == DX_OK && item->size != 0) {
        dx_order_write(*item, &query->form);
    }
    if (error == DX_OK) {
        dx_order_write_part(dx_buf_view(&query->form), descending, &query->note);
        error = dx_buf_error(&query->form);
    }
    return error != DX_OK ? error : dx_buf_error(&query->note);
}

/* How well it matches, the best first: of numbers that are not negative, their bits. */
static void write_rank(const dx_query *query, uint8_t out[static RANK_SIZE]) {
    uint64_t bits;
    memcpy(&bits, &query->rank, sizeof bits);
    for (int i = 0; i < RANK_SIZE; i++) {
        out[i] = (uint8_t)(~bits >> (56 - 8 * i));
    }
}

/* Into query->note: what decides the place of an entity, or of its group. */
static int write_note(dx_query *query, const dx_entity *entity) {
    const dx_question *question = &query->question;
    uint8_t id[DX_ID_SIZE];
    dx_bytes item;
    int error = DX_OK;
    dx_buf_clear(&query->note);
    if (question->has_group) { /* one part, so its form stands as it is, and can be read back */
        error = dx_query_look(query, entity, question->group, &item);
        dx_buf_append_byte(&query->note, item.size != 0 ? 1 : 2); /* what is missing is last */
        if (error == DX_OK && item.size != 0) {
            dx_order_write(item, &query->note);
        }
        return error != DX_OK ? error : dx_buf_error(&query->note);
    }
    if (question->order_count == 0) {
        uint8_t bytes[RANK_SIZE];
        write_rank(query, bytes);
        dx_buf_append(&query->note, bytes, sizeof bytes);
    }
    for (size_t i = 0; i < question->order_count && error == DX_OK; i++) {
        error = add_part(query, entity, question->orders[i].path, question->orders[i].descending, &item);
    }
    if (error == DX_OK) {
        error = dx_key_to_id(query->space, entity->key, id);
    }
    dx_buf_append(&query->note, id, sizeof id);
    return error != DX_OK ? error : dx_buf_error(&query->note);
}

int dx_query_place_of(dx_query *query, const dx_entity *entity, dx_bytes *place) {
    int error = write_note(query, entity);
    *place = dx_buf_view(&query->note);
    return error;
}

/* Most of many matches do not rank among the best: for those nothing else is made. */
static bool is_outranked(const dx_query *query) {
    uint8_t rank[RANK_SIZE];
    if (query->bound.size == 0 || query->question.order_count != 0 || query->question.has_group) {
        return false;
    }
    write_rank(query, rank);
    return memcmp(rank, query->bound.data, sizeof rank) > 0;
}

int dx_query_note(dx_query *query, const dx_entity *entity) {
    if (is_outranked(query)) {
        return DX_OK;
    }
    int error = write_note(query, entity);
    dx_bytes note = dx_buf_view(&query->note);
    if (error != DX_OK || query->question.has_group) {
        return error == DX_OK ? add_record(query, note, 0) : error;
    }
    bool passed = (query->behind.size != 0 && dx_bytes_compare(note, dx_buf_view(&query->behind)) <= 0) ||
                  (query->bound.size != 0 && dx_bytes_compare(note, dx_buf_view(&query->bound)) > 0);
    return passed ? DX_OK : add_record(query, note, entity->key);
}
