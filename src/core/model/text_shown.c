/* model/text_shown.c: see text_shown.h.
 *
 * Layer: floor 1, model. */
#include "model/text_shown.h"

#include <string.h>

#include "base/limits.h"
#include "text/checkpoint.h"
#include "text/struct_reader.h"

enum { NAME_SIZE_MAX = 256 };

static const char usual_name[] = "text";

/* --- Of a document ---------------------------------------------------------------------------- */

typedef struct root_search {
    const dx_alloc *alloc;
    dx_text_doc *doc;
    dx_buf text;
    char name[NAME_SIZE_MAX + 1]; /* the least so far that has characters */
    dx_text_type type;
} root_search;

static bool can_be_asked(dx_bytes name) {
    return name.size <= NAME_SIZE_MAX && (name.size == 0 || memchr(name.data, 0, name.size) == NULL);
}

/* Whether a root is to be looked at: its name is before the least so far, and can be asked for. */
static bool is_candidate(const root_search *self, const dx_text_struct *one) {
    dx_bytes name = one->parent_name;
    return one->parent == DX_TEXT_PARENT_ROOT && !one->has_sub && can_be_asked(name) &&
           (self->type == 0 || dx_bytes_compare(name, dx_bytes_text(self->name)) < 0);
}

static int look_at(root_search *self, dx_bytes name) {
    char text[NAME_SIZE_MAX + 1];
    dx_text_type type;
    if (name.size != 0) {
        memcpy(text, name.data, name.size);
    }
    text[name.size] = 0;
    int error = dx_text_root(self->doc, text, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_E_CONFLICT) {
        return DX_OK;
    }
    dx_buf_clear(&self->text);
    error = error == DX_OK ? dx_text_read(self->doc, type, &self->text) : error;
    if (error == DX_OK && self->text.size != 0) {
        memcpy(self->name, text, name.size + 1);
        self->type = type;
    }
    return error;
}

static int look_at_roots(root_search *self, dx_bytes update) {
    dx_text_reader reader;
    dx_text_section section;
    dx_text_struct one;
    int error = DX_OK;
    dx_text_reader_init(&reader, self->alloc);
    dx_text_reader_open(&reader, DX_TEXT_V2, update);
    while (error == DX_OK && dx_text_reader_section(&reader, &section)) {
        while (error == DX_OK && dx_text_reader_struct(&reader, &one)) {
            error = is_candidate(self, &one) ? look_at(self, one.parent_name) : DX_OK;
        }
    }
    error = error == DX_OK ? dx_text_reader_finish(&reader) : error;
    dx_text_reader_deinit(&reader);
    return error;
}

int dx_text_shown(const dx_alloc *alloc, dx_text_doc *doc, dx_text_type *type) {
    root_search self = {.alloc = alloc, .doc = doc};
    dx_buf update;
    int error = dx_text_root(doc, usual_name, DX_TEXT_KIND_TEXT, type);
    if (error != DX_OK || dx_text_length(doc, *type) != 0) {
        return error;
    }
    dx_buf_init(&update, alloc, DX_TEXT_MEMORY_MAX);
    dx_buf_init(&self.text, alloc, DX_TEXT_MEMORY_MAX);
    error = dx_text_encode(doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), &update);
    error = error == DX_OK ? look_at_roots(&self, dx_buf_view(&update)) : error;
    *type = self.type == 0 ? *type : self.type;
    dx_buf_deinit(&self.text);
    dx_buf_deinit(&update);
    return error;
}

/* --- Of a checkpoint -------------------------------------------------------------------------- */

/* False: a document has to tell. */
static bool find_root(const dx_text_checkpoint *parts, dx_text_checkpoint_root *shown, uint64_t *from) {
    dx_text_checkpoint_root root;
    dx_lib0_reader roots = dx_lib0_reader_of(parts->roots);
    bool usual = false;
    *shown = (dx_text_checkpoint_root){.plain = true};
    *from = 0;
    for (uint64_t at = 0; !usual && dx_text_checkpoint_next_root(&roots, &root); at += root.size) {
        usual = dx_bytes_equal(root.name, dx_bytes_text(usual_name)) && (root.size != 0 || !root.plain);
        bool least = root.size != 0 && can_be_asked(root.name) &&
                     (shown->size == 0 || dx_bytes_compare(root.name, shown->name) < 0);
        if (usual || least) {
            *shown = root;
            *from = at;
        }
    }
    return shown->plain;
}

int dx_text_shown_alone(const dx_alloc *alloc, const dx_text_saved *saved, dx_buf *utf8, bool *told) {
    dx_text_checkpoint parts;
    dx_text_checkpoint_root root;
    uint64_t from;
    *told = false;
    if (saved->fresh.size != 0 || saved->hidden.size != 0 || saved->checkpoint.size == 0 ||
        saved->checkpoint.data[0] == DX_TEXT_SAVED_UPDATE) {
        return DX_OK;
    }
    int error = dx_text_checkpoint_parse(saved->checkpoint, &parts);
    if (error == DX_OK && parts.own && find_root(&parts, &root, &from)) {
        *told = true;
        error = root.size == 0 ? DX_OK : dx_text_checkpoint_read(alloc, &parts, from, &root, utf8);
    }
    return error;
}
