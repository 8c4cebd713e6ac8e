package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/ipfs/go-cid"
	"golang.org/x/sys/unix"
)

// Space says who may be given the blocks of an item.
type Space string

const (
	// Private is for this node only.
	Private Space = "private"
	// Mesh is published: any node may ask for it.
	Mesh Space = "mesh"
	// Inbox is what came by hand and waits for a person: it is given to nobody, and listed by Waiting only.
	Inbox Space = "inbox"
)

// Valid tells whether s is one of the three spaces.
func (s Space) Valid() bool { return s == Private || s == Mesh || s == Inbox }

var (
	// ErrInUse is returned by Open when another process has the store.
	ErrInUse = errors.New("store is in use by another process")
	// ErrNotFound is returned for a root that is not a complete item of this store.
	ErrNotFound = errors.New("no such item")
)

// Options are the parameters of Open. Dir is required.
type Options struct {
	// Dir is the folder of the store; it is created when missing.
	Dir string
	// FreeFloor is how many bytes of the file system are always left free. 0 means 1/32 of it, but at least 64 MiB and
	// at most 1 GiB; negative means no floor.
	FreeFloor int64
	// Log receives what an operator would want to know; nil discards it.
	Log *slog.Logger
}

// Store is one folder of items. It is safe for concurrent use. Only one process at a time can have it open.
type Store struct {
	dir     string
	log     *slog.Logger
	lock    *os.File
	disk    *disk
	idx     *index
	private *space
	mesh    *space
	inbox   *space
	rebuilt bool

	// gesture is held for the short last step of everything that changes which items exist.
	gesture sync.Mutex
}

// Open opens the store in o.Dir, creating it when there is none. A lost or damaged index is rebuilt from the folders,
// and what an interrupted Add, Move or Drop left behind is finished or removed. It returns ErrInUse when another
// process has the store, and ErrNoSpace when the disk is too full for the index to be opened safely.
func Open(o Options) (_ *Store, err error) {
	if o.Dir == "" {
		return nil, errors.New("open store: no folder given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{dir: dir, log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if err != nil {
			s.Close()
			err = fmt.Errorf("open store %s: %w", dir, err)
		}
	}()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if s.lock, err = lockFile(filepath.Join(dir, "lock")); err != nil {
		return nil, err
	}
	if s.disk, err = openDisk(dir, o.FreeFloor); err != nil {
		return nil, err
	}
	if s.idx, err = openIndex(filepath.Join(dir, "index"), s.disk, s.log); err != nil {
		return nil, err
	}
	s.private, s.mesh, s.inbox = newSpace(s, Private), newSpace(s, Mesh), newSpace(s, Inbox)
	found := 0
	for _, sp := range s.spaces() {
		n, err := sp.load()
		if err != nil {
			return nil, fmt.Errorf("load %s space: %w", sp.name, err)
		}
		found += n
	}
	for _, it := range list(false, s.spaces()...) { // begun in one space, and since then whole in another
		if at, _, err := s.find(it.Root); err == nil {
			if err := s.discardElsewhere(it.Root, at); err != nil {
				return nil, err
			}
		}
	}
	s.rebuilt = s.idx.fresh && found > 0
	s.recount()
	if err := s.idx.settle(); err != nil {
		return nil, err
	}
	if s.rebuilt {
		s.log.Warn("index was lost or damaged, rebuilt from the folders", "found", found)
	}
	return s, nil
}

// recount finds out what has landed of unfinished items that the index knows nothing of. What cannot be done now is
// done when the item is received again.
func (s *Store) recount() {
	for _, it := range list(false, s.spaces()...) {
		sp := s.space(it.Space)
		if _, err := s.idx.get(sp.key('u', it.Root.KeyString())); !errors.Is(err, errNoRecord) {
			continue
		}
		in, err := s.Receive(context.Background(), it.Root, ReceiveOptions{Space: it.Space})
		if err != nil {
			s.log.Warn("unfinished item not read again", "item", it.Root, "err", err)
			continue
		}
		in.Close()
	}
}

// Rebuilt tells whether Open had to rebuild the index. Records kept by Datastore were lost then.
func (s *Store) Rebuilt() bool { return s.rebuilt }

// Free returns the bytes that can still be used above the floor; never less than 0.
func (s *Store) Free() (int64, error) { return s.disk.free() }

// Close releases the store. It may be called on a half-open or closed store. Every Incoming must be closed before.
func (s *Store) Close() error {
	if s == nil {
		return nil
	}
	var errs []error
	if s.idx != nil {
		errs = append(errs, s.idx.close())
		s.idx = nil
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}

func (s *Store) space(name Space) *space {
	switch name {
	case Mesh:
		return s.mesh
	case Inbox:
		return s.inbox
	}
	return s.private
}

// spaces lists all of them, those a person said yes to first.
func (s *Store) spaces() []*space { return []*space{s.mesh, s.private, s.inbox} }

// find returns the space that holds root as a complete item.
func (s *Store) find(root cid.Cid) (*space, held, error) {
	for _, sp := range s.spaces() {
		if h, ok := sp.snapshot(root); ok && h.whole {
			return sp, h, nil
		}
	}
	return nil, held{}, fmt.Errorf("%s: %w", root, ErrNotFound)
}

// canonical gives every DAG one name: the same multihash as CIDv0 and CIDv1 is the same item.
func canonical(root cid.Cid) cid.Cid {
	if !root.Defined() || root.Version() == 1 {
		return root
	}
	return cid.NewCidV1(root.Type(), root.Hash())
}

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, err
	}
	return f, nil
}
