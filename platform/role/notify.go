package role

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strconv"
)

// This file reads what keepalived writes to its notify FIFO, as described in
// keepalived.conf(5) under vrrp_sync_group and written by its vrrp_notify.c. It is pure.

const (
	// maxLine bounds a line in bytes: the longest name and the longest words
	// have room.
	maxLine = 1024

	// maxKnown bounds the instances and the groups known, each. There are 255
	// virtual routers an interface and address family.
	maxKnown = 512
)

// event is one line.
type event struct {
	group bool
	name  string
	state vrrpState
}

// vrrpState is what an event says of an instance or a group.
type vrrpState uint8

const (
	vrrpMaster vrrpState = iota + 1
	vrrpBackup
	vrrpFault
	vrrpGone // stopped or deleted
)

// word is how keepalived spells the state.
func (s vrrpState) word() string {
	switch s {
	case vrrpMaster:
		return "MASTER"
	case vrrpBackup:
		return "BACKUP"
	case vrrpFault:
		return "FAULT"
	case vrrpGone:
	}
	return "STOP"
}

func (s vrrpState) ha() HA {
	switch s {
	case vrrpMaster:
		return Active
	case vrrpBackup:
		return Standby
	case vrrpFault, vrrpGone:
	}
	return Unknown
}

// vrrpStates are the words of keepalived. The last three are events that leave the
// state as it is, but tell it.
var vrrpStates = map[string]vrrpState{
	"MASTER":              vrrpMaster,
	"BACKUP":              vrrpBackup,
	"FAULT":               vrrpFault,
	"STOP":                vrrpGone,
	"DELETED":             vrrpGone,
	"MASTER_RX_LOWER_PRI": vrrpMaster,
	"MASTER_PRIORITY":     vrrpMaster,
	"BACKUP_PRIORITY":     vrrpBackup,
}

var (
	errNotVRRP = errors.New("not about VRRP") // VS and RS lines of notify_fifo
	errNotify  = errors.New(`not of the form INSTANCE "NAME" STATE PRIORITY`)
)

// parseNotify reads one line without its end. A name may hold anything but a
// line feed, so it ends at the last quotation mark.
func parseNotify(line []byte) (event, error) {
	kind, rest, _ := bytes.Cut(line, []byte(" "))
	var e event
	switch string(kind) {
	case "INSTANCE":
	case "GROUP":
		e.group = true
	case "VS", "RS":
		return event{}, errNotVRRP
	default:
		return event{}, errNotify
	}
	end := bytes.LastIndexByte(rest, '"')
	if end < 2 || rest[0] != '"' || end-1 > maxName {
		return event{}, errNotify
	}
	e.name = string(rest[1:end])
	words := bytes.Fields(rest[end+1:])
	if len(words) < 1 || len(words) > 2 {
		return event{}, errNotify
	}
	if len(words) == 2 {
		if _, err := strconv.ParseUint(string(words[1]), 10, 8); err != nil {
			return event{}, errNotify
		}
	}
	e.state = vrrpStates[string(words[0])]
	if e.state == 0 {
		return event{}, errNotify
	}
	return e, nil
}

// splitter makes lines of what is read. A line beyond maxLine is dropped whole.
type splitter struct {
	rest    []byte
	tooLong bool
}

// feed takes bytes and yields the lines that are complete. A line is valid until
// the next feed.
func (s *splitter) feed(data []byte, yield func(line []byte)) {
	for len(data) > 0 {
		part, after, complete := bytes.Cut(data, []byte("\n"))
		data = after
		if !s.tooLong && len(s.rest)+len(part) <= maxLine {
			s.rest = append(s.rest, part...)
		} else {
			s.tooLong = true
		}
		if !complete {
			return
		}
		if !s.tooLong {
			yield(s.rest)
		}
		s.reset()
	}
}

func (s *splitter) reset() { s.rest, s.tooLong = s.rest[:0], false }

// table is what keepalived has told of its instances and groups.
type table struct {
	instances map[string]vrrpState
	groups    map[string]vrrpState
	stopped   bool // the last line of all was that something ended
	overflow  bool // there are more than are known
}

func newTable() table {
	return table{instances: map[string]vrrpState{}, groups: map[string]vrrpState{}}
}

// apply takes the next event.
func (t *table) apply(e event) {
	known := t.instances
	if e.group {
		known = t.groups
	}
	t.stopped = e.state == vrrpGone
	if t.stopped {
		delete(known, e.name)
		return
	}
	if _, ok := known[e.name]; !ok && len(known) == maxKnown {
		t.overflow = true
		return
	}
	known[e.name] = e.state
}

// empty reports whether nothing is known.
func (t *table) empty() bool { return len(t.instances) == 0 && len(t.groups) == 0 }

// judge says what the table means where one instance or group counts, or with
// both empty all instances.
func (t *table) judge(instance, group string) report {
	what, known, name := "instance", t.instances, instance
	if group != "" {
		what, known, name = "group", t.groups, group
	}
	switch state := known[name]; {
	case name != "" && state != 0:
		return agree([]vote{{shown(name), state.word(), state.ha()}})
	case t.empty() && t.stopped:
		return silence("keepalived was stopped")
	case t.empty():
		return silence("keepalived runs, and has not told a state since it was listened to")
	case name != "":
		return silence("keepalived has not told a state of the %s %s", what, quote(name))
	case t.overflow:
		return answer(Unknown, "keepalived has more than %d instances: name the one that counts", maxKnown)
	case len(t.instances) == 0:
		return silence("keepalived has told states of groups only: name the one that counts")
	}
	var votes []vote
	for _, name := range slices.Sorted(maps.Keys(t.instances)) {
		votes = append(votes, vote{shown(name), t.instances[name].word(), t.instances[name].ha()})
	}
	return agree(votes)
}

// shown is a name as it stands where that is harmless.
func shown(name string) string {
	for _, r := range name {
		if r <= ' ' || r >= 0x7f || r == '"' {
			return quote(name)
		}
	}
	return name[:min(len(name), 64)]
}
