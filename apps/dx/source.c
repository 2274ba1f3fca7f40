/* dx/source.c: see source.h. */
#include "source.h"

#include <dxos/host.h>
#include <string.h>

#include "dpkg.h"

enum { ITEM_SIZE_MAX = 2 * DX_LINE_SIZE_MAX };

static bool is_blank(dx_bytes line) {
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t') {
            return false;
        }
    }
    return true;
}

static int look_at_form(dx_source *source) {
    dx_bytes line = {0};
    int error = DX_OK;
    while (error == DX_OK && is_blank(line)) {
        error = dx_lines_next(&source->lines, &line);
    }
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error; /* nothing in it is no mistake */
    }
    source->dpkg = dx_dpkg_begins(line);
    if (source->dpkg) {
        dx_mapping *mapping = &source->mapping;
        mapping->foreign = true;
        mapping->aliases = "provides";
        mapping->type = mapping->type == NULL ? "package" : mapping->type;
        mapping->key = mapping->key == NULL ? "name" : mapping->key;
        if (mapping->link_count == 0) {
            mapping->links[mapping->link_count++] = "depends";
        }
    }
    return dx_lines_rewind(&source->lines);
}

static void init(dx_source *source, const dx_mapping *mapping) {
    source->mapping = *mapping;
    source->dpkg = false;
    source->number = 0;
    source->why[0] = 0;
    dx_buf_init(&source->item, dx_host_alloc(), ITEM_SIZE_MAX);
    dx_buf_init(&source->stanza, dx_host_alloc(), DX_LINE_SIZE_MAX);
}

int dx_source_attach(dx_source *source, gzFile file, uint64_t size, uint64_t begin, uint64_t parts) {
    static const dx_mapping own;
    init(source, &own);
    return dx_lines_attach(&source->lines, file, size, begin, parts);
}

int dx_source_open(dx_source *source, const char *path, const dx_mapping *mapping) {
    init(source, mapping);
    int error = dx_lines_open(&source->lines, path);
    return error == DX_OK ? look_at_form(source) : error;
}

static int refuse(dx_source *source, const char *why) {
    snprintf(source->why, sizeof source->why, "%s", why);
    return DX_E_INVALID;
}

static int next_json(dx_source *source) {
    dx_bytes line = {0};
    char message[96] = "";
    int error = DX_OK;
    do {
        error = dx_lines_next(&source->lines, &line);
    } while (error == DX_OK && is_blank(line) && !source->lines.too_long);
    source->number = source->lines.number;
    if (error != DX_OK) {
        return error;
    }
    if (source->lines.too_long) {
        return refuse(source, "the line is longer than 8 MiB");
    }
    dx_writer writer;
    dx_buf_clear(&source->item);
    dx_writer_init(&writer, &source->item);
    error = dx_json_parse(line, &writer, message, sizeof message);
    if (error == DX_E_INVALID || error == DX_E_LIMIT) {
        return refuse(source, message[0] == 0 ? dx_error_text(error) : message);
    }
    return error;
}

/* Gathers lines up to an empty one. DX_E_LIMIT: longer than a line may be. */
static int gather_stanza(dx_source *source) {
    bool some = false, too_long = false;
    dx_buf_clear(&source->stanza);
    for (;;) {
        dx_bytes line;
        int error = dx_lines_next(&source->lines, &line);
        if (error == DX_E_NOT_FOUND && some) {
            break;
        }
        if (error != DX_OK) {
            return error;
        }
        if (is_blank(line) && !source->lines.too_long) {
            if (some) {
                break;
            }
            continue;
        }
        source->number = some ? source->number : source->lines.number;
        some = true;
        too_long =
            too_long || source->lines.too_long || source->stanza.size + line.size + 1 > DX_LINE_SIZE_MAX;
        if (!too_long) {
            dx_buf_append(&source->stanza, line.data, line.size);
            dx_buf_append(&source->stanza, "\n", 1);
        }
    }
    return too_long ? DX_E_LIMIT : dx_buf_error(&source->stanza);
}

static int next_stanza(dx_source *source) {
    bool installed = false;
    const char *why = "";
    while (!installed) {
        int error = gather_stanza(source);
        if (error == DX_E_LIMIT) {
            return refuse(source, "the stanza is longer than 8 MiB");
        }
        if (error != DX_OK) {
            return error;
        }
        dx_writer writer;
        dx_buf_clear(&source->item);
        dx_writer_init(&writer, &source->item);
        error = dx_dpkg_stanza(dx_buf_view(&source->stanza), &writer, &installed, &why);
        if (error == DX_E_INVALID) {
            return refuse(source, why);
        }
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

int dx_source_next(dx_source *source, dx_record *out) {
    const char *why = "";
    int error = source->dpkg ? next_stanza(source) : next_json(source);
    if (error == DX_OK) {
        error = dx_record_read(&source->mapping, dx_buf_view(&source->item), out, &why);
        if (error == DX_E_INVALID) {
            return refuse(source, why);
        }
    }
    return error;
}

int dx_source_rewind(dx_source *source) {
    source->number = 0;
    return dx_lines_rewind(&source->lines);
}

void dx_source_close(dx_source *source) {
    dx_lines_close(&source->lines);
    dx_buf_deinit(&source->item);
    dx_buf_deinit(&source->stanza);
}
