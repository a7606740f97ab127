package config

import (
	"slices"
	"testing"
	"time"
)

func TestChanged(t *testing.T) {
	a, b := Default(), Default()
	if got := Changed(a, b); len(got) != 0 {
		t.Errorf("two equal ones differ in %v", got)
	}
	b.Alarm.RaiseAfter = time.Minute
	b.Pair.Models = []string{"x", "y"}
	if got := Changed(a, b); !slices.Equal(got, []string{"pair.models", "alarm.raise_after"}) {
		t.Errorf("%v", got)
	}
}
