package main

import "time"

// catalog is every experiment there is, in the order of the report.
var catalog = []*experiment{
	{
		name:  "verdict",
		title: "exec → verdict, with the peer already up and addresses present",
		how: "the agent is stopped as planned and started again; the clock runs from just before fork to the first\n" +
			"document that says compatible, as a client of the local interface gets it. The client tries the socket\n" +
			"every 0.25 ms and decodes the document, so it is late by up to about 0.5 ms, never early. The steps in\n" +
			"between are the agent's own stamps. Both sides of the handshake are started in turn.",
		quick: plan{runs: 10, about: 30 * time.Second},
		full:  plan{runs: 30, about: 90 * time.Second},
		run:   verdict,
	},
	{
		name:  "restart",
		title: "kill -9 of a peer and its start → session back on the survivor",
		how: "from just before fork of the restarted agent to the survivor's line \"session changed … up\", stamped when\n" +
			"it was read (late by what the figures of verdict call method, about 0.1 ms). Each side is restarted, 50 ms\n" +
			"after its death and again after the survivor has missed it.",
		quick: plan{runs: 8, about: 100 * time.Second},
		full:  plan{runs: 30, about: 6 * time.Minute},
		run:   restart,
	},
	{
		name:  "carrier",
		title: "carrier loss → known",
		how: "from just before the system call that switches the far end off to the agent's line and to the document\n" +
			"with HA_LINK_DOWN at a client. The call itself is part of the figure, and so is what the kernel takes to tell:\n" +
			"a bare listener beside the agent is the control.",
		quick: plan{runs: 10, about: 25 * time.Second},
		full:  plan{runs: 30, about: 70 * time.Second},
		run:   carrier,
	},
	{
		name:  "silence",
		title: "silent loss: detection error, never early",
		how: "frames are dropped at both ends on their way in; the error is the verdict's line as read, less the kernel's\n" +
			"stamp of the last heartbeat that came in, less the detect time. Both agents of a run count. Late by about\n" +
			"0.1 ms; beside it stands by how much a bare sleep of the same length on this machine is late.",
		quick: plan{runs: 10, about: 45 * time.Second},
		full:  plan{runs: 30, about: 2 * time.Minute},
		run:   silence,
	},
	{
		name:  "loss",
		title: "random loss both ways at 100 ms × 3: false alarms, connecting and recovering",
		how: "0, 10, 20 and 30 % of all frames (ARP too) are dropped at random at both ends, four pairs at once. The agents\n" +
			"start under the loss. A false alarm is a session that leaves Up by time-out, counted on both sides.",
		quick: plan{length: time.Minute, about: 75 * time.Second},
		full:  plan{length: 10 * time.Minute, about: 11 * time.Minute},
		run:   loss,
	},
	{
		name:  "resolution",
		title: "no address resolution: a session that is heard stays",
		how: "ARP and neighbour discovery are dropped at both ends and nothing else, for longer than the kernel trusts a\n" +
			"link address that nobody confirms (up to 45 s, then 8 s of asking). Random loss does the same now and then.",
		quick: plan{length: 75 * time.Second, about: 80 * time.Second},
		full:  plan{length: 3 * time.Minute, about: 3 * time.Minute},
		run:   resolution,
	},
	{
		name:  "connect",
		title: "connecting under random loss at 100 ms × 3",
		how: "one side is killed, the other notices, then frames (ARP too) are dropped at random at both ends and the killed\n" +
			"one is started; four pairs at once, both sides in turn. No goal is set but that it connects.",
		quick: plan{runs: 6, about: 45 * time.Second},
		full:  plan{runs: 50, about: 6 * time.Minute},
		run:   connect,
	},
	{
		name:  "reconnects",
		title: "1,000 reconnects: what the survivor holds afterwards",
		how: "one side is killed and started again and again, then the other. Descriptors and memory are read from /proc\n" +
			"after a tenth of the runs and at the end, 6 s after the last; goroutines are counted in the dump of SIGQUIT\n" +
			"and compared with those of a fresh agent.",
		quick: plan{runs: 50, about: 90 * time.Second},
		full:  plan{runs: 1000, about: 15 * time.Minute},
		run:   reconnects,
	},
	{
		name:  "flaps",
		title: "1,000 link flaps: state right within 3 s, what is held afterwards",
		how:   "the cable is switched off and on for 2 to 22 ms each, at either end in turn; then as reconnects.",
		quick: plan{runs: 200, about: 45 * time.Second},
		full:  plan{runs: 1000, about: 70 * time.Second},
		run:   flaps,
	},
	{
		name:  "readds",
		title: "100 removals and re-adds of the interface: state right within 3 s",
		how:   "the veth pair is deleted, and made anew with other indexes up to 1 s later; then as reconnects.",
		quick: plan{runs: 10, about: time.Minute},
		full:  plan{runs: 100, about: 4 * time.Minute},
		run:   readds,
	},
	{
		name:  "rekey",
		title: "key change every 2 s at 100 ms × 3: no heartbeat is lost, memory is flat",
		how: "the configuration asks for new keys every 2 s. Lost heartbeats are those that the receiver misses in the\n" +
			"sender's sequence; memory is read after a tenth of the time and at its end.",
		quick: plan{length: time.Minute, about: time.Minute},
		full:  plan{length: 10 * time.Minute, about: 10 * time.Minute},
		run:   rekey,
	},
	{
		name:  "flood",
		title: "3,000 ClientHellos a second at the acceptor: nothing is lost, a restarted peer gets through",
		how: "frames made by hand, hop limit 255, our suite, each from another port and with another random; from the\n" +
			"peer's address, then from addresses that nobody has. The victim is looked at 20 times a second, which is part\n" +
			"of its CPU. Restarts happen 1 s into the flood, 2 sides each.",
		quick: plan{runs: 2, length: 5 * time.Second, about: 75 * time.Second},
		full:  plan{runs: 5, length: 10 * time.Second, about: 2 * time.Minute},
		run:   flood,
	},
	{
		name:  "cost",
		title: "what a quiet pair uses at 1 s and at 100 ms",
		how: "the scheduler's CPU clock, context switches of all threads, smaps_rollup and the counters of the cable over\n" +
			"a window; nobody asks the local interface. `bench halink` measures the same beside other daemons.",
		quick: plan{runs: 1, length: 30 * time.Second, about: 90 * time.Second},
		full:  plan{runs: 3, length: 120 * time.Second, about: 13 * time.Minute},
		run:   cost,
	},
	{
		name:  "hold",
		title: "keeps a pair for looking at it by hand",
		how: "prints the process ids and folders of a quiet pair and waits: strace -f -c -p PID, nsenter -n -t PID, perf,\n" +
			"socketha status --config FILE.",
		quick:  plan{length: 5 * time.Minute, about: 5 * time.Minute},
		full:   plan{length: time.Hour, about: time.Hour},
		run:    hold,
		byHand: true,
	},
}
