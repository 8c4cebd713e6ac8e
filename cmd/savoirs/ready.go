package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"savoirs/node"
)

// listen opens the address of the page.
func listen(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, newFault("http_busy", exitFailure, "addr", addr)
	}
	if err != nil {
		return nil, usageError("bad_http", "addr", addr, "problem", err.Error())
	}
	return ln, nil
}

// dialable is the address by which this machine reaches a listener.
func dialable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
}

// ready tells a person, a program and the service manager that the node
// answers, where, and who can see it.
func (s *shell) ready(ctx context.Context, n *node.Node, home string) error {
	notify(s.places.env("NOTIFY_SOCKET"), "READY=1")
	st, err := n.Status(ctx)
	if err != nil {
		return err
	}
	st.HTTP = "http://" + home
	if s.json {
		return s.object(st)
	}
	name := st.Name
	if name == "" {
		name = st.ID
	}
	s.tell("say.serve.ready", "name", name)
	s.tell("say.serve.page", "url", st.HTTP)
	switch {
	case st.Loopback:
		s.tell("say.serve.local")
	case st.MDNS:
		s.tell("say.serve.lan")
	default:
		s.tell("say.serve.lan_quiet")
	}
	if st.Rebuilt {
		s.tell("say.serve.rebuilt")
	}
	if st.Items == 0 {
		s.tell("say.serve.empty")
	} else {
		s.tell("say.serve.next")
	}
	return nil
}

// notify tells systemd the state of a Type=notify service; without one it does
// nothing. The service works without, so an error has no consequence.
func notify(socket, state string) {
	if socket == "" {
		return
	}
	c, err := net.Dial("unixgram", socket)
	if err != nil {
		return
	}
	defer c.Close()
	io.WriteString(c, state)
}
