package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"
)

// The file that was vendored is the one that was published, below our two lines.
func TestHTMXIsUnchanged(t *testing.T) {
	raw, err := static.ReadFile("static/htmx.js")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfterN(raw, []byte("\n"), 3)
	sum := sha256.Sum256(lines[2])
	if !bytes.Contains(lines[1], []byte(hex.EncodeToString(sum[:]))) {
		t.Errorf("the checksum is %x", sum)
	}
	if _, err := static.ReadFile("static/htmx-LICENSE"); err != nil {
		t.Error(err)
	}
}

func TestPasswords(t *testing.T) {
	h := hash("correct horse battery")
	if !matches(h, "correct horse battery") || matches(h, "correct horse batterY") || matches(nobody, "") || matches("", "") || matches(h[:40], "x") {
		t.Error("a hash does not tell passwords apart")
	}
	if again := hash("correct horse battery"); again == h {
		t.Error("no salt")
	}
}

func TestLimiterIsBoundedAndGivesBack(t *testing.T) {
	l := newLimiter(time.Second, 3)
	l.most = 10
	now := time.Unix(1000, 0)
	for i := range 3 {
		if wait := l.take(now, "a"); wait != 0 {
			t.Fatalf("try %d: %v", i, wait)
		}
	}
	if wait := l.take(now, "a"); wait != time.Second {
		t.Errorf("the fourth waits %v", wait)
	}
	if wait := l.take(now.Add(time.Second), "a"); wait != 0 {
		t.Errorf("a second later: %v", wait)
	}
	for i := range 100 {
		l.take(now, string(rune('b'+i)))
	}
	if len(l.full) > l.most {
		t.Errorf("%d keys", len(l.full))
	}
}

func TestWhoARequestCountsFor(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[fe80::1%eth0]:80": "fe80::/64", "x": "?",
	} {
		if got := from(remote); got != want {
			t.Errorf("%s: %s", remote, got)
		}
	}
}
