/* examples/text_protocol.c: two people write in one text without a vault (dxos/text.h, dxos/text_protocol.h): a server that keeps updates
 * and no document, messages as Yjs editors send them, who is there, and what an update tells of itself.
 *   cc text_protocol.c $(pkg-config --cflags --libs dxos) -o text_protocol && ./text_protocol */
#include <dxos/text_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 1 << 20, UPDATES_MAX = 8 };

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

static void must(int error) {
    if (error != DX_OK) {
        fprintf(stderr, "%s: %s\n", dx_error_name(error), dx_error_text(error));
        exit(1);
    }
}

static dx_buf buffer(void) {
    dx_buf out;
    dx_buf_init(&out, &heap, BYTES_MAX);
    return out;
}

typedef struct person {
    dx_text_doc *doc;
    dx_text_type note;
    dx_text_awareness *awareness;
} person;

static person enter(uint64_t client, const char *state) {
    person it;
    dx_text_options options = {.client = client};
    must(dx_text_create(&heap, &options, &it.doc));
    must(dx_text_root(it.doc, "note", DX_TEXT_KIND_TEXT, &it.note));
    must(dx_text_awareness_create(&heap, client, &it.awareness));
    must(dx_text_awareness_set(it.awareness, state, 0));
    return it;
}

static void leave(person *it) {
    dx_text_destroy(it->doc);
    dx_text_awareness_destroy(it->awareness);
}

static void show(const char *who, const person *it) {
    dx_buf text = buffer();
    must(dx_text_read(it->doc, it->note, &text));
    printf("%s reads \"%.*s\"\n", who, (int)text.size, (const char *)text.data);
    dx_buf_deinit(&text);
}

/* One writes, and has the update of it. */
static dx_buf write_text(person *it, uint64_t index, const char *text) {
    dx_buf update = buffer();
    must(dx_text_begin(it->doc));
    must(dx_text_insert(it->doc, it->note, index, dx_bytes_text(text), NULL));
    must(dx_text_commit(it->doc, DX_TEXT_V1, &update));
    return update;
}

/* What `from` says to a server, as a frame; `to` does what it asks for and answers by a frame. */
static dx_buf tell(dx_text_message message, person *to) {
    dx_text_message heard;
    size_t size;
    dx_buf frame = buffer(), answer = buffer();
    must(dx_text_message_write(message, true, &frame));
    must(dx_text_message_read(dx_buf_view(&frame), true, &heard, &size));
    must(dx_text_message_handle(to->doc, heard, true, &answer));
    dx_buf_deinit(&frame);
    return answer;
}

/* B asks A for what it lacks. */
static void ask(person *b, person *a) {
    dx_text_message step_2;
    size_t size;
    dx_buf vector = buffer();
    must(dx_text_state_vector(b->doc, &vector));
    dx_buf answer = tell((dx_text_message){DX_TEXT_STEP_1, dx_buf_view(&vector)}, a);
    must(dx_text_message_read(dx_buf_view(&answer), true, &step_2, &size));
    dx_buf nothing = tell(step_2, b);
    printf("a question of %zu bytes, an answer of %zu, and %zu more\n", vector.size, answer.size,
           nothing.size);
    dx_buf_deinit(&vector);
    dx_buf_deinit(&answer);
    dx_buf_deinit(&nothing);
}

/* The server's side: updates alone. */
static void keep_updates(const dx_bytes *updates, size_t count) {
    dx_text_range ranges[UPDATES_MAX];
    size_t clients;
    dx_buf merged = buffer(), vector = buffer(), lacking = buffer(), compact = buffer(), shown = buffer();
    must(dx_text_merge_updates(&heap, DX_TEXT_V1, updates, count, &merged));
    must(dx_text_update_state_vector(&heap, DX_TEXT_V1, dx_buf_view(&merged), &vector));
    must(dx_text_diff_update(&heap, DX_TEXT_V1, dx_buf_view(&merged), dx_buf_view(&vector), &lacking));
    must(dx_text_convert_update(&heap, DX_TEXT_V1, DX_TEXT_V2, dx_buf_view(&merged), &compact));
    must(dx_text_obfuscate_update(&heap, DX_TEXT_V1, dx_buf_view(&merged), &shown));
    must(dx_text_update_ranges(&heap, DX_TEXT_V1, dx_buf_view(&merged), ranges, UPDATES_MAX, &clients));
    printf("%zu updates are one of %zu bytes, %zu in the other form; who has it lacks %zu\n", count,
           merged.size, compact.size, lacking.size);
    for (size_t i = 0; i < clients && i < UPDATES_MAX; i++) {
        printf("  client %llu: %llu to %llu\n", (unsigned long long)ranges[i].client,
               (unsigned long long)ranges[i].from, (unsigned long long)ranges[i].to);
    }
    printf("  a report of a fault shows none of the text: %s\n",
           memcmp(shown.data, merged.data, merged.size) != 0 ? "true" : "false");
    dx_buf *const all[] = {&merged, &vector, &lacking, &compact, &shown};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        dx_buf_deinit(all[i]);
    }
}

static void compare_snapshots(person *a, dx_bytes update) {
    bool equal, contains;
    dx_buf before = buffer(), after = buffer();
    must(dx_text_snapshot(a->doc, DX_TEXT_V1, &before));
    dx_buf more = write_text(a, 0, "> ");
    must(dx_text_snapshot(a->doc, DX_TEXT_V1, &after));
    must(dx_text_snapshots_equal(&heap, DX_TEXT_V1, dx_buf_view(&before), dx_buf_view(&after), &equal));
    must(dx_text_snapshot_contains(&heap, DX_TEXT_V1, dx_buf_view(&before), update, &contains));
    printf("snapshots are equal: %s; the first has the update: %s", equal ? "true" : "false",
           contains ? "true" : "false");
    must(dx_text_snapshot_contains(&heap, DX_TEXT_V1, dx_buf_view(&before), dx_buf_view(&more), &contains));
    printf(", the later one: %s\n", contains ? "true" : "false");
    dx_buf_deinit(&before);
    dx_buf_deinit(&after);
    dx_buf_deinit(&more);
}

static void show_presence(const char *who, const dx_text_awareness *awareness) {
    static const char *const words[] = {"came", "changed", "is still there", "left"};
    size_t count;
    const dx_text_awareness_change *changes = dx_text_awareness_changes(awareness, &count);
    for (size_t i = 0; i < count; i++) {
        dx_bytes state = dx_text_awareness_state(awareness, changes[i].client);
        printf("%s sees: client %llu %s%s%.*s\n", who, (unsigned long long)changes[i].client,
               words[changes[i].what], state.size == 0 ? "" : " ", (int)state.size,
               state.size == 0 ? "" : (const char *)state.data);
    }
}

static void see_each_other(person *a, person *b) {
    uint64_t clients[2];
    size_t count;
    dx_buf said = buffer();
    must(dx_text_awareness_set(a->awareness, "{\"name\": \"Ada\", \"cursor\": 3}", 1000));
    must(dx_text_awareness_encode(a->awareness, NULL, 0, &said));
    must(dx_text_awareness_apply(b->awareness, dx_buf_view(&said), 1000));
    show_presence("Bob", b->awareness);
    dx_text_awareness_clients(b->awareness, clients, 2, &count);
    printf("%zu are there; the next look is due at %llu ms\n", count,
           (unsigned long long)dx_text_awareness_deadline(b->awareness));
    dx_text_awareness_tick(b->awareness, 1000 + DX_TEXT_GONE_MS);
    show_presence("Bob", b->awareness);
    dx_buf_deinit(&said);
}

int main(void) {
    person a = enter(1, "{\"name\": \"Ada\"}"), b = enter(2, "{\"name\": \"Bob\"}");
    dx_buf first = write_text(&a, 0, "Hello"), second = write_text(&a, 5, " world");
    ask(&b, &a);
    show("Bob", &b);
    dx_buf third = write_text(&b, 11, "!");
    dx_buf nothing = tell((dx_text_message){DX_TEXT_UPDATE, dx_buf_view(&third)}, &a);
    show("Ada", &a);
    const dx_bytes updates[] = {dx_buf_view(&third), dx_buf_view(&first), dx_buf_view(&second)};
    keep_updates(updates, 3);
    compare_snapshots(&a, dx_buf_view(&third));
    see_each_other(&a, &b);
    dx_buf *const all[] = {&first, &second, &third, &nothing};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        dx_buf_deinit(all[i]);
    }
    leave(&a);
    leave(&b);
    return 0;
}
