/* text/range_coder.c: see range_coder.h. */
#include "text/range_coder.h"

enum { EVEN = 1 << 15, QUICK = 4, SLOW = 7, LEAST = 1 << 5, CODE_SIZE = 4, TOP_SHIFT = 24, BYTE = 0xff };
enum { PLAIN_BITS = 8, SHARE_MIN = 64 };

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

/* Out go the bytes that are the same for all that is left. */
static inline void normalize(dx_range_coder *coder) {
    while ((coder->low ^ coder->high) >> TOP_SHIFT == 0) {
        if (coder->out != NULL) {
            dx_buf_append_byte(coder->out, (uint8_t)(coder->high >> TOP_SHIFT));
        } else {
            coder->code = coder->code << 8 | next_byte(coder);
        }
        coder->low <<= 8;
        coder->high = coder->high << 8 | BYTE;
    }
}

/* Zero is what lies up to `middle`. */
static inline unsigned settle(dx_range_coder *coder, uint32_t middle, unsigned bit) {
    if (coder->out == NULL ? coder->code > middle : bit != 0) {
        coder->low = middle + 1;
        bit = 1;
    } else {
        coder->high = middle;
        bit = 0;
    }
    normalize(coder);
    return bit;
}

static inline unsigned code(dx_range_coder *coder, dx_range_bit *model, unsigned bit) {
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

static inline unsigned code_symbol(dx_range_coder *coder, dx_range_bit *model, unsigned bits,
                                   unsigned value) {
    unsigned node = 1;
    for (unsigned i = bits; i-- > 0;) {
        node = node << 1 | code(coder, &model[node], value >> i & 1);
    }
    return node - (1u << bits);
}

unsigned dx_range_code(dx_range_coder *coder, dx_range_bit *model, unsigned bit) {
    return code(coder, model, bit);
}

unsigned dx_range_code_symbol(dx_range_coder *coder, dx_range_bit *model, unsigned bits, unsigned value) {
    return code_symbol(coder, model, bits, value);
}

/* As many equal shares; what division leaves belongs to the last. Where that would be unfair, bit by bit. */
static uint32_t code_shares(dx_range_coder *coder, unsigned bits, uint32_t value) {
    uint32_t share = (coder->high - coder->low) >> bits, last = (1u << bits) - 1;
    if (share < SHARE_MIN) {
        uint32_t read = 0;
        for (unsigned i = bits; i-- > 0;) {
            uint32_t middle = coder->low + ((coder->high - coder->low) >> 1);
            read = read << 1 | settle(coder, middle, value >> i & 1);
        }
        return read;
    }
    if (coder->out == NULL) {
        value = (coder->code - coder->low) / share;
        value = value < last ? value : last;
    }
    coder->low += value * share;
    coder->high = value == last ? coder->high : coder->low + (share - 1);
    normalize(coder);
    return value;
}

uint64_t dx_range_code_plain(dx_range_coder *coder, unsigned bits, uint64_t value) {
    uint64_t read = 0;
    while (bits != 0) {
        unsigned taken = bits < PLAIN_BITS ? bits : PLAIN_BITS;
        bits -= taken;
        read = read << taken | code_shares(coder, taken, (uint32_t)(value >> bits) & ((1u << taken) - 1));
    }
    return read;
}

/* How many bits a number above 0 takes less one, from 1: four bits say up to 15, the last of them that four more follow. */
static unsigned code_class(dx_range_coder *coder, dx_range_number *model, unsigned class) {
    enum { MORE = (1 << DX_RANGE_CLASS_BITS) - 1 };
    unsigned first = class > MORE ? MORE : class - 1;
    first = code_symbol(coder, model->classes, DX_RANGE_CLASS_BITS, first);
    return first != MORE
               ? first + 1
               : MORE + 1 + code_symbol(coder, model->more_classes, DX_RANGE_CLASS_BITS, class - MORE - 1);
}

uint32_t dx_range_code_number(dx_range_coder *coder, dx_range_number *model, uint32_t value) {
    enum { LEAD_BITS = 2 };
    if (code(coder, &model->some, value != 0) == 0) {
        return 0;
    }
    uint64_t more = (uint64_t)value + 1; /* at least two: its highest bit is the class */
    unsigned class = 1;
    while (coder->out != NULL && more >> class > 1) {
        class ++;
    }
    class = code_class(coder, model, class);
    unsigned leads = class < LEAD_BITS ? class : LEAD_BITS, rest = class - leads;
    uint64_t read = UINT64_C(1) << leads;
    read |= code_symbol(coder, model->leads[class], leads, (unsigned)(more >> rest) & ((1u << leads) - 1));
    if (rest != 0) {
        read = read << rest | dx_range_code_plain(coder, rest, more & ((UINT64_C(1) << rest) - 1));
    }
    return (uint32_t)(read - 1);
}
