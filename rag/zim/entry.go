package zim

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

const (
	maxPath  = 2048     // bytes of a path
	maxEntry = 16 << 10 // bytes of an entry as it lies in the archive
	maxChain = 32       // redirects followed, one after the other

	redirectMark = 0xffff
	firstDeleted = 0xfffd // deleted, and a mark of link targets: no content
)

// An Entry is a name in an archive: of content, or of another entry.
type Entry struct {
	Index     uint32 // among all entries, in the order of name spaces and paths
	Namespace byte
	Path      string // without the name space
	Title     string // the path where none is given
	MIME      string // media type; "" where there is no content
	Redirect  bool   // stands for another entry, see [Archive.Follow]

	target        uint32
	cluster, blob uint32
}

// Entry returns the entry at index i. Errors: ErrNotFound beyond the last, ErrDamaged, ErrTruncated.
func (a *Archive) Entry(i uint32) (Entry, error) {
	if i >= a.entries {
		return Entry{}, fmt.Errorf("%w: entry %d of %d", ErrNotFound, i, a.entries)
	}
	at, err := a.pointer(a.entryList, i)
	if err != nil {
		return Entry{}, fmt.Errorf("pointer of entry %d: %w", i, err)
	}
	if at < 72 || at >= uint64(a.end) {
		return Entry{}, fmt.Errorf("%w: entry %d at byte %d of %d", ErrDamaged, i, at, a.end)
	}
	e, err := a.parseEntry(int64(at))
	if err != nil {
		return Entry{}, fmt.Errorf("entry %d: %w", i, err)
	}
	e.Index = i
	return e, nil
}

// parseEntry reads what lies at byte at:
//
//	media type u16 | parameters u8 | name space u8 | revision u32 | cluster u32, blob u32 | path 0 title 0
//
// A redirect has the index of its target instead of cluster and blob, a deleted entry neither.
func (a *Archive) parseEntry(at int64) (Entry, error) {
	b := make([]byte, min(512, a.end-at))
	for {
		if err := a.read(b, at); err != nil {
			return Entry{}, err
		}
		e, ok, err := a.parse(b)
		if ok || err != nil {
			return e, err
		}
		if int64(len(b)) == a.end-at || len(b) >= maxEntry {
			return Entry{}, fmt.Errorf("%w: its path does not end", ErrDamaged)
		}
		b = make([]byte, min(maxEntry, a.end-at))
	}
}

// parse reads an entry from its first bytes; not ok asks for more of them.
func (a *Archive) parse(b []byte) (e Entry, ok bool, err error) {
	le, head := binary.LittleEndian, 16
	if len(b) < head {
		return e, false, nil
	}
	kind := le.Uint16(b)
	e.Namespace = b[3]
	switch {
	case kind == redirectMark:
		e.Redirect, e.target, head = true, le.Uint32(b[8:]), 12
	case kind >= firstDeleted:
		head = 8
	case int(kind) >= len(a.mimes):
		return e, false, fmt.Errorf("%w: media type %d of %d", ErrDamaged, kind, len(a.mimes))
	default:
		e.MIME, e.cluster, e.blob = a.mimes[kind], le.Uint32(b[8:]), le.Uint32(b[12:])
	}
	path, rest, ok1 := bytes.Cut(b[head:], []byte{0})
	title, _, ok2 := bytes.Cut(rest, []byte{0})
	if len(path) > maxPath {
		return e, false, fmt.Errorf("%w: a path of more than %d bytes", ErrDamaged, maxPath)
	}
	e.Path, e.Title = string(path), cmp.Or(string(title), string(path))
	return e, ok1 && ok2, nil
}

// Name is the path that finds e again: in an archive with the new names the one under C, in older ones
// with its name space before it, as in "A/Paris". It is what links inside the archive are relative to.
func (a *Archive) Name(e Entry) string {
	if a.newNames() && e.Namespace == 'C' {
		return e.Path
	}
	return string(rune(e.Namespace)) + "/" + e.Path
}

// Find returns the entry of that name, see [Archive.Name]; redirects are not followed. Errors:
// ErrNotFound, ErrDamaged, ErrTruncated.
func (a *Archive) Find(name string) (Entry, error) {
	if a.newNames() {
		return a.find('C', name)
	}
	if space, path, ok := strings.Cut(name, "/"); ok && len(space) == 1 {
		return a.find(space[0], path)
	}
	return a.find('A', name)
}

// find searches the entries, which are in the order of name spaces and paths.
func (a *Archive) find(space byte, path string) (Entry, error) {
	from, to := uint32(0), a.entries
	for from < to {
		mid := from + (to-from)/2
		e, err := a.Entry(mid)
		if err != nil {
			return Entry{}, fmt.Errorf("look for %c/%s: %w", space, path, err)
		}
		switch c := cmp.Or(cmp.Compare(e.Namespace, space), strings.Compare(e.Path, path)); {
		case c == 0:
			return e, nil
		case c < 0:
			from = mid + 1
		default:
			to = mid
		}
	}
	return Entry{}, fmt.Errorf("%w: %c/%s", ErrNotFound, space, path)
}

// Follow returns the entry with content that e stands for, e itself when it has some. Redirects in a
// circle or in a chain without end are ErrDamaged.
func (a *Archive) Follow(e Entry) (Entry, error) {
	var seen []uint32
	for e.Redirect {
		if slices.Contains(seen, e.Index) {
			return Entry{}, fmt.Errorf("%w: redirects of %c/%s go round in a circle", ErrDamaged, e.Namespace, e.Path)
		}
		if len(seen) == maxChain {
			return Entry{}, fmt.Errorf("%w: more than %d redirects before %c/%s", ErrDamaged, maxChain, e.Namespace, e.Path)
		}
		seen = append(seen, e.Index)
		if e.target >= a.entries {
			return Entry{}, fmt.Errorf("%w: %c/%s redirects to entry %d of %d", ErrDamaged, e.Namespace, e.Path, e.target, a.entries)
		}
		next, err := a.Entry(e.target)
		if err != nil {
			return Entry{}, fmt.Errorf("redirect of %c/%s: %w", e.Namespace, e.Path, err)
		}
		e = next
	}
	if e.MIME == "" {
		return Entry{}, fmt.Errorf("%w: %c/%s has no content", ErrNotFound, e.Namespace, e.Path)
	}
	return e, nil
}

// MainPage returns the page the archive opens with, followed; ErrNotFound when it names none.
func (a *Archive) MainPage() (Entry, error) {
	if a.newNames() {
		if e, err := a.find('W', "mainPage"); err == nil {
			return a.Follow(e)
		}
	}
	if a.mainPage == none {
		return Entry{}, fmt.Errorf("main page: %w", ErrNotFound)
	}
	e, err := a.Entry(a.mainPage)
	if err != nil {
		return Entry{}, fmt.Errorf("main page: %w", err)
	}
	return a.Follow(e)
}
