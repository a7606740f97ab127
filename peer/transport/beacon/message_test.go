package beacon

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"socketha/peer"
)

// key makes a fingerprint that is easy to tell.
func key(b byte) (f [32]byte) {
	for i := range f {
		f[i] = b
	}
	return f
}

func message(b byte) Message {
	return Message{Protocol: peer.ProtocolRange{Min: 1, Max: 1}, Port: 20481, Fingerprint: key(b)}
}

// golden holds encodings that must never change.
var golden = []struct {
	name string
	hex  string
	m    Message
}{
	{
		"plain",
		"53484142" + "01" + "00" + "01" + "01" + "5001" + strings.Repeat("aa", 32),
		message(0xaa),
	},
	{
		"solicit",
		"53484142" + "01" + "01" + "02" + "ff" + "ffff" + strings.Repeat("01", 32),
		Message{FlagSolicit, peer.ProtocolRange{Min: 2, Max: 255}, 65535, key(1)},
	},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		want, err := hex.DecodeString(g.hex)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.m.Append(nil); !bytes.Equal(got, want) || len(got) != MinMessage {
			t.Errorf("%s: encoded as %x, want %x", g.name, got, want)
		}
		if got, err := Parse(want); err != nil || got != g.m {
			t.Errorf("%s: Parse = %+v, %v; want %+v", g.name, got, err, g.m)
		}
	}
}

// A later version of this software may set more flags and say more.
func TestParseIgnoresWhatItDoesNotKnow(t *testing.T) {
	m := message(7)
	b := m.Append(nil)
	b[5] = 0xfe
	b = append(b, make([]byte, MaxMessage-MinMessage)...)
	if got, err := Parse(b); err != nil || got != m {
		t.Errorf("Parse = %+v, %v; want %+v", got, err, m)
	}
}

func TestParseRefuses(t *testing.T) {
	good := message(7).Append(nil)
	with := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, ErrMalformed},
		{"magic only", good[:4], ErrMalformed},
		{"one byte short", good[:MinMessage-1], ErrMalformed},
		{"one byte too long", append(bytes.Clone(good), make([]byte, MaxMessage-MinMessage+1)...), ErrMalformed},
		{"other magic", with(0, 's'), ErrMalformed},
		{"a DTLS record", with(0, 22, 0xfe, 0xfd), ErrMalformed},
		{"version 0", with(4, 0), ErrVersion},
		{"version 2", with(4, 2), ErrVersion},
		{"version 2, short", with(4, 2)[:20], ErrVersion},
		{"protocol from 0", with(6, 0), ErrMalformed},
		{"protocol 2 to 1", with(6, 2), ErrMalformed},
		{"port 0", with(8, 0, 0), ErrMalformed},
		{"no fingerprint", with(10, make([]byte, 32)...), ErrMalformed},
	} {
		if _, err := Parse(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: Parse error = %v, want %v", c.name, err, c.want)
		}
	}
}

// The group is what its comment says it is.
func TestGroup(t *testing.T) {
	a := Group.As16()
	sum := sha256.Sum256([]byte("socketha beacon"))
	if !bytes.Equal(a[12:], sum[:4]) {
		t.Errorf("group ID %x, want %x", a[12:], sum[:4])
	}
	if a[0] != 0xff || a[1] != 0x12 || !bytes.Equal(a[2:12], make([]byte, 10)) || a[12] < 0x80 {
		t.Errorf("%s is not a transient link-local group with a dynamic ID", Group)
	}
}

func FuzzParse(f *testing.F) {
	for _, g := range golden {
		b, _ := hex.DecodeString(g.hex)
		f.Add(b)
		f.Add(append(b, 1, 2, 3))
		f.Add(b[:20])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
				t.Fatalf("error %v is of no known kind", err)
			}
			return
		}
		if len(b) < MinMessage || len(b) > MaxMessage || m.check() != nil {
			t.Fatalf("accepted %x as %+v", b, m)
		}
		again := m.Append(nil)
		again[5] = b[5] // flags that were ignored
		if !bytes.Equal(again, b[:MinMessage]) {
			t.Fatalf("%x encodes again as %x", b, again)
		}
	})
}
