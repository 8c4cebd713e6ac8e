// Package node is one running savoirs: it joins the store (what this machine
// holds), the catalogue (what everyone offers), the mesh (how items travel),
// the index (what can be found) and the engine (the model that reads and
// answers). It is the only package that knows them all; they do not know one
// another.
//
// Each thing a person can do is a gesture, a method in a file of its own: Add,
// Publish, Pull, Search, Ask, and so on. Start with Init (once), then Open,
// Run and Close. Package node/api speaks HTTP for it; package node/nodetest
// starts several in one process.
//
// It is not a place for algorithms: a gesture calls the next step and returns.
package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"savoirs/p2p"
	"savoirs/rag"
	"savoirs/rag/engine"
	"savoirs/rag/extract"
	"savoirs/store"
	"savoirs/store/catalog"
)

// ErrNoNode says that the directory holds no node yet; Init makes one.
var ErrNoNode = errors.New("no node in this directory")

// Options say where a node lives and how it meets others. Dir is required;
// everything else has a useful zero value.
type Options struct {
	Dir       string // data directory, one process at a time
	Version   string // shown to people and peers
	Territory string // community this node belongs to, said to peers and in entries
	Name      string // what people call this node
	Lang      string // language of the people here, a hint for questions too short to tell

	Listen []string // mesh multiaddrs; empty: ports 4117 TCP and UDP on every interface
	MDNS   bool     // find neighbours on the local link
	Static []string // multiaddrs or invites of nodes to stay connected to

	OllamaHost string   // an Ollama server to use, "" for the usual address, "none" for none
	Engine     []string // command that starts the embedded engine, nil for none
	Chat       string   // model that answers, "" lets the node choose
	Embed      string   // model that embeds, "" lets the node choose
	PDF        []string // command that reads one PDF in a child process, nil: PDFs are skipped

	Embedder rag.Embedder // makes vectors instead of the engine, nil for the engine

	AskOthers bool // put questions to other nodes too, unless they are private
	AskMost   int  // other nodes a question is put to, 0 is 5

	Media     Media         // where drives appear, by default on this machine
	FreeFloor int64         // bytes of disk always left free, 0 for the store's default
	Pace      time.Duration // how often copies are looked at, 0 is a minute; what changed is told in a thirtieth of it
	Log       *slog.Logger
}

// Node is a running node. Its methods may be called from several goroutines.
type Node struct {
	o       Options
	log     *slog.Logger
	key     crypto.PrivKey
	id      peer.ID
	started time.Time

	store    *store.Store
	catalog  *catalog.Catalog
	holdings *catalog.Holdings
	indexes  map[store.Space]*rag.Index
	answers  answers
	together together
	engine   *engine.Engine
	mesh     *p2p.Mesh

	choices   *choices
	bans      *bans
	wants     wants
	receipts  receipts
	visits    *visits
	refusals  *refusals
	lineages  lineages
	sealKey   *age.X25519Identity // private things for this node are sealed with it
	secrets   *secrets
	intake    intake        // of entries
	checking  chan struct{} // one, for whoever checks entries
	profiles  profiles
	questions questions    // being answered now; background work waits for none
	embed     *embedding   // progress of the background embedding
	news      news         // entries that neighbours told of and we lack
	tellers   chan peer.ID // neighbours to be asked for them
	coming    coming
	rounds    catalog.Rounds
	turns     bell  // rung when the turn of a neighbour may have come closer
	syncing   door  // exchanges of everything, one after the other
	published bell  // rung when the DHT should hear of a new item
	working   locks // one gesture at a time changes one item
	telling   *holdingNews
	router    *rag.Router
	curious   bell     // rung when a question was put to others
	askers    askers   // peers that ask this node
	known     codes    // of what others hold
	fetching  fetching // for others
	leaving   roots    // about to be dropped, if others have them
}

// Open opens the node that Init made in o.Dir and listens on the mesh; nothing
// else happens until Run. Errors: ErrNoNode, store.ErrInUse when another
// process has the directory, p2p.ErrBusy when a port is taken.
func Open(ctx context.Context, o Options) (*Node, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if len(o.Listen) == 0 {
		o.Listen = DefaultListen()
	}
	n := &Node{answers: answers{dir: filepath.Join(o.Dir, answersFolder)}, o: o, log: o.Log, started: time.Now(), indexes: map[store.Space]*rag.Index{}, embed: newEmbedding(), tellers: make(chan peer.ID, tellers), turns: newBell(), syncing: newDoor(), checking: make(chan struct{}, 1), published: newBell(), telling: newHoldingNews(), router: rag.NewRouter(), curious: newBell()}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// DefaultListen is where a node listens when nothing else is said: port 4117
// of every interface, over TCP and QUIC.
func DefaultListen() []string {
	return []string{
		"/ip4/0.0.0.0/tcp/4117", "/ip6/::/tcp/4117",
		"/ip4/0.0.0.0/udp/4117/quic-v1", "/ip6/::/udp/4117/quic-v1",
	}
}

func (n *Node) open(ctx context.Context) error {
	dir := n.o.Dir
	key, err := readKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", dir, ErrNoNode)
	}
	if err != nil {
		return err
	}
	n.key = key
	if n.id, err = peer.IDFromPrivateKey(key); err != nil {
		return err
	}
	if n.store, err = store.Open(store.Options{Dir: filepath.Join(dir, "store"), FreeFloor: n.o.FreeFloor, Log: n.log}); err != nil {
		return err
	}
	if n.sealKey, err = readSealKey(dir); err != nil {
		return err
	}
	if n.secrets, err = readSecrets(filepath.Join(dir, "sealed.json")); err != nil {
		return err
	}
	if n.choices, err = readChoices(filepath.Join(dir, "choices.json")); err != nil {
		return err
	}
	if n.bans, err = readBans(filepath.Join(dir, "bans.json"), n.log); err != nil {
		return err
	}
	if n.refusals, err = readRefusals(filepath.Join(dir, "refused.json"), n.log); err != nil {
		return err
	}
	if n.catalog, err = catalog.Open(catalog.Options{Dir: filepath.Join(dir, "catalogue"), Blocked: n.choices.blocked, Log: n.log}); err != nil {
		return err
	}
	if n.holdings, err = catalog.OpenHoldings(catalog.HoldingsOptions{
		Dir: filepath.Join(dir, "catalogue", "holdings"), Self: n.id, Blocked: n.refused, Log: n.log,
	}); err != nil {
		return err
	}
	if err := errors.Join(n.openWants(), n.openReceipts()); err != nil {
		return err
	}
	n.visits = readVisits(filepath.Join(dir, "sticks.json"), n.log)
	vectors := rag.NewVectorCache(filepath.Join(dir, "index", "vectors"), 0)
	for _, space := range []store.Space{store.Private, store.Mesh} {
		x, err := rag.Open(rag.Options{
			Dir:     filepath.Join(dir, "index", string(space)),
			Extract: n.extraction(),
			Vectors: vectors,
			Log:     n.log,
		})
		if err != nil {
			return err
		}
		n.indexes[space] = x
	}
	if n.engine, err = engine.Open(ctx, engine.Options{
		Host: n.o.OllamaHost, Command: n.o.Engine, Dir: filepath.Join(dir, "engine"),
		Chat: n.o.Chat, Embed: n.o.Embed, Log: n.log,
	}); err != nil {
		return err
	}
	if err := n.settleInbox(); err != nil {
		n.log.Warn("settle the inbox", "err", err)
	}
	return n.openMesh()
}

// extraction is how documents are read.
func (n *Node) extraction() extract.Options {
	return extract.Options{PDF: n.o.PDF, CacheDir: filepath.Join(n.o.Dir, "cache"), Log: n.log}
}

// Run works until ctx ends: it keeps neighbours, follows the catalogue, and
// indexes and embeds in the background. It returns nil when ctx ended.
func (n *Node) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.mesh.Run(ctx) })
	g.Go(func() error { return n.rememberNeighbours(ctx) })
	g.Go(func() error { return n.engine.Run(ctx) })
	g.Go(func() error { return n.followCatalogue(ctx) })
	g.Go(func() error { return n.keepIndexed(ctx) })
	g.Go(func() error { return n.provide(ctx) })
	g.Go(func() error { return n.tellHoldings(ctx) })
	g.Go(func() error { return n.keepForOthers(ctx) })
	g.Go(func() error { return n.keepSigns(ctx) })
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// Close releases everything in the reverse order of Open. It may be called on
// a node that opened only half way.
func (n *Node) Close() error {
	var errs []error
	if n.mesh != nil {
		errs = append(errs, n.writeRemembered(n.mesh.Remembered()), n.mesh.Close())
	}
	if n.bans != nil {
		errs = append(errs, n.bans.close())
	}
	if n.engine != nil {
		errs = append(errs, n.engine.Close())
	}
	for _, x := range n.indexes {
		errs = append(errs, x.Close())
	}
	if n.catalog != nil {
		errs = append(errs, n.catalog.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}

// Progress is a step of a gesture that takes time. Done and Total are bytes
// for copy, fetch and verify, pieces for the others; Total is 0 when unknown.
type Progress struct {
	Stage string `json:"stage"` // copy, index, fetch, verify, install, probe
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	Note  string `json:"note,omitempty"`
}

// stage narrows a progress callback to one stage; a nil callback is fine.
func stage(progress func(Progress), name string) func(done, total int64) {
	return func(done, total int64) {
		if progress != nil {
			progress(Progress{Stage: name, Done: done, Total: total})
		}
	}
}
