package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"savoirs/node"
	"savoirs/node/api"
	"savoirs/node/web"
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
		"http", "listen", "mdns", "peers", "territory", "name", "ollama-host", "engine", "chat", "embed", "ask-others", "free-floor", "log",
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
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // a board has little memory, and a node makes little garbage
	}
	auto := slog.LevelInfo
	if s.errTTY {
		auto = slog.LevelWarn // a person who watches is told in words
	}
	log := s.logger(auto)
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

	g, ctx := errgroup.WithContext(ctx)
	work := func(f func(context.Context)) { g.Go(func() error { f(ctx); return nil }) }
	pages := web.Handler(n, web.Options{Lang: s.set.Lang, Log: log, Work: work})
	server := &http.Server{
		Handler:           api.Handler(n, api.HandlerOptions{Addr: "http://" + home, Hosts: ownNames(), Web: pages, Log: log}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	g.Go(func() error { return giveBack(ctx) })
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

// ownNames are what neighbours on the link may call this machine by.
func ownNames() []string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return nil
	}
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	return []string{name, name + ".local"}
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
