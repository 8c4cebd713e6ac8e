package node

import (
	"context"

	"savoirs/rag"
)

// between runs work while no question is being answered, and ends its context as
// soon as one is asked: a rag.Turn.
func (q *questions) between(ctx context.Context, work func(context.Context) error) error {
	if err := q.wait(ctx); err != nil {
		return err
	}
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	give := func() { stop(rag.ErrYielded) }
	q.mu.Lock()
	if q.give = give; q.open > 0 {
		give()
	}
	q.mu.Unlock()
	err := work(working)
	q.mu.Lock()
	q.give = nil
	q.mu.Unlock()
	if err != nil && ctx.Err() == nil && context.Cause(working) == rag.ErrYielded {
		return rag.ErrYielded
	}
	return err
}
