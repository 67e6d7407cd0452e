# SPDX-License-Identifier: MIT OR Apache-2.0
# make asan: the C harnesses and the library under AddressSanitizer, and the proof that it sees both sides. Part of make
# test: tests/c_asan.rs.

.PHONY: asan
asan: deps
	$(CARGO) test --locked --test c_asan
