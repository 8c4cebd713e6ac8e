package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/ollama/ollama/types/model"

	"savoirs/rag/gguf"
)

// Compatibility is what Install would say, as far as it can be known without
// running the model.
type Compatibility struct {
	Refused   error  // why it would not be installed; nil when it would be tried
	Doubt     string // why the trial may fail; "" when nothing speaks against it
	Digest    string // of the file that would be installed
	Base      Model  // of an adapter: the model here it would be put on
	Installed bool   // a model of that name is already made of these files
}

// adapterFamilies are those the engine can put an adapter on, as of Ollama 0.17.
var adapterFamilies = []string{"gemma2", "llama", "qwen2"}

// Check says whether the files of a recipe can be installed here, and changes
// nothing. What is wrong with them is in Compatibility.Refused; the error is for
// not having been able to tell.
func (e *Engine) Check(ctx context.Context, fsys fs.FS, r Recipe) (Compatibility, error) {
	p, err := e.plan(ctx, fsys, r, func(int) {})
	c := Compatibility{Base: p.base.Model, Installed: p.installed}
	if len(p.parts) > 0 {
		c.Digest = p.parts[0].digest
	}
	var wrong *ErrWrongBase
	switch {
	case err == nil:
	case errors.As(err, &wrong), errors.Is(err, ErrBadRecipe), errors.Is(err, ErrNotAdapter), isMalformed(err):
		c.Refused = err
		return c, nil
	default:
		return c, fmt.Errorf("check %s: %w", r.Name, err)
	}
	if e.client == nil {
		c.Refused = fmt.Errorf("%w: there is no engine", ErrNoModel)
	} else if r.Adapter && !slices.Contains(adapterFamilies, p.base.Family) {
		c.Doubt = fmt.Sprintf("the engine is not known to run adapters on models of the family %s", p.base.Family)
	}
	return c, nil
}

// A plan is a recipe whose files are good and whose base is here.
type plan struct {
	parts     []part
	base      entry // of an adapter
	installed bool
	as        Model // when installed
}

func (e *Engine) plan(ctx context.Context, fsys fs.FS, r Recipe, read func(int)) (plan, error) {
	var p plan
	if err := r.valid(); err != nil {
		return p, err
	}
	entries, err := e.entries(ctx)
	if err != nil {
		return p, err
	}
	// The base first: it is known at once, and a large file need not be read to
	// learn that it cannot be used.
	if r.Adapter {
		if p.base, err = baseFor(r.Base, entries); err != nil {
			return p, err
		}
	}
	if p.parts, err = r.parts(ctx, fsys, read); err != nil {
		return p, err
	}
	if file := p.parts[0].info.Architecture; r.Adapter && file != "" && file != p.base.Family {
		return p, fmt.Errorf("%w: the adapter is for models of the family %s, and its base is of %s", ErrNotAdapter, file, p.base.Family)
	}
	wanted := model.ParseName(r.Name)
	for _, m := range entries {
		if model.ParseName(m.Name).EqualFold(wanted) && r.made(m.Model, p.parts) {
			p.installed, p.as = true, m.Model
		}
	}
	return p, nil
}

// baseFor finds the model an adapter was trained on, one without an adapter of its own.
func baseFor(digest string, entries []entry) (entry, error) {
	wrong := &ErrWrongBase{Want: digest}
	for _, m := range entries {
		if !m.Chats || m.Adapter != "" {
			continue
		}
		if m.Digest == digest {
			return m, nil
		}
		wrong.Have = append(wrong.Have, m.Model)
	}
	return entry{}, wrong
}

// made tells whether m is what the recipe makes of one GGUF. With a template, a
// system prompt or parameters of its own it is made again, which costs little.
func (r Recipe) made(m Model, parts []part) bool {
	if r.Template != "" || r.System != "" || len(r.Parameters) > 0 || len(parts) != 1 {
		return false
	}
	if r.Adapter {
		return m.Adapter == parts[0].digest && m.Base == r.Base
	}
	return m.Adapter == "" && m.Digest == parts[0].digest
}

func isMalformed(err error) bool {
	return errors.Is(err, gguf.ErrMalformed) || errors.Is(err, gguf.ErrNotGGUF) || errors.Is(err, gguf.ErrNotSafetensors)
}
