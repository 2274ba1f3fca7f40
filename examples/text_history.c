/* examples/text_history.c: an editor on a shared text: a cursor that stays where it is meant, changes told as deltas, undo of one's own
 * alone, earlier versions, links that do not grow.
 *
 *   cc text_history.c $(pkg-config --cflags --libs dxos) -o text_history && ./text_history */
#include <dxos/text_history.h>

#include <stdio.h>
#include <stdlib.h>

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static const dx_alloc heap = {NULL, resize};

/* Where an edit comes from, so that the editor knows its own. */
enum { FROM_EDITOR = 1, FROM_NETWORK = 2 };

typedef struct desk {
    dx_text_doc *doc;
    dx_text_type text, about;
} desk;

static void check(int error, const char *what) {
    if (error != DX_OK) {
        printf("%s: %s\n", what, dx_error_text(error));
        exit(1);
    }
}

static dx_buf empty(void) {
    dx_buf buf;
    dx_buf_init(&buf, &heap, 1 << 20);
    return buf;
}

static void print(const char *what, dx_buf *json) {
    printf("%s: %.*s\n", what, (int)json->size, (const char *)json->data);
    dx_buf_deinit(json);
}

static desk open(uint64_t client) {
    desk self;
    /* Versions need what was deleted. */
    dx_text_options options = {.client = client, .keep_deleted = true};
    check(dx_text_create(&heap, &options, &self.doc), "create");
    check(dx_text_root(self.doc, "page", DX_TEXT_KIND_TEXT, &self.text), "root");
    check(dx_text_root(self.doc, "about", DX_TEXT_KIND_MAP, &self.about), "root");
    return self;
}

static void insert(desk *self, uint64_t index, const char *text) {
    check(dx_text_insert(self->doc, self->text, index, dx_bytes_text(text), NULL), "insert");
}

static void send(desk *from, desk *to) {
    dx_buf known = empty(), update = empty();
    check(dx_text_state_vector(to->doc, &known), "state vector");
    check(dx_text_encode(from->doc, DX_TEXT_V1, dx_buf_view(&known), &update), "encode");
    check(dx_text_set_origin(to->doc, FROM_NETWORK), "origin");
    check(dx_text_apply(to->doc, DX_TEXT_V1, dx_buf_view(&update)), "apply");
    check(dx_text_set_origin(to->doc, FROM_EDITOR), "origin");
    dx_buf_deinit(&update);
    dx_buf_deinit(&known);
}

/* An editor would carry this over to what it shows; what it typed itself it shows already. */
static void tell(void *ctx, const dx_text_event *event) {
    const char *name = ctx;
    const char *whose = event->undoes != NULL           ? "undone"
                        : event->origin == FROM_NETWORK ? "from afar"
                                                        : "own";
    for (size_t i = 0; i < event->type_count; i++) {
        dx_buf delta = empty(), keys = empty();
        check(dx_text_event_delta(event, event->types[i], &delta), "event delta");
        check(dx_text_event_keys(event, event->types[i], &keys), "event keys");
        printf("%s hears (%s): %.*s %.*s\n", name, whose, (int)delta.size, (const char *)delta.data,
               (int)keys.size, (const char *)keys.data);
        dx_buf_deinit(&delta);
        dx_buf_deinit(&keys);
    }
}

static void cursors(desk *anna, desk *ben) {
    dx_buf cursor = empty(), json = empty(), again = empty();
    dx_text_type type;
    uint64_t index;
    /* Before "world": it goes with that word, wherever that goes. */
    check(dx_text_position_make(anna->doc, anna->text, 6, 0, &cursor), "position");
    insert(ben, 0, "Oh, ");
    send(ben, anna);
    check(dx_text_position_find(anna->doc, dx_buf_view(&cursor), &type, &index), "find");
    printf("the cursor is at %llu\n", (unsigned long long)index);
    check(dx_text_position_to_json(dx_buf_view(&cursor), &json), "to JSON");
    dx_buf_append_byte(&json, 0);
    check(dx_text_position_from_json(&heap, (const char *)json.data, &again), "from JSON");
    printf("the same from JSON: %s\n",
           dx_bytes_equal(dx_buf_view(&cursor), dx_buf_view(&again)) ? "yes" : "no");
    print("as JSON", &json);
    dx_buf_deinit(&cursor);
    dx_buf_deinit(&again);
}

static void undo_and_redo(desk *anna, desk *ben) {
    dx_text_undo_manager *undo;
    const uint64_t mine = FROM_EDITOR;
    bool done;
    check(dx_text_undo_create(
              anna->doc,
              &(dx_text_undo_options){
                  .types = &anna->text, .type_count = 1, .origins = &mine, .origin_count = 1, .window = 500},
              &undo),
          "undo manager");
    dx_text_undo_time(undo, 1000);
    insert(anna, 15, "!");
    dx_text_undo_time(undo, 1200);
    insert(anna, 16, "!"); /* soon after: the same step */
    dx_text_undo_stop(undo);
    check(dx_text_delete(anna->doc, anna->text, 4, 6), "delete");
    send(anna, ben);
    insert(ben, 4, "my dear ");
    send(ben, anna);
    printf("steps: %zu\n", dx_text_undo_steps(undo));
    check(dx_text_undo(undo, &done), "undo");
    check(dx_text_undo(undo, &done), "undo");
    check(dx_text_redo(undo, &done), "redo");
    printf("done: %s, to undo %zu, to redo %zu\n", done ? "yes" : "no", dx_text_undo_steps(undo),
           dx_text_redo_steps(undo));
    dx_text_undo_clear(undo);
    dx_text_undo_destroy(undo);
    send(anna, ben);
}

static void versions(desk *anna) {
    dx_buf before = empty(), after = empty(), delta = empty(), difference = empty(), update = empty(),
           restored = empty();
    check(dx_text_snapshot(anna->doc, DX_TEXT_V1, &before), "snapshot");
    check(dx_text_delete(anna->doc, anna->text, 0, 4), "delete");
    check(dx_text_map_set(anna->doc, anna->about, "title", "\"Greeting\""), "map set");
    check(dx_text_snapshot(anna->doc, DX_TEXT_V1, &after), "snapshot");
    dx_bytes old = dx_buf_view(&before);
    uint64_t gone;
    check(dx_text_delta_at(anna->doc, anna->text, DX_TEXT_V1, old, NULL, &delta, &gone), "delta at");
    check(dx_text_delta_at(anna->doc, anna->text, DX_TEXT_V1, dx_buf_view(&after), &old, &difference, &gone),
          "difference");
    print("before", &delta);
    print("since", &difference);
    check(dx_text_version(anna->doc, DX_TEXT_V1, old, &update), "version");
    desk then = open(9);
    check(dx_text_apply(then.doc, DX_TEXT_V1, dx_buf_view(&update)), "apply");
    check(dx_text_read(then.doc, then.text, &restored), "read");
    print("restored", &restored);
    dx_text_destroy(then.doc);
    dx_buf_deinit(&update);
    dx_buf_deinit(&before);
    dx_buf_deinit(&after);
}

static void marks(desk *anna) {
    dx_buf delta = empty();
    check(dx_text_set_marks(anna->doc, "{\"link\":{\"expand\":\"none\"}}"), "marks");
    check(dx_text_format(anna->doc, anna->text, 0, 2, "{\"link\":\"https://example.com\"}"), "format");
    insert(anna, 2, ", dear");
    check(dx_text_delta(anna->doc, anna->text, &delta), "delta");
    print("a link", &delta);
}

int main(void) {
    desk anna = open(1), ben = open(2);
    check(dx_text_observe(ben.doc, tell, "Ben"), "observe");
    insert(&anna, 0, "hello world");
    send(&anna, &ben);
    cursors(&anna, &ben);
    undo_and_redo(&anna, &ben);
    versions(&anna);
    send(&anna, &ben);
    check(dx_text_unobserve(ben.doc, tell, "Ben"), "unobserve");
    marks(&anna);
    dx_text_destroy(anna.doc);
    dx_text_destroy(ben.doc);
    return 0;
}
