package stick

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"filippo.io/age"
	blocks "github.com/ipfs/go-block-format"
	car "github.com/ipld/go-car/v2"
	"github.com/libp2p/go-libp2p/core/peer"
)

// ErrNotForUs says that a sealed file is for others, or for a key that is not here any more.
var ErrNotForUs = errors.New("sealed for others")

// Unsealed is an open sealed file.
type Unsealed struct {
	Enclosure
	of   Sealed
	file io.ReadCloser
	in   *bufio.Reader // behind the enclosure
	raw  *bufio.Reader // of the file itself
}

// Unseal opens a sealed file with the key that the node self made public, and verifies who sent it. Errors are
// ErrNotForUs, also for a file sent to this key in the name of another node; ErrMalformed, ErrBadSignature, ErrDamaged,
// ErrHostile. The caller closes it.
func (s *Stick) Unseal(x Sealed, key *age.X25519Identity, self peer.ID) (*Unsealed, error) {
	f, err := s.OpenSealed(x)
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	u := &Unsealed{of: x, file: f, raw: bufio.NewReaderSize(f, maxAgeHeader)}
	if err := u.open(key, self); err != nil {
		f.Close()
		return nil, fmt.Errorf("unseal %s: %w", x.path(), err)
	}
	return u, nil
}

// maxAgeHeader bounds what is before the content of an age file, in bytes. One of 32 readers has 4 KiB.
const maxAgeHeader = 16 << 10

func (u *Unsealed) open(key *age.X25519Identity, self peer.ID) error {
	// age reads lines as long as they come: look first that its header ends.
	head, err := u.raw.Peek(maxAgeHeader)
	if err != nil && err != io.EOF {
		return err
	}
	if !bytes.HasPrefix(head, []byte("age-encryption.org/v1\n")) || !bytes.Contains(head, []byte("\n--- ")) {
		return fmt.Errorf("%w: not an age file", ErrMalformed)
	}
	plain, err := age.Decrypt(u.raw, key)
	var nobody *age.NoIdentityMatchError
	if errors.As(err, &nobody) {
		return ErrNotForUs
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	u.in = bufio.NewReaderSize(plain, 256<<10)
	size, err := binary.ReadUvarint(u.in)
	if err != nil || size > 2*maxEnclosure {
		return fmt.Errorf("%w: no enclosure", ErrMalformed)
	}
	said := make([]byte, size)
	if _, err := io.ReadFull(u.in, said); err != nil {
		return fmt.Errorf("%w: enclosure: %w", ErrMalformed, err)
	}
	if u.Enclosure, err = openEnclosure(said); err != nil {
		return err
	}
	if !slices.Contains(u.To, self) {
		return fmt.Errorf("%w: %s sent it to others", ErrNotForUs, u.Author)
	}
	return nil
}

// Close lets go of the file.
func (u *Unsealed) Close() error { return u.file.Close() }

const (
	unsealBatch  = 8 << 20
	unsealBlocks = 4096
)

// Walk hands the blocks to put, in batches of about 8 MiB, and reads the file to its end. Blocks are not hashed here:
// put does so, as store.Incoming.PutMany does. ErrMalformed when there is something else than was promised; put's errors
// and ctx end it. It can be called once.
func (u *Unsealed) Walk(ctx context.Context, put func(context.Context, []blocks.Block) error) error {
	if err := u.walk(ctx, put); err != nil {
		return fmt.Errorf("%s: %w", u.of.path(), err)
	}
	return nil
}

func (u *Unsealed) walk(ctx context.Context, put func(context.Context, []blocks.Block) error) error {
	content := &io.LimitedReader{R: u.in, N: u.Car}
	in, err := car.NewBlockReader(content, car.WithTrustedCAR(true), car.MaxAllowedHeaderSize(maxHeader), car.MaxAllowedSectionSize(MaxBlock+maxCid))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(in.Roots) != 1 || !in.Roots[0].Equals(u.Root) {
		return fmt.Errorf("%w: a CAR of %v", ErrMalformed, in.Roots)
	}
	left := u.Blocks
	for left > 0 {
		var batch []blocks.Block
		for size := 0; left > 0 && size < unsealBatch && len(batch) < unsealBlocks; left-- {
			b, err := in.Next()
			if err != nil {
				return fmt.Errorf("%w: block %d of %d: %w", ErrMalformed, u.Blocks-left+1, u.Blocks, err)
			}
			if err := checkCid(b.Cid()); err != nil {
				return err
			}
			batch, size = append(batch, b), size+len(b.RawData())
		}
		if err := put(ctx, batch); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if content.N > 0 {
		return fmt.Errorf("%w: %d bytes behind the last block", ErrMalformed, content.N)
	}
	return u.end(ctx)
}

// end reads the zeros, and then nothing more.
func (u *Unsealed) end(ctx context.Context) error {
	b := make([]byte, 64<<10)
	for {
		n, err := u.in.Read(b)
		if len(bytes.Trim(b[:n], "\x00")) > 0 {
			return fmt.Errorf("%w: something behind the blocks", ErrMalformed)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
