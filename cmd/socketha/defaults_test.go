package main

import (
	"testing"

	"socketha/agent/config"
	"socketha/platform/appliance"
)

// The configuration and the reader of the appliance's files know nothing of
// each other, but their defaults are the same.
func TestDefaultPathsAgree(t *testing.T) {
	if got, want := appliance.Paths(config.Default().Appliance), appliance.DefaultPaths(); got != want {
		t.Errorf("the configuration has %+v, the reader %+v", got, want)
	}
}
