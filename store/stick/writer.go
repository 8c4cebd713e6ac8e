package stick

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
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
	manifest Manifest
	dropped  []Damage
}

// OpenWriter begins a writing on the drive dir, making savoirs/ when there is none. The indexes of all packs are read,
// and what a writing that was cut has left is looked at: packs that are whole are used again, the rest is removed.
// Errors are ErrBusy, ErrReadOnly, ErrHostile, and those of [Open] for a MANIFEST that cannot be read, unless o.Anew.
func OpenWriter(dir string, o Options) (*Writer, error) { return nil, errors.ErrUnsupported }

// Close gives the stick free for others. What was put and not committed is left for the next writing to go on from. It
// may be called after Commit, and twice.
func (w *Writer) Close() error { return errors.ErrUnsupported }

// Manifest returns what the stick says now: before Commit, what it said before. Count is 0 on a new stick.
func (w *Writer) Manifest() Manifest { return w.manifest }

// Dropped tells what the MANIFEST named and is not whole on the drive. The next Commit names it no more, nor the items
// that need it: put them again.
func (w *Writer) Dropped() []Damage { return w.dropped }

// Has tells whether a pack on the stick has the block. It is wrong about one in 2^64 of other blocks.
func (w *Writer) Has(c cid.Cid) bool { return false }

// Forget names an item no more. Packs that no item needs then are removed with Commit.
func (w *Writer) Forget(root cid.Cid) {}

// PutEntries adds sealed entries as a new segment, in this order, and calls entries once. ErrMalformed for an entry of
// more than MaxEntry bytes, ErrFull.
func (w *Writer) PutEntries(entries iter.Seq[[]byte]) error { return errors.ErrUnsupported }

// PutLetter puts the letter of a node in the place of the one of its kind that is there. Whether it is newer is the
// caller's to see. ErrMalformed for one that is too large, ErrFull when there are letters of too many nodes.
func (w *Writer) PutLetter(kind LetterKind, node peer.ID, b []byte) error {
	return errors.ErrUnsupported
}

// ForgetLetter takes the letter of a node away.
func (w *Writer) ForgetLetter(kind LetterKind, node peer.ID) {}

// PutSealed adds a file for named people, as from tells. ErrTooLarge, ErrNoSpace, ErrFull.
func (w *Writer) PutSealed(from io.Reader) (Sealed, error) { return Sealed{}, errors.ErrUnsupported }

// ForgetSealed names a sealed file no more.
func (w *Writer) ForgetSealed(name Sum) {}
