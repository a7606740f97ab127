package about

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"socketha/agent/status"
)

// TestOnlyLiteralsAreMarkup looks for conversions to lit in the sources: without
// them the compiler lets literals through and nothing else.
func TestOnlyLiteralsAreMarkup(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		seen++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "lit" {
				if _, literal := call.Args[0].(*ast.BasicLit); !literal {
					t.Errorf("%s converts something to markup", name)
				}
			}
			return true
		})
	}
	if seen == 0 {
		t.Fatal("no source was looked at")
	}
}

// parse returns a page as a browser with scripts off reads it.
func parse(t testing.TB, page string) *html.Node {
	t.Helper()
	doc, err := html.ParseWithOptions(strings.NewReader(page), html.ParseOptionEnableScripting(false))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// skeleton is a page without its texts and without the values of its attributes.
// Serials within sentences are left out: they are marked where they occur.
func skeleton(n *html.Node, b *strings.Builder) {
	serial := n.Type == html.ElementNode && n.Data == "b"
	if n.Type == html.ElementNode && !serial {
		b.WriteString("<" + n.Data)
		for _, a := range n.Attr {
			b.WriteString(" " + a.Key)
			if !slices.Contains(textAttributes, a.Key) {
				b.WriteString("=" + a.Val)
			}
		}
		b.WriteString(">")
	}
	if n.Type == html.CommentNode || n.Type == html.DoctypeNode {
		b.WriteString("<!" + n.Data + ">")
	}
	for c := range n.ChildNodes() {
		skeleton(c, b)
	}
	if n.Type == html.ElementNode && !serial {
		b.WriteString("</" + n.Data + ">")
	}
}

// textAttributes hold words of the document.
var textAttributes = []string{"data-title", "data-sn", "data-meaning", "data-age", "datetime"}

func shape(t testing.TB, page string) string {
	t.Helper()
	var b strings.Builder
	skeleton(parse(t, page), &b)
	// What is saved differs with the document, and stays a text.
	s := b.String()
	const open = ` href=data:text/plain;charset=utf-8,`
	if at := strings.Index(s, open); at >= 0 {
		end := strings.IndexByte(s[at:], '>') + at
		if _, err := url.PathUnescape(s[at+len(open) : end]); err != nil {
			t.Errorf("the text to save is no data URL: %v", err)
		}
		s = s[:at] + s[end:]
	}
	return s
}

func textOf(t testing.TB, page string) string {
	t.Helper()
	var b strings.Builder
	for n := range parse(t, page).Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(n.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// fill sets every string of a document, at any depth, also where it is null and
// in lists that are empty. Words that the page knows by heart are left: another
// word in their place is another state, not an attack.
func fill(v reflect.Value, text func() string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text())
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), text)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[status.Time]() {
			return
		}
		for _, field := range v.Fields() {
			fill(field, text)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		}
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Map:
		if v.Type() == reflect.TypeFor[map[string]uint64]() {
			v.Set(reflect.ValueOf(map[string]uint64{text(): 1}))
		}
	default:
	}
}

// document fills every string by text, each with its place so that no two are the
// same, and then settles the words by which the page chooses what to show.
func document(known, fresh bool, text func() string) status.Document {
	var d status.Document
	place := 0
	fill(reflect.ValueOf(&d).Elem(), func() string { place++; return text() + "#" + strconv.Itoa(place) })
	d.Peer.Known, d.Peer.Fresh = known, fresh
	d.Reasons[0].Severity, d.Reasons[1].Severity = status.SeverityNotReady, status.SeverityWarning
	if known {
		d.Link.Session, d.Upstream.Configured, d.Upstream.State, d.Alarm.State = "up", true, "connected", "raised"
		d.Conditions.Keepalive.State = status.StateFail
		d.Reasons[0].Code = status.CodeIncompatible
		major := 15
		d.Peer.Major, *d.Self.Major = &major, 18
	}
	return d
}

var attacks = []string{
	`<script>alert(1)</script>`, `</title><script>`, `"><img src=x onerror=alert(1)>`, `' onload='`, `</style><style>`,
	`</pre></textarea></noscript></template><svg/onload=1>`, `<!--`, `-->`, `]]>`, `&lt;b&gt;`, `&#60;b&#62;`, `&quot;`, "`", `=`,
	"\x00<b>", "\r\n<b>", "\u2028", "\u202e", "\u200f", "\ufeff", "\xff\xfe<", "\xc0\xbc", "javascript:alert(1)", "\u0085", "\uffff",
}

// TestNothingLeavesItsPlace puts hostile words into every string of a document.
// The page must have the very elements and attributes of one with plain words.
func TestNothingLeavesItsPlace(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		word := rapid.OneOf(rapid.SampledFrom(attacks), rapid.StringN(1, 20, 60),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 12), func(b []byte) string { return string(b) }),
			rapid.Map(rapid.SliceOfN(rapid.SampledFrom(attacks), 1, 4), func(s []string) string { return strings.Join(s, "") }))
		known, fresh := rapid.Bool().Draw(r, "known"), rapid.Bool().Draw(r, "fresh")
		element := rapid.Bool().Draw(r, "element")
		words := rapid.SliceOfN(word, 1, 8).Draw(r, "words")
		next := 0
		d := document(known, fresh, func() string { next++; return words[next%len(words)] })
		p := document(known, fresh, func() string { return "x" })
		got, want := shape(t, render(&d, "m", "b", element)), shape(t, render(&p, "m", "b", element))
		if at := differ(got, want); at >= 0 {
			r.Fatalf("the page has another shape from %d on\n got …%.200s\nwant …%.200s", at, got[at:], want[at:])
		}
	})
}

// differ returns where two texts differ, less some context; -1 if they do not.
func differ(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return max(0, i-60)
		}
	}
	if len(a) != len(b) {
		return max(0, min(len(a), len(b))-60)
	}
	return -1
}

// TestSerialsInSentences marks the pair's serials and nothing else, whatever they are.
func TestSerialsInSentences(t *testing.T) {
	self, other := "<b>A1", "B2"
	d := status.Document{Self: status.SelfStatus{Serial: &self}, Peer: status.PeerStatus{Serial: &other}}
	p := &page{doc: &d}
	p.prose(`S/N <b>A1 and S/N B2, not S/N C3 & not A1. S/N `)
	want := `S/N <b class="sn">&lt;b&gt;A1</b> and S/N <b class="sn">B2</b>, not S/N C3 &amp; not A1. S/N `
	if got := p.b.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// FuzzEscape holds that any string is one text node, and one attribute, and that
// what can be written is not changed by it.
func FuzzEscape(f *testing.F) {
	for _, a := range attacks {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var w writer
		w.raw(`<p`)
		w.attr("title", s)
		w.dataURL("data-u", s)
		w.raw(`>`)
		w.text(s)
		w.raw(`</p>`)
		nodes, err := html.ParseFragment(strings.NewReader(w.b.String()), nil)
		if err != nil {
			t.Fatal(err)
		}
		var elements []*html.Node
		var text strings.Builder
		for _, n := range nodes {
			for c := range n.Descendants() {
				switch c.Type {
				case html.ElementNode:
					elements = append(elements, c)
				case html.TextNode:
					text.WriteString(c.Data)
				default:
					t.Fatalf("a node of type %v came out of %q", c.Type, s)
				}
			}
		}
		if len(elements) != 3 || elements[2].Data != "p" || len(elements[2].Attr) != 2 { // head, body, p
			t.Fatalf("%q did not stay one paragraph: %s", s, w.b.String())
		}
		want := strings.Map(func(r rune) rune {
			if r != '\n' && r != '\t' && unwritable(r) {
				return utf8.RuneError
			}
			return r
		}, s)
		if got := text.String(); got != want {
			t.Errorf("text %q became %q", s, got)
		}
		if got := elements[2].Attr[0].Val; got != want {
			t.Errorf("attribute %q became %q", s, got)
		}
		data, err := url.PathUnescape(strings.TrimPrefix(elements[2].Attr[1].Val, "data:text/plain;charset=utf-8,"))
		if err != nil || data != s {
			t.Errorf("data URL %q became %q: %v", s, data, err)
		}
	})
}
