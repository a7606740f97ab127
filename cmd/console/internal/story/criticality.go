package story

import (
	"socketha/agent/status"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// Indication is what every story is about.
const Indication = "HA Status is not ready"

// criticalities of reasons, 1 to 9: both Sockets active harms now, a pair that would
// not survive a failover harms then, and what is merely not known may be harmless.
var criticalities = map[status.Code]int{
	status.CodeSplitBrain:        9,
	status.CodeNoActive:          9,
	status.CodeIdentityConflict:  9,
	status.CodePeerReplaced:      8,
	status.CodeNoKeepalive:       7,
	status.CodeLinkDown:          7,
	status.CodeIncompatible:      6,
	status.CodeMTU:               6,
	status.CodeProtocolMismatch:  6,
	status.CodeRoleConflict:      6,
	status.CodeModelMismatch:     5,
	status.CodeDisconnected:      5,
	status.CodeVersionUnreadable: 4,
	status.CodePeerUnknown:       4,
	status.CodePeerStale:         4,
}

// Criticality returns how grave a site's trouble is by its gravest reason, 1 to 9. A
// reason that this console does not know is 5; none at all (silence) is 3.
func Criticality(reasons []site.Reason) int {
	worst := 0
	for _, r := range reasons {
		if status.Code(r.Code).Severity() != status.SeverityNotReady {
			continue
		}
		c, known := criticalities[status.Code(r.Code)]
		if !known {
			c = 5
		}
		worst = max(worst, c)
	}
	if worst == 0 {
		return 3
	}
	return worst
}

// Label returns the word for a criticality.
func Label(criticality int) string {
	switch {
	case criticality >= 8:
		return "Critical"
	case criticality >= 6:
		return "High"
	case criticality >= 4:
		return "Medium"
	}
	return "Low"
}

// rank is the site's place in the order by HA status.
func rank(v *site.Verdict) int {
	switch v.State {
	case site.NotReady:
		return store.RankNotReady - Criticality(v.Reasons)
	case site.Unknown:
		return store.RankUnknown
	case site.Ready:
	}
	if len(v.Reasons) > 0 {
		return store.RankWarning
	}
	return store.RankReady
}

// notReady returns the reasons without warnings.
func notReady(all []site.Reason) []site.Reason {
	var list []site.Reason
	for _, r := range all {
		if status.Code(r.Code).Severity() == status.SeverityNotReady {
			list = append(list, r)
		}
	}
	return list
}

func codes(reasons []site.Reason) []string {
	list := make([]string, 0, len(reasons))
	for _, r := range reasons {
		list = append(list, r.Code)
	}
	return list
}
