package impact_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"socketha/agent/impact"
	"socketha/peer"
)

// TestSampleReads: what is built in is a catalog, and the file beside this test.
func TestSampleReads(t *testing.T) {
	data, err := os.ReadFile("sample.csv")
	if err != nil {
		t.Fatal(err)
	}
	c, err := impact.ParseCatalog(data)
	if err != nil {
		t.Fatal(err)
	}
	if s := impact.Sample(); s == nil || s.Len() != 59 || s.Digest() != c.Digest() {
		t.Errorf("%d features, %x", s.Len(), s.Digest())
	}
	f, ok := impact.Sample().Find("dns-http-tcp-probes")
	if !ok || f.Name != "DNS, HTTP and TCP probes with account policy" || f.Since.String() != "21.0" {
		t.Errorf("%+v", f)
	}
	if _, ok := impact.Sample().Find("dns"); ok {
		t.Error("half an id is found")
	}
	var order []string
	for f := range impact.Sample().All() {
		order = append(order, f.ID)
	}
	if !slices.IsSorted(order) || len(order) != 59 {
		t.Errorf("%v", order)
	}
}

// TestNoCatalog: a nil one knows nothing.
func TestNoCatalog(t *testing.T) {
	var c *impact.Catalog
	if _, ok := c.Find("x"); ok || c.Len() != 0 || c.Digest() != (peer.Digest{}) {
		t.Error("it knows something")
	}
	for f := range c.All() {
		t.Error(f)
	}
}

// TestCatalogsThatAreWrong: every fault is told with its place, the value and what
// is accepted.
func TestCatalogsThatAreWrong(t *testing.T) {
	long := strings.Repeat("x", 41)
	for _, tt := range []struct{ name, file, want string }{
		{"empty", "", "line 1, column 1: the file is empty, accepted is the header id,name,since and a feature on each line after it"},
		{"only a mark", "\ufeff", "line 1, column 4: the file is empty, accepted is the header id,name,since and a feature on each line after it"},
		{"no header", "a,A,1.0\n", "line 1, column 1: column 1 of the header is \"a\", accepted is id\nline 1, column 3: column 2 of the header is \"A\", accepted is name\nline 1, column 5: column 3 of the header is \"1.0\", accepted is since"},
		{"header after a mark", "\ufeffid,nam,since\n", "line 1, column 7: column 2 of the header is \"nam\", accepted is name"},
		{"header in another order", "id,since,name\n", "line 1, column 4: column 2 of the header is \"since\", accepted is name\nline 1, column 10: column 3 of the header is \"name\", accepted is since"},
		{"short header", "id,name\n", "line 1, column 1: the header has 2 columns, accepted are 3: id,name,since"},
		{"long header", "id,name,since,model\n", "line 1, column 1: the header has 4 columns, accepted are 3: id,name,since"},
		{"too few fields", "id,name,since\na,A,1\n\nb,B\n", "line 4, column 1: the record has 2 fields, accepted are 3: id,name,since"},
		{"first record too short", "id,name,since\nb,B\na,A,x\n", "line 2, column 1: the record has 2 fields, accepted are 3: id,name,since\nline 3, column 5: since \"x\" is no firmware version: a number is expected at byte 0, not \"x\""},
		{"empty id", "id,name,since\n,A,1\n", "line 2, column 1: id \"\", accepted are 1 to 40 of a-z, 0-9, dot, underscore and hyphen"},
		{"long id", "id,name,since\n" + long + ",A,1\n", "line 2, column 1: id \"" + long + "\", accepted are 1 to 40 of a-z, 0-9, dot, underscore and hyphen"},
		{"capitals", "id,name,since\nDHCP,A,1\n", "line 2, column 1: id \"DHCP\", accepted are 1 to 40 of a-z, 0-9, dot, underscore and hyphen"},
		{"twice", "id,name,since\na,A,1\nb,B,1\na,A,2\n", "line 4, column 1: id \"a\" stands on line 2 already"},
		{"no name", "id,name,since\na,,1\n", "line 2, column 3: the name has 0 bytes, accepted are 1 to 128"},
		{"long name", "id,name,since\na," + strings.Repeat("é", 65) + ",1\n", "line 2, column 3: the name has 130 bytes, accepted are 1 to 128"},
		{"name not UTF-8", "id,name,since\na,\xff,1\n", "line 2, column 3: the name is not UTF-8"},
		{"name that steers", "id,name,since\na,\x1b[31m,1\n", "line 2, column 3: name \"\\x1b[31m\", accepted are printable characters without space at either end"},
		{"name on two lines", "id,name,since\na,\"A\nB\",1\n", "line 2, column 3: name \"A\\nB\", accepted are printable characters without space at either end"},
		{"name that turns", "id,name,since\na,A\u202eB,1\n", "line 2, column 3: name \"A\\u202eB\", accepted are printable characters without space at either end"},
		{"space around", "id,name,since\na, A,1\n", "line 2, column 3: name \" A\", accepted are printable characters without space at either end"},
		{"no version", "id,name,since\na,A,\n", "line 2, column 5: since \"\" is no firmware version: it is empty (byte 0)"},
		{"bad version", "id,name,since\na,A,18..1\n", "line 2, column 5: since \"18..1\" is no firmware version: a number is expected at byte 3, not \".\""},
		{"several", "id,name,since\nA,,x\n", "line 2, column 1: id \"A\", accepted are 1 to 40 of a-z, 0-9, dot, underscore and hyphen\nline 2, column 3: the name has 0 bytes, accepted are 1 to 128\nline 2, column 4: since \"x\" is no firmware version: a number is expected at byte 0, not \"x\""},
		{"open quote", "id,name,since\na,\"A,1\nb,B,1\n", "line 3, column 7: extraneous or missing \" in quoted-field"},
		{"bare quote", "id,name,since\na,A\"B,1\n", "line 2, column 4: bare \" in non-quoted-field"},
	} {
		c, err := impact.ParseCatalog([]byte(tt.file))
		if c != nil || err == nil {
			t.Errorf("%s: accepted", tt.name)
			continue
		}
		if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// lines returns a catalog file of n features.
func lines(n int, line func(i int) string) []byte {
	var b strings.Builder
	b.WriteString("id,name,since\n")
	for i := range n {
		b.WriteString(line(i))
	}
	return []byte(b.String())
}

func TestCatalogBounds(t *testing.T) {
	good := func(i int) string { return fmt.Sprintf("f%d,Feature,1.%d\n", i, i) }
	if c, err := impact.ParseCatalog(lines(impact.MaxFeatures, good)); err != nil || c.Len() != impact.MaxFeatures {
		t.Error(err)
	}
	var failed *impact.CatalogError
	_, err := impact.ParseCatalog(lines(impact.MaxFeatures+1, good))
	if !errors.As(err, &failed) || len(failed.Problems) != 1 || failed.Problems[0].Line != impact.MaxFeatures+2 {
		t.Error(err)
	}
	_, err = impact.ParseCatalog(lines(100, func(i int) string { return fmt.Sprintf("F%d,Feature,1\n", i) }))
	if !errors.As(err, &failed) || len(failed.Problems) != 20 || !failed.More || !strings.HasSuffix(err.Error(), "\nand more") {
		t.Error(err)
	}
	_, err = impact.ParseCatalog(lines(20, func(i int) string { return fmt.Sprintf("F%d,Feature,1\n", i) }))
	if !errors.As(err, &failed) || len(failed.Problems) != 20 || failed.More {
		t.Error(err)
	}
	if _, err := impact.ParseCatalog(make([]byte, impact.MaxCatalogSize+1)); err == nil || !strings.Contains(err.Error(), "at most 1048576") {
		t.Error(err)
	}
	full := lines(1, good)
	full = append(full, make([]byte, impact.MaxCatalogSize-len(full))...)
	for i := len(lines(1, good)); i < len(full); i++ {
		full[i] = '\n'
	}
	if c, err := impact.ParseCatalog(full); err != nil || c.Len() != 1 {
		t.Error(err)
	}
	if c, err := impact.ParseCatalog([]byte("id,name,since\n")); err != nil || c.Len() != 0 || c.Digest() == (peer.Digest{}) {
		t.Error("a catalog without features", err)
	}
}

// TestDigest: it depends on what the catalog says and on nothing else. The value
// is fixed, for two Sockets compare theirs.
func TestDigest(t *testing.T) {
	one := digest(t, "id,name,since\na,A,1.0\nb,\"B\",2.0\n")
	if got := fmt.Sprintf("%x", one); got != "5bb47bfe2db2df3a" {
		t.Errorf("the digest of a catalog changed: %s", got)
	}
	for name, same := range map[string]string{
		"order":     "id,name,since\nb,B,2.0\na,A,1.0\n",
		"line ends": "id,name,since\r\na,A,1.0\r\nb,B,2.0\r\n",
		"quotes":    "\"id\",name,since\n\"a\",\"A\",\"1.0\"\nb,B,2.0",
		"a mark":    "\ufeffid,name,since\na,A,1.0\nb,B,2.0\n",
	} {
		if digest(t, same) != one {
			t.Errorf("%s: another digest", name)
		}
	}
	for name, other := range map[string]string{
		"id":      "id,name,since\nc,A,1.0\nb,B,2.0\n",
		"name":    "id,name,since\na,AA,1.0\nb,B,2.0\n",
		"since":   "id,name,since\na,A,1.1\nb,B,2.0\n",
		"fewer":   "id,name,since\na,A,1.0\n",
		"swapped": "id,name,since\na,B,1.0\nb,A,2.0\n",
		"border":  "id,name,since\naa,A,1.0\nb,B,2.0\n",
	} {
		if digest(t, other) == one {
			t.Errorf("%s: the same digest", name)
		}
	}
}

func digest(t *testing.T, file string) peer.Digest {
	t.Helper()
	c, err := impact.ParseCatalog([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return c.Digest()
}

// FuzzParseCatalog: any bytes are a catalog or an error with places in them.
func FuzzParseCatalog(f *testing.F) {
	data, err := os.ReadFile("sample.csv")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("id,name,since\na,A,18..1\n\"b\nc\",\xff,\x1b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := impact.ParseCatalog(data)
		if err == nil {
			checkCatalog(t, c)
			return
		}
		var failed *impact.CatalogError
		if !errors.As(err, &failed) || len(failed.Problems) == 0 || len(failed.Problems) > 20 {
			t.Fatalf("%v", err)
		}
		for _, p := range failed.Problems {
			if p.Line < 1 || p.Column < 1 || p.Line > strings.Count(string(data), "\n")+1 || p.Text == "" {
				t.Fatalf("%+v", p)
			}
			for _, r := range p.Text {
				if r < ' ' || r > '~' {
					t.Fatalf("%q is not fit to be shown", p.Text)
				}
			}
		}
	})
}

func checkCatalog(t *testing.T, c *impact.Catalog) {
	t.Helper()
	last := ""
	for f := range c.All() {
		if f.ID <= last || f.Name == "" || f.Since.String() == "" {
			t.Fatalf("%+v after %q", f, last)
		}
		if found, ok := c.Find(f.ID); !ok || found != f {
			t.Fatalf("%+v is not found", f)
		}
		last = f.ID
	}
}

func BenchmarkParseCatalog(b *testing.B) {
	data := lines(5000, func(i int) string { return fmt.Sprintf("feature-%d,The feature number %d,%d.%d\n", i, i, i/100, i%100) })
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := impact.ParseCatalog(data); err != nil {
			b.Fatal(err)
		}
	}
}
