package stick

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sys/unix"
)

// PutEntries adds sealed entries as a new segment, in this order, or as several when they are many. ErrMalformed for an
// entry of more than MaxEntry bytes, ErrFull.
func (w *Writer) PutEntries(entries iter.Seq[[]byte]) error {
	var b []byte
	n := 0
	for e := range entries {
		if len(e) == 0 || len(e) > MaxEntry {
			return fmt.Errorf("put entries: %w: entry of %d bytes", ErrMalformed, len(e))
		}
		if len(b)+frameHead+len(e) > MaxSegment {
			if err := w.putSegment(b, n); err != nil {
				return fmt.Errorf("put entries: %w", err)
			}
			b, n = b[:0], 0
		}
		b, n = appendFrame(b, e), n+1
	}
	if n == 0 {
		return nil
	}
	if err := w.putSegment(b, n); err != nil {
		return fmt.Errorf("put entries: %w", err)
	}
	return nil
}

func (w *Writer) putSegment(b []byte, entries int) error {
	g := Segment{Name: sha256.Sum256(b), Size: int64(len(b)), Entries: entries}
	if slices.ContainsFunc(w.next.Segments, func(is Segment) bool { return is.Name == g.Name }) {
		return nil
	}
	if len(w.next.Segments) == MaxSegments {
		if err := w.joinSegments(); err != nil {
			return err
		}
	}
	if err := w.write(g.path(), b); err != nil {
		return err
	}
	w.next.Segments = append(w.next.Segments, g)
	return nil
}

// joinSegments makes few segments of many small ones, when there are as many as there may be. What is damaged stays out.
func (w *Writer) joinSegments() error {
	old := w.next.Segments
	w.next.Segments = nil
	var b []byte
	n := 0
	for i, g := range old {
		part, _ := readNamed(w.root, g.path(), g.Size, g.Name)
		frames(part, func(e []byte) bool { b = appendFrame(b, e); n++; return true })
		last := i == len(old)-1
		if len(b) > 0 && (last || int64(len(b))+old[i+1].Size > MaxSegment) {
			if err := w.putSegment(b, n); err != nil {
				w.next.Segments = old
				return err
			}
			b, n = nil, 0
		}
	}
	if len(w.next.Segments) == MaxSegments {
		return fmt.Errorf("%w: %d segments of entries", ErrFull, MaxSegments)
	}
	return nil
}

// PutLetter puts the letter of a node in the place of the one of its kind that is there. Whether it is newer is the
// caller's to see. ErrMalformed for one that is too large, ErrFull when there are letters of too many nodes.
func (w *Writer) PutLetter(kind LetterKind, node peer.ID, b []byte) error {
	l := Letter{Kind: kind, Node: node, Name: sha256.Sum256(b), Size: int64(len(b))}
	if len(b) == 0 || l.Size > kind.most() || len(node) != idSize {
		return fmt.Errorf("put letter: %w: %q of %s, %d bytes", ErrMalformed, kind, node, len(b))
	}
	of := 0
	for i, is := range w.next.Letters {
		if is == l {
			return nil
		}
		if is.Kind == kind && is.Node == node {
			if err := w.write(l.path(), b); err != nil {
				return fmt.Errorf("put letter: %w", err)
			}
			w.next.Letters[i] = l
			return nil
		}
		if is.Kind == kind {
			of++
		}
	}
	if of >= MaxLetters {
		return fmt.Errorf("put letter: %w: %s of %d nodes", ErrFull, kind, of)
	}
	if err := w.write(l.path(), b); err != nil {
		return fmt.Errorf("put letter: %w", err)
	}
	w.next.Letters = append(w.next.Letters, l)
	return nil
}

// ForgetLetter takes the letter of a node away.
func (w *Writer) ForgetLetter(kind LetterKind, node peer.ID) {
	w.next.Letters = slices.DeleteFunc(w.next.Letters, func(l Letter) bool { return l.Kind == kind && l.Node == node })
}

const sealedNew = "sealed/file.new"

// PutSealed adds a file for named people, as from tells, which is read to its end and has at most size bytes.
// ErrTooLarge, ErrNoSpace, ErrFull.
func (w *Writer) PutSealed(from io.Reader, size int64) (Sealed, error) {
	x, err := w.putSealed(from, size)
	if err != nil {
		return Sealed{}, fmt.Errorf("put sealed file: %w", err)
	}
	return x, nil
}

func (w *Writer) putSealed(from io.Reader, size int64) (Sealed, error) {
	if len(w.next.Sealed) >= MaxSealed {
		return Sealed{}, fmt.Errorf("%w: %d sealed files", ErrFull, MaxSealed)
	}
	if size > MaxSealedSize {
		return Sealed{}, &SpaceError{Err: ErrTooLarge, Need: size, Have: MaxSealedSize}
	}
	if err := w.need(size, 1); err != nil {
		return Sealed{}, err
	}
	f, err := w.create(sealedNew)
	if err != nil {
		return Sealed{}, err
	}
	defer f.Close()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(from, size+1))
	switch {
	case err != nil:
		return Sealed{}, err
	case n > size:
		return Sealed{}, &SpaceError{Err: ErrTooLarge, Need: n, Have: size}
	case n == 0:
		return Sealed{}, fmt.Errorf("%w: nothing in it", ErrMalformed)
	}
	x := Sealed{Name: Sum(hash.Sum(nil)), Size: n}
	if err := fsync(f); err != nil {
		return Sealed{}, err
	}
	if err := w.root.Rename(sealedNew, x.path()); err != nil {
		return Sealed{}, err
	}
	w.dirty.folder("sealed")
	w.spent += n
	if !slices.Contains(w.next.Sealed, x) {
		w.next.Sealed = append(w.next.Sealed, x)
	}
	return x, nil
}

// ForgetSealed names a sealed file no more.
func (w *Writer) ForgetSealed(name Sum) {
	w.next.Sealed = slices.DeleteFunc(w.next.Sealed, func(x Sealed) bool { return x.Name == name })
}

// write writes a small file, to be flushed by Commit.
func (w *Writer) write(name string, b []byte) error {
	if err := w.need(int64(len(b)), 1); err != nil {
		return err
	}
	f, err := w.create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	w.spent += int64(len(b))
	w.made = append(w.made, name)
	w.dirty.file(name)
	return nil
}

// create makes an empty file, and its folder. What lies in its way was never named, and goes.
func (w *Writer) create(name string) (*os.File, error) {
	if err := w.folder(path.Dir(name)); err != nil {
		return nil, err
	}
	if err := w.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return w.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o644)
}

// folder makes a folder and those above it.
func (w *Writer) folder(name string) error {
	if name == "." {
		return nil
	}
	if err := w.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := isFolder(w.root, name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := w.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	w.dirty.folder(path.Dir(name))
	return nil
}

// dirty is what was written and is not yet on the disk.
type dirty struct {
	files   []string
	folders map[string]bool
}

func (d *dirty) file(name string) {
	d.files = append(d.files, name)
	d.folder(path.Dir(name))
}

func (d *dirty) folder(name string) {
	if d.folders == nil {
		d.folders = make(map[string]bool)
	}
	d.folders[name] = true
}

// fewFiles is up to how many files are flushed one by one; beyond, the whole drive is.
const fewFiles = 32

func (d *dirty) flush(root *os.Root, folder *os.File) error {
	if len(d.files) > fewFiles {
		if err := unix.Syncfs(int(folder.Fd())); err != nil {
			return fmt.Errorf("flush the drive: %w", err)
		}
	} else if err := flush(root, d.files...); err != nil {
		return err
	}
	for name := range d.folders {
		if err := flush(root, name); err != nil {
			return err
		}
	}
	*d = dirty{}
	return nil
}
