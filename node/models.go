package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"savoirs/rag/engine"
	"savoirs/store/catalog"
)

// ErrNotModel says that an item holds no model and no adapter.
var ErrNotModel = errors.New("not a model nor an adapter")

// Model is a model the engine can run.
type Model struct {
	engine.Model
	Ref     string `json:"ref,omitempty"` // item it came from, when there is one
	Current bool   `json:"current"`       // used for answers or for vectors
}

// Models returns what the engine can run. Models that would send questions to
// another company's machines are left out.
func (n *Node) Models(ctx context.Context) ([]Model, error) {
	found, err := n.engine.Models(ctx)
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	items, err := n.items()
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for _, it := range items {
		if it.Here && isModel(it.Kind) {
			refs[Slug(it.Title)] = it.Ref
		}
	}
	current := map[string]bool{}
	if _, m, err := n.engine.Generator(ctx, n.chatModel()); err == nil {
		current[m.Name] = true
	}
	if _, m, err := n.engine.Embedder(ctx, n.embedModel()); err == nil {
		current[m.Name] = true
	}
	models := []Model{}
	for _, m := range found {
		models = append(models, Model{Model: m, Ref: refs[Slug(strings.TrimSuffix(m.Name, ":latest"))], Current: current[m.Name]})
	}
	return models, nil
}

// ImportOptions say how a GGUF file becomes a model or an adapter. Values of
// a card in the folder are used where these are empty.
type ImportOptions struct {
	Title    string `json:"title,omitempty"`
	Template string `json:"template,omitempty"`
	Licence  string `json:"licence,omitempty"`
	Base     string `json:"base,omitempty"` // of an adapter: digest or name of its base model
	InPlace  bool   `json:"in_place,omitempty"`
}

// ImportModel takes a GGUF file, or a folder with one and its card, into the
// private space and installs it in the engine: checked by our own validator,
// then made to generate one token before it is offered.
func (n *Node) ImportModel(ctx context.Context, path string, o ImportOptions, progress func(Progress)) (Model, error) {
	item, err := n.importItem(ctx, path, catalog.Model, o, progress)
	if err != nil {
		return Model{}, fmt.Errorf("import %s: %w", path, err)
	}
	m, err := n.install(ctx, item, o.Template, progress)
	if err != nil {
		return Model{}, fmt.Errorf("install %s: %w", path, err)
	}
	return n.modelNamed(ctx, m.Name)
}

// UseModel makes a model the one that answers, or the one that embeds if that
// is what it does. ref is an item here (installed first when it is not yet) or
// a name the engine knows.
func (n *Node) UseModel(ctx context.Context, ref string, progress func(Progress)) (Model, error) {
	m, err := n.modelFor(ctx, ref, progress)
	if err != nil {
		return Model{}, fmt.Errorf("use %q: %w", ref, err)
	}
	if err := n.choices.change(func(c *savedChoices) {
		if m.Embeds && !m.Chats {
			c.Embed = m.Name
		} else {
			c.Chat = m.Name
		}
	}); err != nil {
		return Model{}, err
	}
	n.embed.wanted.ring()
	return n.modelNamed(ctx, m.Name)
}

func (n *Node) modelFor(ctx context.Context, ref string, progress func(Progress)) (engine.Model, error) {
	item, _, err := n.findHere(ctx, ref)
	if err == nil && isModel(item.Kind) {
		return n.install(ctx, item, "", progress)
	}
	models, listErr := n.engine.Models(ctx)
	if listErr != nil {
		return engine.Model{}, listErr
	}
	for _, m := range models {
		if m.Name == ref || strings.TrimSuffix(m.Name, ":latest") == ref {
			return m, nil
		}
	}
	if err == nil {
		return engine.Model{}, ErrNotModel
	}
	return engine.Model{}, err
}

// install makes the engine able to run an item that is here.
func (n *Node) install(ctx context.Context, item Item, template string, progress func(Progress)) (engine.Model, error) {
	r, fsys, err := n.recipe(ctx, item)
	if err != nil {
		return engine.Model{}, err
	}
	r.Template = firstOf(template, r.Template)
	m, err := n.engine.Install(ctx, fsys, r, stage(progress, "install"))
	if err == nil {
		n.embed.wanted.ring()
	}
	return m, err
}

// importItem adds a GGUF file or folder as an item of a kind.
func (n *Node) importItem(ctx context.Context, path string, kind catalog.Kind, o ImportOptions, progress func(Progress)) (Item, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Item{}, err
	}
	info, err := os.Stat(abs)
	if err != nil {
		return Item{}, err
	}
	if !info.IsDir() && !strings.EqualFold(filepath.Ext(abs), ".gguf") {
		return Item{}, fmt.Errorf("%s: %w", filepath.Base(abs), ErrNotModel)
	}
	if o.Base, err = n.baseDigest(ctx, o.Base); err != nil {
		return Item{}, err
	}
	if card := (Card{Licence: o.Licence, Base: o.Base, Template: o.Template}); !o.InPlace && !info.IsDir() && !card.empty() {
		card.Kind, card.Title = string(kind), firstOf(o.Title, strings.TrimSuffix(filepath.Base(abs), filepath.Ext(abs)))
		dir, err := withCard(n.o.Dir, abs, card)
		if err != nil {
			return Item{}, err
		}
		defer os.RemoveAll(dir)
		abs = dir
	}
	return n.Add(ctx, abs, AddOptions{Title: o.Title, Kind: string(kind), InPlace: o.InPlace}, progress)
}

// baseDigest turns the name of a model that is here into its digest.
func (n *Node) baseDigest(ctx context.Context, base string) (string, error) {
	if base == "" || strings.HasPrefix(base, "sha256:") {
		return base, nil
	}
	m, err := n.modelNamed(ctx, base)
	return m.Digest, err
}

// withCard makes a folder in dir, to be removed by the caller, with the file
// and a card: what is said of a bare file must travel with it. The file is
// linked where that can be, else copied: it may lie on a stick.
func withCard(dir, file string, card Card) (string, error) {
	folder, err := os.MkdirTemp(dir, "import-*")
	if err != nil {
		return "", fmt.Errorf("make a card: %w", err)
	}
	into := filepath.Join(folder, filepath.Base(file))
	if err = os.Link(file, into); err != nil {
		err = copyFile(file, into)
	}
	if err == nil {
		err = card.write(filepath.Join(folder, CardFile))
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("make a card: %w", err), os.RemoveAll(folder))
	}
	return folder, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (n *Node) modelNamed(ctx context.Context, name string) (Model, error) {
	models, err := n.Models(ctx)
	if err != nil {
		return Model{}, err
	}
	for _, m := range models {
		if m.Name == name || strings.TrimSuffix(m.Name, ":latest") == name {
			return m, nil
		}
	}
	return Model{}, fmt.Errorf("model %q: %w", name, ErrNotFound)
}

// chatModel and embedModel are the names chosen by a person, else configured,
// else "" which lets the engine choose.
func (n *Node) chatModel() string  { return firstOf(n.choices.get().Chat, n.o.Chat) }
func (n *Node) embedModel() string { return firstOf(n.choices.get().Embed, n.o.Embed) }

func isModel(kind string) bool {
	return kind == string(catalog.Model) || kind == string(catalog.Adapter)
}
