package wire

import (
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// TestSecondLocks holds the two options that no message can show the effect
// of, because another one covers it.
func TestSecondLocks(t *testing.T) {
	options := decoding.DecOptions()
	if options.BignumTag != cbor.BignumTagForbidden {
		t.Error("bignums are allowed")
	}
	if options.FieldNameMatching != cbor.FieldNameMatchingCaseSensitive {
		t.Error("names match in any case")
	}
}
