# SPDX-License-Identifier: MIT OR Apache-2.0
# make bench: the pair built by ims_release, by copying prepared lines, by sofia-sip and by libosip2; and the messages
# of a call captured by ims_release and parsed by the other two; the store; and releases through Kamailio.

BENCH        := target/bench
BENCH_STRICT := -std=gnu99 -Wall -Wextra -Werror
# As the hosts are built. The parsers' headers as system headers: our lines are checked strictly, theirs are as they are.
BENCH_CFLAGS := -O2 -g -Iinclude $(subst -I,-isystem ,$(shell pkg-config --cflags sofia-sip-ua libosip2 2>/dev/null))
BENCH_LIBS    = $(T)/release/libims_release.a $(shell pkg-config --libs sofia-sip-ua libosip2) -lpthread -ldl -lm
BENCH_OBJECTS := $(patsubst %,$(BENCH)/%.o,floor ours sofia osip same main rounds)
BENCH_READERS := $(patsubst %,$(BENCH)/capture-%.o,ours sofia osip main) $(BENCH)/rounds.o

.PHONY: bench
bench: deps build kamailio
	@$(MAKE) --no-print-directory $(BENCH)/pair $(BENCH)/counted $(BENCH)/capture
	$(CARGO) build --release --locked --no-default-features --example store-bench
	$(CARGO) build --release --locked -p live --bin cost
	@scripts/bench $(BENCH) $(T)/release

$(BENCH)/rounds.o: benches/common/rounds.c benches/common/rounds.h
	@mkdir -p $(BENCH)
	$(CC) $(BENCH_STRICT) $(BENCH_CFLAGS) -c $< -o $@

$(BENCH)/%.o: benches/pair/%.c benches/pair/builder.h benches/pair/input.h benches/common/rounds.h include/ims_release.h
	@mkdir -p $(BENCH)
	$(CC) $(BENCH_STRICT) $(BENCH_CFLAGS) -c $< -o $@

# Linked with the static library, as a host module is.
$(BENCH)/pair: $(BENCH_OBJECTS) $(T)/release/libims_release.a
	$(CC) $(BENCH_OBJECTS) $(BENCH_LIBS) -o $@

$(BENCH)/counted: $(BENCH_OBJECTS) $(BENCH)/allocations.o $(T)/release/libims_release.a
	$(CC) $(BENCH_OBJECTS) $(BENCH)/allocations.o $(BENCH_LIBS) -o $@

$(BENCH)/capture-%.o: benches/capture/%.c benches/capture/reader.h benches/common/rounds.h include/ims_release.h
	@mkdir -p $(BENCH)
	$(CC) $(BENCH_STRICT) $(BENCH_CFLAGS) -c $< -o $@

$(BENCH)/capture: $(BENCH_READERS) $(T)/release/libims_release.a
	$(CC) $(BENCH_READERS) $(BENCH_LIBS) -o $@
