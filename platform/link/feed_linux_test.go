package link

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"socketha/scripts/nstest"
)

// A list that changed while it was made has holes, and comes with an error.
func TestInterruptedListIsAskedForAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		interrupted int
		then        error
		calls       int
		want        error
	}{
		"not interrupted":   {0, nil, 1, nil},
		"interrupted twice": {2, nil, 3, nil},
		"without an end":    {1000, nil, dumpTries, nl.ErrDumpInterrupted},
		"another error":     {1, unix.ENOMEM, 2, unix.ENOMEM},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			answers, err := whole(func() ([][]byte, error) {
				calls++
				if calls <= tc.interrupted {
					return [][]byte{{1}}, nl.ErrDumpInterrupted
				}
				return [][]byte{{1}, {2}}, tc.then
			})
			if calls != tc.calls || !errors.Is(err, tc.want) || err == nil && len(answers) != 2 {
				t.Errorf("%d calls, %d answers, error %v, want %d calls, error %v", calls, len(answers), err, tc.calls, tc.want)
			}
		})
	}
}

// Only the kernel is believed, not another process that sends to our socket.
func TestNetnsForgedMessageIsIgnored(t *testing.T) {
	ns := nstest.New(t)
	err := ns.Do(func() error {
		f, err := openFeed(receiveBuffer)
		if err != nil {
			return err
		}
		defer f.close()
		port, err := f.(*kernel).events.GetPid()
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		forged := nl.NewNetlinkRequest(unix.RTM_DELLINK, 0)
		forged.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port}
		if err := unix.Sendto(fd, forged.Serialize(), 0, to); err != nil {
			return err
		}
		messages, err := f.wait(reconcileEvery) // ends when the forged one is read
		if len(messages) != 0 {
			t.Errorf("believed %v", messages)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
