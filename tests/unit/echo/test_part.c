/* tests/unit/echo/test_part.c: what is collected for one block, and how it comes out as sections. */
#include "echo/part.h"

#include "test.h"

static const uint8_t own[DX_PREFIX_SIZE] = {9};
static const uint8_t one[] = {0x01}, two[] = {0x02};

typedef struct fixture {
    test_alloc alloc;
    dx_part part;
    dx_buf scratch, out;
} fixture;

static void fixture_init(fixture *f) {
    test_alloc_init(&f->alloc);
    dx_part_init(&f->part, &f->alloc.port, 1 << 20);
    dx_buf_init(&f->scratch, &f->alloc.port, 1 << 20);
    dx_buf_init(&f->out, &f->alloc.port, 1 << 20);
}

static void fixture_deinit(fixture *f) {
    dx_part_deinit(&f->part);
    dx_buf_deinit(&f->scratch);
    dx_buf_deinit(&f->out);
    assert_int_equal(f->alloc.live_bytes, 0);
}

static dx_part_entity *change(fixture *f, uint64_t seq, uint64_t index) {
    dx_place place = {.form = DX_PLACE_OWN, .seq = seq, .index = index};
    size_t at;
    assert_int_equal(dx_part_change(&f->part, &place, &at), DX_OK);
    return &f->part.changed.items[at];
}

static int set(fixture *f, dx_part_entity *entity, const char *path, const uint8_t *value) {
    return dx_part_set_path(&f->part, entity, dx_bytes_text(path), dx_bytes_of(value, value == NULL ? 0 : 1));
}

/* The sections as JSON lines. */
static void expect(fixture *f, const char *expected) {
    size_t count, at = 0;
    dx_buf text;
    dx_buf_init(&text, &f->alloc.port, 1 << 20);
    dx_buf_clear(&f->out);
    assert_int_equal(dx_part_write(&f->part, &f->scratch, &f->out, &count), DX_OK);
    for (size_t i = 0; i < count; i++) {
        uint32_t size;
        dx_section section;
        memcpy(&size, f->out.data + at, sizeof size);
        dx_bytes plaintext = dx_bytes_of(f->out.data + at + sizeof size, size);
        assert_int_equal(dx_section_decode(plaintext, own, &section), DX_OK);
        assert_int_equal(dx_json_print(plaintext, &text), DX_OK);
        dx_buf_append_byte(&text, '\n');
        at += sizeof size + size;
    }
    assert_int_equal(at, f->out.size);
    dx_buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.data, expected);
    dx_buf_deinit(&text);
}

static void test_sets_meet(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    dx_part_entity *entity = change(&f, 1, 2);
    assert_int_equal(set(&f, entity, "longer", one), DX_OK);
    assert_int_equal(set(&f, entity, "b.c", one), DX_OK);
    assert_int_equal(set(&f, entity, "b.d", one), DX_OK);
    assert_int_equal(set(&f, entity, "bb", one), DX_OK);
    assert_int_equal(set(&f, entity, "b", two), DX_OK);  /* overwrites what is below */
    assert_int_equal(set(&f, entity, "bb", two), DX_OK); /* and itself */
    assert_int_equal(set(&f, entity, "longer", NULL), DX_OK);
    assert_int_equal(set(&f, entity, "a", NULL), DX_OK);
    assert_int_equal(set(&f, entity, "b.e", one), DX_E_CONFLICT);
    assert_int_equal(set(&f, entity, "a.x", one), DX_E_CONFLICT);
    expect(&f, "[[1,2],[[1,[{\"b\":2,\"bb\":2},[\"a\",\"longer\"]]]]]\n");
    fixture_deinit(&f);
}

static void test_too_many_sets(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    dx_part_entity *entity = change(&f, 1, 2);
    for (int i = 0; i < DX_PART_SETS_MAX; i++) {
        char path[16];
        snprintf(path, sizeof path, "p%d", i);
        assert_int_equal(set(&f, entity, path, one), DX_OK);
    }
    assert_int_equal(set(&f, entity, "p", one), DX_E_CONFLICT);
    fixture_deinit(&f);
}

static void test_order_of_sections(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    char type[] = "task";
    dx_section created = {.creates = true, .type = dx_bytes_text(type)};
    change(&f, 7, 0)->section.life = DX_LIFE_DELETE;
    change(&f, 3, 1)->section.life = DX_LIFE_RESTORE;
    assert_int_equal(dx_part_create(&f.part, &created), DX_OK);
    type[0] = 'm';    /* the part has copied it */
    change(&f, 5, 0); /* comes to nothing */
    change(&f, 3, 0)->section.life = DX_LIFE_DELETE;
    created.operates = true;
    created.operation = dx_bytes_of(one, 1);
    assert_int_equal(dx_part_create(&f.part, &created), DX_OK);
    assert_int_equal(set(&f, &f.part.created.items[1], "a", one), DX_E_CONFLICT);
    expect(&f, "[null,[[0,0,\"task\",null,null,null,null]]]\n"
               "[null,[[0,0,\"mask\",null,null,null,null],[1,1]]]\n"
               "[[3,0],[[2]]]\n[[3,1],[[3]]]\n[[7,0],[[2]]]\n");
    assert_true(f.part.size >= f.out.size);
    dx_part_clear(&f.part);
    expect(&f, "");
    fixture_deinit(&f);
}

static void test_many_are_sorted(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    for (uint64_t i = 0; i < 500; i++) {
        change(&f, i * 263 % 500, i)->section.life = DX_LIFE_DELETE;
    }
    size_t count, at = 0;
    assert_int_equal(dx_part_write(&f.part, &f.scratch, &f.out, &count), DX_OK);
    assert_int_equal(count, 500);
    for (size_t i = 0; i < count; i++) {
        uint32_t size;
        dx_section section;
        memcpy(&size, f.out.data + at, sizeof size);
        assert_int_equal(dx_section_decode(dx_bytes_of(f.out.data + at + sizeof size, size), own, &section),
                         DX_OK);
        assert_int_equal(section.subject.seq, i);
        at += sizeof size + size;
    }
    fixture_deinit(&f);
}

static void test_no_memory(void **state) {
    (void)state;
    for (uint64_t fail_at = 1;; fail_at++) {
        fixture f;
        fixture_init(&f);
        f.alloc.fail_at = fail_at;
        dx_place place = {.form = DX_PLACE_OWN};
        dx_section created = {.creates = true, .type = dx_bytes_text("t")};
        size_t at, count;
        int error = dx_part_create(&f.part, &created);
        if (error == DX_OK) {
            error = dx_part_change(&f.part, &place, &at);
        }
        if (error == DX_OK) {
            error = set(&f, &f.part.changed.items[at], "a", one);
        }
        if (error == DX_OK) {
            error = dx_part_write(&f.part, &f.scratch, &f.out, &count);
        }
        /* An arena may do with less where more was refused. */
        bool failed = f.alloc.calls >= fail_at;
        assert_true(error == DX_OK || (failed && error == DX_E_NO_MEMORY));
        fixture_deinit(&f);
        if (!failed) {
            break;
        }
    }
}

/* The arena's memory ends at the n-th copy: the call says so, and what was there stays. */
static void test_no_memory_for_a_copy(void **state) {
    static const char path[] = "a path";
    uint8_t value[4096] = {0x59, 0x0f, 0xfd}; /* a byte string that fills it */
    size_t refused = 0;
    (void)state;
    for (size_t room = DX_ARENA_CHUNK_SIZE; room > DX_ARENA_CHUNK_SIZE - 256; room -= 16) {
        fixture f;
        fixture_init(&f);
        dx_part_deinit(&f.part);
        dx_part_init(&f.part, &f.alloc.port, room);
        dx_part_entity *entity = change(&f, 0, 0);
        for (char name = 'a'; name <= 'c'; name++) {
            assert_int_equal(
                dx_part_set_path(&f.part, entity, dx_bytes_of(&name, 1), dx_bytes_of(value, sizeof value)),
                DX_OK);
        }
        int error =
            dx_part_set_path(&f.part, entity, dx_bytes_text(path), dx_bytes_of(value, sizeof value - 256));
        assert_int_equal(error, entity->set_count == 4 ? DX_OK : DX_E_NO_MEMORY);
        refused += error != DX_OK;
        for (size_t i = 0; i < entity->set_count; i++) {
            assert_true(entity->sets[i].path.size != 0 && entity->sets[i].value.size != 0);
        }
        fixture_deinit(&f);
    }
    assert_true(refused > 0);
}

DX_TEST_MAIN(DX_TEST(test_sets_meet), DX_TEST(test_too_many_sets), DX_TEST(test_order_of_sections),
             DX_TEST(test_many_are_sorted), DX_TEST(test_no_memory), DX_TEST(test_no_memory_for_a_copy))
