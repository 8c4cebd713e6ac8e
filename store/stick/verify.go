package stick

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ipfs/go-cid"
)

// Report is what Verify found.
type Report struct {
	Packs   int       `json:"packs"`            // right
	Blocks  int64     `json:"blocks"`           // right
	Bytes   int64     `json:"bytes"`            // of the right blocks
	Entries int       `json:"entries"`          // readable, whoever signed them
	Letters int       `json:"letters"`          // right
	Sealed  int       `json:"sealed"`           // right
	Damage  []Damage  `json:"damage,omitempty"` // what is not, at most MaxDamage
	Hurt    []cid.Cid `json:"hurt,omitempty"`   // the items that lack something by it
}

// MaxDamage is after how many damaged blocks and files Verify and Walk give a stick up.
const MaxDamage = 1024

// Verify reads everything the MANIFEST names and checks it: each block by its CID, each file by its hash, wants and
// receipts by their signatures. It needs no node. progress, which may be nil, is told the bytes read and those to read.
// What is wrong is in the report; an error is ctx's, or ErrDamaged when there is so much of it that the rest was not read.
func (s *Stick) Verify(ctx context.Context, progress func(done, total int64)) (Report, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	v := &verifying{s: s, progress: progress, total: s.manifest.Size()}
	err := v.all(ctx)
	v.Hurt = blame(s.manifest, v.Damage)
	if err != nil {
		return v.Report, fmt.Errorf("verify stick: %w", err)
	}
	return v.Report, nil
}

type verifying struct {
	Report
	s           *Stick
	progress    func(done, total int64)
	done, total int64
}

func (v *verifying) all(ctx context.Context) error {
	if err := v.letters(ctx); err != nil {
		return err
	}
	for _, x := range v.s.manifest.Sealed {
		if err := v.sealed(ctx, x); err != nil {
			return err
		}
	}
	for i, p := range v.s.manifest.Packs {
		if err := v.pack(ctx, i, p); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifying) letters(ctx context.Context) error {
	for e, err := range v.s.Entries() {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if err := v.wrong(asDamage("catalogue", err)); err != nil {
				return err
			}
		case e != nil:
			v.Entries++
		}
	}
	for _, l := range v.s.manifest.Letters {
		b, err := v.s.Letter(l)
		if err == nil {
			err = l.open(b)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := v.note(&v.Letters, l.path(), l.Size, err); err != nil {
			return err
		}
	}
	return nil
}

// open verifies what a letter of a kind that is ours says.
func (l Letter) open(b []byte) error {
	author := l.Node
	switch l.Kind {
	case WantLetter:
		w, err := OpenWant(b)
		if err != nil {
			return err
		}
		author = w.Author
	case ReceiptsLetter:
		r, err := OpenReceipts(b)
		if err != nil {
			return err
		}
		author = r.Author
	}
	if author != l.Node {
		return fmt.Errorf("%w: of %s, filed under %s", ErrHostile, author, l.Node)
	}
	return nil
}

func (v *verifying) sealed(ctx context.Context, x Sealed) error {
	f, err := v.s.OpenSealed(x)
	if err == nil {
		for err == nil && ctx.Err() == nil {
			_, err = io.CopyN(io.Discard, f, 16<<20)
		}
		err = errors.Join(ignoreEOF(err), f.Close())
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return v.note(&v.Sealed, x.path(), x.Size, err)
}

// note counts a file that is right, or takes down what is wrong with it.
func (v *verifying) note(right *int, name string, size int64, err error) error {
	v.done += size
	v.progress(v.done, v.total)
	if err == nil {
		*right++
		return nil
	}
	return v.wrong(asDamage(name, err))
}

func (v *verifying) wrong(damage ...Damage) error {
	v.Damage = append(v.Damage, damage...)
	if len(v.Damage) >= MaxDamage {
		v.Damage = v.Damage[:MaxDamage]
		return fmt.Errorf("%w in more than %d places, given up", ErrDamaged, MaxDamage)
	}
	return nil
}

// pack hashes all blocks of a pack, those that no item needs as well.
func (v *verifying) pack(ctx context.Context, number int, p Pack) error {
	var right, size atomic.Int64
	var telling sync.Mutex
	before := v.done
	damage, err := v.s.read(ctx, Runs{{Pack: uint32(number), Blocks: uint32(p.Blocks)}}, nil, func(_ context.Context, r *reading, b *batch) error {
		for i, block := range b.blocks {
			switch {
			case !matches(block.Cid(), block.RawData()):
				if err := r.wrongBlock(b, i, notItsHash); err != nil {
					return err
				}
			case !b.from[i].head:
				if err := r.wrong(Damage{File: p.car(), At: b.from[i].off, Err: ErrDamaged, What: "another name before a block that is right", pack: number}, 1); err != nil {
					return err
				}
			default:
				right.Add(1)
				size.Add(int64(len(block.RawData())))
			}
		}
		telling.Lock()
		defer telling.Unlock()
		v.done += int64(len(b.buf))
		v.progress(v.done, v.total)
		return nil
	})
	v.Blocks, v.Bytes, v.done = v.Blocks+right.Load(), v.Bytes+size.Load(), before+p.Size+p.Index
	v.progress(v.done, v.total)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	if !v.headRight(ctx, number, p) {
		damage = append(damage, Damage{File: p.car(), At: 0, Err: ErrDamaged, What: "another header than in the index"})
	}
	if len(damage) == 0 {
		v.Packs++
	}
	slices.SortFunc(damage, func(a, b Damage) int { return int(a.At - b.At) })
	return errors.Join(err, v.wrong(damage...))
}

// headRight compares the header of a CAR, where it can be read, with that of the index.
func (v *verifying) headRight(ctx context.Context, number int, p Pack) bool {
	x, _, err := v.s.index(ctx, number)
	if err != nil || x == nil {
		return true
	}
	f, _, err := openFile(v.s.root, p.car())
	if err != nil {
		return true
	}
	defer f.Close()
	return sameHead(f, x)
}
