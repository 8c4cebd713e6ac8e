package engine

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"
)

// A Model is one the engine can run on this machine.
type Model struct {
	Name       string `json:"name"`              // in the engine: "qwen2.5:0.5b"
	Digest     string `json:"digest"`            // "sha256:…" of its GGUF; with an adapter, of the base's GGUF
	Base       string `json:"base,omitempty"`    // of a model with an adapter, the digest of the base; else ""
	Adapter    string `json:"adapter,omitempty"` // digest of the adapter; "" without one
	Family     string `json:"family"`            // architecture: "llama", "qwen2", "bert"
	Parameters string `json:"parameters"`        // how many weights, as the engine says it: "630.17M"
	Size       int64  `json:"size"`              // bytes of its files
	Embeds     bool   `json:"embeds"`            // it makes vectors
	Chats      bool   `json:"chats"`             // it makes text
	Origin     string `json:"origin,omitempty"`  // the model it was made from, where the engine knows: "smollm2:latest"
}

// ID names what the model answers with: two models of one ID answer alike, on
// whatever machine. It is the digest, with the adapter's when there is one.
func (m Model) ID() string {
	if m.Adapter == "" {
		return m.Digest
	}
	return m.Digest + "+" + m.Adapter
}

// An entry is a model with what only this package asks.
type entry struct {
	Model
	weights int64 // how many
	thinks  bool  // it thinks aloud unless told not to
}

// Models lists what this machine can run, by name. Models that run elsewhere are
// left out, as is what has no GGUF to name it by. Without an engine the list is empty.
func (e *Engine) Models(ctx context.Context) ([]Model, error) {
	entries, err := e.entries(ctx)
	if err != nil {
		return nil, err
	}
	models := make([]Model, 0, len(entries))
	for _, m := range entries {
		models = append(models, m.Model)
	}
	return models, nil
}

func (e *Engine) entries(ctx context.Context) ([]entry, error) {
	if e.client == nil {
		return nil, nil
	}
	brief, cancel := context.WithTimeout(ctx, briefTimeout)
	defer cancel()
	list, err := e.client.List(brief)
	for e.child != nil && err != nil && brief.Err() == nil && !errors.Is(err, errClosed) {
		// It may have been killed a moment ago; a new one is dialled once it is there.
		time.Sleep(20 * time.Millisecond)
		list, err = e.client.List(brief)
	}
	if err != nil {
		return nil, fmt.Errorf("list models: %w", died(ctx, err))
	}
	var entries []entry
	for _, l := range list.Models {
		if l.RemoteHost != "" || l.RemoteModel != "" || isCloud(l.Name) || isTrial(l.Name) {
			continue
		}
		m, err := e.look(brief, l)
		switch {
		case err == nil:
			entries = append(entries, m)
		case errors.Is(err, ErrRemoteModel), errors.Is(err, errNoGGUF), notFound(err):
			e.log.Debug("model left out", "model", l.Name, "why", err)
		default:
			return nil, fmt.Errorf("look at model %s: %w", l.Name, died(ctx, err))
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, nil
}

var errNoGGUF = errors.New("no GGUF file")

// look asks the engine about one model. The answer is kept: a manifest digest
// stands for the same model for as long as this engine runs.
func (e *Engine) look(ctx context.Context, l api.ListModelResponse) (entry, error) {
	e.mu.Lock()
	m, ok := e.known[l.Digest]
	e.mu.Unlock()
	if !ok {
		show, err := e.client.Show(ctx, &api.ShowRequest{Model: l.Name})
		if err != nil {
			return entry{}, err
		}
		if show.RemoteHost != "" || show.RemoteModel != "" {
			return entry{}, ErrRemoteModel
		}
		if m, err = described(show); err != nil {
			return entry{}, err
		}
		e.mu.Lock()
		e.known[l.Digest] = m
		e.mu.Unlock()
	}
	m.Name, m.Size = strings.TrimSuffix(l.Name, ":latest"), l.Size
	return m, nil
}

// described reads the engine's description of a model; name and size are not in it.
func described(show *api.ShowResponse) (entry, error) {
	base, adapter := layers(show.Modelfile)
	if base == "" {
		return entry{}, errNoGGUF
	}
	m := entry{Model: Model{
		Digest:     base,
		Adapter:    adapter,
		Family:     show.Details.Family,
		Parameters: show.Details.ParameterSize,
		Embeds:     slices.Contains(show.Capabilities, model.CapabilityEmbedding),
		Chats:      slices.Contains(show.Capabilities, model.CapabilityCompletion),
	}}
	if adapter != "" {
		m.Base = base
	}
	if parent := model.ParseName(show.Details.ParentModel); parent.IsValid() {
		m.Origin = strings.TrimSuffix(parent.DisplayShortest(), ":latest")
	}
	if n, ok := show.ModelInfo["general.parameter_count"].(float64); ok {
		m.weights = int64(n)
	}
	m.thinks = slices.Contains(show.Capabilities, model.CapabilityThinking)
	return m, nil
}

var blobName = regexp.MustCompile(`^sha256[-:][0-9a-f]{64}$`)

// layers finds the digests of the GGUF and of the adapter in the Modelfile that
// the engine writes: they name the files its first lines point to. What comes
// after those lines, prompts and templates, is anyone's text and is not read.
func layers(modelfile string) (base, adapter string) {
	lines := bufio.NewScanner(strings.NewReader(modelfile))
	for lines.Scan() {
		word, file, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		blob := path.Base(strings.Trim(file, `"`))
		switch {
		case word == "" || word == "#" || strings.HasPrefix(word, "#"):
		case word == "FROM" && base == "" && blobName.MatchString(blob):
			base = "sha256:" + blob[len("sha256-"):]
		case word == "ADAPTER" && adapter == "" && blobName.MatchString(blob):
			adapter = "sha256:" + blob[len("sha256-"):]
		case word == "FROM" && base != "": // a projector
		default:
			return base, adapter
		}
	}
	return base, adapter
}

// isCloud tells by its name a model that Ollama runs on its own servers.
func isCloud(name string) bool {
	return strings.HasSuffix(name, "-cloud") || strings.HasSuffix(name, ":cloud")
}

// find returns the model of that name, where a missing tag is "latest".
func (e *Engine) find(ctx context.Context, name string) (entry, error) {
	if isCloud(name) {
		return entry{}, fmt.Errorf("model %s: %w", name, ErrRemoteModel)
	}
	entries, err := e.entries(ctx)
	if err != nil {
		return entry{}, err
	}
	wanted := model.ParseName(name)
	for _, m := range entries {
		if model.ParseName(m.Name).EqualFold(wanted) {
			return m, nil
		}
	}
	return entry{}, fmt.Errorf("model %q: %w", name, ErrNoModel)
}

// pick returns the named model; unnamed, the preferred one when it is there, else
// the first of those that serve, best first.
func (e *Engine) pick(ctx context.Context, name, preferred string, serves func(entry) bool, better func(a, b entry) int) (entry, error) {
	if name != "" {
		m, err := e.find(ctx, name)
		if err == nil && !serves(m) {
			err = fmt.Errorf("model %q is not of that kind: %w", name, ErrNoModel)
		}
		return m, err
	}
	if preferred != "" {
		m, err := e.find(ctx, preferred)
		if err == nil && serves(m) {
			return m, nil
		}
		e.log.Warn("the preferred model is not used", "model", preferred, "err", err)
	}
	entries, err := e.entries(ctx)
	if err != nil {
		return entry{}, err
	}
	entries = slices.DeleteFunc(entries, func(m entry) bool { return !serves(m) })
	if len(entries) == 0 {
		return entry{}, ErrNoModel
	}
	return slices.MinFunc(entries, better), nil
}

// memory is that of this machine in bytes, 0 when it is not known.
func memory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text)) // MemTotal: 16384 kB
	if len(fields) < 2 || fields[0] != "MemTotal:" {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[1], 10, 64)
	return kib << 10
}
