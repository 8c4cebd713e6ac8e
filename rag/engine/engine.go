// Package engine runs language and embedding models on this machine.
//
// It speaks to Ollama where one answers, else to the engine inside this same
// binary (build tag engine), which it starts as a child on a unix socket; else
// there is no engine, and everything that needs no model works all the same. It
// is not a model store and not a way out: items are installed from an fs.FS,
// identified by the digest of their GGUF, and nothing is ever asked of a model
// that runs on another company's machine.
//
// Start with Open, keep Run going, then ask for a Generator or an Embedder:
//
//	Open ──> ollama | embedded | none
//	Install: check file ─ digest ─ upload ─ create ─ one token ─> offered
//	Generator, Embedder: by name, or the best there is
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ollama/ollama/api"
)

// The kinds of engine, as Kind gives them.
const (
	KindOllama   = "ollama"
	KindEmbedded = "embedded"
	KindNone     = "none"
)

// Errors a caller can act upon.
var (
	// ErrNoModel: no engine, or none of its models fits what was asked.
	ErrNoModel = errors.New("no model")
	// ErrRemoteModel: the model runs on someone else's machine, so it is not used.
	ErrRemoteModel = errors.New("the model runs elsewhere, not on this machine")
	// ErrRemoteHost: the given Ollama is not on this machine or its local network.
	ErrRemoteHost = errors.New("the engine's address is not local")
	// ErrEngineDied: the engine, or the process that holds the model, ended during
	// the call or does not answer. An embedded engine is started again; the same
	// call may then succeed.
	ErrEngineDied = errors.New("the engine ended")
)

// Deadlines, for a small board that loads a model from a slow card.
const (
	askTimeout    = 2 * time.Second  // is an Ollama there?
	briefTimeout  = 30 * time.Second // list, show, delete, copy
	loadTimeout   = 10 * time.Minute // load a model, read the prompt, say the first word
	wordTimeout   = 2 * time.Minute  // from one word to the next
	createTimeout = 30 * time.Minute // upload and register the files of a model
)

// Options of Open. The zero value uses an Ollama at its usual address, if any.
type Options struct {
	// Host is the value of OLLAMA_HOST: host, host:port or URL. Empty is Ollama's
	// usual address, 127.0.0.1:11434; "none" asks no Ollama at all.
	Host string
	// Command starts the embedded engine, without the socket that is added to it:
	// {executable, "engine"}. Empty when this build has none.
	Command []string
	// Dir holds the models of the embedded engine and its socket.
	Dir string
	// Chat and Embed name the models preferred when none is named.
	Chat, Embed string
	// Log gets what happens, and at Debug what the engine says. nil discards.
	Log *slog.Logger
}

// An Engine is safe for concurrent use.
type Engine struct {
	kind   string
	opts   Options
	log    *slog.Logger
	base   *url.URL
	http   *http.Client
	client *api.Client // nil when there is no engine
	child  *child      // nil unless embedded

	installing sync.Mutex    // one model at a time
	embedding  chan struct{} // room for one: who is in line gets its turn between two batches
	answering  atomic.Int32  // answers being written

	mu    sync.Mutex       // guards known
	known map[string]entry // by Ollama's manifest digest
}

// Open picks the engine: the Ollama at Options.Host when it answers, else the
// embedded one, which it starts, else none, which is no error: Kind tells.
// The caller keeps Run going and calls Close.
func Open(ctx context.Context, o Options) (*Engine, error) {
	e := &Engine{kind: KindNone, opts: o, log: o.Log, embedding: make(chan struct{}, 1), known: map[string]entry{}}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if o.Host != "none" {
		if err := e.useOllama(ctx); err == nil {
			return e, nil
		} else if o.Host != "" {
			e.log.Warn("ollama is not used", "host", o.Host, "err", err)
		}
	}
	if len(o.Command) == 0 {
		e.log.Info("no engine: search works, answers are passages")
		return e, nil
	}
	if err := e.useEmbedded(ctx); err != nil {
		return nil, fmt.Errorf("start the embedded engine: %w", err)
	}
	return e, nil
}

func (e *Engine) useOllama(ctx context.Context) error {
	base, err := parseHost(e.opts.Host)
	if err != nil {
		return err
	}
	web := localClient()
	client := api.NewClient(base, web)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	version, err := client.Version(ctx)
	if err != nil {
		return err
	}
	e.kind, e.base, e.http, e.client = KindOllama, base, web, client
	e.log.Info("using ollama", "host", base.Host, "version", version)
	return nil
}

func (e *Engine) useEmbedded(ctx context.Context) error {
	c, err := newChild(e.opts.Command, e.opts.Dir, e.log)
	if err != nil {
		return err
	}
	if err := c.start(); err != nil {
		return errors.Join(err, c.close())
	}
	web := &http.Client{Transport: &http.Transport{DialContext: c.dial}, CheckRedirect: noRedirect}
	base := &url.URL{Scheme: "http", Host: "localhost"} // the engine accepts no other name on a socket
	client := api.NewClient(base, web)
	ctx, cancel := context.WithTimeout(ctx, briefTimeout)
	defer cancel()
	began := time.Now()
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-c.process.gone:
			cancel()
		case <-ctx.Done():
		}
	})
	_, err = client.Version(ctx)
	cancel()
	watching.Wait()
	if err != nil {
		return errors.Join(fmt.Errorf("%w: %s", err, c.words()), c.close())
	}
	e.kind, e.base, e.http, e.client, e.child = KindEmbedded, base, web, client, c
	e.log.Info("using the embedded engine", "ready", time.Since(began).Round(time.Millisecond))
	return nil
}

// options of a call. The threads of a model wait for one another by spinning,
// hundreds of times a word: where they are as many as the cores and anything else
// wants one, an answer takes twenty times as long. So one core is left to others.
// Every call says the same, because the engine loads a model anew for another number.
func (e *Engine) options() map[string]any {
	o := map[string]any{}
	if e.kind == KindEmbedded {
		o["num_thread"] = max(1, runtime.NumCPU()-1)
	}
	return o
}

// Kind is KindOllama, KindEmbedded or KindNone; it does not change.
func (e *Engine) Kind() string { return e.kind }

// Run keeps the embedded engine running until ctx ends: when it dies it is
// started again, after a pause that grows while it keeps dying. With another
// engine it only waits.
func (e *Engine) Run(ctx context.Context) error {
	if e.child != nil {
		return e.child.supervise(ctx)
	}
	<-ctx.Done()
	return nil
}

// Close ends the embedded engine with its models and waits for it. An Ollama is
// left alone. It may be called twice.
func (e *Engine) Close() error {
	if e.http != nil {
		e.http.CloseIdleConnections()
	}
	if e.child != nil {
		return e.child.close()
	}
	return nil
}
