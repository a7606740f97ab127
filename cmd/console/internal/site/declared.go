package site

import "socketha/agent/alarm"

// declared returns the upgrades declared on either Socket: each speaks for
// itself while it is heard, and its peer for it while it is not. What neither can
// tell is unknown, and what was known before still holds. The first Socket by
// serial is the life cycle's Self.
func declared(pair []Report, sockets []Socket) alarm.Declarations {
	var d alarm.Declarations
	slots := [...]*alarm.Declaration{&d.Self, &d.Peer}
	if len(pair) == 1 && pair[0].PeerSerial != "" && pair[0].PeerSerial < pair[0].Serial {
		slots[0], slots[1] = slots[1], slots[0] // where it will be once the other reports
	}
	for i := range pair {
		switch {
		case sockets[i].Presence == Heard:
			*slots[i] = declaration(pair[i].Upgrade, true)
			if len(pair) == 1 {
				*slots[1] = declaration(pair[i].PeerUpgrade, pair[i].PeerFresh)
			}
		case len(pair) == 2 && sockets[1-i].Presence == Heard:
			*slots[i] = declaration(pair[1-i].PeerUpgrade, pair[1-i].PeerFresh)
		}
	}
	return d
}

// declaration reads one. An absent one means that there is none only if whoever
// says so knows.
func declaration(u Upgrade, known bool) alarm.Declaration {
	switch u.State {
	case "declared":
		return alarm.Declaration{State: alarm.Declared, Since: Instant(u.Since)}
	case "ok":
		return alarm.Declaration{State: alarm.EndedOK}
	case "failed":
		return alarm.Declaration{State: alarm.EndedFailed}
	case "skipped":
		return alarm.Declaration{State: alarm.EndedSkipped}
	}
	if u.State == "" && known {
		return alarm.Declaration{State: alarm.Undeclared}
	}
	return alarm.Declaration{}
}
