package service

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// notifyTimeout bounds how long a service manager may keep us waiting.
const notifyTimeout = time.Second

// maxStatus bounds the status line, in bytes.
const maxStatus = 256

// Notifier tells a service manager how we are, as sd_notify(3) does. A nil
// Notifier tells nobody. Its methods may be called from many goroutines.
type Notifier struct {
	conn     *net.UnixConn
	watchdog time.Duration
}

// NewNotifier connects to the service manager that the environment names in
// NOTIFY_SOCKET; nil if it names none. The environment stays as it is: what the
// agent starts gets one of its own.
func NewNotifier(getenv func(string) string, pid int) (*Notifier, error) {
	address := getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil, nil
	}
	if address[0] != '/' && address[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET is %q, want a path or an abstract name", address)
	}
	// package net takes the leading @ for the abstract namespace, as systemd does.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("service manager: %w", err)
	}
	n := &Notifier{conn: conn}
	if n.watchdog, err = watchdog(getenv, pid); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return n, nil
}

// watchdog reads sd_watchdog_enabled(3): how often we must be heard, 0 if nobody waits.
func watchdog(getenv func(string) string, pid int) (time.Duration, error) {
	text := getenv("WATCHDOG_USEC")
	if text == "" {
		return 0, nil
	}
	if of := getenv("WATCHDOG_PID"); of != "" && of != strconv.Itoa(pid) {
		return 0, nil // another process is meant
	}
	usec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || usec <= 0 || usec > int64(1<<62/time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC is %q, want a number of microseconds", text)
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// Watchdog returns within what time the service manager must hear us again; 0 if
// it does not wait.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Ready says that the start, or a reload, has ended.
func (n *Notifier) Ready(status string) error { return n.tell("READY=1\n" + statusLine(status)) }

// Reloading says that the configuration is being read again; Ready ends it.
func (n *Notifier) Reloading() error {
	now, err := monotonic()
	if err != nil {
		return err
	}
	return n.tell("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Microseconds(), 10))
}

// Stopping says that we end by intent.
func (n *Notifier) Stopping() error { return n.tell("STOPPING=1\n" + statusLine("stopping")) }

// Status gives one line on how we are, for systemctl status.
func (n *Notifier) Status(text string) error { return n.tell(statusLine(text)) }

// Feed says that all is well, for the watchdog.
func (n *Notifier) Feed() error { return n.tell("WATCHDOG=1") }

// Close ends the connection.
func (n *Notifier) Close() error {
	if n == nil {
		return nil
	}
	return n.conn.Close()
}

func (n *Notifier) tell(state string) error {
	if n == nil {
		return nil
	}
	err := n.conn.SetWriteDeadline(time.Now().Add(notifyTimeout))
	if err == nil {
		_, err = n.conn.Write([]byte(state))
	}
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	return nil
}

// statusLine is one assignment, whatever the text.
func statusLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text[:min(len(text), maxStatus)])
	return "STATUS=" + strings.ToValidUTF8(text, "")
}
