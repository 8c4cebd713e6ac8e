package store

import (
	"encoding/binary"
	"errors"
	"slices"

	badger "github.com/dgraph-io/badger/v4"
)

// kind says what sort of place a reference points to.
type kind byte

const (
	inFile  kind = 'f' // a range of a file of an item
	inDag   kind = 'n' // a section of an item's .dag file
	waiting kind = 'w' // a file of its own, until its place in an unfinished item is known
	loose   kind = 'l' // a file of its own, of no item
)

// ref is one place where a block lies. An item has at most one reference for a block, however often it holds it.
type ref struct {
	kind kind
	root string // KeyString of the item, "" when loose
	path string // slash-separated, relative to what kind says; "" for inDag
	off  int64
	size int64
}

func encodeRefs(refs []ref) []byte {
	var b []byte
	for _, r := range refs {
		b = append(b, byte(r.kind))
		b = appendString(b, r.root)
		b = appendString(b, r.path)
		b = binary.AppendUvarint(b, uint64(r.off))
		b = binary.AppendUvarint(b, uint64(r.size))
	}
	return b
}

var errShort = errors.New("record is cut short")

func decodeRefs(b []byte) ([]ref, error) {
	var refs []ref
	for len(b) > 0 {
		r := ref{kind: kind(b[0])}
		var off, size uint64
		var err error
		if r.root, b, err = cutString(b[1:]); err != nil {
			return nil, err
		}
		if r.path, b, err = cutString(b); err != nil {
			return nil, err
		}
		if off, b, err = cutUvarint(b); err != nil {
			return nil, err
		}
		if size, b, err = cutUvarint(b); err != nil {
			return nil, err
		}
		r.off, r.size = int64(off), int64(size)
		if r.off < 0 || r.size < 0 {
			return nil, errShort
		}
		refs = append(refs, r)
	}
	return refs, nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func cutString(b []byte) (string, []byte, error) {
	n, b, err := cutUvarint(b)
	if err != nil || n > uint64(len(b)) {
		return "", nil, errShort
	}
	return string(b[:n]), b[n:], nil
}

func cutUvarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, errShort
	}
	return v, b[n:], nil
}

// edit gathers changes to the references of one space. They reach the disk together, or in a few commits when there
// are very many; whoever needs to know that all of them did sets a record last, in an edit of its own.
type edit struct {
	sp      *space
	refs    map[string][]ref // by multihash; an empty list deletes
	records map[string][]byte
	deletes map[string]struct{}
}

// editLimit bounds the memory of an edit.
const editLimit = 8192

// edit runs f and commits what it changed. Only one edit runs at a time.
func (sp *space) edit(f func(*edit) error) error {
	sp.idx.write.Lock()
	defer sp.idx.write.Unlock()
	e := &edit{sp: sp}
	e.reset()
	if err := f(e); err != nil {
		return err
	}
	return e.commit()
}

func (e *edit) reset() {
	e.refs = make(map[string][]ref)
	e.records = make(map[string][]byte)
	e.deletes = make(map[string]struct{})
}

func (e *edit) list(mh string) ([]ref, error) {
	if l, ok := e.refs[mh]; ok {
		return l, nil
	}
	return e.sp.refs(mh)
}

// add notes that block mh lies at r. A file reference of the same item is kept, other ones of that item are replaced.
func (e *edit) add(mh string, r ref) error {
	old, err := e.list(mh)
	if err != nil {
		return err
	}
	l := slices.Clone(old)
	i := slices.IndexFunc(l, func(o ref) bool { return o.root == r.root })
	switch {
	case i < 0:
		l = append(l, r)
	case l[i] == r || l[i].kind == inFile && r.kind == inFile && l[i].size == r.size:
		return nil
	default:
		l[i] = r
	}
	e.refs[mh] = l
	return e.spill()
}

// forget drops the references of block mh for which gone is true.
func (e *edit) forget(mh string, gone func(ref) bool) error {
	old, err := e.list(mh)
	if err != nil {
		return err
	}
	e.refs[mh] = slices.DeleteFunc(slices.Clone(old), gone)
	return e.spill()
}

func (e *edit) set(key, value []byte) {
	delete(e.deletes, string(key))
	e.records[string(key)] = value
}

func (e *edit) del(key []byte) {
	delete(e.records, string(key))
	e.deletes[string(key)] = struct{}{}
}

func (e *edit) spill() error {
	if len(e.refs) < editLimit {
		return nil
	}
	refs := e.refs
	e.refs = make(map[string][]ref)
	return e.sp.idx.commit(func(b *badger.WriteBatch) error { return e.write(b, refs) })
}

func (e *edit) write(b *badger.WriteBatch, refs map[string][]ref) error {
	for mh, l := range refs {
		key := e.sp.blockKey(mh)
		if len(l) == 0 {
			if err := b.Delete(key); err != nil {
				return err
			}
			continue
		}
		if err := b.Set(key, seal(encodeRefs(l))); err != nil {
			return err
		}
	}
	return nil
}

func (e *edit) commit() error {
	if len(e.refs)+len(e.records)+len(e.deletes) == 0 {
		return nil
	}
	defer e.reset()
	return e.sp.idx.commit(func(b *badger.WriteBatch) error {
		if err := e.write(b, e.refs); err != nil {
			return err
		}
		for k := range e.deletes {
			if err := b.Delete([]byte(k)); err != nil {
				return err
			}
		}
		for k, v := range e.records {
			if err := b.Set([]byte(k), seal(v)); err != nil {
				return err
			}
		}
		return nil
	})
}
