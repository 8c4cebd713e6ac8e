package node

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/store/catalog"
)

const (
	maxNoted = 512 // peers remembered for what they did; those banned before others, then the newest
	// maxFaultsKept is how many of one peer's faults are kept: the first, and the latest.
	maxFaultsKept = 4
	// maxSigned bounds the forged statements kept in all, in bytes; the oldest go first, their hashes stay.
	maxSigned = 256 << 10
)

// Record is what this node holds against a peer. It is nobody else's business:
// records are never passed on, and nobody's word makes one.
type Record struct {
	Peer   peer.ID     `json:"peer"`
	Name   string      `json:"name,omitempty"` // as it called itself
	Banned bool        `json:"banned"`         // refused until a person lets it in
	Freed  time.Time   `json:"freed,omitzero"` // when a person last did
	Since  time.Time   `json:"since,omitzero"` // of the first fault, by this node's clock
	Latest time.Time   `json:"latest,omitzero"`
	Count  int         `json:"count"` // faults in all
	Faults []p2p.Fault `json:"faults"`
}

// bans remembers, across restarts, what peers did that no honest one does.
type bans struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex // guards what follows
	records []Record   // the one with the newest fault is last
	unsaved bool
}

func readBans(path string, log *slog.Logger) (*bans, error) {
	b := &bans{path: path, log: log}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read bans: %w", err)
	}
	if err := json.Unmarshal(text, &b.records); err != nil { // no reason not to start
		log.Warn("bans are damaged and set aside", "file", path, "err", err)
		return &bans{path: path, log: log}, os.Rename(path, path+".damaged")
	}
	return b, nil
}

// add notes a fault and tells whether its peer is banned now. Where too many
// are remembered, the one longest quiet of those not banned is forgotten. When
// all are banned it is the one longest quiet, who is let in again after a
// restart: a new identity would have cost it less.
// A proved lie is durable when add returns; lesser faults are written with the
// next of those, or by close, so that a flood of them costs no writes.
func (b *bans) add(f p2p.Fault, name string) (banned bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := Record{Peer: f.Peer, Since: f.At}
	if i := b.index(f.Peer); i >= 0 {
		r = b.records[i]
		b.records = slices.Delete(b.records, i, i+1)
	}
	r.Latest, r.Name = f.At, cmp.Or(name, r.Name)
	r.Count++
	proved := f.Kind.Proved()
	r.Banned = r.Banned || proved
	if len(r.Faults) == maxFaultsKept {
		r.Faults = slices.Delete(slices.Clone(r.Faults), 1, 2)
	}
	r.Faults = append(slices.Clip(r.Faults), f)
	b.records = append(b.records, r)
	for len(b.records) > maxNoted {
		oldest := max(0, slices.IndexFunc(b.records, func(r Record) bool { return !r.Banned }))
		b.records = slices.Delete(b.records, oldest, oldest+1)
	}
	b.shedSigned()
	if b.unsaved = true; proved {
		if err := b.write(); err != nil { // it is banned all the same, until the node stops
			b.log.Warn("keep what a peer did", "peer", f.Peer, "err", err)
		}
	}
	return r.Banned
}

// shedSigned drops the oldest forged statements until maxSigned holds.
func (b *bans) shedSigned() {
	room := maxSigned
	for i := len(b.records) - 1; i >= 0; i-- {
		r := &b.records[i]
		for j := len(r.Faults) - 1; j >= 0; j-- {
			if room -= len(r.Faults[j].Signed); room < 0 {
				r.Faults = slices.Clone(r.Faults) // a copy may be in the hands of a reader
				r.Faults[j].Signed = nil
			}
		}
	}
}

// lift lets p in again and keeps the evidence.
func (b *bans) lift(p peer.ID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.index(p)
	if i < 0 || !b.records[i].Banned && !b.records[i].falsified() {
		return nil
	}
	b.records[i].Banned, b.records[i].Freed = false, time.Now()
	return b.write()
}

// falsified says whether p published a false pack, and no person let it in again
// since.
func (b *bans) falsified(p peer.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.index(p)
	return i >= 0 && b.records[i].falsified()
}

func (r Record) falsified() bool {
	return slices.ContainsFunc(r.Faults, func(f p2p.Fault) bool { return f.Kind == p2p.FalsePack && f.At.After(r.Freed) })
}

func (b *bans) index(p peer.ID) int {
	return slices.IndexFunc(b.records, func(r Record) bool { return r.Peer == p })
}

func (b *bans) write() error {
	text, err := json.MarshalIndent(b.records, "", "  ")
	if err != nil {
		return fmt.Errorf("write bans: %w", err)
	}
	if err := replaceFile(b.path, append(text, '\n')); err != nil {
		return err
	}
	b.unsaved = false
	return nil
}

// close writes what is not on the disk yet.
func (b *bans) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.unsaved {
		return nil
	}
	return b.write()
}

// all returns the records, newest fault first. What they hold is not changed
// later.
func (b *bans) all() []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	records := slices.Clone(b.records)
	slices.Reverse(records)
	return records
}

// banned lists who is refused.
func (b *bans) banned() []peer.ID {
	var peers []peer.ID
	for _, r := range b.all() {
		if r.Banned {
			peers = append(peers, r.Peer)
		}
	}
	return peers
}

// refused says whether nothing of a peer is taken: a person blocked it, or it was
// proved to lie.
func (n *Node) refused(p peer.ID) bool {
	if n.choices.blocked(p) {
		return true
	}
	n.bans.mu.Lock()
	defer n.bans.mu.Unlock()
	i := n.bans.index(p)
	return i >= 0 && n.bans.records[i].Banned
}

// faulted is called by the mesh for each fault of a peer; true bans it.
func (n *Node) faulted(f p2p.Fault) bool {
	banned := n.bans.add(f, n.profiles.of(f.Peer).Name)
	if banned {
		n.holdings.Forget(f.Peer)
	}
	return banned
}

// blameEntries holds against the peer that answered with these entries the
// first that no honest node gives: its own, signed by another key, or one that
// anybody can see is none, since honest nodes verify before they pass on.
func (n *Node) blameEntries(from peer.ID, entries []catalog.Sealed, added []catalog.Added) {
	for i, a := range added {
		bad := errors.Is(a.Err, catalog.ErrBadSignature)
		if !bad && !errors.Is(a.Err, catalog.ErrMalformed) && !errors.Is(a.Err, catalog.ErrTooLarge) {
			continue
		}
		kind := p2p.Malformed
		if bad && entries[i].Claimed() == from {
			kind = p2p.BadSignature
		}
		f := p2p.NewFault(kind, catalogueCall, "entry: "+a.Err.Error(), entries[i])
		if kind == p2p.BadSignature {
			f.Signed = entries[i]
		}
		n.mesh.Blame(from, f)
		return
	}
}

// blameHead holds an invalid head against the neighbour it came from, if it is
// in that neighbour's own name: others' heads are not passed on unverified, so
// it made this one. Any other only costs score.
func (n *Node) blameHead(from peer.ID, h head, data []byte) {
	if peer.ID(h.Author) != from || h.Seq == 0 || len(h.Hash) != sha256.Size {
		return
	}
	f := p2p.NewFault(p2p.BadSignature, "heads", "head with an invalid signature", data)
	f.Signed = slices.Clone(data)
	n.mesh.Blame(from, f)
}

// Why returns what this node holds against a peer, newest fault first: one
// record, empty when there is nothing, or with no id those of all peers.
// Errors: ErrAddress.
func (n *Node) Why(id string) ([]Record, error) {
	all := n.bans.all()
	if id == "" {
		return all, nil
	}
	p, err := peer.Decode(id)
	if err != nil {
		return nil, fmt.Errorf("why %q: %w", id, ErrAddress)
	}
	for _, r := range all {
		if r.Peer == p {
			return []Record{r}, nil
		}
	}
	return []Record{{Peer: p, Name: n.profiles.of(p).Name, Faults: []p2p.Fault{}}}, nil
}
