# SPDX-License-Identifier: MIT OR Apache-2.0
# `make demo`: four live calls through Kamailio, released, drawn and judged.

.PHONY: demo

demo: deps kamailio
	$(CARGO) run --locked --quiet -p live --bin demo
