/* examples/text.c: two people write in one document at once, apart, and have the same in the end. No vault and no network: what travels are
 * bytes, and any Yjs editor understands them.
 *
 *   cc text.c $(pkg-config --cflags --libs dxos) -o text && ./text */
#include <dxos/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* A person's replica. */
typedef struct person {
    const char *name;
    dx_text_doc *doc;
    dx_text_type text;
} person;

static void check(int error, const char *what) {
    if (error != DX_OK) {
        printf("%s: %s\n", what, dx_error_text(error));
        exit(1);
    }
}

static person join(const char *name, uint64_t client) {
    person self = {.name = name};
    /* The client id is this replica's alone; positions count UTF-16, as JavaScript does. */
    dx_text_options options = {.client = client, .unit = DX_TEXT_UTF16};
    check(dx_text_create(&heap, &options, &self.doc), "create");
    check(dx_text_root(self.doc, "letter", DX_TEXT_KIND_TEXT, &self.text), "root");
    return self;
}

static void show(const person *self, const char *when) {
    dx_buf delta;
    dx_buf_init(&delta, &heap, 1 << 20);
    check(dx_text_delta(self->doc, self->text, &delta), "delta");
    printf("%s %s: %.*s\n", self->name, when, (int)delta.size, (const char *)delta.data);
    dx_buf_deinit(&delta);
}

/* What `to` lacks of what `from` has, and nothing else: the state vector says what `to` knows. */
static void send(const person *from, const person *to) {
    dx_buf known, update;
    dx_buf_init(&known, &heap, 1 << 20);
    dx_buf_init(&update, &heap, 1 << 20);
    check(dx_text_state_vector(to->doc, &known), "state vector");
    check(dx_text_encode(from->doc, DX_TEXT_V1, dx_buf_view(&known), &update), "encode");
    check(dx_text_apply(to->doc, DX_TEXT_V1, dx_buf_view(&update)), "apply");
    printf("%s to %s: %zu bytes\n", from->name, to->name, update.size);
    dx_buf_deinit(&update);
    dx_buf_deinit(&known);
}

static void show_json(const person *self, dx_text_type type, const char *what) {
    dx_buf json;
    dx_buf_init(&json, &heap, 1 << 20);
    check(dx_text_json(self->doc, type, &json), "json");
    printf("%s: %.*s (%llu)\n", what, (int)json.size, (const char *)json.data,
           (unsigned long long)dx_text_length(self->doc, type));
    dx_buf_deinit(&json);
}

static void write_together(const person *anna, const person *ben) {
    check(dx_text_insert(anna->doc, anna->text, 0, dx_bytes_text("Dear all, come on Friday."), NULL),
          "insert");
    send(anna, ben);

    /* Both write on, neither knows of the other. */
    check(dx_text_format(anna->doc, anna->text, 18, 6, "{\"bold\":true}"), "format");
    check(dx_text_delete(ben->doc, ben->text, 5, 3), "delete");
    check(dx_text_insert(ben->doc, ben->text, 5, dx_bytes_text("friends"), NULL), "insert");
    check(dx_text_apply_delta(ben->doc, ben->text, "[{\"retain\":29},{\"insert\":\" Bring cake!\"}]"),
          "apply delta");
    show(anna, "alone");
    show(ben, "alone");
    send(anna, ben);
    send(ben, anna);
    show(anna, "with Ben's");
    show(ben, "with Anna's");

    /* What is typed behind a bold word is bold, until it is said otherwise. */
    dx_buf attributes;
    dx_buf_init(&attributes, &heap, 1000);
    check(dx_text_attributes_at(anna->doc, anna->text, 28, &attributes), "attributes at");
    printf("in force at 28: %.*s\n", (int)attributes.size, (const char *)attributes.data);
    dx_buf_deinit(&attributes);
}

/* Several edits, one update: it is what everybody else gets, at once, in any order, twice if need be. */
static void in_one_transaction(const person *anna, const person *ben) {
    dx_text_type table;
    dx_buf update;
    dx_buf_init(&update, &heap, 1 << 20);
    check(dx_text_begin(anna->doc), "begin");
    check(dx_text_insert_embed(anna->doc, anna->text, 0, "{\"image\":\"cake.png\"}", NULL), "embed");
    check(dx_text_insert_type(anna->doc, anna->text, 1, DX_TEXT_KIND_MAP, NULL, NULL, &table), "insert type");
    check(dx_text_map_set(anna->doc, table, "guests", "12"), "map set");
    check(dx_text_map_set(anna->doc, anna->text, "language", "\"en\""), "attribute of the whole text");
    check(dx_text_commit(anna->doc, DX_TEXT_V2, &update), "commit");
    check(dx_text_apply(ben->doc, DX_TEXT_V2, dx_buf_view(&update)), "apply");
    check(dx_text_apply(ben->doc, DX_TEXT_V2, dx_buf_view(&update)), "apply again");
    printf("Ben waits for something: %s\n", dx_text_pending(ben->doc) ? "yes" : "no");
    dx_buf_clear(&update);
    check(dx_text_read(ben->doc, ben->text, &update), "read");
    printf("Ben reads: %.*s\n", (int)update.size, (const char *)update.data);
    dx_buf_deinit(&update);
}

static void lists_and_maps(const person *anna) {
    dx_text_type list, card, page, paragraph;
    check(dx_text_root(anna->doc, "todo", DX_TEXT_KIND_ARRAY, &list), "root");
    check(dx_text_array_insert(anna->doc, list, 0, "[\"flour\",{\"eggs\":3},null]"), "array insert");
    check(dx_text_array_insert_bytes(anna->doc, list, 0, dx_bytes_of("\x01\x02", 2)), "array bytes");
    check(dx_text_array_insert_type(anna->doc, list, 1, DX_TEXT_KIND_MAP, NULL, &card), "array type");
    check(dx_text_map_set(anna->doc, card, "done", "false"), "map set");
    check(dx_text_map_set(anna->doc, card, "by", "\"Ben\""), "map set");
    check(dx_text_map_delete(anna->doc, card, "done"), "map delete");
    check(dx_text_array_delete(anna->doc, list, 4, 1), "array delete");
    show_json(anna, list, "todo");

    dx_text_type pages;
    check(dx_text_root(anna->doc, "pages", DX_TEXT_KIND_MAP, &pages), "root");
    check(dx_text_map_set_type(anna->doc, pages, "first", DX_TEXT_KIND_XML_FRAGMENT, NULL, &page),
          "map type");
    check(dx_text_array_insert_type(anna->doc, page, 0, DX_TEXT_KIND_XML_ELEMENT, "p", &paragraph),
          "element");
    check(dx_text_map_set(anna->doc, paragraph, "align", "\"left\""), "attribute");
    show_json(anna, pages, "pages");
    printf("the same handles: %s, %s\n", dx_text_array_type(anna->doc, list, 1) == card ? "yes" : "no",
           dx_text_map_type(anna->doc, pages, "first") == page ? "yes" : "no");
    printf("an element: %s\n",
           dx_text_kind_of(anna->doc, paragraph) == DX_TEXT_KIND_XML_ELEMENT ? "yes" : "no");
}

/* At rest a document takes less, its characters are read without it, and it goes on as if it had never rested. */
static void rest(person *self) {
    const dx_text_options options = {.client = 3};
    dx_buf checkpoint, text, updates[2];
    bool plain;
    dx_buf_init(&checkpoint, &heap, 1 << 20);
    dx_buf_init(&text, &heap, 1 << 20);
    dx_buf_init(&updates[0], &heap, 1 << 20);
    dx_buf_init(&updates[1], &heap, 1 << 20);
    check(dx_text_save(self->doc, &checkpoint), "save");
    check(dx_text_encode(self->doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), &updates[0]), "encode");
    check(dx_text_checkpoint_update(&heap, dx_buf_view(&checkpoint), &updates[1]), "its update");
    check(dx_text_checkpoint_text(&heap, dx_buf_view(&checkpoint), "letter", &text, &plain), "its text");
    printf("at rest: %.*s (%s)\n", (int)text.size, (const char *)text.data,
           plain ? "nothing else" : "and what is no character");
    printf("the same update: %s\n",
           dx_bytes_equal(dx_buf_view(&updates[0]), dx_buf_view(&updates[1])) ? "yes" : "no");
    dx_text_destroy(self->doc);
    check(dx_text_open(&heap, &options, dx_buf_view(&checkpoint), &self->doc), "open");
    dx_buf_deinit(&checkpoint);
    dx_buf_deinit(&text);
    dx_buf_deinit(&updates[0]);
    dx_buf_deinit(&updates[1]);
}

int main(void) {
    person anna = join("Anna", 1), ben = join("Ben", 2);
    write_together(&anna, &ben);
    in_one_transaction(&anna, &ben);
    lists_and_maps(&anna);
    send(&anna, &ben);
    rest(&ben);

    /* Who has the same is in the same state, to the byte. */
    dx_buf snapshots[2];
    const person *people[2] = {&anna, &ben};
    for (int i = 0; i < 2; i++) {
        dx_buf_init(&snapshots[i], &heap, 1 << 20);
        check(dx_text_snapshot(people[i]->doc, DX_TEXT_V2, &snapshots[i]), "snapshot");
    }
    printf("equal snapshots: %s\n",
           dx_bytes_equal(dx_buf_view(&snapshots[0]), dx_buf_view(&snapshots[1])) ? "yes" : "no");
    for (int i = 0; i < 2; i++) {
        dx_buf_deinit(&snapshots[i]);
        dx_text_destroy(people[i]->doc);
    }
    return 0;
}
