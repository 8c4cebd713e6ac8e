package node

import (
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

	"savoirs/store/catalog"
)

// Anyone can be a thousand authors and sign valid entries for each. What a
// neighbour may bring is bounded, in the work of checking it and in the room it
// takes, before a signature is checked.
const (
	entriesPerSecond = 1000
	entriesBurst     = 20_000
	intakeBurst      = 48 << 20 // bytes: some 80,000 entries at once …
	intakePerDay     = 48 << 20 // … and as much again each day
	maxIntake        = 1024     // neighbours remembered
)

// errIntake ends an exchange with a neighbour that has brought its share; the
// next one goes on.
var errIntake = errors.New("enough entries from this neighbour for now")

// intake is what neighbours brought of late. The zero value is empty.
type intake struct {
	mu sync.Mutex // guards of
	of map[peer.ID]*share
}

type share struct{ entries, bytes *rate.Limiter }

// take counts entries from a neighbour, or refuses them as a whole.
func (in *intake) take(from peer.ID, entries []catalog.Sealed) error {
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
			in.of = map[peer.ID]*share{}
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
