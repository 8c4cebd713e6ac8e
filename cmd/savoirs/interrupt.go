package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// errInterrupted is the cause of a context that a person ended.
var errInterrupted = errors.New("interrupted")

// interruptible returns a context that the first Ctrl-C (or SIGTERM) ends with
// errInterrupted; the second one ends the process at once. stop gives the
// signals back.
func (s *shell) interruptible(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals, over := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for first := true; ; first = false {
			select {
			case <-over:
				return
			case <-signals:
			}
			if !first {
				os.Exit(exitInterrupted)
			}
			s.tell("say.stopping")
			cancel(errInterrupted)
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		close(over)
		watcher.Wait()
		cancel(nil)
	}
}
