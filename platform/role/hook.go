package role

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

const (
	lookHookEvery = time.Second     // at a hook's file
	runHookEvery  = 2 * time.Second // a hook's command
	maxHook       = 4096            // bytes of a hook's output or file

	exitActive  = 0
	exitStandby = 3 // as systemctl is-active: does not run
)

// newHook makes the source that the integrator writes.
func newHook(cfg Hook) source {
	if cfg.File == "" {
		return &poller{every: runHookEvery, close: func() {}, ask: func(ctx context.Context) report {
			out, code, err := runCommand(ctx, cfg.Command, maxHook)
			return judgeCommand(out, code, err)
		}}
	}
	var age freshness
	return &poller{every: lookHookEvery, close: func() {}, ask: func(context.Context) report {
		word, mark, err := readHook(cfg.File)
		if err != nil {
			return judgeHookError(cfg.File, err)
		}
		now := time.Now()
		if !age.observe(now, mark, cfg.MaxAge) {
			return silence("%s was not touched for %v", cfg.File, cfg.MaxAge)
		}
		return judgeWord("the hook file", word)
	}}
}

func judgeHookError(path string, err error) report {
	if errors.Is(err, fs.ErrNotExist) {
		return absence("%s does not exist", path)
	}
	return silence("the hook file cannot be read: %v", err)
}

// readHook returns what the file holds, and when it was written.
func readHook(path string) (data []byte, written time.Time, err error) {
	f, err := openKind(path, 0)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	data, err = io.ReadAll(io.LimitReader(f, maxHook))
	return data, info.ModTime(), err
}

// judgeWord says what a hook's first word means.
func judgeWord(who string, data []byte) report {
	var word string
	if words := bytes.Fields(data); len(words) > 0 {
		word = string(words[0])
	}
	for _, ha := range []HA{Active, Standby, Unknown} {
		if word == ha.String() {
			return answer(ha, "%s says %s", who, word)
		}
	}
	return silence("%s says %s: the words are active, standby and unknown", who, quote(word))
}

// judgeCommand says what the end of a hook's command means.
func judgeCommand(out []byte, code int, err error) report {
	const who = "the hook command"
	mute := len(bytes.TrimSpace(out)) == 0
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absence("%s does not exist: %v", who, err)
	case err != nil && (!errors.Is(err, errExit) || code != exitStandby || !mute):
		return failure(who, err)
	case !mute:
		return judgeWord(who, out)
	case code == exitStandby:
		return answer(Standby, "%s ended with exit code %d", who, code)
	}
	return answer(Active, "%s ended with exit code %d", who, exitActive)
}

// freshness tells how old a file is without trusting the wall clock further than once:
// a clock that is set makes no file old and no file new. It reads no clock.
type freshness struct {
	mark  time.Time // as the file system has it
	until time.Time // until when it is fresh, monotonic
}

// observe takes the time of modification seen at now and reports whether the file is
// fresh.
func (f *freshness) observe(now, written time.Time, limit time.Duration) bool {
	switch {
	case f.until.IsZero():
		// Only the wall clock can tell how old it was when it was first seen; what
		// cannot be waits until it is touched.
		f.until = now
		if age := now.Round(0).Sub(written); age >= 0 && age < limit {
			f.until = now.Add(limit - age)
		}
	case !written.Equal(f.mark):
		f.until = now.Add(limit)
	}
	f.mark = written
	return now.Before(f.until)
}
