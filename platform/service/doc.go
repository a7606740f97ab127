// Package service makes the agent a good citizen of what started it: systemd,
// procd, or a shell.
//
//	Notifier  sd_notify(3): ready, reloading, stopping, status, watchdog
//	Keeper    tells ready once the agent answers, and feeds the watchdog only
//	          while it does
//	Reloader  SIGHUP, one reload at a time, the old configuration if the new is bad
//	Confine   no new privileges, no capabilities, Landlock
//
// Without a service manager that listens, the Notifier says nothing, and the
// rest works all the same.
//
// # What the watchdog vouches for
//
// A process that is alive says little. The Keeper asks the agent as any client
// would, by a GET of /healthz over the unix socket, which the heartbeat loop
// answers for; so a deadlock in the API or in the loop ends in a restart, and a lost
// peer, a full disk or a cloud out of reach do not.
//
// # What the agent may still do when confined
//
// It is started as an ordinary user and keeps no capability. That suffices
// for all it does at run time: sockets bound to the HA interface (Linux 5.7 and
// later), packet filters on them, netlink for reading. On older kernels
// SO_BINDTODEVICE takes CAP_NET_RAW; [BindNeedsCapability] finds out, and [Confine] keeps
// that one where its options say so. Landlock, where the kernel has it, leaves the
// files listed.
//
// Confine makes the system calls itself: go-landlock would add 45 KB and two modules,
// and what it spares is the dozen lines that ask of a kernel only what it knows.
package service
