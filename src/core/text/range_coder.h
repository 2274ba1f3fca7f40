/* text/range_coder.h: bits by their probability, which follows what was coded before.
 *
 * Layer: floor 1, text, private to the engine. A binary range coder of 32 bits without carry: a bit takes its share of what is left
 * between two bounds, and the leading bytes in which both agree are written. Integers only: every machine writes the same bytes.
 * One coder writes or reads; a model of what is coded calls the same functions for both and passes values through, so that both sides
 * cannot differ: writing, they return what they are given; reading, what stands there.
 * Reading beyond the end gives zeros and sets `over`, once more than the last byte was needed. */
#ifndef DX_TEXT_RANGE_CODER_H
#define DX_TEXT_RANGE_CODER_H

#include <dxos/base.h>

/* How probable a zero is, of 2^16: followed quickly and slowly, the mean counts. */
typedef struct dx_range_bit {
    uint16_t quick, slow;
} dx_range_bit;

enum { DX_RANGE_CLASS_BITS = 4, DX_RANGE_CLASSES = 32, DX_RANGE_LEADS = 4 };

/* Numbers below 2^32 - 1: whether it is 0, else how many bits, and the two below the highest, by probability; the others as they are. */
typedef struct dx_range_number {
    dx_range_bit some;
    dx_range_bit classes[1 << DX_RANGE_CLASS_BITS], more_classes[1 << DX_RANGE_CLASS_BITS];
    dx_range_bit leads[DX_RANGE_CLASSES][DX_RANGE_LEADS];
} dx_range_number;

typedef struct dx_range_coder {
    uint32_t low, high, code;
    const uint8_t *at, *end; /* reading */
    dx_buf *out;             /* writing; NULL: it reads */
    bool over;
} dx_range_coder;

/* For models: arrays of dx_range_bit, dx_range_number or structs of them; size in bytes. */
void dx_range_model_init(void *model, size_t size);

void dx_range_write(dx_range_coder *coder, dx_buf *out);
void dx_range_read(dx_range_coder *coder, dx_bytes in);
/* After the last bit. The buffer's error is for whoever has it. */
void dx_range_finish(dx_range_coder *coder);

unsigned dx_range_code(dx_range_coder *coder, dx_range_bit *model, unsigned bit);
/* value < 2^bits; model: 2^bits of them. */
unsigned dx_range_code_symbol(dx_range_coder *coder, dx_range_bit *model, unsigned bits, unsigned value);
uint32_t dx_range_code_number(dx_range_coder *coder, dx_range_number *model, uint32_t value);
/* As many bits as are said, each as probable as not. */
uint64_t dx_range_code_plain(dx_range_coder *coder, unsigned bits, uint64_t value);

#endif
