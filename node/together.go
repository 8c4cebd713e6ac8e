package node

import (
	"context"
	"fmt"
	"sync"

	"savoirs/rag"
)

// together are the answers being made. Who asks for one that is under way is told the same events from the first, at
// their own pace, and the model writes once. The zero value is empty.
type together struct {
	mu    sync.Mutex // guards under and what changes of those in it
	under map[string]*shared
}

// shared is an answer being made for all who listen. It goes on while anyone does, whoever asked first.
type shared struct {
	events    []rag.Event   // so far; those in it do not change
	more      chan struct{} // closed, with another put in its place, when there are more events or the end
	listeners int
	ended     bool
	answer    rag.Answer
	err       error

	cancel context.CancelFunc
	done   chan struct{} // closed when nothing runs for it any more
}

// maker makes an answer and tells of it as Ask does.
type maker func(ctx context.Context, emit func(rag.Event) error) (rag.Answer, error)

// answer has the answer named key made, unless that is under way, and passes what is told of it to emit. When ctx ends
// or emit fails this caller leaves with the error, and nobody else is concerned; the last to leave ends the making and
// waits until it has ended.
func (g *together) answer(ctx context.Context, key string, write maker, emit func(rag.Event) error) (rag.Answer, error) {
	s := g.join(ctx, key, write)
	defer g.leave(key, s)
	for told := 0; ; {
		g.mu.Lock()
		events, more, ended := s.events[told:], s.more, s.ended
		g.mu.Unlock()
		for _, e := range events {
			if err := ctx.Err(); err != nil {
				return rag.Answer{}, fmt.Errorf("answer together: %w", err)
			}
			if err := emit(e); err != nil {
				return rag.Answer{}, err
			}
		}
		if told += len(events); ended {
			return s.answer, s.err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return rag.Answer{}, fmt.Errorf("answer together: %w", ctx.Err())
		}
	}
}

// join counts a listener in.
func (g *together) join(ctx context.Context, key string, write maker) *shared {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.under[key]; s != nil {
		s.listeners++
		return s
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // whoever asked first may leave first
	s := &shared{more: make(chan struct{}), listeners: 1, cancel: cancel, done: make(chan struct{})}
	if g.under == nil {
		g.under = map[string]*shared{}
	}
	g.under[key] = s
	go g.run(ctx, key, s, write) // the last listener waits for it
	return s
}

func (g *together) run(ctx context.Context, key string, s *shared, write maker) {
	defer close(s.done)
	answer, err := write(ctx, func(e rag.Event) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		s.events = append(s.events, e)
		s.tell()
		return ctx.Err()
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	s.answer, s.err, s.ended = answer, err, true
	g.forget(key, s)
	s.tell()
}

// leave counts a listener out.
func (g *together) leave(key string, s *shared) {
	g.mu.Lock()
	s.listeners--
	last := s.listeners == 0
	if last {
		g.forget(key, s) // whoever comes now has it made anew
	}
	g.mu.Unlock()
	if last {
		s.cancel()
		<-s.done
	}
}

// forget lets no more listeners join s. The caller holds mu.
func (g *together) forget(key string, s *shared) {
	if g.under[key] == s {
		delete(g.under, key)
	}
}

// tell wakes the listeners. The caller holds the lock.
func (s *shared) tell() {
	close(s.more)
	s.more = make(chan struct{})
}
