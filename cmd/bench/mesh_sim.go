package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"savoirs/store/catalog"
)

// simulation is a mesh whose nodes come, go and publish.
type simulation struct {
	o      meshOptions
	dir    string
	clock  clock
	random *rand.Rand
	nodes  []*simNode
	first  int // entries that all hold at the beginning
	byID   map[peer.ID]*simNode
	still  bool  // nobody leaves or publishes any more
	ending bool  // nobody asks any more either
	err    error // of a catalogue

	publications []*publication
	byHead       map[headID]int  // of publications
	returns      []time.Duration // of those that came back, until they held all published before
}

// publication is an entry on its way.
type publication struct {
	at      time.Duration
	waiting map[int]bool // nodes that were up, are still, and do not know it
	took    time.Duration
	done    bool
	holders map[int]bool
}

// simulate runs one size. The result is of the minutes with churn, idle of a day
// after them without churn or publications.
func simulate(ctx context.Context, o meshOptions, nodes int, dir string) (meshResult, error) {
	s := &simulation{o: o, dir: dir, random: rand.New(rand.NewPCG(o.seed, uint64(nodes))), byID: map[peer.ID]*simNode{}, byHead: map[headID]int{}}
	if err := s.populate(nodes); err != nil {
		return meshResult{}, err
	}
	defer s.close()
	for _, n := range s.nodes {
		s.join(n)
	}
	if err := s.pass(ctx, time.Minute); err != nil { // the first exchanges
		return meshResult{}, err
	}
	for _, n := range s.nodes {
		n.sent = traffic{}
	}
	s.churn()
	s.publishNow()
	if err := s.pass(ctx, o.during); err != nil {
		return meshResult{}, err
	}
	s.still = true
	if err := s.pass(ctx, 10*time.Second); err != nil { // for the last to arrive
		return meshResult{}, err
	}
	r := s.result()
	err := s.idle(ctx, &r)
	return r, err
}

// pass lets time go by, looking up now and then.
func (s *simulation) pass(ctx context.Context, d time.Duration) error {
	for end := s.clock.now + d; s.clock.now < end && s.err == nil; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.clock.run(min(s.clock.now+time.Second, end))
	}
	return s.err
}

// populate makes the nodes, all with one entry of each author, all up.
func (s *simulation) populate(nodes int) error {
	first := filepath.Join(s.dir, "first")
	c, err := catalog.Open(catalog.Options{Dir: first})
	if err != nil {
		return err
	}
	defer c.Close()
	if s.first = s.o.authors; s.first == 0 {
		s.first = nodes
	}
	for i := range max(nodes, s.first) {
		key, id, err := s.identity(i)
		if err != nil {
			return err
		}
		if i < s.first {
			if _, _, err := c.Append(key, offer(fmt.Sprint("Premier cahier ", i))); err != nil {
				return err
			}
		}
		if i < nodes {
			n := &simNode{sim: s, index: i, key: key, id: id}
			s.nodes, s.byID[id] = append(s.nodes, n), n
		}
	}
	for _, n := range s.nodes {
		if err := errors.Join(n.copyCatalogue(first), n.up()); err != nil {
			return err
		}
	}
	return nil
}

func (s *simulation) identity(i int) (crypto.PrivKey, peer.ID, error) {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], s.o.seed)
	binary.LittleEndian.PutUint64(seed[8:], uint64(i))
	h := sha256.Sum256(seed[:])
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(h[:]))
	if err != nil {
		return nil, "", err
	}
	id, err := peer.IDFromPrivateKey(key)
	return key, id, err
}

// offer is a usual publication.
func offer(title string) catalog.Entry {
	h, err := multihash.Sum([]byte(title), multihash.SHA2_256, -1)
	if err != nil {
		panic(err) // SHA-256 is there
	}
	return catalog.Entry{Kind: catalog.Dataset, Verb: catalog.Publish, Title: title, Root: cid.NewCidV1(cid.DagProtobuf, h),
		Size: 1 << 20, Files: 3, Lang: "fr", Licence: "CC-BY-4.0", Territory: "Ti-Bourg",
		Card: "Jardins créoles : igname, manioc, christophine. Quand planter, comment récolter, que faire après un cyclone. Écrit par les jardiniers du bourg."}
}

func (s *simulation) published(by *simNode, e catalog.Entry) {
	p := &publication{at: s.clock.now, waiting: map[int]bool{}, holders: map[int]bool{by.index: true}}
	for _, n := range s.nodes {
		if n != by && n.cat != nil {
			p.waiting[n.index] = true
		}
	}
	s.byHead[headID{e.Author, e.Seq}] = len(s.publications)
	s.publications = append(s.publications, p)
}

// learned notes that a node holds an entry.
func (s *simulation) learned(n *simNode, e catalog.Entry) {
	i, ok := s.byHead[headID{e.Author, e.Seq}]
	if !ok {
		return // one of the first
	}
	s.publications[i].holders[n.index] = true
	s.knows(s.publications[i], n)
	if n.lacking[i] {
		if delete(n.lacking, i); len(n.lacking) == 0 {
			s.returns = append(s.returns, s.clock.now-n.back)
		}
	}
}

// knows takes a node off those that a publication still has to reach.
func (s *simulation) knows(p *publication, n *simNode) {
	if !p.waiting[n.index] {
		return
	}
	if delete(p.waiting, n.index); len(p.waiting) == 0 {
		p.took, p.done = s.clock.now-p.at, true
	}
}

// result sums up what happened so far.
func (s *simulation) result() meshResult {
	r := meshResult{nodes: len(s.nodes), entries: s.first + len(s.publications), publications: len(s.publications), equal: true, returns: slices.Sorted(slices.Values(s.returns))}
	for _, n := range s.nodes {
		for k, b := range n.sent {
			r.sent[k] += b
		}
	}
	for _, p := range s.publications {
		if p.done {
			r.known = append(r.known, p.took)
		}
	}
	slices.Sort(r.known)
	return r
}

// idle measures a day in which nothing happens, once those away are back.
func (s *simulation) idle(ctx context.Context, r *meshResult) error {
	if err := s.pass(ctx, time.Hour); err != nil {
		return err
	}
	for _, n := range s.nodes {
		n.sent = traffic{}
	}
	if err := s.pass(ctx, 24*time.Hour); err != nil {
		return err
	}
	ends := 0
	for _, n := range s.nodes {
		r.idle += n.sent.total()
		ends += len(n.links)
		r.equal = r.equal && n.cat.Digest() == s.nodes[0].cat.Digest()
	}
	r.idlePeer = r.idle / int64(max(ends, 1))
	r.idle /= int64(len(s.nodes))
	return nil
}

func (s *simulation) close() {
	s.ending = true
	for _, n := range s.nodes {
		if n.cat != nil {
			n.down()
		}
	}
	s.clock.run(0) // tasks end
}
