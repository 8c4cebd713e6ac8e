package rag_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"savoirs/rag"
	"savoirs/rag/ragtest"
)

func TestQuestionsAreAnsweredWhileSetsComeAndGo(t *testing.T) {
	e := &ragtest.Embedder{}
	x, y := open(t, t.TempDir()), open(t, t.TempDir())
	add(t, x, "village", village())
	add(t, y, "many", numbered(200))
	embed(t, x, e)
	embed(t, y, e)
	pack := packed(t, "packed", numbered(40), &ragtest.Embedder{})
	over := make(chan struct{})
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			q := rag.Query{Text: "Quand planter l'igname et le sujet 7919 du document ?", Mode: []rag.Mode{rag.ModeBest, rag.ModeHybrid, rag.ModeDense}[i]}
			for first := true; ; first = false {
				r, err := rag.Search(t.Context(), q, e, x, y)
				if err != nil || len(r.Hits) == 0 {
					t.Errorf("%d hits, %v", len(r.Hits), err)
				}
				if _, _, err := y.Offer(t.Context(), q); err != nil {
					t.Error(err)
				}
				select {
				case <-over:
					if !first {
						return
					}
				default:
				}
			}
		})
	}
	all.Go(func() {
		defer close(over)
		for i := range 3 {
			set := fmt.Sprint("s", i)
			if _, err := x.Add(t.Context(), set, "", folder(numbered(30)), nil); err != nil {
				t.Error(err)
			}
			if _, err := y.AddPack(t.Context(), "packed", "", folder(numbered(40)), pack, origin); err != nil {
				t.Error(err)
			}
			if err := errors.Join(x.EmbedMissing(t.Context(), e, nil, nil), y.EmbedMissing(t.Context(), e, nil, nil)); err != nil {
				t.Error(err)
			}
			if err := errors.Join(x.Drop(set), y.Drop("packed")); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
}
