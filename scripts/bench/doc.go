// Bench measures what the agent promises, with real parts: two built socketha
// binaries in two network namespaces joined by a veth cable, whose carrier is
// taken, whose frames are dropped, whose interface is removed, whose peer is
// killed or flooded.
//
//	make build
//	go run ./scripts/bench -h                    # what there is and how it is measured
//	go run ./scripts/bench verdict restart       # a quick look at two figures
//	go run ./scripts/bench -full -json f.json all
//	go run ./scripts/bench halink steady socketha bird-1s -s 60
//
// It needs root, iproute2's kernel features (veth, network namespaces) and
// nftables. Each experiment of the [catalog] fills figures: n, median, 95th
// percentile and maximum, with the goal beside them. Every value is in the JSON.
//
// # Reading the figures
//
// The observer runs before ordinary processes (SCHED_FIFO) and stamps what it
// reads as soon as it has read it: a stamp is late by about 0.1 ms, never early.
// How late it really was is measured too, since agents and kernel stamp the same
// events ("method" in the figures). On a busy machine the agents are late by
// themselves: the load average is in the report, and a figure that misses its
// goal under load says nothing before it was measured again alone.
//
// # Safety
//
// All load goes to addresses inside namespaces that this program made and that
// have no way out. They have no names: whatever ends this program ends them, the
// agents in them and the cable between them.
//
// Package [socketha/scripts/bench/rig] is the pair with its instruments.
package main
