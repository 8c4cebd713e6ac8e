package catalog

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Told is a holding on its way. Whoever passes it on says how long ago it was heard from the node
// itself, so that the last word of a node that is gone does not live on by being passed around.
type Told struct {
	_       struct{} `cbor:",toarray"`
	Holding SealedHolding
	Age     uint32 // minutes
}

// Tally is which holding of a node one has, in some 17 bytes.
type Tally struct {
	_     struct{} `cbor:",toarray"`
	Who   Short    // begins the SHA-256 of the author's id
	Count uint64
	Hash  [4]byte // begins that of the sealed holding
}

// Limits of one message.
const (
	MaxTallies   = 20_000
	maxToldBytes = 256 << 10
)

// Digest is equal for two nodes that have the same holdings, and their exchange ends there.
func (h *Holdings) Digest() [16]byte {
	sum := sha256.New()
	for _, k := range h.live() {
		sum.Write(k.hash[:])
	}
	return [16]byte(sum.Sum(nil))
}

// Tallies tells another node what this one has of these authors, of all with none given; at most
// MaxTallies.
func (h *Holdings) Tallies(authors ...peer.ID) []Tally {
	var out []Tally
	for _, k := range h.live() {
		if len(authors) == 0 || slices.Contains(authors, k.Author) {
			out = append(out, Tally{Who: whoIs(k.Author), Count: k.Count, Hash: [4]byte(k.hash[:])})
		}
	}
	return out[:min(len(out), MaxTallies)]
}

func whoIs(id peer.ID) Short {
	sum := sha256.Sum256([]byte(id))
	return Short(sum[:])
}

// Lacking finds, of what another node has, whose holdings are newer there.
func (h *Holdings) Lacking(theirs []Tally) []Short {
	wanted, _ := h.compare(theirs)
	return wanted
}

// Compare is Lacking given all that another node has. It returns too what is newer here, to be given to
// its Take: at most 256 KiB, the rest another time.
func (h *Holdings) Compare(theirs []Tally) (wanted []Short, give []Told) {
	wanted, ours := h.compare(theirs)
	return wanted, h.tell(ours)
}

func (h *Holdings) compare(theirs []Tally) (wanted []Short, ours []known) {
	other := make(map[Short]Tally, len(theirs))
	for _, t := range theirs {
		other[t.Who] = t
	}
	for _, k := range h.live() {
		who := whoIs(k.Author)
		t, ok := other[who]
		delete(other, who)
		switch c := cmp.Compare(t.Count, k.Count); {
		case !ok, c < 0:
			ours = append(ours, k)
		case c > 0:
			wanted = append(wanted, who)
		case t.Hash != [4]byte(k.hash[:]): // one count, two holdings: both see both
			ours = append(ours, k)
			wanted = append(wanted, who)
		}
	}
	for who := range other {
		wanted = append(wanted, who)
	}
	return wanted, ours
}

// Give returns what is asked for and counts, at most 256 KiB.
func (h *Holdings) Give(wanted []Short) []Told {
	asked := make(map[Short]bool, len(wanted))
	for _, who := range wanted {
		asked[who] = true
	}
	live := h.live()
	return h.tell(slices.DeleteFunc(live, func(k known) bool { return !asked[whoIs(k.Author)] }))
}

func (h *Holdings) tell(all []known) []Told {
	var out []Told
	room := maxToldBytes
	for _, k := range all {
		if k.size > room {
			continue
		}
		s, err := h.read(k)
		if err != nil {
			h.o.Log.Debug("holding not passed on", "author", k.Author, "err", err)
			continue
		}
		age, _ := h.age(k.heard)
		out = append(out, Told{Holding: s, Age: uint32(age / time.Minute)})
		room -= k.size
	}
	return out
}

// Letters yields all holdings that count as they were signed, ours among them, in order of authors.
func (h *Holdings) Letters() iter.Seq2[peer.ID, SealedHolding] {
	return func(yield func(peer.ID, SealedHolding) bool) {
		for _, k := range h.live() {
			s, err := h.read(k)
			if err != nil {
				h.o.Log.Debug("holding not passed on", "author", k.Author, "err", err)
				continue
			}
			if !yield(k.Author, s) {
				return
			}
		}
	}
}

// Take keeps what is newer than what is held, verified, and returns whose it was. from is who told, at
// the other end of the connection: its own holding is heard now, whatever age is said. A holding of
// ours that we do not have, as after a disk was restored from an old copy, is taken too, so that State
// counts on from it. What is malformed is passed over, as a later version may be. Errors are
// a *ForgedError at the first that is forged (what came before it is kept), and the disk's.
func (h *Holdings) Take(from peer.ID, told []Told) (fresh []peer.ID, err error) {
	h.write.Lock()
	defer h.write.Unlock()
	for _, t := range told {
		author, taken, err := h.take(from, t)
		if errors.Is(err, ErrMalformed) || errors.Is(err, ErrTooLarge) {
			h.o.Log.Debug("holding passed over", "from", from, "err", err)
			continue
		}
		if err != nil {
			return fresh, fmt.Errorf("take holdings of %s: %w", from, err)
		}
		if taken {
			fresh = append(fresh, author)
		}
	}
	return fresh, nil
}

// ForgedError is a holding that the node it names did not sign. It wraps ErrBadSignature.
type ForgedError struct {
	Claims  peer.ID
	Holding SealedHolding
	Err     error
}

func (e *ForgedError) Error() string { return fmt.Sprintf("holding of %s: %v", e.Claims, e.Err) }
func (e *ForgedError) Unwrap() error { return e.Err }

func (h *Holdings) take(from peer.ID, t Told) (peer.ID, bool, error) {
	said, err := t.Holding.read()
	if err != nil {
		return "", false, err
	}
	id, held := said.Author, h.of(said.Author)
	if h.o.Blocked(id) {
		return id, false, nil
	}
	if !held.newer(said.Count, t.Holding.hash()) {
		return id, false, nil
	}
	k := known{heard: h.o.Now(), met: id == from}
	if !k.met {
		age := time.Duration(t.Age) * time.Minute
		if age >= HoldingLife && id != h.o.Self {
			return id, false, nil
		}
		k.heard = k.heard.Add(-age)
	}
	if held != nil {
		k.met = k.met || held.met
	}
	gone, ok := h.room(id, len(t.Holding), k.met)
	if !ok {
		return id, false, nil
	}
	what, err := t.Holding.Open()
	if err != nil {
		return id, false, &ForgedError{Claims: id, Holding: t.Holding, Err: err}
	}
	for _, old := range gone {
		h.drop(old)
	}
	return id, true, h.put(what, t.Holding, k)
}

// Met notes that a node is there and that its holding held here is its newest, as when an exchange
// with it ended equal. It counts from now on.
func (h *Holdings) Met(id peer.ID) {
	now := h.o.Now()
	h.mu.Lock()
	k := h.known[id]
	if k == nil {
		h.mu.Unlock()
		return
	}
	before := k.heard
	k.heard, k.met = now, true
	h.mu.Unlock()
	if now.Sub(before).Abs() < time.Hour { // spares the disk; what it knows is a little older
		return
	}
	if err := os.Chtimes(h.path(id), now, now); err != nil && !errors.Is(err, os.ErrNotExist) {
		h.o.Log.Warn("holding not dated", "author", id, "err", err)
	}
}
