package metrics

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// MaxLabel bounds a label's value in bytes, before it is escaped.
const MaxLabel = 128

// kind is the type of a metric.
type kind string

const (
	gauge   kind = "gauge"
	counter kind = "counter"
)

// writer writes families of metrics, one after the other. A family without a
// value leaves no trace.
type writer struct {
	b      []byte
	name   string
	header string // of the family begun, until its first value is written
}

// family begins the metric of that name. The help is one plain sentence.
func (w *writer) family(name string, k kind, help string) {
	w.name = name
	w.header = "# HELP " + name + " " + help + "\n# TYPE " + name + " " + string(k) + "\n"
}

// value writes one series of the family. Labels are pairs of name and value.
func (w *writer) value(v float64, labels ...string) {
	w.open(labels)
	w.b = strconv.AppendFloat(w.b, v, 'f', -1, 64)
	w.b = append(w.b, '\n')
}

// count writes one series whose value is a whole number of any size.
func (w *writer) count(v uint64, labels ...string) {
	w.open(labels)
	w.b = strconv.AppendUint(w.b, v, 10)
	w.b = append(w.b, '\n')
}

func (w *writer) open(labels []string) {
	w.b = append(w.b, w.header...)
	w.header = ""
	w.b = append(w.b, w.name...)
	for i := 0; i+1 < len(labels); i += 2 {
		if i == 0 {
			w.b = append(w.b, '{')
		} else {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, labels[i]...)
		w.b = append(w.b, '=', '"')
		w.b = appendLabel(w.b, labels[i+1])
		w.b = append(w.b, '"')
	}
	if len(labels) > 0 {
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ' ')
}

// flag writes 0 or 1.
func (w *writer) flag(on bool, labels ...string) {
	var v uint64
	if on {
		v = 1
	}
	w.count(v, labels...)
}

// states writes one series a state: 1 for the state that is, 0 for the others.
// A state that is none of them leaves all at 0.
func (w *writer) states(is string, all []string, labels ...string) {
	labels = append(slices.Clip(labels), "state", "")
	for _, s := range all {
		labels[len(labels)-1] = s
		w.flag(s == is, labels...)
	}
}

// moment writes a wall time in seconds since 1970.
func (w *writer) moment(t time.Time, labels ...string) {
	w.value(float64(t.UnixMilli())/1e3, labels...)
}

// appendLabel escapes as the format asks, and makes any bytes valid UTF-8.
func appendLabel(b []byte, s string) []byte {
	for i, r := range s {
		if i+utf8.RuneLen(r) > MaxLabel {
			break
		}
		switch r {
		case '\\':
			b = append(b, '\\', '\\')
		case '"':
			b = append(b, '\\', '"')
		case '\n':
			b = append(b, '\\', 'n')
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
