# SPDX-License-Identifier: MIT OR Apache-2.0
# `make demo`: four live calls through Kamailio, released, drawn and judged; through OpenSIPS with HOST=opensips.

HOST ?= kamailio

.PHONY: demo demo-kamailio demo-opensips

ifneq ($(filter-out kamailio opensips,$(HOST)),)
demo:
	@echo 'demo: HOST is $(HOST), expected kamailio or opensips' >&2; exit 2
else
demo: demo-$(HOST)
endif

demo-kamailio: deps kamailio
	$(CARGO) run --locked --quiet -p live --bin demo

demo-opensips: deps opensips-live
	IMS_RELEASE_HOST=opensips OPENSIPS_SRC=$(OPENSIPS_SRC) $(CARGO) run --locked --quiet -p live --bin demo
