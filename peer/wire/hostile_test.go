package wire_test

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"socketha/peer"
	"socketha/peer/wire"
)

// refuse fails unless b is refused and leaves nothing behind.
func refuse(t *testing.T, what string, b []byte) {
	t.Helper()
	m, err := wire.Unmarshal(b)
	if err == nil {
		t.Errorf("%s: % x reads as %+v", what, b, m)
	}
	if !reflect.DeepEqual(m, wire.Message{}) {
		t.Errorf("%s: the error left %+v behind", what, m)
	}
	if err != nil && !strings.HasPrefix(err.Error(), "wire: ") {
		t.Errorf("%s: error %q does not say where it is from", what, err)
	}
}

func TestWholeMessageThatIsNone(t *testing.T) {
	for what, b := range map[string][]byte{
		"nothing":             nil,
		"null":                {0xf6},
		"undefined":           {0xf7},
		"empty map":           {0xa0},
		"empty array":         {0x80},
		"number":              {0x01},
		"text":                {0x61, 'a'},
		"bytes":               {0x41, 'a'},
		"true":                {0xf5},
		"simple value 255":    {0xf8, 0xff},
		"break":               {0xff},
		"array as positions":  {0x82, 0x82, 0x01, 0x01, 0x80},
		"no range":            mustEncode(t, map[int]any{1: elementsOf(steady())}),
		"indefinite map":      {0xbf, 0x00, 0x82, 0x01, 0x01, 0xff},
		"self-described CBOR": append([]byte{0xd9, 0xd9, 0xf7}, mustAppend(t, heartbeatMessage(steady()))...),
		"byte string of CBOR": mustEncode(t, mustAppend(t, heartbeatMessage(steady()))),
		"text key":            mustEncode(t, map[string]any{"0": []int{1, 1}, "1": elementsOf(steady())}),
		"field name as a key": mustEncode(t, map[string]any{"Protocol": []int{1, 1}, "Heartbeat": elementsOf(steady())}),
		"two bodies":          mustEncode(t, map[int]any{0: []int{1, 1}, 1: elementsOf(steady()), 4: map[int]any{}}),
	} {
		refuse(t, what, b)
	}
}

func TestTruncatedOrTrailed(t *testing.T) {
	for _, g := range goldens() {
		b, err := g.bytes()
		if err != nil {
			t.Fatal(err)
		}
		for n := range b {
			refuse(t, fmt.Sprintf("%s cut to %d bytes", g.name, n), b[:n])
		}
		for _, trail := range []byte{0x00, 0xf6, 0xff} {
			refuse(t, fmt.Sprintf("%s with % x behind it", g.name, trail), append(slices.Clip(b), trail))
		}
	}
}

func TestProtocolRangeThatIsNone(t *testing.T) {
	for what, v := range map[string]any{
		"null": nil, "undefined": raw(0xf7), "simple value 255": raw(0xf8, 0xff), "number": 1, "text": "1-1",
		"empty": []int{}, "one end": []int{1}, "zero": []int{0, 1}, "reversed": []int{2, 1}, "beyond 255": []int{1, 256},
		"negative": []int{-1, 1}, "float": []any{1.0, 1}, "null end": []any{1, nil}, "map": map[int]int{0: 1, 1: 1},
		"simple value as an end": []any{1, raw(0xf8, 0xff)},
	} {
		refuse(t, "range: "+what, mustEncode(t, map[int]any{0: v, 1: elementsOf(steady())}))
	}
}

// hostileValues are no value of any element of a heartbeat.
var hostileValues = map[string]any{
	"null":             nil,
	"undefined":        raw(0xf7),
	"simple value 255": raw(0xf8, 0xff),
	"simple value 0":   raw(0xe0),
	"false":            false,
	"negative":         -1,
	"float":            1.5,
	"NaN":              math.NaN(),
	"infinity":         math.Inf(1),
	"tag":              raw(0xc1, 0x01),
	"bignum":           raw(0xc2, 0x41, 0x01),
	"text":             "1",
	"array":            []int{1},
	"map":              map[int]int{0: 1},
	"indefinite bytes": raw(0x5f, 0x41, 0x31, 0xff),
	"reserved head":    raw(0x1c),
	"128 bytes":        make([]byte, 128),
	"length of 2^64-1": raw(0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
	"array of 2^32-1":  raw(0x9a, 0xff, 0xff, 0xff, 0xff),
}

func TestHeartbeatElementsThatAreNone(t *testing.T) {
	flagged := steady()
	flagged.Flags, flagged.UpgradeResult = 1, peer.UpgradeResultSkipped
	for i := range elementsOf(flagged) {
		for what, v := range hostileValues {
			elements := elementsOf(flagged)
			elements[i] = v
			refuse(t, fmt.Sprintf("element %d: %s", i, what), assemble(t, elements))
		}
	}
}

func TestHeartbeatOutOfRange(t *testing.T) {
	for _, tt := range []struct {
		element int
		value   any
		good    bool
	}{
		{0, 0, false},
		{0, 1, true},
		{0, uint64(math.MaxUint32), true},
		{0, uint64(1 << 32), false},
		{1, 0, true},
		{1, uint64(math.MaxUint32), true},
		{1, uint64(1 << 32), false},
		{2, 0, true},
		{2, uint64(math.MaxUint32), true},
		{2, uint64(math.MaxUint64), false},
		{3, 0, false},
		{3, 49, false},
		{3, 50, true},
		{3, 60000, true},
		{3, 60001, false},
		{3, uint64(math.MaxUint64), false},
		{4, 0, false},
		{4, 49, false},
		{4, 50, true},
		{4, 60000, true},
		{4, 60001, false},
		{4, uint64(math.MaxUint64), false},
		{5, 0, false},
		{5, 1, false},
		{5, 2, true},
		{5, 50, true},
		{5, 51, false},
		{5, 258, false},
		{6, 0, true},
		{6, 3, true},
		{6, 4, false},
		{6, 256, false},
		{6, uint64(math.MaxUint64), false},
		{7, []byte{}, true},
		{7, make([]byte, 65), true},
		{7, make([]byte, 66), false},
		{13, make([]byte, 23), false},
		{13, make([]byte, 25), false},
		{13, []byte{}, false},
	} {
		what := fmt.Sprintf("element %d = %v", tt.element, tt.value)
		b := withElement(t, tt.element, tt.value)
		if !tt.good {
			refuse(t, what, b)
		} else if _, err := wire.Unmarshal(b); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestHeartbeatBodyThatIsNone(t *testing.T) {
	elements := elementsOf(steady())
	for what, v := range map[string]any{
		"null": nil, "undefined": raw(0xf7), "map": map[int]any{0: 1}, "number": 1, "bytes": []byte{1}, "true": true,
		"empty": []any{}, "one element short": elements[:len(elements)-1],
		"65 elements": append(elements[:14:14], make([]any, 51)...),
	} {
		refuse(t, "heartbeat: "+what, mustEncode(t, map[int]any{0: []int{1, 1}, 1: v}))
	}
	// As many as the library takes are read, and those of the future ignored.
	long := append(elements[:14:14], 0, 0)
	for len(long) < 64 {
		long = append(long, nil)
	}
	if _, err := wire.Unmarshal(mustEncode(t, map[int]any{0: []int{1, 1}, 1: long})); err != nil {
		t.Errorf("64 elements: %v", err)
	}
}

func TestLimitsOfTheLibrary(t *testing.T) {
	nested := func(n int) any {
		var v any = 1
		for range n {
			v = []any{v}
		}
		return v
	}
	many := func(n int) map[int]any {
		m := map[int]any{0: []int{1, 1}}
		for i := range n - 1 {
			m[100+i] = 0
		}
		return m
	}
	unknown := func(v any) []byte { return mustEncode(t, map[int]any{0: []int{1, 1}, 9: v}) }
	for what, tt := range map[string]struct {
		message []byte
		good    bool
	}{
		"8 levels":                     {unknown(nested(7)), true},
		"9 levels":                     {unknown(nested(8)), false},
		"32 keys":                      {mustEncode(t, many(32)), true},
		"33 keys":                      {mustEncode(t, many(33)), false},
		"array of 64":                  {unknown(make([]int, 64)), true},
		"array of 65":                  {unknown(make([]int, 65)), false},
		"duplicate range":              {[]byte{0xa2, 0x00, 0x82, 1, 1, 0x00, 0x82, 1, 1}, false},
		"duplicate key not known here": {[]byte{0xa3, 0x00, 0x82, 1, 1, 0x09, 0x01, 0x09, 0x01}, false},
		"same key in two forms":        {[]byte{0xa3, 0x00, 0x82, 1, 1, 0x09, 0x01, 0x18, 0x09, 0x01}, false},
		"tag":                          {[]byte{0xa2, 0x00, 0x82, 1, 1, 0x09, 0xc1, 0x01}, false},
		"bignum":                       {[]byte{0xa2, 0x00, 0x82, 1, 1, 0x09, 0xc2, 0x41, 0x01}, false},
		"indefinite array":             {[]byte{0xa2, 0x00, 0x82, 1, 1, 0x09, 0x9f, 0xff}, false},
		"indefinite text":              {[]byte{0xa2, 0x00, 0x82, 1, 1, 0x09, 0x7f, 0xff}, false},
		"NaN":                          {unknown(math.NaN()), false},
		"infinity":                     {unknown(math.Inf(-1)), false},
		"unknown null":                 {unknown(nil), true},
		"unknown undefined":            {unknown(raw(0xf7)), true},
		"unknown simple value":         {unknown(raw(0xf8, 0xff)), true},
		"unknown float":                {unknown(1.5), true},
		"unknown negative key":         {mustEncode(t, map[int]any{0: []int{1, 1}, -5: 1}), true},
		"unknown text key":             {mustEncode(t, map[any]any{0: []int{1, 1}, "x": 1}), true},
		"text key that is not UTF-8":   {[]byte{0xa2, 0x00, 0x82, 1, 1, 0x61, 0xff, 0x01}, false},
		"null key":                     {[]byte{0xa2, 0x00, 0x82, 1, 1, 0xf6, 0x01}, false},
		"array key":                    {[]byte{0xa2, 0x00, 0x82, 1, 1, 0x80, 0x01}, false},
		"keys out of order":            {[]byte{0xa2, 0x09, 0x01, 0x00, 0x82, 1, 1}, true},
		"longer heads than needed":     {[]byte{0xa1, 0x18, 0x00, 0x98, 0x02, 0x19, 0, 1, 0x1b, 0, 0, 0, 0, 0, 0, 0, 1}, true},
	} {
		if !tt.good {
			refuse(t, what, tt.message)
			continue
		}
		m, err := wire.Unmarshal(tt.message)
		if err != nil || m.Kind != wire.KindUnknown || m.Protocol != v1 {
			t.Errorf("%s: %+v, %v; want an unknown message", what, m, err)
		}
	}
}

func TestSizeOfAMessage(t *testing.T) {
	pad := func(n int) []byte { return mustEncode(t, map[int]any{0: []int{1, 1}, 9: make([]byte, n)}) }
	const overhead = 9
	if b := pad(wire.MaxMessage - overhead); len(b) != wire.MaxMessage {
		t.Fatalf("%d bytes", len(b))
	} else if _, err := wire.Unmarshal(b); err != nil {
		t.Errorf("%d bytes: %v", len(b), err)
	}
	refuse(t, "1025 bytes", pad(wire.MaxMessage-overhead+1))
	refuse(t, "64 KB", pad(1<<16))
}

// TestAssembledHeartbeatReads makes sure that the messages above are refused
// for the element that was replaced, and not for how they are put together.
func TestAssembledHeartbeatReads(t *testing.T) {
	want := mustAppend(t, heartbeatMessage(steady()))
	if got := assemble(t, elementsOf(steady())); !bytes.Equal(got, want) {
		t.Errorf("assembled % x, want % x", got, want)
	}
}

// assemble puts a heartbeat together of elements that need not be well-formed.
func assemble(t *testing.T, elements []any) []byte {
	t.Helper()
	b := []byte{0xa2, 0x00, 0x82, 0x01, 0x01, 0x01, 0x80 | byte(len(elements))}
	for _, v := range elements {
		if asIs, ok := v.(cbor.RawMessage); ok {
			b = append(b, asIs...)
		} else {
			b = append(b, mustEncode(t, v)...)
		}
	}
	return b
}
