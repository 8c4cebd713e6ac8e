package stick

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// loadIndex returns the index of a pack, from its file or, when that is missing or wrong, from the CAR. It may be nil,
// or end before the pack should; the damage says why.
func loadIndex(ctx context.Context, root *os.Root, number int, p Pack) (*index, []Damage) {
	var damage []Damage
	x, err := readIndex(root, p)
	if err != nil {
		damage = append(damage, asDamage(p.idx(), err)) // nothing is lost with it
		x = nil
	}
	f, size, err := openFile(root, p.car())
	if err != nil {
		d := damageOf(p.car(), err)
		d.pack, d.blocks = number, p.Blocks
		return nil, append(damage, d)
	}
	defer f.Close()
	if x == nil {
		if x, err = scanIndex(ctx, f, min(size, p.Size)); err != nil {
			d := Damage{File: p.car(), At: -1, Err: ErrDamaged, What: err.Error(), pack: number, blocks: p.Blocks}
			return nil, append(damage, d)
		}
	}
	whole := 0 // blocks that are all there
	for whole < x.len() && int64(x.off[whole+1]) <= size {
		whole++
	}
	switch {
	case whole < p.Blocks && size < p.Size:
		damage = append(damage, Damage{File: p.car(), At: size, Err: ErrDamaged, What: sizes(size, p.Size), pack: number, first: whole, blocks: p.Blocks - whole})
	case whole < p.Blocks:
		damage = append(damage, Damage{File: p.car(), At: int64(x.off[whole]), Err: ErrDamaged, What: "not readable without its index", pack: number, first: whole, blocks: p.Blocks - whole})
	case size != p.Size:
		damage = append(damage, Damage{File: p.car(), At: -1, Err: ErrDamaged, What: sizes(size, p.Size)})
	}
	return x.cut(min(whole, p.Blocks)), damage
}

// asDamage keeps a Damage as it is, and makes one of any other error.
func asDamage(name string, err error) Damage {
	if d, ok := errors.AsType[Damage](err); ok {
		return d
	}
	return damageOf(name, err)
}

// cut is the index of the first n blocks; nil for none.
func (x *index) cut(n int) *index {
	if n == 0 {
		return nil
	}
	return &index{raw: x.raw[:x.at[n]], at: x.at[:n+1], off: x.off[:n+1]}
}

// readIndex reads the file of an index that has the name it proves.
func readIndex(root *os.Root, p Pack) (*index, error) {
	f, err := openNamed(root, p.idx(), p.Index)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := readAll(f, p.Index)
	if err != nil {
		return nil, err
	}
	x, err := parseIndex(raw)
	if err == nil && x.pack() != p {
		err = errors.New("not what its name says")
	}
	return x, err
}

// scanIndex makes an index of the first size bytes of a CAR, as far as it can be read.
func scanIndex(ctx context.Context, f io.ReaderAt, size int64) (*index, error) {
	var prefix [binary.MaxVarintLen64]byte
	if n, err := f.ReadAt(prefix[:], 0); n == 0 {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	total, used := binary.Uvarint(prefix[:])
	if used <= 0 || total > maxHeader || int64(total)+int64(used) > size {
		return nil, fmt.Errorf("%w: header of a CAR", ErrMalformed)
	}
	raw := make([]byte, used+int(total))
	if _, err := f.ReadAt(raw, 0); err != nil {
		return nil, err
	}
	if _, err := headerIn(raw); err != nil {
		return nil, err
	}
	x := &index{raw: raw, at: []uint32{uint32(len(raw))}, off: []uint32{uint32(len(raw))}}
	var head [binary.MaxVarintLen64 + maxCid]byte
	for ctx.Err() == nil && x.size() < size {
		n, err := f.ReadAt(head[:min(int64(len(head)), size-x.size())], x.size())
		if n == 0 {
			return x, ignoreEOF(err)
		}
		n, data, err := sectionIn(head[:n])
		if err != nil || x.add(n, data) != nil {
			return x, nil
		}
		x.raw = append(x.raw, head[:n]...)
	}
	return x, ctx.Err()
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// indexCache keeps the indexes that were used last.
type indexCache struct {
	mu   sync.Mutex // guards kept, the oldest first
	kept []keptIndex
}

type keptIndex struct {
	number int
	x      *index // nil when nothing of the pack can be read
	damage []Damage
}

// maxKept bounds the bytes of the indexes kept beside the last one.
const maxKept = 16 << 20

// index is loadIndex for who comes back to the same packs.
func (s *Stick) index(ctx context.Context, number int) (*index, []Damage, error) {
	c := &s.indexes
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kept {
		if k.number == number {
			return k.x, k.damage, nil
		}
	}
	room := maxKept
	for i := len(c.kept) - 1; i >= 0; i-- {
		if room -= c.kept[i].x.bytes(); room < 0 {
			c.kept = slices.Delete(c.kept, 0, i+1)
			break
		}
	}
	x, damage := loadIndex(ctx, s.root, number, s.manifest.Packs[number])
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	c.kept = append(c.kept, keptIndex{number, x, damage})
	return x, damage, nil
}

// bytes is what an index takes in memory, about.
func (x *index) bytes() int {
	if x == nil {
		return 1 << 10
	}
	return len(x.raw) + 8*len(x.at)
}

// pathExists tells whether something of that name is there.
func pathExists(root *os.Root, name string) bool {
	_, err := root.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// sameHead tells whether a CAR begins as its index says.
func sameHead(f io.ReaderAt, x *index) bool {
	b := make([]byte, len(x.head()))
	_, err := f.ReadAt(b, 0)
	return err == nil && bytes.Equal(b, x.head())
}
