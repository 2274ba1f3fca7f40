/* dx/help.c: `dx`, `dx NOUN`, `dx help …`, -h. See help.h. */
#include "help.h"

#include <stdarg.h>
#include <string.h>

#include "failure.h"
#include "terminal.h"

const dx_topic dx_topics[] = {
    {"exit-codes", "What an exit code means",
     "0    done\n"
     "1    it failed: disk, memory, damaged data, something unforeseen\n"
     "2    the command line or an argument cannot be understood\n"
     "3    there is no such space, object, link, invitation\n"
     "4    there is no vault or no identity yet\n"
     "5    permission denied: role, PIN, an invitation that no longer holds\n"
     "6    conflict: it exists already, is ambiguous, or another process holds the vault\n"
     "7    the peer cannot be reached\n"
     "8    time ran out\n"
     "9    the agent, or the kube, is not running\n"
     "10   done in part: what was left out has been told\n"
     "130  interrupted\n"},
    {"environment", "Where dx looks, and what it keeps where",
     "DX_VAULT, DX_PROFILE   as --vault and --profile, which stand above them\n"
     "NO_COLOR               no colour; CLICOLOR_FORCE=1: colour also in a pipe\n"
     "TERM=dumb              no colour, no bars\n"
     "DX_WEB                 folder of a kube's sites, as --web of dx kube start\n"
     "XDG_DATA_HOME          vaults: dx/PROFILE/vault.db with vault.key beside it (0600); dx/kube.PROFILE\n"
     "XDG_STATE_HOME         dx/log (agents, kubes), dx/guard (notices a copied or restored vault)\n"
     "XDG_RUNTIME_DIR        dx/*.sock: where agents and kubes answer; without it /tmp/dx-UID\n"},
    {"formats", "What is printed where",
     "Data goes to stdout; words, progress and errors go to stderr.\n"
     "On a terminal: tables with shortened ids. In a pipe: one line per thing, its columns separated by "
     "tabs\n"
     "(inside a text \\t, \\n, \\r, \\\\ and \\u001b stand for what would break the line or drive a "
     "terminal). With --json: one\n"
     "JSON object per line, full ids; an error is {\"error\": {\"code\", \"message\", \"try\"}}. With "
     "--quiet: ids alone.\n"
     "A space is named by its name, its id, or the beginning of its id; an object by its id, whose last part "
     "may be\n"
     "shortened as long as only one fits.\n"},
    {NULL, NULL, NULL},
};

static const char *bold(bool colour) {
    return colour ? "\033[1m" : "";
}

static const char *plain(bool colour) {
    return colour ? "\033[0m" : "";
}

static void put(FILE *out, const char *format, ...) DX_PRINTF(2, 3);

/* Whole lines, wrapped where they go to a terminal. */
static void put(FILE *out, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    dx_terminal_wrap(text, dx_terminal_wrap_columns(fileno(out)), out);
}

/* copied: lines to be copied are never broken. */
static void print_indented(FILE *out, const char *text, const char *indent, bool copied) {
    while (*text != 0) {
        size_t size = strcspn(text, "\n");
        if (copied) {
            fprintf(out, "%s%.*s\n", indent, (int)size, text);
        } else {
            put(out, "%s%.*s\n", indent, (int)size, text);
        }
        text += size + (text[size] == '\n');
    }
}

void dx_help_usage(FILE *out, const dx_verb *verb) {
    char title[64];
    fprintf(out, "dx %s", dx_verb_title(verb, title, sizeof title));
    for (size_t i = 0; i < dx_verb_argument_count(verb); i++) {
        const dx_argument *argument = &verb->arguments[i];
        fprintf(out, argument->optional ? " [%s%s]" : " %s%s", argument->name, argument->repeated ? "…" : "");
    }
    for (size_t i = 0; i < dx_verb_option_count(verb); i++) {
        const dx_option *option = &verb->options[i];
        fprintf(out, " [--%s%s%s]%s", option->name, option->value == NULL ? "" : " ",
                option->value == NULL ? "" : option->value, option->repeated ? "…" : "");
    }
    fprintf(out, "\n");
}

static void print_option(FILE *out, const dx_option *option) {
    char left[64], letter[8] = "    ";
    if (option->letter != 0) {
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name, option->value == NULL ? "" : " ",
             option->value == NULL ? "" : option->value);
    put(out, "  %-24s %s%s\n", left, option->help, option->repeated ? "; may stand several times" : "");
}

static void print_globals(FILE *out, bool colour) {
    fprintf(out, "\n%sEverywhere%s\n", bold(colour), plain(colour));
    for (const dx_option *option = dx_global_options; option->name != NULL; option++) {
        print_option(out, option);
    }
}

void dx_help_verb(FILE *out, bool colour, const dx_verb *verb) {
    size_t arguments = dx_verb_argument_count(verb), options = dx_verb_option_count(verb);
    put(out, "%s.\n\n", verb->sentence);
    fprintf(out, "  ");
    dx_help_usage(out, verb);
    if (verb->examples != NULL) {
        fprintf(out, "\n%sExamples%s\n", bold(colour), plain(colour));
        print_indented(out, verb->examples, "  ", true);
    }
    if (arguments + options > 0) {
        fprintf(out, "\n%sWhat it takes%s\n", bold(colour), plain(colour));
    }
    for (size_t i = 0; i < arguments; i++) {
        put(out, "  %-24s %s%s\n", verb->arguments[i].name, verb->arguments[i].help,
            verb->arguments[i].repeated ? "; one or more" : "");
    }
    for (size_t i = 0; i < options; i++) {
        print_option(out, &verb->options[i]);
    }
    if (verb->details != NULL) {
        put(out, "\n%s\n", verb->details);
    }
    print_globals(out, colour);
}

static const char *noun_sentence(const char *noun) {
    for (const dx_noun *row = dx_nouns; row->name != NULL; row++) {
        if (strcmp(row->name, noun) == 0) {
            return row->sentence;
        }
    }
    return NULL;
}

bool dx_help_noun(FILE *out, bool colour, const char *noun) {
    const dx_verb *alone = dx_verb_find(noun, NULL);
    const char *sentence = noun_sentence(noun);
    if (alone != NULL) {
        dx_help_verb(out, colour, alone);
        return true;
    }
    if (sentence == NULL) {
        return false;
    }
    fprintf(out, "%sdx %s%s: %s\n\n", bold(colour), noun, plain(colour), sentence);
    const dx_verb *verb;
    for (size_t i = 0; (verb = dx_verb_at(i)) != NULL; i++) {
        if (strcmp(verb->noun, noun) != 0 || verb->hidden) {
            continue;
        }
        fprintf(out, "  ");
        dx_help_usage(out, verb);
        fprintf(out, "      %s\n", verb->sentence);
    }
    fprintf(out, "\n`dx help %s VERB` tells more about one of them.\n", noun);
    return true;
}

void dx_help_all(FILE *out, bool colour) {
    fprintf(out, "%sdx%s: a database shared by people, without a server in between.\n\n", bold(colour),
            plain(colour));
    for (const dx_noun *noun = dx_nouns; noun->name != NULL; noun++) {
        fprintf(out, "  %-12s%s\n", noun->name, noun->sentence);
    }
    print_globals(out, colour);
    fprintf(out,
            "\n%sTo begin%s\n  dx halo create Alice\n  dx space create notes\n  dx object add notes --type "
            "task --data "
            "'{\"title\": \"water the plants\"}'\n  dx space share notes\n",
            bold(colour), plain(colour));
    put(out, "\n`dx help NOUN`, `dx help NOUN VERB`, `dx help exit-codes|environment|formats` tell more.\n");
}

int dx_run_help(dx_invocation *run) {
    const char *noun = dx_invocation_argument(run, 0), *word = dx_invocation_argument(run, 1);
    bool colour = run->output.colour;
    if (noun == NULL) {
        dx_help_all(stdout, colour);
        return DX_EXIT_OK;
    }
    for (const dx_topic *topic = dx_topics; word == NULL && topic->name != NULL; topic++) {
        if (strcmp(topic->name, noun) == 0) {
            fprintf(stdout, "%s%s%s\n\n", bold(colour), topic->title, plain(colour));
            print_indented(stdout, topic->text, "  ", false);
            return DX_EXIT_OK;
        }
    }
    const dx_verb *verb = word == NULL ? NULL : dx_verb_find(noun, word);
    if (verb != NULL) {
        dx_help_verb(stdout, colour, verb);
        return DX_EXIT_OK;
    }
    if (word == NULL && dx_help_noun(stdout, colour, noun)) {
        return DX_EXIT_OK;
    }
    const char *guess = dx_verb_guess(word == NULL ? NULL : noun, word == NULL ? noun : word);
    char remedy[DX_USAGE_MESSAGE_MAX] = "dx help";
    if (guess != NULL) {
        snprintf(remedy, sizeof remedy, "dx help %s%s%s", word == NULL ? guess : noun,
                 word == NULL ? "" : " ", word == NULL ? "" : guess);
    }
    return dx_fail(run, DX_E_INVALID, remedy, "there is no help on \"%s%s%s\"", noun, word == NULL ? "" : " ",
                   word == NULL ? "" : word);
}
