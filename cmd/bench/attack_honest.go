package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// startHonest has an honest part played in host i, in place of the one before,
// and reads what it tells.
func (r *attackRun) startHonest(i int, args ...string) error {
	if r.honest != nil {
		r.honest.kill()
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := r.place(i).command(self, append([]string{"attack"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if r.honest, err = begin(nil, cmd, &tail{}); err != nil {
		return err
	}
	fetches := make(chan fetchLine, 1024)
	r.fetches = fetches
	go func() { // ends with the process
		defer close(fetches)
		for s := bufio.NewScanner(out); s.Scan(); {
			text, failed, _ := strings.Cut(s.Text(), " ")
			took, _ := strconv.ParseInt(text, 10, 64)
			select {
			case fetches <- fetchLine{time.Duration(took), failed}:
			default: // nobody watches
			}
		}
	}()
	return nil
}

// fetched is how the honest node fared for a while.
type fetched struct {
	took     []time.Duration // sorted, also of those that failed
	failures []string
	peers    int // of the victim, at the end
}

func (f fetched) at(part float64) time.Duration {
	if len(f.took) == 0 {
		return 0
	}
	return f.took[min(int(part*float64(len(f.took))), len(f.took)-1)]
}

// watch gathers what the honest node tells for d.
func (r *attackRun) watch(ctx context.Context, d time.Duration) (f fetched, err error) {
	for len(r.fetches) > 0 {
		<-r.fetches // of before
	}
	over := time.NewTimer(d)
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return f, ctx.Err()
		case <-over.C:
			slices.Sort(f.took)
			return f, nil
		case l, ok := <-r.fetches:
			if !ok {
				return f, errors.Join(errors.New("the honest node"), r.honest.ended())
			}
			f.took = append(f.took, l.took)
			if l.err != "" {
				f.failures = append(f.failures, l.err)
			}
		}
	}
}
