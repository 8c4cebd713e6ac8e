package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs/go-cid"

	"savoirs/rag"
	"savoirs/store"
	"savoirs/store/catalog"
)

// AddOptions say how a folder becomes an item. Zero values: titled by its card
// or its name, a dataset unless the card says otherwise, copied.
type AddOptions struct {
	Title   string `json:"title,omitempty"`
	Kind    string `json:"kind,omitempty"`
	InPlace bool   `json:"in_place,omitempty"` // refer to the person's files instead of copying them
}

// Add takes a folder or a file of this machine into the private space and
// indexes its documents. When it returns the content is durable and can be
// searched by its words; its vectors follow in the background. Adding the same
// content again returns the item that was there. Errors are the store's, and
// those of package zim for a file that should be an archive.
func (n *Node) Add(ctx context.Context, path string, o AddOptions, progress func(Progress)) (Item, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Item{}, fmt.Errorf("add %s: %w", path, err)
	}
	card, err := cardBeside(path)
	if err != nil {
		return Item{}, fmt.Errorf("add %s: %w", path, err)
	}
	title := firstOf(o.Title, card.Title, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	kind := firstOf(o.Kind, card.Kind, string(catalog.Dataset))
	if !catalog.Kind(kind).Valid() {
		return Item{}, fmt.Errorf("add %s: %w: %q", path, ErrKind, kind)
	}
	it, err := n.store.Add(ctx, path, store.AddOptions{
		Title: title, Kind: kind, Origin: path, InPlace: o.InPlace, Space: store.Private,
		Progress: stage(progress, "copy"),
	})
	if err != nil {
		return Item{}, err // it names the path
	}
	if it.Kept { // the same was here for others
		if err := n.store.Own(it.Root); err != nil {
			return Item{}, err
		}
	}
	report, err := n.index(ctx, it, progress)
	if err != nil {
		return Item{}, fmt.Errorf("index %s: %w", path, err)
	}
	item, err := n.itemByRoot(ctx, it.Root)
	item.Existed, item.Skipped = it.Existed, report.Skipped
	return item, err
}

// ErrKind says that an item is of no kind we know.
var ErrKind = errors.New("unknown kind of item")

// cardBeside reads the card of a folder or an archive that is not an item yet.
func cardBeside(path string) (Card, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Card{}, err
	}
	if !info.IsDir() {
		return libraryCard(path)
	}
	return readCard(os.DirFS(path))
}

// index makes the documents of a dataset searchable; other kinds have none.
func (n *Node) index(ctx context.Context, it store.Item, progress func(Progress)) (rag.Report, error) {
	if it.Kind != string(catalog.Dataset) {
		return rag.Report{}, nil
	}
	fsys, err := n.store.FS(it.Root)
	if err != nil {
		return rag.Report{}, err
	}
	count := func(done, total int) { stage(progress, "index")(int64(done), int64(total)) }
	report, err := n.indexes[it.Space].Add(ctx, it.Root.String(), it.Title, fsys, count)
	if err == nil {
		n.embed.wanted.ring()
	}
	return report, err
}

func (n *Node) itemByRoot(ctx context.Context, root cid.Cid) (Item, error) {
	it, _, err := n.find(ctx, root.String())
	return it, err
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" {
			return v
		}
	}
	return ""
}
