//go:build !linux

package speaker

func newAlarm(ring func()) alarm { return newGoAlarm(ring) }
