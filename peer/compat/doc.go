// Package compat reads firmware versions and judges whether two Sockets may
// form an HA pair.
//
// The rule is short: the pair is compatible if both versions can be read and
// their major numbers are equal. Everything else about the versions (minor,
// patch, build, suffix) is shown but never changes the verdict. Where the
// majors differ, the lower Socket is the one to upgrade, to the major of the
// other; a downgrade is never advised.
//
// Three properties make the verdict safe to act upon, and tests hold them:
//
//   - symmetric: both Sockets reach the same verdict from the same two strings,
//     and name the same Socket, whichever of them is asked;
//   - total: every pair of strings has a verdict, and nothing panics. A version
//     that cannot be read makes it unknown, which is neither good nor bad;
//   - bounded: time and memory do not grow with what a peer sends.
//
// [Judge] knows nothing of time. Whether the peer's version is fresh enough to
// be judged at all is the caller's knowledge.
//
// # Grammar
//
//	version = [ "v" ] number 0*3( "." number ) [ ( "-" / "+" ) 1*suffix ]
//	number  = "0" / nonzero-digit 0*5digit
//	suffix  = digit / ALPHA / "." / "-"
//
// in ASCII, at most 64 bytes in all. No white space is allowed: files are
// trimmed where they are read, and what a peer sends is judged as it came.
package compat
