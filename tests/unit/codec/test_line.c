/* tests/unit/codec/test_line.c: which texts stay within one line of ours: both sides of the edge of every range. */
#include "test.h"

#include "codec/line.h"

static bool holds(const char *text) {
    return dx_line_check(dx_bytes_text(text));
}

/* A code point between two letters. */
static bool holds_point(uint32_t point) {
    uint8_t text[6] = {'a'};
    size_t size = 1;
    if (point < 0x80) {
        text[size++] = (uint8_t)point;
    } else if (point < 0x800) {
        text[size++] = (uint8_t)(0xc0 | point >> 6);
        text[size++] = (uint8_t)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        text[size++] = (uint8_t)(0xe0 | point >> 12);
        text[size++] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        text[size++] = (uint8_t)(0x80 | (point & 0x3f));
    } else {
        text[size++] = (uint8_t)(0xf0 | point >> 18);
        text[size++] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        text[size++] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        text[size++] = (uint8_t)(0x80 | (point & 0x3f));
    }
    text[size++] = 'b';
    return dx_line_check(dx_bytes_of(text, size));
}

static void test_words(void **state) {
    (void)state;
    static const char *const good[] = {
        "",
        "Todo",
        "a b",
        "L\303\266we",
        "\327\242\327\221\327\250",
        "\346\227\245\346\234\254",
        "\360\237\221\251\342\200\215\360\237\221\247", /* a woman, a joiner, a girl */
        "\342\235\244\357\270\217"};                    /* a heart, in colour */
    static const char *const bad[] = {"two\nlines",
                                      "\t",
                                      "\033[2J",
                                      "a\302\205b",
                                      "\342\200\256gnp.exe",
                                      "\342\200\217",
                                      "\342\201\246a\342\201\251",
                                      "\357\273\277a",
                                      "\342\200\213",
                                      "\360\240\201\201\363\240\201\201",
                                      "\377",
                                      "\303",
                                      "\355\240\200"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(holds(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(holds(bad[i]));
    }
}

static void test_edges(void **state) {
    (void)state;
    static const uint32_t ranges[][2] = {
        {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x061c, 0x061c},
        {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x200b, 0x200b},   {0x200e, 0x200f},
        {0x2028, 0x202e}, {0x2060, 0x206f}, {0x2800, 0x2800},   {0x3164, 0x3164},   {0xfeff, 0xfeff},
        {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        for (uint32_t point = ranges[i][0]; point <= ranges[i][1]; point++) {
            assert_false(holds_point(point));
        }
        assert_true(ranges[i][0] == 0 || holds_point(ranges[i][0] - 1));
        assert_true(holds_point(ranges[i][1] + 1));
    }
    assert_true(holds_point(0x200c));
    assert_true(holds_point(0x200d));
    assert_true(holds_point(0xfe0f));
    assert_true(holds_point(0x10ffff));
}

DX_TEST_MAIN(DX_TEST(test_words), DX_TEST(test_edges))
