package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"

	"golang.org/x/text/language"

	"savoirs/rag/zim"
)

// A Library is an open ZIM archive, of which the articles are documents. It may
// be used by many goroutines at once.
type Library struct {
	About

	name    string
	file    fs.File
	in      *input
	archive *zim.Archive
}

// About is what an archive says of itself, as [Clean] gives it, in one line
// each; all of it may be missing.
type About struct {
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Lang        string `json:"lang,omitempty"` // as in "fr", where there is one only
	Creator     string `json:"creator,omitempty"`
	Publisher   string `json:"publisher,omitempty"`
	Date        string `json:"date,omitempty"` // of its making
	Licence     string `json:"licence,omitempty"`
	Articles    int    `json:"articles,omitempty"` // by its own count
}

// maxAbout bounds each text of an About, in bytes.
const maxAbout = 1000

// IsLibrary tells, from its name alone, whether a file is an archive of
// articles.
func IsLibrary(name string) bool { return zim.IsArchive(name) }

// CutLibrary cuts the name of an article, "books/plants.zim/Manioc", into that
// of its archive and what it is called there. An old archive has its name
// space before it, "A/Manioc".
func CutLibrary(name string) (library, inside string, ok bool) {
	for at := 0; ; at++ {
		i := strings.IndexByte(name[at:], '/')
		if i < 0 {
			return "", "", false
		}
		if at += i; IsLibrary(name[:at]) {
			return name[:at], name[at+1:], true
		}
	}
}

// OpenLibrary opens the archive called name in fsys, which the caller closes.
// Errors: ErrCorrupt and ErrUnsupported, with what package zim says of it, and
// those of fsys.
func OpenLibrary(fsys fs.FS, name string) (*Library, error) {
	l, err := openLibrary(fsys, name)
	if err != nil {
		return nil, err
	}
	m, err := l.archive.About()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: metadata: %w", name, l.blame(err)), l.Close())
	}
	l.About = About{
		Title: short(m.Title), Description: short(m.Description), Creator: short(m.Creator), Publisher: short(m.Publisher),
		Date: short(m.Date), Licence: short(m.License), Lang: baseLanguage(m.Language), Articles: m.Articles,
	}
	return l, nil
}

// openLibrary is OpenLibrary without what the archive says of itself.
func openLibrary(fsys fs.FS, name string) (*Library, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	l := &Library{name: name, file: f}
	if err := l.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), f.Close())
	}
	return l, nil
}

func (l *Library) open() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	l.in = &input{f: l.file, size: info.Size(), alive: func() error { return nil }}
	at, err := l.in.readerAt()
	if err != nil {
		return err
	}
	l.archive, err = zim.Open(at, l.in.size)
	return l.blame(err)
}

func short(s string) string {
	s = s[:min(len(s), maxAbout)]
	return oneLine(strings.ToValidUTF8(s, ""))
}

// baseLanguage turns a code of ISO 639-3, "fra", into the one used elsewhere,
// "fr"; "" for several and for none.
func baseLanguage(code string) string {
	tag, err := language.Parse(code)
	if err != nil {
		return ""
	}
	base, _ := tag.Base()
	return langTag(base.String())
}

// Close releases the archive.
func (l *Library) Close() error { return l.file.Close() }

// blame gives an error of the archive the name it has here. What the disk said
// stays as it is.
func (l *Library) blame(err error) error {
	switch {
	case err == nil:
		return nil
	case l.in.failure() != nil:
		return err
	case errors.Is(err, zim.ErrNotFound):
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case errors.Is(err, zim.ErrUnsupported):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	case errors.Is(err, zim.ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// Verify compares the archive with the sum at its end, see
// [zim.Archive.Verify].
func (l *Library) Verify(ctx context.Context, progress func(done, total int64)) error {
	return l.blame(l.archive.Verify(ctx, progress))
}

// An Article is a document of an archive, under the name that [CutLibrary]
// takes.
type Article struct {
	Name string
	Document
}

// Articles reads the articles one after the other, in an order that opens each
// part of the archive once. One that cannot be read comes with its error, and
// the next one follows; those that hold next to nothing have ErrNoText. An
// error under the name of the archive tells of a part of it that cannot be
// read. They end early when ctx does.
func (l *Library) Articles(ctx context.Context, o Options) iter.Seq2[Article, error] {
	return func(yield func(Article, error) bool) {
		for a, err := range l.archive.Articles() {
			if ctx.Err() != nil {
				return
			}
			article := Article{Name: l.name}
			if a.Path != "" {
				article.Name += "/" + l.archive.Name(a.Entry)
			}
			if err != nil {
				err = fmt.Errorf("extract %s: %w", article.Name, l.blame(err))
			} else {
				article.Document, err = guard(ctx, article.Name, o, nil, func(ctx context.Context, o Options, _ func(Block) error) (Document, error) {
					return l.article(ctx, a, o)
				})
			}
			if !yield(article, err) {
				return
			}
		}
	}
}

// walkArticle is walk for an article of an archive; redirects are followed.
func walkArticle(ctx context.Context, fsys fs.FS, library, inside string, o Options, yield func(Block) error) (Document, error) {
	l, err := OpenLibrary(fsys, library)
	if err != nil {
		return Document{}, err
	}
	defer l.Close()
	a, err := l.find(inside)
	if err != nil {
		return Document{}, err
	}
	if !a.IsPage() {
		return Document{}, fmt.Errorf("%w: %s", ErrUnsupported, a.MIME)
	}
	d, err := l.article(ctx, a, o)
	for _, b := range d.Blocks {
		if err := yield(b); err != nil {
			return d, err
		}
	}
	d.Blocks = nil
	return d, err
}

// find returns the content of that name, that of the main page for none.
func (l *Library) find(inside string) (zim.Article, error) {
	open := func() (zim.Entry, error) {
		if inside == "" {
			return l.archive.MainPage()
		}
		e, err := l.archive.Find(inside)
		if err != nil {
			return e, err
		}
		return l.archive.Follow(e)
	}
	e, err := open()
	if err != nil {
		return zim.Article{}, l.blame(err)
	}
	content, err := l.archive.Blob(e)
	return zim.Article{Entry: e, Content: content}, l.blame(err)
}

// A LibraryFile is a file of an archive as it lies there, such as a page or one
// of its pictures.
type LibraryFile struct {
	*io.SectionReader
	Name string // what it is called in the archive, after redirects
	Type string // its media type

	library *Library
}

// Close releases the archive.
func (f LibraryFile) Close() error { return f.library.Close() }

// OpenInLibrary opens the file of that name, see [CutLibrary]; with nothing
// after the archive's name it is its main page. Redirects are followed. The
// caller closes it. Errors: fs.ErrNotExist and those of OpenLibrary.
func OpenInLibrary(fsys fs.FS, name string) (LibraryFile, error) {
	library, inside, ok := CutLibrary(name)
	if !ok {
		return LibraryFile{}, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	l, err := openLibrary(fsys, library)
	if err != nil {
		return LibraryFile{}, err
	}
	a, err := l.find(inside)
	if err != nil {
		return LibraryFile{}, errors.Join(fmt.Errorf("open %s: %w", name, err), l.Close())
	}
	return LibraryFile{SectionReader: a.Content, Name: l.archive.Name(a.Entry), Type: a.MIME, library: l}, nil
}

// article reads a page. Its blocks stay with it, as its end says what of them
// is worth keeping; the limits are those of any document.
func (l *Library) article(ctx context.Context, a zim.Article, o Options) (Document, error) {
	var blocks []Block
	out := newOutput(ctx, o, func(b Block) error {
		blocks = append(blocks, b)
		return nil
	})
	in := &input{f: articleFile{l.file, a.Content}, size: a.Content.Size(), alive: out.alive}
	d, err := settle(Document{Format: "html"}, in, out, func(d *Document) error {
		src, err := newSource(in, true)
		if err != nil {
			return err
		}
		return readHTML(src, d, out, ofWiki)
	})
	if l.Lang != "" { // pages of a kit often declare that of the kit
		d.Lang = l.Lang
	}
	if d.Title == "" {
		d.Title = oneLine(a.Title)
	}
	if err != nil {
		return d, l.blame(err)
	}
	if d.Blocks = prune(blocks); !enough(d.Blocks) {
		d.Blocks = nil
		return d, ErrNoText
	}
	return d, nil
}

// articleFile is a page of an archive as a file.
type articleFile struct {
	fs.File
	content io.Reader
}

func (f articleFile) Read(b []byte) (int, error) { return f.content.Read(b) }
