/* node/wire.c: events and effects as canonical bytes: the wasm ABI, the journal and the fuzzer's input.
 *
 * Layer: floor 1, node. docs/spec/seam.md:
 *   event  = [kind, time_ms, wall_ms, port, link, size, reason, request: bstr 16, body: bstr]
 *   effect = [kind, port, link, reason, request: bstr 16, body: bstr] */
#include <dxos/codec.h>
#include <dxos/node.h>

enum { EVENT_FIELDS = 9, EFFECT_FIELDS = 6 };

int dx_event_encode(const dx_event *event, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, EVENT_FIELDS);
    dx_write_uint(&writer, (uint64_t)event->kind);
    dx_write_uint(&writer, event->time_ms);
    dx_write_uint(&writer, event->wall_ms);
    dx_write_uint(&writer, event->port);
    dx_write_uint(&writer, event->link);
    dx_write_uint(&writer, event->size);
    dx_write_int(&writer, event->reason);
    dx_write_bytes(&writer, dx_bytes_of(event->request, DX_REQUEST_SIZE));
    dx_write_bytes(&writer, event->body);
    return dx_writer_finish(&writer);
}

static int read_reason(dx_reader *reader) {
    int64_t reason = dx_read_int(reader);
    if (reason < -1000 || reason > 0) {
        dx_reader_fail(reader);
        return 0;
    }
    return (int)reason;
}

int dx_event_decode(dx_bytes item, dx_event *out) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    if (dx_read_array(&reader) != EVENT_FIELDS) {
        dx_reader_fail(&reader);
    }
    out->kind = (dx_event_kind)dx_read_uint_max(&reader, DX_EVENT_KIND_COUNT - 1);
    out->time_ms = dx_read_uint(&reader);
    out->wall_ms = dx_read_uint(&reader);
    out->port = dx_read_uint(&reader);
    out->link = dx_read_uint(&reader);
    out->size = dx_read_uint(&reader);
    out->reason = read_reason(&reader);
    dx_read_bytes_exact(&reader, out->request, DX_REQUEST_SIZE);
    out->body = dx_read_bytes(&reader);
    return dx_reader_finish(&reader);
}

int dx_effect_encode(const dx_effect *effect, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, EFFECT_FIELDS);
    dx_write_uint(&writer, (uint64_t)effect->kind);
    dx_write_uint(&writer, effect->port);
    dx_write_uint(&writer, effect->link);
    dx_write_int(&writer, effect->reason);
    dx_write_bytes(&writer, dx_bytes_of(effect->request, DX_REQUEST_SIZE));
    dx_write_bytes(&writer, effect->body);
    return dx_writer_finish(&writer);
}

int dx_effect_decode(dx_bytes item, dx_effect *out) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    if (dx_read_array(&reader) != EFFECT_FIELDS) {
        dx_reader_fail(&reader);
    }
    out->kind = (dx_effect_kind)dx_read_uint_max(&reader, DX_EFFECT_KIND_COUNT - 1);
    out->port = dx_read_uint(&reader);
    out->link = dx_read_uint(&reader);
    out->reason = read_reason(&reader);
    dx_read_bytes_exact(&reader, out->request, DX_REQUEST_SIZE);
    out->body = dx_read_bytes(&reader);
    return dx_reader_finish(&reader);
}
