package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// completions are where Debian's shells look for the completion of a command.
var completions = [...]struct{ shell, file string }{
	{"bash", "/usr/share/bash-completion/completions/socketha"},
	{"zsh", "/usr/share/zsh/vendor-completions/_socketha"},
	{"fish", "/usr/share/fish/vendor_completions.d/socketha.fish"},
}

// writeDocs has a binary for this machine write its manual pages, which are the
// same for every architecture, and its completions. They go into the packages of
// systems with a person at a shell; OpenWrt's flash is spared them.
func (r *release) writeDocs(ctx context.Context) (err error) {
	if r.docs, err = os.MkdirTemp("", "socketha-docs-"); err != nil {
		return err
	}
	binary, pages := filepath.Join(r.docs, "socketha"), filepath.Join(r.docs, "man")
	if err := build(ctx, r.root, binary, target{}, r.ldflags()); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, binary, "help", "--man-dir", pages).CombinedOutput(); err != nil {
		return fmt.Errorf("manual pages: %w\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(pages, "*.[1-9]"))
	if err != nil {
		return err
	}
	for _, page := range found {
		if err := compress(page); err != nil {
			return fmt.Errorf("manual pages: %w", err)
		}
		section := filepath.Ext(page)[1:]
		r.manual = append(r.manual, r.made(page+".gz", "/usr/share/man/man"+section+"/"+filepath.Base(page)+".gz"))
	}
	for _, c := range completions {
		out, err := exec.CommandContext(ctx, binary, "completion", c.shell).Output()
		if err != nil {
			return fmt.Errorf("completion for %s: %w", c.shell, err)
		}
		src := filepath.Join(r.docs, c.shell)
		if err := os.WriteFile(src, out, 0o600); err != nil {
			return err
		}
		r.manual = append(r.manual, r.made(src, c.file))
	}
	return nil
}

// made is a content that was made, and not found in the source.
func (r *release) made(src, dst string) content {
	return content{Src: src, Dst: dst, Info: &fileInfo{Mode: 0o644, Owner: "root", Group: "root", MTime: r.at}}
}

// compress writes name.gz, the same for the same text.
func compress(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name+".gz", out.Bytes(), 0o600)
}
