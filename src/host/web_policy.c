/* host/web_policy.c: who is served what. See web_policy.h.
 *
 * Layer: floor 3, host. */
#include "web_policy.h"

#include <stdio.h>
#include <string.h>

#include <dxos/host.h>

enum { POLICY_SIZE_MAX = 2048 + DX_WEB_ALLOWED_MAX * (DX_WEB_ORIGIN_MAX + 1) };

dx_web_place dx_web_place_of(dx_bytes host, bool is_figure, const char *name, dx_bytes *label) {
    dx_bytes ours = dx_bytes_text(name);
    *label = (dx_bytes){0};
    if (is_figure || dx_host_equal(host, ours) || dx_host_equal(host, dx_bytes_text("localhost"))) {
        return DX_WEB_OWN;
    }
    return dx_host_under(host, ours, label) ? DX_WEB_SITE : DX_WEB_FOREIGN;
}

static int port_or_usual(const dx_authority *authority, bool is_secure) {
    return authority->has_port ? authority->port : is_secure ? 443 : 80;
}

static bool parse_origin(dx_bytes origin, dx_url *out) {
    return dx_url_parse(origin, out) == DX_OK && out->target.size == 0 &&
           (out->scheme == DX_SCHEME_HTTP || out->scheme == DX_SCHEME_HTTPS);
}

bool dx_web_origin_check(dx_bytes origin) {
    dx_url url;
    return parse_origin(origin, &url);
}

bool dx_web_origin_is_ours(dx_bytes origin, const dx_authority *host, const dx_web_scene *scene) {
    dx_url url;
    dx_bytes label;
    if (!parse_origin(origin, &url)) {
        return false;
    }
    for (const char *const *at = scene->allowed; at != NULL && *at != NULL; at++) {
        if (dx_host_equal(origin, dx_bytes_text(*at))) {
            return true;
        }
    }
    if (scene->is_secure && !dx_scheme_is_secure(url.scheme)) {
        return false; /* a page without TLS is whoever sits on the way; the other way round a proxy has added it */
    }
    bool same_host = dx_host_equal(url.authority.host, host->host);
    dx_web_place place = dx_web_place_of(url.authority.host, url.authority.is_figure, scene->name, &label);
    bool named = place == DX_WEB_SITE || dx_host_equal(url.authority.host, dx_bytes_text(scene->name));
    return (same_host || named) && url.authority.port == port_or_usual(host, dx_scheme_is_secure(url.scheme));
}

/* ":port", or nothing. */
static void port_text(const dx_web_scene *scene, char out[static 8]) {
    out[0] = 0;
    if (scene->port != (scene->is_secure ? 443 : 80)) {
        snprintf(out, 8, ":%d", scene->port);
    }
}

void dx_web_origin_write(dx_buf *out, const dx_web_scene *scene, dx_bytes label) {
    char text[DX_HOST_SIZE_MAX + 80], port[8];
    port_text(scene, port);
    int size =
        snprintf(text, sizeof text, "%s://%.*s%s%.253s%s", scene->is_secure ? "https" : "http",
                 (int)(label.size < 64 ? label.size : 64), label.size > 0 ? (const char *)label.data : "",
                 label.size > 0 ? "." : "", scene->name, port);
    dx_buf_append(out, text, (size_t)size);
}

/* WEB.md's measured rules: who may frame the vault is everyone of this kube, its apps only themselves; the vault loads also within a
 * page that isolates itself (COEP with CORP), and opens popups that may speak to their opener (no COOP). */
static void write_content_policy(dx_buf *out, const dx_web_scene *scene, bool is_vault) {
    char policy[POLICY_SIZE_MAX], port[8], family[DX_HOST_SIZE_MAX + 32];
    const char *scheme = scene->is_secure ? "https" : "http";
    port_text(scene, port);
    snprintf(family, sizeof family, "%s://*.%.253s%s", scheme, scene->name, port);
    int size = snprintf(
        policy, sizeof policy,
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src 'self' data: "
        "blob:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "connect-src 'self' ws: wss: %s; ",
        family);
    if (is_vault) {
        size += snprintf(policy + size, sizeof policy - (size_t)size,
                         "style-src 'self'; frame-ancestors 'self' %s", family);
        for (const char *const *at = scene->allowed; at != NULL && *at != NULL; at++) {
            size += snprintf(policy + size, sizeof policy - (size_t)size, " %s", *at);
        }
    } else {
        snprintf(policy + size, sizeof policy - (size_t)size,
                 "style-src 'self' 'unsafe-inline'; frame-src 'self' %s https:; frame-ancestors 'self'",
                 family);
    }
    dx_http_field_write(out, "Content-Security-Policy", policy);
}

void dx_web_policy_write(dx_buf *out, const dx_web_scene *scene, dx_bytes label, bool is_page) {
    bool is_vault =
        scene->vault != NULL && label.size > 0 && dx_host_equal(label, dx_bytes_text(scene->vault));
    dx_http_field_write(out, "X-Content-Type-Options", "nosniff");
    dx_http_field_write(out, "Referrer-Policy", "no-referrer");
    dx_http_field_write(out, "Cross-Origin-Resource-Policy", is_vault ? "cross-origin" : "same-origin");
    if (label.size == 0) {
        dx_http_field_write(out, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
        return;
    }
    write_content_policy(out, scene, is_vault); /* workers take theirs from their own script's answer */
    if (is_vault) {
        dx_http_field_write(out, "Cross-Origin-Embedder-Policy", "require-corp");
    }
    if (is_page) {
        dx_http_field_write(out, "Permissions-Policy",
                            "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), "
                            "usb=(), serial=(), hid=(), "
                            "midi=()");
        dx_http_field_write(out, "Origin-Agent-Cluster", "?1");
    }
}
