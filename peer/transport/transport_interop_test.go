package transport

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"socketha/peer/transport/internal/lab"
	"socketha/scripts/needs"
)

// The other implementations do not send with hop limit 255: a relay on loopback
// stands between them and us. Each checks our certificate, shows its own, and
// offers only the one suite.

const gnutlsPriority = "NONE:+VERS-DTLS1.2:+CHACHA20-POLY1305:+AEAD:+ECDHE-ECDSA:+SIGN-ECDSA-SHA256:+COMP-NULL:+GROUP-ALL:+CTYPE-X509"

// guest is an identity in files, for a program that is not ours.
type guest struct {
	*Identity
	key, cert, host string // files; host is our certificate
}

func newGuest(t testing.TB, ours *Identity) guest {
	t.Helper()
	g := guest{Identity: identity(t, "SN-GUEST")}
	g.key, g.cert = files(t)
	if err := g.Save(g.key, g.cert); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	g.host = filepath.Join(dir, "host.pem")
	if err := ours.Save(filepath.Join(dir, "host.key"), g.host); err != nil {
		t.Fatal(err)
	}
	return g
}

// freePort returns a UDP port on loopback that was free a moment ago.
func freePort(t testing.TB) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return addrPort(c.LocalAddr())
}

func limit(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestInteropServers dials servers of other makes; the second column of a case
// says whether it echoes what it gets.
func TestInteropServers(t *testing.T) {
	tests := []struct {
		name, command, pkg string
		echoes             bool
		args               func(g guest, port string) []string
	}{
		{"openssl", "openssl", "openssl", false, func(g guest, port string) []string {
			return []string{
				"s_server", "-dtls1_2", "-accept", "127.0.0.1:" + port, "-cert", g.cert, "-key", g.key,
				"-CAfile", g.host, "-Verify", "1", "-verify_return_error",
				"-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305", "-quiet",
			}
		}},
		{"openssl with cookies", "openssl", "openssl", false, func(g guest, port string) []string {
			return []string{
				"s_server", "-dtls1_2", "-listen", "-accept", "127.0.0.1:" + port, "-cert", g.cert, "-key", g.key,
				"-CAfile", g.host, "-Verify", "1", "-verify_return_error",
				"-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305", "-quiet",
			}
		}},
		{"gnutls", "gnutls-serv", "gnutls-bin", true, func(g guest, port string) []string {
			return []string{
				"--udp", "-p", port, "--x509certfile", g.cert, "--x509keyfile", g.key,
				"--x509cafile", g.host, "--require-client-cert", "--verify-client-cert", "--priority", gnutlsPriority,
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := needs.Command(t, tt.command, tt.pkg)
			own := identity(t, "SN-OURS")
			g := newGuest(t, own)
			server := freePort(t)
			process := lab.Start(t, path, tt.args(g, strconv.Itoa(int(server.Port())))...)
			relay := lab.NewRelay(t, server.Addr(), server)
			e := newEndpoint(t, nil, Config{
				Identity: own, Trust: pins(g.Identity),
				Local: netip.AddrPortFrom(server.Addr(), 0), Peer: relay.Addr(),
			})
			e.side = SideInitiator
			run(t, e)
			c := next(t, e)
			if c.PeerSerial() != "SN-GUEST" {
				t.Errorf("serial %q", c.PeerSerial())
			}
			if _, err := c.Write([]byte("from us\n")); err != nil {
				t.Fatal(err)
			}
			if tt.echoes {
				hear(t, c, "from us\n")
				return
			}
			process.Expect(limit(t), "from us")
			process.Say("from the guest")
			hear(t, c, "from the guest\n")
		})
	}
}

// TestInteropClients accepts clients of other makes.
func TestInteropClients(t *testing.T) {
	tests := []struct {
		name, command, pkg string
		args               func(g guest, port string) []string
	}{
		{"openssl", "openssl", "openssl", func(g guest, port string) []string {
			return []string{
				"s_client", "-dtls1_2", "-connect", "127.0.0.1:" + port, "-cert", g.cert, "-key", g.key,
				"-CAfile", g.host, "-verify", "1", "-verify_return_error",
				"-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305", "-quiet",
			}
		}},
		{"gnutls", "gnutls-cli", "gnutls-bin", func(g guest, port string) []string {
			return []string{
				"--udp", "-p", port, "--x509certfile", g.cert, "--x509keyfile", g.key,
				"--x509cafile", g.host, "--verify-hostname", "SN-OURS", "--priority", gnutlsPriority, "127.0.0.1",
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := needs.Command(t, tt.command, tt.pkg)
			own := identity(t, "SN-OURS")
			g := newGuest(t, own)
			e, relay := acceptGuest(t, own, pins(g.Identity))
			process := lab.Start(t, path, tt.args(g, strconv.Itoa(int(relay.Addr().Port())))...)
			c := next(t, e)
			if c.PeerSerial() != "SN-GUEST" {
				t.Errorf("serial %q", c.PeerSerial())
			}
			process.Say("from the guest")
			hear(t, c, "from the guest\n")
			if _, err := c.Write([]byte("from us\n")); err != nil {
				t.Fatal(err)
			}
			process.Expect(limit(t), "from us")
		})
	}
}

// TestInteropRefuses counts clients of other makes that come without a
// certificate, or with one that is not pinned.
func TestInteropRefuses(t *testing.T) {
	own := identity(t, "SN-OURS")
	g := newGuest(t, own)
	stranger := pins(identity(t, "SN-X"))
	openssl := func(extra ...string) func(port string) []string {
		return func(port string) []string {
			return append([]string{"s_client", "-dtls1_2", "-quiet", "-connect", "127.0.0.1:" + port}, extra...)
		}
	}
	gnutls := func(extra ...string) func(port string) []string {
		return func(port string) []string {
			return append(extra, "--udp", "--insecure", "--priority", gnutlsPriority, "-p", port, "127.0.0.1")
		}
	}
	tests := []struct {
		name, command, pkg string
		args               func(port string) []string
		trust              Trust
		reason             Reason
	}{
		{"openssl, no certificate", "openssl", "openssl", openssl(), pins(g.Identity), ReasonNoCertificate},
		{"openssl, not pinned", "openssl", "openssl", openssl("-cert", g.cert, "-key", g.key), stranger, ReasonPinMismatch},
		{"gnutls, no certificate", "gnutls-cli", "gnutls-bin", gnutls(), pins(g.Identity), ReasonNoCertificate},
		{
			"gnutls, not pinned", "gnutls-cli", "gnutls-bin",
			gnutls("--x509certfile", g.cert, "--x509keyfile", g.key), stranger, ReasonPinMismatch,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := needs.Command(t, tt.command, tt.pkg)
			e, relay := acceptGuest(t, own, tt.trust)
			lab.Start(t, path, tt.args(strconv.Itoa(int(relay.Addr().Port())))...)
			ctx := limit(t)
			for len(e.Stats().Rejected) == 0 && ctx.Err() == nil {
				runtime.Gosched()
			}
			if got := e.Stats().Rejected; got[tt.reason] == 0 || len(got) != 1 {
				t.Errorf("rejected %v, want only %s", got, tt.reason)
			}
		})
	}
}

// acceptGuest runs an acceptor behind a relay.
func acceptGuest(t testing.TB, own *Identity, trust Trust) (*Endpoint, *lab.Relay) {
	t.Helper()
	local := freePort(t)
	e := newEndpoint(t, nil, Config{
		Identity: own, Trust: trust, Local: local, Peer: netip.AddrPortFrom(local.Addr(), 0),
	})
	e.side = SideAcceptor
	run(t, e)
	return e, lab.NewRelay(t, local.Addr(), local)
}

// hear expects a message on c.
func hear(t testing.TB, c *Conn, want string) {
	t.Helper()
	b := make([]byte, MaxMessage)
	n, err := c.Read(b)
	if err != nil || string(b[:n]) != want {
		t.Fatalf("read %q, %v; want %q", b[:n], err, want)
	}
}
