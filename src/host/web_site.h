/* host/web_site.h: the files a web server serves: read once, kept in memory, found by exact name.
 *
 * Layer: floor 3, host. A folder holds sites, each a folder named by the label it is served under; in it regular files.
 * Symbolic links, names that begin with a dot, and what is no file or folder are left out, so that nothing outside of the
 * folder is ever served. "x.br" and "x.gz" beside "x" are x in another coding. A table never changes: reading anew makes
 * another one, and the old one goes with the last answer that holds it. */
#ifndef DX_HOST_WEB_SITE_H
#define DX_HOST_WEB_SITE_H

#include <dxos/base.h>

typedef enum dx_web_coding { DX_WEB_PLAIN, DX_WEB_BROTLI, DX_WEB_GZIP, DX_WEB_CODING_COUNT } dx_web_coding;

enum { DX_WEB_TAG_SIZE = 40 };

typedef struct dx_web_file {
    char *path; /* as in a target: "/index.html" */
    const char *type;
    bool is_page;                                    /* HTML */
    bool is_immutable;                               /* its name holds a hash of its content */
    dx_bytes bodies[DX_WEB_CODING_COUNT];            /* data NULL: not there in that coding */
    char tags[DX_WEB_CODING_COUNT][DX_WEB_TAG_SIZE]; /* strong entity tags, with their quotes */
} dx_web_file;

typedef struct dx_web_site {
    char *label;
    dx_web_file *files; /* sorted by path */
    size_t count;
} dx_web_site;

typedef struct dx_web_sites {
    dx_web_site *sites; /* sorted by label */
    size_t count, file_count;
    uint64_t size_bytes;
    int holders;
} dx_web_sites;

/* folder NULL: no sites. The caller holds the result. DX_E_NOT_FOUND, DX_E_IO, DX_E_LIMIT, DX_E_NO_MEMORY with message
 * (DX_HOST_MESSAGE_MAX). */
DX_MUST_USE int dx_web_sites_read(const char *folder, dx_web_sites **out, char *message);
dx_web_sites *dx_web_sites_hold(dx_web_sites *sites);
void dx_web_sites_release(dx_web_sites *sites); /* NULL is allowed */

/* label in any case. NULL: none. */
const dx_web_site *dx_web_site_find(const dx_web_sites *sites, dx_bytes label);
/* A path as dx_path_decode gives it; one that ends with '/' names the index.html there. */
const dx_web_file *dx_web_file_find(const dx_web_site *site, const char *path);
const char *dx_web_type_of(const char *path);
/* Whether a name says "my content never changes": a hash before its ending, as bundlers write it ("main-6D4E2BQA.js",
 * "core.0f3a9c1d.wasm"). */
bool dx_web_name_is_hashed(const char *path);

#endif
