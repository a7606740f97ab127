package agent

import (
	"socketha/agent/impact"
	"socketha/agent/status"
	"socketha/peer"
	"socketha/peer/speaker"
	"socketha/platform/appliance"
)

// cost computes what a failover would cost, anew only when something changed that
// it depends on. It belongs to one goroutine.
type cost struct {
	catalog *impact.Catalog

	of   costOf
	last *status.ImpactInput
}

// costOf is all that an impact depends on.
type costOf struct {
	manifest *appliance.Manifest // immutable, replaced when it changes
	self     costSide
	peer     costSide
}

type costSide struct {
	known      bool
	model      string
	version    string
	role       peer.Role
	state      peer.HAState
	advertised bool
	set        peer.Digest
	catalog    peer.Digest
}

// impact returns what a failover would cost; nil while that is not known: before
// the peer, or its set of capabilities, has come.
func (c *cost) impact(in *status.Input, facts *appliance.Facts, s *speaker.Snapshot) *status.ImpactInput {
	if in.Peer.Fresh && !s.CurrentCapabilities {
		return nil // it is on its way, and a guess would be shown for a moment only
	}
	of := costOf{
		manifest: facts.Capabilities,
		self: costSide{
			known: true, model: facts.Model, version: in.Self.Version, role: in.Self.Role, state: in.Self.HAState,
			advertised: facts.Capabilities != nil, catalog: c.catalog.Digest(),
		},
		peer: costSide{
			known: in.Peer.Known, version: in.Peer.Version, role: in.Peer.Role,
			advertised: s.Capabilities != nil, set: s.CapabilitiesDigest,
		},
	}
	if in.Peer.Fresh {
		of.peer.state = in.Peer.HAState
		of.peer.advertised = of.peer.advertised && s.Heartbeat.Capabilities == s.CapabilitiesDigest
	}
	if s.Facts != nil {
		of.peer.catalog = s.Facts.Catalog
	}
	if of != c.of {
		c.of, c.last = of, c.compute(&of, facts, s)
	}
	return c.last
}

func (c *cost) compute(of *costOf, facts *appliance.Facts, s *speaker.Snapshot) *status.ImpactInput {
	in := impact.Input{Catalog: c.catalog, Self: of.self.socket(), Peer: of.peer.socket()}
	in.Self.Capabilities = capabilities(facts.Capabilities, facts.Model)
	if of.peer.advertised {
		in.Peer.Capabilities = s.Capabilities
	}
	out := impact.Compute(in)
	if !out.Known {
		return nil
	}
	return &status.ImpactInput{
		Now: features(out.Now), OnFailover: features(out.OnFailover), RestoredOnFailover: features(out.RestoredOnFailover),
		Basis: out.Basis.String(), PeerSource: out.PeerSource.String(),
		CapabilityGap: out.CapabilityGap, GapKnown: out.GapKnown, CatalogDiffers: out.CatalogDiffers,
	}
}

func (s *costSide) socket() impact.Socket {
	return impact.Socket{
		Known: s.known, Version: s.version, Role: s.role, HAState: s.state,
		Advertised: s.advertised, Catalog: s.catalog,
	}
}

func features(list []impact.Entry) []status.ImpactFeature {
	out := make([]status.ImpactFeature, len(list))
	for i, e := range list {
		out[i] = status.ImpactFeature{ID: e.ID, Name: e.Name, Since: e.Since, Source: e.Source.String()}
	}
	return out
}
