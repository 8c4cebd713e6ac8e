package p2p

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/semaphore"
)

var (
	// ErrNoProvider means that nobody who can be reached has it, and nothing of it is here.
	ErrNoProvider = errors.New("no peer provides it")
	// ErrIncomplete means that part of it is here and stays; the same fetch later goes on from there.
	ErrIncomplete = errors.New("incomplete, can be resumed")
)

// FetchOptions says where to fetch from and how much. The zero value asks everybody and has no limit.
type FetchOptions struct {
	// From are holders to try first; their addresses must be known or the peers connected.
	From []peer.ID

	// MaxBytes bounds what this call lets in; beyond it the content is refused. 0 is no limit.
	MaxBytes int64

	// Progress is told, from one goroutine at a time, how many bytes this call has fetched and made durable so far. What
	// was there before is not counted.
	Progress func(bytes int64)

	// Former is the root of an item that is in `into` and that anyone may know to be here, of which this one is a new
	// version. Holders are told which blocks of it are here, in a compact form, and leave those out.
	Former cid.Cid

	// Patience is how long to go on redialling while nothing comes from anyone; 0 is 30 s.
	Patience time.Duration
}

const (
	maxSources = 4 // friends asked at once in one fetch, and others
	maxCauses  = 8 // failures named in the final error
)

// fetch is one running Fetch.
type fetch struct {
	m      *Mesh
	root   cid.Cid
	into   blockstore.Blockstore
	o      FetchOptions
	walk   *walk
	landed chan arrival        // accepted, on its way to `into`, parents before children
	room   *semaphore.Weighted // bytes on their way
	hurry  chan struct{}       // filled when nothing more is to come

	start        time.Time
	count, bytes atomic.Int64 // blocks and bytes accepted
	lastAccepted atomic.Int64 // nanoseconds after start

	mu     sync.Mutex // guards causes, banned
	causes []error    // why sources failed, for the final error
	banned map[peer.ID]bool
}

// Fetch brings the DAG of files and folders below root into `into`, from whoever has it: the peers in o.From, connected
// peers, those the DHT names, and at last anybody over bitswap. Several holders share the work, and none needs to have
// all of it.
//
// `into` says with Has what is there already, which is not fetched again, so that a fetch that was cut resumes where it
// stopped, also in another process. Blocks reach PutMany in batches with parents before children. PutMany must be durable
// when it returns, must refuse a batch in which a block does not match its CID with blocks.ErrWrongHash and keep nothing of
// it, and may not use the bytes after it returns. That is where leaves are verified; nodes are before.
//
// It returns nil when all of it is there. Otherwise the error wraps ErrIncomplete when part of it is there, ErrNoProvider
// when nothing is, ErrRefused when the content breaks a rule, or what `into` returned. A *Fault among the causes names a
// peer that sent what was not asked for or wrong bytes: none of that was kept, and Faults remembers it.
func (m *Mesh) Fetch(ctx context.Context, root cid.Cid, into blockstore.Blockstore, o FetchOptions) error {
	if err := checkCID(root); err != nil {
		return fmt.Errorf("fetch %s: %w", root, err)
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if err := newFetch(m, root, into, o).run(ctx); err != nil {
		return fmt.Errorf("fetch %s: %w", root, err)
	}
	return nil
}

func newFetch(m *Mesh, root cid.Cid, into blockstore.Blockstore, o FetchOptions) *fetch {
	return &fetch{
		m: m, root: root, into: into, o: o,
		walk:   newWalk(root, into),
		landed: make(chan arrival, 4096),
		room:   semaphore.NewWeighted(maxLanded),
		hurry:  make(chan struct{}, 1),
		start:  time.Now(),
		banned: map[peer.ID]bool{},
	}
}

func (f *fetch) run(ctx context.Context) error {
	if missing, err := f.walk.missing(ctx); err != nil || !missing {
		return err
	}
	begun, err := f.into.Has(ctx, f.root)
	if err != nil {
		return err
	}
	if f.o.Former.Defined() {
		if f.walk.have, err = haveOf(ctx, f.o.Former, f.into); err != nil {
			return err
		}
	}
	working, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var keeping sync.WaitGroup
	keeping.Go(func() {
		if err := f.keep(working); err != nil {
			fail(err)
		}
	})
	f.gather(working, fail)
	close(f.landed)
	keeping.Wait()

	switch cause := context.Cause(working); {
	case cause != nil && ctx.Err() == nil:
		return cause
	case cause == nil && f.walk.done():
		return nil
	default:
		return f.unfinished(begun || f.count.Load() > 0, ctx.Err())
	}
}

// gather goes round all sources until everything has landed or a round brings nothing.
func (f *fetch) gather(ctx context.Context, fail context.CancelCauseFunc) {
	for {
		before := f.count.Load()
		f.askHolders(ctx, fail)
		if missing, err := f.walk.missing(ctx); err != nil {
			fail(err)
			return
		} else if !missing {
			return
		}
		f.walk.forgive()
		if f.count.Load() > before {
			continue
		}
		f.askAround(ctx, fail)
		if ctx.Err() != nil || f.count.Load() == before {
			return
		}
	}
}

// askHolders lets the preferred holders, and then all others that are found, bring what they have, at most maxSources of
// those this node knows and as many others at once. It returns when all has landed or none of them can do more.
func (f *fetch) askHolders(ctx context.Context, fail context.CancelCauseFunc) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		working sync.WaitGroup
		friends = make(chan struct{}, maxSources) // of who need not wait behind a crowd of strangers
		others  = make(chan struct{}, maxSources)
		mu      sync.Mutex // guards seen
		seen    = map[peer.ID]bool{f.m.host.ID(): true}
	)
	add := func(p peer.ID) {
		mu.Lock()
		known := seen[p]
		seen[p] = true
		mu.Unlock()
		if known || f.isBanned(p) {
			return
		}
		slots := others
		if f.m.house.knows(p) {
			f.walk.trust(p)
			slots = friends
		}
		working.Go(func() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-slots }()
			f.drain(ctx, p, fail)
			if f.walk.done() {
				stop() // no need to look for more holders
			}
		})
	}
	for _, p := range f.o.From {
		add(p)
	}
	working.Go(func() {
		f.m.askConnected(ctx, f.root, add)
		f.m.findInDHT(ctx, f.root, add)
	})
	working.Wait()
}

func (f *fetch) isBanned(p peer.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.banned[p]
}

// blame bans p from this fetch and remembers why.
func (f *fetch) blame(p peer.ID, why error) {
	fault := faultOf(p, protoCAR, why)
	f.m.recordFault(fault)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.banned[p] = true
	f.causes = append(f.causes, fault)
}

// note remembers why a source failed.
func (f *fetch) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.causes) < maxCauses {
		f.causes = append(f.causes, err)
	}
}

func (f *fetch) unfinished(begun bool, ended error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	errs := f.causes
	if ended != nil {
		errs = []error{ended}
	}
	kind := ErrNoProvider
	if begun {
		kind = ErrIncomplete
	} else if ended != nil {
		return ended
	}
	if len(errs) == 0 {
		return kind
	}
	return fmt.Errorf("%w: %w", kind, errors.Join(errs...))
}
