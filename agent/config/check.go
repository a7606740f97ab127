package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// byteOrderMark is what some editors put before UTF-8 text.
const byteOrderMark = "\ufeff"

// A reader fills a Config from a file and gathers what is wrong.
type reader struct {
	file     string
	config   *Config
	problems Problems

	sections map[string]Position // by header or inline table
	dotted   map[string]Position // sections opened by a dotted key alone
	raw      map[string]value    // what the file says, for the checks at the end
	broken   bool                // some lines are no TOML: what is missing may stand there
}

func (r *reader) read(data []byte) {
	if len(data) > MaxFile {
		r.add(Position{1, 1}, "", "", fmt.Sprintf("larger than %d bytes: not a configuration", MaxFile))
		return
	}
	data = slices.Clip(slices.Clone([]byte(strings.TrimPrefix(string(data), byteOrderMark))))
	r.sections = make(map[string]Position)
	r.dotted = make(map[string]Position)
	r.raw = make(map[string]value)
	s := scan{data: data, section: r.section, setting: r.setting, syntax: r.syntax, isKey: isKey}
	s.run()
	if !r.broken {
		r.missing()
	}
	r.checkAddresses()
	r.checkTrust()
	r.checkRole()
	r.checkUpstream()
	r.checkWeb()
}

func (r *reader) add(at Position, key, value, what string) {
	r.problems = append(r.problems, Problem{File: r.file, At: at, Key: key, Value: value, What: what})
}

func (r *reader) syntax(at Position, text, what string) {
	r.broken = true
	r.add(at, "", shown(text), what)
}

// section notes that a section is opened. TOML lets each be opened once.
func (r *reader) section(name string, at Position) {
	if first, ok := r.sections[name]; ok {
		r.add(at, name, "", fmt.Sprintf("section opened again, first in line %d", first.Line))
		return
	}
	if first, ok := r.dotted[name]; ok {
		r.add(at, name, "", fmt.Sprintf("section opened again, a key in line %d already did", first.Line))
		return
	}
	r.sections[name] = at
	if section, key := cutLast(name); isKey(name) {
		r.add(at, "["+name+"]", "", fmt.Sprintf("not a section but the key %s of [%s]", key, section))
		return
	}
	if !slices.Contains(sectionNames(), name) {
		r.add(at, "["+name+"]", "", "unknown section, "+meantSection(name))
	}
}

func (r *reader) setting(s setting) {
	section, _ := cutLast(s.key)
	if first, ok := r.config.given[s.key]; ok {
		r.add(s.at, s.key, s.value.raw, fmt.Sprintf("set again, first in line %d", first.Line))
		return
	}
	r.config.given[s.key] = s.at
	if _, ok := r.sections[section]; !ok && section != "" {
		if _, ok := r.dotted[section]; !ok {
			r.dotted[section] = s.at
		}
	}
	row, ok := keyNamed(s.key)
	if !ok {
		if _, known := r.sections[section]; known && !slices.Contains(sectionNames(), section) {
			return // said once, of the section
		}
		r.add(s.at, s.key, s.value.raw, "unknown key, "+meantKey(s.key))
		return
	}
	r.raw[s.key] = s.value
	if err := row.set(r.config, s.value); err != nil {
		var items faults
		if !errors.As(err, &items) {
			items = faults{{s.value, err}}
		}
		for _, f := range items {
			r.add(f.value.at, s.key, f.value.raw, f.err.Error()+", accepted: "+row.accepts)
		}
		delete(r.raw, s.key)
	}
}

// required names the keys without which no agent can run, with an example.
var required = []string{"link.interface", "pair.role"}

// missing says which required keys the file lacks, at the section they belong to.
func (r *reader) missing() {
	for _, name := range required {
		if _, ok := r.config.given[name]; ok {
			continue
		}
		section, _ := cutLast(name)
		at, ok := r.sections[section]
		if !ok {
			at = Position{1, 1}
		}
		row, _ := keyNamed(name)
		r.add(at, name, "", "missing ("+row.doc+"), accepted: "+row.accepts)
	}
}

// checkAddresses compares the two static addresses and gives a link-local one
// its zone.
func (r *reader) checkAddresses() {
	const local, remote = "link.local_address", "link.peer_address"
	for _, pair := range [][2]string{{local, remote}, {remote, local}} {
		if v, ok := r.raw[pair[0]]; ok && r.config.given[pair[1]] == (Position{}) && !r.broken {
			r.add(v.at, pair[0], v.raw, "needs "+pair[1]+" beside it: accepted are both or none")
		}
	}
	l := &r.config.Link
	if v, ok := r.raw[local]; ok {
		r.zone(local, v)
	}
	if v, ok := r.raw[remote]; ok {
		r.zone(remote, v)
	}
	v, ok := r.raw[remote]
	if _, both := r.raw[local]; !ok || !both {
		return
	}
	switch {
	case l.Local.Is4() != l.Peer.Is4():
		r.add(v.at, remote, v.raw, fmt.Sprintf("of another family than %s = %s, accepted: both IPv4 or both IPv6", local, l.Local))
	case l.Local == l.Peer:
		r.add(v.at, remote, v.raw, "the same as "+local+", accepted: the address of the other Socket")
	case l.Local.Is6() && l.Local.IsLinkLocalUnicast() != l.Peer.IsLinkLocalUnicast():
		r.add(v.at, remote, v.raw, fmt.Sprintf("cannot be reached from %s = %s, accepted: both link-local or neither", local, l.Local))
	}
}

// zone gives the IPv6 link-local address of key the interface as its zone: the
// socket is bound to it anyway, so any other zone is a mistake.
func (r *reader) zone(key string, v value) {
	field := &r.config.Link.Local
	if key == "link.peer_address" {
		field = &r.config.Link.Peer
	}
	iface := r.config.Link.Interface
	switch {
	case !field.Is6() || !field.IsLinkLocalUnicast() || iface == "":
	case field.Zone() == "":
		*field = field.WithZone(iface)
	case field.Zone() != iface:
		r.add(v.at, key, v.raw, fmt.Sprintf("zone %q is not the HA interface, accepted: %s", field.Zone(), field.WithZone(iface)))
	}
}

func (r *reader) checkTrust() {
	const ca, serial = "identity.ca", "identity.peer_serial"
	if v, ok := r.raw[ca]; ok && r.config.given[serial] == (Position{}) && !r.broken {
		r.add(v.at, ca, v.raw, "needs "+serial+" beside it: an authority vouches for many Sockets, and only one is the peer")
	}
}

func (r *reader) checkUpstream() {
	const url, ca = "upstream.url", "upstream.ca"
	if v, ok := r.raw[url]; ok && r.config.given[ca] == (Position{}) && !r.broken {
		r.add(v.at, url, v.raw, "needs "+ca+" beside it: the authorities of the system would let anybody speak for the cloud")
	}
}

// checkRole finds a source of the HA state that counts and is not set up.
func (r *reader) checkRole() {
	const instance, group = "role.keepalived.instance", "role.keepalived.group"
	if v, ok := r.raw[group]; ok && r.config.given[instance] != (Position{}) {
		r.add(v.at, group, v.raw, "beside "+instance+": accepted is one of the two")
	}
	v, ok := r.raw["role.source"]
	if !ok || r.broken {
		return
	}
	var wanted []string
	for _, s := range roleSources {
		if source := r.config.Role.Source; source != s.word && source != RoleAuto {
			continue
		}
		if slices.ContainsFunc(s.keys, func(key string) bool { return r.config.given[key] != (Position{}) }) {
			return
		}
		wanted = append(wanted, s.keys...)
	}
	if len(wanted) > 0 {
		r.add(v.at, "role.source", v.raw, "nothing says how it is asked, accepted: "+strings.Join(wanted, " or ")+" beside it")
	}
}

// roleSources are the keys of which one sets up a source.
var roleSources = []struct {
	word string
	keys []string
}{
	{RoleKeepalived, []string{"role.keepalived.fifo"}},
	{RoleFRR, []string{"role.frr.socket", "role.frr.command"}},
	{RoleHook, []string{"role.hook.file", "role.hook.command"}},
	{RoleVIP, []string{"role.virtual_addresses"}},
}

func keyNamed(name string) (key, bool) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}

func isKey(name string) bool {
	_, ok := keyNamed(name)
	return ok
}

// sectionNames returns the sections in the order of the table.
func sectionNames() []string {
	var names []string
	for _, k := range keys {
		if s, _ := cutLast(k.name); !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	return names
}

func keysOf(section string) []string {
	var names []string
	for _, k := range keys {
		if s, name := cutLast(k.name); s == section {
			names = append(names, name)
		}
	}
	return names
}

func meantSection(name string) string {
	if near := Nearest(name, sectionNames()); near != "" {
		return "did you mean [" + near + "]?"
	}
	return "accepted: [" + strings.Join(sectionNames(), "], [") + "]"
}

// meantKey says which key an unknown one may have been: one of its section, one
// of that name elsewhere, or one that looks alike anywhere.
func meantKey(unknown string) string {
	section, name := cutLast(unknown)
	own := keysOf(section)
	if near := Nearest(name, own); near != "" {
		return "did you mean " + section + "." + near + "?"
	}
	byName := make(map[string]string)
	for _, k := range slices.Backward(keys) { // of several with one name the first is meant
		_, n := cutLast(k.name)
		byName[n] = k.name
	}
	if full, ok := byName[name]; ok {
		s, n := cutLast(full)
		return fmt.Sprintf("did you mean %s in section [%s]?", n, s)
	}
	if slices.Contains(sectionNames(), unknown) {
		return "it is a section and is written [" + unknown + "]"
	}
	if near := Nearest(name, slices.Sorted(maps.Keys(byName))); near != "" {
		return "did you mean " + byName[near] + "?"
	}
	if len(own) > 0 {
		return "accepted in [" + section + "]: " + strings.Join(own, ", ")
	}
	return "accepted: keys in the sections [" + strings.Join(sectionNames(), "], [") + "]"
}

// cutLast splits a dotted key before its last part.
func cutLast(dotted string) (section, name string) {
	i := strings.LastIndexByte(dotted, '.')
	if i < 0 {
		return "", dotted
	}
	return dotted[:i], dotted[i+1:]
}
