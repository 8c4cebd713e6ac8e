package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"savoirs/rag"
	"savoirs/rag/engine"
	"savoirs/store"
	"savoirs/store/catalog"
)

// keepIndexed works in the background until ctx ends: it indexes what a crash
// or a lost index left without passages, then gives every passage its vector
// whenever a model that embeds is there and no question is waiting.
func (n *Node) keepIndexed(ctx context.Context) error {
	ready := map[*rag.Index]string{}     // the model each index was made ready for
	tried := map[string]time.Time{}      // datasets whose packs were
	again := time.NewTicker(time.Minute) // a model may appear without our doing, a set be found damaged
	defer again.Stop()
	for {
		if err := n.catchUp(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("index what lacked", "err", err)
		}
		if err := n.takePacks(ctx, tried); err != nil && ctx.Err() == nil {
			n.log.Warn("take packs", "err", err)
		}
		err := n.embedAll(ctx, ready)
		if lie, ok := errors.AsType[*rag.PackError](err); ok {
			n.blamePack(lie)
			continue
		}
		if errors.Is(err, errPackOffered) {
			continue
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, engine.ErrNoModel):
			n.log.Warn("embed passages", "err", err)
		}
		if err := n.offerPacks(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("publish packs", "err", err)
		}
		if err := n.sketchAgain(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("tell of datasets anew", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-n.embed.wanted:
		case <-again.C:
		}
	}
}

// catchUp makes the indexes agree with the store. What is kept for others is not
// indexed: reading it costs more than holding it.
func (n *Node) catchUp(ctx context.Context) error {
	held := map[store.Space]map[string]bool{store.Private: {}, store.Mesh: {}}
	var errs []error
	for it, err := range n.store.Items() {
		if err != nil {
			return fmt.Errorf("read the store: %w", err)
		}
		root := it.Root.String()
		held[it.Space][root] = true
		if _, ok := n.indexes[it.Space].Set(root); ok || it.Kept || it.Kind != string(catalog.Dataset) {
			continue
		}
		if err := n.indexOne(ctx, it); err != nil {
			errs = append(errs, err)
		}
	}
	for space, x := range n.indexes {
		for _, set := range x.Sets() {
			if !held[space][set.Set] {
				errs = append(errs, n.dropStray(space, set.Set))
			}
		}
	}
	return errors.Join(errs...)
}

// dropStray drops a set of which the store has no item in that space, unless it
// has one by now: a gesture may have been at it.
func (n *Node) dropStray(space store.Space, set string) error {
	defer n.working.take(set)()
	if root, err := cid.Decode(set); err == nil {
		if it, err := n.store.Item(root); err == nil && it.Space == space {
			return nil
		}
	}
	return n.indexes[space].Drop(set)
}

// indexOne indexes an item that lacked an index, as it stands now.
func (n *Node) indexOne(ctx context.Context, it store.Item) error {
	defer n.working.take(it.Root.String())()
	it, err := n.store.Item(it.Root)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, ok := n.indexes[it.Space].Set(it.Root.String()); ok || it.Kept {
		return nil
	}
	if _, err := n.index(ctx, it, nil); err != nil {
		return fmt.Errorf("index %q: %w", it.Title, err)
	}
	n.log.Info("indexed", "item", it.Title)
	return nil
}

// embedAll embeds what lacks a vector, one batch at a time, letting questions
// go first between batches. An index with all its vectors is asked once for
// each model too: it then learns to tell what it knows.
func (n *Node) embedAll(ctx context.Context, ready map[*rag.Index]string) error {
	done, total := n.coverage()
	if total == 0 {
		return nil
	}
	e, err := n.embedder(ctx)
	if err != nil {
		return err
	}
	n.embed.start(done, total)
	defer n.embed.stop()
	for _, x := range []*rag.Index{n.indexes[store.Mesh], n.indexes[store.Private]} {
		embedded, passages := covered(x)
		if passages == 0 || embedded == passages && ready[x] == e.Model() {
			continue
		}
		elsewhere, _ := n.coverage()
		elsewhere -= embedded
		progress := func(done, _ int) { n.embed.report(elsewhere + done) }
		if err := x.EmbedMissing(ctx, e, n.turn, progress); err != nil {
			return err
		}
		ready[x] = e.Model()
	}
	return nil
}

// errPackOffered ends embedding for a while: a pack may spare it.
var errPackOffered = errors.New("a pack is offered")

// turn is a rag.Turn between questions, until a pack is offered.
func (n *Node) turn(ctx context.Context, work func(context.Context) error) error {
	select {
	case <-n.embed.offered:
		return errPackOffered
	default:
		return n.questions.between(ctx, work)
	}
}

// coverage is how many passages have a vector, and how many there are.
func (n *Node) coverage() (embedded, passages int) {
	for _, x := range n.indexes {
		e, p := covered(x)
		embedded, passages = embedded+e, passages+p
	}
	return embedded, passages
}

func covered(x *rag.Index) (embedded, passages int) {
	for _, set := range x.Sets() {
		embedded += set.Embedded
		passages += set.Passages
	}
	return embedded, passages
}

// embedding is the state of the background embedding, for status.
type embedding struct {
	wanted  bell // rung when passages may lack vectors
	offered bell // rung when others offer a pack of a dataset here

	mu      sync.Mutex // guards all below
	running bool
	from    int // vectors there were when it started
	done    int
	total   int
	since   time.Time
}

func newEmbedding() *embedding { return &embedding{wanted: newBell(), offered: newBell()} }

func (e *embedding) start(done, total int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running, e.from, e.done, e.total, e.since = true, done, done, total, time.Now()
}

func (e *embedding) report(done int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done = done
}

func (e *embedding) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = false
}

// eta is how long the rest should take at the rate seen so far, 0 when nothing
// runs or nothing was seen.
func (e *embedding) eta() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	made := e.done - e.from
	if !e.running || made <= 0 {
		return 0
	}
	return time.Since(e.since) / time.Duration(made) * time.Duration(max(0, e.total-e.done))
}
