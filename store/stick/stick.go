package stick

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	indexes  indexCache
}

// Open reads and verifies the MANIFEST below dir, which is the drive: the folder that holds savoirs/. Nothing else is
// looked at yet. Errors are ErrNoStick, ErrHostile, ErrMalformed, ErrBadSignature.
func Open(dir string) (*Stick, error) {
	root, err := openTop(dir)
	if err != nil {
		return nil, fmt.Errorf("open stick: %w", err)
	}
	m, _, err := readManifest(root)
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("open stick %s: %w", dir, err)
	}
	return &Stick{root: root, manifest: m}, nil
}

// Close lets go of the folder. What is being read from it ends with an error.
func (s *Stick) Close() error { return s.root.Close() }

// Manifest returns the list of what is on the stick. The caller does not change it.
func (s *Stick) Manifest() Manifest { return s.manifest }

const (
	manifestName = "MANIFEST"
	manifestNew  = "MANIFEST.new"
)

// readManifest reads MANIFEST. Where that is missing or torn, as when a drive was pulled out while one took the place
// of the other, MANIFEST.new is as good: it was whole before.
func readManifest(root *os.Root) (m Manifest, name string, err error) {
	m, err = readManifestAt(root, manifestName)
	if err == nil {
		return m, manifestName, nil
	}
	if m, newErr := readManifestAt(root, manifestNew); newErr == nil {
		return m, manifestNew, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: no %s", ErrNoStick, manifestName)
	}
	return Manifest{}, "", err
}

func readManifestAt(root *os.Root, name string) (Manifest, error) {
	f, size, err := openFile(root, name)
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	if size > MaxManifest+1<<10 {
		return Manifest{}, fmt.Errorf("%w: %s of %d bytes", ErrHostile, name, size)
	}
	b, err := readAll(f, size)
	if err != nil {
		return Manifest{}, fmt.Errorf("read %s: %w", name, err)
	}
	m, err := openManifest(b)
	if err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", name, err)
	}
	return m, m.fits(root)
}

// fits refuses a list of more than the drive can hold.
func (m Manifest) fits(root *os.Root) error {
	total, _, err := space(root)
	if err != nil || total == 0 {
		return err
	}
	if n := m.Size(); n > total {
		return fmt.Errorf("%w: names %d bytes on a drive of %d", ErrHostile, n, total)
	}
	return nil
}

// readAll reads a file of a size that was checked.
func readAll(f *os.File, size int64) ([]byte, error) {
	b := make([]byte, size)
	_, err := io.ReadFull(f, b)
	return b, err
}
