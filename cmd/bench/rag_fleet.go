package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"savoirs/node"
	"savoirs/rag"
)

// fleet is nodes of one process on the loopback. One goroutine starts and closes them.
type fleet struct {
	dir    string
	vector rag.Embedder
	nodes  []*node.Node
	stops  []context.CancelFunc
	all    sync.WaitGroup
	shelf  int
}

// start runs a node that asks k others, none if k is 0.
func (f *fleet) start(ctx context.Context, k int) (*node.Node, error) {
	dir := filepath.Join(f.dir, fmt.Sprint("node", len(f.nodes)))
	if _, err := node.Init(dir); err != nil {
		return nil, err
	}
	n, err := node.Open(ctx, node.Options{
		Dir: dir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, OllamaHost: "none", Embedder: f.vector, AskOthers: k > 0, AskMost: k,
		Pace: time.Second, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	f.nodes, f.stops = append(f.nodes, n), append(f.stops, stop)
	f.all.Go(func() { n.Run(running) })
	return n, nil
}

func (f *fleet) close() error {
	for _, stop := range f.stops {
		stop()
	}
	f.all.Wait()
	var errs []error
	for _, n := range f.nodes {
		errs = append(errs, n.Close())
	}
	return errors.Join(errs...)
}

// shelve gives a node documents, a page each, named by their ids.
func (f *fleet) shelve(ctx context.Context, n *node.Node, docs []rag.CollectionText, publish bool) error {
	f.shelf++
	dir := filepath.Join(f.dir, fmt.Sprint("shelf", f.shelf))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range docs {
		page := "<!doctype html><html lang=\"fr\"><head><title>" + html.EscapeString(d.Title) + "</title></head><body><p>" + html.EscapeString(d.Text) + "</p></body></html>\n"
		if err := os.WriteFile(filepath.Join(dir, d.ID+".html"), []byte(page), 0o600); err != nil {
			return err
		}
	}
	item, err := n.Add(ctx, dir, node.AddOptions{}, nil)
	if err == nil && publish {
		_, err = n.Publish(ctx, item.Ref, node.PublishOptions{})
	}
	return err
}

// settle waits until all passages have vectors and those who ask know of them.
func (f *fleet) settle(ctx context.Context, askers []*node.Node, sets int) error {
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	for {
		ready := true
		for _, n := range f.nodes {
			st, err := n.Status(ctx)
			if err != nil {
				return err
			}
			ready = ready && st.Embedded == st.Passages
		}
		for _, a := range askers {
			known, err := a.LearnCodes(ctx)
			if err != nil {
				return err
			}
			ready = ready && known == sets
		}
		if ready {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}
