package rig

import (
	"fmt"
	"slices"
	"testing"

	"socketha/scripts/nstest"
)

// stage is a testing.TB without a test, so that the namespaces of package nstest
// serve here too. Only what that package calls is there; anything else would
// meet the nil TB.
type stage struct {
	testing.TB

	cleanups []func()
	errs     []error
}

// failure is what ends the function that called Fatalf.
type failure struct{ error }

func (s *stage) Helper()          {}
func (s *stage) Name() string     { return "bench" }
func (s *stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *stage) Errorf(format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf(format, args...))
}

func (s *stage) Fatal(args ...any)                 { panic(failure{fmt.Errorf("%s", fmt.Sprint(args...))}) }
func (s *stage) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }
func (s *stage) Skipf(format string, args ...any)  { s.Fatalf(format, args...) }

// try calls fn, which may use s, and returns what it failed with.
func (s *stage) try(fn func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r.error
		default:
			panic(r)
		}
	}()
	fn()
	return nil
}

// end does what was left to be done, the latest first.
func (s *stage) end() {
	for _, clean := range slices.Backward(s.cleanups) {
		clean()
	}
	s.cleanups = nil
}

// thread runs functions on one thread inside a namespace. It has the priority of
// an ordinary process even if we are faster, and so has what is started there.
// A process started there is killed when the thread ends.
type thread struct {
	jobs chan func()
	done <-chan error
}

func newThread(ns *nstest.NS) *thread {
	t := &thread{jobs: make(chan func())}
	t.done = ns.Go(func() error {
		err := ordinary()
		for job := range t.jobs {
			job()
		}
		return err
	})
	return t
}

// do runs fn there and returns its error.
func (t *thread) do(fn func() error) error {
	result := make(chan error, 1)
	t.jobs <- func() { result <- fn() }
	return <-result
}

func (t *thread) end() error {
	close(t.jobs)
	return <-t.done
}
