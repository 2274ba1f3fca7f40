/* net/url.c: addresses of the web. See url.h.
 *
 * Layer: floor 2, net. */
#include "url.h"

#include <string.h>

#include "address.h"

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static int hex_digit(uint8_t c) {
    uint8_t l = lower(c);
    return is_digit(c) ? c - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static dx_bytes after(dx_bytes text, size_t size) {
    return dx_bytes_of(text.data + size, text.size - size);
}

/* --- Hosts ---------------------------------------------------------------------------------------- */

bool dx_host_equal(dx_bytes a, dx_bytes b) {
    for (size_t i = 0; a.size == b.size && i < a.size; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return a.size == b.size;
}

bool dx_host_under(dx_bytes name, dx_bytes domain, dx_bytes *label) {
    if (name.size < domain.size + 2 || name.data[name.size - domain.size - 1] != '.' ||
        !dx_host_equal(after(name, name.size - domain.size), domain)) {
        return false;
    }
    *label = dx_bytes_of(name.data, name.size - domain.size - 1);
    return true;
}

bool dx_host_is_local(dx_bytes name) {
    dx_bytes label, local = dx_bytes_text("localhost");
    return dx_host_equal(name, local) || dx_host_under(name, local, &label);
}

/* Labels of letters, digits and '-', none of them empty. */
static bool is_name(dx_bytes host) {
    size_t label = 0;
    for (size_t i = 0; i < host.size; i++) {
        uint8_t c = host.data[i];
        if (c == '.' && label == 0) {
            return false;
        }
        if (c != '.' && c != '-' && !is_letter(c) && !is_digit(c)) {
            return false;
        }
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0 && host.size <= DX_HOST_SIZE_MAX;
}

/* IPv4, or IPv6 where it stood in brackets. */
static bool is_address(dx_bytes host, bool in_brackets) {
    dx_net_address address;
    bool has_colon = host.size > 0 && memchr(host.data, ':', host.size) != NULL;
    return has_colon == in_brackets && dx_net_host_parse(host, 0, &address) == DX_OK;
}

/* A name whose last label is figures is an address written in some old form, as browsers read "127.1". */
static bool ends_in_figures(dx_bytes host) {
    size_t at = host.size;
    while (at > 0 && host.data[at - 1] != '.') {
        if (!is_digit(host.data[--at])) {
            return false;
        }
    }
    return true;
}

static int parse_port(dx_bytes text, dx_authority *out) {
    uint32_t value = 0;
    if (text.size == 0 || text.size > 5 || text.data[0] == '0') {
        return DX_E_INVALID;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i])) {
            return DX_E_INVALID;
        }
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (value > 65535) {
        return DX_E_INVALID;
    }
    out->has_port = true;
    out->port = (uint16_t)value;
    return DX_OK;
}

int dx_authority_parse(dx_bytes text, dx_authority *out) {
    size_t end = 0;
    memset(out, 0, sizeof *out);
    out->is_six = text.size > 0 && text.data[0] == '[';
    while (end < text.size && text.data[end] != (out->is_six ? ']' : ':')) {
        end++;
    }
    if (out->is_six) {
        if (end == text.size) {
            return DX_E_INVALID;
        }
        out->host = dx_bytes_of(text.data + 1, end - 1);
        end++;
        out->is_figure = is_address(out->host, true);
    } else {
        out->host = dx_bytes_of(text.data, end);
        out->is_figure = is_address(out->host, false);
    }
    bool valid = out->is_figure || (!out->is_six && is_name(out->host) && !ends_in_figures(out->host));
    if (!valid || (end < text.size && text.data[end] != ':')) {
        return DX_E_INVALID;
    }
    return end == text.size ? DX_OK : parse_port(after(text, end + 1), out);
}

/* --- Whole addresses ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    dx_scheme scheme;
    uint16_t port;
} schemes[] = {{"http://", DX_SCHEME_HTTP, 80},
               {"https://", DX_SCHEME_HTTPS, 443},
               {"ws://", DX_SCHEME_WS, 80},
               {"wss://", DX_SCHEME_WSS, 443}};

bool dx_scheme_is_secure(dx_scheme scheme) {
    return scheme == DX_SCHEME_HTTPS || scheme == DX_SCHEME_WSS;
}

/* Path and query: printable ASCII without what RFC 3986 keeps out of them, and no fragment. */
static bool is_target(dx_bytes target) {
    for (size_t i = 0; i < target.size; i++) {
        uint8_t c = target.data[i];
        if (c <= ' ' || c >= 0x7f || strchr("#\"<>\\^`{|}", c) != NULL) {
            return false;
        }
    }
    return true;
}

int dx_url_parse(dx_bytes text, dx_url *out) {
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i].name), end = size;
        if (text.size > DX_URL_SIZE_MAX || text.size < size ||
            !dx_host_equal(dx_bytes_of(text.data, size), dx_bytes_text(schemes[i].name))) {
            continue;
        }
        while (end < text.size && text.data[end] != '/' && text.data[end] != '?' && text.data[end] != '#') {
            end++;
        }
        out->scheme = schemes[i].scheme;
        out->target = after(text, end);
        int error = dx_authority_parse(dx_bytes_of(text.data + size, end - size), &out->authority);
        if (error != DX_OK || !is_target(out->target) ||
            (out->target.size > 0 && out->target.data[0] != '/')) {
            return DX_E_INVALID;
        }
        out->authority.port = out->authority.has_port ? out->authority.port : schemes[i].port;
        return DX_OK;
    }
    return DX_E_INVALID;
}

/* --- Paths ----------------------------------------------------------------------------------------- */

/* "." and ".." mean another place to whoever resolves them; nothing of ours is called so. */
static bool climbs(const char *path) {
    for (const char *at = strchr(path, '/'); at != NULL; at = strchr(at + 1, '/')) {
        size_t size = strcspn(at + 1, "/");
        if ((size == 1 && at[1] == '.') || (size == 2 && at[1] == '.' && at[2] == '.')) {
            return true;
        }
    }
    return false;
}

int dx_path_decode(dx_bytes target, char *out, size_t size) {
    size_t written = 0;
    for (size_t i = 0; i < target.size && target.data[i] != '?'; i++) {
        uint8_t c = target.data[i];
        if (c == '%') {
            int high = i + 2 < target.size ? hex_digit(target.data[i + 1]) : -1;
            int low = i + 2 < target.size ? hex_digit(target.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return DX_E_INVALID;
            }
            c = (uint8_t)(high << 4 | low);
            i += 2;
            if (c == '/') {
                return DX_E_INVALID;
            }
        }
        if (c < ' ' || c == 0x7f || c == '\\') {
            return DX_E_INVALID;
        }
        if (written + 1 >= size) {
            return DX_E_LIMIT;
        }
        out[written++] = (char)c;
    }
    if (size == 0) {
        return DX_E_LIMIT;
    }
    out[written] = 0;
    return out[0] == '/' && !climbs(out) ? DX_OK : DX_E_INVALID;
}
