# SPDX-License-Identifier: MIT OR Apache-2.0
# make opensips: the module for one version of OpenSIPS, in target/opensips/VERSION.
# OpenSIPS loads no module that was built for another version, other flags or another revision, and has no package with
# headers: so it is compiled against OPENSIPS_SRC, the configured source tree that the OpenSIPS in question was built from.
# Only defines and headers are taken from there; nothing of OpenSIPS is compiled.

OPENSIPS_SRC ?=
OPENSIPS_MODULE_DIR ?= modules/opensips/ims_release

# The part of the live suite that runs against any host.
OPENSIPS_TESTS ?= application_server broken dialog disk examples failure flows forged forks identity late load loop_repair \
    losses mass misdirected operator opensips race refused release retransmission retry script sockets start stateless store \
    survival topology_hiding

.PHONY: opensips opensips-live opensips-test
opensips: opensips_results := ims_release.so
# With the module of the tests that writes down what is on the wire.
opensips-live: opensips_results := ims_release.so live_capture.so
opensips opensips-live:
	@found=$$(scripts/opensips-source $(OPENSIPS_SRC)) && set -- $$found && \
	    $(MAKE) --no-print-directory library && mkdir -p target/opensips/$$2 && \
	    $(MAKE) --no-print-directory $(addprefix target/opensips/$$2/,$(opensips_results)) OPENSIPS_TREE="$$1" \
	        OPENSIPS_VERSION="$$2"

# The live suite against the OpenSIPS of that tree.
ifneq ($(OPENSIPS_SRC),)
opensips-test: opensips-live
	IMS_RELEASE_HOST=opensips OPENSIPS_SRC=$(OPENSIPS_SRC) $(CARGO) test --locked --no-fail-fast -p live \
	    $(addprefix --test ,$(OPENSIPS_TESTS))
else
opensips-test:
	@echo 'SKIPPED: the live tests of the OpenSIPS module; no source tree is given (OPENSIPS_SRC=DIRECTORY)'
endif

ifdef OPENSIPS_TREE
os         := target/opensips/$(OPENSIPS_VERSION)
os_sources := $(wildcard $(OPENSIPS_MODULE_DIR)/*.c $(COMMON_DIR)/*.c)
os_objects := $(patsubst $(OPENSIPS_MODULE_DIR)/%.c,$(os)/module/%.o,$(patsubst $(COMMON_DIR)/%.c,$(os)/common/%.o,$(os_sources)))
# Its headers as system headers: our lines are checked strictly, theirs are as they are.
# The folder of tm is where "../../x.h" and "../tm/x.h" lead to both.
OPENSIPS_CFLAGS ?= -g -O2
os_cflags  := -std=gnu11 -Wall -Wextra -Werror -fPIC -fno-strict-overflow -fno-strict-aliasing \
    @$(os)/defines $(OPENSIPS_CFLAGS) \
    -Iinclude -I$(COMMON_DIR) -I$(OPENSIPS_MODULE_DIR) -isystem $(OPENSIPS_TREE)/modules/tm
os_ldflags := -shared -Wl,--version-script=make/opensips.map -Wl,-Bsymbolic-functions -Wl,-z,now
os_libs    := -lpthread -ldl -lm

ifeq ($(os_sources),)
$(error no C file in $(OPENSIPS_MODULE_DIR); is OPENSIPS_MODULE_DIR right?)
endif

# Everything is made again when one of these changes: another tree, other flags, a file more or less.
os_inputs  := $(OPENSIPS_TREE) $(T) $(CC) $(os_cflags) $(os_ldflags) $(os_sources)
.PHONY: always
$(os)/inputs: always
	$(file >$@.new,$(os_inputs))
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@ && rm -f $(os)/ims_release.so; fi

$(os)/defines: $(os)/inputs scripts/opensips-defines $(OPENSIPS_TREE)/Makefile.conf $(OPENSIPS_TREE)/Makefile.defs
	@scripts/opensips-defines $(OPENSIPS_TREE) $@

$(os)/module/%.o: $(OPENSIPS_MODULE_DIR)/%.c $(os)/defines
	@mkdir -p $(@D)
	$(CC) $(os_cflags) -DMOD_NAME=ims_release -MD -MP -c $< -o $@

$(os)/common/%.o: $(COMMON_DIR)/%.c $(os)/defines
	@mkdir -p $(@D)
	$(CC) $(os_cflags) -DMOD_NAME=ims_release -MD -MP -c $< -o $@

# The old one goes first, and the new one appears when it is checked: a running OpenSIPS keeps the file that it has
# mapped, and nothing that OpenSIPS would refuse is left lying about.
$(os)/ims_release.so: $(os_objects) $(T)/release/libims_release.a scripts/opensips-check make/opensips.map \
    $(OPENSIPS_TREE)/opensips $(OPENSIPS_TREE)/modules/tm/tm.so
	@rm -f $@
	$(CC) $(os_ldflags) $(os_objects) $(T)/release/libims_release.a $(os_libs) -o $@.new
	@scripts/opensips-check $@.new $(OPENSIPS_TREE) || { rm -f $@.new; exit 1; }
	@mv $@.new $@

$(os)/live_capture.so: live/hosts/opensips/live_capture.c $(os)/defines make/opensips.map
	$(CC) $(os_cflags) -DMOD_NAME=live_capture $(os_ldflags) $< -o $@

-include $(os_objects:.o=.d)
endif
