/* fuzz_command_line.c: words as a shell gives them, and a name as another person chose it. Checks: the words are a
 * verb that is complete, a wish for help, or wrong with a reason that fits its room; a length of time is not negative;
 * what a terminal is given holds no control character and is not wider than allowed. */
#include <dxos/codec.h>
#include <locale.h>

#include "fuzz.h"
#include "invocation.h"
#include "terminal.h"

enum { WORDS_MAX = 40 };

static void check_words(char *text, size_t size) {
    char *words[WORDS_MAX];
    char message[DX_USAGE_MESSAGE_MAX], remedy[DX_USAGE_MESSAGE_MAX];
    const char *noun = NULL;
    int count = 0;
    for (size_t at = 0; at < size && count < WORDS_MAX; at += strlen(text + at) + 1) {
        words[count++] = text + at;
    }
    dx_invocation run;
    memset(message, 0x7f, sizeof message);
    dx_parsed parsed = dx_invocation_parse(&run, count, words, &noun, message, remedy);
    FUZZ_CHECK(parsed != DX_PARSED_VERB || run.verb != NULL);
    FUZZ_CHECK(parsed != DX_PARSED_WRONG || (memchr(message, 0, sizeof message) != NULL && message[0] != 0 &&
                                             memchr(remedy, 0, sizeof remedy) != NULL));
    for (size_t i = 0; parsed == DX_PARSED_VERB && i < run.argument_count; i++) {
        FUZZ_CHECK(dx_invocation_argument(&run, i) != NULL);
    }
    dx_invocation_deinit(&run);
}

static void check_shown(dx_bytes text, size_t columns) {
    dx_buf shown;
    dx_buf_init(&shown, &fuzz_alloc, 8 * text.size + 64);
    FUZZ_CHECK(dx_terminal_text(text, columns, &shown) <= columns);
    for (size_t i = 0; i < shown.size; i++) {
        FUZZ_CHECK(shown.data[i] >= 0x20 && shown.data[i] != 0x7f);
    }
    dx_buf_deinit(&shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL && setlocale(LC_CTYPE, "C.UTF-8") != NULL);
    memcpy(text, size > 0 ? (const char *)data : "", size);
    text[size] = 0;
    int64_t milliseconds = 0;
    FUZZ_CHECK(dx_duration_parse(text, &milliseconds) != DX_OK || milliseconds >= 0);
    check_words(text, size);
    check_shown(dx_bytes_of(data, size), size > 0 ? data[0] : 0);
    check_shown(dx_bytes_of(data, size), SIZE_MAX);
    free(text);
    return 0;
}
