package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
)

var (
	// ErrIncomplete is returned by Complete while blocks are missing.
	ErrIncomplete = errors.New("blocks are missing")
	// ErrInPlace is returned by Receive for a damaged item that is used in place: the files are the user's and are not
	// written to. Put the file back as it was, or drop the item and receive it anew.
	ErrInPlace = errors.New("item uses files in place")
	// ErrClosed is returned by an Incoming that was closed, completed or abandoned.
	ErrClosed = errors.New("closed")
)

// ReceiveOptions are the parameters of Receive and Import.
type ReceiveOptions struct {
	Space  Space // "" is Private
	Title  string
	Kind   string
	Origin string
	Kept   bool      // for others, see Item
	Bearer string    // as Item.Bearer
	Came   time.Time // as Item.Came
	Sealed bool      // as Item.Sealed
	// Size is the declared content size in bytes. It must fit on the disk, and more is not accepted. 0 means unknown:
	// what is free is the limit.
	Size int64
}

// Incoming is an unfinished item, or a damaged one being repaired. It is a Blockstore that is filled with the blocks of
// the item, in any order:
//
//	parent seen:      leaf bytes go straight to their place in incoming/<root>/…
//	parent not seen:  they wait in incoming/<root>.wait/
//	nodes:            incoming/<root>.dag
//
// Has, Get and GetSize also answer for blocks the store holds elsewhere, which need not be sent: Complete copies them.
// An Incoming of the mesh space knows nothing of other spaces' blocks, and one of the inbox nothing of private ones, so
// that a stranger's item cannot draw them out.
//
// PutMany checks the hash of every block, and what it returns for is durable: it survives Close, a crash and a power
// cut. It is safe for concurrent use: several batches may be on their way at once. One Incoming at a time can be open for a root.
type Incoming struct {
	blockView
	s      *Store
	sp     *space
	root   cid.Cid
	repair bool   // of a complete item
	dir    string // where its files are
	dag    string
	limit  int64 // content bytes

	// queue guards lastCall, which is closed when what the latest call of PutMany brought has landed.
	queue    sync.Mutex
	lastCall chan struct{}

	// flushing is held while a landing is made durable, and taken before mu.
	flushing sync.Mutex

	// mu guards the fields below.
	mu     sync.Mutex
	closed bool
	broken error // what went wrong half-way; reopening starts from what is durable
	whole  bool  // nothing to receive
	want   map[string][]place
	spent  budget
	have   int64 // content bytes in place
	nodes  *os.File
	end    int64           // of nodes
	stray  int64           // bytes that have no place yet
	astray map[string]bool // nodes that have no place yet
	reread bool            // the index does not know what landed: look at the files
	replay bool            // placing what landed earlier

	data    map[string][]byte // of the blocks being placed
	batch   *landing          // what landed and is not yet on its way to the disk
	going   *landing          // what is on its way; nil when nothing is
	writers []writer
}

var _ blockstore.Blockstore = (*Incoming)(nil)

// Receive opens the unfinished item root, beginning one when there is none. A complete item with marked ranges is
// opened for repair, in the space it is in; one without is opened too, and Complete returns it at once.
//
// ErrNoSpace when o.Size does not fit, before anything is written; ErrBusy when it is open already; ErrInPlace.
func (s *Store) Receive(ctx context.Context, root cid.Cid, o ReceiveOptions) (*Incoming, error) {
	if o.Space == "" {
		o.Space = Private
	}
	if !o.Space.Valid() || o.Size < 0 {
		return nil, fmt.Errorf("receive %s: space %q, size %d", root, o.Space, o.Size)
	}
	if err := checkCid(root); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	root = canonical(root)
	in, err := s.receive(ctx, root, o)
	if err != nil {
		return nil, fmt.Errorf("receive %s: %w", root, err)
	}
	return in, nil
}

func (s *Store) receive(ctx context.Context, root cid.Cid, o ReceiveOptions) (*Incoming, error) {
	in, err := s.claimIncoming(root, o)
	if err != nil || in.whole {
		return in, err
	}
	if err := in.resume(ctx); err != nil {
		in.shut()
		return nil, err
	}
	return in, nil
}

// claimIncoming decides what receiving root means now, and makes sure that nobody else is at it.
func (s *Store) claimIncoming(root cid.Cid, o ReceiveOptions) (_ *Incoming, err error) {
	s.gesture.Lock()
	defer s.gesture.Unlock()
	sp, h, err := s.find(root)
	if errors.Is(err, ErrNotFound) {
		sp = s.space(o.Space)
		h, _ = sp.snapshot(root)
	} else if err != nil {
		return nil, err
	}
	if h.whole && len(h.marks) > 0 && h.card.Base != "" {
		return nil, fmt.Errorf("%w: %s", ErrInPlace, h.card.InPlace)
	}
	if err := sp.claim(root); err != nil {
		return nil, err
	}
	in := &Incoming{blockView: blockView{to: sp}, s: s, sp: sp, root: root, repair: h.whole, limit: o.Size,
		want: make(map[string][]place), astray: make(map[string]bool)}
	defer func() {
		if err != nil {
			in.shut()
		}
	}()
	if sp != s.mesh {
		in.also = s.mesh
	}
	if h.whole && len(h.marks) == 0 {
		in.whole, in.have = true, h.size
		return in, nil
	}
	if in.limit == 0 {
		in.limit = h.card.Size
	}
	if h.whole {
		in.limit = 1 << 60 // it was accepted once, and how large it should be is not known now
	}
	free, err := s.disk.free()
	if err != nil {
		return nil, err
	}
	if need := in.limit - h.size + in.limit/64; !h.whole && need > free {
		return nil, &NoSpaceError{Need: need, Have: free}
	}
	if in.limit == 0 {
		in.limit = h.size + free
	}
	if !h.root.Defined() {
		h, err = sp.begin(root, card{
			Title: o.Title, Kind: o.Kind, Origin: o.Origin, Kept: o.Kept, Bearer: o.Bearer, Came: o.Came.UTC().Round(0), Sealed: o.Sealed, Size: o.Size,
		})
		if err != nil {
			return nil, err
		}
	}
	in.dir, in.dag = h.folder, h.dag
	return in, nil
}

// begin makes an empty unfinished item. The card comes first, so that what a crash leaves is recognised.
func (sp *space) begin(root cid.Cid, c card) (held, error) {
	h := &held{root: root, card: c, folder: filepath.Join(sp.incoming(), root.String())}
	h.dag = h.folder + ".dag"
	if err := removeFamily(sp.incoming(), root); err != nil {
		return held{}, err
	}
	if err := writeCard(sp.incoming(), root, c); err != nil {
		return held{}, err
	}
	if err := os.Mkdir(h.folder, 0o755); err != nil {
		return held{}, err
	}
	if err := os.WriteFile(h.dag, carHeader(root), 0o644); err != nil {
		return held{}, err
	}
	for _, p := range []string{h.dag, sp.incoming()} {
		if err := syncPath(p); err != nil {
			return held{}, err
		}
	}
	if err := sp.idx.set(sp.key('u', root.KeyString()), encodeLanded(0)); err != nil {
		return held{}, err
	}
	sp.mu.Lock()
	sp.held[root.KeyString()] = h
	sp.mu.Unlock()
	return *h, nil
}

// Have returns how many content bytes are in place.
func (in *Incoming) Have() int64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.have
}

// Close keeps what PutMany has returned for, to be resumed by Receive. A call of PutMany that is still running returns
// ErrClosed unless its blocks are durable. It may be called after Complete and Abandon, and twice.
func (in *Incoming) Close() error {
	defer in.lock()()
	in.shut()
	return nil
}

// lock waits for what is on its way to the disk, and keeps everybody else out until the returned function is called.
func (in *Incoming) lock() (unlock func()) {
	in.flushing.Lock()
	in.mu.Lock()
	return func() {
		in.mu.Unlock()
		in.flushing.Unlock()
	}
}

func (in *Incoming) shut() {
	if in.closed {
		return
	}
	in.closed = true
	in.want, in.astray, in.batch = nil, nil, nil
	in.closeWriters()
	if in.nodes != nil {
		in.nodes.Close()
	}
	in.sp.release(in.root)
}

// Abandon removes everything that landed. A complete item that was being repaired stays as it is.
func (in *Incoming) Abandon() error {
	defer in.lock()()
	if in.closed {
		return ErrClosed
	}
	defer in.shut()
	if in.whole || in.repair {
		return nil
	}
	in.s.gesture.Lock()
	defer in.s.gesture.Unlock()
	if err := in.sp.discard(in.root); err != nil {
		return fmt.Errorf("abandon %s: %w", in.root, err)
	}
	return nil
}
