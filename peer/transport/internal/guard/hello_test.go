package guard

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pion/dtls/v2/pkg/protocol"
	"github.com/pion/dtls/v2/pkg/protocol/extension"
	"github.com/pion/dtls/v2/pkg/protocol/handshake"
)

const suiteID = 0xCCA9

// clientHello builds the first datagram of a handshake as pion does.
func clientHello(t testing.TB, change func(*handshake.MessageClientHello)) []byte {
	t.Helper()
	hello := handshake.MessageClientHello{
		Version:            protocol.Version1_2,
		CipherSuiteIDs:     []uint16{0xc02b, suiteID},
		CompressionMethods: []*protocol.CompressionMethod{{}},
		Extensions: []extension.Extension{
			&extension.RenegotiationInfo{},
			&extension.UseExtendedMasterSecret{Supported: true},
		},
	}
	if change != nil {
		change(&hello)
	}
	body, err := hello.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return rec(typeHandshake, 0, 0, whole(messageHello, 0, body))
}

func TestCheckHello(t *testing.T) {
	good := clientHello(t, nil)
	body := good[headerSize+handshakeHeaderSize:]
	edit := func(at int, b byte) []byte {
		h := bytes.Clone(good)
		h[at] = b
		return h
	}
	tests := []struct {
		name     string
		datagram []byte
		want     Hello
	}{
		{"good", good, HelloOK},
		{"under a DTLS 1.0 header", edit(2, version10), HelloOK},
		{"session id", clientHello(t, func(h *handshake.MessageClientHello) { h.SessionID = make([]byte, 32) }), HelloOK},
		{"no suite", clientHello(t, func(h *handshake.MessageClientHello) { h.CipherSuiteIDs = []uint16{0xc02b} }), HelloNoSuite},
		{"no extended master secret", clientHello(t, func(h *handshake.MessageClientHello) {
			h.Extensions = []extension.Extension{&extension.RenegotiationInfo{}}
		}), HelloNoEMS},
		{"no extensions", clientHello(t, func(h *handshake.MessageClientHello) { h.Extensions = nil }), HelloNoEMS},
		{"long session id", clientHello(t, func(h *handshake.MessageClientHello) { h.SessionID = make([]byte, 33) }), NotHello},
		{"with a cookie", clientHello(t, func(h *handshake.MessageClientHello) { h.Cookie = make([]byte, 20) }), NotHello},
		{"no compression", clientHello(t, func(h *handshake.MessageClientHello) { h.CompressionMethods = nil }), NotHello},
		{"DTLS 1.0 inside", edit(headerSize+handshakeHeaderSize+1, version10), NotHello},
		{"TLS record", edit(1, 3), NotHello},
		{"epoch 1", edit(4, 1), NotHello},
		{"high sequence", edit(8, 1), NotHello},
		{"alert", edit(0, typeAlert), NotHello},
		{"ServerHello", edit(headerSize, 2), NotHello},
		{"second message", edit(headerSize+5, 1), NotHello},
		{"two records", append(bytes.Clone(good), good...), NotHello},
		{"fragment", rec(typeHandshake, 0, 0, msg(messageHello, 0, len(body), 0, body[:40])), NotHello},
		{"trailing byte", rec(typeHandshake, 0, 0, whole(messageHello, 0, append(bytes.Clone(body), 0))), NotHello},
		{"protected data", appData, NotHello},
		{"empty", nil, NotHello},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := CheckHello(tt.datagram, suiteID); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
	for n := range good {
		if got := CheckHello(good[:n], suiteID); got != NotHello {
			t.Errorf("cut to %d bytes: got %d", n, got)
		}
	}
}

// TestCheckHelloAllocates nothing, whatever it is given.
func TestCheckHelloAllocates(t *testing.T) {
	good := clientHello(t, nil)
	for _, datagram := range [][]byte{good, good[:60], appData} {
		if n := testing.AllocsPerRun(100, func() { CheckHello(datagram, suiteID) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// FuzzCheckHello compares with pion: what is taken for a hello must be one for
// pion, too, and what pion panics on must not get there.
func FuzzCheckHello(f *testing.F) {
	f.Add(clientHello(f, nil))
	f.Add(appData)
	f.Fuzz(func(t *testing.T, datagram []byte) {
		if CheckHello(datagram, suiteID) != HelloOK {
			return
		}
		var h handshake.Handshake
		if err := h.Unmarshal(datagram[headerSize:]); err != nil {
			return // pion is stricter about extensions: it answers with an alert
		}
		hello, ok := h.Message.(*handshake.MessageClientHello)
		if !ok {
			t.Fatalf("pion reads %T", h.Message)
		}
		if !slices.Contains(hello.CipherSuiteIDs, suiteID) {
			t.Fatal("pion does not see the suite")
		}
	})
}
