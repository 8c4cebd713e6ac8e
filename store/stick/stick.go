package stick

import (
	"errors"
	"os"
)

// What reading or writing a stick can end with.
var (
	// ErrNoStick says that there is no savoirs/MANIFEST below the folder.
	ErrNoStick = errors.New("no stick here")
	// ErrHostile says that something is there that nobody puts on a stick by mistake: a link, a pipe, a device, more
	// than any file system could hold.
	ErrHostile = errors.New("not acceptable")
	// ErrDamaged says that a file is missing, cut, or not what its name promises. The error that carries it is a
	// [Damage].
	ErrDamaged = errors.New("damaged")
	// ErrNotFound says that the MANIFEST names no such thing.
	ErrNotFound = errors.New("not on this stick")
	// ErrFull says that a limit of the format is reached: so many packs, items, letters, entries and no more.
	ErrFull = errors.New("the stick can take no more")
	// ErrTooLarge says that what is to be written is more than was allowed. The error that carries it is a SpaceError.
	ErrTooLarge = errors.New("more than was allowed")
	// ErrNoSpace says that what is to be written does not fit on the drive. The error that carries it is a SpaceError.
	ErrNoSpace = errors.New("not enough free space on the stick")
	// ErrBusy says that another process writes this stick now.
	ErrBusy = errors.New("another program writes this stick")
	// ErrReadOnly says that the drive cannot be written.
	ErrReadOnly = errors.New("the stick cannot be written")
	// ErrChanged says that a source gave another block than it had promised.
	ErrChanged = errors.New("changed while it was copied")
)

// Stick is an open stick, to read. It writes nothing, anywhere, and is safe for concurrent use.
type Stick struct {
	root     *os.Root // savoirs/
	manifest Manifest
}

// Open reads and verifies the MANIFEST below dir, which is the drive: the folder that holds savoirs/. Nothing else is
// looked at yet. Errors are ErrNoStick, ErrHostile, ErrDamaged, ErrMalformed, ErrBadSignature.
func Open(dir string) (*Stick, error) { return nil, errors.ErrUnsupported }

// Close lets go of the folder. What is being read from it ends with an error.
func (s *Stick) Close() error { return s.root.Close() }

// Manifest returns the list of what is on the stick. The caller does not change it.
func (s *Stick) Manifest() Manifest { return s.manifest }
