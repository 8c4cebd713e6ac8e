package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
)

// ErrDamaged is returned when reading a range of a file whose bytes on disk are not those that were stored, and no
// other right copy is at hand. Receive repairs it.
var ErrDamaged = errors.New("damaged on disk")

// mark names a range of an item that is wrong on disk: a place in a file, or a node of the .dag file by multihash.
type mark struct {
	kind kind
	path string // the multihash for inDag
	off  int64
}

// damaged is what should be in a marked range.
type damaged struct {
	block cid.Cid
	size  int64
}

func markOf(r ref, mh string) mark {
	if r.kind == inDag {
		return mark{kind: inDag, path: mh}
	}
	return mark{kind: r.kind, path: r.path, off: r.off}
}

func (sp *space) markKey(root string, m mark) []byte {
	k := appendString(sp.key('x', ""), root)
	k = append(k, byte(m.kind))
	k = binary.BigEndian.AppendUint64(k, uint64(m.off))
	return append(k, m.path...)
}

// mark notes that block c is wrong at r, so that it is not tried again. Marks are found again by reading, so one that
// cannot be written is only kept in memory.
func (sp *space) mark(c cid.Cid, r ref, cause error) {
	switch r.kind {
	case loose:
		sp.dropLoose(c, r)
		return
	case waiting:
		sp.dropWaiting(c, r)
		return
	}
	m, d := markOf(r, string(c.Hash())), damaged{block: c, size: r.size}
	sp.mu.Lock()
	h, ok := sp.held[r.root]
	if ok {
		if _, known := h.marks[m]; known {
			ok = false
		} else {
			h.addMark(m, d)
		}
	}
	sp.mu.Unlock()
	if !ok {
		return
	}
	sp.log.Warn("wrong bytes on disk, marked", "item", h.root, "path", r.path, "offset", r.off, "block", c, "err", cause)
	if err := sp.idx.set(sp.markKey(r.root, m), encodeDamaged(d)); err != nil {
		sp.log.Warn("mark not kept", "err", err)
	}
}

// dropWaiting forgets a waiting block that is wrong or gone; it will be sent again.
func (sp *space) dropWaiting(c cid.Cid, r ref) {
	err := sp.edit(func(e *edit) error {
		return e.forget(string(c.Hash()), func(o ref) bool { return o == r })
	})
	if err != nil {
		sp.log.Warn("wrong waiting block not forgotten", "block", c, "err", err)
	}
}

func (h *held) addMark(m mark, d damaged) {
	if h.marks == nil {
		h.marks = make(map[mark]damaged)
	}
	h.marks[m] = d
}

// unmark forgets marks of an item that is right again.
func (sp *space) unmark(root cid.Cid, marks []mark) error {
	if len(marks) == 0 {
		return nil
	}
	err := sp.edit(func(e *edit) error {
		for _, m := range marks {
			e.del(sp.markKey(root.KeyString(), m))
		}
		return nil
	})
	if err != nil {
		return err
	}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if h, ok := sp.held[root.KeyString()]; ok {
		for _, m := range marks {
			delete(h.marks, m)
		}
	}
	return nil
}

// loadMarks attaches the marks of the index to what is held; marks of anything else are returned to be deleted.
func (sp *space) loadMarks() (stale [][]byte, err error) {
	err = sp.idx.each(sp.key('x', ""), func(key, value []byte) error {
		root, m, err := decodeMark(key[2:])
		var d damaged
		if err == nil {
			d, err = decodeDamaged(value)
		}
		h, ok := sp.held[root]
		if err != nil || !ok {
			stale = append(stale, key)
			return nil
		}
		h.addMark(m, d)
		return nil
	})
	return stale, err
}

func decodeMark(b []byte) (root string, m mark, err error) {
	if root, b, err = cutString(b); err != nil {
		return "", m, err
	}
	if len(b) < 9 {
		return "", m, errShort
	}
	m = mark{kind: kind(b[0]), off: int64(binary.BigEndian.Uint64(b[1:])), path: string(b[9:])}
	return root, m, nil
}

func encodeDamaged(d damaged) []byte {
	return append(binary.AppendUvarint(nil, uint64(d.size)), d.block.Bytes()...)
}

func decodeDamaged(b []byte) (damaged, error) {
	size, b, err := cutUvarint(b)
	if err != nil {
		return damaged{}, err
	}
	c, err := cid.Cast(b)
	if err != nil {
		return damaged{}, fmt.Errorf("mark: %w", err)
	}
	return damaged{block: c, size: int64(size)}, nil
}
