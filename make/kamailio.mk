# SPDX-License-Identifier: MIT OR Apache-2.0
# make kamailio: the module for one version of Kamailio, and what it adds to make install.
# Kamailio loads no module that was built for another version, so it is compiled here, against the source of the one
# installed, or against KAMAILIO_SRC. Only defines and headers are taken from there; nothing of Kamailio is compiled.

KAMAILIO     ?= /usr/sbin/kamailio
KAMAILIO_SRC ?=
# Where the installed Kamailio has its modules, and install puts ours.
KAMAILIO_MODULES ?= $(patsubst %/tm.so,%,$(firstword $(wildcard $(foreach lib,/usr/lib/* /usr/lib /usr/lib64 \
    /usr/local/lib64 /usr/local/lib,$(lib)/kamailio/modules/tm.so))))
# A module of the target itself, to compare with: of a tree what make or CMake has built there.
KAMAILIO_TM  ?= $(if $(KAMAILIO_SRC),$(or $(firstword $(wildcard $(KAMAILIO_SRC)/src/modules/tm/tm.so \
    $(KAMAILIO_SRC)/*/src/modules/tm/tm.so)),$(KAMAILIO_SRC)/src/modules/tm/tm.so),$(KAMAILIO_MODULES:%=%/tm.so))
# Where the module is built.
KAMAILIO_RESULTS ?= target/kamailio
# Where install takes the module from.
KAMAILIO_MODULE ?= $(KAMAILIO_RESULTS)/ims_release.so
MODULE_DIR   ?= modules/kamailio/ims_release
COMMON_DIR   ?= modules/common
DOCDIR       ?= $(PREFIX)/share/doc/ims_release
STORE_DIR    ?= /var/lib/kamailio/ims_release
# Whom Kamailio runs as.
STORE_USER   ?= kamailio

.PHONY: kamailio install-kamailio uninstall-kamailio
# With -j: not before Kamailio is there.
kamailio: $(if $(filter deps test demo bench,$(MAKECMDGOALS)),deps)
	@tree=$$(KAMAILIO=$(KAMAILIO) scripts/kamailio-source $(KAMAILIO_SRC)) && mkdir -p $(KAMAILIO_RESULTS) && \
	    $(MAKE) --no-print-directory library && \
	    $(MAKE) --no-print-directory $(KAMAILIO_RESULTS)/ims_release.so KAMAILIO_TREE="$$tree"

# On a machine without Kamailio the library is installed all the same.
install: $(if $(or $(KAMAILIO_SRC),$(wildcard $(KAMAILIO))),kamailio)

install-kamailio uninstall-kamailio: %-kamailio:
	@$(foreach name,DESTDIR INSTALL DOCDIR MODULE_DIR STORE_DIR STORE_USER KAMAILIO KAMAILIO_SRC KAMAILIO_MODULE \
	    KAMAILIO_MODULES,$(name)='$($(name))') scripts/kamailio-install $*

ifdef KAMAILIO_TREE
km         := $(KAMAILIO_RESULTS)
km_sources := $(wildcard $(MODULE_DIR)/*.c $(COMMON_DIR)/*.c)
km_objects := $(patsubst $(MODULE_DIR)/%.c,$(km)/module/%.o,$(patsubst $(COMMON_DIR)/%.c,$(km)/common/%.o,$(km_sources)))
# As Kamailio compiles its modules. Its headers as system headers: our lines are checked strictly, theirs are as they are.
# The folder of tm is where "../../core/x.h" and "../../modules/tm/x.h" lead to both.
KAMAILIO_CFLAGS ?= -g -O2
km_cflags  := -std=gnu99 -Wall -Wextra -Werror -fPIC -fno-strict-overflow -fno-strict-aliasing \
    @$(km)/defines -DMOD_NAME='"ims_release"' -DMOD_NAMEID=ims_release $(KAMAILIO_CFLAGS) \
    -Iinclude -I$(COMMON_DIR) -I$(MODULE_DIR) -isystem $(KAMAILIO_TREE)/src/modules/tm
km_ldflags := -shared -Wl,--version-script=make/kamailio.map -Wl,-Bsymbolic-functions -Wl,-z,now
km_libs    := -lpthread -ldl -lm

ifeq ($(km_sources),)
$(error no C file in $(MODULE_DIR); is MODULE_DIR right?)
endif

# Everything is made again when one of these changes: another Kamailio, other flags, a file more or less.
km_inputs  := $(KAMAILIO_TREE) $(KAMAILIO_TM) $(T) $(CC) $(km_cflags) $(km_ldflags) $(km_sources)
.PHONY: always
$(km)/inputs: always
	$(file >$@.new,$(km_inputs))
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@ && rm -f $(km)/ims_release.so; fi

$(km)/defines: $(km)/inputs scripts/kamailio-defines \
    $(wildcard $(KAMAILIO_TREE)/src/config.mak $(KAMAILIO_TREE)/*/CMakeCache.txt)
	@scripts/kamailio-defines $(KAMAILIO_TREE) $@

$(km)/module/%.o: $(MODULE_DIR)/%.c $(km)/defines
	@mkdir -p $(@D)
	$(CC) $(km_cflags) -MD -MP -c $< -o $@

$(km)/common/%.o: $(COMMON_DIR)/%.c $(km)/defines
	@mkdir -p $(@D)
	$(CC) $(km_cflags) -MD -MP -c $< -o $@

# The old one goes first, and the new one appears when it is checked: a running Kamailio keeps the file that it has
# mapped, and nothing that Kamailio would refuse is left lying about.
$(km)/ims_release.so: $(km_objects) $(T)/release/libims_release.a scripts/kamailio-check make/kamailio.map \
    $(wildcard $(KAMAILIO_TM))
	@rm -f $@
	$(CC) $(km_ldflags) $(km_objects) $(T)/release/libims_release.a $(km_libs) -o $@.new
ifneq ($(wildcard $(KAMAILIO_TM)),)
	@scripts/kamailio-check $@.new $(KAMAILIO_TM) || { rm -f $@.new; exit 1; }
else
	@echo 'kamailio: not checked whether Kamailio takes the module: no $(or $(KAMAILIO_TM),tm.so) to compare with' \
	    '(KAMAILIO_TM=FILE names one)'
endif
	@mv $@.new $@

-include $(km_objects:.o=.d)
endif
