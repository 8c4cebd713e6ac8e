package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"

	"github.com/ollama/ollama/api"

	"savoirs/rag"
	"savoirs/rag/engine"
)

// bareEngine calls the engine as any program would, with nothing of ours between.
type bareEngine struct {
	client  *api.Client
	model   string
	options map[string]any
}

// openBare finds the engine that was opened with o, and its model that embeds.
func openBare(ctx context.Context, kind string, o engine.Options) (*bareEngine, error) {
	b := &bareEngine{options: map[string]any{}}
	if kind == engine.KindOllama {
		base, err := url.Parse(o.Host)
		if err != nil {
			return nil, err
		}
		b.client = api.NewClient(base, http.DefaultClient)
	} else {
		socket := filepath.Join(o.Dir, "engine.sock")
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
		b.client = api.NewClient(&url.URL{Scheme: "http", Host: "localhost"}, &http.Client{Transport: &http.Transport{DialContext: dial}})
		b.options["num_thread"] = max(1, runtime.NumCPU()-1) // as we ask: for another number the model is loaded anew
	}
	all, err := b.client.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the bare engine: %w", err)
	}
	for _, m := range all.Models {
		show, err := b.client.Show(ctx, &api.ShowRequest{Model: m.Name})
		if err != nil {
			return nil, err
		}
		for _, c := range show.Capabilities {
			if c == "embedding" {
				b.model = m.Name
			}
		}
	}
	return b, nil
}

// embed makes the vectors of some texts and forgets them.
func (b *bareEngine) embed(ctx context.Context, as rag.Role, texts []string) error {
	input := make([]string, len(texts))
	for i, t := range texts {
		input[i] = string(as) + ": " + t
	}
	_, err := b.client.Embed(ctx, &api.EmbedRequest{Model: b.model, Input: input, Options: b.options})
	return err
}
