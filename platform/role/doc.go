// Package role reads the HA state of this Socket (active, standby or unknown)
// from the appliance's failover software. It is read, never guessed: what does
// not answer is unknown, with the reason.
//
//	source      reads                                         proof of life
//	keepalived  the lines keepalived (2.2 or later) writes    its end of the FIFO is open: the
//	            to its vrrp_notify_fifo                       kernel closes it with the process
//	frr         "show vrrp json" of FRR's vrrpd, by its vty   it answers, asked every second
//	            socket or by vtysh                            (vtysh: every 2 s), and at once when
//	                                                          the addresses tell of a change
//	hook        a file with one word, or a command            the file is touched within MaxAge;
//	                                                          the command ends well, every 2 s
//	vip         the virtual addresses of the interfaces, by   the kernel; netlink messages are a
//	            netlink                                       hint, and every 30 s without one
//
// [Auto] uses those of them that are configured, in this order, takes the first
// that answers, and says which.
//
// # The address that stays
//
// After kill -9 of keepalived or vrrpd the virtual addresses stay where they
// were, and traffic with them, while the other Socket takes over. So a source
// that dies does not mean standby, and its last word is not shown on:
//
//   - with [Auto] and addresses configured, the state is then active by the
//     source vip. Both Sockets are active, and the exchange of HA states shows it;
//   - with the one source configured the state is unknown.
//
// The other way round, that an address is not there proves that this Socket is
// not active, and nothing about whether it could take over. So beneath a source
// that is silent, or has fallen silent since it answered, the absence of
// the addresses is not taken for standby: the state is unknown.
//
// An address counts as present where the interface has LOWER_UP and is not
// protodown, which is how FRR holds a standby's address, and the address is
// neither tentative nor failed (RFC 4862 section 5.4). Addresses on loopback
// count too: do not name one there.
//
// # The notify FIFO
//
// keepalived opens the FIFO for reading and writing, so lines wait in it while
// nobody reads, and a line is lost neither when the agent restarts nor when
// keepalived starts first. A FIFO has one reader: it must be the agent's own
// (keepalived has notify_fifo for another). A line is written at each change
// only, which leaves two holes, both closed by keepalived's pid file of its VRRP
// process (vrrp.pid), whose identity is that of one run:
//
//   - A reload closes and opens the FIFO and writes nothing. So for one second
//     after the hang-up the state is held; a writer that is back by then and
//     of the same run keeps it. A death is therefore told one second late.
//   - An agent that restarts would wait for the next change. So what was read is kept
//     in a small file under /run ([Keepalived.Memory]) and believed if boot, run
//     and FIFO are the same and nothing was read by anybody since.
//
// A new run writes the state of every instance when it starts. Without a pid
// file the state is unknown in both cases until the next line;
// fifo_write_vrrp_states_on_reload in keepalived.conf shortens the wait.
//
// FAULT is neither active nor standby. An instance removed by a
// reload reports FAULT for ever unless it had notify_deleted: with several
// instances name the one that counts, or its sync group. A keepalived that is stopped
// (SIGSTOP) keeps its state, as it keeps its addresses.
//
// keepalived makes the FIFO for its own user; what it takes for an agent that
// is not root, and for a reload:
//
//	global_defs {
//		vrrp_notify_fifo /run/keepalived-socketha.fifo socketha
//		fifo_write_vrrp_states_on_reload
//	}
//
// vrrpd's vty socket is for the group frrvty.
//
// # Bounds
//
// A line has at most 1,024 bytes, 512 instances and groups each are known, vrrpd's
// answer has at most 256 KiB, a hook's at most 4 KiB, and each question ends after
// 2 s. What is not a FIFO, or a plain file, is refused unopened, and so is
// what everybody may write to. Words of others appear in [State.Detail] quoted and cut.
package role
