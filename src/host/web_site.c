/* host/web_site.c: the files a web server serves. See web_site.h.
 *
 * Layer: floor 3, host. */
#include "web_site.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dxos/host.h>

#include "web_server.h"

enum { DEPTH_MAX = 16, HASH_SIZE = 16 }; /* folders within a site; of a tag */

/* A site while it is read. */
typedef struct reading {
    dx_web_sites *sites;
    dx_web_site *site;
    size_t capacity;
    char *message;
} reading;

static int fail(const reading *self, int error, const char *what, const char *path) {
    snprintf(self->message, DX_HOST_MESSAGE_MAX, "%s: %.400s", what, path);
    return error;
}

/* --- What a name says ------------------------------------------------------------------------------- */

const char *dx_web_type_of(const char *path) {
    static const char *const rows[][2] = {{".html", "text/html; charset=utf-8"},
                                          {".js", "text/javascript; charset=utf-8"},
                                          {".mjs", "text/javascript; charset=utf-8"},
                                          {".css", "text/css; charset=utf-8"},
                                          {".json", "application/json"},
                                          {".map", "application/json"},
                                          {".webmanifest", "application/manifest+json"},
                                          {".wasm", "application/wasm"},
                                          {".svg", "image/svg+xml"},
                                          {".png", "image/png"},
                                          {".jpg", "image/jpeg"},
                                          {".jpeg", "image/jpeg"},
                                          {".gif", "image/gif"},
                                          {".webp", "image/webp"},
                                          {".avif", "image/avif"},
                                          {".ico", "image/x-icon"},
                                          {".woff2", "font/woff2"},
                                          {".txt", "text/plain; charset=utf-8"},
                                          {".xml", "application/xml"},
                                          {".pdf", "application/pdf"}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof rows / sizeof rows[0]; i++) {
        if (strcasecmp(dot, rows[i][0]) == 0) {
            return rows[i][1];
        }
    }
    return "application/octet-stream";
}

bool dx_web_name_is_hashed(const char *path) {
    const char *name = strrchr(path, '/'), *end = strrchr(path, '.');
    if (name == NULL || end == NULL || end < name) {
        return false;
    }
    const char *at = end;
    while (at > name + 1 && at[-1] != '-' && at[-1] != '.') {
        at--;
    }
    size_t size = (size_t)(end - at);
    bool is_bundler =
        strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == size && size == 8; /* esbuild's base32 */
    bool is_hex = strspn(at, "0123456789abcdef") == size && size >= 8;
    return at > name + 1 && (is_bundler || is_hex);
}

static const char *const endings[DX_WEB_CODING_COUNT] = {"", ".br", ".gz"};

/* Of "x.br": the length of "x", and its coding. */
static dx_web_coding coding_of(const char *path, size_t *size) {
    *size = strlen(path);
    for (dx_web_coding coding = DX_WEB_BROTLI; coding < DX_WEB_CODING_COUNT; coding++) {
        if (*size > 3 && strcmp(path + *size - 3, endings[coding]) == 0) {
            *size -= 3;
            return coding;
        }
    }
    return DX_WEB_PLAIN;
}

/* --- Reading ------------------------------------------------------------------------------------------ */

static int compare_files(const void *a, const void *b) {
    return strcmp(((const dx_web_file *)a)->path, ((const dx_web_file *)b)->path);
}

static dx_web_file *add_file(reading *self, const char *path) {
    dx_web_site *site = self->site;
    if (site->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 16 : self->capacity * 2;
        dx_web_file *files = realloc(site->files, capacity * sizeof *files);
        if (files == NULL) {
            return NULL;
        }
        site->files = files;
        self->capacity = capacity;
    }
    dx_web_file *file = &site->files[site->count];
    memset(file, 0, sizeof *file);
    file->path = strdup(path);
    if (file->path == NULL) {
        return NULL;
    }
    site->count++;
    self->sites->file_count++;
    file->type = dx_web_type_of(path);
    file->is_page = strncmp(file->type, "text/html", 9) == 0;
    file->is_immutable = dx_web_name_is_hashed(path);
    return file;
}

static int read_whole(int fd, size_t size, uint8_t *out) {
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, out + done, size - done);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return DX_E_IO; /* also: shorter than a moment ago */
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return DX_OK;
}

static int take_content(reading *self, int fd, size_t size, dx_web_file *file, dx_web_coding coding) {
    uint8_t hash[HASH_SIZE];
    char digits[2 * HASH_SIZE + 1];
    uint8_t *body = malloc(size + 1); /* an empty file is there, too */
    if (body == NULL) {
        return fail(self, DX_E_NO_MEMORY, "no memory for", file->path);
    }
    file->bodies[coding] = (dx_bytes){body, size};
    if (read_whole(fd, size, body) != DX_OK) {
        return fail(self, DX_E_IO, "cannot be read, or changes while it is", file->path);
    }
    crypto_generichash(hash, sizeof hash, body, size, NULL, 0);
    dx_hex_encode(dx_bytes_of(hash, sizeof hash), digits);
    snprintf(file->tags[coding], DX_WEB_TAG_SIZE, "\"%s%s\"", digits, endings[coding]);
    return DX_OK;
}

static int read_file(reading *self, int fd, const char *path) {
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return fail(self, DX_E_IO, strerror(errno), path);
    }
    uint64_t size = about.st_size < 0 ? 0 : (uint64_t)about.st_size;
    if (self->sites->file_count == DX_WEB_FILES_MAX ||
        size > DX_WEB_SITE_SIZE_MAX - self->sites->size_bytes) {
        return fail(self, DX_E_LIMIT, "more files, or larger ones, than a server holds, from", path);
    }
    dx_web_file *file = add_file(self, path);
    if (file == NULL) {
        return fail(self, DX_E_NO_MEMORY, "no memory for", path);
    }
    self->sites->size_bytes += size;
    return take_content(self, fd, (size_t)size, file, DX_WEB_PLAIN);
}

/* A name that can stand in a target, and is not hidden. */
static bool is_served_name(const char *name) {
    for (const char *at = name; *at != 0; at++) {
        if ((uint8_t)*at < ' ' || *at == 0x7f || *at == '\\') {
            return false;
        }
    }
    return name[0] != '.';
}

static int read_folder(reading *self, int fd, const char *path, int depth);

/* One name in a folder. Symbolic links are not followed (ELOOP), pipes and devices not opened for good. */
static int read_entry(reading *self, int folder, const char *path, const char *name, int depth) {
    char whole[DX_PATH_MAX];
    struct stat about;
    int size = snprintf(whole, sizeof whole, "%s/%s", path, name);
    if (!is_served_name(name) || size < 0 || (size_t)size >= sizeof whole) {
        return DX_OK;
    }
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno == ELOOP || errno == ENXIO ? DX_OK : fail(self, DX_E_IO, strerror(errno), whole);
    }
    int error = DX_OK;
    if (fstat(fd, &about) == 0 && S_ISDIR(about.st_mode)) {
        return depth < DEPTH_MAX ? read_folder(self, fd, whole, depth + 1)
                                 : (close(fd), fail(self, DX_E_LIMIT, "too deep a folder", whole));
    }
    if (S_ISREG(about.st_mode)) {
        error = read_file(self, fd, whole);
    }
    close(fd);
    return error;
}

/* Takes fd. */
static int read_folder(reading *self, int fd, const char *path, int depth) {
    DIR *list = fdopendir(fd);
    if (list == NULL) {
        close(fd);
        return fail(self, DX_E_IO, strerror(errno), path);
    }
    int error = DX_OK;
    for (struct dirent *entry; error == DX_OK && (entry = readdir(list)) != NULL;) {
        error = read_entry(self, dirfd(list), path, entry->d_name, depth);
    }
    closedir(list);
    return error;
}

static dx_web_file *find(dx_web_site *site, const char *path) {
    dx_web_file key = {.path = (char *)(uintptr_t)path};
    return site->count == 0 ? NULL : bsearch(&key, site->files, site->count, sizeof key, compare_files);
}

/* Files in another coding go to the file they stand for; one without such a file is served as it is. */
static void join_codings(dx_web_site *site) {
    char path[DX_PATH_MAX];
    size_t kept = 0;
    qsort(site->files, site->count, sizeof site->files[0], compare_files);
    for (size_t i = 0; i < site->count; i++) {
        dx_web_file *file = &site->files[i];
        size_t size;
        dx_web_coding coding = coding_of(file->path, &size);
        snprintf(path, sizeof path, "%.*s", (int)size, file->path);
        dx_web_file *plain = coding == DX_WEB_PLAIN ? NULL : find(site, path);
        if (plain != NULL) {
            plain->bodies[coding] = file->bodies[DX_WEB_PLAIN];
            memcpy(plain->tags[coding], file->tags[DX_WEB_PLAIN], DX_WEB_TAG_SIZE);
            file->bodies[DX_WEB_PLAIN] = (dx_bytes){0};
        }
    }
    for (size_t i = 0; i < site->count; i++) {
        if (site->files[i].bodies[DX_WEB_PLAIN].data != NULL) {
            site->files[kept++] = site->files[i];
        } else {
            free(site->files[i].path);
        }
    }
    site->count = kept;
}

/* A label of RFC 1035 §2.3.1, lower case. */
static bool is_label(const char *name) {
    size_t size = strlen(name);
    return size > 0 && size <= DX_WEB_LABEL_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size && name[0] != '-' &&
           name[size - 1] != '-';
}

static int read_site(reading *self, int fd, const char *label) {
    dx_web_sites *sites = self->sites;
    dx_web_site *grown =
        sites->count == DX_WEB_SITES_MAX ? NULL : realloc(sites->sites, (sites->count + 1) * sizeof *grown);
    if (grown == NULL) {
        close(fd);
        return fail(self, DX_E_LIMIT, "too many sites, or no memory for", label);
    }
    sites->sites = grown;
    self->site = &grown[sites->count];
    self->capacity = 0;
    *self->site = (dx_web_site){.label = strdup(label)};
    sites->count++;
    if (self->site->label == NULL) {
        close(fd);
        return fail(self, DX_E_NO_MEMORY, "no memory for", label);
    }
    int error = read_folder(self, fd, "", 0);
    if (error == DX_OK && self->site->count > 0) {
        join_codings(self->site);
    }
    return error;
}

static int read_sites(reading *self, const char *folder) {
    DIR *list = opendir(folder);
    int error =
        list == NULL ? fail(self, DX_E_NOT_FOUND, "the folder of sites cannot be read", folder) : DX_OK;
    for (struct dirent *entry; error == DX_OK && (entry = readdir(list)) != NULL;) {
        int fd = is_label(entry->d_name)
                     ? openat(dirfd(list), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                     : -1;
        error = fd >= 0 ? read_site(self, fd, entry->d_name) : DX_OK;
    }
    if (list != NULL) {
        closedir(list);
    }
    return error;
}

static int compare_sites(const void *a, const void *b) {
    return strcmp(((const dx_web_site *)a)->label, ((const dx_web_site *)b)->label);
}

int dx_web_sites_read(const char *folder, dx_web_sites **out, char *message) {
    dx_web_sites *sites = calloc(1, sizeof *sites);
    reading self = {.sites = sites, .message = message};
    *out = NULL;
    if (sites == NULL) {
        return fail(&self, DX_E_NO_MEMORY, "no memory for", "sites");
    }
    sites->holders = 1;
    int error = folder == NULL ? DX_OK : read_sites(&self, folder);
    if (error != DX_OK) {
        dx_web_sites_release(sites);
        return error;
    }
    if (sites->count > 0) {
        qsort(sites->sites, sites->count, sizeof sites->sites[0], compare_sites);
    }
    *out = sites;
    return DX_OK;
}

/* --- Holding and finding -------------------------------------------------------------------------------- */

dx_web_sites *dx_web_sites_hold(dx_web_sites *sites) {
    sites->holders++;
    return sites;
}

void dx_web_sites_release(dx_web_sites *sites) {
    if (sites == NULL || --sites->holders > 0) {
        return;
    }
    for (size_t i = 0; i < sites->count; i++) {
        for (size_t j = 0; j < sites->sites[i].count; j++) {
            dx_web_file *file = &sites->sites[i].files[j];
            for (size_t coding = 0; coding < DX_WEB_CODING_COUNT; coding++) {
                free((void *)(uintptr_t)file->bodies[coding].data);
            }
            free(file->path);
        }
        free(sites->sites[i].files);
        free(sites->sites[i].label);
    }
    free(sites->sites);
    free(sites);
}

const dx_web_site *dx_web_site_find(const dx_web_sites *sites, dx_bytes label) {
    for (size_t i = 0; i < sites->count; i++) {
        if (strlen(sites->sites[i].label) == label.size &&
            strncasecmp(sites->sites[i].label, (const char *)label.data, label.size) == 0) {
            return &sites->sites[i];
        }
    }
    return NULL;
}

const dx_web_file *dx_web_file_find(const dx_web_site *site, const char *path) {
    char index[DX_PATH_MAX];
    size_t size = strlen(path);
    if (size > 0 && path[size - 1] == '/') {
        int written = snprintf(index, sizeof index, "%sindex.html", path);
        return written < 0 || (size_t)written >= sizeof index ? NULL
                                                              : find((dx_web_site *)(uintptr_t)site, index);
    }
    return find((dx_web_site *)(uintptr_t)site, path);
}
