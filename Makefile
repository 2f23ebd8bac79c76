# SPDX-License-Identifier: GPL-2.0-only
# One non-recursive Makefile; `make help` lists the targets; all that is made goes to build/.

PREFIX ?= /usr
DESTDIR ?=
CC ?= cc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
B := build

VERSION := $(shell cat VERSION)
PKGS := libbpf libnl-3.0 libnl-route-3.0 libnftables jansson yaml-0.1 sqlite3 libcap-ng libsystemd
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
CPPFLAGS += -Iinclude -Ibpf -Iuser -I$(B) -D_GNU_SOURCE -DDEFIB_VERSION='"$(VERSION)"'
ALL_CFLAGS := -std=gnu11 $(CFLAGS) $(WARN) $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

# Only defib-check reads what strangers send with these.
CHECK_LIBS := $(shell pkg-config --libs libcurl 2>/dev/null) -lresolv

MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror \
	-Iinclude -Ibpf -I/usr/include/$(MULTIARCH)

# Another ABI version, for the tests of upgrades: `make next` builds it beside this one.
ABI :=
NEXT_ABI := -DDFB_ABI_VERSION=3 -DDFB_ABI_SHIFT='__u32 shift[2];' -DDFB_ABI_SHIFT_SIZE=8
CPPFLAGS += $(ABI)
BPF_CFLAGS += $(ABI)

BPF_SRC := $(wildcard bpf/*.bpf.c)
SKELETONS := $(BPF_SRC:bpf/%.bpf.c=$(B)/%.skel.h)

CORE_SRC := $(wildcard user/core/*.c)
NO_LIB := user/defibd.c user/probe.c user/checker.c user/check/%
LIB_SRC := $(filter-out $(NO_LIB),$(wildcard user/*.c user/*/*.c))
CHECK_OBJ := $(patsubst %.c,$(B)/%.o,user/checker.c $(wildcard user/check/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
CLI_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tools/defib/*.c))
UNIT := $(patsubst %.c,$(B)/%,$(wildcard selftests/unit/test_*.c selftests/net/test_*.c))
TOOLS := $(patsubst tools/lab.d/%.c,$(B)/lab/%,$(filter-out %.bpf.c,$(wildcard tools/lab.d/*.c))) \
	$(B)/lab/inject.bpf.o
FUZZ := $(patsubst %.c,$(B)/%,$(wildcard selftests/fuzz/fuzz_*.c))

# keep what is made on the way
.PRECIOUS: $(B)/%.o $(B)/%.bpf.o $(B)/lab/%.bpf.o $(B)/selftests/%.bpf.o $(B)/%.skel.h \
	$(B)/fuzz/%.o $(B)/world/%.o

.PHONY: all help demo check bench bench-peers vm lint install clean
all: $(B)/defibd $(B)/defib-probe $(B)/defib-check $(B)/defib $(TOOLS) ## build everything

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: all ## the failover, in a lab of network namespaces
	@tools/demo

check: all tests lint ## all tests
	@selftests/run

BENCH := $(addprefix $(B)/selftests/bench/,blast flood flood.bpf.o neigh.bpf.o ns ns.bpf.o) \
	$(B)/selftests/packets \
	$(B)/selftests/stress/oracle
bench: all $(BENCH) ## measure; prints tables
	@selftests/run bench

.PHONY: bench-doc
bench-doc: ## what was measured, to tables and plots in Documentation/performance
	@selftests/lib/bench-doc

bench-peers: all ## measure BIRD, FRR, keepalived, IPVS and HAProxy in the same way; prints tables
	@DEFIB_PEERS="$${DEFIB_PEERS:-cpu frozen outage flaps balancers}" selftests/run bench peers balancers

vm: all $(B)/selftests/packets ## tests on Debian 12's own kernel, in a virtual machine
	@selftests/run vm

.PHONY: tests next
next: $(SKELETONS)
	@+$(MAKE) --no-print-directory B=$(B)/next ABI="$(NEXT_ABI)" CFLAGS=-O1 \
		$(addprefix $(B)/next/,defibd defib-probe defib-check)

tests: next $(UNIT) $(FUZZ) $(B)/selftests/model $(B)/selftests/story $(BENCH) \
		$(B)/selftests/rate

lint: $(B)/libcore.a ## layers, SPDX lines, sizes, scripts
	@tools/layers
	@tools/lint

$(B)/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(B)/lab/%.bpf.o: tools/lab.d/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(B)/selftests/%.bpf.o: selftests/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(B)/selftests/bench/%: selftests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $<

$(B)/%.skel.h: $(B)/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $(*F)_bpf > $@.tmp
	@mv $@.tmp $@

$(B)/%.o: %.c | $(SKELETONS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/libcore.a: $(CORE_SRC:%.c=$(B)/%.o)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/libdefib.a: $(filter-out $(B)/user/core/%,$(LIB_OBJ))
	@rm -f $@
	$(AR) rcs $@ $^

ARCHIVES := $(B)/libdefib.a $(B)/libcore.a

$(B)/defibd: $(B)/user/defibd.o $(ARCHIVES)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/defib-probe: $(B)/user/probe.o $(ARCHIVES)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/defib-check: $(CHECK_OBJ) $(ARCHIVES)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(CHECK_LIBS)

$(B)/defib: $(CLI_OBJ) $(ARCHIVES)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/lab/pace: $(B)/tools/lab.d/pace/serve.o $(B)/tools/lab.d/pace/connect.o
$(B)/lab/outages: $(B)/tools/lab.d/outages/report.o $(B)/tools/lab.d/wire/cable.o
$(B)/lab/wire: $(B)/tools/lab.d/wire/cable.o
$(B)/lab/%: tools/lab.d/%.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP $(LDFLAGS) -o $@ \
		$(filter %.c %.o,$^) $(filter %.a,$^) $(LIBS) -lpthread

$(UNIT): $(B)/%: %.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Iselftests/lib $(ALL_CFLAGS) -MMD -MP $(LDFLAGS) -o $@ \
		$(filter %.c %.o,$^) $(filter %.a,$^) -lcmocka $(LIBS)

$(B)/selftests/unit/test_judge: $(B)/selftests/stress/judge.o
$(B)/selftests/unit/test_stream: $(addprefix $(B)/tools/defib/,stream_want.o cli.o)

PACKETS_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard selftests/bpf/*.c))

$(PACKETS_OBJ): CPPFLAGS += -Iselftests/lib
$(B)/selftests/packets: $(PACKETS_OBJ) $(ARCHIVES)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

NS_OBJ := $(B)/selftests/bench/ns.o $(addprefix $(B)/selftests/bpf/,rig.o rig_world.o frame.o)

$(B)/selftests/bench/ns.o: CPPFLAGS += -Iselftests/lib -Iselftests/bpf
$(B)/selftests/bench/ns: $(NS_OBJ) $(ARCHIVES)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(B)/selftests/bench/flood.o: CPPFLAGS += -Iselftests/bpf
$(B)/selftests/bench/flood: $(B)/selftests/bench/flood.o $(B)/selftests/bpf/frame.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

STRESS_OBJ := $(patsubst %,$(B)/selftests/stress/%.o,cable judge oracle)

$(STRESS_OBJ): CPPFLAGS += -I$(B)/selftests
$(B)/selftests/stress/cable.o: $(B)/selftests/stress/tap.skel.h
$(B)/selftests/stress/oracle: $(STRESS_OBJ) $(ARCHIVES)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# The simulator runs bpf/beat.bpf.c itself: the shim stands in for what libbpf declares. What it is
# made of goes to build/world/, as build/selftests/model is the program.
MODEL_SRC := $(filter-out %/model.c %/story.c %/rate.c,$(wildcard selftests/model/*.c))
MODEL_OBJ := $(MODEL_SRC:selftests/model/%.c=$(B)/world/%.o)

$(B)/world/%.o: selftests/model/%.c
	@mkdir -p $(@D)
	$(CC) -Iselftests/model/shim $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/selftests/model $(B)/selftests/story $(B)/selftests/rate: $(B)/selftests/%: $(B)/world/%.o $(MODEL_OBJ) \
		$(B)/user/base/text.o $(B)/libcore.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

# Fuzzers need clang and its sanitizers: what they are made of is compiled once more, for them.
FUZZ_CFLAGS := -std=gnu11 -O1 -g $(WARN) -Wno-unused-function -Wno-missing-field-initializers \
	-fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=alignment \
	-fno-sanitize-recover=all $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
FUZZ_LIB := $(wildcard user/core/*.c user/conf/*.c) user/ctl/listener.c user/store/history.c \
	$(addprefix user/base/,text.c lock.c loop.c log.c)
SECONDS ?= 60

.PHONY: fuzz mutants
fuzz: $(FUZZ) ## look for inputs that break the parsers and the core; SECONDS=60 for each
	@selftests/fuzz/explore $(SECONDS)

mutants: all tests ## plant bugs, one after the other, and see which test notices it
	@selftests/mutants/run

$(B)/fuzz/%.o: %.c | $(SKELETONS)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) -Iselftests/lib $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(B)/fuzz/libdefib.a: $(FUZZ_LIB:%.c=$(B)/fuzz/%.o)
	@rm -f $@
	$(AR) rcs $@ $^

$(FUZZ): $(B)/%: $(B)/fuzz/%.o $(B)/fuzz/libdefib.a
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

$(B)/fuzz/selftests/fuzz/native.o: CPPFLAGS := -Iselftests/fuzz/shim -Iselftests/bpf $(CPPFLAGS)
$(B)/fuzz/selftests/fuzz/%.o: CPPFLAGS += -Iselftests/bpf
$(B)/selftests/fuzz/fuzz_frames: $(addprefix $(B)/fuzz/selftests/,fuzz/native.o fuzz/kernel.o \
	fuzz/world.o bpf/frame.o)

# The core is fuzzed within the simulator: its oracle, its configuration, its kernel.
CORE_FUZZ_OBJ := $(filter-out $(addprefix %/,chaos.o script.o expect.o words.o shrink.o), \
	$(MODEL_SRC:%.c=$(B)/fuzz/%.o)) \
	$(B)/fuzz/selftests/fuzz/core_shell.o

$(B)/fuzz/selftests/model/%.o: CPPFLAGS := -Iselftests/model/shim $(CPPFLAGS)
$(B)/fuzz/selftests/fuzz/core_shell.o $(B)/fuzz/selftests/fuzz/fuzz_core.o: CPPFLAGS += -Iselftests/model
$(B)/selftests/fuzz/fuzz_core: $(CORE_FUZZ_OBJ)

MAN := $(wildcard Documentation/man/*.[1-8])

install: all ## install below $(DESTDIR)$(PREFIX)
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,sbin libexec/defib share/doc/defib)
	install -m 755 $(B)/defibd $(B)/defib $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(B)/defib-probe $(B)/defib-check $(DESTDIR)$(PREFIX)/libexec/defib/
	install -d $(addprefix $(DESTDIR)$(PREFIX)/lib/,systemd/system sysusers.d tmpfiles.d)
	install -m 644 systemd/*.service $(DESTDIR)$(PREFIX)/lib/systemd/system/
	sed -i 's,/usr/sbin/,$(PREFIX)/sbin/,' $(DESTDIR)$(PREFIX)/lib/systemd/system/defib*.service
	install -m 644 systemd/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/defib.conf
	install -m 644 systemd/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/defib.conf
	for page in $(MAN); do \
		dir=$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}; \
		install -D -m 644 $$page $$dir/$${page##*/} || exit 1; \
	done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(B)/defib completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/defib
	cp -r README.md COPYING Documentation $(DESTDIR)$(PREFIX)/share/doc/defib/
	rm -r $(DESTDIR)$(PREFIX)/share/doc/defib/Documentation/man

clean: ## remove build/
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
