// Package config turns the agent's TOML file into a [Config] whose every value
// is known to be in range, or into the complete list of what is wrong with it.
//
// The way is: text → settings with positions (scan.go) → one table of keys that
// says what each accepts and where it goes (keys.go) → checks that need more
// than one key (check.go). The same table suggests the key that was meant,
// prints the effective configuration (render.go) and is compared with the
// sample that ships (sample.toml), so a key cannot exist in one place only.
//
// Reading is strict. An unknown key is refused, because a mistyped
// "intervall" that silently leaves the default in force is found only when a
// failover fails. Every [Problem] says file:line:column, the key, the value and
// what would be accepted, and all of them come at once.
//
// [Pins] is the other file an administrator may edit: the fingerprints of the
// keys a Socket believes, one a line.
package config
