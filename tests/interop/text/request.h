/* tests/interop/text/request.h: one line of text-driver: its members, the document and the type it is about, its reply.
 *
 * Values stand as the text they came in; what is read out of one lies in a slot of the call until the next call. Bytes are hexadecimal. */
#ifndef DX_TESTS_TEXT_REQUEST_H
#define DX_TESTS_TEXT_REQUEST_H

#include <dxos/text_history.h>
#include <dxos/text_protocol.h>

enum { MEMBERS_MAX = 16 };
static const size_t buffer_max = (size_t)1 << 30;
extern const dx_alloc heap;

typedef struct member {
    dx_bytes name, value; /* name between its quotes */
} member;

typedef struct request {
    member members[MEMBERS_MAX];
    size_t count;
} request;

/* What the last transaction told of one type. */
typedef struct event {
    dx_text_type type;
    dx_buf told; /* members of the reply */
} event;

typedef struct document {
    struct document *next;
    dx_text_doc *doc;
    dx_text_undo_manager *undo;   /* NULL: none asked for */
    dx_text_awareness *awareness; /* NULL: none yet */
    bool observed;
    event *events; /* of the last transaction, when it is observed */
    size_t event_count, event_capacity;
    uint64_t client;
    dx_buf name; /* as it stands in the requests */
} document;

typedef struct call {
    request in;
    dx_text_doc *doc;
    dx_text_form form;
    dx_buf text[4]; /* strings and bytes out of the request, terminated where they are handed on so */
    dx_buf made;    /* what the engine appended */
    dx_buf reply;
    const char *why; /* beside the error */
} call;

/* --- JSON ------------------------------------------------------------------------------------------------------ */

size_t json_skip_space(dx_bytes text, size_t at);
/* Past the value that begins at `at`, brackets counted and strings stepped over; 0: there is none. What it holds is the engine's to judge. */
size_t json_skip_value(dx_bytes text, size_t at);
/* A JSON string without its quotes and escapes; half of a pair becomes U+FFFD, as JavaScript writes it in UTF-8. */
int json_string(dx_bytes value, dx_buf *out);
int json_hex(dx_bytes value, dx_buf *out);

/* --- Members --------------------------------------------------------------------------------------------------- */

/* False: no object of JSON. */
bool request_read(dx_bytes line, request *out);
/* The value of a member; size 0: not there, or null. */
dx_bytes request_get(const request *from, const char *name);
int request_number(const call *self, const char *name, uint64_t *out);
/* The text of a JSON value, terminated; NULL: it is not there. */
const char *request_json(call *self, int slot, const char *name);
const char *request_json_or_null(call *self, int slot, const char *name);
/* A string, terminated; NULL: it is not there or no string, or holds a zero. */
const char *request_string(call *self, int slot, const char *name);
int request_hex(call *self, int slot, const char *name);
int request_kind(dx_bytes value, dx_text_kind *kind);
/* The shared type a request is about: the root of its name, then down its path. */
int request_target(call *self, dx_text_kind kind, dx_text_type *type);

/* --- Replies: members beside "ok" ------------------------------------------------------------------------------ */

void reply_text(dx_buf *out, const char *text);
/* What the call made. */
void reply_hex(call *self, const char *name);
void reply_json(call *self, const char *name);

/* --- Documents, by the text their name stands in --------------------------------------------------------------- */

/* Where it is or, NULL there, goes. */
document **document_place(dx_bytes name);
document *document_of(const call *self);
void document_forget(document **at);
void document_forget_all(void);

#endif
