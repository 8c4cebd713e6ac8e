package main

import (
	"context"
	"fmt"
	"sync"

	"savoirs/rag"
)

// memoEmbedder asks for a vector once: rows share the passages, and a search is
// timed without the embedding of its question.
type memoEmbedder struct {
	of rag.Embedder

	mu    sync.Mutex // guards known
	known map[memoKey][]float32
}

type memoKey struct {
	as   rag.Role
	text string
}

const memoBatch = 32

func (m *memoEmbedder) Model() string { return m.of.Model() }

// name is the model in a report.
func (m *memoEmbedder) name() string {
	if m == nil {
		return "nobody: no engine is here"
	}
	return fmt.Sprintf("model %.12s", m.of.Model())
}

// forQuestions returns m with the vectors of all questions of a collection.
func (m *memoEmbedder) forQuestions(ctx context.Context, folder string) (rag.Embedder, error) {
	c, err := rag.ReadCollection(folder, "")
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(c.Queries))
	for i, q := range c.Queries {
		texts[i] = q.Text
	}
	_, err = m.Embed(ctx, rag.RoleQuery, texts)
	return m, err
}

// Embed asks for the vectors that are not known yet.
func (m *memoEmbedder) Embed(ctx context.Context, as rag.Role, texts []string) ([][]float32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lack []string
	for _, text := range texts {
		if m.known[memoKey{as, text}] == nil {
			lack = append(lack, text)
		}
	}
	for len(lack) > 0 {
		batch := lack[:min(memoBatch, len(lack))]
		lack = lack[len(batch):]
		vectors, err := m.of.Embed(ctx, as, batch)
		if err != nil {
			return nil, err
		}
		if len(vectors) != len(batch) {
			return nil, fmt.Errorf("%d vectors for %d texts", len(vectors), len(batch))
		}
		for i, text := range batch {
			m.known[memoKey{as, text}] = vectors[i]
		}
	}
	all := make([][]float32, len(texts))
	for i, text := range texts {
		all[i] = m.known[memoKey{as, text}]
	}
	return all, nil
}
