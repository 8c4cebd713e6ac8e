package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"savoirs/rag/extract"
	"savoirs/rag/zim"
)

// Library is an archive of articles in an item, and what it says of itself.
type Library struct {
	Path string `json:"path"` // in the item
	extract.About
}

// maxLibraries bounds how many archives of an item are opened to describe it.
const maxLibraries = 20

// libraries describes the archives among the documents of an item. Those that
// cannot be read are left out: reading the item said so.
func libraries(fsys fs.FS, docs []Document) (all []Library) {
	for _, d := range docs {
		if !extract.IsLibrary(d.Path) || len(all) == maxLibraries {
			continue
		}
		if about, err := aboutLibrary(fsys, d.Path); err == nil {
			all = append(all, Library{Path: d.Path, About: about})
		}
	}
	return all
}

func aboutLibrary(fsys fs.FS, name string) (extract.About, error) {
	l, err := extract.OpenLibrary(fsys, name)
	if err != nil {
		return extract.About{}, err
	}
	defer l.Close()
	return l.About, nil
}

// Article is a page of an archive, or something it shows, as it lies there.
type Article struct {
	io.ReadSeekCloser
	Document string // what it is called among the item's documents, after redirects
	Archive  string // that of its archive
	Type     string // its media type, as the archive says
}

// OpenArticle opens what lies in an archive of an item on this machine, such as
// "plants.zim/Manioc"; "plants.zim/" is its main page. ok is false for a name
// that leads into no archive. The caller closes it. Errors as for OpenPassage.
func (n *Node) OpenArticle(_ context.Context, root, name string, atHome bool) (a Article, ok bool, err error) {
	library, _, ok := extract.CutLibrary(name)
	if !ok {
		return Article{}, false, nil
	}
	_, files, err := n.openItem(root, atHome)
	if err != nil {
		return Article{}, true, fmt.Errorf("open %s of %s: %w", name, root, err)
	}
	f, err := extract.OpenInLibrary(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return Article{}, true, err
	}
	return Article{ReadSeekCloser: f, Document: library + "/" + f.Name, Archive: library, Type: f.Type}, true, nil
}

// libraryCard is the card of an archive that is not an item yet. Errors are
// those of package zim.
func libraryCard(path string) (Card, error) {
	if zim.IsPiece(path) {
		return Card{}, fmt.Errorf("open %s: %w", path, zim.ErrSplit)
	}
	if !extract.IsLibrary(path) {
		return Card{}, nil
	}
	about, err := aboutLibrary(os.DirFS(filepath.Dir(path)), filepath.Base(path))
	return cardOf(about), err
}

// onlyLibrary is the card of an item without one that is a single archive.
func onlyLibrary(fsys fs.FS) (Card, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil || len(entries) != 1 || !extract.IsLibrary(entries[0].Name()) {
		return Card{}, err
	}
	about, err := aboutLibrary(fsys, entries[0].Name())
	if errors.Is(err, extract.ErrCorrupt) || errors.Is(err, extract.ErrUnsupported) {
		return Card{}, nil // it is kept and travels as any file does
	}
	return cardOf(about), err
}

func cardOf(a extract.About) Card {
	return Card{Title: a.Title, Lang: a.Lang, Licence: a.Licence, Description: a.Description}
}
