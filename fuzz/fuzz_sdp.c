/* fuzz/fuzz_sdp.c: any text as a description, and each of its lines as a candidate and as an address.
 *
 * Checks: a refusal has a sentence; what is taken is within its bounds and well formed, and written again it reads as
 * the same; likewise candidates and addresses. */
#include "fuzz.h"
#include "net/scan.h"
#include "net/sdp.h"

static void check_description(dx_bytes text) {
    static dx_sdp sdp, again; /* 23 kB each */
    const char *problem = NULL;
    int error = dx_sdp_parse(text, &sdp, &problem);
    FUZZ_CHECK(error == DX_OK || error == DX_E_MALFORMED || error == DX_E_UNSUPPORTED || error == DX_E_LIMIT);
    FUZZ_CHECK((problem == NULL) == (error == DX_OK));
    if (error != DX_OK) {
        return;
    }
    FUZZ_CHECK(sdp.candidate_count + sdp.skipped_count <= DX_SDP_CANDIDATES_MAX);
    FUZZ_CHECK(sdp.hidden_count <= sdp.skipped_count && sdp.sctp_port != 0);
    dx_buf out;
    dx_buf_init(&out, &fuzz_alloc, 4 * DX_SDP_SIZE_MAX);
    FUZZ_CHECK(dx_sdp_write(&sdp, &out) == DX_OK);
    if (out.size <= DX_SDP_SIZE_MAX) {
        FUZZ_CHECK(dx_sdp_parse(dx_buf_view(&out), &again, NULL) == DX_OK);
        FUZZ_CHECK(strcmp(sdp.ufrag, again.ufrag) == 0 && strcmp(sdp.password, again.password) == 0);
        FUZZ_CHECK(memcmp(sdp.fingerprint, again.fingerprint, sizeof sdp.fingerprint) == 0);
        FUZZ_CHECK(sdp.setup == again.setup && sdp.sctp_port == again.sctp_port);
        FUZZ_CHECK(sdp.max_message_size == again.max_message_size && sdp.trickle == again.trickle);
        FUZZ_CHECK(sdp.pacing_ms == again.pacing_ms && sdp.candidate_count == again.candidate_count);
        FUZZ_CHECK(again.skipped_count == 0 && sdp.end_of_candidates == again.end_of_candidates);
    }
    dx_buf_deinit(&out);
}

static void check_candidate(dx_bytes line) {
    dx_candidate candidate, again;
    char text[DX_CANDIDATE_TEXT_MAX];
    if (dx_candidate_parse(line, &candidate) != DX_OK || candidate.skip != DX_CANDIDATE_USABLE) {
        return;
    }
    FUZZ_CHECK(dx_net_address_usable(&candidate.address));
    size_t size = dx_candidate_print(&candidate, text);
    FUZZ_CHECK(size < sizeof text && strlen(text) == size);
    FUZZ_CHECK(dx_candidate_parse(dx_bytes_of(text, size), &again) == DX_OK &&
               again.skip == DX_CANDIDATE_USABLE);
    FUZZ_CHECK(dx_net_address_equal(&candidate.address, &again.address) && candidate.type == again.type);
    FUZZ_CHECK(candidate.priority == again.priority && strcmp(candidate.foundation, again.foundation) == 0);
    FUZZ_CHECK(strcmp(candidate.ufrag, again.ufrag) == 0);
}

static void check_address(dx_bytes text) {
    dx_net_address address, again;
    char host[DX_NET_HOST_TEXT_MAX], whole[DX_NET_ADDRESS_TEXT_MAX];
    if (dx_net_host_parse(text, 7, &address) == DX_OK) {
        size_t size = dx_net_host_print(&address, host);
        FUZZ_CHECK(dx_net_host_parse(dx_bytes_of(host, size), 7, &again) == DX_OK);
        FUZZ_CHECK(dx_net_address_equal(&address, &again));
    }
    if (dx_net_address_parse(text, &address) == DX_OK) {
        size_t size = dx_net_address_print(&address, whole);
        FUZZ_CHECK(dx_net_address_parse(dx_bytes_of(whole, size), &again) == DX_OK);
        FUZZ_CHECK(dx_net_address_equal(&address, &again) && dx_net_classify(&address) < DX_NET_CLASS_COUNT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_bytes rest = {data, size};
    check_description(rest);
    while (rest.size > 0) {
        dx_bytes line = dx_scan_until(&rest, '\n');
        check_candidate(line);
        while (line.size > 0) {
            check_address(dx_scan_until(&line, ' '));
        }
    }
    return 0;
}
