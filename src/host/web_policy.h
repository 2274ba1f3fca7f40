/* host/web_policy.h: who is served what by a web server: host names, origins, and the fields that tell browsers what a page may do.
 *
 * Layer: floor 3, host. Pure functions over parsed bytes; docs/spec/kube.md says the same in words. */
#ifndef DX_HOST_WEB_POLICY_H
#define DX_HOST_WEB_POLICY_H

#include "net/http.h"

enum { DX_WEB_ALLOWED_MAX = 16, DX_WEB_ORIGIN_MAX = DX_HOST_SIZE_MAX + 16 };

typedef enum dx_web_place {
    DX_WEB_FOREIGN, /* a name that is not ours: 421 */
    DX_WEB_OWN,     /* NAME itself, "localhost", an address in figures: the kube's own pages, no site */
    DX_WEB_SITE     /* LABEL.NAME */
} dx_web_place;

typedef struct dx_web_scene {
    const char *name;           /* NAME */
    const char *vault;          /* the vault's label; NULL: none */
    const char *const *allowed; /* origins elsewhere that count as ours; ends with NULL; NULL: none */
    bool is_secure;
    int port; /* as the browser knows it: the one in Host */
} dx_web_scene;

/* label is set for DX_WEB_SITE. */
dx_web_place dx_web_place_of(dx_bytes host, bool is_figure, const char *name, dx_bytes *label);
/* Whether a text can be an origin: SCHEME://HOST[:PORT] of http or https. */
bool dx_web_origin_check(dx_bytes origin);
/* Whether an Origin is one of ours or allowed: NAME or LABEL.NAME, or the very host that was asked, at the port that was asked. "null" is not. */
bool dx_web_origin_is_ours(dx_bytes origin, const dx_authority *host, const dx_web_scene *scene);
/* "http://LABEL.NAME:port", the port left out where it is the scheme's. */
void dx_web_origin_write(dx_buf *out, const dx_web_scene *scene, dx_bytes label);
/* The fields every answer carries; label size 0: no site. */
void dx_web_policy_write(dx_buf *out, const dx_web_scene *scene, dx_bytes label, bool is_page);

#endif
