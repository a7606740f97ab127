package suite

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// record returns an unprotected record as pion hands it to Encrypt.
func record(contentType byte, epoch uint16, sequence uint64, payload []byte) []byte {
	r := []byte{
		contentType, 254, 253, byte(epoch >> 8), byte(epoch),
		byte(sequence >> 40), byte(sequence >> 32), byte(sequence >> 24),
		byte(sequence >> 16), byte(sequence >> 8), byte(sequence),
		byte(len(payload) >> 8), byte(len(payload)),
	}
	return append(r, payload...)
}

// pair returns both ends of one association.
func pair(t testing.TB, server, client Events) (*Suite, *Suite) {
	t.Helper()
	secret, random := bytes.Repeat([]byte{7}, 48), bytes.Repeat([]byte{9}, 32)
	s, c := New(server), New(client)
	if err := s.Init(secret, random, random, false); err != nil {
		t.Fatal(err)
	}
	if err := c.Init(secret, random, random, true); err != nil {
		t.Fatal(err)
	}
	return s, c
}

// TestNonce pins the construction of RFC 7905 section 2 for DTLS.
func TestNonce(t *testing.T) {
	d := direction{iv: [nonceSize]byte(unhex(t, "000102030405060708090a0b"))}
	d.prepare(record(23, 0x0102, 0x030405060708, nil), 0x1122)
	if got, want := hex.EncodeToString(d.nonce[:]), "00010203050705030d0f0d03"; got != want {
		t.Errorf("nonce %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(d.aad[:]), "010203040506070817fefd1122"; got != want {
		t.Errorf("additional data %s, want %s", got, want)
	}
}

// TestRFC8439 runs the AEAD vector of RFC 8439 section 2.8.2 through the AEAD
// that a direction holds, with an IV chosen so that the record 1/2 masks to the
// vector's nonce.
func TestRFC8439(t *testing.T) {
	key := unhex(t, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")
	nonce := unhex(t, "070000004041424344454647")
	iv := bytes.Clone(nonce)
	iv[4+1] ^= 1 // epoch 1
	iv[4+7] ^= 2 // sequence number 2
	d, err := newDirection(key, iv)
	if err != nil {
		t.Fatal(err)
	}
	d.prepare(record(23, 1, 2, nil), 0)
	if !bytes.Equal(d.nonce[:], nonce) {
		t.Fatalf("nonce %x, want %x", d.nonce, nonce)
	}
	plain := []byte("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.")
	got := d.aead.Seal(nil, d.nonce[:], plain, unhex(t, "50515253c0c1c2c3c4c5c6c7"))
	want := unhex(t, "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"+
		"3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"+
		"92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"+
		"3ff4def08e4b7a9de576d26586cec64b6116"+"1ae10b594f09e26a7e902ecbd0600691")
	if !bytes.Equal(got, want) {
		t.Errorf("sealed %x, want %x", got, want)
	}
}

// TestRecord compares a whole record with one put together by hand from the
// AEAD, the key block and RFC 5246 section 6.2.3.3.
func TestRecord(t *testing.T) {
	server, client := pair(t, Events{}, Events{})
	payload := []byte("heartbeat")
	raw := record(23, 1, 77, payload) // by pion's count
	client.keys.Load().local.next = 0xaabbccdd
	got, err := client.Encrypt(nil, bytes.Clone(raw))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(raw)+Overhead {
		t.Fatalf("record of %d bytes, want %d", len(got), len(raw)+Overhead)
	}
	k := client.keys.Load().local
	nonce := bytes.Clone(k.iv[:])
	for i, b := range unhex(t, "00010000aabbccdd") {
		nonce[4+i] ^= b
	}
	aad := append(unhex(t, "00010000aabbccdd"), 23, 254, 253, 0, byte(len(payload)))
	want := append(record(23, 1, 0x0000aabbccdd, make([]byte, len(payload)+Overhead))[:headerSize],
		k.aead.Seal(nil, nonce, payload, aad)...)
	if !bytes.Equal(got, want) {
		t.Errorf("record %x, want %x", got, want)
	}
	back, err := server.Decrypt(got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back[headerSize:], payload) {
		t.Errorf("opened %q, want %q", back[headerSize:], payload)
	}
}

// TestRefused flips every bit of a record and cuts it at every length; all of
// these, a reflected record and a protected ChangeCipherSpec must be refused
// and counted.
func TestRefused(t *testing.T) {
	forged := 0
	server, client := pair(t, Events{Forged: func() { forged++ }}, Events{})
	sealed, err := client.Encrypt(nil, record(23, 1, 5, []byte("heartbeat")))
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	refuse := func(what string, in []byte) {
		t.Helper()
		tries++
		if out, err := server.Decrypt(in); err == nil {
			t.Errorf("%s was opened: %x", what, out)
		}
		if forged != tries {
			t.Errorf("%s: %d forgeries counted, want %d", what, forged, tries)
		}
	}
	for bit := range len(sealed) * 8 {
		if at := bit / 8; at == headerSize-2 || at == headerSize-1 {
			continue // the length is not authenticated as such: pion cuts records by it
		}
		in := bytes.Clone(sealed)
		in[bit/8] ^= 1 << (bit % 8)
		refuse("flipped bit", in)
	}
	for n := headerSize; n < len(sealed); n++ {
		refuse("cut record", bytes.Clone(sealed[:n]))
	}
	reflected, err := server.Encrypt(nil, record(23, 1, 5, []byte("heartbeat")))
	if err != nil {
		t.Fatal(err)
	}
	refuse("reflected record", reflected)
	refuse("protected ChangeCipherSpec", record(20, 1, 6, []byte{1}))
	if _, err := client.Encrypt(nil, record(23, 2, 0, []byte("x"))); err == nil {
		t.Error("sealed for another epoch")
	}
	if _, err := server.Decrypt(sealed); err != nil {
		t.Errorf("the record itself: %v", err)
	}
}

func TestNoKeys(t *testing.T) {
	s := New(Events{})
	if s.IsInitialized() {
		t.Error("initialized without keys")
	}
	if _, err := s.Encrypt(nil, record(23, 1, 0, nil)); err == nil {
		t.Error("sealed without keys")
	}
	if _, err := s.Decrypt(record(23, 1, 0, make([]byte, 32))); err == nil {
		t.Error("opened without keys")
	}
}

func TestCounts(t *testing.T) {
	opened, sealed := 0, 0
	server, client := pair(t, Events{Opened: func() { opened++ }}, Events{Sealed: func() { sealed++ }})
	for i := range 10 {
		protected, err := client.Encrypt(nil, record(23, 1, uint64(i), []byte("x")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.Decrypt(protected); err != nil {
			t.Fatal(err)
		}
	}
	if opened != 10 || sealed != 10 {
		t.Errorf("opened %d, sealed %d; want 10 each", opened, sealed)
	}
}

// TestSequence seals by both ways in turn: no number is given out twice, and each
// record is read once, whichever way it comes first and second.
func TestSequence(t *testing.T) {
	server, client := pair(t, Events{}, Events{})
	var all [][]byte
	for i := range 200 {
		seal := func() ([]byte, error) { return client.Seal(nil, []byte{byte(i)}) }
		if i%3 == 0 {
			seal = func() ([]byte, error) { return client.Encrypt(nil, record(23, 1, 5, []byte{byte(i)})) }
		}
		b, err := seal()
		if err != nil {
			t.Fatal(err)
		}
		if got := b[10]; got != byte(i) {
			t.Errorf("record %d has the number %d", i, got)
		}
		all = append(all, b)
	}
	for i, b := range all {
		first, second := server.Open, server.Decrypt
		skip := 0
		if i%2 == 0 {
			first, second, skip = server.Decrypt, server.Open, headerSize
		}
		got, err := first(bytes.Clone(b))
		if err != nil || len(got) != skip+1 || got[skip] != byte(i) {
			t.Errorf("record %d: %x, %v", i, got, err)
		}
		if _, err := second(bytes.Clone(b)); err == nil {
			t.Errorf("record %d was read twice", i)
		}
	}
	client.keys.Load().local.next = maxSequence + 1
	if _, err := client.Seal(nil, nil); err == nil {
		t.Error("sealed without a number")
	}
}

// TestWindow compares with a memory of everything.
func TestWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var w window
	seen, top := map[uint64]bool{}, uint64(0)
	for range 200_000 {
		s := top + uint64(r.IntN(40))
		if back := uint64(r.IntN(3 * Window / 2)); r.IntN(3) > 0 {
			s = top - min(back, top)
		}
		if r.IntN(5000) == 0 {
			s += uint64(r.IntN(5 * Window))
		}
		want := !seen[s] && (s > top || top-s < Window || len(seen) == 0)
		if got := w.fresh(s); got != want {
			t.Fatalf("%d below %d: fresh %t, want %t", s, top, got, want)
		}
		if want && r.IntN(4) > 0 { // else it was forged
			w.mark(s)
			seen[s] = true
			top = max(top, s)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	_, client := pair(b, Events{}, Events{})
	raw := make([]byte, headerSize+88, headerSize+88+Overhead)
	copy(raw, record(23, 1, 1, nil))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Encrypt(nil, raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	server, client := pair(b, Events{}, Events{})
	sealed, err := client.Encrypt(nil, record(23, 1, 1, make([]byte, 88)))
	if err != nil {
		b.Fatal(err)
	}
	in := make([]byte, len(sealed))
	b.ReportAllocs()
	for b.Loop() {
		server.keys.Load().remote.seen = window{}
		copy(in, sealed)
		if _, err := server.Decrypt(in); err != nil {
			b.Fatal(err)
		}
	}
}
