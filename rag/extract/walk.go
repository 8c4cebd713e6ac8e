package extract

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
)

// guard gives the reading of one document its time, and its errors the
// document's name.
func guard(ctx context.Context, name string, o Options, yield func(Block) error,
	read func(context.Context, Options, func(Block) error) (Document, error)) (d Document, err error) {
	o = o.withDefaults()
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, ErrTimeout)
	defer cancel()
	yielding := false
	defer func() {
		// A parser that panics on a hostile file must not end the node.
		if p := recover(); p != nil {
			if yielding {
				panic(p)
			}
			o.Log.Error("document reader panicked", "file", name, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
		if err != nil {
			err = fmt.Errorf("extract %s: %w", name, err)
		}
	}()
	return read(ctx, o, func(b Block) error {
		yielding = true
		err := yield(b)
		yielding = false
		return err
	})
}

func walk(ctx context.Context, fsys fs.FS, name string, o Options, yield func(Block) error) (Document, error) {
	d := Document{Format: format(name)}
	if d.Format == "" {
		return d, ErrUnsupported
	}
	f, err := fsys.Open(name)
	if err != nil {
		return d, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return d, err
	}
	if !info.Mode().IsRegular() {
		return d, fmt.Errorf("%w: not a regular file", ErrUnsupported)
	}
	out := newOutput(ctx, o, yield)
	in := &input{f: f, size: info.Size(), alive: out.alive}
	return settle(d, in, out, func(d *Document) error { return read(ctx, in, d, o, out) })
}

// settle reads a document and says what came of it.
func settle(d Document, in *input, out *output, read func(*Document) error) (Document, error) {
	err := read(&d)
	d.Title = oneLine(d.Title)
	d.Lang = langTag(d.Lang)
	if d.Title == "" {
		d.Title = out.title
	}
	switch {
	case out.err != nil: // the limit, the deadline or the caller
		return d, out.err
	case in.failure() != nil: // the disk, not the document
		return d, in.failure()
	case err != nil && !known(err):
		return d, fmt.Errorf("%w: %w", ErrCorrupt, err)
	case err != nil:
		return d, err
	case out.blocks == 0:
		return d, ErrNoText
	}
	return d, nil
}

// read calls the reader of the document's format. Whatever error of its own
// such a reader returns means that the document is damaged.
func read(ctx context.Context, in *input, d *Document, o Options, out *output) error {
	switch d.Format {
	case "pdf":
		return readPDF(ctx, in, d, o, out)
	case "epub", "docx", "odt":
		z, err := openArchive(in, 8*o.MaxBytes)
		if err != nil {
			return err
		}
		switch d.Format {
		case "epub":
			return readEPUB(z, d, out)
		case "docx":
			return readDOCX(z, d, out)
		}
		return readODT(z, d, out)
	}
	src, err := newSource(in, d.Format == "html")
	if err != nil {
		return err
	}
	switch d.Format {
	case "md":
		return readMarkdown(src, d, out)
	case "html":
		return readHTML(src, d, out, nil)
	case "csv":
		return readCSV(src, d, out)
	case "jsonl":
		return readJSONL(src, d, out)
	}
	return readText(src, d, out)
}

// known tells whether err already says what is wrong.
func known(err error) bool {
	for _, e := range []error{ErrUnsupported, ErrEncrypted, ErrCorrupt, ErrTooLarge, ErrTimeout, ErrNoText, ErrNoPDF,
		context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
