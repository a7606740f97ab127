package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"socketha/scripts/needs"
)

// entries reads a tar.gz, or several that follow one another as in an apk, which
// are one archive when taken together.
func entries(t *testing.T, data []byte) map[string]*entry {
	t.Helper()
	gz, err := gzip.NewReader(bufio.NewReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]*entry)
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimPrefix(strings.TrimPrefix(h.Name, "./"), "/")] = &entry{h, content}
	}
}

type entry struct {
	header *tar.Header
	data   []byte
}

// unpack writes the files below a root, and returns how many.
func unpack(t *testing.T, b *box, files map[string]*entry) int {
	t.Helper()
	n := 0
	for name, e := range files {
		if e.header.Typeflag != tar.TypeReg || strings.HasPrefix(name, ".") {
			continue
		}
		b.do(os.MkdirAll(filepath.Dir(b.path(name)), 0o755))
		b.do(os.WriteFile(b.path(name), e.data, e.header.FileInfo().Mode().Perm()))
		n++
	}
	return n
}

// TestOpenWrtPackages: both packages hold the same files, and their scripts do in
// BusyBox' shell what they should. Debian has neither opkg nor apk, so it is this
// test that unpacks, in the order that those do.
func TestOpenWrtPackages(t *testing.T) {
	r := made(t, "0.1.0")
	for _, format := range []string{"ipk", "apk"} {
		t.Run(format, func(t *testing.T) {
			b := newBox(t)
			data, err := os.ReadFile(r.file(host(t).openwrt) + "." + format)
			b.do(err)
			files := entries(t, data)
			control, names := files, [3]string{".PKGINFO", ".post-install", ".pre-deinstall"}
			if format == "ipk" {
				control, names = entries(t, files["control.tar.gz"].data), [3]string{"control", "postinst", "prerm"}
				files = entries(t, files["data.tar.gz"].data)
				if got := string(control["conffiles"].data); !strings.Contains(got, "/etc/config/socketha") {
					t.Errorf("conffiles: %s", got)
				}
			}
			text := strings.NewReplacer(": ", "=", " = ", "=").Replace(strings.ToLower(string(control[names[0]].data)))
			for _, want := range []string{"socketha", "0.1.0", "=" + host(t).openwrt + "\n"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s lacks %q:\n%s", names[0], want, text)
				}
			}
			if n := unpack(t, b, files); n != 6 {
				t.Errorf("%d files", n)
			}
			for name, script := range map[string]string{"postinst": names[1], "prerm": names[2]} {
				b.do(os.WriteFile(b.path("tmp/"+name), control[script].data, 0o755))
			}
			b.do(os.WriteFile(b.path("etc/rc.common"), []byte("#!/bin/sh\necho \"$@\" >>/tmp/calls\n"), 0o755))

			b.script("postinst")
			b.expect("/etc/init.d/socketha enable", "/etc/init.d/socketha restart")
			uid := b.account()
			b.do(os.MkdirAll(b.path("etc/socketha"), 0o750))
			b.do(os.Chown(b.path("etc/socketha"), int(uid), int(uid)))
			b.configure(uid, "tmp/socketha.toml", "etc/socketha")
			b.startAndStop(uid, "tmp/socketha.toml")

			before := b.kept("etc/socketha")
			b.script("prerm", "PKG_UPGRADE=1")
			b.expect()
			b.script("postinst")
			b.expect("/etc/init.d/socketha enable", "/etc/init.d/socketha restart")
			b.account()
			b.same("the upgrade", before, b.kept("etc/socketha"))

			b.script("prerm")
			b.expect("/etc/init.d/socketha stop", "/etc/init.d/socketha disable")
		})
	}
}

// TestIntoAnImage: while a firmware image is made, nothing is started.
func TestIntoAnImage(t *testing.T) {
	busybox := needs.Command(t, "busybox", "busybox-static")
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"passwd": "root:x:0:0::/:/bin/sh\nother:x:32768:32768::/:/bin/false\n", "group": "root:x:0:\n", "shadow": ""} {
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // twice changes nothing more
		for _, script := range []string{"postinstall", "preremove"} {
			cmd := exec.Command(busybox, "sh", "openwrt/"+script)
			cmd.Env = []string{"IPKG_INSTROOT=" + root, "PATH=" + os.Getenv("PATH")}
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s: %v\n%s", script, err, out)
			}
		}
	}
	b := &box{t, root}
	if uid := b.account(); uid != 32769 {
		t.Errorf("the user has the number %d, and 32768 is taken", uid)
	}
}

func (b *box) script(name string, env ...string) {
	b.t.Helper()
	cmd := b.inside(0, "/bin/sh", "/tmp/"+name)
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// expect compares what the scripts called since last time.
func (b *box) expect(calls ...string) {
	b.t.Helper()
	data, err := os.ReadFile(b.path("tmp/calls"))
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	_ = os.Remove(b.path("tmp/calls"))
	if got := strings.TrimSpace(string(data)); got != strings.Join(calls, "\n") {
		b.t.Errorf("called\n%s\nwant\n%s", got, strings.Join(calls, "\n"))
	}
}
