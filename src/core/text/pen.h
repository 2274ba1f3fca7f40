/* text/pen.h: a place in a text between two items, and the formatting in force there: where edits begin and how they go on.
 *
 * Layer: floor 1, text, private to the engine. Markers are written, stepped over and deleted exactly where Yjs does it, which decides what
 * others see of concurrent edits, and the bytes. What moves the pen or writes with it cannot fail: it is called between
 * dx_text_edit_begin and _end, with what aim and prepare took before (docs/spec/text.md, Formatting). */
#ifndef DX_TEXT_PEN_H
#define DX_TEXT_PEN_H

#include "text/attributes.h"
#include "text/edit.h"

typedef struct dx_text_pen {
    dx_text_doc *doc;
    dx_text_list list;
    dx_text_ref left, right; /* 0: none */
    uint32_t offset; /* until it lands: the place is within `left`, so many units from its beginning */
    bool unordered;  /* the order of what is in force decides nothing in this edit: aim finds it faster */
    dx_text_attributes current;  /* in force at the place; no nulls */
    dx_text_attributes wanted;   /* of what is written; null ends a key */
    dx_text_attributes restored; /* to be in force again behind it */
} dx_text_pen;

/* A place in a list as an index says it. */
typedef struct dx_text_spot {
    dx_text_ref ref; /* 0: the end */
    uint32_t offset;
} dx_text_spot;

/* The list of a type that is one of `kinds` (bits by their numbers) and alive: else DX_E_INVALID, DX_E_NOT_FOUND. */
int dx_text_editable(const dx_text_doc *doc, dx_text_type type, uint32_t kinds, dx_text_list *list);
enum {
    DX_TEXT_KINDS_TEXT = 1 << DX_TEXT_KIND_TEXT | 1 << DX_TEXT_KIND_XML_TEXT,
    DX_TEXT_KINDS_XML = 1 << DX_TEXT_KIND_XML_ELEMENT | 1 << DX_TEXT_KIND_XML_FRAGMENT
};

/* Whether a marker was ever in it. */
bool dx_text_is_formatted(const dx_text_doc *doc, dx_text_list list);
/* Whether a type of that kind can be made, with a node name (elements and hooks have one, nobody else); its number: 0 without. */
int dx_text_kind_named(dx_text_doc *doc, dx_text_kind kind, const char *node, dx_text_name *name);

/* Appends the value that JSON says, as the wire has it: half of a pair of surrogates is U+FFFD. DX_E_INVALID (also for NULL), DX_E_LIMIT. */
int dx_text_given(dx_text_doc *doc, const char *json, dx_buf *any);

/* index in the document's unit; one inside of a code point is moved to its end (up) or beginning. Beyond the end: DX_E_INVALID. */
int dx_text_spot_at(const dx_text_doc *doc, dx_text_list list, uint64_t index, bool up, dx_text_spot *spot);
/* UTF-16 units before it. */
uint64_t dx_text_spot_index(const dx_text_doc *doc, dx_text_list list, dx_text_spot spot);

void dx_text_pen_init(dx_text_pen *pen, dx_text_doc *doc, dx_text_list list);
void dx_text_pen_deinit(dx_text_pen *pen);
/* Aims at a spot: right behind the live unit before it. Takes what formatting is in force there. */
int dx_text_pen_aim(dx_text_pen *pen, dx_text_spot spot);
/* Makes the seam it aimed at (need: one split). */
void dx_text_pen_land(dx_text_pen *pen);

/* Appends the members of a JSON object, as values of lib0's form, to attributes: in their order. DX_E_INVALID: not an object. */
int dx_text_attributes_read(dx_text_doc *doc, dx_bytes any, dx_text_attributes *attributes);
/* The row that ends a key. */
int dx_text_attribute_null(dx_text_doc *doc, dx_text_name key, dx_text_attribute *row);
/* What is in force before `end` (0: at the end of the list). */
int dx_text_attributes_before(const dx_text_doc *doc, dx_text_list list, dx_text_ref end,
                              dx_text_attributes *attributes);
/* What a marker says. */
dx_text_attribute dx_text_attribute_of(const dx_text_doc *doc, dx_text_ref marker);

bool dx_text_is_marker(const dx_text_doc *doc, dx_text_ref ref); /* a live one */
bool dx_text_is_deleted(const dx_text_doc *doc, dx_text_ref ref);
/* Steps over the item at the right. */
void dx_text_pen_forward(dx_text_pen *pen);
/* Steps over what is deleted and over markers that say what is wanted anyway. */
void dx_text_pen_skip(dx_text_pen *pen);
/* Writes the markers that make `wanted` of `current`, and notes in `restored` what they end. */
void dx_text_pen_start(dx_text_pen *pen);
/* Writes the markers that bring back `restored`. */
void dx_text_pen_finish(dx_text_pen *pen);

/* What a piece of writing needs beside its content: markers before and after, rows of the lists. wanted holds what was asked for; it
 * gets what it ends. take_over: everything in force is wanted as it is, for nothing was asked for. */
int dx_text_pen_prepare(dx_text_pen *pen, bool take_over, dx_text_need *need);

/* --- The three edits, on a pen that landed and was prepared ------------------------------------------------------ */

/* What is inserted. */
typedef struct dx_text_insertion {
    uint8_t ref;       /* DX_TEXT_STRING, DX_TEXT_EMBED, DX_TEXT_TYPE */
    dx_bytes content;  /* characters; one value */
    uint32_t units;    /* of a string */
    dx_text_kind kind; /* of a type */
    dx_text_name name;
    dx_text_type made; /* the type */
} dx_text_insertion;

void dx_text_pen_insert(dx_text_pen *pen, dx_text_insertion *what);
void dx_text_pen_format(dx_text_pen *pen, uint64_t units);
/* restored and wanted are used for its own ends. */
void dx_text_pen_delete(dx_text_pen *pen, uint64_t units);

/* What Yjs's deletion takes out of a text; other values that stand in one are stepped over. */
static inline bool dx_text_is_content(const dx_text_item *item) {
    return item->ref == DX_TEXT_STRING || item->ref == DX_TEXT_EMBED || item->ref == DX_TEXT_TYPE;
}

/* What formatting or deleting so many units from the pen's place may need (aimed, not landed), beyond what prepare says. ends: keys met may
 * have to be ended. */
int dx_text_pen_survey(dx_text_pen *pen, uint64_t units, bool ends, dx_text_need *need);

#endif
