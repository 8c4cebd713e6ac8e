package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/BurntSushi/toml"

	"savoirs/rag/engine"
)

// CardFile is the file at the root of an item that describes it.
const CardFile = "card.toml"

const maxCard = 64 << 10

// Card describes an item in its own folder, in a file people can edit. All
// fields are optional; unknown ones are left for newer versions.
type Card struct {
	Kind        string `toml:"kind,omitempty"` // dataset, model, adapter
	Title       string `toml:"title,omitempty"`
	Lang        string `toml:"lang,omitempty"`
	Licence     string `toml:"licence,omitempty"`
	Description string `toml:"description,omitempty"`

	// For models and adapters.
	Name       string         `toml:"name,omitempty"`  // engine's name, default from the title
	Base       string         `toml:"base,omitempty"`  // sha256:… of the GGUF an adapter was trained on
	Files      []string       `toml:"files,omitempty"` // default: the item's .gguf files
	Template   string         `toml:"template,omitempty"`
	System     string         `toml:"system,omitempty"`
	Parameters map[string]any `toml:"parameters,omitempty"`
}

// ErrCard says that an item's card cannot be read; the item itself is fine.
var ErrCard = errors.New("unreadable card")

// readCard returns the card of an item. One that has none and is a single
// archive is described by that; else the card is zero.
func readCard(fsys fs.FS) (Card, error) {
	f, err := fsys.Open(CardFile)
	if errors.Is(err, fs.ErrNotExist) {
		return onlyLibrary(fsys)
	}
	if err != nil {
		return Card{}, fmt.Errorf("open the card: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCard+1))
	if err != nil {
		return Card{}, fmt.Errorf("read the card: %w", err)
	}
	if len(b) > maxCard {
		return Card{}, fmt.Errorf("%w: more than %d bytes", ErrCard, maxCard)
	}
	var c Card
	if err := toml.Unmarshal(b, &c); err != nil {
		return Card{}, fmt.Errorf("%w: %w", ErrCard, err)
	}
	return c, nil
}

// recipe is how the engine makes a model or an adapter of an item.
func (c Card) recipe(fsys fs.FS, title string, adapter bool) (engine.Recipe, error) {
	r := engine.Recipe{
		Name: c.Name, Files: c.Files, Adapter: adapter, Base: c.Base,
		Template: c.Template, System: c.System, Parameters: c.Parameters,
	}
	if r.Name == "" {
		r.Name = Slug(title)
	}
	if len(r.Files) > 0 {
		return r, nil
	}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return r, fmt.Errorf("read the item: %w", err)
	}
	for _, e := range entries {
		if strings.EqualFold(path.Ext(e.Name()), ".gguf") {
			r.Files = append(r.Files, e.Name())
		}
	}
	if len(r.Files) == 0 {
		return r, fmt.Errorf("%q holds no .gguf file: %w", title, ErrNotModel)
	}
	return r, nil
}

func (c Card) empty() bool { return c.Licence == "" && c.Base == "" && c.Template == "" }

func (c Card) write(path string) error {
	b, err := toml.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}
