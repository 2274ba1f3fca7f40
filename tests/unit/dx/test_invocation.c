/* tests/unit/dx/test_invocation.c: the command line as the table of verbs reads it. */
#include "failure.h"
#include "test.h"

static dx_parsed parse(dx_invocation *run, const char *line, char *message, char *remedy) {
    static char words[512], *list[32];
    const char *noun;
    int count = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *rest = words, *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        list[count++] = word;
    }
    return dx_invocation_parse(run, count, list, &noun, message, remedy);
}

static void expect(const char *line, dx_parsed wanted, const char *remedy_wanted) {
    char message[DX_USAGE_MESSAGE_MAX], remedy[DX_USAGE_MESSAGE_MAX];
    dx_invocation run;
    assert_int_equal(parse(&run, line, message, remedy), wanted);
    assert_string_equal(remedy, remedy_wanted);
    assert_int_equal(message[0] != 0, wanted == DX_PARSED_WRONG);
    dx_invocation_deinit(&run);
}

static void test_words(void **state) {
    (void)state;
    expect("", DX_PARSED_HELP, "");
    expect("space", DX_PARSED_HELP, "");
    expect("space list", DX_PARSED_VERB, "");
    expect("space ls --json", DX_PARSED_VERB, "");
    expect("--vault x space list", DX_PARSED_VERB, "");
    expect("spaec list", DX_PARSED_WRONG, "dx space");
    expect("completely-else", DX_PARSED_WRONG, "dx help");
    expect("space lsit", DX_PARSED_WRONG, "dx space list");
    expect("space members", DX_PARSED_WRONG, "dx help space members");
    expect("space list x", DX_PARSED_WRONG, "dx help space list");
    expect("object set s i a=1 b=2 c=3", DX_PARSED_VERB, "");
    expect("object set s i", DX_PARSED_WRONG, "dx help object set");
}

static void test_options(void **state) {
    (void)state;
    expect("space share s --role=reader --multi", DX_PARSED_VERB, "");
    expect("space share s --multi=yes", DX_PARSED_WRONG, "dx help space share");
    expect("space share s --role", DX_PARSED_WRONG, "dx help space share");
    expect("space share s --roel x", DX_PARSED_WRONG, "--role");
    expect("--role x space share s", DX_PARSED_WRONG, "dx help");
    expect("agent start -fq", DX_PARSED_VERB, "");
    expect("agent start -fz", DX_PARSED_WRONG, "dx help agent start");
    expect("import s f --link a --link b", DX_PARSED_VERB, "");
    expect("import s f --key a --key b", DX_PARSED_WRONG, "dx help import");
    expect("--timeout never status", DX_PARSED_WRONG, "dx help");
    expect("space lsit --help", DX_PARSED_WRONG, "dx space list");
    expect("--help space lsit", DX_PARSED_HELP, "");
}

static void test_what_was_given(void **state) {
    (void)state;
    char message[DX_USAGE_MESSAGE_MAX], remedy[DX_USAGE_MESSAGE_MAX];
    dx_invocation run;
    assert_int_equal(parse(&run, "--timeout 2m import s -- --file --type t", message, remedy),
                     DX_PARSED_WRONG);
    dx_invocation_deinit(&run);
    assert_int_equal(parse(&run, "--timeout 2m import s --type t -- --file", message, remedy),
                     DX_PARSED_VERB);
    assert_int_equal(run.timeout_ms, 120000);
    assert_string_equal(dx_invocation_argument(&run, 1), "--file");
    assert_null(dx_invocation_argument(&run, 2));
    assert_string_equal(dx_invocation_option(&run, "type"), "t");
    assert_false(dx_invocation_has(&run, "key"));
    dx_invocation_deinit(&run);
    /* However wrong a line is, that JSON is wanted is seen; behind -- it is a word. */
    assert_int_equal(parse(&run, "nonsense --json", message, remedy), DX_PARSED_WRONG);
    assert_true(run.output.json);
    dx_invocation_deinit(&run);
    assert_int_equal(parse(&run, "space create -- --json", message, remedy), DX_PARSED_VERB);
    assert_false(run.output.json);
    dx_invocation_deinit(&run);
}

static void test_durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t wanted_ms;
    } good[] = {{"0", 0},       {"1", 1000},     {"1.5", 1500},   {"250ms", 250},
                {"90s", 90000}, {"10m", 600000}, {"2h", 7200000}, {"7d", 604800000}};
    static const char *const bad[] = {"", "x", "-1", "1w", "1 s", "nan", "inf", "1e300", "s"};
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(dx_duration_parse(good[i].text, &ms), DX_OK);
        assert_int_equal(ms, good[i].wanted_ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dx_duration_parse(bad[i], &ms), DX_E_INVALID);
    }
}

static void test_distance(void **state) {
    (void)state;
    assert_int_equal(dx_word_distance("space", "space", 2), 0);
    assert_int_equal(dx_word_distance("spcae", "space", 2), 1);
    assert_int_equal(dx_word_distance("spce", "space", 2), 1);
    assert_int_equal(dx_word_distance("spaces", "space", 2), 1);
    assert_int_equal(dx_word_distance("link", "space", 2), 3);
    assert_int_equal(dx_word_distance("", "ab", 5), 2);
    assert_int_equal(dx_word_distance("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a", 2), 3);
}

/* Rules of the table that no compiler checks. */
static void test_table(void **state) {
    (void)state;
    const dx_verb *verb;
    for (size_t at = 0; (verb = dx_verb_at(at)) != NULL; at++) {
        assert_non_null(verb->run);
        assert_non_null(verb->sentence);
        assert_ptr_equal(dx_verb_find(verb->noun, verb->verb), verb);
        assert_true(verb->alias == NULL || dx_verb_find(verb->noun, verb->alias) == verb);
        assert_true(verb->hidden || verb->examples != NULL);
        size_t count = dx_verb_argument_count(verb);
        for (size_t i = 0; i < count; i++) {
            assert_true(!verb->arguments[i].repeated || i + 1 == count);
            assert_true(i == 0 || !verb->arguments[i - 1].optional || verb->arguments[i].optional);
        }
        for (size_t i = 0; i < dx_verb_option_count(verb); i++) {
            for (const dx_option *global = dx_global_options; global->name != NULL; global++) {
                assert_string_not_equal(verb->options[i].name, global->name);
                assert_true(verb->options[i].letter == 0 || verb->options[i].letter != global->letter);
            }
        }
    }
    for (const dx_noun *noun = dx_nouns; noun->name != NULL; noun++) {
        assert_true(dx_noun_exists(noun->name));
    }
}

static void test_exit_codes(void **state) {
    (void)state;
    static const struct {
        int error, code;
    } wanted[] = {{DX_OK, 0},
                  {DX_E_CORRUPT, 1},
                  {DX_E_STORE, 1},
                  {DX_E_NO_SPACE, 1},
                  {DX_E_INVALID, 2},
                  {DX_E_NOT_FOUND, 3},
                  {DX_E_NO_IDENTITY, 4},
                  {DX_E_DENIED, 5},
                  {DX_E_PIN, 5},
                  {DX_E_EXISTS, 6},
                  {DX_E_CONFLICT, 6},
                  {DX_E_BUSY, 6},
                  {DX_E_UNREACHABLE, 7},
                  {DX_E_NO_HOST, 7},
                  {DX_E_TIMEOUT, 8},
                  {DX_E_NO_AGENT, 9},
                  {DX_E_CANCELLED, 130},
                  {-9999, 1}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_int_equal(dx_exit_of(wanted[i].error), wanted[i].code);
    }
    assert_string_equal(dx_failure_name(DX_E_NO_AGENT), "E_NO_AGENT");
    assert_string_equal(dx_failure_name(DX_E_NOT_FOUND), "E_NOT_FOUND");
}

DX_TEST_MAIN(DX_TEST(test_words), DX_TEST(test_options), DX_TEST(test_what_was_given),
             DX_TEST(test_durations), DX_TEST(test_distance), DX_TEST(test_table), DX_TEST(test_exit_codes))
