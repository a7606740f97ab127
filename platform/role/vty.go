package role

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// maxAnswer bounds what vrrpd may answer, in bytes: 250 virtual routers.
const maxAnswer = 256 << 10

// vty asks an FRR daemon by its vty socket as vtysh does (lib/vty.c,
// vtysh_read): a command ends with a zero byte, its answer with three and a status byte. The
// connection is kept.
type vty struct {
	path string
	conn net.Conn
	buf  []byte
}

var (
	errTooLong = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	errCommand = errors.New("the command failed")
)

// query sends a command and returns its answer, valid until the next query.
func (v *vty) query(ctx context.Context, command string) ([]byte, error) {
	kept := v.conn != nil
	out, err := v.try(ctx, command)
	if err != nil && v.conn == nil && kept && ctx.Err() == nil && !errors.Is(err, errTooLong) {
		out, err = v.try(ctx, command) // the daemon was restarted since
	}
	return out, err
}

func (v *vty) try(ctx context.Context, command string) ([]byte, error) {
	if v.conn == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", v.path)
		if err != nil {
			return nil, err
		}
		v.conn = conn
	}
	end := closeOnCancel(ctx, v.conn)
	out, err := v.exchange(ctx, command)
	end()
	if err != nil && !errors.Is(err, errCommand) {
		v.close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	return out, err
}

// closeOnCancel makes reads and writes end with ctx, until end is called.
func closeOnCancel(ctx context.Context, conn net.Conn) (end func()) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

func (v *vty) exchange(ctx context.Context, command string) ([]byte, error) {
	if _, err := io.WriteString(v.conn, command+"\x00"); err != nil {
		return nil, err
	}
	v.buf = v.buf[:0]
	for ctx.Err() == nil {
		if len(v.buf) == cap(v.buf) {
			v.buf = append(v.buf, make([]byte, 4096)...)[:len(v.buf)]
		}
		n, err := v.conn.Read(v.buf[len(v.buf):cap(v.buf)])
		v.buf = v.buf[:len(v.buf)+n]
		if out, status, ok := vtyAnswer(v.buf); ok {
			if status != 0 {
				return nil, fmt.Errorf("%w with status %d: %s", errCommand, status, quote(string(out)))
			}
			return out, nil
		}
		switch {
		case err != nil:
			return nil, err
		case len(v.buf) > maxAnswer:
			return nil, errTooLong
		}
	}
	return nil, ctx.Err()
}

func (v *vty) close() {
	if v.conn != nil {
		_ = v.conn.Close()
		v.conn = nil
	}
}

// vtyAnswer returns an answer that is complete, with its status (0 is success).
func vtyAnswer(data []byte) (out []byte, status byte, ok bool) {
	end := len(data) - 4
	if end < 0 || !bytes.HasPrefix(data[end:], []byte{0, 0, 0}) {
		return nil, 0, false
	}
	return data[:end], data[end+3], true
}
