package engine

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// parseHost reads OLLAMA_HOST as Ollama does: host, host:port or URL, port 11434
// unless a scheme is written. An address to listen on is one to call on loopback.
func parseHost(s string) (*url.URL, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		s = "127.0.0.1"
	}
	port := "11434"
	scheme, rest, written := strings.Cut(s, "://")
	if !written {
		scheme, rest = "http", s
	} else if scheme == "http" {
		port = "80"
	} else if scheme == "https" {
		port = "443"
	} else {
		return nil, fmt.Errorf("ollama host %q: scheme is neither http nor https", s)
	}
	authority, path, _ := strings.Cut(rest, "/")
	host, p, err := net.SplitHostPort(authority)
	if err != nil {
		host = strings.Trim(authority, "[]")
	} else if p != "" {
		port = p
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	u, err := url.Parse(scheme + "://" + net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("ollama host %q: %w", s, err)
	}
	if path != "" {
		u.Path = "/" + strings.TrimSuffix(path, "/")
	}
	return u, nil
}

// localClient reaches addresses of this machine and of its local network, and no
// other, whatever a name resolves to; it follows no redirect and no proxy.
func localClient() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: onlyLocal}
	return &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}, CheckRedirect: noRedirect}
}

// onlyLocal looks at the address that is about to be called.
func onlyLocal(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrRemoteHost, address)
	}
	ip := at.Addr().Unmap()
	if ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrRemoteHost, ip)
}

func noRedirect(*http.Request, []*http.Request) error {
	return errors.New("the engine redirects elsewhere")
}
