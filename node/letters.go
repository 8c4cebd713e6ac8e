package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// letters are what nodes signed to be carried by hand, the newest of each node:
// want lists, or receipts. Each is a file named by its author and its count, so
// that nothing has to be opened to know what there is.
type letters struct {
	dir   string
	room  int64 // bytes of all
	self  peer.ID
	known func() map[peer.ID]bool // nodes that were met; those of others give way to theirs

	mu   sync.Mutex // guards kept, and the files
	kept map[peer.ID]letter
}

// letter is what is known of one without opening it.
type letter struct {
	count uint64
	size  int64
	read  time.Time // when it came here, by this node's clock
}

// maxLetters is of how many nodes letters are kept, as many as a stick carries.
const maxLetters = 900

func openLetters(dir string, room int64, self peer.ID, known func() map[peer.ID]bool) (*letters, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open letters: %w", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open letters: %w", err)
	}
	l := &letters{dir: dir, room: room, self: self, known: known, kept: map[peer.ID]letter{}}
	for _, f := range files {
		author, count, ok := strings.Cut(f.Name(), ".")
		id, err := peer.Decode(author)
		k := letter{}
		if err == nil && ok {
			k.count, err = strconv.ParseUint(count, 10, 64)
		}
		info, statErr := f.Info()
		if err = errors.Join(err, statErr); err == nil && ok {
			k.size, k.read = info.Size(), info.ModTime()
		}
		old, twice := l.kept[id]
		switch {
		case err != nil || !ok:
			err = os.Remove(filepath.Join(dir, f.Name())) // of a writing that was cut
		case twice && old.count > k.count:
			err = os.Remove(l.path(id, k))
		case twice:
			err = os.Remove(l.path(id, old))
			l.kept[id] = k
		default:
			l.kept[id] = k
		}
		if err != nil {
			return nil, fmt.Errorf("open letters: %w", err)
		}
	}
	return l, nil
}

func (l *letters) path(id peer.ID, k letter) string {
	return filepath.Join(l.dir, id.String()+"."+strconv.FormatUint(k.count, 10))
}

// errNoRoom says that a letter is not kept: those of nodes that were met go
// before.
var errNoRoom = errors.New("no room for letters of nodes never met")

// keep takes a letter that was verified, and returns whether it is newer than
// the one kept. It is on the disk then.
func (l *letters) keep(id peer.ID, count uint64, b []byte) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, ok := l.kept[id]
	if ok && old.count >= count {
		return false, nil
	}
	if !l.makeRoom(id, int64(len(b))) {
		return false, errNoRoom
	}
	k := letter{count: count, size: int64(len(b)), read: time.Now()}
	if err := replaceFile(l.path(id, k), b); err != nil {
		return false, err
	}
	if ok {
		if err := l.drop(id); err != nil {
			return false, err
		}
	}
	l.kept[id] = k
	return true, nil
}

// makeRoom drops letters for one of a node that was met: those of nodes that
// were not, then others, the longest here first. The caller holds mu.
func (l *letters) makeRoom(id peer.ID, size int64) bool {
	var others []peer.ID
	all := size
	for other, k := range l.kept {
		if other != id {
			others = append(others, other)
			all += k.size
		}
	}
	fits := func() bool { return len(others) < maxLetters && all <= l.room }
	if fits() {
		return true
	}
	known := l.known()
	known[l.self] = true
	if !known[id] {
		return false
	}
	slices.SortFunc(others, func(a, b peer.ID) int {
		if known[a] != known[b] {
			if known[b] {
				return -1
			}
			return 1
		}
		return l.kept[a].read.Compare(l.kept[b].read)
	})
	for len(others) > 0 && !fits() {
		old := others[0]
		size := l.kept[old].size
		if old != l.self {
			if l.drop(old) != nil {
				return false
			}
			all -= size
		}
		others = others[1:]
	}
	return fits()
}

// drop forgets a letter. The caller holds mu.
func (l *letters) drop(id peer.ID) error {
	if err := os.Remove(l.path(id, l.kept[id])); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	delete(l.kept, id)
	return nil
}

// authors lists whose letters are kept, in order.
func (l *letters) authors() []peer.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]peer.ID, 0, len(l.kept))
	for id := range l.kept {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// of reads the letter of a node; fs.ErrNotExist when there is none.
func (l *letters) of(id peer.ID) ([]byte, letter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.kept[id]
	if !ok {
		return nil, k, fs.ErrNotExist
	}
	b, err := os.ReadFile(l.path(id, k))
	return b, k, err
}
