/* tests/laws/test_object_reference.c: the object model against a second, naive one.
 *
 * The reference knows nothing of registers: it sorts the operations by stamp and replays them on a tree of
 * nodes, as one would do by hand. A node holds at most a value of its own, its members and the edits made in it
 * since; a set or delete clears what was there. What edits show is the simulator's reference (sim/check_edits.h). 100,000 sets of operations, each given to the object model in a random order, must
 * show the same view byte for byte. */
#include "../../sim/check_edits.h"
#include "object_generator.h"
#include "test.h"

#ifdef __SANITIZE_ADDRESS__
enum { SETS_COUNT = 10000 }; /* seven times as slow there, and looking for other mistakes */
#else
enum { SETS_COUNT = 100000 };
#endif

enum { OPERATIONS_MAX = 7, NODES_MAX = 4096, EDITS_MAX = 4096, KEY_SIZE_MAX = 8, MADE_SIZE_MAX = 1 << 16 };

typedef struct edit {
    check_edit what;
    uint8_t author;
    struct edit *next;
} edit;

typedef struct node {
    uint8_t key[KEY_SIZE_MAX];
    size_t key_size;
    bool is_map;           /* a map was set here */
    dx_bytes value;        /* or a value; size 0: neither */
    const dx_stamp *wrote; /* the latest set or delete of exactly this path; NULL: none */
    edit *edits;
    dx_bytes shown; /* what value and edits show; size 0: nothing */
    struct node *members, *next;
} node;

static edit edits[EDITS_MAX];
static size_t edits_used;

/* Nodes of one replay; all die together. */
static node nodes[NODES_MAX];
static size_t nodes_used;

static node *find_or_make(node *parent, const uint8_t *key, size_t size) {
    for (node *member = parent->members; member != NULL; member = member->next) {
        if (member->key_size == size && memcmp(member->key, key, size) == 0) {
            return member;
        }
    }
    assert_true(nodes_used < NODES_MAX && size <= KEY_SIZE_MAX);
    node *made = &nodes[nodes_used++];
    *made = (node){.key_size = size, .next = parent->members};
    memcpy(made->key, key, size);
    parent->members = made;
    return made;
}

static node *walk_to(node *root, dx_bytes path) {
    uint8_t key[KEY_SIZE_MAX];
    size_t size = 0;
    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] == '.') {
            root = find_or_make(root, key, size);
            size = 0;
        } else {
            i += path.data[i] == '\\';
            key[size++] = path.data[i];
        }
    }
    return find_or_make(root, key, size);
}

static void clear(node *target, const dx_stamp *stamp) {
    target->members = NULL;
    target->edits = NULL;
    target->is_map = false;
    target->value = dx_bytes_of(NULL, 0);
    target->wrote = stamp;
}

static void set(node *target, dx_bytes item, const dx_stamp *stamp) {
    clear(target, stamp);
    if (dx_item_kind(item) != DX_KIND_MAP) {
        target->value = item;
        return;
    }
    dx_reader reader;
    dx_reader_init(&reader, item);
    target->is_map = true;
    for (size_t count = dx_read_map(&reader); count > 0; count--) {
        dx_bytes key = dx_read_text(&reader);
        set(find_or_make(target, key.data, key.size), dx_read_item(&reader), stamp);
    }
}

/* The one before it with this kind and key, of odd kinds by this author, gives way. */
static void add_edit(node *target, const check_edit *what, uint8_t author) {
    edit *found = target->edits;
    while (found != NULL && (found->what.kind != what->kind || !dx_bytes_equal(found->what.key, what->key) ||
                             (what->kind % 2 == 1 && found->author != author))) {
        found = found->next;
    }
    if (found == NULL) {
        assert_true(edits_used < EDITS_MAX);
        found = &edits[edits_used++];
        *found = (edit){.author = author, .next = target->edits};
        target->edits = found;
    }
    found->what = *what;
}

static void replay_edits(node *target, dx_reader *reader, uint8_t author) {
    for (size_t kinds = dx_read_map(reader); kinds > 0; kinds--) {
        uint64_t kind = dx_read_uint(reader);
        for (size_t count = dx_read_array(reader); count > 0; count--) {
            size_t fields = dx_read_array(reader);
            check_edit what = {.kind = kind, .key = dx_read_bytes(reader)};
            what.payload = fields == 2 ? dx_read_item(reader) : dx_bytes_of(NULL, 0);
            add_edit(target, &what, author);
        }
    }
}

static void replay(node *root, dx_bytes operation, const dx_stamp *stamp) {
    dx_reader reader;
    dx_reader_init(&reader, operation);
    size_t fields = dx_read_array(&reader);
    for (size_t count = dx_read_map(&reader); count > 0; count--) {
        dx_bytes path = dx_read_text(&reader);
        set(walk_to(root, path), dx_read_item(&reader), stamp);
    }
    for (size_t count = dx_read_array(&reader); count > 0; count--) {
        clear(walk_to(root, dx_read_text(&reader)), stamp);
    }
    for (size_t count = fields == 3 ? dx_read_map(&reader) : 0; count > 0; count--) {
        dx_bytes path = dx_read_text(&reader);
        replay_edits(walk_to(root, path), &reader, stamp->feed[0]);
    }
    assert_int_equal(dx_reader_finish(&reader), DX_OK);
}

/* Once all is replayed: what each node itself shows. latest: the latest write above it. */
static void show(node *self, size_t parts, const dx_stamp *latest, dx_buf *made) {
    if (self->wrote != NULL && (latest == NULL || dx_stamp_compare(self->wrote, latest) > 0)) {
        latest = self->wrote;
    }
    self->shown = self->value;
    check_edit list[EDITS_MAX];
    check_base base = {.value = self->value};
    size_t count = 0;
    for (const edit *one = self->edits; one != NULL; one = one->next) {
        list[count++] = one->what;
    }
    if (latest != NULL) {
        check_base_init(&base, latest->counter, latest->feed);
    }
    dx_writer writer;
    size_t begin = made->size;
    dx_writer_init(&writer, made);
    if (count != 0 && !self->is_map && check_edits_show(&base, list, count, parts, &writer)) {
        assert_int_equal(dx_writer_finish(&writer), DX_OK);
        self->shown = dx_bytes_of(made->data + begin, made->size - begin);
    }
    for (node *member = self->members; member != NULL; member = member->next) {
        show(member, parts + 1, latest, made);
    }
}

static bool shows(const node *self) {
    bool any = self->is_map || self->shown.size != 0;
    for (const node *member = self->members; member != NULL && !any; member = member->next) {
        any = shows(member);
    }
    return any;
}

/* Order of keys in a canonical map: shorter first. */
static bool is_before(const node *a, const node *b) {
    return a->key_size != b->key_size ? a->key_size < b->key_size : memcmp(a->key, b->key, a->key_size) < 0;
}

/* Sorts while writing: the smallest shown key above the last one, again and again. */
static const node *next_member(const node *parent, const node *last) {
    const node *best = NULL;
    for (const node *member = parent->members; member != NULL; member = member->next) {
        if (shows(member) && (last == NULL || is_before(last, member)) &&
            (best == NULL || is_before(member, best))) {
            best = member;
        }
    }
    return best;
}

static void write_node(const node *self, bool root, dx_writer *out) {
    size_t count = 0;
    for (const node *member = self->members; member != NULL; member = member->next) {
        count += shows(member);
    }
    if (count == 0 && !root && !self->is_map) {
        dx_write_item(out, self->shown);
        return;
    }
    dx_write_map(out, count);
    for (const node *member = next_member(self, NULL); member != NULL; member = next_member(self, member)) {
        dx_write_text_bytes(out, dx_bytes_of(member->key, member->key_size));
        write_node(member, false, out);
    }
}

typedef struct stamped {
    size_t begin, size;
    dx_stamp stamp;
} stamped;

static void shuffle(stamped *list, size_t count, const dx_random *random) {
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = generate_choice(random, (unsigned)i + 1);
        stamped held = list[i];
        list[i] = list[j];
        list[j] = held;
    }
}

static void try_set(test_alloc *alloc, const dx_random *random, dx_buf *bytes, dx_buf *made, dx_buf *seen,
                    dx_buf *wanted) {
    stamped list[OPERATIONS_MAX];
    size_t count = 2 + generate_choice(random, OPERATIONS_MAX - 1);
    node root = {.is_map = true};
    dx_writer writer;
    nodes_used = edits_used = 0;
    dx_buf_clear(bytes);
    for (size_t i = 0; i < count; i++) {
        list[i] =
            (stamped){.begin = bytes->size, .stamp = {.counter = 1 + i / 2, .feed = {(uint8_t)(i % 2)}}};
        assert_int_equal(generate_object_operation(NULL, random, bytes), DX_OK);
        list[i].size = bytes->size - list[i].begin;
    }
    for (size_t i = 0; i < count; i++) {
        replay(&root, dx_bytes_of(bytes->data + list[i].begin, list[i].size), &list[i].stamp);
    }
    dx_buf_clear(made);
    assert_non_null(dx_buf_extend(made, MADE_SIZE_MAX)); /* what it shows is pointed at: it must not move */
    made->size = 0;
    show(&root, 0, NULL, made);
    dx_buf_clear(wanted);
    dx_writer_init(&writer, wanted);
    write_node(&root, true, &writer);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);

    shuffle(list, count, random);
    const dx_stamp created = {.counter = 1 + generate_choice(random, 3)};
    void *state = dx_object_model.create(&alloc->port, &created);
    for (size_t i = 0; i < count; i++) {
        dx_bytes operation = dx_bytes_of(bytes->data + list[i].begin, list[i].size);
        assert_int_equal(dx_object_model.apply(state, operation, &list[i].stamp), DX_OK);
    }
    dx_buf_clear(seen);
    dx_writer_init(&writer, seen);
    assert_int_equal(dx_object_model.view(state, &writer), DX_OK);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_object_model.destroy(&alloc->port, state);
}

static void test_views_agree(void **state) {
    (void)state;
    test_alloc alloc;
    test_random random;
    dx_buf bytes, made, seen, wanted;
    test_alloc_init(&alloc);
    test_random_init(&random, 2024);
    dx_buf_init(&bytes, &alloc.port, 1 << 20);
    dx_buf_init(&made, &alloc.port, 1 << 20);
    dx_buf_init(&seen, &alloc.port, 1 << 20);
    dx_buf_init(&wanted, &alloc.port, 1 << 20);
    for (size_t i = 0; i < SETS_COUNT; i++) {
        try_set(&alloc, &random.port, &bytes, &made, &seen, &wanted);
        if (!dx_bytes_equal(dx_buf_view(&seen), dx_buf_view(&wanted))) {
            fail_msg("set %zu: the views differ", i);
        }
    }
    dx_buf_deinit(&bytes);
    dx_buf_deinit(&made);
    dx_buf_deinit(&seen);
    dx_buf_deinit(&wanted);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_views_agree))
