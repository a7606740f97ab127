package role

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is made of the recordings")

// TestNotifyRecorded reads what a real keepalived wrote and compares what it
// means after each line.
func TestNotifyRecorded(t *testing.T) {
	path := filepath.Join("testdata", "notify.txt")
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	told := newTable()
	for line := range strings.Lines(string(want)) {
		if strings.HasPrefix(line, "\t= ") {
			continue
		}
		got.WriteString(line)
		switch line = strings.TrimSuffix(line, "\n"); {
		case line == "", strings.HasPrefix(line, "#"):
		case line == "reset":
			told = newTable()
		default:
			fmt.Fprintf(&got, "\t= %s\n", hear(&told, line))
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func hear(told *table, line string) string {
	e, err := parseNotify([]byte(line))
	if err != nil {
		return "left aside: " + err.Error()
	}
	told.apply(e)
	all := told.judge("", "")
	ha := func(instance, group string) string { return told.judge(instance, group).ha.String() }
	return fmt.Sprintf("%s (%s) · lone %s · VI_2 %s · G1 %s", all.ha, all.detail, ha("lone", ""), ha("VI_2", ""), ha("", "G1"))
}

func TestNotifyNamesAndBounds(t *testing.T) {
	long := strings.Repeat("n", maxName)
	for line, want := range map[string]string{
		`INSTANCE "` + long + `" MASTER 1`:  long,
		`INSTANCE "` + long + `x" MASTER 1`: "",
		`INSTANCE "" MASTER 1`:              "",
		`INSTANCE "`:                        "",
		`INSTANCE`:                          "",
		`INSTANCE "a"`:                      "",
		`INSTANCE "a" MASTER 1 2`:           "",
		`INSTANCE "a" MASTER`:               "a",
		`INSTANCE  "a" MASTER 1`:            "",
	} {
		e, err := parseNotify([]byte(line))
		if e.name != want || (err == nil) != (want != "") {
			t.Errorf("%.40q = %.40q, %v; want the name %.40q", line, e.name, err, want)
		}
	}
}

func TestSplitter(t *testing.T) {
	long := strings.Repeat("x", maxLine+1)
	input := "one\n\n" + long + "\ntwo\n" + long[1:] + "\nthr"
	for size := 1; size < len(input); size += 37 {
		var s splitter
		var got []string
		for rest := []byte(input); len(rest) > 0; {
			n := min(size, len(rest))
			s.feed(rest[:n], func(line []byte) { got = append(got, string(line)) })
			rest = rest[n:]
			if cap(s.rest) > 4*maxLine {
				t.Fatalf("holds %d bytes", cap(s.rest))
			}
		}
		if diff := cmp.Diff([]string{"one", "", "two", long[1:]}, got); diff != "" {
			t.Fatalf("in pieces of %d (-want +got):\n%s", size, diff)
		}
	}
}

func TestTableIsBounded(t *testing.T) {
	told := newTable()
	for i := range 2 * maxKnown {
		told.apply(event{name: fmt.Sprint(i), state: vrrpMaster})
		told.apply(event{name: fmt.Sprint(i), state: vrrpMaster, group: true})
	}
	if len(told.instances) != maxKnown || len(told.groups) != maxKnown {
		t.Errorf("%d instances and %d groups, want %d of each", len(told.instances), len(told.groups), maxKnown)
	}
	if r := told.judge("", ""); r.standing != answered || r.ha != Unknown {
		t.Errorf("all of too many = %+v, want unknown", r)
	}
	if r := told.judge("7", ""); r.ha != Active {
		t.Errorf("one of too many = %+v, want active", r)
	}
}

func TestMemory(t *testing.T) {
	m := moment{boot: "b", run: "1:2:3:44", fifo: "1:5:6"}
	told := newTable()
	for _, line := range []string{`INSTANCE "VI 1" MASTER 1`, `INSTANCE "lone" FAULT 1`, `GROUP "G" BACKUP 0`} {
		hear(&told, line)
	}
	path := filepath.Join(t.TempDir(), "role")
	if err := saveMemory(path, m, &told); err != nil {
		t.Fatal(err)
	}
	back, err := loadMemory(path, m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(told, back, cmp.AllowUnexported(table{})); diff != "" {
		t.Errorf("(-saved +loaded):\n%s", diff)
	}
	for _, other := range []moment{
		{boot: "c", run: m.run, fifo: m.fifo},
		{boot: m.boot, run: "1:2:4:44", fifo: m.fifo},
		{boot: m.boot, run: m.run, fifo: "1:5:7"},
		{},
	} {
		if got, err := loadMemory(path, other); err == nil || !got.empty() {
			t.Errorf("memory of %v believed at %v", m, other)
		}
	}
	nowhere := moment{boot: "b", fifo: "1:5:6"}
	if got, err := parseMemory(formatMemory(nowhere, &told), nowhere); err == nil || !got.empty() {
		t.Error("memory of an unknown run believed")
	}
	whole := formatMemory(m, &told)
	for n := range whole {
		if got, err := parseMemory(whole[:n], m); err == nil || !got.empty() {
			t.Fatalf("memory cut at %d of %d bytes believed", n, len(whole))
		}
	}
}

func FuzzNotify(f *testing.F) {
	recorded, err := os.ReadFile(filepath.Join("testdata", "notify.txt"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(recorded, 7)
	f.Add([]byte("INSTANCE \"a\" MASTER 1\nINSTANCE \"a\" BACKUP 1\n"), 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		told := newTable()
		var s splitter
		take := func(line []byte) {
			if e, err := parseNotify(line); err == nil {
				if e.name == "" || len(e.name) > maxName || e.state == 0 {
					t.Fatalf("%q = %+v", line, e)
				}
				told.apply(e)
			}
		}
		size = max(1, size%512)
		for rest := data; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			s.feed(rest[:min(size, len(rest))], take)
		}
		r := told.judge("", "")
		if strings.ContainsAny(r.detail, "\n\x1b") || len(r.detail) > 4096 {
			t.Fatalf("detail %q", r.detail)
		}
		m := moment{boot: "b", run: "r", fifo: "f"}
		back, err := parseMemory(formatMemory(m, &told), m)
		if err != nil || !cmp.Equal(told.instances, back.instances) || !cmp.Equal(told.groups, back.groups) {
			t.Fatalf("memory of %v = %v, %v", told, back, err)
		}
	})
}

func FuzzMemory(f *testing.F) {
	m := moment{boot: "b", run: "r", fifo: "f"}
	f.Add([]byte("socketha-role 1 b r f\nINSTANCE \"a\" MASTER\nGROUP \"g\" BACKUP\nend\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		told, err := parseMemory(data, m)
		if err == nil && !bytes.HasSuffix(data, []byte("\nend\n")) || err != nil && !told.empty() {
			t.Fatalf("%q = %v, %v", data, told, err)
		}
	})
}
