package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/ollama/ollama/api"

	"savoirs/rag"
)

// One call to the engine has a fixed cost of about 150 ms. It ends when its context does, at once
// here, in the engine after the text it is at: a question then waits for that text and no longer.
const (
	batchTexts = 32
	batchBytes = 32 << 10
)

// An embedder makes vectors with one model.
type embedder struct {
	engine *Engine
	model  entry
	prefix bool // texts are told apart by "query: " and "passage: "

	mu        sync.Mutex // guards dimension
	dimension int
}

var (
	namedE5     = regexp.MustCompile(`(^|[^a-z0-9])e5($|[^a-z0-9])`)
	namedMiniLM = regexp.MustCompile(`minilm`)
)

// Embedder returns the model of that name for making vectors; with no name the
// preferred one, else an e5 model, else the largest. Models named all-MiniLM are
// only used when they are named: they know little but English.
// Errors: ErrNoModel, ErrRemoteModel, ErrEngineDied.
//
// Vectors have length 1. Texts longer than the model reads are cut by the engine.
// e5 models are known by their name and get the prefix they were trained with. A
// question waits for one call at most, for whoever ends that to the end of one text,
// and passages wait while an answer is being written.
func (e *Engine) Embedder(ctx context.Context, name string) (rag.Embedder, Model, error) {
	embeds := func(m entry) bool { return m.Embeds }
	if name == "" && e.opts.Embed == "" {
		embeds = func(m entry) bool { return m.Embeds && !namedMiniLM.MatchString(strings.ToLower(m.Name)) }
	}
	better := func(a, b entry) int {
		other := func(m entry) int {
			if isE5(m.Name) {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(other(a), other(b)), cmp.Compare(b.Size, a.Size))
	}
	m, err := e.pick(ctx, name, e.opts.Embed, embeds, better)
	if err != nil {
		return nil, Model{}, fmt.Errorf("model for vectors: %w", err)
	}
	return &embedder{engine: e, model: m, prefix: isE5(m.Name)}, m.Model, nil
}

func isE5(name string) bool { return namedE5.MatchString(strings.ToLower(name)) }

// Model is the digest of the model's GGUF.
func (v *embedder) Model() string { return v.model.ID() }

func (v *embedder) Embed(ctx context.Context, as rag.Role, texts []string) ([][]float32, error) {
	vectors := make([][]float32, 0, len(texts))
	for len(texts) > 0 {
		n := batch(texts)
		got, err := v.call(ctx, as, texts[:n])
		if err != nil {
			return nil, fmt.Errorf("embed with %s: %w", v.model.Name, err)
		}
		vectors = append(vectors, got...)
		texts = texts[n:]
	}
	return vectors, nil
}

// batch is how many of the texts go into the next call, at least one.
func batch(texts []string) int {
	size := 0
	for i, t := range texts {
		size += len(t)
		if i > 0 && (i == batchTexts || size > batchBytes) {
			return i
		}
	}
	return len(texts)
}

func (v *embedder) call(ctx context.Context, as rag.Role, texts []string) ([][]float32, error) {
	input := texts
	if v.prefix {
		input = make([]string, len(texts))
		for i, t := range texts {
			input[i] = string(as) + ": " + t
		}
	}
	if as == rag.RolePassage {
		v.engine.giveWay(ctx)
	}
	select {
	case v.engine.embedding <- struct{}{}:
		defer func() { <-v.engine.embedding }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	vectors, err := v.ask(limited, input)
	if err != nil {
		return nil, died(ctx, err)
	}
	if len(vectors) != len(texts) {
		return nil, fmt.Errorf("engine gave %d vectors for %d texts", len(vectors), len(texts))
	}
	for _, vector := range vectors {
		if err := v.check(vector); err != nil {
			return nil, err
		}
	}
	return vectors, nil
}

// ask calls the engine. For one text there is an older route, which reads the head of the model's file
// twice and not three times: a third less of what a question costs. It cuts no text and is gone one
// day; whatever it refuses goes the other way.
func (v *embedder) ask(ctx context.Context, input []string) ([][]float32, error) {
	options := v.engine.options()
	if len(input) == 1 {
		r, err := v.engine.client.Embeddings(ctx, &api.EmbeddingRequest{Model: v.model.Name, Prompt: input[0], Options: options})
		var refused api.StatusError
		if err == nil && len(r.Embedding) > 0 {
			vector := make([]float32, len(r.Embedding))
			for i, x := range r.Embedding {
				vector[i] = float32(x)
			}
			return [][]float32{vector}, nil
		}
		if err != nil && !errors.As(err, &refused) {
			return nil, err
		}
	}
	cut := true
	r, err := v.engine.client.Embed(ctx, &api.EmbedRequest{Model: v.model.Name, Input: input, Truncate: &cut, Options: options})
	if err != nil {
		return nil, err
	}
	return r.Embeddings, nil
}

// longestWay is how long the work in the background waits for answers to end.
const longestWay = time.Minute

// giveWay waits while an answer is being written: two models at once would both
// crawl. Answers without end do not stop it for good.
func (e *Engine) giveWay(ctx context.Context) {
	for began := time.Now(); e.answering.Load() > 0 && time.Since(began) < longestWay; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// check makes a vector's length 1 and refuses what is no direction, or of another
// dimension than the first vector of this embedder.
func (v *embedder) check(vector []float32) error {
	v.mu.Lock()
	if v.dimension == 0 {
		v.dimension = len(vector)
	}
	dimension := v.dimension
	v.mu.Unlock()
	if len(vector) != dimension || dimension == 0 {
		return fmt.Errorf("%w: %d, not %d", rag.ErrDimension, len(vector), dimension)
	}
	var sum float64
	for _, x := range vector {
		sum += float64(x) * float64(x)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return fmt.Errorf("engine gave a vector of length %v", math.Sqrt(sum))
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range vector {
		vector[i] *= scale
	}
	return nil
}
