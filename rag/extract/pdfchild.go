package extract

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/klippa-app/go-pdfium"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

const (
	wasmPages    = 4096      // of 64 KiB: 256 MiB for PDFium itself
	maxPiped     = 128 << 20 // bytes of a PDF that comes through a pipe
	maxPDF       = 1<<31 - 1 // bytes of any PDF: PDFium counts them so
	maxPageChars = 1 << 20   // characters on one page
)

// PDFChild is the body of the hidden command that Options.PDF names. It bounds
// its own memory and processor time, reads a PDF from in and writes its blocks
// to out. It is meant to be all that its process does: the limits stay.
//
// The command gets cacheDir, which may be "", as its last argument. What is wrong with the
// document is written to out; the error returned is about the process.
func PDFChild(in io.Reader, out io.Writer, cacheDir string) error {
	if err := limitChild(); err != nil {
		return err
	}
	debug.SetMemoryLimit(400 << 20)
	file, size, err := seekable(in)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	c := &pdfReader{w: json.NewEncoder(w)}
	err = c.run(file, size, cacheDir)
	if why, detail := c.failure(err); why != "" {
		err = c.w.Encode(frame{Failure: why, Detail: detail})
	}
	if err != nil {
		return err
	}
	return w.Flush()
}

// seekable returns in itself when it is a file, else its bytes.
func seekable(in io.Reader) (io.ReadSeeker, int64, error) {
	if f, ok := in.(io.ReadSeeker); ok {
		if size, err := f.Seek(0, io.SeekEnd); err == nil {
			_, err = f.Seek(0, io.SeekStart)
			return f, size, err
		}
	}
	data, err := io.ReadAll(io.LimitReader(in, maxPiped+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read the PDF: %w", err)
	}
	return bytes.NewReader(data), int64(len(data)), nil
}

// pdfReader reads one document with PDFium.
type pdfReader struct {
	w *json.Encoder
	pdfium.Pdfium
}

// failure tells which errors speak of the document.
func (c *pdfReader) failure(err error) (failure, string) {
	switch {
	case err == nil:
		return "", ""
	case errors.Is(err, pdferrors.ErrPassword), errors.Is(err, pdferrors.ErrSecurity):
		return failEncrypted, ""
	case errors.Is(err, pdferrors.ErrFormat), errors.Is(err, pdferrors.ErrFile):
		return failCorrupt, ""
	case errors.Is(err, ErrNoText):
		return failNoText, ""
	case errors.Is(err, ErrTooLarge):
		return failTooLarge, ""
	case errors.Is(err, ErrCorrupt):
		return failCorrupt, err.Error()
	}
	return "", ""
}

func (c *pdfReader) run(file io.ReadSeeker, size int64, cacheDir string) error {
	if _, piped := file.(*bytes.Reader); piped && size > maxPiped || size > maxPDF {
		return ErrTooLarge
	}
	var magic [1024]byte
	n, _ := io.ReadFull(file, magic[:])
	if !bytes.Contains(magic[:n], []byte("%PDF-")) {
		return ErrCorrupt
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	stop, err := c.start(cacheDir)
	if err != nil {
		return err
	}
	defer stop()
	doc, err := c.OpenDocument(&requests.OpenDocument{FileReader: file, FileReaderSize: size})
	if err != nil {
		return err
	}
	return c.document(doc.Document)
}

// start loads PDFium into a WebAssembly runtime without files, network or
// more memory than wasmPages.
func (c *pdfReader) start(cacheDir string) (stop func(), err error) {
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(wasmPages)
	if cacheDir != "" {
		if err := os.MkdirAll(cacheDir, 0o700); err != nil {
			return nil, fmt.Errorf("keep the compiled PDF reader: %w", err)
		}
		cache, err := wazero.NewCompilationCacheWithDir(cacheDir)
		if err != nil {
			return nil, fmt.Errorf("keep the compiled PDF reader: %w", err)
		}
		config = config.WithCompilationCache(cache)
	}
	ctx := experimental.WithCompilationWorkers(context.Background(), runtime.GOMAXPROCS(0))
	pool, err := webassembly.Init(webassembly.Config{
		Context: ctx, MinIdle: 1, MaxIdle: 1, MaxTotal: 1,
		RuntimeConfig: config, FSConfig: wazero.NewFSConfig(), Stdout: os.Stderr, Stderr: os.Stderr,
	})
	if err != nil {
		return nil, fmt.Errorf("start the PDF reader: %w", err)
	}
	c.Pdfium, err = pool.GetInstance(time.Minute)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("start the PDF reader: %w", err)
	}
	return func() { pool.Close() }, nil
}
