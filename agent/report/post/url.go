package post

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// maxURL bounds the text of a URL, in bytes.
const maxURL = 1024

// Target is where to send to.
type Target struct {
	url  *url.URL
	name string // for the certificate
	addr string // to dial, with port
}

// ParseTarget reads a URL: https, a host, and nothing that has no place in it. The
// errors quote nothing.
func ParseTarget(s string) (*Target, error) {
	if len(s) > maxURL {
		return nil, fmt.Errorf("%d bytes, accepted: %d", len(s), maxURL)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("a character that is not plain ASCII")
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "https":
		return nil, errors.New("not https")
	case u.Hostname() == "":
		return nil, errors.New("no host")
	case u.User != nil:
		return nil, errors.New("a user or password: the certificate tells who we are")
	case u.Fragment != "" || strings.Contains(s, "#"):
		return nil, errors.New("a fragment")
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, errors.New("the port is not in 1 to 65535")
	}
	return &Target{url: u, name: u.Hostname(), addr: net.JoinHostPort(u.Hostname(), port)}, nil
}

// String returns the URL.
func (t *Target) String() string { return t.url.String() }
