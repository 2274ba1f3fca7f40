/* tests/unit/codec/test_timestamp.c: the calendar against the C library's, and what is no time. */
#include "test.h"

#include "codec/timestamp.h"
#include <inttypes.h>
#include <time.h>

static void assert_both(int64_t micros, const char *text) {
    char found[DX_TIMESTAMP_TEXT_MAX + 1];
    int64_t back = 0;
    found[dx_timestamp_print(micros, found)] = '\0';
    assert_string_equal(found, text);
    assert_int_equal(dx_timestamp_parse(dx_bytes_text(text), &back), DX_OK);
    assert_true(back == micros);
}

static void test_known_times(void **state) {
    (void)state;
    assert_both(0, "1970-01-01T00:00:00Z");
    assert_both(-1, "1969-12-31T23:59:59.999999Z");
    assert_both(1000, "1970-01-01T00:00:00.001Z");
    assert_both(1, "1970-01-01T00:00:00.000001Z");
    assert_both(INT64_C(951782400000000), "2000-02-29T00:00:00Z");
    assert_both(INT64_C(-62167219200000000), "0000-01-01T00:00:00Z");
    assert_both(INT64_C(-62162035200000001), "0000-02-29T23:59:59.999999Z");
    assert_both(INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z");
}

/* One instant in three days over all four-digit years, at an hour that changes. */
static void test_every_third_day(void **state) {
    (void)state;
    int64_t seconds = INT64_C(-62167219200);
    for (int i = 0; seconds < INT64_C(253402300800); i++, seconds += 3 * 86400 + (i % 5 - 2) * 3607) {
        char found[DX_TIMESTAMP_TEXT_MAX + 1], wanted[64];
        struct tm parts;
        time_t instant = (time_t)seconds;
        int64_t back = 0;
        assert_non_null(gmtime_r(&instant, &parts));
        snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900,
                 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
        found[dx_timestamp_print(seconds * 1000000, found)] = '\0';
        assert_string_equal(found, wanted);
        assert_int_equal(dx_timestamp_parse(dx_bytes_text(wanted), &back), DX_OK);
        assert_true(back == seconds * 1000000);
    }
}

static void test_years_without_four_digits(void **state) {
    (void)state;
    char out[DX_TIMESTAMP_TEXT_MAX];
    assert_int_equal(dx_timestamp_print(INT64_MAX, out), 0);
    assert_int_equal(dx_timestamp_print(INT64_MIN, out), 0);
    assert_int_equal(dx_timestamp_print(INT64_C(253402300800000000), out), 0);
    assert_int_equal(dx_timestamp_print(INT64_C(-62167219200000001), out), 0);
}

static void test_canonical(void **state) {
    (void)state;
    static const char *const other[] = {"",
                                        "1970-01-01T00:00:00+00:00",
                                        "1970-01-01T00:00:00.0Z",
                                        "1970-01-01T00:00:00.000Z",
                                        "1970-01-01T00:00:00.5Z",
                                        "1970-01-01T00:00:00.500000Z",
                                        "1970-01-01T00:00:00Z ",
                                        "9999-12-31T23:59:59-00:01"};
    static const char *const same[] = {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.500Z",
                                       "1970-01-01T00:00:00.500001Z"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        assert_false(dx_timestamp_is_canonical(dx_bytes_text(other[i])));
    }
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_true(dx_timestamp_is_canonical(dx_bytes_text(same[i])));
    }
}

static void test_offsets_and_decimals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t micros;
    } rows[] = {
        {"1970-01-01T01:00:00+01:00", 0},        {"1969-12-31T18:30:00-05:30", 0},
        {"1970-01-01T00:00:00+00:00", 0},        {"1970-01-01T00:00:00.5Z", 500000},
        {"1970-01-01T00:00:00.000001-00:00", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t micros = -7;
        assert_int_equal(dx_timestamp_parse(dx_bytes_text(rows[i].text), &micros), DX_OK);
        assert_true(micros == rows[i].micros);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "1970",
                                        "1970-01-01",
                                        "1970-01-01T00:00:00",
                                        "1970-01-01 00:00:00Z",
                                        "1970-01-01t00:00:00z",
                                        "70-01-01T00:00:00Z",
                                        "1970-00-01T00:00:00Z",
                                        "1970-13-01T00:00:00Z",
                                        "1970-01-00T00:00:00Z",
                                        "1970-01-32T00:00:00Z",
                                        "1970-04-31T00:00:00Z",
                                        "2023-02-29T00:00:00Z",
                                        "1900-02-29T00:00:00Z",
                                        "1970-01-01T24:00:00Z",
                                        "1970-01-01T00:60:00Z",
                                        "1970-01-01T00:00:60Z",
                                        "1970-01-01T00:00:00.Z",
                                        "1970-01-01T00:00:00.1234567Z",
                                        "1970-01-01T00:00:00ZZ",
                                        "1970-01-01T00:00:00+24:00",
                                        "1970-01-01T00:00:00+00:60",
                                        "1970-01-01T00:00:00+0000",
                                        "1970-01-01T00:00:00+00",
                                        "-970-01-01T00:00:00Z",
                                        "1970-1-01T00:00:00Z"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t micros;
        assert_int_equal(dx_timestamp_parse(dx_bytes_text(texts[i]), &micros), DX_E_INVALID);
    }
}

DX_TEST_MAIN(DX_TEST(test_known_times), DX_TEST(test_every_third_day),
             DX_TEST(test_years_without_four_digits), DX_TEST(test_offsets_and_decimals),
             DX_TEST(test_canonical), DX_TEST(test_refused))
