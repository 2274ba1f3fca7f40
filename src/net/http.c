/* net/http.c: heads of HTTP/1.1 messages. See http.h.
 *
 * Layer: floor 2, net. Section numbers are RFC 9112's unless another is named. */
#include "http.h"

#include <string.h>

#include "scan.h"

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* RFC 9110 §5.6.2. */
static bool is_token_byte(uint8_t c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(dx_bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        if (!is_token_byte(text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t';
}

static dx_bytes trimmed(dx_bytes text) {
    while (text.size > 0 && is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_space(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* Up to a byte, which is taken too; all of it when the byte is not there. */
static dx_bytes take_until(dx_bytes *rest, uint8_t end, bool *found) {
    const uint8_t *at = rest->size == 0 ? NULL : memchr(rest->data, end, rest->size);
    size_t size = at == NULL ? rest->size : (size_t)(at - rest->data);
    dx_bytes taken = {rest->data, size};
    *found = at != NULL;
    rest->data += size + (at != NULL);
    rest->size -= size + (at != NULL);
    return taken;
}

/* A line of a head that was found whole. */
static dx_bytes take_line(dx_bytes *rest) {
    bool found;
    dx_bytes line = take_until(rest, '\n', &found);
    line.size -= line.size > 0; /* its '\r' */
    return line;
}

/* --- Where a head ends ------------------------------------------------------------------------------ */

/* A byte of the head's line that began at self->line, as it is now. */
static void note_byte(dx_http_cookies *self, const uint8_t *bytes, uint8_t byte) {
    size_t size = self->at - self->line;
    if (byte == '\n') {
        self->ended =
            size == 2; /* CRLF alone, also as the first line; other ends of lines the reader refuses */
        self->line = self->at;
        self->is_field = true;
        self->is_cookie = false;
    } else if (byte == ':' && self->is_field && size == 7) {
        self->is_cookie = dx_scan_is(dx_bytes_of(bytes + self->line, 6), "cookie");
    }
}

size_t dx_http_cookies_drop(dx_http_cookies *self, uint8_t *bytes, size_t size) {
    size_t from = self->at;
    while (from < size && !self->ended) {
        uint8_t byte = bytes[from++];
        if (self->is_cookie && byte != 0x7f && (byte == '\t' || byte >= ' ') && byte < 0x80) {
            self->dropped++;
            continue;
        }
        self->is_cookie = false; /* a value ends here, or is none: what is wrong with it stays wrong */
        bytes[self->at++] = byte;
        note_byte(self, bytes, byte);
    }
    if (from > self->at) {
        memmove(bytes + self->at, bytes + from, size - from);
    }
    return self->at + size - from;
}

int64_t dx_http_head_find(dx_bytes bytes, size_t *seen) {
    size_t end = bytes.size < DX_HTTP_HEAD_SIZE_MAX ? bytes.size : DX_HTTP_HEAD_SIZE_MAX;
    for (size_t i = *seen; i < end; i++) {
        uint8_t c = bytes.data[i];
        bool after_return = i > 0 && bytes.data[i - 1] == '\r';
        if ((c == '\n') != after_return || (c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f) {
            return DX_E_MALFORMED;
        }
        if (c == '\n' && (i == 1 || (i >= 3 && bytes.data[i - 2] == '\n'))) {
            *seen = i + 1;
            return (int64_t)i + 1;
        }
    }
    *seen = end;
    return end == DX_HTTP_HEAD_SIZE_MAX ? DX_E_LIMIT : 0;
}

static bool is_one_head(dx_bytes head) {
    size_t seen = 0;
    int64_t size = dx_http_head_find(head, &seen);
    return size > 2 && (size_t)size == head.size;
}

/* --- Fields ------------------------------------------------------------------------------------------ */

static bool name_is(dx_bytes name, const char *wanted) {
    return dx_host_equal(name, dx_bytes_text(wanted));
}

dx_bytes dx_http_field_find(const dx_http_head *head, const char *name) {
    for (size_t i = 0; i < head->field_count; i++) {
        if (name_is(head->fields[i].name, name)) {
            return head->fields[i].value;
        }
    }
    return (dx_bytes){0};
}

size_t dx_http_field_count(const dx_http_head *head, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        count += name_is(head->fields[i].name, name);
    }
    return count;
}

bool dx_http_has_token(const dx_http_head *head, const char *name, const char *token) {
    for (size_t i = 0; i < head->field_count; i++) {
        dx_bytes rest = head->fields[i].value;
        bool more = name_is(head->fields[i].name, name);
        while (more) {
            if (name_is(trimmed(take_until(&rest, ',', &more)), token)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether ";q=" says no: 0, 0.0, 0.00, 0.000 (RFC 9110 §12.4.2). */
static bool is_refused(dx_bytes parameters) {
    bool more = true;
    while (more) {
        dx_bytes parameter = trimmed(take_until(&parameters, ';', &more));
        if (parameter.size < 3 || (parameter.data[0] | 0x20) != 'q' || parameter.data[1] != '=') {
            continue;
        }
        bool zero = true;
        for (size_t i = 2; i < parameter.size; i++) {
            zero = zero && (parameter.data[i] == '0' || parameter.data[i] == '.');
        }
        return zero;
    }
    return false;
}

bool dx_http_accepts_coding(const dx_http_head *head, const char *coding) {
    bool any = false, named = false, accepted = false;
    for (size_t i = 0; i < head->field_count; i++) {
        dx_bytes rest = head->fields[i].value;
        bool more = name_is(head->fields[i].name, "accept-encoding");
        while (more) {
            bool has_parameters;
            dx_bytes item = take_until(&rest, ',', &more);
            dx_bytes name = trimmed(take_until(&item, ';', &has_parameters));
            bool refused = has_parameters && is_refused(item);
            if (name_is(name, coding)) {
                named = true;
                accepted = !refused;
            } else if (name_is(name, "*")) {
                any = !refused;
            }
        }
    }
    return named ? accepted : any;
}

bool dx_http_matches_tag(const dx_http_head *head, const char *tag) {
    size_t size = strlen(tag);
    for (size_t i = 0; i < head->field_count; i++) {
        if (!name_is(head->fields[i].name, "if-none-match")) {
            continue;
        }
        dx_bytes rest = head->fields[i].value;
        bool more = true;
        while (more) { /* none of our tags holds a comma */
            dx_bytes item = trimmed(take_until(&rest, ',', &more));
            if (item.size > 2 && memcmp(item.data, "W/", 2) == 0) {
                item = dx_bytes_of(item.data + 2, item.size - 2);
            }
            if ((item.size == 1 && item.data[0] == '*') ||
                (item.size == size && memcmp(item.data, tag, size) == 0)) {
                return true;
            }
        }
    }
    return false;
}

/* §5: NAME ":" OWS VALUE OWS; a line that begins with space would continue the one before (§5.2), and is refused. */
static int read_fields(dx_bytes rest, dx_http_head *out) {
    for (dx_bytes line = take_line(&rest); line.size > 0; line = take_line(&rest)) {
        bool colon;
        dx_bytes value = line;
        dx_bytes name = take_until(&value, ':', &colon);
        if (!colon || !is_token(name)) {
            return DX_E_MALFORMED;
        }
        if (out->field_count == DX_HTTP_FIELDS_MAX) {
            return DX_E_LIMIT;
        }
        out->fields[out->field_count++] = (dx_http_field){name, trimmed(value)};
    }
    return DX_OK;
}

/* §6.2: figures alone, once. Lists of equal ones, which a recipient may take, are refused. */
static int read_body_size(dx_http_head *out) {
    dx_bytes value = dx_http_field_find(out, "content-length");
    size_t count = dx_http_field_count(out, "content-length");
    if (count == 0) {
        return DX_OK;
    }
    if (count > 1 || value.size == 0 || value.size > 18) {
        return DX_E_MALFORMED;
    }
    for (size_t i = 0; i < value.size; i++) {
        if (!is_digit(value.data[i])) {
            return DX_E_MALFORMED;
        }
        out->body_size = out->body_size * 10 + (uint64_t)(value.data[i] - '0');
    }
    out->has_body_size = true;
    return DX_OK;
}

/* "HTTP/1.x" (§2.3); higher minor versions read as 1.1. -1: no version; -2: another major one. */
static int read_version(dx_bytes text) {
    if (text.size != 8 || memcmp(text.data, "HTTP/", 5) != 0 || !is_digit(text.data[5]) ||
        text.data[6] != '.' || !is_digit(text.data[7])) {
        return -1;
    }
    return text.data[5] != '1' ? -2 : text.data[7] == '0' ? 0 : 1;
}

/* --- Requests ----------------------------------------------------------------------------------------- */

static dx_http_method method_of(dx_bytes name) {
    static const char *const known[] = {"POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    if (dx_bytes_equal(name, dx_bytes_text("GET"))) {
        return DX_HTTP_GET;
    }
    if (dx_bytes_equal(name, dx_bytes_text("HEAD"))) {
        return DX_HTTP_HEAD;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (dx_bytes_equal(name, dx_bytes_text(known[i]))) {
            return DX_HTTP_KNOWN;
        }
    }
    return DX_HTTP_UNKNOWN;
}

static int request_line(dx_bytes line, dx_http_head *out) {
    bool first, second, third;
    dx_bytes method = take_until(&line, ' ', &first);
    dx_bytes target = take_until(&line, ' ', &second);
    dx_bytes version = take_until(&line, ' ', &third);
    if (!first || !second || third || !is_token(method) || target.size == 0) {
        return 400;
    }
    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] <= ' ' || target.data[i] >= 0x7f) {
            return 400;
        }
    }
    out->minor = read_version(version);
    out->method = method_of(method);
    out->target = target;
    return out->minor >= 0 ? 0 : out->minor == -1 ? 400 : 505;
}

/* §3.2. The absolute form must name the host that Host names, so that nobody can be of two minds about it. */
static int request_target(dx_http_head *out) {
    dx_url url;
    if (out->target.data[0] == '/') {
        return 0;
    }
    if (out->method == DX_HTTP_KNOWN || out->method == DX_HTTP_UNKNOWN) {
        return 0; /* "*" of OPTIONS, HOST:PORT of CONNECT: answered by their methods */
    }
    if (dx_url_parse(out->target, &url) != DX_OK || !dx_host_equal(url.authority.host, out->host.host) ||
        url.authority.has_port != out->host.has_port ||
        (out->host.has_port && url.authority.port != out->host.port)) {
        return 400;
    }
    out->target = url.target.size > 0 ? url.target : dx_bytes_text("/");
    return 0;
}

static int request_framing(dx_http_head *out) {
    bool is_coded = dx_http_field_count(out, "transfer-encoding") > 0;
    if (read_body_size(out) != DX_OK || dx_http_field_count(out, "host") != 1 ||
        dx_authority_parse(dx_http_field_find(out, "host"), &out->host) != DX_OK) {
        return 400;
    }
    if (is_coded) { /* §6.1, §6.3: both, or in a 1.0 message, is how requests are smuggled */
        return out->has_body_size || out->minor == 0 ? 400 : 501;
    }
    return 0;
}

int dx_http_request_read(dx_bytes head, dx_http_head *out, int *status) {
    memset(out, 0, sizeof *out);
    *status = 400;
    if (!is_one_head(head)) {
        return DX_E_MALFORMED;
    }
    dx_bytes line = take_line(&head);
    *status = request_line(line, out);
    if (*status == 0 && out->target.size > DX_HTTP_TARGET_SIZE_MAX) {
        *status = 414;
    }
    if (*status == 0) {
        int error = read_fields(head, out);
        *status = error == DX_OK ? 0 : error == DX_E_LIMIT ? 431 : 400;
    }
    *status = *status == 0 ? request_framing(out) : *status;
    *status = *status == 0 ? request_target(out) : *status;
    if (*status != 0) {
        return *status == 414 || *status == 431 ? DX_E_LIMIT : DX_E_MALFORMED;
    }
    out->keep_alive = out->minor == 1 && !dx_http_has_token(out, "connection", "close");
    return DX_OK;
}

/* --- Responses ----------------------------------------------------------------------------------------- */

int dx_http_response_read(dx_bytes head, dx_http_head *out) {
    bool first, second;
    memset(out, 0, sizeof *out);
    if (!is_one_head(head)) {
        return DX_E_MALFORMED;
    }
    dx_bytes line = take_line(&head);
    dx_bytes version = take_until(&line, ' ', &first);
    dx_bytes status = take_until(&line, ' ', &second); /* the reason after it may be anything, or missing */
    out->minor = read_version(version);
    if (!first || out->minor < 0 || status.size != 3) {
        return DX_E_MALFORMED;
    }
    for (size_t i = 0; i < 3; i++) {
        if (!is_digit(status.data[i])) {
            return DX_E_MALFORMED;
        }
        out->status = out->status * 10 + (status.data[i] - '0');
    }
    if (out->status < 100 || out->status > 599 || read_fields(head, out) != DX_OK ||
        read_body_size(out) != DX_OK) {
        return DX_E_MALFORMED;
    }
    out->keep_alive = out->minor == 1 && !dx_http_has_token(out, "connection", "close");
    return DX_OK;
}

/* --- Writing --------------------------------------------------------------------------------------------- */

const char *dx_http_reason(int status) {
    static const struct {
        int status;
        const char *reason;
    } rows[] = {{101, "Switching Protocols"},
                {200, "OK"},
                {304, "Not Modified"},
                {307, "Temporary Redirect"},
                {400, "Bad Request"},
                {403, "Forbidden"},
                {404, "Not Found"},
                {405, "Method Not Allowed"},
                {408, "Request Timeout"},
                {413, "Content Too Large"},
                {414, "URI Too Long"},
                {421, "Misdirected Request"},
                {426, "Upgrade Required"},
                {431, "Request Header Fields Too Large"},
                {500, "Internal Server Error"},
                {501, "Not Implemented"},
                {503, "Service Unavailable"},
                {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].status == status) {
            return rows[i].reason;
        }
    }
    return "";
}

static void append_text(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

static void append_number(dx_buf *out, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    dx_buf_append(out, digits + at, sizeof digits - at);
}

void dx_http_response_begin(dx_buf *out, int status) {
    DX_ASSERT(status >= 100 && status <= 599);
    append_text(out, "HTTP/1.1 ");
    append_number(out, (uint64_t)status);
    append_text(out, " ");
    append_text(out, dx_http_reason(status));
    append_text(out, "\r\n");
}

void dx_http_request_begin(dx_buf *out, const char *method, dx_bytes target) {
    append_text(out, method);
    append_text(out, " ");
    dx_buf_append(out, target.data, target.size);
    append_text(out, " HTTP/1.1\r\n");
}

void dx_http_field_write(dx_buf *out, const char *name, const char *value) {
    for (const char *at = value; *at != 0; at++) {
        DX_ASSERT((uint8_t)*at >= ' ' && *at != 0x7f);
    }
    append_text(out, name);
    append_text(out, ": ");
    append_text(out, value);
    append_text(out, "\r\n");
}

void dx_http_field_write_number(dx_buf *out, const char *name, uint64_t value) {
    append_text(out, name);
    append_text(out, ": ");
    append_number(out, value);
    append_text(out, "\r\n");
}

void dx_http_head_end(dx_buf *out) {
    append_text(out, "\r\n");
}
