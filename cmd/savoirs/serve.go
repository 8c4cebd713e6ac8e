package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"savoirs/node"
	"savoirs/node/api"
	"savoirs/node/web"
	"savoirs/rag/engine"
)

func serveCmd(s *shell) *cobra.Command {
	var local bool
	c := s.command("serve", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		if local {
			s.set.Listen, s.set.MDNS = stayHome(s.set.Listen, s.set.flags.Lookup("listen").Changed), false
		}
		return s.serve(cmd.Context())
	})
	c.Flags().BoolVar(&local, "local", false, s.say("flag.local"))
	for _, name := range []string{
		"http", "listen", "mdns", "peers", "territory", "name", "ollama-host", "engine", "chat", "embed", "free-floor", "log",
	} {
		c.Flags().AddFlag(s.set.flags.Lookup(name))
	}
	return c
}

// stayHome is where a node listens that must not be seen outside this machine:
// where it was told on the command line, else on free ports of the loopback.
func stayHome(listen []string, told bool) []string {
	if told {
		return listen
	}
	return []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}
}

// serve runs a node until ctx ends.
func (s *shell) serve(ctx context.Context) (err error) {
	log := s.logger()
	n, err := node.Open(ctx, s.nodeOptions(log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	ln, err := listen(s.set.HTTP)
	if err != nil {
		return err
	}
	home := dialable(ln.Addr())
	address := filepath.Join(s.set.Data, addressFile)
	if err := os.WriteFile(address, []byte(home+"\n"), 0o600); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", address, err), ln.Close())
	}
	defer os.Remove(address)

	pages := web.Handler(n, web.Options{Lang: s.set.Lang, Log: log})
	server := &http.Server{
		Handler:           api.Handler(n, api.HandlerOptions{Addr: "http://" + home, Web: pages, Log: log}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.Run(ctx) })
	g.Go(func() error {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		return stop(server)
	})
	if err := s.ready(ctx, n, home); err != nil {
		log.Warn("say that the node is ready", "err", err)
	}
	err = g.Wait()
	notify(s.places.env("NOTIFY_SOCKET"), "STOPPING=1")
	s.tell("say.serve.stopped")
	return err
}

// stop lets answers under way end within a few seconds.
func stop(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close()
	}
	return nil
}

func (s *shell) nodeOptions(log *slog.Logger) node.Options {
	self := executable()
	o := node.Options{
		Dir: s.set.Data, Version: version, Territory: s.set.Territory, Name: s.set.Name, Lang: s.set.Lang,
		Listen: s.set.Listen, MDNS: s.set.MDNS, Static: s.set.Peers,
		Chat: s.set.Chat, Embed: s.set.Embed,
		PDF: []string{self, pdfChild}, FreeFloor: int64(s.set.FreeFloor), Log: log,
	}
	o.OllamaHost, o.Engine = s.engine(self)
	return o
}

// executable is this binary, which starts itself for its children.
func executable() string {
	self, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return self
}

// engine is the Ollama to look for and the command of the embedded engine.
func (s *shell) engine(self string) (host string, command []string) {
	switch {
	case s.set.Engine == "none":
		return "none", nil
	case engine.Embedded:
		return s.set.OllamaHost, []string{self, "engine"}
	}
	return s.set.OllamaHost, nil
}

// logger writes to err, as much as the settings and -q or -v want. A person who
// watches is told what happens in words, so that the log keeps to warnings.
func (s *shell) logger() *slog.Logger {
	var level slog.Level
	switch {
	case s.verbose:
		level = slog.LevelDebug
	case s.quiet:
		level = slog.LevelError
	case s.set.Log == "auto" && s.errTTY:
		level = slog.LevelWarn
	case s.set.Log == "auto":
		level = slog.LevelInfo
	default:
		level.UnmarshalText([]byte(s.set.Log)) // one of the levels: settings.check said so
	}
	return slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
}

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
