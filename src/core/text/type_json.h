/* text/type_json.h: shared types as JSON and as markup, and the runs of a text.
 *
 * Layer: floor 1, text, private to the engine. Types nest; deeper than DX_TEXT_NESTING_MAX is DX_E_LIMIT. What is appended before an error
 * is the caller's to take back. */
#ifndef DX_TEXT_TYPE_JSON_H
#define DX_TEXT_TYPE_JSON_H

#include "text/attributes.h"
#include "text/document.h"

/* The characters of a string item, and of all live ones of a list, WTF-8. */
void dx_text_append_string(const dx_text_doc *doc, dx_text_ref ref, dx_buf *wtf8);
int dx_text_characters(const dx_text_doc *doc, dx_text_list list, dx_buf *wtf8);
/* A length and the bytes, as lib0 writes strings, but of WTF-8. */
void dx_text_append_key(dx_bytes key, dx_buf *any);

/* Attributes as an object, in lib0's form. */
void dx_text_append_object(const dx_text_doc *doc, const dx_text_attributes *attributes, dx_buf *any);

/* What of a text has one formatting: characters, or an item that is embedded. */
typedef struct dx_text_run {
    dx_bytes text;
    dx_text_ref ref; /* EMBED, TYPE; 0: characters */
    dx_text_attributes attributes;
} dx_text_run;
typedef int dx_text_run_visit(void *ctx, const dx_text_doc *doc, const dx_text_run *run);
int dx_text_walk_runs(const dx_text_doc *doc, dx_text_list list, dx_text_run_visit *visit, void *ctx);

/* The values of a live item that is no string and no marker, as JSON with commas between them. tagged: a shared type says which it is, an
 * object with "@type" and "value". */
int dx_text_item_json(const dx_text_doc *doc, dx_text_ref ref, size_t depth, bool tagged, dx_buf *json);
/* toString of an XML type. */
int dx_text_markup(const dx_text_doc *doc, dx_text_type type, size_t depth, dx_buf *wtf8);
/* The last value of a live item, of lib0's form (size 0: a type, bytes, a subdocument). */
dx_bytes dx_text_last_value(const dx_text_doc *doc, dx_text_ref ref);

#endif
