package config

import (
	"time"

	"socketha/agent/alarm"
)

// alarmKeys are the rows of the knobs of the alarm (contract section 3).
var alarmKeys = []key{
	alarmKey("alarm.raise_after", "an alarm is raised for what has stood this long",
		func(c *alarm.Config) *time.Duration { return &c.RaiseAfter }, alarm.MinDelay),
	alarmKey("alarm.disconnected_after", "likewise, for a Socket without its cloud",
		func(c *alarm.Config) *time.Duration { return &c.DisconnectedAfter }, alarm.MinDelay),
	alarmKey("alarm.clear_after", "it is over after this long without a break of readiness",
		func(c *alarm.Config) *time.Duration { return &c.ClearAfter }, alarm.MinDelay),
	alarmKey("alarm.reopen_within", "what returns within this time is the same alarm",
		func(c *alarm.Config) *time.Duration { return &c.ReopenWithin }, 0),
	alarmKey("alarm.upgrade_hold", "a declared upgrade holds the alarm back for this long",
		func(c *alarm.Config) *time.Duration { return &c.UpgradeHold }, alarm.MinDelay),
	alarmKey("alarm.failover_hold", "a declared failover does for this long",
		func(c *alarm.Config) *time.Duration { return &c.FailoverHold }, alarm.MinDelay),
}

func alarmKey(name, doc string, field func(*alarm.Config) *time.Duration, shortest time.Duration) key {
	accepts := `"1s" to "168h"`
	if shortest == 0 {
		accepts = `"0s" to "168h"`
	}
	return key{
		name: name, doc: doc, accepts: accepts,
		set: text(func(c *Config, s string) error { return setLength(field(&c.Alarm), s, shortest, alarm.MaxDelay) }),
		get: func(c *Config) string { return quoted(duration(*field(&c.Alarm))) },
	}
}
