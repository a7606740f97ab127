package config

import _ "embed"

// Sample is the configuration that ships: every key, with what it is for and
// its default. A test keeps it parsable and complete.
//
//go:embed sample.toml
var Sample string
