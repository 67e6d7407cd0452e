# SPDX-License-Identifier: MIT OR Apache-2.0
# make fuzz: the targets of fuzz/, FUZZ_SECONDS each. Their seeds also run in make test, without a fuzzer.

FUZZ_SECONDS ?= 600

.PHONY: fuzz
fuzz:
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz $(FUZZ_TARGETS)
