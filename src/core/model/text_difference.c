/* model/text_difference.c: the difference of two texts. See text_difference.h.
 *
 * Layer: floor 1, model. A text is cut into tokens: lines, or code points. The greedy walk keeps the furthest place of every
 * diagonal for each number of differences, and goes back over them to mark what stays. */
#include "model/text_difference.h"

#include <string.h>

/* Differences looked for: memory grows with the square, up to 8 MiB here. */
enum { LINES_MAX = 1024, CHARACTERS_MAX = 512 };

typedef struct token {
    const uint8_t *data;
    uint32_t size;
    uint32_t hash;
} token;

typedef struct token_run {
    token *items;
    size_t count;
    bool *kept; /* marked by the walk */
} token_run;

typedef struct change_sink {
    dx_on_text_change *on_change;
    void *ctx;
    uint64_t at; /* characters passed */
} change_sink;

/* --- Tokens ----------------------------------------------------------------------------------- */

static bool begins_character(uint8_t byte) {
    return (byte & 0xc0) != 0x80;
}

static uint64_t count_characters(dx_bytes text) {
    uint64_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += begins_character(text.data[i]);
    }
    return count;
}

/* Where the token ends that begins at `at`. */
static size_t token_end(dx_bytes text, size_t at, bool lines) {
    size_t end = at + 1;
    if (lines) {
        while (end < text.size && text.data[end - 1] != '\n') {
            end++;
        }
    } else {
        while (end < text.size && !begins_character(text.data[end])) {
            end++;
        }
    }
    return end;
}

static uint32_t hash_of(const uint8_t *data, size_t size) {
    uint32_t hash = UINT32_C(0x811c9dc5); /* FNV-1a, to tell most apart at once */
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ data[i]) * UINT32_C(0x01000193);
    }
    return hash;
}

static void free_run(const dx_alloc *alloc, token_run *run) {
    dx_alloc_free(alloc, run->items, run->count * sizeof *run->items);
    dx_alloc_free(alloc, run->kept, run->count * sizeof *run->kept);
    *run = (token_run){0};
}

static int cut(const dx_alloc *alloc, dx_bytes text, bool lines, token_run *run) {
    size_t count = 0;
    *run = (token_run){0};
    for (size_t at = 0; at < text.size; at = token_end(text, at, lines)) {
        count++;
    }
    if (count == 0) {
        return DX_OK;
    }
    run->count = count;
    run->items = dx_alloc_take(alloc, count * sizeof *run->items);
    run->kept = dx_alloc_take_zeroed(alloc, count * sizeof *run->kept);
    if (run->items == NULL || run->kept == NULL) {
        return DX_E_NO_MEMORY;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t end = token_end(text, at, lines);
        run->items[i] = (token){
            .data = text.data + at, .size = (uint32_t)(end - at), .hash = hash_of(text.data + at, end - at)};
        at = end;
    }
    return DX_OK;
}

static bool same(const token *a, const token *b) {
    return a->hash == b->hash && a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

/* --- The walk --------------------------------------------------------------------------------- */

/* Diagonals -d … d of step d stand at triangle(d). */
static size_t triangle(size_t d) {
    return d * d;
}

static int32_t *furthest(int32_t *steps, size_t d, int64_t diagonal) {
    return &steps[triangle(d) + (size_t)(diagonal + (int64_t)d)];
}

/* Whether step d comes upon the diagonal from the one above, by an insertion, and how far along `from` it begins. */
static bool comes_down(int32_t *steps, size_t d, int64_t diagonal, int32_t *begin) {
    bool down = diagonal == -(int64_t)d ||
                (diagonal != (int64_t)d &&
                 *furthest(steps, d - 1, diagonal - 1) < *furthest(steps, d - 1, diagonal + 1));
    *begin = down ? *furthest(steps, d - 1, diagonal + 1) : *furthest(steps, d - 1, diagonal - 1) + 1;
    return down;
}

static void mark_back(int32_t *steps, size_t d, token_run *from, token_run *to) {
    int64_t x = (int64_t)from->count, y = (int64_t)to->count;
    for (; d > 0; d--) {
        int32_t begin;
        int64_t diagonal = x - y;
        bool down = comes_down(steps, d, diagonal, &begin);
        while (x > begin) {
            from->kept[--x] = true;
            to->kept[--y] = true;
        }
        x -= !down;
        y -= down;
    }
    while (x > 0) {
        from->kept[--x] = true;
        to->kept[--y] = true;
    }
}

/* Marks what both keep. Without finding it within the bound, nothing. */
static int walk(const dx_alloc *alloc, token_run *from, token_run *to, size_t bound) {
    int64_t n = (int64_t)from->count, m = (int64_t)to->count;
    size_t most = (size_t)(n + m) < bound ? (size_t)(n + m) : bound, room = 0;
    int32_t *steps = NULL;
    int error = DX_OK;
    bool found = false;
    for (size_t d = 0; d <= most && !found && error == DX_OK; d++) {
        size_t need = triangle(d + 1);
        if (need > room) {
            int32_t *more = dx_alloc_grow(alloc, steps, room * sizeof *steps, 2 * need * sizeof *steps);
            error = more == NULL ? DX_E_NO_MEMORY : DX_OK;
            steps = more == NULL ? steps : more;
            room = more == NULL ? room : 2 * need;
        }
        for (int64_t diagonal = -(int64_t)d; diagonal <= (int64_t)d && !found && error == DX_OK; diagonal++) {
            int32_t x = 0;
            if (((diagonal + (int64_t)d) & 1) != 0) {
                continue;
            }
            if (d > 0) {
                (void)comes_down(steps, d, diagonal, &x);
            }
            int64_t y = x - diagonal;
            while (x < n && y >= 0 && y < m && same(&from->items[x], &to->items[y])) {
                x++;
                y++;
            }
            *furthest(steps, d, diagonal) = x;
            found = x >= n && y >= m;
        }
        if (found) {
            mark_back(steps, d, from, to);
        }
    }
    dx_alloc_free(alloc, steps, room * sizeof *steps);
    return error;
}

/* --- Telling ---------------------------------------------------------------------------------- */

static dx_bytes span(const token_run *run, size_t begin, size_t end) {
    return begin == end ? dx_bytes_of(NULL, 0)
                        : dx_bytes_of(run->items[begin].data,
                                      (size_t)(run->items[end - 1].data + run->items[end - 1].size -
                                               run->items[begin].data));
}

static int tell(change_sink *sink, dx_bytes gone, dx_bytes come) {
    int error = sink->on_change(sink->ctx, sink->at, count_characters(gone), come);
    sink->at += count_characters(come);
    return error;
}

static int tell_runs(const dx_alloc *alloc, token_run *from, token_run *to, bool lines, change_sink *sink);

static int compare(const dx_alloc *alloc, dx_bytes from, dx_bytes to, bool lines, change_sink *sink) {
    token_run a, b = {0};
    int error = cut(alloc, from, lines, &a);
    error = error == DX_OK ? cut(alloc, to, lines, &b) : error;
    error = error == DX_OK ? walk(alloc, &a, &b, lines ? LINES_MAX : CHARACTERS_MAX) : error;
    error = error == DX_OK ? tell_runs(alloc, &a, &b, lines, sink) : error;
    free_run(alloc, &a);
    free_run(alloc, &b);
    return error;
}

/* What stays is passed; what lies between is told, of lines by their characters where there are some on both sides. */
static int tell_runs(const dx_alloc *alloc, token_run *from, token_run *to, bool lines, change_sink *sink) {
    size_t i = 0, j = 0;
    int error = DX_OK;
    while ((i < from->count || j < to->count) && error == DX_OK) {
        size_t begin_i = i;
        while (i < from->count && from->kept[i] && j < to->count && to->kept[j]) {
            i++;
            j++;
        }
        sink->at += count_characters(span(from, begin_i, i));
        begin_i = i;
        const size_t begin_j = j;
        while (i < from->count && !from->kept[i]) {
            i++;
        }
        while (j < to->count && !to->kept[j]) {
            j++;
        }
        dx_bytes gone = span(from, begin_i, i), come = span(to, begin_j, j);
        if (lines && gone.size != 0 && come.size != 0) {
            error = compare(alloc, gone, come, false, sink);
        } else if (gone.size != 0 || come.size != 0) {
            error = tell(sink, gone, come);
        }
    }
    return error;
}

int dx_text_difference(const dx_alloc *alloc, dx_bytes from, dx_bytes to, dx_on_text_change *on_change,
                       void *ctx) {
    change_sink sink = {.on_change = on_change, .ctx = ctx};
    size_t head = 0, tail = 0, shorter = from.size < to.size ? from.size : to.size;
    while (head < shorter && from.data[head] == to.data[head]) {
        head++;
    }
    while (head > 0 && ((head < from.size && !begins_character(from.data[head])) ||
                        (head < to.size && !begins_character(to.data[head])))) {
        head--;
    }
    while (tail < shorter - head && from.data[from.size - 1 - tail] == to.data[to.size - 1 - tail]) {
        tail++;
    }
    while (tail > 0 && !begins_character(from.data[from.size - tail])) {
        tail--;
    }
    sink.at = count_characters(dx_bytes_of(from.data, head));
    dx_bytes gone = dx_bytes_of(from.size == 0 ? NULL : from.data + head, from.size - head - tail),
             come = dx_bytes_of(to.size == 0 ? NULL : to.data + head, to.size - head - tail);
    if (gone.size == 0 && come.size == 0) {
        return DX_OK;
    }
    return gone.size == 0 || come.size == 0 ? tell(&sink, gone, come)
                                            : compare(alloc, gone, come, true, &sink);
}
