package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"

	"savoirs/rag/gguf"
)

// ErrProbe: the engine took the model but cannot run it.
var ErrProbe = errors.New("the engine cannot run this model")

// A model is made under a name of its own, tried, and only then given its name: a
// model that fails never takes the place of one that works.
const trialTag = "savoirs-trial"

func trialOf(name string) string {
	n := model.ParseName(name)
	n.Tag = trialTag
	return n.DisplayShortest()
}

func isTrial(name string) bool { return strings.HasSuffix(name, ":"+trialTag) }

// chatML is how a chat is written for many models, the qwen2 family among them. The
// engine knows a template by its likeness to one of its own, and where none is alike
// gives the model the bare question, which it then continues instead of answering.
const chatML = `{{- if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}{{- range .Messages }}{{- if ne .Role "system" }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}{{- end }}<|im_start|>assistant
`

// Install makes a model of files in fsys and returns it once it has said a first
// word. Files are validated and hashed before the engine gets a byte of them. An
// adapter is put on the model here whose GGUF has the digest the recipe names.
// progress (nil: nobody asks) is told the bytes worked through: each file counts
// twice, once read and once sent.
//
// Installing what is there already only tries it again. When it fails, nothing
// that was there has changed and what it had made is gone; from an Ollama the bytes
// of the files go at its next start. Errors: ErrNoModel without an engine,
// ErrBadRecipe, ErrNotAdapter, *ErrWrongBase, ErrProbe, ErrEngineDied, and those
// of gguf.Check.
func (e *Engine) Install(ctx context.Context, fsys fs.FS, r Recipe, progress func(done, total int64)) (Model, error) {
	m, err := e.install(ctx, fsys, r, progress)
	if err != nil {
		return Model{}, fmt.Errorf("install %s: %w", r.Name, err)
	}
	return m, nil
}

func (e *Engine) install(ctx context.Context, fsys fs.FS, r Recipe, progress func(done, total int64)) (Model, error) {
	if e.client == nil {
		return Model{}, fmt.Errorf("%w: there is no engine", ErrNoModel)
	}
	e.installing.Lock()
	defer e.installing.Unlock()
	read := meter(fsys, r.Files, progress)
	p, err := e.plan(ctx, fsys, r, read)
	if err != nil {
		return Model{}, err
	}
	if p.installed {
		return p.as, e.Probe(ctx, r.Name)
	}
	sent, err := e.send(ctx, fsys, p.parts, read)
	if err == nil {
		err = e.make(ctx, r, p)
	}
	if err != nil {
		e.discard(context.WithoutCancel(ctx), trialOf(r.Name), sent)
		return Model{}, err
	}
	m, err := e.find(ctx, r.Name)
	return m.Model, err
}

// meter adds up what is read of the files, twice.
func meter(fsys fs.FS, files []string, progress func(done, total int64)) func(int) {
	if progress == nil {
		return func(int) {}
	}
	var done, total int64
	for _, p := range files {
		if st, err := fs.Stat(fsys, p); err == nil {
			total += 2 * st.Size()
		}
	}
	return func(n int) {
		done += int64(n)
		progress(min(done, total), total)
	}
}

// send gives the engine the files it does not have, and returns the digests of
// those it did not have.
func (e *Engine) send(ctx context.Context, fsys fs.FS, parts []part, read func(int)) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	var sent []string
	for _, p := range parts {
		there, err := e.hasBlob(ctx, p.digest)
		if err != nil {
			return sent, err
		}
		if there {
			read(int(p.size))
			continue
		}
		sent = append(sent, p.digest)
		if err := e.sendBlob(ctx, fsys, p, read); err != nil {
			return sent, fmt.Errorf("send %s to the engine: %w", p.path, died(ctx, err))
		}
	}
	return sent, nil
}

func (e *Engine) sendBlob(ctx context.Context, fsys fs.FS, p part, read func(int)) error {
	f, err := fsys.Open(p.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return e.client.CreateBlob(ctx, p.digest, counted(ctx, f, read))
}

func (e *Engine) hasBlob(ctx context.Context, digest string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, e.base.JoinPath("api/blobs", digest).String(), nil)
	if err != nil {
		return false, err
	}
	response, err := e.http.Do(request)
	if err != nil {
		return false, died(ctx, err)
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK, nil
}

// make creates the trial, tries it, and gives it its name.
func (e *Engine) make(ctx context.Context, r Recipe, p plan) error {
	trial := trialOf(r.Name)
	if err := e.create(ctx, trial, r, p); err != nil {
		return err
	}
	made, err := e.describe(ctx, trial)
	if err != nil {
		return err
	}
	if err := e.try(ctx, trial, made); err != nil {
		return err
	}
	brief, cancel := context.WithTimeout(ctx, briefTimeout)
	defer cancel()
	if err := e.client.Copy(brief, &api.CopyRequest{Source: trial, Destination: r.Name}); err != nil {
		return fmt.Errorf("name the model: %w", died(ctx, err))
	}
	if err := e.client.Delete(brief, &api.DeleteRequest{Model: trial}); err != nil {
		return fmt.Errorf("put away the trial: %w", died(ctx, err))
	}
	return nil
}

// speaksChatML tells whether a file is of a model that was trained on chatML: its
// own template says so, or it lost it and is of a family that was. Those that think
// aloud need more than this.
func speaksChatML(file gguf.Info) bool {
	if file.ChatTemplate == "" {
		return file.Architecture == "qwen2"
	}
	return strings.Contains(file.ChatTemplate, "<|im_start|>") && !strings.Contains(file.ChatTemplate, "think")
}

func (e *Engine) create(ctx context.Context, name string, r Recipe, p plan) error {
	request := &api.CreateRequest{Model: name, Template: r.Template, System: r.System, Parameters: r.Parameters}
	if r.Template == "" && !r.Adapter && speaksChatML(p.parts[0].info) {
		request.Template = chatML
	}
	files := map[string]string{}
	for _, part := range p.parts {
		files[part.name] = part.digest
	}
	if r.Adapter {
		request.From, request.Adapters = p.base.Name, files
	} else {
		request.Files = files
	}
	limited, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	made := false
	err := e.client.Create(limited, request, func(s api.ProgressResponse) error {
		made = made || s.Status == "success"
		return nil
	})
	if err == nil && !made {
		err = fmt.Errorf("%w: it did not say that the model is made", ErrEngineDied)
	}
	if err != nil {
		return fmt.Errorf("create the model: %w", died(ctx, err))
	}
	return nil
}

// describe asks about a model that entries may leave out.
func (e *Engine) describe(ctx context.Context, name string) (entry, error) {
	brief, cancel := context.WithTimeout(ctx, briefTimeout)
	defer cancel()
	show, err := e.client.Show(brief, &api.ShowRequest{Model: name})
	if err != nil {
		return entry{}, fmt.Errorf("look at model %s: %w", name, died(ctx, err))
	}
	if show.RemoteHost != "" || show.RemoteModel != "" {
		return entry{}, fmt.Errorf("model %s: %w", name, ErrRemoteModel)
	}
	return described(show)
}

// Probe has the model say one word, or make one vector: some models the engine
// accepts and cannot run. The error is ErrProbe with the engine's words,
// ErrNoModel or ErrRemoteModel.
func (e *Engine) Probe(ctx context.Context, name string) error {
	m, err := e.find(ctx, name)
	if err != nil {
		return err
	}
	return e.try(ctx, m.Name, m)
}

func (e *Engine) try(ctx context.Context, name string, m entry) error {
	m.Name = name
	var err error
	if m.Embeds {
		_, err = (&embedder{engine: e, model: m}).Embed(ctx, "query", []string{"un"})
	} else {
		options := e.options()
		options["num_predict"] = 1
		request := &api.ChatRequest{Model: name, Messages: []api.Message{{Role: "user", Content: "un"}}, Options: options}
		err = e.chat(ctx, request, func(string) error { return nil })
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrProbe, err)
	}
	return err
}

// Remove deletes a model and the files no other model uses. Removing what is not
// there is no error.
func (e *Engine) Remove(ctx context.Context, name string) error {
	if e.client == nil {
		return nil
	}
	brief, cancel := context.WithTimeout(ctx, briefTimeout)
	defer cancel()
	if err := e.client.Delete(brief, &api.DeleteRequest{Model: name}); err != nil && !notFound(err) {
		return fmt.Errorf("remove model %s: %w", name, died(ctx, err))
	}
	return nil
}

// discard takes back a trial and the files sent for it. The engine has no call to
// delete a file that no model uses; of the embedded one we know the folder.
func (e *Engine) discard(ctx context.Context, trial string, sent []string) {
	if err := e.Remove(ctx, trial); err != nil {
		e.log.Warn("a trial is left", "model", trial, "err", err)
	}
	if e.child == nil {
		return
	}
	for _, digest := range sent {
		blob := filepath.Join(e.child.modelsDir(), "blobs", strings.Replace(digest, ":", "-", 1))
		if err := os.Remove(blob); err != nil && !errors.Is(err, os.ErrNotExist) {
			e.log.Warn("a file is left", "file", blob, "err", err)
		}
	}
}
