/* tests/laws/object_generator.h: operations for the object model that meet each other often.
 *
 * Layer: test support. Few keys, some of them with a dot or a backslash in them, at most four deep; values of
 * every kind, and edits of every kind, well formed and not, beside kinds that no program knows. No path twice and
 * none under another: that is what an operation is. */
#ifndef DX_TESTS_LAWS_OBJECT_GENERATOR_H
#define DX_TESTS_LAWS_OBJECT_GENERATOR_H

#include <dxos/model_laws.h>
#include <string.h>

enum { GENERATED_PATHS_MAX = 4, GENERATED_PATH_SIZE_MAX = 64, GENERATED_ITEMS = 6 };

typedef struct generated_path {
    char text[GENERATED_PATH_SIZE_MAX];
    size_t size;
    bool deleted, edited;
} generated_path;

static inline unsigned generate_choice(const dx_random *random, unsigned count) {
    uint8_t bytes[2];
    random->fill(random->ctx, bytes, sizeof bytes);
    return (bytes[0] * 256u + bytes[1]) % count;
}

static inline void generate_value(const dx_random *random, dx_writer *out, int depth) {
    static const char *const keys[] = {"a", "b", "c", "a.b", "x\\"}; /* canonical order of their encodings */
    switch (generate_choice(random, depth > 0 ? 9 : 6)) {
    case 0:
        dx_write_null(out);
        break;
    case 1:
        dx_write_bool(out, generate_choice(random, 2) == 0);
        break;
    case 2:
        dx_write_int(out, (int64_t)generate_choice(random, 2000) - 1000);
        break;
    case 3:
        dx_write_text(out, generate_choice(random, 2) == 0 ? "text" : "");
        break;
    case 4:
        dx_write_double(out, (double)generate_choice(random, 100) / 8);
        break;
    case 5:
        dx_write_timestamp(out, (int64_t)generate_choice(random, 100));
        break;
    case 6: {
        size_t count = generate_choice(random, 3);
        dx_write_array(out, count);
        while (count-- > 0) {
            generate_value(random, out, depth - 1);
        }
        break;
    }
    default: {
        /* keys[4] is shorter than keys[3]: order of encodings is a b c x\ a.b */
        static const uint8_t order[] = {0, 1, 2, 4, 3};
        unsigned chosen = generate_choice(random, 32), count = 0;
        for (unsigned i = 0; i < 5; i++) {
            count += chosen >> i & 1;
        }
        dx_write_map(out, count);
        for (unsigned i = 0; i < 5; i++) {
            if (chosen >> i & 1) {
                dx_write_text(out, keys[order[i]]);
                generate_value(random, out, depth - 1);
            }
        }
        break;
    }
    }
}

static inline void generate_path(const dx_random *random, generated_path *path) {
    static const char *const parts[] = {"a", "b", "c", "a\\.b", "x\\\\"};
    path->size = 0;
    for (unsigned left = 1 + generate_choice(random, 4); left > 0; left--) {
        const char *part = parts[generate_choice(random, 5)];
        memcpy(path->text + path->size, part, strlen(part));
        path->size += strlen(part);
        path->text[path->size++] = '.';
    }
    path->size--;
    path->deleted = generate_choice(random, 4) == 0;
    path->edited = !path->deleted && generate_choice(random, 3) == 0;
}

static inline bool paths_meet(const generated_path *a, const generated_path *b) {
    const generated_path *shorter = a->size <= b->size ? a : b, *longer = shorter == a ? b : a;
    return memcmp(shorter->text, longer->text, shorter->size) == 0 &&
           (longer->size == shorter->size || longer->text[shorter->size] == '.');
}

static inline bool path_is_before(const generated_path *a, const generated_path *b) {
    return a->size != b->size ? a->size < b->size : memcmp(a->text, b->text, a->size) < 0;
}

/* An item of a list: few, so that they meet; or one of the array that a set of the path at this counter by this
 * feed made (the suites stamp with counters 1 to 14 and feeds of one repeated byte, or of one byte and zeros). */
static inline size_t generate_item(const dx_random *random, unsigned number, uint8_t *id) {
    static const uint8_t feeds[][2] = {{0, 0}, {0x7f, 0x7f}, {0xff, 0xff}, {1, 0}};
    memset(id, 0, 20);
    if (generate_choice(random, 3) != 0) {
        id[13] = (uint8_t)number;
        return 14;
    }
    const uint8_t *feed = feeds[generate_choice(random, 4)];
    memset(id + 8, feed[1], 8);
    id[8] = feed[0];
    id[7] = (uint8_t)(1 + generate_choice(random, 14));
    id[19] = (uint8_t)generate_choice(random, 3);
    return 20;
}

static inline void generate_place(const dx_random *random, dx_writer *out, bool valued) {
    uint8_t id[20];
    unsigned form = generate_choice(random, 8);
    size_t own = form < 5 ? 2 : form < 7 ? 0 : 1;
    dx_write_array(out, own + valued);
    if (own == 2 && generate_choice(random, 3) == 0) {
        dx_write_null(out);
    } else if (own == 2) {
        dx_write_bytes(out,
                       dx_bytes_of(id, generate_item(random, generate_choice(random, GENERATED_ITEMS), id)));
    } else if (own == 1) {
        dx_write_int(out, 1);
    }
    if (own == 2) {
        dx_write_uint(out, generate_choice(random, 2));
    }
    if (valued) {
        generate_value(random, out, 1);
    }
}

/* One entry, [key] or [key, payload], of this kind: the n-th of its list, whose keys ascend. */
static inline void generate_entry(const dx_random *random, unsigned kind, unsigned number, dx_writer *out) {
    static const uint8_t members[][2] = {{0x01, 0}, {0x0b, 0}, {0x61, 'a'}, {0x81, 0x01}};
    static const uint8_t member_sizes[] = {1, 1, 2, 2};
    uint8_t id[20], plain = (uint8_t)number;
    bool taken_back = generate_choice(random, 4) == 0;
    dx_write_array(out, taken_back ? 1 : 2);
    if (kind == 2) {
        dx_write_bytes(out, dx_bytes_of(members[number], member_sizes[number]));
    } else if (kind == 4 || kind == 6) {
        memset(id, 0, sizeof id);
        id[13] = (uint8_t)number;
        dx_write_bytes(out, dx_bytes_of(id, 14));
    } else if (kind == 5 || number != 0) {
        dx_write_bytes(out, dx_bytes_of(&plain, 1));
    } else {
        dx_write_bytes(out, dx_bytes_of(NULL, 0));
    }
    if (taken_back) {
        return;
    }
    if (kind == 4) {
        generate_place(random, out, generate_choice(random, 3) != 0);
    } else if (kind == 6) {
        dx_write_bytes(out,
                       dx_bytes_of(id, generate_item(random, generate_choice(random, GENERATED_ITEMS), id)));
    } else if (kind == 2 && generate_choice(random, 8) != 0) {
        dx_write_bool(out, true);
    } else if (kind == 1 && generate_choice(random, 4) != 0) {
        static const int64_t counts[] = {1, -1, 7, INT64_MAX, INT64_MIN};
        dx_write_int(out, counts[generate_choice(random, 5)]);
    } else {
        generate_value(random, out, 1);
    }
}

/* Counts upon a base that may be there: its key is the base. */
static inline void generate_counts(const dx_random *random, dx_writer *out) {
    uint8_t id[20];
    size_t size;
    do {
        size = generate_item(random, 0, id);
    } while (size != 20);
    dx_write_array(out, 1);
    dx_write_array(out, 2);
    dx_write_bytes(out, dx_bytes_of(id, generate_choice(random, 3) == 0 ? 0 : 16));
    dx_write_int(out, (int64_t)generate_choice(random, 9) - 4);
}

/* Edits of one path: known kinds and two that nobody knows. */
static inline void generate_kinds(const dx_random *random, dx_writer *out) {
    static const uint8_t kinds[] = {1, 2, 4, 5, 6, 20};
    static const uint8_t numbers[] = {2, 4, GENERATED_ITEMS, 2, GENERATED_ITEMS, 2};
    unsigned chosen = 1 + generate_choice(random, 63), count = 0;
    for (unsigned i = 0; i < 6; i++) {
        count += chosen >> i & 1;
    }
    dx_write_map(out, count);
    for (unsigned i = 0; i < 6; i++) {
        if ((chosen >> i & 1) == 0) {
            continue;
        }
        dx_write_uint(out, kinds[i]);
        if (i == 0 && generate_choice(random, 2) == 0) {
            generate_counts(random, out);
            continue;
        }
        unsigned entries = 1 + generate_choice(random, (1u << numbers[i]) - 1), size = 0;
        for (unsigned n = 0; n < numbers[i]; n++) {
            size += entries >> n & 1;
        }
        dx_write_array(out, size);
        for (unsigned n = 0; n < numbers[i]; n++) {
            if (entries >> n & 1) {
                generate_entry(random, kinds[i], n, out);
            }
        }
    }
}

/* dx_model_generator.write of the object model. */
static inline int generate_object_operation(void *ctx, const dx_random *random, dx_buf *out) {
    (void)ctx;
    generated_path paths[GENERATED_PATHS_MAX];
    size_t count = 0, sets = 0, edits = 0;
    for (unsigned tries = 1 + generate_choice(random, GENERATED_PATHS_MAX); tries > 0; tries--) {
        generated_path path;
        generate_path(random, &path);
        bool meets = false;
        for (size_t i = 0; i < count; i++) {
            meets |= paths_meet(&paths[i], &path);
        }
        if (!meets) {
            size_t at = count++;
            for (; at > 0 && path_is_before(&path, &paths[at - 1]); at--) {
                paths[at] = paths[at - 1];
            }
            paths[at] = path;
            sets += !path.deleted && !path.edited;
            edits += path.edited;
        }
    }
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, edits == 0 ? 2 : 3);
    dx_write_map(&writer, sets);
    for (size_t i = 0; i < count; i++) {
        if (!paths[i].deleted && !paths[i].edited) {
            dx_write_text_bytes(&writer, dx_bytes_of(paths[i].text, paths[i].size));
            generate_value(random, &writer, 3);
        }
    }
    dx_write_array(&writer, count - sets - edits);
    for (size_t i = 0; i < count; i++) {
        if (paths[i].deleted) {
            dx_write_text_bytes(&writer, dx_bytes_of(paths[i].text, paths[i].size));
        }
    }
    if (edits != 0) {
        dx_write_map(&writer, edits);
    }
    for (size_t i = 0; i < count; i++) {
        if (paths[i].edited) {
            dx_write_text_bytes(&writer, dx_bytes_of(paths[i].text, paths[i].size));
            generate_kinds(random, &writer);
        }
    }
    return dx_writer_finish(&writer);
}

#endif
