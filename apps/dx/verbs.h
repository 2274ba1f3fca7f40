/* dx/verbs.h: what `dx` can be asked: one table of nouns and verbs.
 *
 * Layer: apps (include/dxos only). The table in verbs_*.c is the only place where a verb, its arguments,
 * options and words of help stand: parsing (invocation.c), help (help.c), man pages (manual.c) and completion
 * (completion.c) all read it. A handler lives in the file of its noun and returns an exit code (failure.h).
 */
#ifndef DX_APP_VERBS_H
#define DX_APP_VERBS_H

#include <stdbool.h>
#include <stddef.h>

enum { DX_VERB_ARGUMENTS_MAX = 4, DX_VERB_OPTIONS_MAX = 7 };

typedef struct dx_invocation dx_invocation;

typedef struct dx_argument {
    const char *name; /* in capitals, as help shows it; "SPACE" is completed from the vault */
    const char *help;
    bool optional, repeated; /* only the last one may be repeated */
} dx_argument;

typedef struct dx_option {
    const char *name;  /* without its dashes */
    char letter;       /* 0: none */
    const char *value; /* in capitals; NULL: a flag */
    const char *help;
    bool repeated;
} dx_option;

typedef struct dx_verb {
    const char *noun;
    const char *verb;                             /* NULL: the noun is the whole command */
    const char *alias;                            /* another word for the verb; NULL: none */
    dx_argument arguments[DX_VERB_ARGUMENTS_MAX]; /* ends with name NULL or the array */
    dx_option options[DX_VERB_OPTIONS_MAX];
    const char *sentence; /* one line of help, no full stop */
    const char *details;  /* paragraphs, or NULL */
    const char *examples; /* one command per line, or NULL */
    bool hidden;          /* works, and stands in no list */
    bool raw;             /* every word after it is an argument, dashes or not */
    int (*run)(dx_invocation *run);
} dx_verb;

typedef struct dx_noun {
    const char *name;
    const char *sentence;
} dx_noun;

/* In the order help shows them; NULL behind the last. */
const dx_verb *dx_verb_at(size_t index);
/* In the order help shows them; ends with name NULL. */
extern const dx_noun dx_nouns[];
/* Options every verb takes; ends with name NULL. */
extern const dx_option dx_global_options[];

size_t dx_verb_argument_count(const dx_verb *verb);
size_t dx_verb_option_count(const dx_verb *verb);
/* By noun and verb or its alias; verb NULL finds commands of one word. NULL: none. */
const dx_verb *dx_verb_find(const char *noun, const char *verb);
/* Whether some verb belongs to this noun (one-word commands included). */
bool dx_noun_exists(const char *noun);
/* The word that was probably meant, or NULL: among the verbs of noun, or among all nouns when noun is NULL.
 */
const char *dx_verb_guess(const char *noun, const char *word);
/* How many letters were mistyped, at most `limit` + 1 (insertions, deletions, changes, neighbours swapped).
 */
size_t dx_word_distance(const char *a, const char *b, size_t limit);

int dx_run_halo_create(dx_invocation *run);
int dx_run_halo_identity(dx_invocation *run);
int dx_run_halo_rename(dx_invocation *run);
int dx_run_device_list(dx_invocation *run);
int dx_run_device_rename(dx_invocation *run);
int dx_run_space_create(dx_invocation *run);
int dx_run_space_list(dx_invocation *run);
int dx_run_space_rename(dx_invocation *run);
int dx_run_space_rm(dx_invocation *run);
int dx_run_space_members(dx_invocation *run);
int dx_run_space_share(dx_invocation *run);
int dx_run_space_join(dx_invocation *run);
int dx_run_space_status(dx_invocation *run);
int dx_run_space_digest(dx_invocation *run);
int dx_run_space_scope(dx_invocation *run);
int dx_run_space_epoch(dx_invocation *run);
int dx_run_space_epochs(dx_invocation *run);
int dx_run_space_compact(dx_invocation *run);
int dx_run_space_export(dx_invocation *run);
int dx_run_space_import(dx_invocation *run);
int dx_run_invitation_list(dx_invocation *run);
int dx_run_invitation_cancel(dx_invocation *run);
int dx_run_object_add(dx_invocation *run);
int dx_run_object_get(dx_invocation *run);
int dx_run_object_set(dx_invocation *run);
int dx_run_object_unset(dx_invocation *run);
int dx_run_object_push(dx_invocation *run);
int dx_run_object_insert(dx_invocation *run);
int dx_run_object_replace(dx_invocation *run);
int dx_run_object_remove(dx_invocation *run);
int dx_run_object_reorder(dx_invocation *run);
int dx_run_object_include(dx_invocation *run);
int dx_run_object_exclude(dx_invocation *run);
int dx_run_object_increment(dx_invocation *run);
int dx_run_object_rm(dx_invocation *run);
int dx_run_object_purge(dx_invocation *run);
int dx_run_object_restore(dx_invocation *run);
int dx_run_object_move(dx_invocation *run);
int dx_run_object_apply(dx_invocation *run);
int dx_run_text_new(dx_invocation *run);
int dx_run_text_cat(dx_invocation *run);
int dx_run_text_insert(dx_invocation *run);
int dx_run_text_delete(dx_invocation *run);
int dx_run_text_format(dx_invocation *run);
int dx_run_text_edit(dx_invocation *run);
int dx_run_text_log(dx_invocation *run);
int dx_run_text_at(dx_invocation *run);
int dx_run_text_diff(dx_invocation *run);
int dx_run_text_import(dx_invocation *run);
int dx_run_text_export(dx_invocation *run);
int dx_run_object_ls(dx_invocation *run);
int dx_run_history(dx_invocation *run);
int dx_run_undo(dx_invocation *run);
int dx_run_redo(dx_invocation *run);
int dx_run_link_add(dx_invocation *run);
int dx_run_link_ls(dx_invocation *run);
int dx_run_link_rm(dx_invocation *run);
int dx_run_schema_add(dx_invocation *run);
int dx_run_schema_list(dx_invocation *run);
int dx_run_schema_rm(dx_invocation *run);
int dx_run_schema_check(dx_invocation *run);
int dx_run_schema_migrate(dx_invocation *run);
int dx_run_schema_generate(dx_invocation *run);
int dx_run_query(dx_invocation *run);
int dx_run_sql(dx_invocation *run);
int dx_run_index_add(dx_invocation *run);
int dx_run_index_ls(dx_invocation *run);
int dx_run_index_rm(dx_invocation *run);
int dx_run_watch(dx_invocation *run);
int dx_run_import(dx_invocation *run);
int dx_run_export(dx_invocation *run);
int dx_run_inspect(dx_invocation *run);
int dx_run_peer_list(dx_invocation *run);
int dx_run_peer_connect(dx_invocation *run);
int dx_run_signal_add(dx_invocation *run);
int dx_run_signal_rm(dx_invocation *run);
int dx_run_signal_list(dx_invocation *run);
int dx_run_app_list(dx_invocation *run);
int dx_run_app_grant(dx_invocation *run);
int dx_run_app_refuse(dx_invocation *run);
int dx_run_app_revoke(dx_invocation *run);
int dx_run_agent_start(dx_invocation *run);
int dx_run_agent_stop(dx_invocation *run);
int dx_run_agent_status(dx_invocation *run);
int dx_run_kube_start(dx_invocation *run);
int dx_run_kube_stop(dx_invocation *run);
int dx_run_kube_status(dx_invocation *run);
int dx_run_vault_compact(dx_invocation *run);
int dx_run_status(dx_invocation *run);
int dx_run_doctor(dx_invocation *run);
int dx_run_api(dx_invocation *run);
int dx_run_version(dx_invocation *run);
int dx_run_completion(dx_invocation *run);
int dx_run_complete(dx_invocation *run);
int dx_run_manual(dx_invocation *run);
int dx_run_help(dx_invocation *run);

#endif
