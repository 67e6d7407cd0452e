# SPDX-License-Identifier: MIT OR Apache-2.0
# make soak: the long forms of the tests that kill, damage and repeat. Their short forms run in make test.

.PHONY: soak
soak: deps kamailio
	@scripts/soak
