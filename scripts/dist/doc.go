// Command dist makes what is delivered, in dist/ (make dist):
//
//	socketha_VERSION_linux_ARCH             static binary, for eight architectures
//	socketha_VERSION_linux_ARCH.cdx.json    its SBOM (CycloneDX 1.6)
//	socketha_VERSION_DEBARCH.deb            Debian, with the systemd unit
//	socketha_VERSION_OWRTARCH.ipk, .apk     OpenWrt, with the procd script
//	socketha_VERSION.vex.json               what known advisories mean for us (OpenVEX)
//	SHA256SUMS
//
// Everything is reproducible: the same commit, Go version and tools give the same
// bytes in any folder. Nothing in it depends on the time of day, the user or the
// machine; times are that of the commit.
//
// The SBOM is read from what the linker wrote into the binary (go version -m), not from
// go.mod: it lists what is really inside. The VEX, scripts/vex.json, is kept by hand; a
// test fails when it speaks of a version that is no longer used.
//
// Sizes are kept in sizes.txt; the test fails when a binary grows by more than 2 %.
// After a growth that is meant: go test ./scripts/dist -run Size -update.
package main
