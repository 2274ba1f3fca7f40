/* tests/wasm/framework/setjmp.h: wasi has none; tests/lib/test.h includes it for cmocka's sake only. */
