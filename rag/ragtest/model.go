// Package ragtest is the one fake of the project: a language model that needs no weights. Embedder
// gives texts that share words and word parts similar vectors; Generator says what the test wrote.
// Both are safe for concurrent use.
package ragtest

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"unicode"

	"savoirs/rag"
)

// ErrScripted is returned where the test asked for a failure without saying which.
var ErrScripted = errors.New("scripted failure")

// Embedder hashes the letter trigrams of words into Size components. The same text always has the same
// vector, whatever its role, except that a vector of another Digest points elsewhere.
type Embedder struct {
	Digest string // "" is "sha256:fake"
	Size   int    // 0 is 64
	Calls  int    // calls that may succeed before all fail; 0: no limit

	mu    sync.Mutex
	calls int
	texts map[rag.Role][]string
}

func (e *Embedder) Model() string {
	if e.Digest == "" {
		return "sha256:fake"
	}
	return e.Digest
}

func (e *Embedder) Embed(ctx context.Context, as rag.Role, texts []string) ([][]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.Calls > 0 && e.calls >= e.Calls {
		return nil, ErrScripted
	}
	e.calls++
	vs := make([][]float32, len(texts))
	for i, t := range texts {
		vs[i] = e.vector(t)
	}
	if e.texts == nil {
		e.texts = map[rag.Role][]string{}
	}
	e.texts[as] = append(e.texts[as], texts...)
	return vs, nil
}

// Texts returns every text embedded so far as passages or as questions, in order, but for the subjects of
// the world, which are no passages.
func (e *Embedder) Texts(as rag.Role) []string {
	world := slices.Concat(rag.Subjects("fr"), rag.Subjects("en"), rag.Subjects("es"))
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.texts[as]), func(text string) bool { return slices.Contains(world, text) })
}

func (e *Embedder) vector(text string) []float32 {
	size := e.Size
	if size == 0 {
		size = 64
	}
	v := make([]float32, size)
	v[0] = 0.01 // a text without letters has a direction too
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for _, w := range words {
		rs := []rune(" " + w + " ")
		for i := 0; i+3 <= len(rs); i++ {
			h := fnv.New64a()
			h.Write([]byte(e.Model() + string(rs[i:i+3])))
			sum := h.Sum64()
			v[sum%uint64(size)] += 1 - 2*float32(sum>>63)
		}
	}
	return v
}

// Generator writes Pieces one by one, then fails with Err if it is not nil.
type Generator struct {
	Pieces []string
	Err    error
	Tiny   bool // as a model of half a billion parameters

	mu      sync.Mutex
	prompts []rag.Prompt
}

func (g *Generator) Model() string { return "sha256:fakegenerator" }
func (g *Generator) Small() bool   { return g.Tiny }

func (g *Generator) Generate(ctx context.Context, p rag.Prompt, emit func(string) error) error {
	g.mu.Lock()
	g.prompts = append(g.prompts, p)
	g.mu.Unlock()
	for _, piece := range g.Pieces {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := emit(piece); err != nil {
			return err
		}
	}
	return g.Err
}

// Prompts returns what the generator was given so far.
func (g *Generator) Prompts() []rag.Prompt {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]rag.Prompt(nil), g.prompts...)
}
