package extract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// frame is one line of JSON from the child. First comes one with Title, Lang
// and Pages, then one a page, last one with Done or Failure.
type frame struct {
	Title   string  `json:"title,omitempty"`
	Lang    string  `json:"lang,omitempty"`
	Pages   int     `json:"pages,omitempty"`
	Blocks  []Block `json:"blocks,omitempty"`
	Warning string  `json:"warning,omitempty"`
	Failure failure `json:"failure,omitempty"`
	Detail  string  `json:"detail,omitempty"`
	Done    bool    `json:"done,omitempty"`
}

// failure is how a sentinel error crosses the pipe.
type failure string

const (
	failEncrypted failure = "encrypted"
	failCorrupt   failure = "corrupt"
	failTooLarge  failure = "too large"
	failNoText    failure = "no text"
)

func (f failure) err() error {
	switch f {
	case failEncrypted:
		return ErrEncrypted
	case failTooLarge:
		return ErrTooLarge
	case failNoText:
		return ErrNoText
	}
	return ErrCorrupt
}

// maxPages bounds what a child may call a page number.
const maxPages = 100_000

// readPDF has a child process read the document: PDF readers can die of a
// hostile file in ways that nothing in this process could catch. The child
// gets the file as its standard input, never a path, and is killed when ctx
// ends; what it says is trusted no more than the file.
func readPDF(ctx context.Context, in *input, d *Document, o Options, out *output) error {
	if len(o.PDF) == 0 {
		return ErrNoPDF
	}
	// The kernel kills the child when the thread that started it ends, so
	// this goroutine keeps its thread until the child is gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := exec.CommandContext(ctx, o.PDF[0], append(o.PDF[1:len(o.PDF):len(o.PDF)], o.CacheDir)...)
	cmd.Env = childEnv()
	cmd.SysProcAttr = childAttr()
	cmd.WaitDelay = 2 * time.Second
	if f, ok := in.f.(*os.File); ok {
		cmd.Stdin = f // the child can seek in it, and need not hold it
	} else {
		cmd.Stdin = in
	}
	var said stderrHead
	cmd.Stderr = &said
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoPDF, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoPDF, err)
	}
	frames := &io.LimitedReader{R: pipe, N: 4*o.MaxBytes + 1<<20}
	err = readFrames(frames, d, out)
	ended := errors.Is(err, io.ErrUnexpectedEOF)
	if !ended || frames.N <= 0 {
		cmd.Process.Kill() // nothing it could still say matters
	}
	exit := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case frames.N <= 0:
		return fmt.Errorf("%w: the PDF reader says too much", ErrTooLarge)
	case !ended:
		return err
	case said.has("out of memory"), said.has("cannot allocate memory"), said.has("failed to allocate"):
		return fmt.Errorf("%w: it needs too much memory", ErrTooLarge)
	case exit != nil && strings.Contains(exit.Error(), "killed"): // by its own limit of processor time
		return ErrTimeout
	}
	o.Log.Debug("pdf reader died", "exit", exit, "stderr", said.String())
	return fmt.Errorf("the PDF reader stopped: %v", exit)
}

// readFrames reads what the child says, up to its last frame, and returns
// io.ErrUnexpectedEOF when that does not come.
func readFrames(r io.Reader, d *Document, out *output) error {
	dec := json.NewDecoder(r)
	for {
		var f frame
		if err := dec.Decode(&f); err == io.EOF {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
		if f.Pages > 0 {
			d.Title, d.Lang, d.Pages = f.Title, f.Lang, min(f.Pages, maxPages)
		}
		if f.Warning != "" {
			d.warn("%.200s", Clean(f.Warning))
		}
		for _, b := range f.Blocks {
			if !b.Role.Valid() || b.Page < 1 || b.Page > d.Pages {
				return errors.New("the PDF reader talks nonsense")
			}
			b.Start, b.End = 0, 0
			if err := out.add(b); err != nil {
				return err
			}
		}
		switch {
		case f.Failure != "" && f.Detail != "":
			return fmt.Errorf("%w: %.200s", f.Failure.err(), Clean(f.Detail))
		case f.Failure != "":
			return f.Failure.err()
		case f.Done:
			return nil
		}
	}
}

// childEnv passes on what a program needs to start, and no secrets.
func childEnv() []string {
	env := []string{"GOTRACEBACK=none"}
	for _, k := range []string{"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(k); ok {
			env = append(env, k+"="+v)
		}
	}
	return env
}

// stderrHead keeps the first bytes written to it: a program that dies says
// why before it shows its stacks.
type stderrHead struct{ buf []byte }

func (h *stderrHead) Write(p []byte) (int, error) {
	h.buf = append(h.buf, p[:min(len(p), 4096-len(h.buf))]...)
	return len(p), nil
}

func (h *stderrHead) has(s string) bool { return bytes.Contains(h.buf, []byte(s)) }
func (h *stderrHead) String() string    { return string(h.buf) }
