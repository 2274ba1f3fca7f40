/* dx/invocation.c: from argv to an invocation. See invocation.h.
 *
 * Options may stand anywhere; what an option takes is known from the table once its verb is. */
#include "invocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct dx_parser {
    dx_invocation *run;
    char **words;
    int count, at;
    const char *noun;
    bool options_ended;
    char *message, *remedy;
} dx_parser;

static dx_parsed wrong(dx_parser *parser, const char *remedy, const char *what, const char *word) {
    snprintf(parser->message, DX_USAGE_MESSAGE_MAX, what, word);
    snprintf(parser->remedy, DX_USAGE_MESSAGE_MAX, "%s", remedy);
    return DX_PARSED_WRONG;
}

static dx_parsed wrong_here(dx_parser *parser, const char *what, const char *word) {
    char remedy[DX_USAGE_MESSAGE_MAX] = "dx help", title[64];
    if (parser->run->verb != NULL) {
        snprintf(remedy, sizeof remedy, "dx help %s", dx_verb_title(parser->run->verb, title, sizeof title));
    } else if (parser->noun != NULL) {
        snprintf(remedy, sizeof remedy, "dx help %s", parser->noun);
    }
    return wrong(parser, remedy, what, word);
}

/* --- Options ---------------------------------------------------------------------------------------------
 */

static const dx_option *find_option(const dx_option *options, size_t count, const char *name, size_t size,
                                    char letter) {
    for (size_t i = 0; i < count && options[i].name != NULL; i++) {
        bool long_form =
            name != NULL && strlen(options[i].name) == size && memcmp(options[i].name, name, size) == 0;
        if (long_form || (letter != 0 && options[i].letter == letter)) {
            return &options[i];
        }
    }
    return NULL;
}

static const dx_option *known_option(const dx_parser *parser, const char *name, size_t size, char letter) {
    const dx_verb *verb = parser->run->verb;
    const dx_option *option =
        verb == NULL ? NULL : find_option(verb->options, DX_VERB_OPTIONS_MAX, name, size, letter);
    return option != NULL ? option : find_option(dx_global_options, SIZE_MAX, name, size, letter);
}

static const char *guess_option(const dx_parser *parser, const char *name) {
    const dx_verb *verb = parser->run->verb;
    const dx_option *lists[2] = {verb == NULL ? NULL : verb->options, dx_global_options};
    size_t ends[2] = {DX_VERB_OPTIONS_MAX, SIZE_MAX};
    for (size_t list = 0; list < 2; list++) {
        for (size_t i = 0; lists[list] != NULL && i < ends[list] && lists[list][i].name != NULL; i++) {
            if (dx_word_distance(name, lists[list][i].name, 2) <= 2) {
                return lists[list][i].name;
            }
        }
    }
    return NULL;
}

static dx_parsed take_global(dx_parser *parser, const dx_option *option, const char *value) {
    dx_invocation *run = parser->run;
    const char *name = option->name;
    if (strcmp(name, "vault") == 0) {
        run->vault = value;
    } else if (strcmp(name, "profile") == 0) {
        run->profile = value;
    } else if (strcmp(name, "json") == 0) {
        run->output.json = true;
    } else if (strcmp(name, "quiet") == 0) {
        run->output.quiet = true;
    } else if (strcmp(name, "no-input") == 0) {
        run->no_input = true;
    } else if (strcmp(name, "trace") == 0) {
        run->trace = true;
    } else if (strcmp(name, "help") == 0) {
        run->help = true;
    } else if (dx_duration_parse(value, &run->timeout_ms) != DX_OK) {
        return wrong_here(parser, "--timeout takes seconds, or a time such as 500ms, 2m; not \"%s\"", value);
    }
    return DX_PARSED_VERB;
}

static bool is_global(const dx_option *option) {
    for (const dx_option *global = dx_global_options; global->name != NULL; global++) {
        if (global == option) {
            return true;
        }
    }
    return false;
}

static dx_parsed take_option(dx_parser *parser, const dx_option *option, const char *value, bool joined) {
    if (option->value == NULL && joined) {
        return wrong_here(parser, "--%s takes no value", option->name);
    }
    if (option->value != NULL && !joined) {
        if (parser->at == parser->count) {
            return wrong_here(parser, "--%s needs a value", option->name);
        }
        value = parser->words[parser->at++];
    }
    if (is_global(option)) {
        return take_global(parser, option, value);
    }
    if (!option->repeated && dx_invocation_has(parser->run, option->name)) {
        return wrong_here(parser, "--%s may stand only once", option->name);
    }
    parser->run->given[parser->run->given_count++] = (dx_given){option, value};
    return DX_PARSED_VERB;
}

static dx_parsed take_long(dx_parser *parser, const char *word) {
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t size = equals == NULL ? strlen(name) : (size_t)(equals - name);
    const dx_option *option = known_option(parser, name, size, 0);
    if (option != NULL) {
        return take_option(parser, option, equals == NULL ? NULL : equals + 1, equals != NULL);
    }
    const char *guess = guess_option(parser, name);
    if (guess != NULL) {
        char remedy[DX_USAGE_MESSAGE_MAX];
        snprintf(remedy, sizeof remedy, "--%s", guess);
        return wrong(parser, remedy, "there is no option %s", word);
    }
    return wrong_here(parser, "there is no option %s", word);
}

/* -q, or several at once: -qf. */
static dx_parsed take_letters(dx_parser *parser, const char *word) {
    for (const char *letter = word + 1; *letter != 0; letter++) {
        const dx_option *option = known_option(parser, NULL, 0, *letter);
        if (option == NULL) {
            return wrong_here(parser, "there is no option %s", word);
        }
        dx_parsed parsed = take_option(parser, option, NULL, false);
        if (parsed != DX_PARSED_VERB) {
            return parsed;
        }
    }
    return DX_PARSED_VERB;
}

/* --- Words ------------------------------------------------------------------------------------------------
 */

static dx_parsed take_noun(dx_parser *parser, const char *word) {
    parser->run->verb = dx_verb_find(word, NULL);
    if (parser->run->verb == NULL && !dx_noun_exists(word)) {
        const char *guess = dx_verb_guess(NULL, word);
        char remedy[DX_USAGE_MESSAGE_MAX] = "dx help";
        if (guess != NULL) {
            snprintf(remedy, sizeof remedy, "dx %s", guess);
        }
        return wrong(parser, remedy, "there is no command \"%s\"", word);
    }
    parser->noun = word;
    parser->options_ended = parser->options_ended || (parser->run->verb != NULL && parser->run->verb->raw);
    return DX_PARSED_VERB;
}

static dx_parsed take_verb(dx_parser *parser, const char *word) {
    parser->run->verb = dx_verb_find(parser->noun, word);
    if (parser->run->verb == NULL) {
        const char *guess = dx_verb_guess(parser->noun, word);
        char remedy[DX_USAGE_MESSAGE_MAX], what[DX_USAGE_MESSAGE_MAX];
        snprintf(remedy, sizeof remedy, guess == NULL ? "dx help %s" : "dx %s %s", parser->noun,
                 guess == NULL ? "" : guess);
        snprintf(what, sizeof what, "%s cannot \"%%s\"", parser->noun);
        return wrong(parser, remedy, what, word);
    }
    return DX_PARSED_VERB;
}

static dx_parsed take_argument(dx_parser *parser, const char *word) {
    dx_invocation *run = parser->run;
    size_t most = dx_verb_argument_count(run->verb);
    bool open_ended = most > 0 && run->verb->arguments[most - 1].repeated;
    if (run->argument_count >= most && !open_ended) {
        return wrong_here(parser, "\"%s\" is one word too many", word);
    }
    run->arguments[run->argument_count++] = word;
    return DX_PARSED_VERB;
}

static dx_parsed take_word(dx_parser *parser, const char *word) {
    if (!parser->options_ended && strcmp(word, "--") == 0) {
        parser->options_ended = true;
        return DX_PARSED_VERB;
    }
    if (!parser->options_ended && word[0] == '-' && word[1] != 0) {
        return word[1] == '-' ? take_long(parser, word) : take_letters(parser, word);
    }
    if (parser->noun == NULL) {
        return take_noun(parser, word);
    }
    return parser->run->verb == NULL ? take_verb(parser, word) : take_argument(parser, word);
}

static dx_parsed check_complete(dx_parser *parser) {
    dx_invocation *run = parser->run;
    if (run->help || run->verb == NULL) {
        return DX_PARSED_HELP;
    }
    size_t most = dx_verb_argument_count(run->verb);
    for (size_t i = run->argument_count; i < most; i++) {
        if (!run->verb->arguments[i].optional) {
            return wrong_here(parser, "%s is missing", run->verb->arguments[i].name);
        }
    }
    return DX_PARSED_VERB;
}

dx_parsed dx_invocation_parse(dx_invocation *run, int count, char **words, const char **noun, char *message,
                              char *remedy) {
    dx_parser parser = {.run = run, .words = words, .count = count, .message = message, .remedy = remedy};
    *run = (dx_invocation){.timeout_ms = -1, .deadline_ms = -1};
    message[0] = remedy[0] = 0;
    size_t room = (size_t)count + 1;
    run->arguments = calloc(room, sizeof *run->arguments);
    run->given = calloc(room, sizeof *run->given);
    if (run->arguments == NULL || run->given == NULL) {
        return wrong(&parser, "", "%s", dx_error_text(DX_E_NO_MEMORY));
    }
    run->vault = getenv("DX_VAULT");
    run->profile = getenv("DX_PROFILE");
    /* How a mistake is told must not depend on where it stands. */
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        run->output.json = run->output.json || strcmp(words[i], "--json") == 0;
    }
    dx_parsed parsed = DX_PARSED_VERB;
    while (parsed == DX_PARSED_VERB && parser.at < count) {
        parsed = take_word(&parser, words[parser.at++]);
    }
    *noun = parser.noun;
    if (parsed == DX_PARSED_WRONG && run->help) {
        message[0] = remedy[0] = 0;
        return DX_PARSED_HELP;
    }
    return parsed == DX_PARSED_VERB ? check_complete(&parser) : parsed;
}

void dx_invocation_deinit(dx_invocation *run) {
    free(run->arguments);
    free(run->given);
}

const char *dx_invocation_argument(const dx_invocation *run, size_t index) {
    return index < run->argument_count ? run->arguments[index] : NULL;
}

static const dx_given *find_given(const dx_invocation *run, const char *name) {
    for (size_t i = 0; i < run->given_count; i++) {
        if (strcmp(run->given[i].option->name, name) == 0) {
            return &run->given[i];
        }
    }
    return NULL;
}

const char *dx_invocation_option(const dx_invocation *run, const char *name) {
    const dx_given *given = find_given(run, name);
    return given == NULL ? NULL : given->value;
}

bool dx_invocation_has(const dx_invocation *run, const char *name) {
    return find_given(run, name) != NULL;
}

const char *dx_verb_title(const dx_verb *verb, char *out, size_t size) {
    snprintf(out, size, verb->verb == NULL ? "%s" : "%s %s", verb->noun, verb->verb);
    return out;
}

int dx_duration_parse(const char *text, int64_t *milliseconds) {
    static const struct {
        const char *name;
        double milliseconds;
    } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
    char *end = NULL;
    if (text == NULL || ((text[0] < '0' || text[0] > '9') && text[0] != '.')) {
        return DX_E_INVALID;
    }
    double number = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double value = number * units[i].milliseconds;
        if (strcmp(end, units[i].name) == 0 && value >= 0 && value < 1e14) {
            *milliseconds = (int64_t)value;
            return DX_OK;
        }
    }
    return DX_E_INVALID;
}
