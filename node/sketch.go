package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"savoirs/rag"
	"savoirs/store"
	"savoirs/store/catalog"
)

// sketch tells others what is in a dataset that is about to be published. One whose
// passages are not made yet is told of later.
func (n *Node) sketch(ctx context.Context, it store.Item) ([]byte, error) {
	set := it.Root.String()
	for _, x := range n.indexes {
		if b, err := x.Sketch(ctx, set); !errors.Is(err, rag.ErrNotFound) {
			return b, err
		}
	}
	return nil, nil
}

// sketchAgain says of our datasets what it could not say when they were published: the passages, or around what their
// vectors lie, of the model in use. An entry more a dataset and model, when all its vectors are there, and one when only its
// passages are and nothing was said.
func (n *Node) sketchAgain(ctx context.Context) error {
	var stale []catalog.Entry
	for e, err := range n.catalog.Offers() {
		if err != nil {
			return fmt.Errorf("read the catalogue: %w", err)
		}
		if e.Author != n.id || e.Kind != catalog.Dataset {
			continue
		}
		set, ok := n.indexes[store.Mesh].Set(e.Root.String())
		if !ok || set.Passages == 0 {
			continue
		}
		if s, err := rag.ParseSketch(e.Sketch); err != nil || set.Embedded == set.Passages && s.Model != set.Model {
			stale = append(stale, e)
		}
	}
	var errs []error
	for _, e := range stale {
		errs = append(errs, n.sketchOne(ctx, e))
	}
	if len(stale) > 0 {
		n.announceHead(ctx)
	}
	return errors.Join(errs...)
}

func (n *Node) sketchOne(ctx context.Context, e catalog.Entry) error {
	defer n.working.take(e.Root.String())()
	b, err := n.indexes[store.Mesh].Sketch(ctx, e.Root.String())
	if errors.Is(err, rag.ErrNotFound) {
		return nil // withdrawn meanwhile
	}
	if err != nil {
		return err
	}
	s, err := rag.ParseSketch(b)
	if err != nil {
		return err
	}
	if _, err := rag.ParseSketch(e.Sketch); err == nil && s.Model == "" {
		return nil // its vectors are not in use now
	}
	e.Sketch, e.Verb, e.Replaces = b, catalog.Publish, cid.Undef
	_, _, err = n.catalog.Append(n.key, e)
	return err
}
