package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// finish adds the VEX and the checksums of all files.
func (r *release) finish() error {
	vex, err := os.ReadFile(filepath.Join(r.root, "scripts", "vex.json"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.out, "socketha_"+r.version+".vex.json"), vex, 0o644); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(r.out, "socketha_*"))
	if err != nil {
		return err
	}
	slices.Sort(files)
	var sums bytes.Buffer
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), filepath.Base(file))
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), sums.Bytes(), 0o644)
}
