/* text/range_coder.c: see range_coder.h. */
#include "text/range_coder.h"

enum { EVEN = 1 << 15, QUICK = 4, SLOW = 7, LEAST = 1 << 5, CODE_SIZE = 4, TOP_SHIFT = 24, BYTE = 0xff };

void dx_range_model_init(void *model, size_t size) {
    dx_range_bit *bits = model;
    for (size_t i = 0; i < size / sizeof *bits; i++) {
        bits[i] = (dx_range_bit){.quick = EVEN, .slow = EVEN};
    }
}

static uint32_t next_byte(dx_range_coder *coder) {
    if (coder->at == coder->end) {
        coder->over = true;
        return 0;
    }
    return *coder->at++;
}

void dx_range_write(dx_range_coder *coder, dx_buf *out) {
    *coder = (dx_range_coder){.high = UINT32_MAX, .out = out};
}

void dx_range_read(dx_range_coder *coder, dx_bytes in) {
    *coder = (dx_range_coder){
        .high = UINT32_MAX, .at = in.data, .end = in.size == 0 ? in.data : in.data + in.size};
    for (int i = 0; i < CODE_SIZE; i++) {
        coder->code = coder->code << 8 | next_byte(coder);
    }
}

void dx_range_finish(dx_range_coder *coder) {
    for (int i = 0; i < CODE_SIZE && coder->out != NULL; i++) {
        dx_buf_append_byte(coder->out, (uint8_t)(coder->low >> TOP_SHIFT));
        coder->low <<= 8;
    }
}

/* Zero is what lies up to `middle`. */
static inline unsigned settle(dx_range_coder *coder, uint32_t middle, unsigned bit) {
    if (coder->out == NULL) {
        bit = coder->code > middle;
    }
    if (bit != 0) {
        coder->low = middle + 1;
    } else {
        coder->high = middle;
    }
    while ((coder->low ^ coder->high) >> TOP_SHIFT == 0) {
        if (coder->out != NULL) {
            dx_buf_append_byte(coder->out, (uint8_t)(coder->high >> TOP_SHIFT));
        } else {
            coder->code = coder->code << 8 | next_byte(coder);
        }
        coder->low <<= 8;
        coder->high = coder->high << 8 | BYTE;
    }
    return bit;
}

unsigned dx_range_code(dx_range_coder *coder, dx_range_bit *model, unsigned bit) {
    uint32_t zero = ((uint32_t)model->quick + model->slow) >> 1;
    zero = zero < LEAST ? LEAST : zero > UINT16_MAX - LEAST ? UINT16_MAX - LEAST : zero;
    uint64_t share = (uint64_t)(coder->high - coder->low) * zero >> 16;
    bit = settle(coder, coder->low + (uint32_t)share, bit);
    if (bit != 0) {
        model->quick = (uint16_t)(model->quick - (model->quick >> QUICK));
        model->slow = (uint16_t)(model->slow - (model->slow >> SLOW));
    } else {
        model->quick = (uint16_t)(model->quick + ((UINT16_MAX - model->quick) >> QUICK));
        model->slow = (uint16_t)(model->slow + ((UINT16_MAX - model->slow) >> SLOW));
    }
    return bit;
}

unsigned dx_range_code_symbol(dx_range_coder *coder, dx_range_bit *model, unsigned bits, unsigned value) {
    unsigned node = 1;
    for (unsigned i = bits; i-- > 0;) {
        node = node << 1 | dx_range_code(coder, &model[node], value >> i & 1);
    }
    return node - (1u << bits);
}

uint64_t dx_range_code_plain(dx_range_coder *coder, unsigned bits, uint64_t value) {
    uint64_t read = 0;
    for (unsigned i = bits; i-- > 0;) {
        uint32_t middle = coder->low + ((coder->high - coder->low) >> 1);
        read = read << 1 | settle(coder, middle, (unsigned)(value >> i & 1));
    }
    return read;
}

uint32_t dx_range_code_number(dx_range_coder *coder, dx_range_number *model, uint32_t value) {
    enum { CLASS_BITS = 5, LEAD_BITS = 2 };
    uint64_t more = (uint64_t)value + 1; /* at least one: its highest bit is the class */
    unsigned class = 0;
    while (more >> class > 1) {
        class ++;
    }
    class = dx_range_code_symbol(coder, model->classes, CLASS_BITS, class & (DX_RANGE_CLASSES - 1));
    unsigned leads = class < LEAD_BITS ? class : LEAD_BITS, rest = class - leads;
    uint64_t read = UINT64_C(1) << leads;
    read |= dx_range_code_symbol(coder, model->leads[class], leads,
                                 (unsigned)(more >> rest) & ((1u << leads) - 1));
    read = read << rest | dx_range_code_plain(coder, rest, more & ((UINT64_C(1) << rest) - 1));
    return (uint32_t)(read - 1);
}
