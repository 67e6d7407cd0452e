# SPDX-License-Identifier: MIT OR Apache-2.0
# The commands of this repository; `make` alone lists them.

PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
# Cargo's results. The module and the figures stay in target/ wherever this is.
T       := $(abspath $(or $(CARGO_TARGET_DIR),target))
# Where install takes the libraries and the command from.
LIBRARIES ?= $(T)/release
COMMAND ?= $(T)/release/ims-release

CARGO   ?= cargo
INSTALL ?= install
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
ABI     := 0

.PHONY: help deps build library test header install install-library install-command uninstall uninstall-library \
    uninstall-command clean

help:
	@echo 'make demo       release live calls through Kamailio on this machine and show what was on the wire;'
	@echo '                HOST=opensips OPENSIPS_SRC=DIRECTORY: through OpenSIPS'
	@echo 'make test       every check and every test, live calls included'
	@echo 'make build      the library, static and shared, and the command ims-release, in $(T)/release'
	@echo 'make kamailio   target/kamailio/ims_release.so for the Kamailio found, or KAMAILIO_SRC=DIRECTORY'
	@echo 'make matrix     the live tests against the Kamailio found, that of Debian 13 (brought for it, not installed) and'
	@echo "                those of KAMAILIO_SRC='TREE ...'; scripts/kamailio-matrix --help"
	@echo 'make opensips   target/opensips/VERSION/ims_release.so against OPENSIPS_SRC=DIRECTORY, a tree that was built'
	@echo 'make opensips-test   the live tests against the OpenSIPS of that tree (part of make test where it is given)'
	@echo 'make bench      measure building, capture, the store, and releases through Kamailio; figures in target/bench.json'
	@echo 'make fuzz       run the fuzz targets, FUZZ_SECONDS (600) each; their seeds run in make test'
	@echo 'make soak       the long forms of the tests that kill, damage and repeat; figures in target/soak.json'
	@echo 'make asan       the C harnesses with both sides under AddressSanitizer (part of make test)'
	@echo 'make install    library, header, pkg-config file, command, module; make uninstall'
	@echo '                (DESTDIR, PREFIX, LIBDIR, KAMAILIO_MODULES, STORE_DIR)'
	@echo 'make deps       install what is missing from Debian (the only step that needs root)'
	@echo 'make header     renew include/ims_release.h after a change in src/ffi'
	@echo 'make clean      remove everything built'

deps:
	@scripts/deps

# The library last: both leave it in the same place, and the one without the command's dependencies is wanted.
build:
	$(CARGO) build --release --locked --bin ims-release
	@$(MAKE) --no-print-directory library

library:
	$(CARGO) build --release --locked --lib --no-default-features

# `make kamailio`, `make bench`, `make demo` and the rest of `make install`.
include $(wildcard make/*.mk)

test: deps kamailio
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --locked --profile kill-points --no-default-features --features kill-points --lib \
	    --test '*_kill_points' -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked
	scripts/test
	@$(MAKE) --no-print-directory opensips-test

header:
	IMS_RELEASE_UPDATE=1 $(CARGO) test --locked --test c_header

# First everything is built (make/kamailio.mk adds the module), then installed, also with -j.
install: build
	@$(MAKE) --no-print-directory install-library install-command install-kamailio

uninstall: uninstall-library uninstall-command uninstall-kamailio

install-library:
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 755 $(LIBRARIES)/libims_release.so $(DESTDIR)$(LIBDIR)/libims_release.so.$(VERSION)
	ln -sf libims_release.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libims_release.so.$(ABI)
	ln -sf libims_release.so.$(ABI) $(DESTDIR)$(LIBDIR)/libims_release.so
	$(INSTALL) -m 644 $(LIBRARIES)/libims_release.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 include/ims_release.h $(DESTDIR)$(INCLUDEDIR)
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' \
	    ims_release.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/ims_release.pc

uninstall-library:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libims_release.so libims_release.so.$(ABI) libims_release.so.$(VERSION) \
	    libims_release.a pkgconfig/ims_release.pc) $(DESTDIR)$(INCLUDEDIR)/ims_release.h

# Where man and the shells look.
SHARE := $(DESTDIR)$(PREFIX)/share
completion_bash := $(SHARE)/bash-completion/completions/ims-release
completion_zsh  := $(SHARE)/zsh/site-functions/_ims-release
completion_fish := $(SHARE)/fish/vendor_completions.d/ims-release.fish
completions     := $(completion_bash) $(completion_zsh) $(completion_fish)

install-command:
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/man/man1 $(dir $(completions))
	$(INSTALL) -m 755 $(COMMAND) $(DESTDIR)$(PREFIX)/bin/ims-release
	$(COMMAND) man > $(SHARE)/man/man1/ims-release.1
	$(COMMAND) completions bash > $(completion_bash)
	$(COMMAND) completions zsh > $(completion_zsh)
	$(COMMAND) completions fish > $(completion_fish)

uninstall-command:
	rm -f $(DESTDIR)$(PREFIX)/bin/ims-release $(SHARE)/man/man1/ims-release.1 $(completions)

clean:
	$(CARGO) clean
	rm -rf target
