// SPDX-License-Identifier: GPL-2.0-only
/* Is this machine fit for it, whatever the configuration? */
#include "doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <base/clean.h>
#include <base/loop.h>
#include <base/text.h>

#define OLDEST_MAJOR 6
#define OLDEST_MINOR 1
#define NAPS 100
#define NAP_NS 1000000
#define NAP_LATE_NS 5000000

static uint64_t effective_capabilities(void)
{
	CLEAN_FCLOSE FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t bits = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "CapEff: %" SCNx64, &bits) == 1)
			break;
	}
	return bits;
}

static void check_capabilities(struct doctor *d)
{
	static const struct {
		int bit;
		const char *name;
	} needed[] = {
		{CAP_BPF, "CAP_BPF"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_NET_RAW, "CAP_NET_RAW"},
		{CAP_SYS_NICE, "CAP_SYS_NICE"}, {CAP_IPC_LOCK, "CAP_IPC_LOCK"},
	};
	uint64_t bits = effective_capabilities();
	char missing[128] = "";

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!(bits & 1ull << needed[i].bit)) {
			strcat(missing, " ");
			strcat(missing, needed[i].name);
		}
	}
	if (!missing[0]) {
		doctor_say(d, DOCTOR_OK, "capabilities", "all that defibd needs");
		return;
	}
	doctor_say(d, DOCTOR_FAIL, "capabilities", "not here:%s", missing);
	doctor_advise(d, "run this, and defibd, as root; some checks below cannot tell the truth");
}

static void check_kernel(struct doctor *d)
{
	struct utsname name;
	int major = 0, minor = 0;
	long realtime = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	if (major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR)) {
		doctor_say(d, DOCTOR_FAIL, "kernel", "%s is too old", name.release);
		doctor_advise(d, "defib needs Linux 6.1 or later, as Debian 12 has it");
	} else {
		doctor_say(d, DOCTOR_OK, "kernel", "%s", name.release);
	}
	if (!doctor_read_number("/sys/kernel/realtime", &realtime) && realtime) {
		doctor_say(d, DOCTOR_FAIL, "bpf timers", "this is a PREEMPT_RT kernel, which refuses them");
		doctor_advise(d, "boot the kernel without -rt");
	}
}

static void check_bpf(struct doctor *d)
{
	struct statfs fs;
	long jit;

	if (doctor_read_number("/proc/sys/net/core/bpf_jit_enable", &jit)) {
		doctor_say(d, DOCTOR_WARN, "bpf jit", "cannot be read: %s", strerror(errno));
	} else if (!jit) {
		doctor_say(d, DOCTOR_FAIL, "bpf jit", "is off: the programs would be interpreted");
		doctor_advise(d, "sysctl -w net.core.bpf_jit_enable=1");
	} else {
		doctor_say(d, DOCTOR_OK, "bpf jit", "on");
	}
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		doctor_say(d, DOCTOR_WARN, "btf", "the kernel has no BTF: `bpftool map dump` shows bytes");
	if (statfs(PATHS_BPF, &fs) || (unsigned long)fs.f_type != BPF_FS_MAGIC) {
		doctor_say(d, DOCTOR_WARN, "bpffs", "not mounted at " PATHS_BPF);
		doctor_advise(d, "defibd mounts it when it starts; or: mount -t bpf bpf " PATHS_BPF);
	} else {
		doctor_say(d, DOCTOR_OK, "bpffs", "mounted at " PATHS_BPF);
	}
}

static void check_clock(struct doctor *d)
{
	CLEAN_FCLOSE FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	char source[64] = "";

	if (!file || fscanf(file, "%63s", source) != 1)
		return;
	if (strcmp(source, "hpet") && strcmp(source, "acpi_pm") && strcmp(source, "jiffies")) {
		doctor_say(d, DOCTOR_OK, "clock", "%s", source);
		return;
	}
	doctor_say(d, DOCTOR_WARN, "clock", "%s takes microseconds to read", source);
	doctor_advise(d, "see in the kernel's log why the CPU's own clock was given up");
}

/* How late this process is woken; the kernel's own timers are better, a stolen CPU stops both. */
static void check_lateness(struct doctor *d)
{
	uint64_t worst = 0;
	char text[DURATION_TEXT_LEN];

	for (int i = 0; i < NAPS; i++) {
		struct timespec nap = {.tv_nsec = NAP_NS};
		uint64_t before = clock_now_ns(), took;

		nanosleep(&nap, NULL);
		took = clock_now_ns() - before;
		if (took > NAP_NS && took - NAP_NS > worst)
			worst = took - NAP_NS;
	}
	duration_format(worst, text);
	if (worst < NAP_LATE_NS) {
		doctor_say(d, DOCTOR_OK, "lateness", "naps of 1 ms were at worst %s late", text);
		return;
	}
	doctor_say(d, DOCTOR_WARN, "lateness", "naps of 1 ms were up to %s late: the machine is busy, or its "
		   "CPUs are stolen", text);
	doctor_advise(d, "detection waits as long as that at times; deadlines shorter than it gain nothing");
}

static void check_forwarding(struct doctor *d)
{
	static const struct {
		const char *path;
		const char *name;
		const char *advice;
	} families[] = {
		{"/proc/sys/net/ipv4/ip_forward", "forwarding 4", "sysctl -w net.ipv4.ip_forward=1"},
		{"/proc/sys/net/ipv6/conf/all/forwarding", "forwarding 6",
		 "sysctl -w net.ipv6.conf.all.forwarding=1, if clients use IPv6"},
	};
	long on;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (doctor_read_number(families[i].path, &on)) {
			doctor_say(d, DOCTOR_WARN, families[i].name, "%s: %s", families[i].path,
				   strerror(errno));
		} else if (on) {
			doctor_say(d, DOCTOR_OK, families[i].name, "on");
		} else {
			doctor_say(d, i ? DOCTOR_WARN : DOCTOR_FAIL, families[i].name, "off");
			doctor_advise(d, families[i].advice);
		}
	}
}

void doctor_check_machine(struct doctor *d)
{
	check_capabilities(d);
	check_kernel(d);
	check_bpf(d);
	check_clock(d);
	check_lateness(d);
	check_forwarding(d);
}
