/* tests/unit/dx/test_dpkg.c: stanzas of dpkg as objects. */
#include <dxos/host.h>

#include "dpkg.h"
#include "test.h"

static const char *read_stanza(const char *text, int *error) {
    static char json[4096];
    dx_buf item, printed;
    dx_writer writer;
    bool installed = false;
    const char *why = NULL;
    dx_buf_init(&item, dx_host_alloc(), 1 << 20);
    dx_buf_init(&printed, dx_host_alloc(), sizeof json - 1);
    dx_writer_init(&writer, &item);
    *error = dx_dpkg_stanza(dx_bytes_text(text), &writer, &installed, &why);
    json[0] = 0;
    if (*error == DX_OK && installed) {
        assert_int_equal(dx_item_check(dx_buf_view(&item)), DX_OK);
        assert_int_equal(dx_json_print(dx_buf_view(&item), &printed), DX_OK);
        snprintf(json, sizeof json, "%.*s", (int)printed.size, (const char *)printed.data);
    }
    dx_buf_deinit(&item);
    dx_buf_deinit(&printed);
    return json;
}

static void expect(const char *text, const char *wanted) {
    int error;
    assert_string_equal(read_stanza(text, &error), wanted);
    assert_int_equal(error, DX_OK);
}

static void test_fields(void **state) {
    (void)state;
    expect("Package: a\n", "{\"name\":\"a\"}");
    expect("package: a\nVERSION:1\n", "{\"name\":\"a\",\"version\":\"1\"}");
    expect("Package: a\nInstalled-Size: 12\nDescription: one\n two\n",
           "{\"name\":\"a\",\"description\":\"one\",\"installedSize\":12}");
    expect("Package: a\nInstalled-Size: twelve\n", "{\"name\":\"a\"}");
    expect("Package: a\nInstalled-Size: 99999999999999999999\n", "{\"name\":\"a\"}");
    expect("Package:   a  \r\n", "{\"name\":\"a\"}");
    expect("X: y\n Package: b\nPackage: a\n", "{\"name\":\"a\"}");
}

static void test_relations(void **state) {
    (void)state;
    expect("Package: a\nDepends: b (>= 1) | c, d:any, e [amd64]<!x>,,\n f\n",
           "{\"name\":\"a\",\"depends\":[\"b\",\"d\",\"e\",\"f\"]}");
    expect("Package: a\nPre-Depends: z\nDepends: b\n", "{\"name\":\"a\",\"depends\":[\"b\",\"z\"]}");
    expect("Package: a\nDepends: \n", "{\"name\":\"a\"}");
    expect("Package: a\nProvides: p (= 1), q\nRecommends: r\n",
           "{\"name\":\"a\",\"provides\":[\"p\",\"q\"],\"recommends\":[\"r\"]}");
}

static void test_only_installed(void **state) {
    (void)state;
    expect("Package: a\nStatus: install ok installed\n", "{\"name\":\"a\"}");
    expect("Package: a\nStatus: deinstall ok config-files\n", "");
    expect("Package: a\nStatus: install ok half-installed\n", "");
}

static void test_refused(void **state) {
    (void)state;
    int error;
    read_stanza("Version: 1\n", &error);
    assert_int_equal(error, DX_E_INVALID);
    read_stanza("", &error);
    assert_int_equal(error, DX_E_INVALID);
    read_stanza("Package: \xff\xfe\n", &error);
    assert_int_equal(error, DX_E_INVALID);
}

static void test_form(void **state) {
    (void)state;
    assert_true(dx_dpkg_begins(dx_bytes_text("Package: a")));
    assert_true(dx_dpkg_begins(dx_bytes_text("Installed-Size:")));
    assert_false(dx_dpkg_begins(dx_bytes_text("{\"Package\": 1}")));
    assert_false(dx_dpkg_begins(dx_bytes_text("Package")));
    assert_false(dx_dpkg_begins(dx_bytes_text("-a:")));
    assert_false(dx_dpkg_begins(dx_bytes_text("")));
}

DX_TEST_MAIN(DX_TEST(test_fields), DX_TEST(test_relations), DX_TEST(test_only_installed),
             DX_TEST(test_refused), DX_TEST(test_form))
