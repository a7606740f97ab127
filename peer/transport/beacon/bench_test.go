package beacon

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"
)

func BenchmarkAppend(b *testing.B) {
	m := message(7)
	buf := make([]byte, 0, MaxMessage)
	b.ReportAllocs()
	for b.Loop() {
		buf = m.Append(buf[:0])
	}
}

func BenchmarkParse(b *testing.B) {
	buf := message(7).Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// nowhere is a port that takes everything.
type nowhere struct{}

func (nowhere) local() netip.Addr                   { return addrA }
func (nowhere) send([]byte) error                   { return nil }
func (nowhere) answer([]byte, netip.AddrPort) error { return nil }
func (nowhere) receivers() []receiver               { return nil }
func (nowhere) close()                              {}

// BenchmarkHear is what one beacon costs beside the system calls.
func BenchmarkHear(b *testing.B) {
	for name, m := range map[string]Message{
		"known":    message(2),
		"solicit":  {FlagSolicit, message(2).Protocol, Port, key(2)},
		"stranger": message(3),
	} {
		b.Run(name, func(b *testing.B) {
			beacon, err := New(Config{
				Interface: "ha0", Fingerprint: key(1), Wanted: wants(2),
				Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				b.Fatal(err)
			}
			l := newLoop(beacon)
			d := datagram{n: MinMessage, from: netip.AddrPortFrom(addrB, memMouth)}
			copy(d.b[:], m.Append(nil))
			b.ReportAllocs()
			for b.Loop() {
				l.hear(time.Now(), nowhere{}, d)
			}
		})
	}
}

// BenchmarkKnown is what admission costs for each datagram of a flood.
func BenchmarkKnown(b *testing.B) {
	beacon, err := New(Config{Interface: "ha0", Fingerprint: key(1), Wanted: wants(2)})
	if err != nil {
		b.Fatal(err)
	}
	for n := range MaxCandidates {
		beacon.table.hear(start, message(2), host(n))
	}
	b.ReportAllocs()
	for b.Loop() {
		beacon.Known(addrB)
	}
}
