/* echo/section.c: reads and writes the plaintext of one section.
 *
 * Layer: floor 1, echo. Contract in section.h, format in docs/spec/section.md. Pure: no store, no memory but
 * the caller's buffer. Law (tests/unit/echo/test_section.c, fuzz/fuzz_section.c): what decodes encodes to the
 * same bytes. */
#include "echo/section.h"

#include <string.h>

#include "echo/type.h"

/* First item of an op. */
enum { OP_CREATE, OP_OPERATE, OP_DELETE, OP_RESTORE, OP_MOVE };

enum { CREATE_ITEMS = 7, OPS_MAX = 3 };

static const char object_model_name[] = "dx/object/1";

int dx_place_compare(const dx_place *a, const dx_place *b) {
    if (a->form != b->form) {
        return a->form < b->form ? -1 : 1;
    }
    int order = memcmp(a->feed, b->feed, sizeof a->feed);
    if (order != 0) {
        return order;
    }
    if (a->seq != b->seq) {
        return a->seq < b->seq ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

/* --- Reading --------------------------------------------------------------------------------- */

static void read_place(dx_reader *in, const uint8_t own[static DX_PREFIX_SIZE], bool in_block_allowed,
                       dx_place *out) {
    memset(out, 0, sizeof *out);
    if (dx_reader_peek(in) == DX_KIND_NULL) {
        dx_read_null(in);
        return;
    }
    size_t items = dx_read_array(in);
    if (items < (in_block_allowed ? 1 : 2) || items > 3) {
        dx_reader_fail(in);
        return;
    }
    out->form = (dx_place_form)items;
    if (out->form != DX_PLACE_BLOCK) {
        out->seq = dx_read_uint_max(in, DX_PLACE_SEQ_MAX);
    }
    out->index = dx_read_uint_max(in, DX_BLOCK_SECTIONS_MAX - 1);
    if (out->form == DX_PLACE_FEED) {
        dx_read_bytes_exact(in, out->feed, sizeof out->feed);
        if (memcmp(out->feed, own, sizeof out->feed) == 0) {
            dx_reader_fail(in);
        }
    }
}

/* A name or null; data NULL for null. An empty name would be a second way to say none. */
static dx_bytes read_name(dx_reader *in) {
    dx_bytes name = {NULL, 0};
    if (dx_reader_peek(in) == DX_KIND_NULL) {
        dx_read_null(in);
        return name;
    }
    name = dx_read_text(in);
    if (name.size == 0 || name.size > DX_TYPE_SIZE_MAX) {
        dx_reader_fail(in);
    }
    return name;
}

static void read_create(dx_reader *in, const uint8_t own[static DX_PREFIX_SIZE], dx_section *out) {
    out->creates = true;
    out->kind = dx_read_uint_max(in, 1);
    out->type = read_name(in);
    out->model = read_name(in);
    if (dx_bytes_equal(out->model, dx_bytes_text(object_model_name))) {
        dx_reader_fail(in);
    }
    read_place(in, own, true, &out->parent);
    read_place(in, own, true, &out->source);
    read_place(in, own, true, &out->target);
    bool link = out->kind == 1;
    if ((out->source.form != DX_PLACE_NONE) != link || (out->target.form != DX_PLACE_NONE) != link ||
        (link && out->parent.form != DX_PLACE_NONE)) {
        dx_reader_fail(in);
    }
}

/* Ops come in the order of their numbers, deletion and restoration being alternatives. */
static void read_op(dx_reader *in, const uint8_t own[static DX_PREFIX_SIZE], dx_section *out) {
    static const size_t items_of[] = {
        [OP_CREATE] = CREATE_ITEMS, [OP_OPERATE] = 2, [OP_DELETE] = 1, [OP_RESTORE] = 1, [OP_MOVE] = 2};
    size_t items = dx_read_array(in);
    uint64_t op = dx_read_uint_max(in, OP_MOVE);
    bool begun = out->creates || out->operates, lives = out->life != DX_LIFE_KEEP;
    if (in->error != DX_OK || items != items_of[op] || out->moves || (op != OP_MOVE && lives) ||
        (op == OP_CREATE && begun) || (op == OP_OPERATE && out->operates) ||
        (op == OP_MOVE && out->creates)) {
        dx_reader_fail(in);
        return;
    }
    switch (op) {
    case OP_CREATE:
        read_create(in, own, out);
        break;
    case OP_OPERATE:
        out->operates = true;
        out->operation = dx_read_item(in);
        break;
    case OP_MOVE:
        out->moves = true;
        read_place(in, own, true, &out->moved_to);
        break;
    default:
        out->life = op == OP_DELETE ? DX_LIFE_DELETE : DX_LIFE_RESTORE;
    }
}

int dx_section_decode(dx_bytes plaintext, const uint8_t own[static DX_PREFIX_SIZE], dx_section *out) {
    dx_reader in;
    memset(out, 0, sizeof *out);
    dx_reader_init(&in, plaintext);
    if (dx_read_array(&in) != 2) {
        dx_reader_fail(&in);
    }
    read_place(&in, own, false, &out->subject);
    size_t ops = dx_read_array(&in);
    if (ops < 1 || ops > OPS_MAX) {
        dx_reader_fail(&in);
    }
    for (size_t i = 0; i < ops && in.error == DX_OK; i++) {
        read_op(&in, own, out);
    }
    if (out->creates != (out->subject.form == DX_PLACE_NONE)) {
        dx_reader_fail(&in);
    }
    return dx_reader_finish(&in);
}

/* --- Writing --------------------------------------------------------------------------------- */

static void write_place(dx_writer *out, const dx_place *place) {
    if (place->form == DX_PLACE_NONE) {
        dx_write_null(out);
        return;
    }
    dx_write_array(out, (size_t)place->form);
    if (place->form != DX_PLACE_BLOCK) {
        dx_write_uint(out, place->seq);
    }
    dx_write_uint(out, place->index);
    if (place->form == DX_PLACE_FEED) {
        dx_write_bytes(out, dx_bytes_of(place->feed, sizeof place->feed));
    }
}

static void write_name(dx_writer *out, dx_bytes name) {
    if (name.size == 0) {
        dx_write_null(out);
    } else {
        dx_write_text_bytes(out, name);
    }
}

static void write_create(dx_writer *out, const dx_section *section) {
    dx_write_array(out, CREATE_ITEMS);
    dx_write_uint(out, OP_CREATE);
    dx_write_uint(out, section->kind);
    write_name(out, section->type);
    write_name(out, section->model);
    write_place(out, &section->parent);
    write_place(out, &section->source);
    write_place(out, &section->target);
}

int dx_section_encode(const dx_section *section, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    write_place(&writer, &section->subject);
    bool changes_life = section->life != DX_LIFE_KEEP;
    dx_write_array(&writer, (size_t)section->creates + (size_t)section->operates + (size_t)changes_life +
                                (size_t)section->moves);
    if (section->creates) {
        write_create(&writer, section);
    }
    if (section->operates) {
        dx_write_array(&writer, 2);
        dx_write_uint(&writer, OP_OPERATE);
        dx_write_item(&writer, section->operation);
    }
    if (changes_life) {
        dx_write_array(&writer, 1);
        dx_write_uint(&writer, section->life == DX_LIFE_DELETE ? OP_DELETE : OP_RESTORE);
    }
    if (section->moves) {
        dx_write_array(&writer, 2);
        dx_write_uint(&writer, OP_MOVE);
        write_place(&writer, &section->moved_to);
    }
    return dx_writer_finish(&writer);
}
