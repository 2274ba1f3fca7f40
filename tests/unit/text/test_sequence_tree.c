/* The sequence against a model that is nothing but arrays: order, positions, characters and ids after every step (text/sequence_tree.c and what
 * it is made of: text/tree.c, text/leaf.c, text/place.c, text/pool.c, text/ids.c, text/sequence_cut.c, text/sequence_find.c). */
#include "test.h"

#include "text/sequence.h"
#include "text/wtf8.h"

enum { LISTS = 3, CLIENTS = 4 };

typedef struct model_item {
    dx_text_ref ref;
    uint32_t client, clock, length;
    uint8_t kind;
    uint16_t key; /* of a marker */
    bool deleted;
    dx_buf text;
} model_item;

typedef struct model {
    test_alloc alloc;
    test_random random;
    dx_text_sequence *sequence;
    dx_text_list list[LISTS];
    model_item **items[LISTS]; /* in order */
    size_t count[LISTS], room[LISTS];
    model_item **ids[CLIENTS];
    size_t id_count[CLIENTS], id_room[CLIENTS];
    uint32_t longest; /* bytes inserted at once */
} model;

static uint32_t below(model *it, uint32_t limit) {
    return (uint32_t)(test_random_next(&it->random) % limit);
}

static void array_insert(model_item ***items, size_t *count, size_t *room, size_t at, model_item *item) {
    if (*count == *room) {
        *room = *room * 2 + 16;
        *items = realloc(*items, *room * sizeof **items);
        assert_non_null(*items);
    }
    memmove(*items + at + 1, *items + at, (*count - at) * sizeof **items);
    (*items)[at] = item;
    ++*count;
}

static void array_remove(model_item **items, size_t *count, size_t at) {
    --*count;
    memmove(items + at, items + at + 1, (*count - at) * sizeof *items);
}

static size_t place_in(model_item **items, size_t count, const model_item *item) {
    for (size_t i = 0; i < count; i++) {
        if (items[i] == item) {
            return i;
        }
    }
    fail();
    return 0;
}

static void model_init(model *it, uint64_t seed, uint32_t longest) {
    memset(it, 0, sizeof *it);
    test_alloc_init(&it->alloc);
    test_random_init(&it->random, seed);
    it->longest = longest;
    assert_int_equal(dx_text_sequence_create(&it->alloc.port, &it->sequence), DX_OK);
    assert_int_equal(dx_text_ids_reserve(it->sequence, CLIENTS), DX_OK);
    assert_int_equal(dx_text_sequence_reserve(it->sequence, 0, LISTS, 0), DX_OK);
    for (uint32_t i = 0; i < LISTS; i++) {
        it->list[i] = dx_text_list_take(it->sequence, 100 + i);
        assert_int_equal(dx_text_list_owner(it->sequence, it->list[i]), 100 + i);
    }
}

static void model_deinit(model *it) {
    for (size_t i = 0; i < LISTS; i++) {
        free(it->items[i]);
    }
    for (size_t c = 0; c < CLIENTS; c++) {
        for (size_t i = 0; i < it->id_count[c]; i++) {
            dx_buf_deinit(&it->ids[c][i]->text);
            free(it->ids[c][i]);
        }
        free(it->ids[c]);
    }
    dx_text_sequence_destroy(it->sequence);
    assert_int_equal(it->alloc.live_bytes, 0);
}

static model_item *model_new(model *it, uint32_t client, uint32_t clock, uint32_t length, uint8_t kind) {
    model_item *item = calloc(1, sizeof *item);
    assert_non_null(item);
    *item = (model_item){.client = client, .clock = clock, .length = length, .kind = kind};
    dx_buf_init(&item->text, &it->alloc.port, SIZE_MAX);
    return item;
}

static void random_text(model *it, dx_buf *text, uint32_t size) {
    static const char *const letters[] = {
        "a",           "b", " ", "e", "z", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\xa0\xbd",
        "\xed\xb8\x80"};
    bool wide = below(it, 3) == 0;
    do {
        const char *letter = letters[below(it, wide ? 10 : 5)];
        dx_buf_append(text, letter, strlen(letter));
    } while (text->size < size);
}

static bool counts(const model_item *item) {
    return !item->deleted && item->kind != DX_TEXT_FORMAT && item->kind != DX_TEXT_DELETED &&
           item->kind != DX_TEXT_GC;
}

static uint64_t units(const model_item *item, dx_text_unit unit) {
    if (!counts(item)) {
        return 0;
    }
    if (unit == DX_TEXT_UTF16 || item->kind != DX_TEXT_STRING) {
        return item->length;
    }
    uint64_t points = 0;
    for (size_t i = 0; i < item->text.size; i++) {
        points += (item->text.data[i] & 0xc0) != 0x80;
    }
    return unit == DX_TEXT_UTF8 ? item->text.size : points;
}

/* --- The steps --------------------------------------------------------------------------------- */

static void do_insert(model *it, uint32_t list, size_t at) {
    static const uint8_t kinds[] = {DX_TEXT_STRING, DX_TEXT_STRING, DX_TEXT_STRING, DX_TEXT_STRING,
                                    DX_TEXT_FORMAT, DX_TEXT_ANY,    DX_TEXT_DELETED};
    uint32_t client = below(it, CLIENTS);
    model_item *item =
        model_new(it, client, dx_text_ids_state(it->sequence, client), 1 + below(it, 5), kinds[below(it, 7)]);
    if (item->kind == DX_TEXT_STRING) {
        random_text(it, &item->text, below(it, below(it, 10) == 0 ? it->longest : 8));
        item->length = (uint32_t)dx_wtf8_units(dx_buf_view(&item->text));
    }
    item->deleted = item->kind == DX_TEXT_DELETED;
    assert_int_equal(dx_text_sequence_reserve(it->sequence, 1, 0, item->text.size), DX_OK);
    uint64_t calls = it->alloc.calls;
    item->ref = dx_text_item_take(it->sequence);
    dx_text_item *record = dx_text_item_at(it->sequence, item->ref);
    record->client = client;
    record->clock = item->clock;
    record->length = item->length;
    record->ref = item->kind;
    item->key = item->kind == DX_TEXT_FORMAT ? (uint16_t)(1 + below(it, 20)) : 0;
    record->spare = item->key;
    record->flags = item->deleted ? DX_ITEM_DELETED : 0;
    dx_text_ref left = at > 0 ? it->items[list][at - 1]->ref : 0;
    dx_text_item_insert(it->sequence, it->list[list], left, item->ref, dx_buf_view(&item->text));
    dx_text_ids_append(it->sequence, item->ref);
    assert_int_equal(it->alloc.calls, calls);
    array_insert(&it->items[list], &it->count[list], &it->room[list], at, item);
    array_insert(&it->ids[client], &it->id_count[client], &it->id_room[client], it->id_count[client], item);
}

static void do_extend(model *it, uint32_t list, size_t at, uint32_t size) {
    model_item *item = it->items[list][at];
    if (item->kind != DX_TEXT_STRING || item->deleted ||
        item->clock + item->length != dx_text_ids_state(it->sequence, item->client)) {
        return;
    }
    dx_buf text;
    dx_buf_init(&text, &it->alloc.port, SIZE_MAX);
    random_text(it, &text, size);
    uint32_t length = (uint32_t)dx_wtf8_units(dx_buf_view(&text));
    assert_int_equal(dx_text_sequence_reserve(it->sequence, 0, 0, text.size), DX_OK);
    uint64_t calls = it->alloc.calls;
    dx_text_item_extend(it->sequence, item->ref, length, dx_buf_view(&text));
    assert_int_equal(it->alloc.calls, calls);
    item->length += length;
    dx_buf_append(&item->text, text.data, text.size);
    dx_buf_deinit(&text);
}

/* What JavaScript's slices make of a string that is cut at a unit: of a pair two U+FFFD. */
static size_t cut_text(model_item *item, uint32_t unit) {
    size_t byte = 0;
    uint8_t *text = item->text.data;
    for (; unit > 0; unit--) {
        size_t size = text[byte] < 0x80 ? 1 : text[byte] < 0xe0 ? 2 : text[byte] < 0xf0 ? 3 : 4;
        if (size == 4 && unit == 1) {
            dx_buf_extend(&item->text, 2);
            text = item->text.data;
            memmove(text + byte + 6, text + byte + 4, item->text.size - 2 - byte - 4);
            memcpy(text + byte, "\xef\xbf\xbd\xef\xbf\xbd", 6);
            return byte + 3;
        }
        byte += size;
        unit -= size == 4;
    }
    if (byte >= 3 && byte + 3 <= item->text.size && text[byte - 3] == 0xed && text[byte - 2] >= 0xa0 &&
        text[byte - 2] < 0xb0 && text[byte] == 0xed && text[byte + 1] >= 0xb0) {
        memcpy(text + byte - 3, "\xef\xbf\xbd\xef\xbf\xbd", 6);
    }
    return byte;
}

static void do_split(model *it, uint32_t list, size_t at) {
    model_item *item = it->items[list][at];
    if (item->length < 2) {
        return;
    }
    uint32_t cut = 1 + below(it, item->length - 1);
    assert_int_equal(dx_text_sequence_reserve(it->sequence, 1, 0, 0), DX_OK);
    uint64_t calls = it->alloc.calls;
    model_item *right = model_new(it, item->client, item->clock + cut, item->length - cut, item->kind);
    right->ref = dx_text_item_take(it->sequence);
    dx_text_item_split(it->sequence, item->ref, cut, right->ref);
    assert_int_equal(it->alloc.calls, calls);
    right->deleted = item->deleted;
    right->key = item->key;
    item->length = cut;
    if (item->kind == DX_TEXT_STRING) {
        size_t byte = cut_text(item, cut);
        dx_buf_append(&right->text, item->text.data + byte, item->text.size - byte);
        item->text.size = byte;
    }
    array_insert(&it->items[list], &it->count[list], &it->room[list], at + 1, right);
    size_t id = place_in(it->ids[item->client], it->id_count[item->client], item);
    array_insert(&it->ids[item->client], &it->id_count[item->client], &it->id_room[item->client], id + 1,
                 right);
}

static void do_join(model *it, uint32_t list, size_t at) {
    if (at + 1 >= it->count[list]) {
        return;
    }
    model_item *item = it->items[list][at], *right = it->items[list][at + 1];
    if (item->client != right->client || item->clock + item->length != right->clock ||
        item->kind != right->kind || item->deleted != right->deleted || item->kind == DX_TEXT_FORMAT) {
        return;
    }
    assert_true(dx_text_item_join(it->sequence, item->ref));
    item->length += right->length;
    dx_buf_append(&item->text, right->text.data, right->text.size);
    array_remove(it->items[list], &it->count[list], at + 1);
    array_remove(it->ids[item->client], &it->id_count[item->client],
                 place_in(it->ids[item->client], it->id_count[item->client], right));
    dx_buf_deinit(&right->text);
    free(right);
}

static void do_remove(model *it, uint32_t list, size_t at) {
    model_item *item = it->items[list][at];
    dx_text_item_remove(it->sequence, item->ref);
    dx_text_item_at(it->sequence, item->ref)->ref = DX_TEXT_GC;
    item->kind = DX_TEXT_GC;
    item->text.size = 0;
    array_remove(it->items[list], &it->count[list], at);
    /* Two that stand side by side by id become one. */
    size_t id = place_in(it->ids[item->client], it->id_count[item->client], item);
    if (id + 1 < it->id_count[item->client] && it->ids[item->client][id + 1]->kind == DX_TEXT_GC) {
        model_item *right = it->ids[item->client][id + 1];
        assert_true(dx_text_item_join(it->sequence, item->ref));
        item->length += right->length;
        array_remove(it->ids[item->client], &it->id_count[item->client], id + 1);
        dx_buf_deinit(&right->text);
        free(right);
    }
}

static void do_step(model *it, uint32_t list, uint32_t grow) {
    uint32_t what = below(it, 100);
    size_t count = it->count[list];
    if (count == 0 || what < grow) {
        do_insert(it, list,
                  below(it, 4) == 0 ? below(it, (uint32_t)count + 1)
                                    : count - (count > 2 ? below(it, 3) : 0));
        return;
    }
    size_t at = below(it, (uint32_t)count);
    model_item *item = it->items[list][at];
    what = below(it, 100);
    if (what < 30) {
        do_split(it, list, at);
    } else if (what < 60) {
        for (size_t i = 0; i < 6; i++) {
            do_join(it, list, below(it, (uint32_t)it->count[list]));
        }
    } else if (what < 75) {
        do_extend(it, list, at, below(it, 12));
        do_extend(it, list, it->count[list] - 1, below(it, 40));
    } else if (what < 90) {
        item->deleted = item->kind == DX_TEXT_DELETED || !item->deleted;
        dx_text_item_set_deleted(it->sequence, item->ref, item->deleted);
    } else if (what < 95) {
        if (item->deleted) {
            dx_text_item_collect(it->sequence, item->ref);
            item->kind = DX_TEXT_DELETED;
            item->text.size = 0;
        }
    } else {
        do_remove(it, list, at);
    }
}

/* --- What must hold ---------------------------------------------------------------------------- */

static void check_item(model *it, uint32_t list, size_t at) {
    const model_item *item = it->items[list][at];
    const dx_text_item *record = dx_text_item_at(it->sequence, item->ref);
    assert_int_equal(record->clock, item->clock);
    assert_int_equal(record->length, item->length);
    assert_int_equal(record->ref, item->kind);
    assert_int_equal((record->flags & DX_ITEM_DELETED) != 0, item->deleted);
    assert_int_equal(dx_text_item_list(it->sequence, item->ref), it->list[list]);
    assert_int_equal(dx_text_item_next(it->sequence, item->ref),
                     at + 1 < it->count[list] ? it->items[list][at + 1]->ref : 0);
    assert_int_equal(dx_text_item_prev(it->sequence, item->ref), at > 0 ? it->items[list][at - 1]->ref : 0);
    if (item->kind == DX_TEXT_STRING) {
        dx_bytes run;
        size_t from = 0;
        assert_int_equal(dx_text_item_bytes(it->sequence, item->ref), item->text.size);
        for (; (run = dx_text_item_run(it->sequence, item->ref, from)).size > 0; from += run.size) {
            assert_true(from + run.size <= item->text.size);
            assert_memory_equal(run.data, item->text.data + from, run.size);
        }
        assert_int_equal(from, item->text.size);
    }
}

static void check_find(model *it, uint32_t list, size_t at, uint64_t before, dx_text_unit unit,
                       uint64_t index) {
    const model_item *item = it->items[list][at];
    dx_text_ref ref;
    uint32_t offset;
    bool inside;
    dx_text_list_find(it->sequence, it->list[list], before + index, unit, &ref, &offset, &inside);
    assert_int_equal(ref, item->ref);
    uint64_t expected = index, counted = 0;
    bool within = false;
    if (item->kind == DX_TEXT_STRING) {
        expected = 0;
        for (size_t byte = 0; counted < index;) {
            uint8_t lead = item->text.data[byte];
            uint32_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4, pair = size == 4 ? 2 : 1;
            counted += unit == DX_TEXT_UTF16 ? pair : unit == DX_TEXT_UTF8 ? size : 1;
            if (counted > index) {
                within = true;
                break;
            }
            expected += pair;
            byte += size;
        }
    }
    assert_int_equal(offset, expected);
    assert_int_equal(inside, within);
}

static void check_ids(model *it, uint32_t client) {
    size_t count = it->id_count[client];
    uint32_t clock = 0;
    assert_int_equal(dx_text_ids_first(it->sequence, client), count > 0 ? it->ids[client][0]->ref : 0);
    for (size_t i = 0; i < count; i++) {
        const model_item *item = it->ids[client][i];
        assert_int_equal(item->clock, clock);
        assert_int_equal(dx_text_ids_find(it->sequence, client, clock + below(it, item->length)), item->ref);
        assert_int_equal(dx_text_ids_next(it->sequence, item->ref),
                         i + 1 < count ? it->ids[client][i + 1]->ref : 0);
        assert_int_equal(dx_text_ids_prev(it->sequence, item->ref), i > 0 ? it->ids[client][i - 1]->ref : 0);
        clock += item->length;
    }
    assert_int_equal(dx_text_ids_state(it->sequence, client), clock);
    assert_int_equal(dx_text_ids_find(it->sequence, client, clock), 0);
}

/* The last live marker of a key before a place, looked for from there backwards. */
static void check_marker(model *it, uint32_t list, size_t at) {
    uint16_t key = (uint16_t)(1 + below(it, 21));
    dx_text_ref expected = 0, end = at < it->count[list] ? it->items[list][at]->ref : 0;
    for (size_t i = 0; i < at; i++) {
        const model_item *item = it->items[list][i];
        expected = item->kind == DX_TEXT_FORMAT && !item->deleted && item->key == key ? item->ref : expected;
    }
    assert_int_equal(dx_text_item_marker_before(it->sequence, it->list[list], end, key), expected);
}

static void check(model *it, bool every) {
    for (uint32_t list = 0; list < LISTS; list++) {
        size_t count = it->count[list];
        uint64_t before[3] = {0, 0, 0};
        assert_int_equal(dx_text_list_first(it->sequence, it->list[list]),
                         count > 0 ? it->items[list][0]->ref : 0);
        assert_int_equal(dx_text_list_last(it->sequence, it->list[list]),
                         count > 0 ? it->items[list][count - 1]->ref : 0);
        size_t asked = count > 0 ? below(it, (uint32_t)count) : 0;
        for (size_t i = 0; i < 4; i++) {
            check_marker(it, list, below(it, (uint32_t)count + 1));
        }
        for (size_t at = 0; at < count; at++) {
            const model_item *item = it->items[list][at];
            bool look = every || at == asked || at + 1 == asked;
            if (look) {
                check_item(it, list, at);
                size_t other = below(it, (uint32_t)count);
                assert_int_equal(dx_text_item_before(it->sequence, item->ref, it->items[list][other]->ref),
                                 at < other);
            }
            for (dx_text_unit unit = DX_TEXT_UTF16; unit <= DX_TEXT_CODE_POINTS; unit++) {
                uint64_t size = units(item, unit);
                if (look) {
                    assert_int_equal(dx_text_item_index(it->sequence, item->ref, unit), before[unit]);
                }
                if (look && size > 0) {
                    check_find(it, list, at, before[unit], unit, below(it, (uint32_t)size));
                }
                before[unit] += size;
            }
        }
        assert_int_equal(dx_text_list_live(it->sequence, it->list[list]), before[DX_TEXT_UTF16]);
        for (dx_text_unit unit = DX_TEXT_UTF16; unit <= DX_TEXT_CODE_POINTS; unit++) {
            dx_text_ref ref;
            uint32_t offset;
            bool inside;
            assert_int_equal(dx_text_list_length(it->sequence, it->list[list], unit), before[unit]);
            dx_text_list_find(it->sequence, it->list[list], before[unit], unit, &ref, &offset, &inside);
            assert_int_equal(ref, 0);
        }
    }
    for (uint32_t client = 0; every && client < CLIENTS; client++) {
        check_ids(it, client);
    }
}

/* --- The tests --------------------------------------------------------------------------------- */

static void test_steps(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        model it;
        model_init(&it, seed, seed % 3 == 0 ? 5000 : 40);
        for (uint32_t step = 0; step < 600; step++) {
            do_step(&it, below(&it, LISTS), step < 400 ? 50 : 10);
            check(&it, step % 16 == 0);
        }
        check(&it, true);
        assert_true(dx_text_sequence_memory(it.sequence) > 0);
        model_deinit(&it);
    }
}

static void test_many(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        model it;
        model_init(&it, seed, 200);
        for (uint32_t step = 0; step < 12000; step++) {
            do_step(&it, 0, step < 9000 ? 80 : 5);
            if (step % 1500 == 0) {
                check(&it, true);
            }
        }
        check(&it, true);
        while (it.count[0] > 0) {
            do_remove(&it, 0, below(&it, (uint32_t)it.count[0]));
            if (it.count[0] % 512 == 0) {
                check(&it, true);
            }
        }
        dx_text_sequence_trim(it.sequence);
        model_deinit(&it);
    }
}

/* A long string is typed, cut everywhere and put together again. */
static void test_long(void **state) {
    (void)state;
    model it;
    model_init(&it, 7, 1);
    do_insert(&it, 0, 0);
    while (it.items[0][it.count[0] - 1]->kind != DX_TEXT_STRING) {
        do_insert(&it, 0, it.count[0]);
    }
    size_t at = it.count[0] - 1;
    for (uint32_t i = 0; i < 4000; i++) {
        do_extend(&it, 0, at, 1 + below(&it, i % 100 == 0 ? 3000 : 5));
    }
    check(&it, true);
    for (uint32_t i = 0; i < 300; i++) {
        do_split(&it, 0, at + below(&it, (uint32_t)(it.count[0] - at)));
        check(&it, i % 50 == 0);
    }
    check(&it, true);
    while (it.count[0] > at + 1) {
        do_join(&it, 0, at + below(&it, (uint32_t)(it.count[0] - at)));
        check(&it, it.count[0] % 64 == 0);
    }
    check(&it, true);
    model_deinit(&it);
}

/* Reserving fails at each of its requests in turn; nothing has changed, and the same step then goes on. */
static void test_no_memory(void **state) {
    (void)state;
    for (uint64_t fail = 1; fail <= 40; fail++) {
        model it;
        model_init(&it, fail, 3000);
        for (uint32_t step = 0; step < 60; step++) {
            it.alloc.fail_at = it.alloc.calls + fail;
            int error = dx_text_sequence_reserve(it.sequence, 50 * fail, 2, 4000);
            it.alloc.fail_at = 0;
            assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
            check(&it, false);
            do_step(&it, below(&it, LISTS), 70);
        }
        check(&it, true);
        model_deinit(&it);
    }
    test_alloc alloc;
    test_alloc_init(&alloc);
    alloc.fail_at = 1;
    dx_text_sequence *sequence;
    assert_int_equal(dx_text_sequence_create(&alloc.port, &sequence), DX_E_NO_MEMORY);
    alloc.fail_at = 0;
    assert_int_equal(dx_text_sequence_create(&alloc.port, &sequence), DX_OK);
    alloc.fail_at = alloc.calls + 1;
    assert_int_equal(dx_text_ids_reserve(sequence, 3), DX_E_NO_MEMORY);
    assert_int_equal(dx_text_ids_state(sequence, 0), 0);
    assert_int_equal(dx_text_ids_find(sequence, 0, 0), 0);
    assert_int_equal(dx_text_sequence_reserve(sequence, SIZE_MAX / 2, 0, 0), DX_E_LIMIT);
    dx_text_sequence_destroy(sequence);
    dx_text_sequence_destroy(NULL);
}

DX_TEST_MAIN(DX_TEST(test_steps), DX_TEST(test_many), DX_TEST(test_long), DX_TEST(test_no_memory))
