# The door. `make help` lists the verbs; Meson does the building (meson.build).
.PHONY: all
all:
	@test -f build/debug/build.ninja || meson setup build/debug
	@meson compile -C build/debug
