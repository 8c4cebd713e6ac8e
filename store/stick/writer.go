package stick

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sys/unix"
)

// Options say how a stick is written. Key is required.
type Options struct {
	Key crypto.PrivKey // signs the MANIFEST, Ed25519
	// Max is how many bytes may be written until Commit, 0 for what is free on the drive.
	Max int64
	// PackSize is how large packs become, 0 for MaxPack.
	PackSize int64
	// Anew begins a new list where there is a MANIFEST that cannot be read. Packs that are whole are used again.
	Anew bool
}

// SpaceError says how many bytes were needed and how many there are. It wraps ErrTooLarge or ErrNoSpace.
type SpaceError struct {
	Err        error
	Need, Have int64
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("%v: %d bytes needed, %d there", e.Err, e.Need, e.Have)
}

// Unwrap is ErrTooLarge or ErrNoSpace.
func (e *SpaceError) Unwrap() error { return e.Err }

// Writer adds to a stick. Nothing it writes shows until Commit: before, a reader sees what was there, and a writer that
// ends at any point leaves that. The next one goes on where it ended when it puts the same again. It is not safe for
// concurrent use.
type Writer struct {
	o        Options
	author   peer.ID
	root     *os.Root // savoirs/
	lock     *os.File // savoirs/ itself
	manifest Manifest // as the stick says it
	next     Manifest // as Commit will; packs keep their numbers here, whatever becomes of them
	gone     []bool   // by number of a pack: it is not whole
	table    *table   // of the packs that are
	dropped  []Damage
	spent    int64           // bytes written since the last Commit
	made     []string        // small files written since then
	parts    map[string]bool // packs half written before, by path
	dirty    dirty
}

// OpenWriter begins a writing on the drive dir, making savoirs/ when there is none. The indexes of all packs are read,
// and what a writing that was cut has left is looked at: packs that are whole are used again, the rest is removed.
// Errors are ErrBusy, ErrReadOnly, ErrHostile, and those of [Open] for a MANIFEST that cannot be read, unless o.Anew.
func OpenWriter(ctx context.Context, dir string, o Options) (_ *Writer, err error) {
	if o.PackSize <= 0 || o.PackSize > MaxPack {
		o.PackSize = MaxPack
	}
	w := &Writer{o: o, parts: make(map[string]bool)}
	defer func() {
		if err != nil {
			w.Close()
			err = fmt.Errorf("open stick %s to write: %w", dir, driveError(err))
		}
	}()
	if w.author, err = peer.IDFromPrivateKey(o.Key); err != nil {
		return nil, err
	}
	if err := w.open(dir); err != nil {
		return nil, err
	}
	if err := w.readList(); err != nil {
		return nil, err
	}
	if err := w.readPacks(ctx); err != nil {
		return nil, err
	}
	return w, w.tidy()
}

// open makes savoirs/ and keeps other writers out.
func (w *Writer) open(dir string) error {
	var err error
	if w.root, err = openTop(dir); errors.Is(err, ErrNoStick) {
		if err := os.Mkdir(dir+"/"+top, 0o755); err != nil {
			return err
		}
		if w.root, err = openTop(dir); err != nil {
			return err
		}
		if err := flushDir(dir); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if w.lock, err = w.root.Open("."); err != nil {
		return err
	}
	if err := unix.Flock(int(w.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return ErrBusy
	} else if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// driveError names the errors of a drive that cannot be written, or is full.
func driveError(err error) error {
	if errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// readList reads the MANIFEST there is, or begins one.
func (w *Writer) readList() error {
	m, name, err := readManifest(w.root)
	switch {
	case errors.Is(err, ErrNoStick), err != nil && w.o.Anew && !errors.Is(err, ErrHostile):
		m = Manifest{V: 1}
		if _, err := rand.Read(m.Stick[:]); err != nil {
			return err
		}
	case err != nil:
		return err
	case name == manifestNew:
		// The rename was cut. It is finished before anything else, as the next list is written under the same name.
		if err := w.root.Rename(manifestNew, manifestName); err != nil {
			return err
		}
		if err := flush(w.root, "."); err != nil {
			return err
		}
	}
	w.begin(m)
	return nil
}

// begin goes on from a list, which the caller of [Writer.Manifest] may keep.
func (w *Writer) begin(m Manifest) {
	w.manifest, w.next = m, m
	w.next.Packs, w.next.Items = slices.Clone(m.Packs), slices.Clone(m.Items)
	w.next.Segments, w.next.Letters, w.next.Sealed = slices.Clone(m.Segments), slices.Clone(m.Letters), slices.Clone(m.Sealed)
}

// readPacks reads the indexes of the packs the list names. One that is not whole is named no more, nor are the items
// that need it.
func (w *Writer) readPacks(ctx context.Context) error {
	n := 0
	for _, p := range w.next.Packs {
		n += min(p.Blocks, int(p.Index/least)+1)
	}
	w.table = newTable(n)
	w.gone = make([]bool, len(w.next.Packs))
	for i, p := range w.next.Packs {
		x, damage := loadIndex(ctx, w.root, i, p)
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(damage) == 0 {
			w.table.append(i, x)
			continue
		}
		w.gone[i] = true
		for j := range damage {
			if damage[j].pack, damage[j].first, damage[j].blocks = i, 0, p.Blocks; len(w.dropped) < MaxDamage {
				w.dropped = append(w.dropped, damage[j])
			}
		}
	}
	w.table.sort()
	blame(w.next, w.dropped)
	w.next.Items = slices.DeleteFunc(w.next.Items, func(it Item) bool {
		return slices.ContainsFunc(it.Runs, func(r Run) bool { return w.gone[r.Pack] })
	})
	return nil
}

// Close gives the stick free for others. What was put and not committed is left for the next writing to go on from. It
// may be called after Commit, and twice.
func (w *Writer) Close() error {
	var err error
	if w.lock != nil {
		err = w.lock.Close()
	}
	if w.root != nil {
		err = errors.Join(err, w.root.Close())
	}
	w.lock, w.root = nil, nil
	return err
}

// Manifest returns what the stick says now: before Commit, what it said before. Count is 0 on a new stick.
func (w *Writer) Manifest() Manifest { return w.manifest }

// Dropped tells what the MANIFEST named and is not whole on the drive. The next Commit names it no more, nor the items
// that need it: put them again.
func (w *Writer) Dropped() []Damage { return w.dropped }

// Has tells whether a pack on the stick has the block. It is wrong about one in 2^64 of other blocks.
func (w *Writer) Has(c cid.Cid) bool {
	_, ok := w.table.find(c)
	return ok
}

// Forget names an item no more. Packs that no item needs then are removed with Commit.
func (w *Writer) Forget(root cid.Cid) {
	w.next.Items = slices.DeleteFunc(w.next.Items, func(it Item) bool { return it.Root == root })
}

// need refuses n more bytes in so many files when they are more than was allowed or than there is room for.
func (w *Writer) need(n int64, files int) error {
	if w.o.Max > 0 && w.spent+n > w.o.Max {
		return &SpaceError{Err: ErrTooLarge, Need: n, Have: max(w.o.Max-w.spent, 0)}
	}
	_, free, err := space(w.root)
	if err != nil {
		return err
	}
	for part := range w.parts {
		if st, err := w.root.Lstat(part); err == nil {
			free += st.Size() // to be gone on with, or removed
		}
	}
	const cluster, spare = 64 << 10, 1 << 20 // a file takes whole clusters; MANIFEST and folders take room too
	if full := n + int64(files)*cluster + spare; full > free {
		return &SpaceError{Err: ErrNoSpace, Need: full, Have: free}
	}
	return nil
}

func flushDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return fsync(f)
}
