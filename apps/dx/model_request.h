/* dx/model_request.h: what is asked of a vault so that an object with a model of its own shows what a record shows.
 *
 * Layer: apps. Models whose operations are kept come with their provenance (docs/spec/models.md). A counter is added to, a text gets its characters, and a list
 * gets its values, in one person's name: at once, or later in parts where they are many or refer to what is yet to be made. */
#ifndef DX_APP_MODEL_REQUEST_H
#define DX_APP_MODEL_REQUEST_H

#include "record.h"

typedef enum dx_model_request {
    DX_MODEL_REQUEST_NONE, /* as it is when it is made */
    DX_MODEL_REQUEST_OPERATION,
    DX_MODEL_REQUEST_PROVENANCE,
    DX_MODEL_REQUEST_LATER, /* nothing at once, then its values in parts */
    DX_MODEL_REQUEST_REFUSED
} dx_model_request;

/* Appends what is asked when the object is made. *why: of one that is refused. DX_E_NO_MEMORY, DX_E_LIMIT. */
DX_MUST_USE int dx_model_request_write(const dx_record *record, dx_buf *out, dx_model_request *request,
                                       const char **why);

/* The values of a list in parts. */
typedef struct dx_list_parts {
    dx_reader values;
    size_t place, left;
} dx_list_parts;

void dx_list_parts_init(dx_list_parts *parts, dx_bytes values);
/* Appends the operation that inserts the next part behind the others. DX_E_NOT_FOUND: there are no more; DX_E_NO_MEMORY,
 * DX_E_LIMIT. */
DX_MUST_USE int dx_list_parts_next(dx_list_parts *parts, dx_buf *out);

#endif
