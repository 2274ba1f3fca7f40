/* examples/kube.c: a machine that serves pages and signaling to others: a folder with a page in it, in the background and in this
 * process.   cc kube.c $(pkg-config --cflags --libs dxos-host) -o kube && ./kube my-sites */
#include <dxos/kube.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

/* What http://hello.kube.localhost:PORT/ shows is SITES/hello/index.html. */
static bool write_site(const char *sites) {
    char path[DX_PATH_MAX];
    bool there = mkdir(sites, 0700) == 0 || errno == EEXIST;
    snprintf(path, sizeof path, "%s/hello", sites);
    there = there && (mkdir(path, 0700) == 0 || errno == EEXIST);
    snprintf(path, sizeof path, "%s/hello/index.html", sites);
    FILE *file = there ? fopen(path, "w") : NULL;
    if (file == NULL) {
        return false;
    }
    fputs("<!doctype html><title>Hello</title><h1>Hello</h1>\n", file);
    return fclose(file) == 0;
}

static void print_status(dx_bytes status) {
    dx_bytes name = dx_item_text(dx_item_get(status, "name"));
    printf("%.*s serves\n", (int)name.size, name.size == 0 ? "" : (const char *)name.data);
    fflush(stdout);
}

/* It listens, and would stay until it is asked to stop; here it has been seen. */
static void on_ready(void *ctx, dx_bytes status) {
    (void)ctx;
    print_status(status);
    raise(SIGTERM);
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX] = "";
    dx_kube_options options = {.profile = "example", .sites = count > 1 ? words[1] : "kube-sites"};
    dx_buf status;
    dx_buf_init(&status, dx_host_alloc(), DX_ANSWER_MAX);
    int error = write_site(options.sites) ? dx_kube_start(&options, message) : DX_E_IO;
    if (error == DX_OK) {
        error = dx_kube_status(options.profile, &status, message);
        print_status(dx_buf_view(&status));
        int stopped = dx_kube_stop(options.profile, 10000, message);
        error = error ? error : stopped;
    }
    options.on_ready = on_ready; /* the same in the foreground, as a service manager has it */
    error = error ? error : dx_kube_run(&options, message);
    if (error != DX_OK) {
        fprintf(stderr, "%s: %s\n", dx_error_text(error), message);
    }
    dx_buf_deinit(&status);
    return error == DX_OK ? 0 : 1;
}
