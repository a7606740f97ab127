package e2e

import (
	"strings"
	"syscall"
	"testing"

	"socketha/agent/status"
)

func incompatible(d status.Document) bool { return d.Compatibility == "incompatible" }
func ready(d status.Document) bool        { return d.Readiness == "ready" }
func linkDown(d status.Document) bool     { return has(d, "HA_NOT_READY_HA_LINK_DOWN") }
func notReady(d status.Document) bool     { return d.Readiness == "not_ready" }

// Both Sockets reach the same verdict, name the same Socket, and turn Ready
// when its version file changes under the running agent.
func TestVerdictAndUpgrade(t *testing.T) {
	for name, family := range map[string]int{"IPv4": 4, "IPv6 link-local": 6} {
		t.Run(name, func(t *testing.T) {
			pair := newPair(t, options{versions: [2]string{"18.3.3", "15.0.2"}, family: family})
			for _, b := range pair {
				b.start()
			}
			for i, b := range pair {
				d := b.until("incompatible", incompatible)
				if d.Remedy == nil || d.Remedy.UpgradeSerial == nil || *d.Remedy.UpgradeSerial != pair[1].serial || d.Remedy.ToMajor != 18 {
					t.Errorf("%s names %+v, want %s to be upgraded to major 18", b.serial, d.Remedy, pair[1].serial)
				}
				if !has(d, "HA_NOT_READY_INCOMPATIBLE_MAJOR_SOCKET_VERSIONS") {
					t.Errorf("%s gives the reasons %v", b.serial, codes(d))
				}
				if d.Peer.Serial == nil || *d.Peer.Serial != pair[1-i].serial {
					t.Errorf("%s names the peer %v", b.serial, d.Peer.Serial)
				}
				if _, code := b.try("status"); code != 3 {
					t.Errorf("%s: socketha status exits with %d, want 3", b.serial, code)
				}
			}
			pair[1].file("etc/socketha/version", "18.4.1")
			for _, b := range pair {
				b.until("ready after the upgrade", ready)
				if out, code := b.try("status"); code != 0 || !strings.Contains(out, "Ready") {
					t.Errorf("%s: socketha status exits with %d, want 0:\n%s", b.serial, code, out)
				}
			}
		})
	}
}

// A killed peer is a failure, its version is then last-known with an age; after
// its return all is well again.
func TestKilledPeerIsLastSeen(t *testing.T) {
	pair := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}})
	for _, b := range pair {
		b.start()
	}
	pair[0].until("ready", ready)
	pair[1].signal(syscall.SIGKILL)
	d := pair[0].until("no keepalive", func(d status.Document) bool { return has(d, "HA_NOT_READY_NO_KEEPALIVE") })
	switch {
	case d.Peer.Fresh, d.Compatibility != "unknown", d.Conditions.CompatibleVersion.State != status.StateUnknown:
		t.Errorf("a silent peer is shown as current: fresh %v, compatibility %s", d.Peer.Fresh, d.Compatibility)
	case !d.Peer.Known, d.Peer.Version == nil, d.Peer.AgeS == nil:
		t.Errorf("the last-known peer is not shown: %+v", d.Peer)
	}
	if _, code := pair[0].try("status"); code != 3 {
		t.Errorf("socketha status exits with %d, want 3", code)
	}
	pair[1].start()
	pair[0].until("ready again", ready)
}

// An agent that is stopped says so first; that is no failure.
func TestPlannedStopIsNoFailure(t *testing.T) {
	pair := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}})
	for _, b := range pair {
		b.start()
	}
	pair[0].until("ready", ready)
	pair[1].signal(syscall.SIGTERM)
	d := pair[0].until("not ready", notReady)
	if has(d, "HA_NOT_READY_NO_KEEPALIVE") || !has(d, "HA_NOT_READY_PEER_STALE") || d.Conditions.Keepalive.State != status.StateUnknown {
		t.Errorf("a planned stop shows as keepalive %s, reasons %v", d.Conditions.Keepalive.State, codes(d))
	}
	if _, code := pair[0].try("status"); code != 4 {
		t.Errorf("socketha status exits with %d, want 4", code)
	}
}

// A dead cable is told apart from a silent peer.
func TestDeadLinkIsNotASilentPeer(t *testing.T) {
	pair := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}})
	for _, b := range pair {
		b.start()
	}
	pair[0].until("ready", ready)
	far, err := pair[1].ns.Netlink.LinkByName(haInterface)
	if err != nil {
		t.Fatal(err)
	}
	if err := pair[1].ns.Netlink.LinkSetDown(far); err != nil {
		t.Fatal(err)
	}
	d := pair[0].until("link down", linkDown)
	if d.Link.Carrier == nil || *d.Link.Carrier {
		t.Errorf("carrier is %v, want false", d.Link.Carrier)
	}
	if err := pair[1].ns.Netlink.LinkSetUp(far); err != nil {
		t.Fatal(err)
	}
	pair[0].until("ready again", ready)
}

// A Socket that was never heard is unknown, and an agent that does not run is
// said to be just that.
func TestNeverHeardAndNotRunning(t *testing.T) {
	pair := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}})
	pair[0].start()
	pair[0].until("peer unknown", func(d status.Document) bool { return has(d, "HA_NOT_READY_PEER_UNKNOWN") })
	if _, code := pair[0].try("status"); code != 4 {
		t.Errorf("socketha status exits with %d, want 4", code)
	}
	pair[0].signal(syscall.SIGTERM)
	if out, code := pair[0].try("status"); code != 5 {
		t.Errorf("socketha status exits with %d, want 5:\n%s", code, out)
	}
}

// A frozen agent must not blame its peer when it wakes up.
func TestOwnStallIsNotBlamedOnThePeer(t *testing.T) {
	pair := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}, interval: "200ms"})
	for _, b := range pair {
		b.start()
	}
	pair[0].until("ready", ready)
	pair[0].signal(syscall.SIGSTOP)
	// The other side sees the silence; that is the sign that the stall has
	// outlasted the detection time.
	pair[1].until("no keepalive", func(d status.Document) bool { return has(d, "HA_NOT_READY_NO_KEEPALIVE") })
	pair[0].signal(syscall.SIGCONT)
	pair[1].until("ready again", ready)
	pair[0].until("ready again", ready)
	if strings.Contains(pair[0].logged(), "timeout") {
		t.Error("the frozen agent blamed its own stall on the peer")
	}
}
