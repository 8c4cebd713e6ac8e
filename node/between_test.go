package node

import (
	"context"
	"errors"
	"testing"

	"savoirs/rag"
)

func TestWorkInTheBackgroundEndsWhenAQuestionIsAsked(t *testing.T) {
	var q questions
	working, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- q.between(t.Context(), func(ctx context.Context) error {
			close(working)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	<-working
	answered := q.begin()
	if err := <-ended; !errors.Is(err, rag.ErrYielded) {
		t.Errorf("between returned %v", err)
	}
	again := make(chan struct{})
	go func() {
		ended <- q.between(t.Context(), func(context.Context) error { close(again); return nil })
	}()
	select {
	case <-again:
		t.Error("it works while a question is being answered")
	default:
	}
	answered()
	<-again
	if err := <-ended; err != nil {
		t.Errorf("between returned %v", err)
	}
}
