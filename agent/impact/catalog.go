package impact

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // the sample
	"encoding/binary"
	"iter"
	"slices"
	"sync"

	"socketha/peer"
	"socketha/peer/compat"
)

// Feature is one entry of a catalog.
type Feature struct {
	ID    string         // 1 to 40 of a-z, 0-9, ".", "_" and "-", unique
	Name  string         // for people: 1 to 128 bytes, printable
	Since compat.Version // of the firmware it came with
}

// Catalog knows with which firmware version each feature came. It never changes,
// so it may be shared. A nil Catalog is one that knows nothing.
type Catalog struct {
	features []Feature // sorted by ID
	digest   peer.Digest
}

//go:embed sample.csv
var sampleCSV []byte

var sample = sync.OnceValues(func() (*Catalog, error) { return ParseCatalog(sampleCSV) })

// Sample returns the catalog that is built in, nil if it were damaged (a test
// reads it).
func Sample() *Catalog {
	c, err := sample()
	if err != nil {
		return nil
	}
	return c
}

// newCatalog takes features with unique ids and makes them its own.
func newCatalog(features []Feature) *Catalog {
	slices.SortFunc(features, func(a, b Feature) int { return cmp.Compare(a.ID, b.ID) })
	return &Catalog{features: features, digest: digest(features)}
}

// Len returns the number of features.
func (c *Catalog) Len() int {
	if c == nil {
		return 0
	}
	return len(c.features)
}

// Digest identifies what the catalog says, whatever the order and form of its
// file; zero for a nil Catalog.
func (c *Catalog) Digest() peer.Digest {
	if c == nil {
		return peer.Digest{}
	}
	return c.digest
}

// All yields the features in the order of their ids.
func (c *Catalog) All() iter.Seq[Feature] {
	if c == nil {
		return func(func(Feature) bool) {}
	}
	return slices.Values(c.features)
}

// Find returns the feature with that id.
func (c *Catalog) Find(id string) (Feature, bool) {
	if c == nil {
		return Feature{}, false
	}
	i, ok := slices.BinarySearchFunc(c.features, id, func(f Feature, id string) int { return cmp.Compare(f.ID, id) })
	if !ok {
		return Feature{}, false
	}
	return c.features[i], true
}

// digestDomain keeps the digest of a catalog apart from every other one.
const digestDomain = "socketha feature catalog 1\n"

// digest is the start of the SHA-256 over the domain, the number of features, and
// each feature's id, name and since as stated, sorted by id; numbers, and the
// length before each text, are unsigned varints (encoding/binary).
func digest(sorted []Feature) peer.Digest {
	var out peer.Digest
	h := sha256.New()
	buf := binary.AppendUvarint([]byte(digestDomain), uint64(len(sorted)))
	for _, f := range sorted {
		for _, text := range [...]string{f.ID, f.Name, f.Since.String()} {
			buf = binary.AppendUvarint(buf, uint64(len(text)))
			buf = append(buf, text...)
		}
		h.Write(buf)
		buf = buf[:0]
	}
	h.Write(buf)
	copy(out[:], h.Sum(nil))
	return out
}
