/* fuzz/fuzz_http.c: any bytes as heads of requests and responses, as addresses and as paths.
 *
 * Properties: a head is found alike however its bytes come in; what a head holds lies within its bytes; a request that is
 * taken has one host, and no line end in any field; a path that is taken names nothing above its root. */
#include "fuzz.h"
#include "net/http.h"

static void check_within(dx_bytes part, dx_bytes whole) {
    FUZZ_CHECK(part.size == 0 ||
               (part.data >= whole.data && part.data + part.size <= whole.data + whole.size));
}

static void check_fields(const dx_http_head *head, dx_bytes bytes) {
    FUZZ_CHECK(head->field_count <= DX_HTTP_FIELDS_MAX);
    for (size_t i = 0; i < head->field_count; i++) {
        check_within(head->fields[i].name, bytes);
        check_within(head->fields[i].value, bytes);
        FUZZ_CHECK(head->fields[i].name.size > 0);
        FUZZ_CHECK(head->fields[i].value.size == 0 ||
                   memchr(head->fields[i].value.data, '\r', head->fields[i].value.size) == NULL);
    }
    (void)dx_http_accepts_coding(head, "br");
    (void)dx_http_matches_tag(head, "\"x\"");
    (void)dx_http_has_token(head, "connection", "close");
}

static void check_path(dx_bytes target) {
    char path[256];
    if (dx_path_decode(target, path, sizeof path) == DX_OK) {
        FUZZ_CHECK(path[0] == '/' && strstr(path, "/../") == NULL && strchr(path, '\\') == NULL);
        size_t size = strlen(path);
        FUZZ_CHECK(size < 3 || strcmp(path + size - 3, "/..") != 0);
    }
}

static int64_t find_slowly(dx_bytes bytes) {
    size_t seen = 0;
    for (size_t size = 0; size < bytes.size; size++) {
        int64_t found = dx_http_head_find(dx_bytes_of(bytes.data, size), &seen);
        if (found != 0) {
            return found;
        }
    }
    return dx_http_head_find(bytes, &seen);
}

static size_t drop_cookies(uint8_t *out, dx_bytes bytes, size_t step) {
    dx_http_cookies cookies = {0};
    size_t left = 0;
    for (size_t at = 0; at < bytes.size; at += step) {
        size_t more = bytes.size - at < step ? bytes.size - at : step;
        memcpy(out + left, bytes.data + at, more);
        left = dx_http_cookies_drop(&cookies, out, left + more);
        FUZZ_CHECK(left + cookies.dropped == at + more);
    }
    return left;
}

/* Alike however its bytes come in; and what is read of the rest is what is read of all, but for cookies. */
static void check_cookies(dx_bytes bytes) {
    static uint8_t at_once[4096], slowly[4096];
    static dx_http_head with, without;
    int status = 0, other = 0;
    if (bytes.size > sizeof at_once) {
        return;
    }
    size_t left = drop_cookies(at_once, bytes, bytes.size + 1);
    FUZZ_CHECK(left == drop_cookies(slowly, bytes, 1) && memcmp(at_once, slowly, left) == 0);
    size_t seen = 0, seen_without = 0;
    int64_t whole = dx_http_head_find(bytes, &seen);
    int64_t found = dx_http_head_find(dx_bytes_of(at_once, left), &seen_without);
    FUZZ_CHECK((whole > 0) == (found > 0));
    if (whole <= 0) {
        return;
    }
    FUZZ_CHECK(left - (size_t)found == bytes.size - (size_t)whole);
    int read = dx_http_request_read(dx_bytes_of(bytes.data, (size_t)whole), &with, &status);
    FUZZ_CHECK(read == dx_http_request_read(dx_bytes_of(at_once, (size_t)found), &without, &other) &&
               status == other);
    FUZZ_CHECK(read != DX_OK ||
               (dx_bytes_equal(with.target, without.target) && with.field_count == without.field_count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dx_http_head head; /* two kilobytes, each time written anew */
    dx_bytes bytes = dx_bytes_of(data, size);
    dx_url url;
    int status = 0;
    size_t seen = 0;
    int64_t found = dx_http_head_find(bytes, &seen);
    FUZZ_CHECK(found == find_slowly(bytes));
    check_cookies(bytes);
    if (found > 0) {
        bytes.size = (size_t)found;
    }
    if (dx_http_request_read(bytes, &head, &status) == DX_OK) {
        check_fields(&head, bytes);
        FUZZ_CHECK(status == 0 && dx_http_field_count(&head, "host") == 1 && head.host.host.size > 0);
        FUZZ_CHECK(dx_http_field_count(&head, "transfer-encoding") == 0);
        check_path(head.target);
    } else {
        FUZZ_CHECK(status >= 400 && status < 600 && dx_http_reason(status)[0] != 0);
    }
    if (dx_http_response_read(bytes, &head) == DX_OK) {
        check_fields(&head, bytes);
        FUZZ_CHECK(head.status >= 100 && head.status <= 599);
    }
    check_path(dx_bytes_of(data, size));
    if (dx_url_parse(dx_bytes_of(data, size), &url) == DX_OK) {
        check_within(url.authority.host, dx_bytes_of(data, size));
        FUZZ_CHECK(url.authority.host.size > 0 && url.authority.port > 0);
    }
    return 0;
}
