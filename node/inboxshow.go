package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"savoirs/rag/extract"
	"savoirs/store/catalog"
)

// WaitingDetail is what helps a person to say yes or no to an item of the inbox.
type WaitingDetail struct {
	Waiting
	Documents []Document     `json:"documents"`
	Excerpts  []Excerpt      `json:"excerpts"` // how some documents begin
	Card      string         `json:"card,omitempty"`
	Entry     *catalog.Entry `json:"entry,omitempty"` // what its author signed
	Path      string         `json:"path,omitempty"`  // folder of its files, which nobody checked for what they do
}

// Excerpt is how a document begins.
type Excerpt struct {
	Document string `json:"document"`
	Text     string `json:"text"`
}

const (
	maxExcerpts  = 5
	maxExcerpt   = 600              // bytes of each
	excerptTime  = 10 * time.Second // for all of them
	excerptTries = 20               // documents looked at
)

// InboxShow tells all that is known of an item that waits. Documents are read
// from its files and nothing of them is kept. Errors: ErrNotFound.
func (n *Node) InboxShow(ctx context.Context, ref string) (WaitingDetail, error) {
	w, root, err := n.findWaiting(ref)
	if err != nil {
		return WaitingDetail{}, fmt.Errorf("show what waits: %w", err)
	}
	d := WaitingDetail{Waiting: w, Documents: []Document{}, Excerpts: []Excerpt{}}
	entries, err := n.entriesOf(map[catalog.Short]int{catalog.ShortOf(root): 1})
	if err != nil {
		return d, fmt.Errorf("show %q: %w", w.Title, err)
	}
	for _, e := range entries[w.Root] {
		if e.Author.String() == w.Author {
			d.Entry, d.Card = &e, e.Card
		}
	}
	if w.Unfinished {
		return d, nil
	}
	if d.Conflicts, err = n.withConflicts(ctx, w.Item); err != nil {
		return d, fmt.Errorf("show %q: %w", w.Title, err)
	}
	fsys, err := n.store.FS(root)
	if err != nil {
		return d, fmt.Errorf("show %q: %w", w.Title, err)
	}
	if d.Documents, err = listDocuments(fsys); err != nil {
		return d, fmt.Errorf("show %q: %w", w.Title, err)
	}
	if card, err := readCard(fsys); err == nil {
		d.Card = firstOf(d.Card, card.Description)
		d.Lang, d.Licence, d.Base = firstOf(d.Lang, card.Lang), firstOf(d.Licence, card.Licence), firstOf(d.Base, card.Base)
	}
	d.Excerpts = n.excerpts(ctx, fsys, d.Documents)
	d.Path, err = n.store.Path(root)
	return d, err
}

// errEnough ends the reading of a document.
var errEnough = errors.New("enough")

// excerpts reads how some documents begin; those that cannot be read are passed
// over.
func (n *Node) excerpts(ctx context.Context, fsys fs.FS, docs []Document) []Excerpt {
	ctx, cancel := context.WithTimeout(ctx, excerptTime)
	defer cancel()
	all := []Excerpt{}
	tried := 0
	for _, d := range docs {
		if len(all) == maxExcerpts || tried == excerptTries || ctx.Err() != nil {
			break
		}
		if !extract.Supported(d.Path) || extract.IsLibrary(d.Path) || d.Path == CardFile {
			continue
		}
		tried++
		if text := n.begins(ctx, fsys, d.Path); text != "" {
			all = append(all, Excerpt{d.Path, text})
		}
	}
	return all
}

func (n *Node) begins(ctx context.Context, fsys fs.FS, name string) string {
	var b strings.Builder
	_, err := extract.Walk(ctx, fsys, name, n.extraction(), func(block extract.Block) error {
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(printable(block.Text))
		if b.Len() >= maxExcerpt {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		n.log.Debug("excerpt of what waits", "document", name, "err", err)
	}
	return shorten(strings.TrimSpace(b.String()), maxExcerpt)
}
