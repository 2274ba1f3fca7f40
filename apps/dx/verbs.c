/* dx/verbs.c: everything `dx` can be asked: its nouns, and finding a verb. See verbs.h; the verbs stand in verbs_*.c.
 *
 * Keep it in the order people meet things; help, man pages and completion follow it. */
#include "verbs.h"

#include <stdint.h>
#include <string.h>

#include "verb_rows.h"

const dx_noun dx_nouns[] = {
    {"halo", "who you are: the identity of this vault"},
    {"device", "the devices of your identity"},
    {"space", "sets of objects that people share"},
    {"invitation", "the invitations that this vault gave out"},
    {"object", "the objects in a space"},
    {"link", "typed arrows from one object to another"},
    {"text", "texts that several people write in at once"},
    {"schema", "what the objects of a type are to look like"},
    {"query", "ask a space a question"},
    {"sql", "ask a space in SQL, which reads only"},
    {"index", "what is kept ready for questions about a property"},
    {"watch", "tell what changes in a space, as it changes"},
    {"history", "what changed a space or an object, and who"},
    {"undo", "take back what this device last did in a space"},
    {"redo", "do again what was undone"},
    {"import", "bring in objects from a file"},
    {"export", "write a space out as lines that import takes back"},
    {"peer", "who this vault speaks to"},
    {"app", "what apps of other origins may ask of this vault"},
    {"signal", "where this vault looks for peers it cannot dial"},
    {"agent", "the process that keeps a vault in step in the background"},
    {"kube", "the server of vault page, apps and signaling, on a machine of your own"},
    {"vault", "the file that holds everything"},
    {"inspect", "look inside a space: feeds, blocks, holes, credentials, an object's registers"},
    {"status", "the state of this vault on one screen"},
    {"doctor", "look for what is wrong, and say how to mend it"},
    {"api", "any command of the vault protocol"},
    {"completion", "completion for your shell"},
    {"version", "what this program is"},
    {"help", "help on a command or a topic"},
    {NULL, NULL},
};

const dx_option dx_global_options[] = {
    {"vault", 0, "DIR", "the vault's folder (DX_VAULT); default: the profile's, in XDG_DATA_HOME/dx", false},
    {"profile", 0, "NAME", "the profile (DX_PROFILE); default: \"default\"", false},
    {"json", 0, NULL, "one JSON object per line, with full ids", false},
    {"quiet", 'q', NULL, "ids only, and no words on stderr but errors", false},
    {"timeout", 0, "S", "give up after so many seconds (exit 8)", false},
    {"no-input", 0, NULL, "never ask anything", false},
    {"trace", 0, NULL, "tell on stderr what the vault does", false},
    {"help", 'h', NULL, "help on this command", false},
    {NULL, 0, NULL, NULL, false},
};

/* --- Finding
 * ------------------------------------------------------------------------------------------------ */

static const dx_verb *const groups[] = {dx_space_verbs, dx_object_verbs, dx_text_verbs, dx_question_verbs,
                                        dx_program_verbs};

const dx_verb *dx_verb_at(size_t index) {
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        for (const dx_verb *verb = groups[i]; verb->noun != NULL; verb++) {
            if (index-- == 0) {
                return verb;
            }
        }
    }
    return NULL;
}

size_t dx_verb_argument_count(const dx_verb *verb) {
    size_t count = 0;
    while (count < DX_VERB_ARGUMENTS_MAX && verb->arguments[count].name != NULL) {
        count++;
    }
    return count;
}

size_t dx_verb_option_count(const dx_verb *verb) {
    size_t count = 0;
    while (count < DX_VERB_OPTIONS_MAX && verb->options[count].name != NULL) {
        count++;
    }
    return count;
}

const dx_verb *dx_verb_find(const char *noun, const char *verb) {
    const dx_verb *row;
    for (size_t i = 0; (row = dx_verb_at(i)) != NULL; i++) {
        if (strcmp(row->noun, noun) != 0 || (row->verb == NULL) != (verb == NULL)) {
            continue;
        }
        if (verb == NULL || strcmp(row->verb, verb) == 0 ||
            (row->alias != NULL && strcmp(row->alias, verb) == 0)) {
            return row;
        }
    }
    return NULL;
}

bool dx_noun_exists(const char *noun) {
    const dx_verb *row;
    for (size_t i = 0; (row = dx_verb_at(i)) != NULL; i++) {
        if (strcmp(row->noun, noun) == 0) {
            return true;
        }
    }
    return false;
}

/* --- Did you mean
 * ------------------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Damerau's distance with three rows; words longer than the rows are never near anything. */
size_t dx_word_distance(const char *a, const char *b, size_t limit) {
    enum { WORD_MAX = 31 };
    size_t rows[3][WORD_MAX + 1], a_size = strlen(a), b_size = strlen(b);
    if (a_size > WORD_MAX || b_size > WORD_MAX) {
        return limit + 1;
    }
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(change, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return least(rows[a_size % 3][b_size], limit + 1);
}

enum { SHORTENED_MIN = 2 };

const char *dx_verb_guess(const char *noun, const char *word) {
    size_t limit = strlen(word) < 5 ? 1 : 2, nearest = limit + 1;
    const char *guess = NULL;
    const dx_verb *row;
    for (size_t i = 0; (row = dx_verb_at(i)) != NULL; i++) {
        const char *candidate = noun == NULL ? row->noun : row->verb;
        if (row->hidden || candidate == NULL || (noun != NULL && strcmp(noun, row->noun) != 0)) {
            continue;
        }
        size_t distance = dx_word_distance(word, candidate, limit), size = strlen(word);
        if (size >= SHORTENED_MIN && strncmp(word, candidate, size) == 0) {
            distance = 0; /* cut short, as in other commands */
        }
        if (distance < nearest) {
            nearest = distance;
            guess = candidate;
        }
    }
    return guess;
}
