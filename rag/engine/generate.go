package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ollama/ollama/api"

	"savoirs/rag"
)

// smallModel is the number of weights below which a model keeps to one or two
// short passages and mixes up more.
const smallModel = 1_500_000_000

// A generator answers with one model.
type generator struct {
	engine *Engine
	model  entry
}

// Generator returns the model of that name for writing text; with no name the
// preferred one, else the largest that fits in memory, one without an adapter
// first. Errors: ErrNoModel, ErrRemoteModel, ErrEngineDied.
//
// The same prompt gives the same text: the most likely word is always taken.
// Generate returns ErrEngineDied when the engine ends before the text does; what
// was emitted until then stands.
func (e *Engine) Generator(ctx context.Context, name string) (rag.Generator, Model, error) {
	limit := memory() / 4 * 3
	chats := func(m entry) bool { return m.Chats }
	better := func(a, b entry) int {
		fits := func(m entry) int {
			if e.kind == KindEmbedded && limit > 0 && m.Size > limit {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(fits(a), fits(b)), cmp.Compare(len(a.Adapter), len(b.Adapter)), cmp.Compare(b.Size, a.Size))
	}
	m, err := e.pick(ctx, name, e.opts.Chat, chats, better)
	if err != nil {
		return nil, Model{}, fmt.Errorf("model for answers: %w", err)
	}
	return &generator{e, m}, m.Model, nil
}

// Model is the model's ID.
func (g *generator) Model() string { return g.model.ID() }

// Small tells that the model should be given one or two short passages at most.
func (g *generator) Small() bool { return g.model.weights < smallModel }

func (g *generator) Generate(ctx context.Context, p rag.Prompt, emit func(string) error) error {
	messages := []api.Message{{Role: "user", Content: p.User}}
	if p.System != "" {
		messages = []api.Message{{Role: "system", Content: p.System}, messages[0]}
	}
	options := g.engine.options()
	options["temperature"] = 0
	if p.MaxTokens > 0 {
		options["num_predict"] = p.MaxTokens
	}
	if len(p.Stop) > 0 {
		options["stop"] = p.Stop
	}
	request := &api.ChatRequest{Model: g.model.Name, Messages: messages, Options: options}
	if g.model.thinks {
		request.Think = &api.ThinkValue{Value: false}
	}
	g.engine.answering.Add(1)
	defer g.engine.answering.Add(-1)
	if err := g.engine.chat(ctx, request, emit); err != nil {
		return fmt.Errorf("generate with %s: %w", g.model.Name, err)
	}
	return nil
}

var errSilent = errors.New("the engine says nothing more")

// chat streams one answer. It must end with the engine's own word that it is done:
// a stream cut short looks like an end to the client.
func (e *Engine) chat(ctx context.Context, request *api.ChatRequest, emit func(string) error) error {
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(loadTimeout, func() { cancel(errSilent) })
	defer silence.Stop()

	var refused error // by emit
	done := false
	err := e.client.Chat(watched, request, func(r api.ChatResponse) error {
		silence.Reset(wordTimeout)
		if r.RemoteModel != "" || r.RemoteHost != "" {
			return ErrRemoteModel
		}
		done = done || r.Done
		if r.Message.Content != "" {
			refused = emit(r.Message.Content)
		}
		return refused
	})
	switch {
	case refused != nil:
		return refused
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case watched.Err() != nil:
		return fmt.Errorf("%w: %w", ErrEngineDied, context.Cause(watched))
	case err != nil:
		return died(ctx, err)
	case !done:
		return fmt.Errorf("%w: the answer stops in the middle", ErrEngineDied)
	}
	return nil
}
