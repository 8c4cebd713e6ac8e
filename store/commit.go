package store

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
)

// landing is what has been written to an Incoming and will be made durable together:
//
//	land ──▶ in.batch ──take──▶ in.going ──persist──▶ durable
//
// While one is on its way to the disk, the next one fills. Incoming.flushing sees to it that they get there in order.
type landing struct {
	flush  *flusher
	refs   map[string]ref
	marks  []mark   // of ranges that are right again
	waited []string // files of the wait folder that have found their place
	have   int64    // Incoming.have when it was taken

	// done and err are guarded by Incoming.flushing.
	done bool
	err  error
}

func newLanding(dir string) *landing {
	l := &landing{flush: newFlusher(dir), refs: make(map[string]ref)}
	l.flush.letGo = true
	return l
}

// commit returns when l is durable, whoever made it so.
func (in *Incoming) commit(l *landing) error {
	in.flushing.Lock()
	defer in.flushing.Unlock()
	if l.done {
		return l.err
	}
	in.mu.Lock()
	err := in.usable()
	if err == nil {
		in.take()
	}
	in.mu.Unlock()
	if err != nil {
		return err
	}
	in.persist(l)
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.taken()
}

// commitHere is commit for who holds both in.flushing and in.mu.
func (in *Incoming) commitHere() error {
	in.take()
	in.persist(in.going)
	return in.taken()
}

// take begins to make durable what has landed. The caller holds in.flushing and in.mu.
func (in *Incoming) take() {
	in.going, in.batch = in.batch, newLanding(in.dir)
	in.going.have = in.have
}

// taken ends what take began. The caller holds in.flushing and in.mu.
func (in *Incoming) taken() error {
	l := in.going
	in.going = nil
	if l.err != nil && in.overtaken() { // its files were no longer needed
		l.err = nil
	}
	if l.err != nil {
		in.fail(l.err)
		l.err = in.broken
	}
	return l.err
}

// persist makes a landing durable: one flush, one index commit. The caller holds in.flushing.
func (in *Incoming) persist(l *landing) {
	l.err = in.flushAndIndex(l)
	l.done = true
}

func (in *Incoming) flushAndIndex(l *landing) error {
	if err := l.flush.flush(); err != nil {
		return err
	}
	key := in.root.KeyString()
	if len(l.refs)+len(l.marks) > 0 || in.reread && !in.repair {
		err := in.sp.edit(func(e *edit) error {
			for mh, r := range l.refs {
				if err := e.add(mh, r); err != nil {
					return err
				}
			}
			if !in.repair {
				e.set(in.sp.key('u', key), encodeLanded(l.have))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := in.sp.unmark(in.root, l.marks); err != nil {
			return err
		}
	}
	in.sp.mu.Lock()
	if h := in.sp.held[key]; h != nil && !h.whole {
		h.size = l.have
	}
	in.sp.mu.Unlock()
	for _, w := range l.waited {
		if err := os.Remove(filepath.Join(in.waitDir(), w)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func encodeLanded(n int64) []byte { return binary.AppendUvarint(nil, uint64(n)) }
