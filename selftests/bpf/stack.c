// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much stack the deepest chain of calls takes, printed so that growth is seen, and held against what
 * Debian 12's kernel accepts, also on a kernel that accepts more. The verifier there counts each frame of a
 * chain, rounded up, callbacks of loops included; a timer's callback begins a chain of its own.
 */
#include <errno.h>
#include <stdio.h>

#include <bpf/btf.h>

#include "groups.h"
#include "pins.h"
#include "rig.h"

#define PIN_DIR "/sys/fs/bpf/stack"
#define LIMIT 512  /* MAX_BPF_STACK */
#define ROUND 32   /* check_max_stack_depth() of 6.1 */
#define LOG_STATS 4 /* BPF_LOG_STATS: the verifier tells of its work when it is done */
#define FUNCTIONS 64
#define INSNS 65536
#define LOOP 24     /* optimize_bpf_loop(): three registers */
#define FRAMES 8 /* MAX_CALL_FRAMES */

static const char *const timer_callbacks[] = {"on_deadline", "on_silence"};

struct loaded {
	const struct btf *btf;
	uint32_t n_insns, n_functions;
	struct bpf_insn insns[INSNS];
	struct bpf_func_info functions[FUNCTIONS];
	uint32_t own[FUNCTIONS]; /* a function's own depth */
};

static struct loaded loaded;

static const char *name_of(uint32_t function)
{
	return btf__name_by_offset(loaded.btf,
				   btf__type_by_id(loaded.btf, loaded.functions[function].type_id)->name_off);
}

static bool is_timer_callback(uint32_t function)
{
	for (size_t i = 0; i < ARRAY_SIZE(timer_callbacks); i++) {
		if (!strcmp(name_of(function), timer_callbacks[i]))
			return true;
	}
	return false;
}

static uint32_t function_at(uint32_t insn)
{
	uint32_t function = 0;

	while (function + 1 < loaded.n_functions && loaded.functions[function + 1].insn_off <= insn)
		function++;
	return function;
}

/* Return: the function that an instruction calls, or @ret_named as a callback; FUNCTIONS: none. */
static uint32_t callee(uint32_t at, bool *ret_named)
{
	const struct bpf_insn *insn = &loaded.insns[at];
	uint32_t function;

	*ret_named = insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC;
	if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL)
		/* the offset is where the kernel puts the callee for a dump */
		return function_at(at + 1 + (uint32_t)(int32_t)insn->off);
	if (!*ret_named)
		return FUNCTIONS;
	function = function_at(at + 1 + (uint32_t)insn->imm);
	return is_timer_callback(function) ? FUNCTIONS : function;
}

/* What the verifier counted: the registers that an inlined loop keeps there came later. */
static uint32_t frame_of(uint32_t function, uint64_t named, uint64_t called)
{
	uint32_t own = loaded.own[function] - (named & called ? LOOP : 0);

	return own > ROUND ? (own + ROUND - 1) / ROUND * ROUND : ROUND;
}

static uint32_t end_of(uint32_t function)
{
	return function + 1 < loaded.n_functions ? loaded.functions[function + 1].insn_off : loaded.n_insns;
}

/* The deepest chain from a function on, and its text. */
static uint32_t deepest(uint32_t function, uint32_t depth, char *ret_chain, size_t size)
{
	uint32_t end = end_of(function);
	uint64_t callees[2] = {0, 0};
	char chain[512], best[512] = "";
	uint32_t below = 0, frame;

	assert_true(depth < FRAMES);
	for (uint32_t at = loaded.functions[function].insn_off; at < end; at++) {
		bool named;
		uint32_t called = callee(at, &named), more;

		if (called == FUNCTIONS)
			continue;
		callees[named] |= 1ull << called;
		more = deepest(called, depth + 1, chain, sizeof(chain));
		if (more <= below)
			continue;
		below = more;
		memcpy(best, chain, sizeof(best));
	}
	frame = frame_of(function, callees[true], callees[false]);
	snprintf(ret_chain, size, "%s %u%s%s", name_of(function), frame, *best ? ", " : "", best);
	return frame + below;
}

static void read_depths(const char *log)
{
	const char *at = strstr(log, "stack depth ");

	assert_non_null(at);
	at += strlen("stack depth ");
	for (uint32_t i = 0; i < loaded.n_functions; i++) {
		char *next;

		loaded.own[i] = (uint32_t)strtoul(at, &next, 10);
		assert_true(next > at);
		at = next + 1; /* a plus */
	}
}

static void measure(const struct bpf_program *prog, const char *log)
{
	struct bpf_prog_info info = {
		.xlated_prog_len = sizeof(loaded.insns), .xlated_prog_insns = (uintptr_t)loaded.insns,
		.nr_func_info = FUNCTIONS, .func_info = (uintptr_t)loaded.functions,
		.func_info_rec_size = sizeof(loaded.functions[0])};
	uint32_t length = sizeof(info);
	char chain[512];

	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &length), 0);
	loaded.n_insns = info.xlated_prog_len / sizeof(loaded.insns[0]);
	loaded.n_functions = info.nr_func_info;
	assert_in_range(loaded.n_insns, 1, INSNS);
	assert_in_range(loaded.n_functions, 1, FUNCTIONS);
	read_depths(log);
	for (uint32_t i = 0; i < loaded.n_functions; i++) {
		uint32_t depth;

		if (i && !is_timer_callback(i))
			continue;
		depth = deepest(i, 0, chain, sizeof(chain));
		printf("stack: %u of %d bytes: %s\n", depth, LIMIT, chain);
		assert_in_range(depth, 1, LIMIT);
	}
}

/* Loads an object that was opened. */
static void measure_all(struct bpf_object *obj)
{
	static char logs[8][4096];
	struct bpf_program *prog;
	int i = 0;

	loaded.btf = bpf_object__btf(obj);
	bpf_object__for_each_program(prog, obj) {
		assert_true(i < (int)ARRAY_SIZE(logs));
		bpf_program__set_log_level(prog, LOG_STATS);
		assert_int_equal(bpf_program__set_log_buf(prog, logs[i++], sizeof(logs[0])), 0);
	}
	assert_int_equal(bpf_object__load(obj), 0);
	i = 0;
	bpf_object__for_each_program(prog, obj)
		measure(prog, logs[i++]);
}

static void the_deepest_chain_fits_debians_kernel(void **state)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = PIN_DIR);
	struct beat_bpf *beat = beat_bpf__open_opts(&opts);
	struct steer_bpf *steer = steer_bpf__open_opts(&opts);
	struct loss_bpf *loss = loss_bpf__open_opts(&opts);
	struct vip_bpf *vip = vip_bpf__open_opts(&opts);
	struct echo_bpf *echo = echo_bpf__open();
	struct root_bpf *root = root_bpf__open();

	(void)state;
	assert_true(beat && steer && loss && vip && echo && root);
	pins_directory(PIN_DIR);
	beat->rodata->n_servers = RIG_SERVERS;
	pins_capacity(beat->obj, RIG_SERVERS, RIG_POOLS);
	pins_capacity(steer->obj, RIG_SERVERS, RIG_POOLS);
	pins_capacity(vip->obj, RIG_SERVERS, RIG_POOLS);
	measure_all(beat->obj);
	measure_all(steer->obj);
	measure_all(loss->obj);
	measure_all(vip->obj);
	measure_all(echo->obj);
	measure_all(root->obj);
	beat_bpf__destroy(beat);
	steer_bpf__destroy(steer);
	loss_bpf__destroy(loss);
	vip_bpf__destroy(vip);
	echo_bpf__destroy(echo);
	root_bpf__destroy(root);
}

int stack_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_deepest_chain_fits_debians_kernel),
	};

	return cmocka_run_group_tests_name("stack", tests, rig_open, rig_close);
}
