#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: servers behind the VLAN interface e0.100. Naming e0 alone is refused in words that name the
# other; naming both works, and a probe that passes both counts once; in the wrong order it is refused.
# shellcheck source=selftests/vm/guest/guest.sh
. "$(dirname "$0")/guest.sh"

with() # INTERFACES: a daemon
{
	: >"$work/defibd.log"
	daemon_config --interval 10ms --recover 10/200ms --server-interfaces "$1"
	daemon_start
}

ended() # for wait_until
{
	! kill -0 "$daemon_pid" 2>/dev/null
}

lab_start --servers 2 --vlan 100

with e0
must 60 logged '10.78.0.11 is on-link through e0.100: e0.100 is not a server interface'
service_is web down || fail "somebody serves: $(status -c .)"
daemon_stop
code 0 defib teardown

with e0,e0.100
must 60 all_well
epoch=$(epoch)
probes_pass 100
status -c '.servers[].addresses[] | {probes_sent, expired}'
status_is '.prober.sent as $tried | [.servers[].addresses[].probes_sent] | add <= $tried' ||
	fail "probes are counted twice: $(status -c .)"
lab_cut s1
must 60 committed $((epoch + 1)) s2
daemon_stop
code 0 defib teardown

with e0.100,e0
must 60 ended
logged 'e0: cannot attach XDP .* an interface above it' || daemon_fail "refused without a reason"
defib teardown || true
