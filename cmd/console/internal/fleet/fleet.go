package fleet

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"socketha/agent/report/schema"
	"socketha/agent/status"
)

// Trouble is what is wrong with a pair.
type Trouble string

// Troubles.
const (
	None         Trouble = "none"
	Incompatible Trouble = "incompatible" // majors 18 and 15
	LostPeer     Trouble = "lost_peer"    // one is down; the other has lost it
	CloudPath    Trouble = "cloud_path"   // one does not report, and is alive on the link
	Dark         Trouble = "dark"         // neither reports any more
	SplitBrain   Trouble = "split_brain"
	Unreadable   Trouble = "unreadable" // a version that is none
	Gap          Trouble = "gap"        // a warning only
)

// shares of troubles, in thousandths; the rest has none.
var shares = []struct {
	Trouble
	share int
}{{Incompatible, 30}, {LostPeer, 10}, {CloudPath, 10}, {Dark, 5}, {SplitBrain, 2}, {Unreadable, 3}, {Gap, 20}}

// Pair is one site with its two Sockets: the first is the primary.
type Pair struct {
	Tenant, Site, Name string
	Serials            [2]string
	Versions           [2]string
	Trouble            Trouble
}

var cities = []string{
	"Aarhus", "Bergen", "Cluj", "Dakar", "Évora", "Fukuoka", "Graz", "Haifa", "İzmir", "Jena", "Kraków", "Lyon", "Malmö", "Nantes",
	"Oulu", "Porto", "Quito", "Riga", "Sligo", "Turin", "Utrecht", "Vaasa", "Wien", "York", "Zürich",
}

var kinds = []string{"Branch", "Plant", "Warehouse", "Store", "Office", "Lab", "Depot"}

// NewPair returns the n-th site of a tenant.
func NewPair(tenant string, n int) Pair {
	rnd := rand.New(rand.NewPCG(uint64(n), 0x5eed)) //nolint:gosec // made-up sites are not secret
	version := []string{"18.3.3", "18.4.1", "18.2.0", "17.9.2"}[rnd.IntN(4)]
	p := Pair{
		Tenant: tenant, Site: fmt.Sprintf("site-%06d", n),
		Name:     cities[rnd.IntN(len(cities))] + " " + kinds[rnd.IntN(len(kinds))] + " " + strconv.Itoa(n),
		Serials:  [2]string{fmt.Sprintf("A%08d", n), fmt.Sprintf("B%08d", n)},
		Versions: [2]string{version, version}, Trouble: None,
	}
	at := rnd.IntN(1000)
	for _, s := range shares {
		if at < s.share {
			p.Trouble = s.Trouble
			break
		}
		at -= s.share
	}
	switch p.Trouble {
	case Incompatible:
		p.Versions = [2]string{"18.3.3", "15.0.2"}
	case Unreadable:
		p.Versions[1] = "18..1"
	default:
	}
	return p
}

// Reports reports whether the Socket i of the pair sends reports after its first.
func (p *Pair) Reports(i int) bool {
	switch p.Trouble {
	case LostPeer, CloudPath:
		return i == 0
	case Dark:
		return false
	default:
		return true
	}
}

// Report returns what the Socket i of the pair reports at now.
func (p *Pair) Report(i int, now time.Time, at schema.Position, cause schema.Cause, next time.Duration) *schema.Report {
	r := &schema.Report{
		Document: p.document(i, now), Position: at, Cause: cause, NextReportInS: int(next / time.Second),
	}
	since := status.NewTime(now.Add(-time.Hour))
	ready, verdict := "ready", "compatible"
	r.Transitions = []status.Transition{{
		Time: since, To: status.View{Readiness: &ready, Compatibility: &verdict},
		Reasons: []string{}, SelfVersion: &p.Versions[i], PeerVersion: &p.Versions[1-i],
	}}
	return r
}

// Encode returns the report as it is sent.
func (p *Pair) Encode(i int, now time.Time, at schema.Position, cause schema.Cause, next time.Duration) ([]byte, error) {
	return schema.Encode(p.Serials[i], p.Report(i, now, at, cause, next))
}

func (p *Pair) document(i int, now time.Time) status.Document {
	start := status.NewTime(now.Add(-24 * time.Hour))
	since := status.NewTime(now.Add(-20 * time.Minute))
	seen := status.NewTime(now.Add(-time.Second))
	yes, up, source, model, protocol, agent := true, "up", "keepalived", "X1500", "1", "0.9.0"
	digest, count, age := "a102030405060708", 42, 0.9
	iface, rtt, tx, detect := "ha0", 0.4, int64(1000), int64(3000)
	ok := func(detail string) status.Condition {
		return status.Condition{State: status.StateOK, Since: start, Detail: detail}
	}
	d := status.Document{
		Schema: status.SchemaVersion, GeneratedAt: status.NewTime(now),
		Agent:     status.Agent{Version: agent, StartedAt: start, UptimeS: 86400},
		Readiness: "ready", ReadinessSince: start, Compatibility: "compatible",
		Conditions: status.Conditions{
			Connected: ok("Both Sockets are connected."), Keepalive: ok("Heartbeats arrive; exactly one Socket is active."),
			CompatibleVersion: ok("Both Sockets run the same major version."),
		},
		Reasons: []status.Reason{},
		Site:    status.SiteStatus{ID: &p.Site, Name: &p.Name},
		Self: status.SelfStatus{
			Serial: &p.Serials[i], Model: &model, Version: &p.Versions[i], Major: major(p.Versions[i]),
			ConfiguredRole: role(i), HAState: haState(i), HAStateSource: &source,
			Capabilities: status.CapabilityDigest{Digest: &digest, Count: &count},
		},
		Peer: status.PeerStatus{
			Known: true, Serial: &p.Serials[1-i], Model: &model, Version: &p.Versions[1-i], Major: major(p.Versions[1-i]),
			ConfiguredRole: role(1 - i), HAState: haState(1 - i), AgeS: &age, LastSeenAt: &seen, Fresh: true,
			AgentVersion: &agent, Protocol: &protocol,
			Capabilities: status.PeerCapabilities{Digest: &digest, Count: &count, Source: "advertised"},
		},
		Link: status.LinkStatus{
			Interface: iface, OperState: &up, Carrier: &yes, Session: "up", Since: &start,
			TxIntervalMS: &tx, DetectMS: &detect, RTTMS: &rtt, Sent: 86400, Received: 86391, Rejected: map[string]uint64{},
		},
		Upstream: &status.UpstreamStatus{Configured: true, State: "connected"},
	}
	p.trouble(i, &d, since)
	return d
}

// trouble writes into a document what is wrong with the pair.
func (p *Pair) trouble(i int, d *status.Document, since status.Time) {
	fail := func(c *status.Condition, code status.Code, summary, action string) {
		*c = status.Condition{State: status.StateFail, Since: since, Detail: summary}
		d.Readiness, d.ReadinessSince = "not_ready", since
		d.Reasons = append(d.Reasons, status.Reason{
			Code: code, Severity: code.Severity(), Since: since, Summary: summary, Action: action, Params: map[string]any{},
		})
	}
	switch p.Trouble {
	case Incompatible:
		d.Compatibility = "incompatible"
		fail(&d.Conditions.CompatibleVersion, status.CodeIncompatible,
			"The Sockets run different major versions: 18.3.3 and 15.0.2.", "Ask support to upgrade Socket "+p.Serials[1]+" to major 18.")
		d.Remedy = &status.Remedy{
			UpgradeSerial: &p.Serials[1], FromVersion: "15.0.2", ToMajor: 18, Where: "support",
			Text: "Please upgrade Socket " + p.Serials[1] + " of site " + p.Name + " from 15.0.2 to major 18.",
		}
	case LostPeer:
		d.Peer.Fresh, d.Link.Session = false, "down"
		fail(&d.Conditions.Keepalive, status.CodeNoKeepalive,
			"The peer (S/N "+p.Serials[1-i]+") is not heard any more.", "Check power and cabling of the peer.")
	case SplitBrain:
		d.Self.HAState, d.Peer.HAState = "active", "active"
		fail(&d.Conditions.Keepalive, status.CodeSplitBrain, "Both Sockets are active.", "Check the LAN between the Sockets.")
	case Unreadable:
		d.Compatibility = "unknown"
		d.Conditions.CompatibleVersion.State = status.StateUnknown
		d.Readiness, d.ReadinessSince = "not_ready", since
		d.Reasons = []status.Reason{{
			Code: status.CodeVersionUnreadable, Severity: status.SeverityNotReady, Since: since,
			Summary: "The version of " + p.Serials[1] + " cannot be read: 18..1.", Action: "Check the version file.", Params: map[string]any{},
		}}
	case Gap:
		d.Reasons = []status.Reason{{
			Code: status.CodeCapabilityGap, Severity: status.SeverityWarning, Since: since,
			Summary: "A failover would stop one feature.", Action: "See the impact.", Params: map[string]any{},
		}}
	default:
	}
}

func role(i int) *string {
	r := [2]string{"primary", "secondary"}[i]
	return &r
}

func haState(i int) string { return [2]string{"active", "standby"}[i] }

func major(version string) *int {
	head, rest, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(head)
	if err != nil || strings.HasPrefix(rest, ".") {
		return nil
	}
	return &n
}
