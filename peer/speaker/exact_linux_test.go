package speaker

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestKernelClock: the kernel's clock is there, is not early, and is left alone where time
// is not the kernel's.
func TestKernelClock(t *testing.T) {
	c := kernelClock()
	if c.sleep == nil {
		t.Fatal("none outside of a bubble")
	}
	at := c.now().Add(2 * lookEvery)
	c.sleepUntil(at, func() bool { return false })
	if early := time.Until(at); early > 0 {
		t.Errorf("%v too early", early)
	}
	synctest.Test(t, func(t *testing.T) {
		if kernelClock().sleep != nil {
			t.Error("there is one in a bubble, whose time would stand still")
		}
	})
}
