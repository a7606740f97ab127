package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// report is all that was measured in one run of this program.
type report struct {
	Schema      int       `json:"schema"` // 1
	At          time.Time `json:"at"`
	Machine     machine   `json:"machine"`
	Binary      binary    `json:"binary"`
	Experiments []*result `json:"experiments"`
}

type machine struct {
	Kernel   string `json:"kernel"`
	CPUs     int    `json:"cpus"`
	Realtime bool   `json:"realtime"` // the harness was scheduled before ordinary processes
}

type binary struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Bytes   int64  `json:"bytes"`
}

// result is what one experiment found.
type result struct {
	Name    string    `json:"name"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Load    [2]string `json:"load"` // of the machine, one minute's average, before and after
	Figures []*figure `json:"figures"`
	Notes   []string  `json:"notes"`
	Error   string    `json:"error,omitempty"`

	byName map[string]*figure
}

func newResult(name string) *result {
	return &result{Name: name, Started: time.Now().UTC(), Load: [2]string{load()}, Notes: []string{}, byName: map[string]*figure{}}
}

// figure returns the one of that name, making it at first. Later goals are ignored.
func (r *result) figure(name, unit string, g *goal) *figure {
	f := r.byName[name]
	if f == nil {
		f = &figure{Name: name, Unit: unit, Goal: g, Values: []float64{}}
		r.byName[name] = f
		r.Figures = append(r.Figures, f)
	}
	return f
}

// add measures a figure once more.
func (r *result) add(name, unit string, g *goal, v float64) {
	f := r.figure(name, unit, g)
	f.Values = append(f.Values, v)
}

// took is add for a duration, in milliseconds.
func (r *result) took(name string, g *goal, d time.Duration) { r.add(name, "ms", g, ms(d)) }

func (r *result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *result) seal(err error) {
	r.Seconds = time.Since(r.Started).Seconds()
	r.Load[1] = load()
	for _, f := range r.Figures {
		f.seal()
	}
	if err != nil {
		r.Error = err.Error()
	}
}

func (r *result) String() string {
	rows := [][]string{{"", "n", "median", "p95", "max", "unit", "goal", ""}}
	for _, f := range r.Figures {
		rows = append(rows, f.row())
	}
	var b strings.Builder
	b.WriteString(table(rows))
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note: %s\n", n)
	}
	if r.Error != "" {
		fmt.Fprintf(&b, "  ENDED EARLY: %s\n", r.Error)
	}
	fmt.Fprintf(&b, "  (%.0f s, load of the machine %s before, %s after)\n", r.Seconds, r.Load[0], r.Load[1])
	return b.String()
}

// missed reports whether a goal was missed or not measured.
func (r *result) missed() bool {
	for _, f := range r.Figures {
		if f.Goal != nil && (f.Met == nil || !*f.Met) {
			return true
		}
	}
	return r.Error != ""
}

func newReport(file string, realtime bool) (*report, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: run `make build` first", err)
	}
	sum := sha256.Sum256(data)
	version, err := exec.Command(file, "version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s version: %w", file, err)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(version)), "\n")
	return &report{
		Schema: 1, At: time.Now().UTC(),
		Machine: machine{Kernel: kernel(), CPUs: runtime.NumCPU(), Realtime: realtime},
		Binary:  binary{Version: first, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(data))},
	}, nil
}

func (r *report) write(file string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	release, _, _ := bytes.Cut(u.Release[:], []byte{0})
	return string(release)
}

func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(data), " ")
	return one
}
