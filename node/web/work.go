package web

import (
	"context"
	"errors"
	"sync"

	"savoirs/node"
)

// work is what a page has begun and what goes on when it is closed: one thing
// at a time, shown to whoever opens the page again.
type work struct {
	run func(func(context.Context)) // runs a function until it ends or the node stops

	mu   sync.Mutex // guards what follows
	now  job
	stop context.CancelFunc // nil when nothing runs
}

// A job is one such thing, as it stands.
type job struct {
	Kind     string // pack, load; "" none yet
	Label    string // of the drive
	Dir      string
	Running  bool
	Progress node.Progress
	Packed   *node.Packed
	Loaded   *node.Loaded
	Err      error
}

var errWorking = errors.New("something is being done already")

// begin does do in the background. progress may be called from several goroutines.
func (k *work) begin(j job, do func(ctx context.Context, progress func(node.Progress)) job) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stop != nil {
		return errWorking
	}
	j.Running = true
	ctx, stop := context.WithCancel(context.Background())
	k.now, k.stop = j, stop
	k.run(func(whole context.Context) {
		defer context.AfterFunc(whole, stop)()
		defer stop()
		done := do(ctx, func(p node.Progress) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.now.Progress = p
		})
		done.Kind, done.Label, done.Dir = j.Kind, j.Label, j.Dir
		k.mu.Lock()
		defer k.mu.Unlock()
		k.now, k.stop = done, nil
	})
	return nil
}

// end stops what runs; it keeps what it has done.
func (k *work) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stop != nil {
		k.stop()
	}
}

// look tells how it stands.
func (k *work) look() job {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

// forget puts away what is done.
func (k *work) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stop == nil {
		k.now = job{}
	}
}
