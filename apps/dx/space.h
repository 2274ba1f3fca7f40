/* dx/space.h: what verbs about one space share.
 *
 * Layer: apps. */
#ifndef DX_APP_SPACE_H
#define DX_APP_SPACE_H

#include "progress.h"
#include "vault.h"

/* A command about the space that is the first argument. */
void dx_space_command(dx_invocation *run, dx_map_builder *command, const char *name);

/* Every --type, as "types"; nothing without one. */
void dx_space_types(dx_invocation *run, dx_map_builder *command);
/* What a vault shall keep of a space, as options say it: --type, --since, --query. */
typedef struct dx_space_part {
    int64_t since_ms;
    dx_buf question; /* size 0: none; the caller's to deinit, whatever came of it */
} dx_space_part;
/* Told; an exit code. */
int dx_space_part_take(dx_invocation *run, dx_space_part *part);
void dx_space_part_write(dx_invocation *run, const dx_space_part *part, dx_map_builder *command);

/* A text of a command; value NULL: left out. Lists end with key NULL. */
typedef struct dx_command_field {
    const char *key, *value;
} dx_command_field;

/* The command with these texts and --data, answered by one record. */
int dx_space_add(dx_invocation *run, const char *name, const dx_command_field *fields,
                 const dx_column *columns);
/* The command with these texts and --limit, answered by rows. */
int dx_space_list(dx_invocation *run, const char *name, const dx_command_field *fields,
                  const dx_column *columns);

typedef struct dx_space_wait {
    dx_progress progress;
    const char *work;
    int64_t most_pending, most_peers;
} dx_space_wait;

/* Waits, with progress, until nothing is left to fetch; reply is the last status. timeout_ms is the vault's
 * own limit beside --timeout, -1: none. Told; an exit code. */
int dx_space_wait_synced(dx_invocation *run, const char *space, const char *work, int64_t timeout_ms,
                         dx_buf *reply);

#endif
