/* model/object_view.c: writes the nested map.
 *
 * Layer: floor 1, model. Contract in model/object_view.h. Registers are sorted as a tree: part by part as
 * keys of a canonical map, what stands above before what stands under it; then one pass writes it. */
#include "model/object_view.h"

/* Part by part; a prefix comes first. */
static int compare_as_tree(dx_bytes a, dx_bytes b) {
    size_t a_at = 0, b_at = 0;
    dx_bytes a_part, b_part;
    for (;;) {
        bool a_more = dx_object_path_next(a, &a_at, &a_part);
        bool b_more = dx_object_path_next(b, &b_at, &b_part);
        if (!a_more || !b_more) {
            return a_more - b_more;
        }
        int order = dx_object_part_compare(a_part, b_part);
        if (order != 0) {
            return order;
        }
    }
}

static dx_bytes part_of(dx_bytes path, size_t index) {
    size_t at = 0;
    dx_bytes part = {NULL, 0};
    do {
        (void)dx_object_path_next(path, &at, &part);
    } while (index-- > 0);
    return part;
}

/* The end of the run of registers that share the part at this depth with the first. */
static size_t end_of_member(const dx_register *items, size_t count, size_t depth) {
    dx_bytes part = part_of(items[0].path, depth);
    size_t end = 1;
    while (end < count && dx_bytes_equal(part_of(items[end].path, depth), part)) {
        end++;
    }
    return end;
}

/* The map of these registers, whose paths are longer than depth and share the parts before it. Recursion is
 * bounded by DX_OBJECT_DEPTH_MAX. */
static void write_members(const dx_register *items, size_t count, size_t depth, dx_writer *out) {
    size_t members = 0;
    for (size_t at = 0; at < count; at += end_of_member(items + at, count - at, depth)) {
        members++;
    }
    dx_write_map(out, members);
    for (size_t at = 0; at < count;) {
        const dx_register *first = items + at;
        size_t run = end_of_member(first, count - at, depth);
        uint8_t key[DX_OBJECT_PATH_SIZE_MAX];
        dx_write_text_bytes(out, dx_bytes_of(key, dx_object_part_unescape(part_of(first->path, depth), key)));
        if (run == 1 && first->parts == depth + 1) {
            dx_write_item(out, first->payload);
        } else {
            size_t own = first->parts == depth + 1; /* what stands above gives way to what stands under it */
            write_members(first + own, run - own, depth + 1, out);
        }
        at += run;
    }
}

int dx_object_view_write(const dx_alloc *alloc, dx_register *registers, size_t count, dx_writer *out) {
    size_t shown = 0;
    bool flat = true;
    for (size_t i = 0; i < count; i++) {
        if (registers[i].payload.size != 0) {
            flat &= registers[i].parts == 1 && dx_object_path_is_plain(registers[i].path);
            registers[shown++] = registers[i];
        }
    }
    if (flat) { /* the order of paths is that of the map's keys already */
        dx_write_map(out, shown);
        for (size_t i = 0; i < shown; i++) {
            dx_write_item(out, dx_register_key(&registers[i]));
            dx_write_item(out, registers[i].payload);
        }
        return out->error;
    }
    dx_register *spare = dx_alloc_take(alloc, shown * sizeof *spare);
    if (spare == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_register_sort(registers, shown, spare, compare_as_tree);
    dx_alloc_free(alloc, spare, shown * sizeof *spare);
    write_members(registers, shown, 0, out);
    return out->error;
}
