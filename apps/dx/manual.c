/* dx/manual.c: `dx manual PAGE`: the man pages in roff, made from the table of verbs when the house is built.
 *
 * One page for dx and one per noun: man dx, man dx-space. man(7) is the language. */
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "help.h"

/* A character beyond ASCII by its number; our own texts are valid UTF-8 of at most three bytes. */
static const char *print_wide(const char *text) {
    const unsigned char *bytes = (const unsigned char *)text;
    bool three = bytes[0] >= 0xe0;
    unsigned point = three ? (bytes[0] & 0x0fu) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu)
                           : (bytes[0] & 0x1fu) << 6 | (bytes[1] & 0x3fu);
    printf("\\[u%04X]", point);
    return text + (three ? 2 : 1);
}

/* Text with what roff would take for its own made harmless. */
static void print_text(const char *text) {
    bool line_begins = true;
    for (; *text != 0; text++) {
        if ((unsigned char)*text >= 0x80) {
            text = print_wide(text);
            line_begins = false;
            continue;
        }
        if (line_begins && (*text == '.' || *text == '\'')) {
            fputs("\\&", stdout);
        }
        line_begins = *text == '\n';
        switch (*text) {
        case '\\':
            fputs("\\e", stdout);
            break;
        case '-':
            fputs("\\-", stdout);
            break;
        case '\'':
            fputs("\\(aq", stdout);
            break;
        case '`':
            fputs("\\(ga", stdout);
            break;
        case '^':
            fputs("\\(ha", stdout);
            break;
        case '~':
            fputs("\\(ti", stdout);
            break;
        default:
            fputc(*text, stdout);
        }
    }
}

static void print_pair(const char *bold, const char *value, const char *text) {
    printf(".TP\n\\fB");
    print_text(bold);
    printf("\\fR");
    if (value != NULL) {
        printf(" \\fI%s\\fR", value);
    }
    printf("\n");
    print_text(text);
    printf("\n");
}

static void print_options(const dx_option *options, size_t count) {
    for (size_t i = 0; i < count && options[i].name != NULL; i++) {
        char name[64];
        snprintf(name, sizeof name, options[i].letter == 0 ? "--%s" : "--%s, -%c", options[i].name,
                 options[i].letter);
        print_pair(name, options[i].value, options[i].help);
    }
}

static void print_heading(const char *page, const char *sentence) {
    printf(".TH \"%s\" 1 \"\" \"dx %s\" \"DXOS\"\n.SH NAME\n%s \\- ", page, DX_VERSION, page);
    print_text(sentence);
    printf("\n");
}

static void print_examples(const char *examples) {
    if (examples != NULL) {
        printf(".PP\n.nf\n.RS\n");
        print_text(examples);
        printf("\n.RE\n.fi\n");
    }
}

static void print_usage(const dx_verb *verb) {
    char title[64];
    printf(".PP\n\\fBdx %s\\fR", dx_verb_title(verb, title, sizeof title));
    for (size_t i = 0; i < dx_verb_argument_count(verb); i++) {
        const dx_argument *argument = &verb->arguments[i];
        printf(argument->optional ? " [\\fI%s\\fR%s]" : " \\fI%s\\fR%s", argument->name,
               argument->repeated ? "\\[u2026]" : "");
    }
    for (size_t i = 0; i < dx_verb_option_count(verb); i++) {
        const dx_option *option = &verb->options[i];
        printf(" [\\fB");
        char name[64];
        snprintf(name, sizeof name, "--%s", option->name);
        print_text(name);
        printf("\\fR%s%s%s]", option->value == NULL ? "" : " \\fI",
               option->value == NULL ? "" : option->value, option->value == NULL ? "" : "\\fR");
    }
    printf("\n");
}

static void print_verb(const dx_verb *verb) {
    char title[64];
    printf(".SS \"dx %s\"\n", dx_verb_title(verb, title, sizeof title));
    print_text(verb->sentence);
    printf(".\n");
    print_usage(verb);
    for (size_t i = 0; i < dx_verb_argument_count(verb); i++) {
        print_pair(verb->arguments[i].name, NULL, verb->arguments[i].help);
    }
    print_options(verb->options, DX_VERB_OPTIONS_MAX);
    if (verb->details != NULL) {
        printf(".PP\n");
        print_text(verb->details);
        printf("\n");
    }
    print_examples(verb->examples);
}

static void print_globals(void) {
    printf(".SH OPTIONS\nThey may stand anywhere.\n");
    print_options(dx_global_options, SIZE_MAX);
}

static void print_overview(void) {
    print_heading("dx", "a database shared by people, without a server in between");
    printf(".SH SYNOPSIS\n\\fBdx\\fR \\fINOUN\\fR [\\fIVERB\\fR] [\\fIARGUMENT\\fR\\[u2026]] "
           "[\\fIOPTION\\fR\\[u2026]]\n.SH "
           "COMMANDS\n");
    for (const dx_noun *noun = dx_nouns; noun->name != NULL; noun++) {
        char page[64];
        snprintf(page, sizeof page, "%s", noun->name);
        print_pair(page, NULL, noun->sentence);
    }
    print_globals();
    for (const dx_topic *topic = dx_topics; topic->name != NULL; topic++) {
        printf(".SH \"");
        print_text(topic->title);
        printf("\"\n.nf\n");
        print_text(topic->text);
        printf(".fi\n");
    }
    printf(".SH SEE ALSO\n");
    for (const dx_noun *noun = dx_nouns; noun->name != NULL; noun++) {
        printf("%s.BR dx\\-%s (1)", noun == dx_nouns ? "" : ",\n", noun->name);
    }
    printf("\n");
}

static bool print_noun(const char *name) {
    for (const dx_noun *noun = dx_nouns; noun->name != NULL; noun++) {
        if (strcmp(noun->name, name) != 0) {
            continue;
        }
        char page[64];
        snprintf(page, sizeof page, "dx-%s", name);
        print_heading(page, noun->sentence);
        printf(".SH COMMANDS\n");
        const dx_verb *verb;
        for (size_t i = 0; (verb = dx_verb_at(i)) != NULL; i++) {
            if (strcmp(verb->noun, name) == 0 && !verb->hidden) {
                print_verb(verb);
            }
        }
        print_globals();
        printf(".SH SEE ALSO\n.BR dx (1)\n");
        return true;
    }
    return false;
}

int dx_run_manual(dx_invocation *run) {
    const char *page = dx_invocation_argument(run, 0);
    if (page == NULL) {
        printf("dx\n");
        for (const dx_noun *noun = dx_nouns; noun->name != NULL; noun++) {
            printf("dx-%s\n", noun->name);
        }
        return DX_EXIT_OK;
    }
    if (strcmp(page, "dx") == 0) {
        print_overview();
    } else if (strncmp(page, "dx-", 3) != 0 || !print_noun(page + 3)) {
        return dx_fail(run, DX_E_NOT_FOUND, "dx manual", "there is no page \"%s\"", page);
    }
    return DX_EXIT_OK;
}
