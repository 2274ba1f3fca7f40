/* dx/completion.c: `dx completion SHELL` prints a small script that asks `dx complete WORD…` what may come
 * next; so all three shells know what the table of verbs knows, and the names of this vault's spaces.
 *
 * `dx complete` prints one candidate per line, a tab and what it means; it never fails and never waits long.
 */
#include <stdio.h>
#include <string.h>

#include "terminal.h"
#include "vault.h"

enum {
    SPACES_MS = 500, /* a busy vault is not worth a pause at the prompt */
    NAME_MAX_SIZE = 256
};

/* Candidates are quoted: a space's name comes from others, and would be words of the shell. */
static const char bash_script[] =
    "_dx() {\n"
    "    local word IFS=$'\\n'\n"
    "    COMPREPLY=()\n"
    "    while read -r word; do\n"
    "        printf -v word %q \"$word\"\n"
    "        COMPREPLY+=(\"$word\")\n"
    "    done < <(dx complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null | cut -f 1)\n"
    "}\n"
    "complete -o default -F _dx dx\n";

static const char zsh_script[] =
    "#compdef dx\n"
    "_dx() {\n"
    "    local -a found\n"
    "    local line\n"
    "    for line in \"${(@f)$(dx complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
    "        line=${line//:/\\\\:}\n"
    "        [ -n \"$line\" ] && found+=(\"${line/$'\\t'/:}\")\n"
    "    done\n"
    "    if (( ${#found} )); then _describe 'dx' found; else _files; fi\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _dx ]; then _dx \"$@\"; else compdef _dx dx; fi\n"; /* loaded by a first TAB, or sourced */

static const char fish_script[] = "function __dx_complete\n"
                                  "    set -l words (commandline -opc) (commandline -ct)\n"
                                  "    dx complete $words[2..-1] 2>/dev/null\n"
                                  "end\n"
                                  "complete -c dx -f -a '(__dx_complete)'\n"
                                  "complete -c dx -n '__fish_seen_subcommand_from import' -F\n";

int dx_run_completion(dx_invocation *run) {
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    const char *shell = dx_invocation_argument(run, 0);
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        if (strcmp(scripts[i].shell, shell) == 0) {
            fputs(scripts[i].script, stdout);
            return DX_EXIT_OK;
        }
    }
    return dx_fail(run, DX_E_INVALID, "dx completion bash",
                   "there is completion for bash, zsh and fish, not for \"%s\"", shell);
}

/* --- Candidates
 * ---------------------------------------------------------------------------------------------- */

static void offer(const char *begun, const char *prefix, const char *word, const char *meaning) {
    char candidate[300];
    snprintf(candidate, sizeof candidate, "%s%s", prefix, word);
    if (strncmp(candidate, begun, strlen(begun)) == 0) {
        printf("%s\t%s\n", candidate, meaning);
    }
}

static void offer_options(const char *begun, const dx_option *options, size_t count) {
    for (size_t i = 0; i < count && options[i].name != NULL; i++) {
        offer(begun, "--", options[i].name, options[i].help);
    }
}

static void offer_verbs(const char *begun, const char *noun) {
    const dx_verb *verb;
    for (size_t i = 0; (verb = dx_verb_at(i)) != NULL; i++) {
        if (!verb->hidden && verb->verb != NULL && strcmp(verb->noun, noun) == 0) {
            offer(begun, "", verb->verb, verb->sentence);
        }
    }
}

typedef struct dx_space_offer {
    const char *begun;
} dx_space_offer;

/* Whether the shell can show it at its prompt as it is. */
static bool is_plain(dx_bytes name) {
    dx_buf shown;
    dx_buf_init(&shown, dx_host_alloc(), 4 * NAME_MAX_SIZE);
    dx_terminal_text(name, SIZE_MAX, &shown);
    bool plain = dx_bytes_equal(dx_buf_view(&shown), name);
    dx_buf_deinit(&shown);
    return plain;
}

static void offer_space(void *ctx, dx_bytes row) {
    char name[NAME_MAX_SIZE];
    dx_bytes text = dx_item_text(dx_item_get(row, "name"));
    if (text.size > 0 && text.size < sizeof name && is_plain(text)) {
        snprintf(name, sizeof name, "%.*s", (int)text.size, (const char *)text.data);
        offer(((dx_space_offer *)ctx)->begun, "", name, "a space");
    }
}

static void offer_spaces(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, offer_space, ctx);
}

/* Quietly: a prompt is no place for errors. */
static void ask_spaces(dx_invocation *run, const char *begun) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_space_offer names = {begun};
    dx_map_builder command;
    dx_buf body, reply;
    dx_client_options options = {.vault = run->vault, .profile = run->profile};
    if (dx_client_open(&options, &run->client, message) != DX_OK) {
        return;
    }
    dx_command_begin(&command, "space.list");
    if (dx_command_finish(run, &command, &body) == DX_EXIT_OK) {
        dx_buf_init(&reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
        int error = dx_client_call(run->client, dx_buf_view(&body), offer_spaces, &names, SPACES_MS, &reply);
        (void)error; /* nothing to offer is an answer too */
        dx_buf_deinit(&reply);
    }
    dx_buf_deinit(&body);
}

/* Which argument of the verb is being typed: words before it that are no options or their values. */
static size_t count_arguments(const dx_verb *verb, const char *const *words, size_t count) {
    size_t arguments = 0;
    for (size_t i = 0; i < count; i++) {
        if (words[i][0] != '-') {
            arguments++;
            continue;
        }
        for (size_t at = 0; at < DX_VERB_OPTIONS_MAX && verb->options[at].name != NULL; at++) {
            i += strncmp(words[i], "--", 2) == 0 && strcmp(words[i] + 2, verb->options[at].name) == 0 &&
                 verb->options[at].value != NULL && i + 1 < count;
        }
    }
    return arguments;
}

static void complete(dx_invocation *run, const char *const *words, size_t count) {
    const char *begun = words[count - 1];
    const dx_verb *verb = count < 2 ? NULL : dx_verb_find(words[0], NULL);
    size_t named = 1;
    if (verb == NULL && count > 2) {
        verb = dx_verb_find(words[0], words[1]);
        named = 2;
    }
    if (begun[0] == '-') {
        offer_options(begun, verb == NULL ? dx_global_options : verb->options,
                      verb == NULL ? SIZE_MAX : DX_VERB_OPTIONS_MAX);
        offer_options(begun, dx_global_options, verb == NULL ? 0 : SIZE_MAX);
    } else if (count == 1) {
        for (const dx_noun *noun = dx_nouns; noun->name != NULL; noun++) {
            offer(begun, "", noun->name, noun->sentence);
        }
    } else if (verb == NULL && count == 2) {
        offer_verbs(begun, words[0]);
    } else if (verb != NULL) {
        size_t at = count_arguments(verb, words + named, count - named - 1);
        if (at < DX_VERB_ARGUMENTS_MAX && verb->arguments[at].name != NULL &&
            strcmp(verb->arguments[at].name, "SPACE") == 0) {
            ask_spaces(run, begun);
        }
    }
}

static const dx_option *find_global(const char *word) {
    const dx_option *option = dx_global_options;
    while (option->name != NULL && (strncmp(word, "--", 2) != 0 || strcmp(word + 2, option->name) != 0)) {
        option++;
    }
    return option->name == NULL ? NULL : option;
}

/* Options of every verb may stand anywhere: they go, and --vault and --profile say whose spaces are meant. The
 * count that is left; 0: the value of one is being typed. */
static size_t drop_globals(dx_invocation *run) {
    size_t kept = 0, last = run->argument_count - 1;
    for (size_t i = 0; i < last; i++) {
        const dx_option *option = find_global(run->arguments[i]);
        if (option == NULL) {
            run->arguments[kept++] = run->arguments[i];
            continue;
        }
        if (option->value != NULL && ++i == last) {
            return 0;
        }
        if (strcmp(option->name, "vault") == 0) {
            run->vault = run->arguments[i];
        } else if (strcmp(option->name, "profile") == 0) {
            run->profile = run->arguments[i];
        }
    }
    run->arguments[kept++] = run->arguments[last];
    return kept;
}

int dx_run_complete(dx_invocation *run) {
    size_t count = run->argument_count == 0 ? 0 : drop_globals(run);
    if (count > 0) {
        complete(run, run->arguments, count);
    }
    return DX_EXIT_OK;
}
