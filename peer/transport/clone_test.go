package transport

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// clones returns two endpoints with one key, that both pin somebody else: whose
// fingerprint sorts higher or lower, so that both dial or both wait.
func clones(t *testing.T, m *memNet, both Side, static bool) [2]*Endpoint {
	t.Helper()
	own := identity(t, "SN-A")
	var pin Fingerprint
	for i := range pin {
		pin[i] = map[Side]byte{SideInitiator: 0xff, SideAcceptor: 0}[both]
	}
	pin[0] ^= 1 // no pin is zero
	if both == SideAcceptor {
		pin = Fingerprint{31: 1}
	}
	ends := [2]netip.AddrPort{addrA, addrB}
	var e [2]*Endpoint
	for i := range e {
		cfg := Config{Identity: own, Trust: Trust{Pins: []Fingerprint{pin}}, Local: ends[i]}
		if static {
			cfg.Peer = ends[1-i]
		}
		e[i] = newEndpoint(t, m, cfg)
		e[i].quiet = false
		if e[i].Side() != both {
			t.Fatalf("side %v, want %v", e[i].Side(), both)
		}
	}
	return e
}

// TestClone finds a cloned Socket from either side, although both dial or both
// wait, by the addresses of the configuration and by hearsay of the beacons; and
// goes on finding it, so that the finding does not age while it is there.
func TestClone(t *testing.T) {
	for _, side := range []Side{SideInitiator, SideAcceptor} {
		for _, static := range []bool{true, false} {
			t.Run(side.String()+map[bool]string{true: ", static", false: ", found"}[static], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMemNet()
					e := clones(t, m, side, static)
					run(t, e[0])
					time.Sleep(7 * time.Second)
					run(t, e[1])
					if !static {
						e[0].SetTwins([]netip.AddrPort{addrB})
						e[1].SetTwins([]netip.AddrPort{addrA})
					}
					for round := range 4 {
						time.Sleep(20 * time.Second) // shorter than a finding stands
						for i := range e {
							s := e[i].Stats()
							f := s.IdentityConflict
							if f == nil || f.Reason != ReasonOwnKey || time.Since(f.At) > 20*time.Second {
								t.Fatalf("round %d, %d: %+v of %+v", round, i, f, s)
							}
							if s.Established != 0 || s.Dials > 200 {
								t.Errorf("round %d, %d: %+v", round, i, s)
							}
						}
					}
				})
			})
		}
	}
}

// TestReflected sends everything that a Socket says back to it, from where it was
// sent to: that shows its own key, and proves nothing.
func TestReflected(t *testing.T) {
	for _, side := range []Side{SideInitiator, SideAcceptor} {
		t.Run(side.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemNet()
				e := clones(t, m, side, true)[0]
				var caller netip.AddrPort // the socket that dials
				m.tap = func(from, to netip.AddrPort, b []byte) {
					if to.Addr() != addrB.Addr() {
						return
					}
					if from != addrA {
						caller = from
						m.inject(addrB, addrA, b)
					} else if caller.IsValid() {
						m.inject(addrB, caller, b)
					}
				}
				run(t, e)
				for range 6 {
					time.Sleep(10 * time.Second)
					m.inject(addrB, addrA, hintPoke.datagram())
				}
				s := e.Stats()
				if s.IdentityConflict != nil || s.Rejected[ReasonReflected] == 0 {
					t.Errorf("%+v, %+v", s.IdentityConflict, s)
				}
			})
		})
	}
}

// TestStrayMakesNoConnection lets the true peer call where it should not, and
// be poked where it should not: both handshakes are dropped without a finding.
func TestStrayMakesNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		run(t, p.initiator)
		run(t, p.acceptor)
		a, b := next(t, p.initiator), next(t, p.acceptor)
		for range 20 {
			p.net.inject(netip.AddrPortFrom(addrA.Addr(), 4000), addrB, hintPoke.datagram())
			time.Sleep(time.Second)
		}
		sa, sb := p.initiator.Stats(), p.acceptor.Stats()
		if sb.Dials == 0 || sb.Dials > 5 || sa.Rejected[ReasonWrongSide] == 0 {
			t.Errorf("%d probes, %v rejected", sb.Dials, sa.Rejected)
		}
		if sa.Established != 1 || sb.Established != 1 || sa.IdentityConflict != nil || sb.IdentityConflict != nil {
			t.Errorf("stats %+v and %+v", sa, sb)
		}
		say(t, a, b, "undisturbed")
		say(t, b, a, "likewise")
	})
}

// TestStrayDial lets a peer that both dials and waits, as while its pins change,
// dial one that only dials: what it begins there comes to nothing, whatever it
// proves.
func TestStrayDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(_, b *Config) {
			var high Fingerprint
			for i := range high {
				high[i] = 0xff
			}
			b.Trust.Pins = append(b.Trust.Pins, high)
		})
		run(t, p.acceptor)
		run(t, p.initiator)
		a, b := next(t, p.initiator), next(t, p.acceptor)
		time.Sleep(20 * time.Second)
		s := p.initiator.Stats()
		if s.Rejected[ReasonWrongSide] == 0 || s.Established != 1 || s.PathMTU != nil || s.IdentityConflict != nil {
			t.Errorf("stats %+v", s)
		}
		say(t, a, b, "undisturbed")
	})
}
