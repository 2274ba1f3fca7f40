/* dx/vault.h: asking the vault: one way for every verb, with or without an agent.
 *
 * Layer: apps, over the client of dxos/client.h. Every failure is told here, once; what is returned is an exit
 * code. The client lives in run->client until dx_vault_close. */
#ifndef DX_APP_VAULT_H
#define DX_APP_VAULT_H

#include "failure.h"

enum {
    DX_VAULT_CREATE = 1,  /* make the vault when there is none */
    DX_VAULT_NETWORK = 2, /* without an agent: speak to peers from this process */
    DX_COMMAND_SIZE_MAX = 4 << 20
};

/* Another command may hold the vault for a moment, which is no reason to fail. True: a little was waited, try
 * again; false: it stays. *until_ms is 0 at first. */
bool dx_vault_is_worth_waiting(const dx_invocation *run, int64_t *until_ms);
/* Opening twice is no error. */
int dx_vault_open(dx_invocation *run, unsigned flags);
/* Tells why a vault could not be opened or served; message may be empty. */
int dx_vault_unopened(dx_invocation *run, int error, const char *message);
void dx_vault_close(dx_invocation *run);
/* What is left of --timeout, -1: no limit. */
int64_t dx_vault_left_ms(const dx_invocation *run);
/* Ctrl-C or a polite kill has arrived. */
bool dx_vault_interrupted(void);

/* --- Commands --- */
void dx_command_begin(dx_map_builder *command, const char *name);
void dx_command_text(dx_map_builder *command, const char *key, const char *value); /* NULL: left out */
void dx_command_bool(dx_map_builder *command, const char *key, bool value);        /* false: left out */
void dx_command_item(dx_map_builder *command, const char *key, dx_bytes item);     /* size 0: left out */
/* The encoded command; frees the builder. Told and an exit code when it is too large. */
int dx_command_finish(dx_invocation *run, dx_map_builder *command, dx_buf *out);

/* --- Asking --- */
/* Opens the vault when it is not, sends, waits. reply may be NULL. An error reply is told. */
int dx_vault_ask(dx_invocation *run, dx_map_builder *command, dx_on_answer on_answer, void *ctx,
                 dx_buf *reply);
/* One line when a reply says that it may lack something. */
void dx_vault_tell_partial(dx_invocation *run, int code, dx_bytes reply);
/* The same under a request id of the caller's: asked twice it happens once. */
int dx_vault_ask_as(dx_invocation *run, dx_map_builder *command, const uint8_t request[DX_REQUEST_SIZE],
                    dx_buf *reply);
/* Asks under a request id, and waits. Not told: the client's errors, or that of the buffer. */
int dx_vault_call_as(dx_invocation *run, dx_bytes command, const uint8_t request[DX_REQUEST_SIZE],
                     dx_buf *reply);
/* Prints the rows of the answer as a table. */
int dx_vault_ask_rows(dx_invocation *run, dx_map_builder *command, const dx_column *columns);
/* Prints the reply as one thing. */
int dx_vault_ask_record(dx_invocation *run, dx_map_builder *command, const dx_column *columns);
/* Tells what dx_client_wait, dx_client_call or dx_client_send returned. */
int dx_vault_failed(dx_invocation *run, int error);
/* Calls a request off and waits a little for its end, which sets *ended; quietly. */
void dx_vault_cancel(dx_invocation *run, const uint8_t request[DX_REQUEST_SIZE], const bool *ended);
/* Where peers come in, of a reply of "status", as HOST:PORT; size 0: nowhere. */
dx_bytes dx_reply_listen(dx_bytes reply);
/* "tcp:HOST:PORT", the house's word for an address, as people write it. */
dx_bytes dx_address_plain(dx_bytes address);
/* Whether only programs of this machine reach such an address. */
bool dx_address_is_here(dx_bytes plain);

#endif
