package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// HoldingLife is how long a holding counts after it was last heard.
	HoldingLife = 30 * 24 * time.Hour
	// renewAfter is how old our own holding may become before it is signed again, unchanged.
	renewAfter = 7 * 24 * time.Hour
)

// HoldingsOptions for OpenHoldings. Dir and Self are required, the rest has a useful zero value.
type HoldingsOptions struct {
	// Dir is the folder of the holdings, made if missing; one Holdings per Dir.
	Dir string
	// Self is whose holding State signs.
	Self peer.ID
	// Room is how many bytes of sealed holdings are kept, each counted as 1 KiB at least; 0 is 8 MiB,
	// some 8,000 nodes of 100 items. Half of it at most is for nodes only heard of from others, as anyone can invent a thousand.
	Room int
	// Blocked nodes are not heard, counted or passed on. Nil blocks nobody.
	Blocked func(peer.ID) bool
	// Now is the clock; nil is time.Now. It may be wrong: see Known.Certain.
	Now func() time.Time
	// Log hears of files that cannot be read; nil is silence.
	Log *slog.Logger
}

// Holdings is the newest holding of each node this one has heard of within HoldingLife. All methods
// may be called concurrently; reading never waits for the disk.
type Holdings struct {
	o HoldingsOptions

	// write is held by whoever changes what is kept, from the decision to the disk.
	write sync.Mutex

	mu    sync.RWMutex // guards known, and the fields of what it points to
	known map[peer.ID]*known
}

// known is one holding. Only heard and met change once it is in the table.
type known struct {
	Holding
	hash  [32]byte
	size  int       // bytes sealed
	heard time.Time // from the node itself, or when a new one came, less the age it had
	met   bool      // heard from the node itself, since this Holdings was opened
}

// cost is what a holding of a size takes of the room: a small file takes a block of the disk.
func cost(size int) int { return max(size, 1<<10) }

// ErrNotSelf is returned by State for a key that is not that of HoldingsOptions.Self.
var ErrNotSelf = errors.New("not the key of this node")

// OpenHoldings reads the holdings in o.Dir. What is damaged there is left out and logged: neighbours
// have it still.
func OpenHoldings(o HoldingsOptions) (*Holdings, error) {
	if o.Room == 0 {
		o.Room = 8 << 20
	}
	if o.Blocked == nil {
		o.Blocked = func(peer.ID) bool { return false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open holdings: %w", err)
	}
	h := &Holdings{o: o, known: map[peer.ID]*known{}}
	if err := h.load(); err != nil {
		return nil, fmt.Errorf("open holdings: %w", err)
	}
	return h, nil
}

// State says on behalf of the key's node what it holds: V, Author and Count are filled in, and the
// holding is on the disk before State returns, so that no power cut makes a count be given twice. A
// holding that says what the last one said is signed again only when that is a week old. It returns
// whether it signed. Errors are ErrMalformed and ErrTooLarge for what others would refuse, ErrNotSelf.
func (h *Holdings) State(key crypto.PrivKey, what Holding) (Holding, bool, error) {
	id, err := authorOf(key)
	if err == nil && id != h.o.Self {
		err = ErrNotSelf
	}
	if err != nil {
		return Holding{}, false, fmt.Errorf("state holding: %w", err)
	}
	h.write.Lock()
	defer h.write.Unlock()
	last := h.of(id)
	what.V, what.Author, what.Count = version, id, 1
	now := h.o.Now()
	if last != nil {
		what.Count = last.Count + 1
		if last.sameAs(what) && now.Sub(last.heard).Abs() < renewAfter {
			return last.Holding, false, nil
		}
	}
	what, s, err := sealHolding(key, what)
	if err == nil {
		err = h.put(what, s, known{heard: now, met: true})
	}
	if err != nil {
		return Holding{}, false, fmt.Errorf("state holding: %w", err)
	}
	return what, true, nil
}

// put makes a verified holding durable if it is ours, then visible. The caller holds write.
func (h *Holdings) put(what Holding, s SealedHolding, k known) error {
	k.Holding, k.hash, k.size = what, s.hash(), len(s)
	if err := h.save(what.Author, s, k.heard); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known[what.Author] = &k
	return nil
}

func (h *Holdings) of(id peer.ID) *known {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.known[id]
}

// Forget drops what is kept of a node, as when it was blocked.
func (h *Holdings) Forget(id peer.ID) {
	h.write.Lock()
	defer h.write.Unlock()
	h.drop(id)
}

func (h *Holdings) drop(id peer.ID) {
	h.mu.Lock()
	delete(h.known, id)
	h.mu.Unlock()
	if err := os.Remove(h.path(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		h.o.Log.Warn("holding not removed", "author", id, "err", err)
	}
}

// Known is a holding and how far it can be relied on.
type Known struct {
	Holding
	Age time.Duration // since it was last heard, 0 if that is not known
	// Certain is false where the age is not known, because the clock is wrong now or was then.
	Certain bool
}

// All yields the holdings that count, our own among them, in order of authors, as they stood when the
// loop began. They share their sets with the table: read only.
func (h *Holdings) All() iter.Seq[Known] {
	return func(yield func(Known) bool) {
		for _, k := range h.live() {
			age, certain := h.age(k.heard)
			if !yield(Known{Holding: k.Holding, Age: age, Certain: certain}) {
				return
			}
		}
	}
}

// live returns copies of the entries that count, in order of authors.
func (h *Holdings) live() []known {
	h.mu.RLock()
	defer h.mu.RUnlock()
	all := make([]known, 0, len(h.known))
	for _, id := range slices.Sorted(maps.Keys(h.known)) {
		k := h.known[id]
		if age, _ := h.age(k.heard); !h.o.Blocked(id) && (id == h.o.Self || age < HoldingLife) {
			all = append(all, *k)
		}
	}
	return all
}

// age is how long ago something was heard. Where the clock was or is not credible, or ran backwards,
// it is unknown: what was heard then counts.
func (h *Holdings) age(heard time.Time) (age time.Duration, certain bool) {
	now := h.o.Now()
	age = now.Sub(heard)
	if !credible(now) || !credible(heard) || age < 0 {
		return 0, false
	}
	return age, true
}

// credible tells a clock that was set from one that starts in 1970 with each power cut.
func credible(t time.Time) bool { return t.Year() >= 2025 }

// load reads the folder. A file is a sealed holding, named by its author, last changed when it was
// last heard.
func (h *Holdings) load() error {
	files, err := os.ReadDir(h.o.Dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(h.o.Dir, f.Name())
		info, err := f.Info()
		var s SealedHolding
		if err == nil && info.Size() <= MaxHolding {
			s, err = os.ReadFile(path)
		}
		var what Holding
		if err == nil {
			what, err = s.Open()
		}
		if err != nil || what.Author.String() != f.Name() {
			h.o.Log.Debug("file in the holdings is none", "file", f.Name(), "err", err)
			if err := os.Remove(path); err != nil {
				h.o.Log.Warn("file in the holdings not removed", "file", f.Name(), "err", err)
			}
			continue
		}
		h.known[what.Author] = &known{Holding: what, hash: s.hash(), size: len(s), heard: info.ModTime()}
	}
	return nil
}

func (h *Holdings) path(id peer.ID) string { return filepath.Join(h.o.Dir, id.String()) }

// save writes a holding so that after a power cut the file is the old one, the new one or, if it is
// another node's, one that load refuses. Ours is on the disk when save returns.
func (h *Holdings) save(id peer.ID, s SealedHolding, heard time.Time) (err error) {
	f, err := os.CreateTemp(h.o.Dir, "new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(s)
	if id == h.o.Self {
		err = errors.Join(err, f.Sync())
	}
	if err = errors.Join(err, f.Close(), os.Chtimes(f.Name(), heard, heard)); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), h.path(id)); err != nil || id != h.o.Self {
		return err
	}
	return syncDir(h.o.Dir)
}

// read returns the sealed bytes of a holding of the table.
func (h *Holdings) read(k known) (SealedHolding, error) {
	b, err := os.ReadFile(h.path(k.Author))
	if err != nil {
		return nil, err
	}
	if s := SealedHolding(b); s.hash() == k.hash {
		return s, nil
	}
	return nil, errDamaged // or a newer one just came
}

// newer reports whether a holding with this count and hash goes before the one held. Two with one
// count, as after a disk was restored from an old copy, are ordered by hash, so that all nodes agree;
// their author gives a higher count as soon as it hears.
func (k *known) newer(count uint64, hash [32]byte) bool {
	return k == nil || count > k.Count || count == k.Count && bytes.Compare(hash[:], k.hash[:]) > 0
}
