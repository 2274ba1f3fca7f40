/* tests/unit/echo/test_type.c: numbers for names, more of them than the cache holds, and counts that survive.
 */
#include "peer.h"

static dx_type *intern(peer *self, dx_type_kind kind, const char *name) {
    dx_type *type;
    assert_int_equal(dx_type_intern(&self->context, self->space, kind, dx_bytes_text(name), &type), DX_OK);
    return type;
}

static void test_numbers(void **state) {
    (void)state;
    peer alice;
    dx_type *type;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    peer_begin(&alice);
    assert_int_equal(dx_type_find(&alice.context, alice.space, DX_TYPE_OBJECT, dx_bytes_text("tree"), &type),
                     DX_E_NOT_FOUND);
    int64_t tree = intern(&alice, DX_TYPE_OBJECT, "tree")->id;
    assert_int_equal(intern(&alice, DX_TYPE_OBJECT, "tree")->id, tree);
    assert_true(intern(&alice, DX_TYPE_LINK, "tree")->id != tree); /* kinds have names of their own */
    int64_t empty = intern(&alice, DX_TYPE_OBJECT, "")->id;
    assert_true(empty != tree);
    assert_int_equal(dx_type_find(&alice.context, alice.space, DX_TYPE_OBJECT, dx_bytes_text("tree"), &type),
                     DX_OK);
    assert_int_equal(type->id, tree);
    dx_types_deinit(&alice.space->types, &alice.alloc.port); /* now from the rows */
    assert_int_equal(dx_type_read(&alice.context, alice.space, tree, &type), DX_OK);
    assert_true(dx_bytes_equal(dx_bytes_of(type->name, type->size), dx_bytes_text("tree")));
    assert_int_equal(dx_type_read(&alice.context, alice.space, empty, &type), DX_OK);
    assert_int_equal(type->size, 0);
    assert_int_equal(dx_type_read(&alice.context, alice.space, 1 << 20, &type), DX_E_NOT_FOUND);
    uint8_t name[DX_TYPE_SIZE_MAX + 1];
    memset(name, 'n', sizeof name);
    assert_int_equal(
        dx_type_intern(&alice.context, alice.space, DX_TYPE_OBJECT, dx_bytes_of(name, sizeof name), &type),
        DX_E_INVALID);
    assert_int_equal(dx_type_intern(&alice.context, alice.space, DX_TYPE_OBJECT,
                                    dx_bytes_of(name, DX_TYPE_SIZE_MAX), &type),
                     DX_OK);
    type = intern(&alice, DX_TYPE_MODEL, "dx/object/1");
    assert_ptr_equal(type->model, &dx_object_model);
    assert_null(intern(&alice, DX_TYPE_MODEL, "nobody/knows/1")->model);
    peer_commit(&alice);
    peer_deinit(&alice);
}

static void test_more_than_the_cache_holds(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    enum { COUNT = 3 * DX_TYPES_CACHED };
    int64_t ids[COUNT], keys[COUNT];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            char name[16];
            snprintf(name, sizeof name, "type%d", i);
            keys[i] = peer_add(&alice, name, "{}");
            peer_begin(&alice);
            int64_t id = intern(&alice, DX_TYPE_OBJECT, name)->id;
            assert_true(round == 0 || id == ids[i]);
            ids[i] = id;
            peer_commit(&alice);
        }
    }
    assert_true(alice.space->types.count <= DX_TYPES_CACHED);
    for (int i = 0; i < COUNT; i += 2) {
        peer_change_life(&alice, keys[i], true);
    }
    peer_reopen(&alice);
    int64_t objects, links;
    peer_begin(&alice);
    assert_int_equal(dx_space_count(&alice.context, alice.space, &objects, &links), DX_OK);
    assert_int_equal(objects, 2 * COUNT - COUNT / 2);
    peer_commit(&alice);
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_numbers), DX_TEST(test_more_than_the_cache_holds))
