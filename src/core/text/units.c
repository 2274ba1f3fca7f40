/* text/units.c: see units.h. */
#include "text/units.h"

dx_text_unit dx_text_unit_of(const dx_text_doc *doc, dx_text_type type) {
    uint8_t kind = doc->types.rows[type].kind;
    return kind == DX_TEXT_KIND_TEXT || kind == DX_TEXT_KIND_XML_TEXT ? doc->options.unit : DX_TEXT_UTF16;
}

enum {
    CONTINUATION_MASK = 0xc0,
    CONTINUATION = 0x80,
    TWO_BYTES = 0xc0,
    THREE_BYTES = 0xe0,
    FOUR_BYTES = 0xf0
};

/* Bytes of a character, by its first. */
static uint32_t size_of(uint8_t first) {
    return first < TWO_BYTES ? 1 : first < THREE_BYTES ? 2 : first < FOUR_BYTES ? 3 : 4;
}

/* Of the first `end` UTF-16 units. */
static uint64_t units_before(const dx_text_doc *doc, dx_text_ref ref, uint32_t end, dx_text_unit unit) {
    uint64_t units = 0;
    uint32_t passed = 0;
    dx_bytes run;
    for (size_t at = 0; (run = dx_text_item_run(doc->sequence, ref, at)).size > 0; at += run.size) {
        for (size_t i = 0; i < run.size; i++) {
            if ((run.data[i] & CONTINUATION_MASK) == CONTINUATION) {
                continue; /* of a character that was counted */
            }
            uint32_t size = size_of(run.data[i]);
            passed += size == 4 ? 2 : 1;
            if (passed > end) {
                return units;
            }
            units += unit == DX_TEXT_UTF8 ? size : 1;
        }
    }
    return units;
}

uint64_t dx_text_item_units(const dx_text_doc *doc, dx_text_ref ref, uint32_t from, uint32_t to,
                            dx_text_unit unit) {
    if (unit == DX_TEXT_UTF16 || dx_text_item_at(doc->sequence, ref)->ref != DX_TEXT_STRING) {
        return to - from;
    }
    return units_before(doc, ref, to, unit) - (from == 0 ? 0 : units_before(doc, ref, from, unit));
}
