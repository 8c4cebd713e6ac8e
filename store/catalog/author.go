package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/multiformats/go-multihash"
)

// What can be wrong with where a valid entry stands.
var (
	ErrGap    = errors.New("entry does not follow what is held of its author")
	ErrFork   = errors.New("author signed two entries with one number")
	ErrFrozen = errors.New("author is frozen by a fork")
)

// author is what the index holds of one author. A copy of the struct is a snapshot, but for offers:
// chain only ever grows behind its length; later and offers belong to whoever changes the catalogue.
type author struct {
	chain []int64  // chain[i] is where entry i+1 lies in the file
	head  [32]byte // hash of the last of chain

	// later says where entries beyond a gap lie: those after a damaged record, our own heard before
	// we hold what they follow, and proofs of forks we have not grown up to.
	later map[uint64]int64

	fork fork // the lowest one proved

	offers map[rootKey]uint64 // roots on offer and the entry that says so; under Catalog.mu
}

// fork says where the two entries lie that prove it. seq 0 is no fork.
type fork struct {
	seq  uint64
	a, b int64
}

// reader reads a sealed entry back from its place.
type reader func(at int64) (Sealed, error)

func (a *author) seq() uint64 { return uint64(len(a.chain)) }

// last is the highest number this author is known to have signed.
func (a *author) last() uint64 {
	last := max(a.seq(), a.fork.seq)
	for seq := range a.later {
		last = max(last, seq)
	}
	return last
}

// place finds where a verified entry, which lies or will lie at offset at, stands with its author. It
// returns the entries that now follow in the chain: e and those that waited for it, or none. Errors
// are ErrGap (the entry is remembered if keep, else forgotten), ErrFork (the entry is now part of the
// proof and the chain ends before it), ErrFrozen, or that of read. A known entry is no error.
func (a *author) place(e Entry, s Sealed, at int64, read reader, keep bool) ([]Entry, error) {
	hash := s.Hash()
	held, known := a.later[e.Seq]
	if e.Seq <= a.seq() {
		held, known = a.chain[e.Seq-1], true
	}
	if a.fork.seq != 0 && e.Seq >= a.fork.seq {
		return nil, ErrFrozen
	}
	if known {
		other, err := read(held)
		if err != nil {
			return nil, fmt.Errorf("compare with entry %d held: %w", e.Seq, err)
		}
		if !bytes.Equal(other, s) {
			return nil, errors.Join(ErrFork, a.freeze(fork{e.Seq, held, at}, read))
		}
		if e.Seq <= a.seq() {
			return nil, nil
		}
	}
	if e.Seq == a.seq()+1 && bytes.Equal(e.Prev, a.prev()) {
		a.chain, a.head = append(a.chain, at), hash
		return a.attach([]Entry{e}, read)
	}
	if keep && !known {
		if a.later == nil {
			a.later = map[uint64]int64{}
		}
		a.later[e.Seq] = at
	}
	return nil, ErrGap
}

// prev is what the next entry must name as Prev.
func (a *author) prev() []byte {
	if len(a.chain) == 0 {
		return nil
	}
	return a.head[:]
}

// attach lengthens the chain by the entries that waited for its end.
func (a *author) attach(taken []Entry, read reader) ([]Entry, error) {
	for {
		at, ok := a.later[a.seq()+1]
		if !ok || a.fork.seq == a.seq()+1 {
			return taken, nil
		}
		s, err := read(at)
		if err != nil {
			return taken, nil // heard again from others in time
		}
		e, err := s.read()
		if err != nil || !bytes.Equal(e.Prev, a.prev()) {
			return taken, nil
		}
		a.chain, a.head = append(a.chain, at), s.Hash()
		taken = append(taken, e)
	}
}

// freeze keeps f and ends the chain before it.
func (a *author) freeze(f fork, read reader) error {
	a.fork = f
	if a.seq() < f.seq {
		return nil
	}
	a.chain = slices.Clip(a.chain[:f.seq-1])
	a.head = [32]byte{}
	if n := len(a.chain); n > 0 {
		s, err := read(a.chain[n-1])
		if err != nil {
			return err
		}
		a.head = s.Hash()
	}
	return nil
}

// rootKey is the first half of a root's SHA-256: enough, as a clash could only muddle its own author.
type rootKey [16]byte

func keyOf(h multihash.Multihash) rootKey { return rootKey(h[len(h)-hashSize:]) }

// offer brings the offers up to e, the next entry of the chain.
func (a *author) offer(e Entry) {
	if a.offers == nil {
		a.offers = map[rootKey]uint64{}
	}
	if e.Verb == Revise {
		delete(a.offers, keyOf(e.Replaces.Hash()))
	}
	if e.Verb == Withdraw {
		delete(a.offers, keyOf(e.Root.Hash()))
	} else {
		a.offers[keyOf(e.Root.Hash())] = e.Seq
	}
}

// relist makes the offers anew, after a fork took back part of the chain. An entry that can no longer
// be read offers nothing.
func (a *author) relist(read reader) {
	a.offers = nil
	for _, at := range a.chain {
		s, err := read(at)
		if err != nil {
			continue
		}
		if e, err := s.read(); err == nil {
			a.offer(e)
		}
	}
}
