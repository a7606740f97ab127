package main

import (
	"fmt"
	"slices"
	"strings"
)

// tags are the build tags of the appliance's binary; those of the Makefile.
const tags = "nethttpomithttp2"

// target is one architecture that is delivered.
type target struct {
	name    string   // in file names
	env     []string // for go build
	deb     string   // Debian's name
	openwrt string   // OpenWrt's name, of the most common family
	qemu    string   // command of qemu-user; empty: an amd64 kernel runs it
}

// targets are all of them. The mips ones are for CPUs without floating point.
var targets = []target{
	{"amd64", []string{"GOARCH=amd64"}, "amd64", "x86_64", ""},
	{"arm64", []string{"GOARCH=arm64"}, "arm64", "aarch64_generic", "qemu-aarch64"},
	{"armv7", []string{"GOARCH=arm", "GOARM=7"}, "armhf", "arm_cortex-a7_neon-vfpv4", "qemu-arm"},
	{"armv5", []string{"GOARCH=arm", "GOARM=5"}, "armel", "arm_arm926ej-s", "qemu-arm"},
	{"mips", []string{"GOARCH=mips", "GOMIPS=softfloat"}, "mips", "mips_24kc", "qemu-mips"},
	{"mipsle", []string{"GOARCH=mipsle", "GOMIPS=softfloat"}, "mipsel", "mipsel_24kc", "qemu-mipsel"},
	{"riscv64", []string{"GOARCH=riscv64"}, "riscv64", "riscv64_generic", "qemu-riscv64"},
	{"386", []string{"GOARCH=386"}, "i386", "i386_pentium4", ""},
}

// choose returns the targets named, separated by commas; all for an empty text.
func choose(names string) ([]target, error) {
	if names == "" {
		return targets, nil
	}
	var chosen []target
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(targets, func(t target) bool { return t.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no architecture is called %q", name)
		}
		chosen = append(chosen, targets[i])
	}
	return chosen, nil
}
