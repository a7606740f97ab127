package agent

import (
	"crypto/sha256"
	"encoding/binary"

	"socketha/agent/status"
	"socketha/peer"
	"socketha/peer/wire"
	"socketha/platform/appliance"
)

// capabilities translates the firmware's manifest for this model.
func capabilities(m *appliance.Manifest, model string) []peer.Capability {
	if m == nil {
		return nil
	}
	set := make([]peer.Capability, 0, len(m.Capabilities))
	for _, c := range m.Capabilities {
		set = append(set, peer.Capability{
			ID:        c.ID,
			Supported: c.SupportedOn(model),
			Enabled:   c.Enabled,
			Since:     c.Since,
		})
	}
	return set
}

// advertised stands for the capability set this Socket tells its peer.
func advertised(f *appliance.Facts) status.Capabilities {
	set := capabilities(f.Capabilities, f.Model)
	if set == nil {
		return status.Capabilities{}
	}
	return status.Capabilities{Digest: wire.DigestCapabilities(set), Count: len(set)}
}

// inputsDigest stands for what the verdict is made from: who the two Sockets are,
// their versions, roles, HA states and how they stand with their cloud. Both Sockets compute the same digest
// when they see the same pair, so that differing verdicts on equal inputs can be
// told from a change that one of them has not heard of yet.
func inputsDigest(self status.Self, cloud peer.UpstreamState, other status.Peer) peer.Digest {
	a := side(self.Serial, self.Version, self.Role, self.HAState, cloud)
	b := side(other.Serial, other.Version, other.Role, other.HAState, other.Upstream)
	if string(b) < string(a) {
		a, b = b, a
	}
	sum := sha256.Sum256(append(a, b...))
	return peer.Digest(sum[:len(peer.Digest{})])
}

// side writes one Socket's inputs so that no two different ones look the same.
func side(serial, version string, role peer.Role, state peer.HAState, cloud peer.UpstreamState) []byte {
	var b []byte
	for _, s := range []string{serial, version} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return append(b, byte(role), byte(state), byte(cloud))
}
