package speaker

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestKernelAlarm rings when it begins to watch, then once for each time it is set, never early, also when it was set
// anew before it rang, and falls silent when it is stopped.
func TestKernelAlarm(t *testing.T) {
	rings := make(chan time.Time, 100)
	k, err := newKernelAlarm(func() { rings <- time.Now() })
	if err != nil {
		t.Fatal(err)
	}
	<-rings // that it watches
	for i := range 1000 {
		after := time.Duration(i%20) * 10 * time.Microsecond // sometimes before the watcher is back
		k.set(time.Hour)                                     // replaced before its time
		at := time.Now()
		k.set(after)
		if early := at.Add(after).Sub(<-rings); early > 0 {
			t.Errorf("%v too early", early)
		}
	}
	k.set(-time.Second) // overdue already: at once, and not never
	<-rings
	if len(rings) != 0 {
		t.Errorf("%d rings too many", len(rings))
	}
	k.stop()
	k.set(1)
}

// TestKernelAlarmStops: nothing of it is left.
func TestKernelAlarmStops(t *testing.T) {
	k, err := newKernelAlarm(func() {})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		k.watch(func() {})
		close(ended)
	}()
	k.stop()
	<-ended
}

// TestAlarmChosen: the kernel's timer is used, except where time is not the kernel's.
func TestAlarmChosen(t *testing.T) {
	a := newAlarm(func() {})
	if _, ok := a.(*kernelAlarm); !ok {
		t.Errorf("%T", a)
	}
	a.stop()
	synctest.Test(t, func(t *testing.T) {
		a := newAlarm(func() {})
		if _, ok := a.(goAlarm); !ok {
			t.Errorf("%T in a bubble, where it would never ring", a)
		}
		a.stop()
	})
}
