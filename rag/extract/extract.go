// Package extract turns a document file into clean text with its structure:
// headings, paragraphs, list items, table rows, quotes and code, each with
// its place in the file.
//
// It reads txt, md, html, pdf, epub, docx, odt, csv and jsonl, and the articles
// of ZIM archives. It does not split text into passages, guess a language or
// render anything, and it writes nothing but the compiled PDF reader into
// Options.CacheDir.
//
// Start with [Supported] and [File]; [Walk] does the same without holding the
// document in memory. [OpenLibrary] reads an archive article by article. PDFs
// are read by a child process whose body is [PDFChild].
//
// Files are hostile until proved otherwise. Memory, time, nesting and inflated
// bytes have limits, and a file that breaks one gives an error, never a panic.
package extract

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"time"
)

// Errors of [File] and [Walk], each wrapped with the name of the file. An
// error of the file system (not found, not allowed, a disk that fails) comes
// back as it is.
var (
	ErrUnsupported = errors.New("format not supported")
	ErrEncrypted   = errors.New("document is encrypted")
	ErrCorrupt     = errors.New("document is damaged")
	ErrTooLarge    = errors.New("document is larger than the limits allow")
	ErrTimeout     = errors.New("document took too long to read")
	ErrNoText      = errors.New("document has no text")
	ErrNoPDF       = errors.New("no command to read PDFs")
)

// Role says what a block is in its document.
type Role string

const (
	Heading   Role = "heading"
	Paragraph Role = "paragraph"
	Item      Role = "item"  // one entry of a list
	Row       Role = "row"   // one row of a table, one record of a csv or jsonl
	Code      Role = "code"  // keeps its line ends and indentation
	Quote     Role = "quote" // quoted from elsewhere
)

// Valid tells whether r is one of the roles above.
func (r Role) Valid() bool {
	switch r {
	case Heading, Paragraph, Item, Row, Code, Quote:
		return true
	}
	return false
}

// Block is the smallest piece of a document that stands on its own.
type Block struct {
	Role  Role   `json:"role"`
	Level int    `json:"level,omitempty"` // 1-6 for a heading, else 0
	Text  string `json:"text"`            // as [Clean] gives it; never empty
	Page  int    `json:"page,omitempty"`  // from 1 in a PDF, else 0

	// Start and End are the byte range [Start,End) in the file, for txt, md,
	// html, csv and jsonl; both are 0 otherwise. In a file that is not UTF-8
	// the range may be wider than the block.
	Start int64 `json:"start,omitempty"`
	End   int64 `json:"end,omitempty"`
}

// Document is what a file says.
type Document struct {
	Title  string // declared in the file, else its first heading of level 1, else ""
	Lang   string // BCP 47 tag declared in the file, or ""
	Format string // "txt", "md", "html", "pdf", "epub", "docx", "odt", "csv" or "jsonl"
	Pages  int    // pages of a PDF, else 0
	Blocks []Block

	// Warnings name the parts that could not be read, in English, at most
	// [MaxWarnings] of them. The rest of the document is in Blocks.
	Warnings []string
}

// MaxWarnings bounds Document.Warnings.
const MaxWarnings = 16

func (d *Document) warn(format string, args ...any) {
	if len(d.Warnings) < MaxWarnings {
		d.Warnings = append(d.Warnings, fmt.Sprintf(format, args...))
	}
}

// Options tune the reading of one file. The zero value reads everything but
// PDFs.
type Options struct {
	// PDF is the command that runs [PDFChild], such as
	// {"/proc/self/exe", "extract-pdf"}. It is started once for each PDF,
	// with CacheDir as one more argument, the file as standard input and
	// next to no environment. Empty: a PDF gives ErrNoPDF.
	PDF []string

	// CacheDir keeps the compiled PDF reader (about 20 MB) between children,
	// so that only the first one pays seconds for it. It holds machine code:
	// nobody else may write there. Empty: every child compiles.
	CacheDir string

	// MaxBytes bounds the text of one document, in bytes. 0 means 32 MiB.
	MaxBytes int64

	// Timeout bounds the time spent on one document. 0 means 2 minutes.
	Timeout time.Duration

	// Log may be nil.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 32 << 20
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// format returns the format a file name stands for, or "".
func format(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".txt", ".text":
		return "txt"
	case ".md", ".markdown":
		return "md"
	case ".html", ".htm", ".xhtml":
		return "html"
	case ".pdf":
		return "pdf"
	case ".epub":
		return "epub"
	case ".docx":
		return "docx"
	case ".odt":
		return "odt"
	case ".csv", ".tsv":
		return "csv"
	case ".jsonl", ".ndjson":
		return "jsonl"
	}
	return ""
}

// Supported tells, from its name alone, whether a file can be read here.
func Supported(name string) bool { return format(name) != "" }

// File reads the document called name in fsys, which may be an article of a
// ZIM archive: "books/plants.zim/Manioc", see [CutLibrary].
//
// It may be called by many goroutines at once; each PDF then has its own
// child. On an error the Document holds what is known besides the blocks.
// Errors: ErrUnsupported, ErrEncrypted, ErrCorrupt, ErrTooLarge, ErrTimeout,
// ErrNoText, ErrNoPDF, those of fsys, and the cause of an ended ctx.
func File(ctx context.Context, fsys fs.FS, name string, o Options) (Document, error) {
	var blocks []Block
	d, err := Walk(ctx, fsys, name, o, func(b Block) error {
		blocks = append(blocks, b)
		return nil
	})
	if err != nil {
		return d, err
	}
	d.Blocks = blocks
	return d, nil
}

// Walk is [File] for documents too large to hold: it calls yield with each
// block in reading order and returns the Document without them. It stops at
// the first error of yield and returns it wrapped. Blocks already yielded are
// good even when Walk ends with an error.
func Walk(ctx context.Context, fsys fs.FS, name string, o Options, yield func(Block) error) (Document, error) {
	return guard(ctx, name, o, yield, func(ctx context.Context, o Options, yield func(Block) error) (Document, error) {
		if library, inside, ok := CutLibrary(name); ok {
			return walkArticle(ctx, fsys, library, inside, o, yield)
		}
		return walk(ctx, fsys, name, o, yield)
	})
}
