/* sim/check_object.c: the object model of the reference: every write is kept, the state is what no other
 * write overrules.
 *
 * Layer: simulator, checkers; docs/spec/object-model.md. See check_state.h. */
#include "check_edits.h"
#include "check_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    PATH_SIZE_MAX = 1024,
    DEPTH_MAX = 24,
    WRITES_MAX = 65536,
    OPERATION_SIZE_MAX = 1 << 20,
    EXPANDED_SIZE_MAX = 4 << 20,
    VALUE_SIZE_MAX = 1047546,
    KEY_SIZE_MAX = 1024,
    VIEW_SIZE_MAX = 64 << 20
};

/* --- Paths -------------------------------------------------------------------------------------------- */

static bool has_control_character(dx_bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f ||
            (text.data[i] == 0xc2 && i + 1 < text.size && text.data[i + 1] < 0xa0)) {
            return true;
        }
    }
    return false;
}

/* Bytes of the path's first part; SIZE_MAX when it is none. */
static size_t part_size(dx_bytes path) {
    size_t at = 0;
    while (at < path.size && path.data[at] != '.') {
        if (path.data[at] == '\\') {
            at++;
            if (at == path.size || (path.data[at] != '.' && path.data[at] != '\\')) {
                return SIZE_MAX;
            }
        }
        at++;
    }
    return at == 0 ? SIZE_MAX : at;
}

static dx_bytes after(dx_bytes path, size_t size) {
    return dx_bytes_of(path.data + size, path.size - size);
}

/* Number of parts; 0 when it is no path. */
static size_t count_parts(dx_bytes path) {
    size_t parts = 0;
    if (path.size == 0 || path.size > PATH_SIZE_MAX || has_control_character(path)) {
        return 0;
    }
    for (;;) {
        size_t size = part_size(path);
        if (size == SIZE_MAX || ++parts > DEPTH_MAX) {
            return 0;
        }
        if (size == path.size) {
            return parts;
        }
        path = after(path, size + 1); /* empty after a last dot: no part */
    }
}

/* Whether `above` is a proper prefix of `path`. */
static bool is_above(dx_bytes above, dx_bytes path) {
    return above.size < path.size && path.data[above.size] == '.' &&
           memcmp(above.data, path.data, above.size) == 0;
}

/* path.key with the key escaped; size 0 when that is no path. */
static dx_bytes member_path(check_space *space, dx_bytes path, dx_bytes key) {
    uint8_t *out = check_take(space, path.size + 1 + 2 * key.size);
    size_t size = path.size;
    memcpy(out, path.data, path.size);
    out[size++] = '.';
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] == '.' || key.data[i] == '\\') {
            out[size++] = '\\';
        }
        out[size++] = key.data[i];
    }
    return dx_bytes_of(out, key.size == 0 || count_parts(dx_bytes_of(out, size)) == 0 ? 0 : size);
}

/* --- Operations --------------------------------------------------------------------------------------- */

typedef struct operation {
    check_space *space;
    check_entity *entity;
    check_stamp stamp;
    size_t count, size; /* of this operation's writes */
    bool malformed;
} operation;

static void keep_write(operation *self, const check_write *write) {
    check_entity *entity = self->entity;
    if (++self->count > WRITES_MAX) {
        self->malformed = true;
        return;
    }
    if (entity->write_count == entity->write_capacity) {
        size_t capacity = entity->write_capacity == 0 ? 8 : 2 * entity->write_capacity;
        check_write *writes = check_take(self->space, capacity * sizeof *writes);
        if (entity->write_count > 0) {
            memcpy(writes, entity->writes, entity->write_count * sizeof *writes);
        }
        entity->writes = writes;
        entity->write_capacity = capacity;
    }
    entity->writes[entity->write_count] = *write;
    entity->writes[entity->write_count++].stamp = self->stamp;
}

static void add_write(operation *self, dx_bytes path, dx_bytes payload) {
    const check_write write = {.path = path, .payload = payload};
    self->size += path.size + payload.size;
    self->malformed = self->malformed || self->size > EXPANDED_SIZE_MAX;
    keep_write(self, &write);
}

/* Whether arrays and maps nest at most `levels` deep here, and all keys are texts. */
static bool nests_within(dx_reader *reader, size_t levels) {
    dx_kind kind = dx_reader_peek(reader);
    if (kind != DX_KIND_ARRAY && kind != DX_KIND_MAP) {
        (void)dx_read_item(reader);
        return reader->error == DX_OK;
    }
    bool well = levels > 0;
    size_t count = kind == DX_KIND_MAP ? dx_read_map(reader) : dx_read_array(reader);
    while (well && count-- > 0 && reader->error == DX_OK) {
        if (kind == DX_KIND_MAP) {
            (void)dx_read_text(reader);
        }
        well = reader->error == DX_OK && nests_within(reader, levels - 1);
    }
    return well;
}

static void set_path(operation *self, dx_bytes path, dx_bytes value) {
    static const uint8_t empty_map[] = {0xa0};
    size_t parts = count_parts(path);
    dx_reader reader;
    dx_reader_init(&reader, value);
    if (dx_item_kind(value) != DX_KIND_MAP) {
        self->malformed = self->malformed || parts == 0 || value.size > VALUE_SIZE_MAX ||
                          !nests_within(&reader, DEPTH_MAX - parts);
        add_write(self, path, value);
        return;
    }
    self->malformed = self->malformed || parts == 0 || parts == DEPTH_MAX;
    add_write(self, path, dx_bytes_of(empty_map, sizeof empty_map));
    for (size_t pairs = dx_read_map(&reader); pairs > 0 && !self->malformed; pairs--) {
        dx_bytes key = dx_read_text(&reader), member = dx_read_item(&reader);
        dx_bytes below = member_path(self->space, path, key);
        self->malformed = reader.error != DX_OK || below.size == 0;
        if (!self->malformed) {
            set_path(self, below, member);
        }
    }
}

/* Of the paths an operation names none is another's, or above it. */
static bool are_apart(const dx_bytes *paths, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (i != k && (dx_bytes_equal(paths[i], paths[k]) || is_above(paths[i], paths[k]))) {
                return false;
            }
        }
    }
    return true;
}

/* Shorter first, then bytewise: the order of a canonical map's keys. */
static int key_order(dx_bytes a, dx_bytes b) {
    return a.size != b.size ? (a.size < b.size ? -1 : 1) : memcmp(a.data, b.data, a.size);
}

/* What one operation edits inside the value at one path. */
static void read_edits(operation *self, dx_reader *reader, dx_bytes path) {
    size_t parts = count_parts(path), kinds = dx_read_map(reader);
    self->malformed = self->malformed || parts == 0 || kinds == 0;
    while (!self->malformed && kinds-- > 0) {
        check_write write = {.path = path, .edit = true, .kind = dx_read_uint_max(reader, INT32_MAX)};
        size_t entries = dx_read_array(reader);
        self->malformed = entries == 0;
        for (size_t i = 0; !self->malformed && i < entries; i++) {
            size_t fields = dx_read_array(reader);
            dx_bytes before = write.key;
            write.key = dx_read_bytes(reader);
            write.payload = fields == 2 ? dx_read_item(reader) : dx_bytes_of(NULL, 0);
            dx_reader inside;
            dx_reader_init(&inside, write.payload);
            self->malformed = reader->error != DX_OK || fields < 1 || fields > 2 ||
                              write.key.size > KEY_SIZE_MAX || write.payload.size > VALUE_SIZE_MAX ||
                              (i > 0 && key_order(before, write.key) >= 0) ||
                              (fields == 2 && !nests_within(&inside, DEPTH_MAX - parts));
            keep_write(self, &write);
        }
    }
}

static void read_operation(operation *self, dx_bytes item) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    dx_bytes *paths = check_take(self->space, (item.size + 1) * sizeof *paths);
    size_t count = 0, sets = 0;
    size_t fields = dx_read_array(&reader);
    self->malformed = item.size > OPERATION_SIZE_MAX || fields < 2 || fields > 3;
    for (size_t left = dx_read_map(&reader); left > 0 && reader.error == DX_OK; left--) {
        dx_bytes path = dx_read_text(&reader), value = dx_read_item(&reader);
        if (reader.error == DX_OK && !self->malformed) {
            paths[count++] = path;
            set_path(self, path, value);
        }
    }
    sets = count;
    for (size_t left = dx_read_array(&reader); left > 0 && reader.error == DX_OK; left--) {
        dx_bytes path = dx_read_text(&reader);
        self->malformed = self->malformed || count_parts(path) == 0 ||
                          (count > sets && key_order(paths[count - 1], path) >= 0);
        paths[count++] = path;
        add_write(self, path, dx_bytes_of(NULL, 0));
    }
    size_t edited = fields == 3 && reader.error == DX_OK ? dx_read_map(&reader) : 0;
    self->malformed = self->malformed || (fields == 3 && edited == 0);
    for (; edited > 0 && !self->malformed && reader.error == DX_OK; edited--) {
        paths[count] = dx_read_text(&reader);
        read_edits(self, &reader, paths[count++]);
    }
    self->malformed = self->malformed || dx_reader_finish(&reader) != DX_OK || !are_apart(paths, count);
}

bool check_object_operate(check_space *space, check_entity *entity, dx_bytes item, const check_stamp *stamp) {
    size_t before = entity->write_count;
    operation self = {.space = space, .entity = entity, .stamp = *stamp};
    read_operation(&self, item);
    if (self.malformed) {
        entity->write_count = before;
        return false;
    }
    entity->operated = true;
    return true;
}

/* --- What stands ---------------------------------------------------------------------------------------- */

/* A deletion is greater than any value: it holds at equal stamps. */
static int payload_order(dx_bytes a, dx_bytes b) {
    if (a.size == 0 || b.size == 0) {
        return (a.size == 0) - (b.size == 0);
    }
    return dx_bytes_compare(a, b);
}

/* Whether both are about the same; authors have edits of odd kinds to themselves. */
static bool alike(const check_write *a, const check_write *b) {
    return dx_bytes_equal(a->path, b->path) && a->edit == b->edit && a->kind == b->kind &&
           dx_bytes_equal(a->key, b->key) &&
           (a->kind % 2 == 0 || memcmp(a->stamp.feed, b->stamp.feed, sizeof a->stamp.feed) == 0);
}

static bool overrules(const check_write *other, const check_write *write) {
    int order = check_stamp_order(&other->stamp, &write->stamp);
    if (!other->edit &&
        (is_above(other->path, write->path) || (write->edit && dx_bytes_equal(other->path, write->path)))) {
        return order > 0;
    }
    return alike(other, write) &&
           (order > 0 || (order == 0 && payload_order(other->payload, write->payload) > 0));
}

static bool stands(const check_entity *entity, size_t at) {
    const check_write *write = &entity->writes[at];
    for (size_t i = 0; i < entity->write_count; i++) {
        const check_write *other = &entity->writes[i];
        bool same = check_stamp_order(&other->stamp, &write->stamp) == 0 && i < at && alike(other, write) &&
                    dx_bytes_equal(other->payload, write->payload);
        if (i != at && (same || overrules(other, write))) {
            return false;
        }
    }
    return true;
}

static int write_order(const check_write *a, const check_write *b) {
    int order = key_order(a->path, b->path);
    if (order == 0 && a->kind != b->kind) {
        order = a->kind < b->kind ? -1 : 1;
    }
    if (order == 0) {
        order = key_order(a->key, b->key);
    }
    return order != 0 ? order : memcmp(a->stamp.feed, b->stamp.feed, sizeof a->stamp.feed);
}

/* The writes, or the edits, that stand, in the order of their paths as map keys; edits of a path by kind, key and
 * feed. */
static check_write *collect(check_space *space, const check_entity *entity, bool edits, size_t *count) {
    check_write *found = check_take(space, (entity->write_count + 1) * sizeof *found);
    *count = 0;
    for (size_t i = 0; i < entity->write_count; i++) {
        size_t at = *count;
        if (entity->writes[i].edit != edits || !stands(entity, i)) {
            continue;
        }
        for (; at > 0 && write_order(&entity->writes[i], &found[at - 1]) < 0; at--) {
            found[at] = found[at - 1];
        }
        found[at] = entity->writes[i];
        ++*count;
    }
    return found;
}

/* --- The view ------------------------------------------------------------------------------------------- */

static dx_bytes unescape(check_space *space, dx_bytes part) {
    uint8_t *out = check_take(space, part.size);
    size_t size = 0;
    for (size_t i = 0; i < part.size; i++) {
        i += part.data[i] == '\\';
        out[size++] = part.data[i];
    }
    return dx_bytes_of(out, size);
}

typedef struct member {
    dx_bytes key, path;
} member;

/* The members that show under a path (size 0: at the top), in the order of their keys. */
static member *members_under(check_space *space, const check_write *writes, size_t count, dx_bytes path,
                             size_t *found) {
    member *members = check_take(space, (count + 1) * sizeof *members);
    *found = 0;
    for (size_t i = 0; i < count; i++) {
        if (writes[i].payload.size == 0 || (path.size > 0 && !is_above(path, writes[i].path))) {
            continue;
        }
        size_t from = path.size == 0 ? 0 : path.size + 1;
        size_t size = part_size(after(writes[i].path, from));
        member new = {.path = dx_bytes_of(writes[i].path.data, from + size),
                      .key = unescape(space, dx_bytes_of(writes[i].path.data + from, size))};
        size_t at = *found;
        while (at > 0 && key_order(new.key, members[at - 1].key) < 0) {
            at--;
        }
        if (at > 0 && key_order(new.key, members[at - 1].key) == 0) {
            continue;
        }
        memmove(&members[at + 1], &members[at], (*found - at) * sizeof *members);
        members[at] = new;
        ++*found;
    }
    return members;
}

static void write_under(check_space *space, const check_write *writes, size_t count, dx_bytes path,
                        dx_writer *out) {
    size_t found;
    member *members = members_under(space, writes, count, path, &found);
    for (size_t i = 0; found == 0 && path.size > 0 && i < count; i++) {
        if (dx_bytes_equal(writes[i].path, path)) {
            dx_write_item(out, writes[i].payload);
            return;
        }
    }
    dx_write_map(out, found);
    for (size_t i = 0; i < found; i++) {
        dx_write_text_bytes(out, members[i].key);
        write_under(space, writes, count, members[i].path, out);
    }
}

static dx_bytes keep(check_space *space, dx_buf *buf) {
    DX_ASSERT(dx_buf_error(buf) == DX_OK);
    dx_bytes copy = check_copy(space, dx_buf_view(buf));
    dx_buf_deinit(buf);
    return copy;
}

/* The writes that stand, with what edits make of them. */
static check_write *collect_shown(check_space *space, const check_entity *entity, size_t *count) {
    size_t edit_count, n = 0;
    check_write *edits = collect(space, entity, true, &edit_count);
    check_write *writes = collect(space, entity, false, &n);
    *count = n;
    for (size_t i = 0, end; i < edit_count; i = end) {
        check_edit *here = check_take(space, (edit_count + 1) * sizeof *here);
        check_base base = {.is_there = false};
        const check_stamp *latest = NULL;
        check_write *value = NULL;
        for (end = i; end < edit_count && dx_bytes_equal(edits[end].path, edits[i].path); end++) {
            here[end - i] =
                (check_edit){.kind = edits[end].kind, .key = edits[end].key, .payload = edits[end].payload};
        }
        for (size_t k = 0; k < n; k++) {
            bool same = dx_bytes_equal(writes[k].path, edits[i].path);
            if ((same || is_above(writes[k].path, edits[i].path)) &&
                (latest == NULL || check_stamp_order(&writes[k].stamp, latest) > 0)) {
                latest = &writes[k].stamp;
            }
            value = same ? &writes[k] : value;
        }
        if (latest != NULL) {
            check_base_init(&base, latest->counter, latest->feed);
        }
        base.value = value == NULL ? dx_bytes_of(NULL, 0) : value->payload;
        dx_buf buf;
        dx_writer writer;
        dx_buf_init(&buf, &sim_heap, VIEW_SIZE_MAX);
        dx_writer_init(&writer, &buf);
        if (check_edits_show(&base, here, end - i, count_parts(edits[i].path), &writer)) {
            value = value == NULL ? &writes[(*count)++] : value;
            value->path = edits[i].path;
            value->payload = check_copy(space, dx_buf_view(&buf));
        }
        dx_buf_deinit(&buf);
    }
    return writes;
}

dx_bytes check_object_view(check_space *space, const check_entity *entity) {
    size_t count;
    check_write *writes = collect_shown(space, entity, &count);
    dx_buf buf;
    dx_writer writer;
    dx_buf_init(&buf, &sim_heap, VIEW_SIZE_MAX);
    dx_writer_init(&writer, &buf);
    write_under(space, writes, count, dx_bytes_of(NULL, 0), &writer);
    int error = dx_writer_finish(&writer);
    DX_ASSERT(error == DX_OK);
    return keep(space, &buf);
}

dx_bytes check_object_at(dx_bytes view, const char *path) {
    dx_bytes left = dx_bytes_text(path);
    while (left.size > 0 && view.size > 0) {
        char key[PATH_SIZE_MAX + 1];
        size_t size = part_size(left);
        DX_ASSERT(size < sizeof key);
        memcpy(key, left.data, size);
        key[size] = 0;
        view = dx_item_get(view, key);
        left = size == left.size ? dx_bytes_of(NULL, 0) : after(left, size + 1);
    }
    return view;
}

/* --- What digests cover -----------------------------------------------------------------------------------
 */

/* The stamps in use but that of the creation, ascending. */
static check_stamp *stamps_of(check_space *space, const check_entity *entity, size_t *found) {
    check_stamp *stamps = check_take(space, (entity->write_count + 1) * sizeof *stamps);
    *found = 0;
    for (size_t i = 0; i < entity->write_count; i++) {
        const check_stamp *stamp = &entity->writes[i].stamp;
        size_t at = *found;
        if (!stands(entity, i) || check_stamp_order(stamp, &entity->created) == 0) {
            continue;
        }
        while (at > 0 && check_stamp_order(stamp, &stamps[at - 1]) < 0) {
            at--;
        }
        if (at > 0 && check_stamp_order(stamp, &stamps[at - 1]) == 0) {
            continue;
        }
        memmove(&stamps[at + 1], &stamps[at], (*found - at) * sizeof *stamps);
        stamps[at] = *stamp;
        ++*found;
    }
    return stamps;
}

static size_t number_of(const check_stamp *stamps, size_t count, const check_stamp *stamp) {
    for (size_t i = 0; i < count; i++) {
        if (check_stamp_order(&stamps[i], stamp) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* How many edits from the first on share its path (and kind). */
static size_t edits_alike(const check_write *edits, size_t count, bool of_kind) {
    size_t end = 1;
    while (end < count && dx_bytes_equal(edits[end].path, edits[0].path) &&
           (!of_kind || edits[end].kind == edits[0].kind)) {
        end++;
    }
    return end;
}

static size_t count_alike(const check_write *edits, size_t count, bool of_kind) {
    size_t runs = 0;
    for (size_t i = 0; i < count; i += edits_alike(edits + i, count - i, of_kind)) {
        runs++;
    }
    return runs;
}

static void write_number(const check_stamp *stamps, size_t stamp_count, const check_write *write,
                         dx_writer *out) {
    dx_write_uint(out, number_of(stamps, stamp_count, &write->stamp));
    if (write->payload.size > 0) {
        dx_write_item(out, write->payload);
    }
}

static void write_edits(const check_stamp *stamps, size_t stamp_count, const check_write *edits, size_t count,
                        dx_writer *out) {
    dx_write_map(out, count_alike(edits, count, false));
    for (size_t i = 0; i < count;) {
        size_t path_end = i + edits_alike(edits + i, count - i, false);
        dx_write_text_bytes(out, edits[i].path);
        dx_write_map(out, count_alike(edits + i, path_end - i, true));
        while (i < path_end) {
            size_t kind_end = i + edits_alike(edits + i, path_end - i, true);
            dx_write_uint(out, edits[i].kind);
            dx_write_array(out, kind_end - i);
            for (; i < kind_end; i++) {
                dx_write_array(out, edits[i].payload.size == 0 ? 2 : 3);
                dx_write_bytes(out, edits[i].key);
                write_number(stamps, stamp_count, &edits[i], out);
            }
        }
    }
}

dx_bytes check_object_saved(check_space *space, const check_entity *entity) {
    size_t count, edit_count, stamp_count;
    if (!entity->operated) {
        return dx_bytes_of(NULL, 0);
    }
    check_write *writes = collect(space, entity, false, &count);
    check_write *edits = collect(space, entity, true, &edit_count);
    check_stamp *stamps = stamps_of(space, entity, &stamp_count);
    dx_buf buf;
    dx_writer writer;
    dx_buf_init(&buf, &sim_heap, VIEW_SIZE_MAX);
    dx_writer_init(&writer, &buf);
    dx_write_array(&writer, edit_count == 0 ? 2 : 3);
    dx_write_array(&writer, stamp_count);
    for (size_t i = 0; i < stamp_count; i++) {
        dx_write_array(&writer, 2);
        dx_write_uint(&writer, stamps[i].counter);
        dx_write_bytes(&writer, dx_bytes_of(stamps[i].feed, sizeof stamps[i].feed));
    }
    dx_write_map(&writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_text_bytes(&writer, writes[i].path);
        dx_write_array(&writer, writes[i].payload.size == 0 ? 1 : 2);
        write_number(stamps, stamp_count, &writes[i], &writer);
    }
    if (edit_count > 0) {
        write_edits(stamps, stamp_count, edits, edit_count, &writer);
    }
    int error = dx_writer_finish(&writer);
    DX_ASSERT(error == DX_OK);
    return keep(space, &buf);
}
