/* tests/laws/object_generator.h: operations for the object model that meet each other often.
 *
 * Layer: test support. Few keys, some of them with a dot or a backslash in them, at most four deep; values of
 * every kind. No path twice and none under another: that is what an operation is. */
#ifndef DX_TESTS_LAWS_OBJECT_GENERATOR_H
#define DX_TESTS_LAWS_OBJECT_GENERATOR_H

#include <dxos/model_laws.h>
#include <string.h>

enum { GENERATED_PATHS_MAX = 4, GENERATED_PATH_SIZE_MAX = 64 };

typedef struct generated_path {
    char text[GENERATED_PATH_SIZE_MAX];
    size_t size;
    bool deleted;
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
}

static inline bool paths_meet(const generated_path *a, const generated_path *b) {
    const generated_path *shorter = a->size <= b->size ? a : b, *longer = shorter == a ? b : a;
    return memcmp(shorter->text, longer->text, shorter->size) == 0 &&
           (longer->size == shorter->size || longer->text[shorter->size] == '.');
}

static inline bool path_is_before(const generated_path *a, const generated_path *b) {
    return a->size != b->size ? a->size < b->size : memcmp(a->text, b->text, a->size) < 0;
}

/* dx_model_generator.write of the object model. */
static inline int generate_object_operation(void *ctx, const dx_random *random, dx_buf *out) {
    (void)ctx;
    generated_path paths[GENERATED_PATHS_MAX];
    size_t count = 0, sets = 0;
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
            sets += !path.deleted;
        }
    }
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    dx_write_map(&writer, sets);
    for (size_t i = 0; i < count; i++) {
        if (!paths[i].deleted) {
            dx_write_text_bytes(&writer, dx_bytes_of(paths[i].text, paths[i].size));
            generate_value(random, &writer, 3);
        }
    }
    dx_write_array(&writer, count - sets);
    for (size_t i = 0; i < count; i++) {
        if (paths[i].deleted) {
            dx_write_text_bytes(&writer, dx_bytes_of(paths[i].text, paths[i].size));
        }
    }
    return dx_writer_finish(&writer);
}

#endif
