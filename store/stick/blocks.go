package stick

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Blocks are the blocks of all packs by CID. It is safe for concurrent use.
type Blocks struct {
	root   *os.Root
	packs  []Pack
	table  *table
	damage []Damage
}

// Blocks reads the indexes of all packs: 16 bytes of memory a block. A pack whose index is gone or wrong is read
// through for its blocks; what is then still wrong is told by [Blocks.Damage], and the others are there.
func (s *Stick) Blocks(ctx context.Context) (*Blocks, error) {
	n := 0
	for _, p := range s.manifest.Packs {
		n += min(p.Blocks, int(p.Index/least)+1)
	}
	b := &Blocks{root: s.root, packs: s.manifest.Packs, table: newTable(n)}
	for i, p := range b.packs {
		x, damage := loadIndex(ctx, s.root, i, p)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if x != nil {
			b.table.append(i, x)
		}
		if b.damage = append(b.damage, damage...); len(b.damage) > MaxDamage {
			return nil, fmt.Errorf("%w: more than %d files", ErrDamaged, MaxDamage)
		}
	}
	b.table.sort()
	blame(s.manifest, b.damage)
	return b, nil
}

// Damage tells of the packs that are missing, cut or wrong.
func (b *Blocks) Damage() []Damage { return b.damage }

// Has tells whether a pack has the block. Whether it has it right only Get tells.
func (b *Blocks) Has(_ context.Context, c cid.Cid) (bool, error) {
	_, ok := b.table.find(c)
	return ok, nil
}

// GetSize returns the size of a block, or ipld.ErrNotFound.
func (b *Blocks) GetSize(_ context.Context, c cid.Cid) (int, error) {
	f, _, size, err := b.find(c)
	if err != nil {
		return -1, err
	}
	return size, f.Close()
}

// Get reads a block and checks its hash: ErrDamaged. A block that is not there is an ipld.ErrNotFound.
func (b *Blocks) Get(_ context.Context, c cid.Cid) (blocks.Block, error) {
	f, off, size, err := b.find(c)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, size)
	if _, err := f.ReadAt(data, off); err != nil {
		return nil, b.wrong(c, err.Error())
	}
	if !matches(c, data) {
		return nil, b.wrong(c, "not what its hash says")
	}
	return blocks.NewBlockWithCid(data, c)
}

// find opens the pack of a block, and tells where in it the bytes of the block are.
func (b *Blocks) find(c cid.Cid) (f *os.File, off int64, size int, err error) {
	p, ok := b.table.find(c)
	if !ok {
		return nil, 0, 0, ipld.ErrNotFound{Cid: c}
	}
	car := b.packs[p.pack()].car()
	if f, _, err = openFile(b.root, car); err != nil {
		return nil, 0, 0, damageOf(car, err)
	}
	var head [binary.MaxVarintLen64 + maxCid]byte
	n, _ := f.ReadAt(head[:], p.off())
	n, size, err = sectionIn(head[:n])
	if err != nil {
		f.Close()
		return nil, 0, 0, b.wrong(c, err.Error())
	}
	_, used := binary.Uvarint(head[:n])
	_, there, err := cid.CidFromBytes(head[used:n])
	if err != nil || string(there.Hash()) != string(c.Hash()) {
		f.Close()
		return nil, 0, 0, b.wrong(c, "another block in its place")
	}
	return f, p.off() + int64(n), size, nil
}

func (b *Blocks) wrong(c cid.Cid, what string) error {
	p, _ := b.table.find(c)
	return Damage{File: b.packs[p.pack()].car(), At: p.off(), Block: &c, What: what, Err: ErrDamaged}
}

// matches tells whether data are the bytes of a block.
func matches(c cid.Cid, data []byte) bool {
	is, err := c.Prefix().Sum(data)
	return err == nil && string(is.Hash()) == string(c.Hash())
}
