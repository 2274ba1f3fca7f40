/* text/checkpoint_open.c: a document of a checkpoint (dxos/text.h).
 *
 * The checkpoint is written as the update it was made of, and taken in like any other: so nothing of it is believed that is not checked
 * there. Then what shows must be what the checkpoint shows. */
#include "text/checkpoint.h"
#include "text/document.h"
#include "text/skeleton.h"
#include "text/type_json.h"
#include "text/wtf8.h"

#include "base/limits.h"

/* Whose a list is, and its key. */
typedef struct list_head {
    dx_bytes root, key;
    bool chain;
} list_head;

typedef struct opening {
    const dx_alloc *alloc;
    dx_text_checkpoint parts;
    dx_buf text, contents, update;
    dx_text_skeleton skeleton;
    list_head *heads;
    size_t head_room;
    dx_lib0_reader reader; /* of contents */
    dx_id_set deletes;
    dx_text_writer writer;
} opening;

/* --- Parts ------------------------------------------------------------------------------------ */

static int read_skeleton(opening *it) {
    dx_range_coder coder;
    size_t size = it->parts.skeleton.size;
    size_t most = size > (SIZE_MAX - DX_TEXT_STRUCTS_FREE) / DX_TEXT_STRUCTS_PER_BYTE
                      ? SIZE_MAX
                      : DX_TEXT_STRUCTS_FREE + DX_TEXT_STRUCTS_PER_BYTE * size;
    dx_range_read(&coder, it->parts.skeleton);
    return dx_text_skeleton_code(&it->skeleton, &coder, most < UINT32_MAX ? most : UINT32_MAX - 1);
}

static bool read_head(opening *it, list_head *head, bool of_root) {
    uint8_t kind = dx_lib0_read_byte(&it->reader);
    head->chain = kind == DX_TEXT_CHECKPOINT_CHAIN;
    head->root = of_root ? dx_lib0_read_string(&it->reader, NULL) : dx_bytes_of(NULL, 0);
    head->key = head->chain ? dx_lib0_read_string(&it->reader, NULL) : dx_bytes_of(NULL, 0);
    return kind <= DX_TEXT_CHECKPOINT_CHAIN;
}

static int read_heads(opening *it) {
    const dx_text_skeleton *skeleton = &it->skeleton;
    dx_text_checkpoint_root root;
    dx_lib0_reader roots = dx_lib0_reader_of(it->parts.roots);
    size_t i = 0;
    it->heads = dx_alloc_take_zeroed(it->alloc, skeleton->list_count * sizeof *it->heads);
    if (it->heads == NULL && skeleton->list_count != 0) {
        return DX_E_NO_MEMORY;
    }
    it->head_room = skeleton->list_count;
    for (; dx_text_checkpoint_next_root(&roots, &root); i++) {
        if (i == skeleton->list_count || skeleton->lists[i].owner != 0) {
            return DX_E_MALFORMED;
        }
        it->heads[i].root = root.name;
    }
    bool sound = true;
    for (; i < skeleton->list_count && sound; i++) {
        sound = read_head(it, &it->heads[i], skeleton->lists[i].owner == 0);
    }
    return sound && it->reader.error == DX_OK ? DX_OK : DX_E_MALFORMED;
}

/* Gives each live string its characters: where they begin, as payload. Those of roots end where the roots say. */
static int place_text(opening *it) {
    const dx_text_skeleton *skeleton = &it->skeleton;
    dx_bytes text = dx_buf_view(&it->text);
    dx_text_checkpoint_root root;
    dx_lib0_reader roots = dx_lib0_reader_of(it->parts.roots);
    size_t at = 0, end = 0;
    uint64_t units;
    if (text.size > UINT32_MAX || !dx_utf8_units(text, &units)) {
        return DX_E_MALFORMED;
    }
    for (size_t i = 0; i < skeleton->list_count; i++) {
        const dx_text_skeleton_list *list = &skeleton->lists[i];
        for (uint32_t k = 0; k < list->count; k++) {
            dx_text_item *item = &skeleton->items[skeleton->order[list->first + k]];
            if (item->ref != DX_TEXT_STRING || (item->flags & DX_ITEM_DELETED) != 0) {
                continue;
            }
            item->payload = (uint32_t)at;
            at += dx_wtf8_prefix(dx_bytes_of(text.data + at, text.size - at), item->length);
            if (at > text.size) {
                return DX_E_MALFORMED;
            }
        }
        if (dx_text_checkpoint_next_root(&roots, &root)) {
            end += (size_t)root.size;
            if (end != at) {
                return DX_E_MALFORMED;
            }
        }
    }
    return at == text.size ? DX_OK : DX_E_MALFORMED;
}

/* --- Content ---------------------------------------------------------------------------------- */

/* Values, or texts of JSON, one behind another and nothing else. */
static bool check_values(dx_bytes bytes, uint64_t count, bool json) {
    dx_lib0_reader reader = dx_lib0_reader_of(bytes);
    for (uint64_t i = 0; i < count && reader.error == DX_OK; i++) {
        (void)(json ? dx_lib0_read_string(&reader, NULL) : dx_lib0_read_any(&reader));
    }
    return reader.error == DX_OK && dx_lib0_left(&reader) == 0;
}

static bool check_string(dx_bytes bytes, uint64_t length) {
    uint64_t units;
    return dx_utf8_units(bytes, &units) && units == length;
}

static dx_bytes text_of(const opening *it, const dx_text_item *item) {
    const uint8_t *at = it->text.data + item->payload;
    return dx_bytes_of(at, dx_wtf8_prefix(dx_bytes_of(at, it->text.size - item->payload), item->length));
}

static bool read_content(opening *it, const dx_text_item *item, dx_text_struct *out) {
    dx_lib0_reader *reader = &it->reader;
    bool kept = (item->flags & DX_ITEM_DELETED) != 0;
    switch (item->ref) {
    case DX_TEXT_GC:
    case DX_TEXT_DELETED:
        return kept;
    case DX_TEXT_STRING:
        out->content = kept ? dx_lib0_read_bytes(reader) : text_of(it, item);
        return !kept || check_string(out->content, item->length); /* all live ones were looked at together */
    case DX_TEXT_TYPE:
        out->type_ref = dx_lib0_read_byte(reader);
        out->key = dx_lib0_read_string(reader, NULL);
        return out->type_ref <= DX_TEXT_KIND_XML_TEXT;
    case DX_TEXT_FORMAT:
    case DX_TEXT_DOC:
        out->key = dx_lib0_read_string(reader, NULL);
        break;
    default:
        break;
    }
    out->content = dx_lib0_read_bytes(reader);
    return item->ref == DX_TEXT_BINARY || check_values(out->content, item->length, item->ref == DX_TEXT_JSON);
}

/* --- The update ------------------------------------------------------------------------------- */

static dx_text_id id_of(const opening *it, uint32_t client, uint32_t clock) {
    return (dx_text_id){.client = it->skeleton.clients[client].id, .clock = clock};
}

static void set_parent(const opening *it, const dx_text_skeleton_list *list, const list_head *head,
                       dx_text_struct *out) {
    out->sub = head->key;
    if (list->owner == 0) {
        out->parent = DX_TEXT_PARENT_ROOT;
        out->parent_name = head->root;
    } else {
        const dx_text_item *owner = &it->skeleton.items[list->owner - 1];
        out->parent = DX_TEXT_PARENT_ID;
        out->parent_id = id_of(it, owner->client, owner->clock);
    }
}

static int write_item(opening *it, const dx_text_item *item) {
    dx_text_struct out = {
        .id = id_of(it, item->client, item->clock), .length = item->length, .ref = item->ref};
    if (item->place != 0) {
        const list_head *head = &it->heads[item->place - 1];
        out.has_sub = head->chain;
        out.has_origin = (item->flags & DX_ITEM_ORIGIN) != 0;
        out.has_right = (item->flags & DX_ITEM_RIGHT) != 0;
        if (out.has_origin) {
            out.origin = id_of(it, item->origin_client, item->origin_clock);
        }
        if (out.has_right) {
            out.right = id_of(it, item->right_client, item->right_clock);
        }
        if (!out.has_origin && !out.has_right) {
            set_parent(it, &it->skeleton.lists[item->place - 1], head, &out);
        }
    }
    if (!read_content(it, item, &out) || it->reader.error != DX_OK) {
        return DX_E_MALFORMED;
    }
    dx_text_writer_struct(&it->writer, &out, 0);
    return (item->flags & DX_ITEM_DELETED) == 0
               ? DX_OK
               : dx_id_set_add(&it->deletes, out.id.client, item->clock, item->length);
}

static int write_update(opening *it) {
    int error = DX_OK;
    dx_text_writer_begin(&it->writer, DX_TEXT_V2, &it->update);
    for (size_t i = 0; i < it->skeleton.client_count && error == DX_OK; i++) {
        const dx_text_skeleton_client *client = &it->skeleton.clients[i];
        dx_text_writer_section(&it->writer, client->id, 0);
        for (uint32_t k = 0; k < client->count && error == DX_OK; k++) {
            error = write_item(it, &it->skeleton.items[client->first + k]);
        }
    }
    error = error == DX_OK && dx_lib0_left(&it->reader) != 0 ? DX_E_MALFORMED : error;
    dx_id_set_settle(&it->deletes);
    int finished = dx_text_writer_finish(&it->writer, &it->deletes);
    return error == DX_OK ? finished : error;
}

static int make_update(opening *it) {
    if (!it->parts.own) {
        return dx_text_unpack(it->alloc, &it->parts.update, &it->update);
    }
    int error = dx_text_unpack(it->alloc, &it->parts.text, &it->text);
    error = error == DX_OK ? dx_text_unpack(it->alloc, &it->parts.contents, &it->contents) : error;
    it->reader = dx_lib0_reader_of(dx_buf_view(&it->contents));
    error = error == DX_OK ? read_skeleton(it) : error;
    error = error == DX_OK ? read_heads(it) : error;
    error = error == DX_OK ? place_text(it) : error;
    return error == DX_OK ? write_update(it) : error;
}

/* --- From beginning to end -------------------------------------------------------------------- */

static void init(opening *it, const dx_alloc *alloc) {
    *it = (opening){.alloc = alloc};
    dx_buf_init(&it->text, alloc, SIZE_MAX);
    dx_buf_init(&it->contents, alloc, SIZE_MAX);
    dx_buf_init(&it->update, alloc, SIZE_MAX);
    dx_text_skeleton_init(&it->skeleton, alloc);
    dx_id_set_init(&it->deletes, alloc);
    dx_text_writer_init(&it->writer, alloc);
}

static void deinit(opening *it) {
    dx_buf_deinit(&it->text);
    dx_buf_deinit(&it->contents);
    dx_buf_deinit(&it->update);
    dx_text_skeleton_deinit(&it->skeleton);
    dx_id_set_deinit(&it->deletes);
    dx_text_writer_deinit(&it->writer);
    dx_alloc_free(it->alloc, it->heads, it->head_room * sizeof *it->heads);
}

static bool is_told(int error) {
    return error == DX_OK || error == DX_E_NO_MEMORY || error == DX_E_LIMIT || error == DX_E_INVALID;
}

int dx_text_checkpoint_update(const dx_alloc *alloc, dx_bytes checkpoint, dx_buf *update) {
    opening it;
    if (alloc == NULL || update == NULL) {
        return DX_E_INVALID;
    }
    init(&it, alloc);
    int error = dx_text_checkpoint_parse(checkpoint, &it.parts);
    error = error == DX_OK ? make_update(&it) : error;
    if (error == DX_OK) {
        dx_buf_append(update, it.update.data, it.update.size);
        error = dx_buf_error(update);
    }
    deinit(&it);
    return is_told(error) ? error : DX_E_CORRUPT;
}

/* What shows must be what the checkpoint shows. */
static int check_shown(const opening *it, const dx_text_doc *doc) {
    dx_text_checkpoint_root root;
    dx_lib0_reader roots = dx_lib0_reader_of(it->parts.roots);
    size_t from = 0;
    int error = DX_OK;
    dx_buf shown;
    dx_buf_init(&shown, it->alloc, SIZE_MAX);
    while (error == DX_OK && dx_text_checkpoint_next_root(&roots, &root)) {
        dx_text_name name = dx_text_names_find(&doc->names, DX_TEXT_SCOPE_ROOT, root.name);
        dx_text_type type = name != 0 ? dx_text_names_value(&doc->names, name) : 0;
        dx_buf_clear(&shown);
        error = type == 0 ? DX_E_CORRUPT : dx_text_characters(doc, doc->types.rows[type].list, &shown);
        if (error == DX_OK &&
            !dx_bytes_equal(dx_buf_view(&shown), dx_bytes_of(it->text.data + from, (size_t)root.size))) {
            error = DX_E_CORRUPT;
        }
        from += (size_t)root.size;
    }
    dx_buf_deinit(&shown);
    return error;
}

int dx_text_open(const dx_alloc *alloc, const dx_text_options *options, dx_bytes checkpoint,
                 dx_text_doc **doc) {
    opening it;
    dx_text_doc *made = NULL;
    int error = doc == NULL ? DX_E_INVALID : dx_text_create(alloc, options, &made);
    if (error != DX_OK) {
        return error;
    }
    init(&it, &made->alloc);
    error = dx_text_checkpoint_parse(checkpoint, &it.parts);
    error = error == DX_OK ? make_update(&it) : error;
    error = error == DX_OK ? dx_text_apply(made, DX_TEXT_V2, dx_buf_view(&it.update)) : error;
    if (error == DX_OK && it.parts.own) {
        error = dx_text_pending(made) ? DX_E_CORRUPT : check_shown(&it, made);
    }
    deinit(&it);
    error = dx_text_doc_error(made, is_told(error) ? error : DX_E_CORRUPT);
    if (error == DX_OK) {
        *doc = made;
    } else {
        dx_text_destroy(made);
    }
    return error;
}
