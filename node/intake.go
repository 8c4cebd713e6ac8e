package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"savoirs/store/catalog"
)

// Anyone can be a thousand authors and sign valid entries for each, and a
// thousand neighbours who bring them. What may come from one neighbourhood is
// bounded, in the work of checking it and in the room it takes, before a
// signature is checked.
const (
	entriesPerSecond = 1000
	entriesBurst     = 20_000
	intakeBurst      = 48 << 20 // bytes: some 80,000 entries at once …
	intakePerDay     = 48 << 20 // … and as much again each day
	maxIntake        = 1024     // neighbourhoods remembered
)

// errIntake ends an exchange with a neighbour whose share has been brought; the
// next one goes on.
var errIntake = errors.New("enough entries from this neighbour for now")

// intake is what came of late, by neighbourhood. The zero value is empty.
type intake struct {
	mu sync.Mutex // guards of
	of map[string]*share
}

type share struct{ entries, bytes *rate.Limiter }

// take counts entries from a neighbourhood, or refuses them as a whole.
func (in *intake) take(from string, entries []catalog.Sealed) error {
	size := 0
	for _, s := range entries {
		size += len(s)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.of[from]
	if s == nil {
		for old := range in.of {
			if len(in.of) < maxIntake {
				break
			}
			delete(in.of, old)
		}
		if in.of == nil {
			in.of = map[string]*share{}
		}
		s = &share{
			rate.NewLimiter(entriesPerSecond, entriesBurst),
			rate.NewLimiter(rate.Limit(float64(intakePerDay)/(24*time.Hour).Seconds()), intakeBurst),
		}
		in.of[from] = s
	}
	now := time.Now()
	if s.entries.TokensAt(now) < float64(len(entries)) || !s.bytes.AllowN(now, size) {
		return errIntake
	}
	s.entries.AllowN(now, len(entries))
	return nil
}

// restAfter is how many entries are so many that this node rests after checking
// them.
const restAfter = 32

// check verifies and keeps entries, one batch at a time, and rests after a large
// one for as long as it took: whatever comes, and from however many, half a
// processor is the most that goes into it.
func (n *Node) check(ctx context.Context, entries []catalog.Sealed) ([]catalog.Added, error) {
	select {
	case n.checking <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-n.checking }()
	began := time.Now()
	added, err := n.catalog.AddMany(ctx, entries)
	if err == nil && len(entries) > restAfter {
		select {
		case <-time.After(time.Since(began)):
		case <-ctx.Done(): // what is kept is kept
		}
	}
	return added, err
}
