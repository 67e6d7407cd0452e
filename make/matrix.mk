# SPDX-License-Identifier: MIT OR Apache-2.0
# make matrix: the live tests against several versions of Kamailio; scripts/kamailio-matrix --help.

# Debian's suites whose Kamailio is brought, beside the one that is installed.
KAMAILIO_SUITES ?= trixie
# Files of live/tests; all when there are none.
LIVE_TESTS ?=

.PHONY: matrix
matrix: deps
	@$(foreach name,CARGO CC MAKE KAMAILIO KAMAILIO_MODULES KAMAILIO_SRC KAMAILIO_SUITES,$(name)='$($(name))') \
	    scripts/kamailio-matrix $(LIVE_TESTS)
