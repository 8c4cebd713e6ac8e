package stick

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A sealed file is an age file (https://age-encryption.org/v1) for the X25519 keys of its readers. In it are
//
//	<length of the enclosure, uvarint> <enclosure> <CARv1> <zeros>
//
// with so many zeros that only a size class shows from outside: powers of two from 64 KiB to 64 MiB, then multiples of
// 64 MiB. Keys of nobody are added to those of the readers, to 4, 8, 16 or 32 in all. An item that is larger than a
// sealed file may be travels in several, each with some of its blocks.
const (
	leastSealed = 64 << 10
	sealedStep  = 64 << 20
	mostSealed  = MaxSealedSize - sealedStep // bytes in a file before it is encrypted
	sealedCost  = 64 << 10                   // bytes of age's own at most, but its 16 for each 64 KiB
)

// Reader is a node that may read a sealed file, and the key it makes public for that.
type Reader struct {
	Node peer.ID
	Key  *age.X25519Recipient
}

// Secret is an item to be sealed.
type Secret struct {
	Root        cid.Cid
	Title, Kind string
	Size        int64 // bytes of all its files
	Blocks      []Ref // all of them, parents first
}

// Seal puts an item on the stick so that its readers only, 1 to MaxReaders, learn that there is one, and who sends it.
// What it returns names the files. It takes blocks from src, which hashes what it gives. Errors as [Writer.Put]; on any,
// what was put already is forgotten.
func (w *Writer) Seal(ctx context.Context, src blockstore.Viewer, readers []Reader, s Secret) ([]Sealed, error) {
	files, err := w.seal(ctx, src, readers, s)
	if err != nil {
		for _, x := range files {
			w.ForgetSealed(x.Name)
		}
		return nil, fmt.Errorf("seal: %w", err)
	}
	return files, nil
}

func (w *Writer) seal(ctx context.Context, src blockstore.Viewer, readers []Reader, s Secret) (files []Sealed, err error) {
	e := Enclosure{V: 1, Root: s.Root, Title: s.Title, Kind: s.Kind, Size: s.Size}
	if e.Author, err = peer.IDFromPrivateKey(w.o.Key); err != nil {
		return nil, err
	}
	for _, r := range readers {
		e.To = append(e.To, r.Node)
	}
	parts := divide(s.Root, s.Blocks)
	e.Parts = len(parts)
	for i, refs := range parts {
		e.Part, e.Blocks, e.Car = i+1, len(refs), carSize(s.Root, refs)
		said, err := e.seal(w.o.Key)
		if err != nil {
			return files, err
		}
		plain := sizeClass(int64(binary.MaxVarintLen64+len(said)) + e.Car)
		x, err := w.putSecret(ctx, src, readers, s.Root, said, refs, plain)
		if err != nil {
			return files, err
		}
		files = append(files, x)
	}
	return files, nil
}

// SealedSize is at most how many bytes Seal puts on the stick.
func SealedSize(s Secret) (size int64) {
	for _, refs := range divide(s.Root, s.Blocks) {
		size += withAge(sizeClass(binary.MaxVarintLen64 + maxEnclosure + carSize(s.Root, refs)))
	}
	return size
}

// withAge is at most how large an age file with so many bytes in it is.
func withAge(plain int64) int64 { return plain + plain/(64<<10)*16 + sealedCost }

// putSecret encrypts one file into the writer.
func (w *Writer) putSecret(ctx context.Context, src blockstore.Viewer, readers []Reader, root cid.Cid, said []byte, refs []Ref, plain int64) (Sealed, error) {
	recipients, err := amongOthers(readers)
	if err != nil {
		return Sealed{}, err
	}
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := encrypt(ctx, in, src, recipients, root, said, refs, plain)
		in.CloseWithError(err) // nil is the end
		done <- err
	}()
	x, err := w.PutSealed(out, withAge(plain))
	out.CloseWithError(io.ErrClosedPipe)
	if sealing := <-done; sealing != nil && sealing != io.ErrClosedPipe {
		return x, sealing
	}
	return x, err
}

func encrypt(ctx context.Context, to io.Writer, src blockstore.Viewer, recipients []age.Recipient, root cid.Cid, said []byte, refs []Ref, plain int64) error {
	sealed, err := age.Encrypt(to, recipients...)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(sealed, 256<<10)
	written := int64(0)
	write := func(b []byte) error {
		n, err := out.Write(b)
		written += int64(n)
		return err
	}
	for _, b := range [][]byte{binary.AppendUvarint(nil, uint64(len(said))), said, header([]cid.Cid{root})} {
		if err := write(b); err != nil {
			return err
		}
	}
	for _, r := range refs {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := src.View(ctx, r.Cid, func(data []byte) error {
			if len(data) != r.Size {
				return fmt.Errorf("%s: %w", r.Cid, ErrChanged)
			}
			if err := write(append(binary.AppendUvarint(nil, uint64(r.Cid.ByteLen()+r.Size)), r.Cid.Bytes()...)); err != nil {
				return err
			}
			return write(data)
		})
		if err != nil {
			return err
		}
	}
	zeros := make([]byte, 64<<10)
	for written < plain {
		if err := write(zeros[:min(int64(len(zeros)), plain-written)]); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return sealed.Close()
}

// divide cuts the blocks of an item into what fits in a sealed file each.
func divide(root cid.Cid, refs []Ref) (parts [][]Ref) {
	room := int64(mostSealed - maxEnclosure - binary.MaxVarintLen64)
	first, size := 0, int64(len(header([]cid.Cid{root})))
	for i, r := range refs {
		n := sectionSize(r)
		if i > first && (size+n > room || i-first == MaxPackBlocks) {
			parts = append(parts, refs[first:i])
			first, size = i, int64(len(header([]cid.Cid{root})))
		}
		size += n
	}
	return append(parts, refs[first:])
}

func sectionSize(r Ref) int64 {
	n := r.Cid.ByteLen() + r.Size
	return int64(len(binary.AppendUvarint(nil, uint64(n))) + n)
}

func carSize(root cid.Cid, refs []Ref) int64 {
	size := int64(len(header([]cid.Cid{root})))
	for _, r := range refs {
		size += sectionSize(r)
	}
	return size
}

// sizeClass is the size in which n bytes hide.
func sizeClass(n int64) int64 {
	class := int64(leastSealed)
	for class < n && class < sealedStep {
		class *= 2
	}
	if class < n {
		class = (n + sealedStep - 1) / sealedStep * sealedStep
	}
	return class
}

// amongOthers hides how many readers there are among keys that were made up and forgotten.
func amongOthers(readers []Reader) ([]age.Recipient, error) {
	if len(readers) == 0 || len(readers) > MaxReaders {
		return nil, fmt.Errorf("%w: %d readers", ErrMalformed, len(readers))
	}
	var all []age.Recipient
	for _, r := range readers {
		all = append(all, r.Key)
	}
	keys := 4
	for keys < len(readers) {
		keys *= 2
	}
	for len(all) < keys {
		nobody, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, err
		}
		all = append(all, nobody.Recipient())
	}
	return all, nil
}
