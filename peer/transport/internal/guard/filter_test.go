package guard

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/pion/dtls/v2/pkg/protocol/recordlayer"
)

// rec builds one record.
func rec(contentType byte, epoch uint16, sequence uint64, body []byte) []byte {
	r := []byte{
		contentType, versionMajor, version12, byte(epoch >> 8), byte(epoch),
		byte(sequence >> 40), byte(sequence >> 32), byte(sequence >> 24),
		byte(sequence >> 16), byte(sequence >> 8), byte(sequence),
		byte(len(body) >> 8), byte(len(body)),
	}
	return append(r, body...)
}

// msg builds one handshake message, or a fragment of it where length is larger
// than the body.
func msg(kind byte, sequence uint16, length, offset int, body []byte) []byte {
	m := []byte{
		kind, byte(length >> 16), byte(length >> 8), byte(length),
		byte(sequence >> 8), byte(sequence),
		byte(offset >> 16), byte(offset >> 8), byte(offset),
		byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body)),
	}
	return append(m, body...)
}

func whole(kind byte, sequence uint16, body []byte) []byte {
	return msg(kind, sequence, len(body), 0, body)
}

var (
	certificate = rec(typeHandshake, 0, 3, whole(messageCert, 2, make([]byte, 200)))
	finished    = rec(typeHandshake, 1, 0, make([]byte, 40))
	appData     = rec(typeApplicationData, 1, 7, make([]byte, 40))
	ccs         = rec(typeChangeCipherSpec, 0, 4, []byte{1})
)

// TestJudge names, for each kind of record, what becomes of it before and after
// the session is established. -1 means that it passes.
func TestJudge(t *testing.T) {
	const pass = -1
	edit := func(r []byte, at int, b byte) []byte {
		r = bytes.Clone(r)
		r[at] = b
		return r
	}
	tests := []struct {
		name          string
		record        []byte
		before, after int
	}{
		{"certificate", certificate, pass, int(DropHandshake)},
		{"certificate under a DTLS 1.0 header", edit(certificate, 2, version10), pass, int(DropHandshake)},
		{"ChangeCipherSpec", ccs, pass, int(DropCipherSpec)},
		{"protected Finished", finished, pass, pass},
		{"protected data", appData, pass, pass},
		{"protected alert", rec(typeAlert, 1, 9, make([]byte, 18)), pass, pass},
		{"fatal alert", rec(typeAlert, 0, 1, []byte{2, 40}), pass, int(DropAlert)},
		{"close_notify", rec(typeAlert, 0, 1, []byte{1, 0}), pass, int(DropAlert)},

		{"alert of one byte", rec(typeAlert, 0, 1, []byte{2}), int(DropMalformed), int(DropAlert)},
		{"alert of level 3", rec(typeAlert, 0, 1, []byte{3, 0}), int(DropMalformed), int(DropAlert)},
		{"plaintext data", rec(typeApplicationData, 0, 1, []byte("x")), int(DropData), int(DropData)},
		{"long ChangeCipherSpec", rec(typeChangeCipherSpec, 0, 1, []byte{1, 1}), int(DropMalformed), int(DropCipherSpec)},
		{"wrong ChangeCipherSpec", rec(typeChangeCipherSpec, 0, 1, []byte{2}), int(DropMalformed), int(DropCipherSpec)},
		{"protected ChangeCipherSpec", rec(typeChangeCipherSpec, 1, 1<<40, []byte{1}), int(DropCipherEpoch), int(DropCipherEpoch)},
		{"heartbeat extension", rec(24, 0, 1, []byte{1}), int(DropType), int(DropType)},
		{"connection id", rec(25, 1, 1, []byte{1}), int(DropType), int(DropType)},
		{"type 0", rec(0, 0, 1, []byte{1}), int(DropType), int(DropType)},
		{"type 19", rec(19, 1, 1, []byte{1}), int(DropType), int(DropType)},
		{"epoch 2", rec(typeApplicationData, 2, 1, make([]byte, 40)), int(DropEpoch), int(DropEpoch)},
		{"epoch 65535", rec(typeHandshake, 65535, 1, make([]byte, 40)), int(DropEpoch), int(DropEpoch)},
		{"TLS 1.2", edit(edit(certificate, 1, 3), 2, 3), int(DropVersion), int(DropVersion)},
		{"DTLS 1.3 header", edit(certificate, 2, 252), int(DropVersion), int(DropVersion)},
		{"empty", rec(typeHandshake, 0, 1, nil), int(DropEmpty), int(DropEmpty)},
		{"empty protected", rec(typeApplicationData, 1, 1, nil), int(DropEmpty), int(DropEmpty)},
		{"cut header", certificate[:12], int(DropTruncated), int(DropTruncated)},
		{"cut body", certificate[:len(certificate)-1], int(DropTruncated), int(DropTruncated)},
		{"sequence at the window", rec(typeAlert, 0, Window, []byte{2, 40}), int(DropSequence), int(DropAlert)},
		{"sequence below the window", rec(typeAlert, 0, Window-1, []byte{2, 40}), pass, int(DropAlert)},

		{"plaintext Finished", rec(typeHandshake, 0, 1, whole(messageFinish, 5, make([]byte, 12))), int(DropDirection), int(DropHandshake)},
		{"HelloRequest", rec(typeHandshake, 0, 1, whole(0, 0, nil)), int(DropDirection), int(DropHandshake)},
		{"unknown message", rec(typeHandshake, 0, 1, whole(99, 0, nil)), int(DropDirection), int(DropHandshake)},
		{"ServerHello to a server", rec(typeHandshake, 0, 1, whole(2, 0, make([]byte, 40))), int(DropDirection), int(DropHandshake)},
		{"half a message header", rec(typeHandshake, 0, 1, make([]byte, 11)), int(DropMalformed), int(DropHandshake)},
		{"message longer than its record", rec(typeHandshake, 0, 1, whole(1, 0, make([]byte, 40))[:50]), int(DropMalformed), int(DropHandshake)},
		{"fragment past the end", rec(typeHandshake, 0, 1, msg(1, 0, 40, 30, make([]byte, 20))), int(DropMalformed), int(DropHandshake)},
		{"huge message", rec(typeHandshake, 0, 1, msg(11, 2, 1<<20, 0, make([]byte, 20))), int(DropMalformed), int(DropHandshake)},
		{"late message", rec(typeHandshake, 0, 1, whole(11, 17, make([]byte, 20))), int(DropMalformed), int(DropHandshake)},
		{"lone fragment", rec(typeHandshake, 0, 1, msg(11, 2, 400, 100, make([]byte, 200))), pass, int(DropHandshake)},
		{"two whole messages", rec(typeHandshake, 0, 1, append(whole(11, 2, make([]byte, 20)), whole(16, 3, make([]byte, 20))...)), pass, int(DropHandshake)},
		{"fragment beside a message", rec(typeHandshake, 0, 1, append(whole(16, 3, make([]byte, 20)), msg(11, 2, 400, 100, make([]byte, 20))...)), int(DropMalformed), int(DropHandshake)},
	}
	for _, tt := range tests {
		for _, established := range []bool{false, true} {
			name, want := tt.name+"/handshake", tt.before
			if established {
				name, want = tt.name+"/established", tt.after
			}
			t.Run(name, func(t *testing.T) {
				var c Counters
				f := NewFilter(Server, &c)
				if established {
					f.Establish()
				}
				n := f.Apply(bytes.Clone(tt.record))
				if want == pass {
					if n != len(tt.record) {
						t.Errorf("%d of %d bytes passed; dropped as %v", n, len(tt.record), dropped(&c))
					}
					return
				}
				if n != 0 {
					t.Errorf("passed, want it dropped as %v", Drop(want))
				}
				if got := dropped(&c); len(got) != 1 || got[Drop(want).String()] != 1 {
					t.Errorf("dropped as %v, want %v", got, Drop(want))
				}
			})
		}
	}
}

func dropped(c *Counters) map[string]uint64 {
	m := map[string]uint64{}
	c.Each(func(reason string, n uint64) { m[reason] = n })
	return m
}

// TestDirection sends every message type to both sides.
func TestDirection(t *testing.T) {
	want := map[Side]string{
		Client: "2 3 11 12 13 14 ",
		Server: "1 11 15 16 ",
	}
	for side, want := range want {
		got := ""
		for kind := range 256 {
			f := NewFilter(side, &Counters{})
			f.Apply(rec(typeHandshake, 0, 0, whole(messageVerify, 0, []byte{1}))) // for the client
			if f.Apply(rec(typeHandshake, 0, 0, whole(byte(kind), 0, []byte{1}))) > 0 {
				got += strconv.Itoa(kind) + " "
			}
		}
		if got != want {
			t.Errorf("side %d accepts messages %q, want %q", side, got, want)
		}
	}
}

// TestClientWaitsForAnswer drops what comes before an answer to the ClientHello.
func TestClientWaitsForAnswer(t *testing.T) {
	var c Counters
	f := NewFilter(Client, &c)
	done := rec(typeHandshake, 0, 5, whole(14, 4, nil))
	if f.Apply(bytes.Clone(done)) != 0 || c.Count(DropDirection) != 1 {
		t.Errorf("a ServerHelloDone came first and was dropped as %v", dropped(&c))
	}
	hello := rec(typeHandshake, 0, 1, whole(messageServerHello, 0, make([]byte, 40)))
	if both := append(bytes.Clone(hello), done...); f.Apply(both) != len(hello)+len(done) {
		t.Errorf("dropped as %v", dropped(&c))
	}
}

// TestMixed puts forged records around a good one: only the good one stays, and
// what follows a record cut short is lost with it.
func TestMixed(t *testing.T) {
	var c Counters
	f := NewFilter(Server, &c)
	f.Establish()
	datagram := bytes.Join([][]byte{
		rec(typeAlert, 0, 1, []byte{2, 40}), appData, rec(24, 0, 1, []byte{1}), finished, certificate[:20], appData,
	}, nil)
	n := f.Apply(datagram)
	if want := append(bytes.Clone(appData), finished...); !bytes.Equal(datagram[:n], want) {
		t.Errorf("left %x, want %x", datagram[:n], want)
	}
	if got := dropped(&c); got["record_plaintext_alert"] != 1 || got["record_type"] != 1 || got["record_truncated"] != 1 {
		t.Errorf("dropped %v", got)
	}
}

// TestBudget shows that a handshake cannot be fed without end, and that the
// budget does not outlive the handshake.
func TestBudget(t *testing.T) {
	var c Counters
	f := NewFilter(Server, &c)
	passed := 0
	for range 1000 {
		passed += f.Apply(bytes.Clone(certificate)) + f.Apply(bytes.Clone(finished))
	}
	if passed > maxHandshakeBytes || passed < maxHandshakeBytes-len(certificate) {
		t.Errorf("%d bytes passed, want about %d", passed, maxHandshakeBytes)
	}
	if c.Count(DropBudget) == 0 {
		t.Error("nothing counted against the budget")
	}
	f.Establish()
	if f.Apply(bytes.Clone(appData)) == 0 {
		t.Error("an established session is held to the handshake's budget")
	}
}

func TestAlertAndSeen(t *testing.T) {
	f := NewFilter(Server, &Counters{})
	if _, _, ok := f.Alert(); ok {
		t.Error("an alert before any record")
	}
	f.Apply(bytes.Clone(certificate))
	f.Apply(rec(typeAlert, 0, 5, []byte{2, 42}))
	if level, description, ok := f.Alert(); !ok || level != 2 || description != 42 {
		t.Errorf("alert %d %d %t, want 2 42", level, description, ok)
	}
	if f.Seen() != 1<<messageCert {
		t.Errorf("seen %b, want the certificate", f.Seen())
	}
}

func TestDropNames(t *testing.T) {
	seen := map[string]bool{}
	for d := range numDrops {
		if d.String() == "" || seen[d.String()] {
			t.Errorf("reason %d has the name %q", d, d)
		}
		seen[d.String()] = true
	}
}

// FuzzFilter feeds any datagram to both sides in both phases. The filter must
// not panic or grow the datagram, must leave only records it lets through
// again, and after Establish no plaintext at all. What it leaves must not panic
// pion's parser, which runs in a goroutine that nobody could recover.
func FuzzFilter(f *testing.F) {
	f.Add(certificate, true, false)
	f.Add(append(bytes.Clone(finished), ccs...), true, true)
	f.Add(rec(typeHandshake, 0, 1, whole(2, 0, make([]byte, 80))), false, false)
	f.Add(appData[:20], false, true)
	f.Fuzz(func(t *testing.T, datagram []byte, server, established bool) {
		side := Client
		if server {
			side = Server
		}
		filter := NewFilter(side, &Counters{})
		if established {
			filter.Establish()
		}
		n := filter.Apply(datagram)
		if n > len(datagram) {
			t.Fatalf("%d bytes out of %d", n, len(datagram))
		}
		left := bytes.Clone(datagram[:n])
		records, err := recordlayer.UnpackDatagram(left)
		if n > 0 && err != nil {
			t.Fatalf("pion cannot cut what is left: %v", err)
		}
		for _, r := range records {
			if established && r[3] == 0 && r[4] == 0 {
				t.Fatalf("plaintext after the session was established: %x", r)
			}
			var layer recordlayer.RecordLayer
			_ = layer.Unmarshal(r) // an error is an answer; a panic is not
		}
		again := NewFilter(side, &Counters{})
		if established {
			again.Establish()
		}
		if m := again.Apply(left); m != n {
			t.Fatalf("a second pass leaves %d bytes of %d", m, n)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	f := NewFilter(Server, &Counters{})
	f.Establish()
	b.ReportAllocs()
	for b.Loop() {
		if f.Apply(appData) != len(appData) {
			b.Fatal("dropped")
		}
	}
}
