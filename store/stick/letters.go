package stick

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Letter reads a letter that the MANIFEST names, checked against its size and hash. Who uses it verifies what it says,
// and that it is from the node it is filed under. ErrDamaged, ErrHostile.
func (s *Stick) Letter(l Letter) ([]byte, error) {
	b, err := readNamed(s.root, l.path(), l.Size, l.Name)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// readNamed reads a small file that the MANIFEST names. With ErrDamaged comes what can be read of it.
func readNamed(root *os.Root, name string, size int64, sum Sum) ([]byte, error) {
	f, is, err := openFile(root, name)
	if err != nil {
		return nil, damageOf(name, err)
	}
	defer f.Close()
	b, err := readAll(f, min(is, size))
	switch {
	case err != nil:
		return nil, damageOf(name, err)
	case is != size:
		return b, Damage{File: name, At: -1, Err: ErrDamaged, What: sizes(is, size)}
	case sha256.Sum256(b) != sum:
		return b, Damage{File: name, At: -1, Err: ErrDamaged, What: notItsHash}
	}
	return b, nil
}

const notItsHash = "not what its hash says"

// Wants reads and verifies the want lists, each of the node it is filed under. An error is about one of them: the next
// ones follow.
func (s *Stick) Wants() iter.Seq2[Want, error] {
	return letters(s, WantLetter, OpenWant, func(w Want) peer.ID { return w.Author })
}

// Receipts is Wants for receipts.
func (s *Stick) Receipts() iter.Seq2[Receipts, error] {
	return letters(s, ReceiptsLetter, OpenReceipts, func(r Receipts) peer.ID { return r.Author })
}

func letters[T any](s *Stick, kind LetterKind, open func([]byte) (T, error), author func(T) peer.ID) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, l := range s.manifest.Letters {
			if l.Kind != kind {
				continue
			}
			var said T
			b, err := s.Letter(l)
			if err == nil {
				said, err = open(b)
			}
			if err == nil && author(said) != l.Node {
				err = fmt.Errorf("%w: %s of %s filed under %s", ErrHostile, kind, author(said), l.Node)
			}
			if err != nil {
				var nothing T
				said, err = nothing, fmt.Errorf("%s of %s: %w", kind, l.Node, err)
			}
			if !yield(said, err) {
				return
			}
		}
	}
}

// OpenSealed opens a file for named people. Its size is checked now, its hash when it has been read to the end: then
// Read returns ErrDamaged in place of io.EOF.
func (s *Stick) OpenSealed(x Sealed) (io.ReadCloser, error) {
	f, err := openNamed(s.root, x.path(), x.Size)
	if err != nil {
		return nil, err
	}
	return &sealedFile{f: f, of: x, hash: sha256.New()}, nil
}

type sealedFile struct {
	f    *os.File
	of   Sealed
	hash hash.Hash
}

func (s *sealedFile) Read(b []byte) (int, error) {
	n, err := s.f.Read(b)
	s.hash.Write(b[:n])
	if err == io.EOF && Sum(s.hash.Sum(nil)) != s.of.Name {
		err = Damage{File: s.of.path(), At: -1, Err: ErrDamaged, What: notItsHash}
	}
	return n, err
}

func (s *sealedFile) Close() error { return s.f.Close() }
